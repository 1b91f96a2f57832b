package spl

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// InexpressibleError says why a text cannot be written in SPL.
type InexpressibleError struct {
	Text   string
	Offset int    // where in Text, in bytes
	Reason string // "it holds ..."
}

func (e *InexpressibleError) Error() string {
	return "the text " + strconv.Quote(e.Text) + " cannot be written in SPL: " + e.Reason
}

// Expressible reports whether a text can be written as a string of eval and
// where, as a regular expression or as the value of an option; the error is an
// *InexpressibleError.
func Expressible(value string) error {
	if e := inexpressible(value); e != nil {
		return e
	}
	return nil
}

// ExpressibleSearch reports whether a text can be written as the value of a
// search expression: as Expressible, and without *.
func ExpressibleSearch(value string) error {
	if e := inexpressible(value); e != nil {
		return e
	}
	if i := strings.IndexByte(value, '*'); i >= 0 {
		return &InexpressibleError{value, i, "it holds *, which is always a wildcard in a search expression"}
	}
	return nil
}

// ExpressibleName reports whether a text can be the name of a field. Splunk
// documents no escape inside '...', and commands differ in how they read a
// backslash in a name, so quotes, backticks and backslashes are refused.
func ExpressibleName(name string) error {
	if e := badName(name, false); e != nil {
		return e
	}
	return nil
}

func inexpressible(s string) *InexpressibleError {
	ticks := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '`' {
			if ticks++; ticks == 3 {
				return &InexpressibleError{s, i - 2, "it holds three backticks in a row, which open a comment"}
			}
			continue
		}
		ticks = 0
		if c < ' ' || c == 0x7f {
			return controlError(s, i, rune(c))
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return &InexpressibleError{s, i, "it is not valid UTF-8"}
			}
			if unicode.IsControl(r) {
				return controlError(s, i, r)
			}
			i += n - 1
		}
	}
	return nil
}

func controlError(s string, i int, r rune) *InexpressibleError {
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return &InexpressibleError{s, i, "it holds the control character U+" + strings.Repeat("0", 4-len(hex)) + hex}
}

// badName checks a field name; star allows a wildcard in it.
func badName(s string, star bool) *InexpressibleError {
	if s == "" {
		return &InexpressibleError{s, 0, "a field name cannot be empty"}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*' && star:
		case c == '"', c == '\'', c == '`', c == '\\', c == '*':
			return &InexpressibleError{s, i, "a field name cannot hold " + string(rune(c))}
		}
	}
	return inexpressible(s)
}

// Classes of bytes that print without quotes.
const (
	inIdent  = 1 << iota // eval names, names of functions and options
	inName               // field names outside eval
	inOption             // values of options
	inTerm               // bare words of a search
	inDigit
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = inIdent | inName | inOption | inTerm | inDigit
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			t[c] = inIdent | inName | inOption | inTerm
		}
	}
	for _, c := range "." {
		t[c] = inName | inOption | inTerm
	}
	for _, c := range ":{}@" {
		t[c] |= inName
	}
	for _, c := range ":/@-" {
		t[c] |= inTerm
	}
	t['-'] |= inOption
	return t
}()

func all(s string, mask uint8) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&mask == 0 {
			return false
		}
	}
	return s != ""
}

func isIdent(s string) bool { return all(s, inIdent) && class[s[0]]&inDigit == 0 }

// isNumber accepts -?digits(.digits)?, the numbers that print bare.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, dot := strings.Cut(s, ".")
	return all(whole, inDigit) && (!dot || all(frac, inDigit))
}

// isModel accepts the names of data models and their datasets.
func isModel(s string) bool { return all(s, inName) && !strings.ContainsAny(s, "{}@:") }

// aggName accepts the names of aggregate functions: count, p95, exactperc99.9.
func aggName(s string) bool {
	return isModel(s) && class[s[0]]&inDigit == 0 && !reserved(s) && s == strings.ToLower(s)
}

// reserved words need quotes where a name or a bare word could be taken for
// them. One list for every context: too many quotes do no harm.
func reserved(s string) bool {
	if len(s) > 9 {
		return false
	}
	var buf [9]byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(s)]) {
	case "and", "or", "not", "xor", "in", "like", "as", "by", "groupby", "where", "from", "search", "eval", "true", "false", "null", "term", "case", "sortby", "output", "outputnew":
		return true
	}
	return false
}

// quote appends a string between double quotes: every backslash doubled.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	b = escape(b, s)
	return append(b, '"')
}

func escape(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}

