package kql

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

const fence = "```"

// isStringStart reports whether a string literal starts here: a quote, with @
// for verbatim and h for hidden from logs before it, or ```.
func isStringStart(s string) bool {
	s = strings.TrimPrefix(trimHidden(s), "@")
	return s != "" && (s[0] == '"' || s[0] == '\'' || strings.HasPrefix(s, fence))
}

func trimHidden(s string) string {
	if s[0] == 'h' || s[0] == 'H' {
		return s[1:]
	}
	return s
}

// str reads a string literal; what is wrong in it is reported at its place.
func (s *scanner) str(rest string) {
	body := trimHidden(rest)
	verbatim := body[0] == '@'
	body = strings.TrimPrefix(body, "@")
	start := len(rest) - len(body)
	if strings.HasPrefix(body, fence) {
		end := strings.Index(body[len(fence):], fence)
		if end < 0 {
			s.bad(0, start+len(fence), "write ``` at its end", "the string that starts here is not closed")
			s.emit(tokenString, len(rest))
			return
		}
		s.emit(tokenString, start+end+2*len(fence))
		return
	}
	if s.repair && s.repaired(rest, start, body, verbatim) {
		return
	}
	quote := body[0]
	for i := 1; i < len(body); {
		switch c := body[i]; {
		case c == quote && verbatim && i+1 < len(body) && body[i+1] == quote:
			i += 2
		case c == quote:
			s.emit(tokenString, start+i+1)
			return
		case c == '\n' || c == '\r':
			s.unclosed(start, i, verbatim)
			return
		case c == '\\' && !verbatim:
			n, r := unescape(body[i:])
			if n == 0 {
				n = s.badEscape(start, body, i)
			} else if utf16.IsSurrogate(r) {
				n, _ = unescapePair(body[i:])
				if n == 0 {
					n, _ = unescape(body[i:])
					s.bad(start+i, n, `write the character itself, or both halves, as in \ud83d\ude00`, "%s is half of a surrogate pair", body[i:i+n])
				}
			}
			i += n
		default:
			i++
		}
	}
	s.unclosed(start, len(body), verbatim)
}

// unclosed reports a string whose line ends before it does.
func (s *scanner) unclosed(start, length int, verbatim bool) {
	hint := `a backslash before the closing quote escapes it: write @"..." for text that ends in a backslash`
	if verbatim {
		hint = `inside @"..." a quote is written twice`
	}
	s.bad(0, start+length, hint, "the string that starts here is not closed on its line")
	s.emit(tokenString, start+length)
}

// badEscape reports the escape at body[i] and returns how much of it to skip.
func (s *scanner) badEscape(start int, body string, i int) int {
	const hint = `write the string as @"...", where a backslash is a backslash, or double each backslash`
	if i+1 == len(body) || body[i+1] == '\n' || body[i+1] == '\r' {
		return 1 // the string is not closed; that is reported instead
	}
	r, n := utf8.DecodeRuneInString(body[i+1:])
	switch r {
	case 'x':
		s.bad(start+i, 1+n, hint, `\x needs two hexadecimal digits after it`)
	case 'u':
		s.bad(start+i, 1+n, hint, `\u needs four hexadecimal digits after it`)
	case 'U':
		s.bad(start+i, 1+n, hint, `\U needs eight hexadecimal digits after it`)
	default:
		s.bad(start+i, 1+n, hint, `Kusto has no escape \%c`, r)
	}
	return 1 + n
}

// unescape reads the escape at the start of s: its length in bytes, 0 where
// Kusto has no such escape, and the UTF-16 unit or the character it stands for.
func unescape(s string) (n int, r rune) {
	if len(s) < 2 || s[0] != '\\' {
		return 0, 0
	}
	switch c := s[1]; c {
	case '\\', '"', '\'':
		return 2, rune(c)
	case 't':
		return 2, '\t'
	case 'n':
		return 2, '\n'
	case 'r':
		return 2, '\r'
	case 'a':
		return 2, '\a'
	case 'b':
		return 2, '\b'
	case 'f':
		return 2, '\f'
	case 'v':
		return 2, '\v'
	case 'x':
		return hexEscape(s, 2)
	case 'u':
		return hexEscape(s, 4)
	case 'U':
		return hexEscape(s, 8)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return octalEscape(s)
	}
	return 0, 0
}

// unescapePair reads two escapes that are the halves of one character; n is 0
// where they are not.
func unescapePair(s string) (n int, r rune) {
	n1, high := unescape(s)
	n2, low := unescape(s[n1:])
	r = utf16.DecodeRune(high, low)
	if n2 == 0 || r == utf8.RuneError {
		return 0, 0
	}
	return n1 + n2, r
}

func hexEscape(s string, digits int) (n int, r rune) {
	if len(s) < 2+digits {
		return 0, 0
	}
	for _, c := range []byte(s[2 : 2+digits]) {
		if !isHexDigit(c) {
			return 0, 0
		}
		r = r<<4 | rune(strings.IndexByte(hexDigits, c|0x20))
	}
	if r < 0 || r > utf8.MaxRune {
		return 0, 0
	}
	return 2 + digits, r
}

// octalEscape reads a backslash and up to three octal digits.
func octalEscape(s string) (n int, r rune) {
	n = 1
	for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
		r = r<<3 | rune(s[n]-'0')
		n++
	}
	return n, r
}