// quoteReplacement appends what replace() puts in the place of a match. The
// backslash of \1 and its kin stays single, as Splunk documents it; "\\1"
// would be read the same, or as a backslash and a digit, by how often Splunk
// takes backslashes off.
func quoteReplacement(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		group := s[i] == '\\' && i+1 < len(s) && class[s[i+1]]&inDigit != 0
		if c := s[i]; (c == '"' || c == '\\') && !group {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// quoteRegex appends a regular expression between double quotes. A backslash
// with an ordinary character after it stays single, as authors write it and
// Splunk documents it; \\ becomes \\\\. Inside \Q..\E a backslash is an
// ordinary character of which the string level could make something else, so
// a pattern with \Q has all its backslashes doubled.
func quoteRegex(b []byte, s string) []byte {
	if strings.Contains(s, `\Q`) {
		return quote(b, s)
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			b = append(b, '\\', '"')
		case c != '\\':
			b = append(b, c)
		case i+1 == len(s):
			b = append(b, `\\`...)
		case s[i+1] == '\\':
			b = append(b, `\\\\`...)
			i++
		case s[i+1] == '"':
			b = append(b, `\\\"`...)
			i++
		default:
			b = append(b, '\\', s[i+1])
			i++
		}
	}
	return append(b, '"')
}

// regexArg reports whether argument i of an eval function is a regular
// expression.
func regexArg(name string, i int) bool {
	if i != 1 {
		return false
	}
	switch name {
	case "match", "replace", "mvfind":
		return true
	}
	return false
}

// lookupTable accepts the names of lookup files and definitions.
func lookupTable(s string) bool { return all(s, inName|inOption) && s[0] != '-' && !reserved(s) }

func macroName(s string) bool {
	return all(s, inTerm) && !strings.ContainsAny(s, "/@") && s[0] != '-'
}

// badMacroArg checks one raw argument of a macro: it ends at a comma outside
// quotes, and a quote in it has to be closed.
func badMacroArg(s string) error {
	if e := inexpressible(s); e != nil {
		return e
	}
	if trim(s) != s {
		return &InexpressibleError{s, 0, "the argument of a macro cannot begin or end with a space"}
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '`':
			return &InexpressibleError{s, i, "the argument of a macro cannot hold a backtick"}
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return &InexpressibleError{s, i, "it holds a comma outside quotes, which ends the argument of a macro"}
		}
	}
	if quoted {
		return &InexpressibleError{s, len(s), "it has a quote that is not closed"}
	}
	return nil
}

// badUnknown checks that the raw text of a command stays one command.
func badUnknown(c *Unknown) *InexpressibleError {
	macro := len(c.Name) > 2 && c.Name[0] == '`' && c.Name[len(c.Name)-1] == '`'
	if !macro && (!all(c.Name, inTerm) || c.Name != strings.ToLower(c.Name)) ||
		macro && (inexpressible(c.Name) != nil || strings.Count(c.Name, "`") != 2) {
		return &InexpressibleError{c.Name, 0, "it does not begin with the name of a command"}
	}
	s := c.Raw
	if trim(s) != s {
		return &InexpressibleError{s, 0, "the text of a command cannot begin or end with a space"}
	}
	// Even an escaped one, and within quotes: a conf file takes it for a
	// continuation.
	for i := range len(s) {
		if s[i] == '\\' && (i+1 == len(s) || s[i+1] == '\n' || s[i+1] == '\r') {
			return &InexpressibleError{s, i, "a line of it ends in a backslash"}
		}
	}
	depth := 0
	for i := 0; i < len(s); {
		n := 1
		switch c := s[i]; {
		case c == '\\':
			n = 2
		case c == '"' || c == '`':
			if n = quotedLen(s[i:]); n == 0 {
				return &InexpressibleError{s, i, "it has a quote or a backtick that is not closed"}
			}
			if i+n == len(s) && strings.HasPrefix(s[i:], "```") {
				return &InexpressibleError{s, i, "it ends in a comment"}
			}
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth < 0 {
				return &InexpressibleError{s, i, "it closes a bracket that it does not open"}
			}
		case c == '|' && depth == 0:
			return &InexpressibleError{s, i, "it holds | outside quotes and brackets, which ends the command"}
		case c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f:
			return controlError(s, i, rune(c))
		case c >= utf8.RuneSelf:
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && n == 1 {
				return &InexpressibleError{s, i, "it is not valid UTF-8"}
			}
		}
		i += n
	}
	if depth > 0 {
		return &InexpressibleError{s, len(s), "it opens a bracket that it does not close"}
	}
	return nil
}

// quotedLen is the length of the string, comment or macro that s begins with;
// 0 if it is not closed or a line in it ends in a backslash.
func quotedLen(s string) int {
	if strings.HasPrefix(s, "```") {
		end := strings.Index(s[3:], "```")
		if end < 0 || strings.Contains(s[:end+3], "\\\n") {
			return 0
		}
		return end + 6
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return i + 1
		case c == '\\' && s[0] == '"':
			if i++; i < len(s) && (s[i] == '\n' || s[i] == '\r') {
				return 0
			}
		case c == '"':
			n := quotedLen(s[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

// space is what stands between words; all else is part of one.
const space = " \t\r\n\f"

func trim(s string) string { return strings.Trim(s, space) }