// isValid reports whether the rest of the line consists of tokens as it is. A
// line that does is never read in another way.
func (s *scanner) isValid(line string) bool {
	end := s.pos.Offset + len(line)
	switch {
	case end <= s.valid:
		return true
	case end <= s.broken:
		return false
	}
	strict := scanner{text: line, pos: lexer.Position{Line: 1, Column: 1}, prev: s.prev}
	for strict.pos.Offset < len(line) && len(strict.diags) == 0 {
		strict.next()
	}
	if len(strict.diags) == 0 {
		s.valid = end
		return true
	}
	s.broken = end
	return false
}

// repaired reads a string as its author must have meant it, where Kusto reads
// something else or nothing: one with an escape that does not exist, or one that
// ends in a single backslash. It is false where nothing needs repair.
func (s *scanner) repaired(rest string, start int, body string, verbatim bool) bool {
	line := body
	if end := strings.IndexAny(body, "\r\n"); end >= 0 {
		line = body[:end]
	}
	if s.isValid(rest[:start+len(line)]) {
		return false
	}
	end, escapedQuote := stringEnd(line, verbatim, false)
	bad := 0
	if end > 0 {
		bad = badEscapeAt(line[:end], verbatim)
	}
	if end > 0 && bad == 0 && !(escapedQuote && !followsString(line[end:], verbatim)) {
		return false
	}
	if end < 0 || escapedQuote {
		if end, _ = stringEnd(line, verbatim, true); end < 0 {
			return false
		}
	}
	token := start + end
	at := advance(s.pos, s.text[s.pos.Offset:s.pos.Offset+start+badEscapeAt(line[:end], verbatim)])
	to := advance(s.pos, s.text[s.pos.Offset:s.pos.Offset+token])
	message := "Kusto refuses this string, for a backslash in it means something else there; each one is taken for a backslash here"
	hint := `Write @"...", where a backslash is one.`
	if verbatim {
		message, hint = "Kusto ends this string at the quote in it; the quote is taken for a part of the text here", `Inside @"..." a quote is written twice.`
	}
	s.diags.Warnf(codeRepaired, diag.Span{Pos: diag.Pos(at), EndPos: diag.Pos(to)}, hint, "%s", message)
	s.emit(tokenString, token)
	return true
}

// stringEnd is the length of the string at the start of the line, or -1; with
// repair a quote after a backslash is its end if what follows may follow a
// string, and in a verbatim string is a part of it if not. escaped reports
// whether there is a quote after a backslash.
func stringEnd(line string, verbatim, repair bool) (end int, escaped bool) {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == quote && !(verbatim && i+2 < len(line) && line[i+2] == quote):
			escaped = true
			ends := verbatim
			if repair {
				ends = followsString(line[i+2:], verbatim)
			}
			if ends {
				return i + 2, true
			}
			i++
		case line[i] == '\\' && !verbatim:
			i++
		case line[i] == quote && verbatim && i+1 < len(line) && line[i+1] == quote:
			i++
		case line[i] == quote:
			return i + 1, escaped
		}
	}
	return -1, escaped
}

// followsString reports whether the rest of a line may stand after a string. In
// one with @, which is a regular expression then, a bracket is taken for a part
// of it.
func followsString(rest string, verbatim bool) bool {
	after := strings.TrimLeft(rest, " \t")
	if after == "" || strings.IndexByte(",);|", after[0]) >= 0 || !verbatim && strings.IndexByte("]}:", after[0]) >= 0 || strings.HasPrefix(after, "//") {
		return true
	}
	return len(after) < len(rest) && (isIdentByte(after[0], true) || strings.IndexByte("=!<>+-*", after[0]) >= 0)
}

// badEscapeAt is where the first escape stands that Kusto does not have, or 0.
func badEscapeAt(literal string, verbatim bool) int {
	if verbatim {
		return 0
	}
	for i := 1; i < len(literal)-1; {
		if literal[i] != '\\' {
			i++
			continue
		}
		n, _ := unescape(literal[i : len(literal)-1])
		if n == 0 {
			return i
		}
		i += n
	}
	return 0
}

// hasBadEscape reports whether there is an escape that Kusto does not have in
// the text of a string.
func hasBadEscape(body string) bool {
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			i++
			continue
		}
		n, _ := unescape(body[i:])
		if n == 0 {
			return true
		}
		i += n
	}
	return false
}

// unquote returns the text of a string literal that the scanner has accepted.
func unquote(literal string) string {
	body := trimHidden(literal)
	if body[0] == '@' {
		quote := body[1:2]
		return strings.ReplaceAll(body[2:len(body)-1], quote+quote, quote)
	}
	if strings.HasPrefix(body, fence) {
		return body[len(fence) : len(body)-len(fence)]
	}
	body = body[1 : len(body)-1]
	first := strings.IndexByte(body, '\\')
	if first < 0 {
		return body
	}
	author := hasBadEscape(body)
	out := make([]byte, first, len(body))
	copy(out, body)
	for i := first; i < len(body); {
		if body[i] != '\\' {
			out = append(out, body[i])
			i++
			continue
		}
		n, r := unescape(body[i:])
		if utf16.IsSurrogate(r) {
			n, r = unescapePair(body[i:])
		}
		if author && !(n == 2 && strings.IndexByte(`\"'`, body[i+1]) >= 0) {
			n, r = 1, '\\'
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out)
}
