package kql

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// The types of tokens. A token's value is its source text, so that the tokens
// of a text put together, spaces and all, are the text.
const (
	tokenSpace    lexer.TokenType = lexer.EOF - 1 - iota // space and comments; elided
	tokenIdent                                           // a word; after a | also with hyphens, as in project-away
	tokenWord                                            // an operator that is a word with a sign: in~ !has
	tokenString                                          // in any of Kusto's quotes
	tokenNumber                                          // without sign
	tokenTimespan                                        // 5m
	tokenLiteral                                         // datetime(...), timespan(...), long(...)
	tokenPunct
)

var symbols = map[string]lexer.TokenType{
	"EOF": lexer.EOF, "Space": tokenSpace, "Ident": tokenIdent, "Word": tokenWord, "String": tokenString,
	"Number": tokenNumber, "Timespan": tokenTimespan, "Literal": tokenLiteral, "Punct": tokenPunct,
}

// definition is the lexer as participle wants it. The parser lexes a text by
// itself, to report what is no token; participle only asks for the symbols.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType { return symbols }

func (definition) Lex(filename string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	tokens, diags := lex(filename, string(text))
	if diags.HasErrors() {
		return nil, &syntaxError{diags[0]}
	}
	return &tokenSource{tokens}, nil
}

// tokenSource gives out tokens, of which the last is EOF.
type tokenSource struct{ tokens []lexer.Token }

func (s *tokenSource) Next() (lexer.Token, error) {
	t := s.tokens[0]
	if len(s.tokens) > 1 {
		s.tokens = s.tokens[1:]
	}
	return t, nil
}

// maxLexErrors bounds the diagnostics for a text that is not KQL at all.
const maxLexErrors = 10

// scanner splits a text into tokens.
type scanner struct {
	text   string
	pos    lexer.Position // of the next token
	tokens []lexer.Token
	prev   string // the value of the last token that is not space
	diags  diag.List
	repair bool // read slips that have one reading only
	valid  int  // with repair: up to here the text is known to need none
	broken int  // and up to here, that it needs some
}

// lex returns the tokens of a text, ending in EOF. Where it finds what is no
// token it reports it, skips it and goes on.
func lex(filename, text string) ([]lexer.Token, diag.List) { return lexText(filename, text, false) }

// lexText is lex, which with repair reads the slips that it knows.
func lexText(filename, text string, repair bool) ([]lexer.Token, diag.List) {
	s := scanner{
		repair: repair,
		text:   text,
		pos:    lexer.Position{Filename: filename, Line: 1, Column: 1},
		tokens: make([]lexer.Token, 0, len(text)/3+1),
	}
	if i := invalidUTF8(text); i >= 0 {
		s.bad(i, 1, "save the text as UTF-8", "the byte 0x%02x is not UTF-8", text[i])
		return nil, s.diags
	}
	for s.pos.Offset < len(text) && len(s.diags) < maxLexErrors {
		s.next()
	}
	s.tokens = append(s.tokens, lexer.Token{Type: lexer.EOF, Pos: s.pos})
	return s.tokens, s.diags
}

// invalidUTF8 is the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

func (s *scanner) next() {
	rest := s.text[s.pos.Offset:]
	switch c := rest[0]; {
	case isSpace(c) || strings.HasPrefix(rest, "//"):
		s.emit(tokenSpace, spaceLength(rest))
	case strings.HasPrefix(rest, "\ufeff") && s.pos.Offset == 0:
		s.emit(tokenSpace, len("\ufeff"))
	case isStringStart(rest):
		s.str(rest)
	case isIdentByte(c, true):
		s.ident(rest)
	case isDigit(c):
		s.number(rest)
	default:
		s.punct(rest)
	}
}

// emit appends a token of n bytes and moves on.
func (s *scanner) emit(typ lexer.TokenType, n int) {
	value := s.text[s.pos.Offset : s.pos.Offset+n]
	s.tokens = append(s.tokens, lexer.Token{Type: typ, Value: value, Pos: s.pos})
	if typ != tokenSpace {
		s.prev = value
	}
	s.skip(n)
}

// skip moves over n bytes.
func (s *scanner) skip(n int) { s.pos = advance(s.pos, s.text[s.pos.Offset:s.pos.Offset+n]) }

// advance is the place after text that starts at pos.
func advance(pos lexer.Position, text string) lexer.Position {
	pos.Offset += len(text)
	if last := strings.LastIndexByte(text, '\n'); last >= 0 {
		pos.Line += strings.Count(text, "\n")
		pos.Column = 1
		text = text[last+1:]
	}
	pos.Column += utf8.RuneCountInString(text)
	return pos
}

// bad reports the n bytes at offset from the current token's start.
func (s *scanner) bad(offset, n int, hint, format string, args ...any) {
	start := advance(s.pos, s.text[s.pos.Offset:s.pos.Offset+offset])
	end := advance(start, s.text[start.Offset:start.Offset+n])
	s.diags.Errorf(codeBadToken, diag.Span{Pos: diag.Pos(start), EndPos: diag.Pos(end)}, hint, format, args...)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

// spaceLength is the length of the spaces and comments at the start of text.
func spaceLength(text string) int {
	i := 0
	for i < len(text) {
		switch {
		case isSpace(text[i]):
			i++
		case strings.HasPrefix(text[i:], "//"):
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(text)
			}
		default:
			return i
		}
	}
	return i
}

func (s *scanner) ident(rest string) {
	n := identLength(rest)
	word := rest[:n]
	switch {
	case s.prev == "|": // project-away, mv-expand
		for n+1 < len(rest) && rest[n] == '-' && isIdentByte(rest[n+1], true) {
			n += 1 + identLength(rest[n+1:])
		}
	case word == "in" && n < len(rest) && rest[n] == '~':
		s.emit(tokenWord, n+1)
		return
	case s.prev != "." && isLiteralWord(word):
		if m := literalLength(rest, n); m > 0 {
			s.emit(tokenLiteral, m)
			return
		}
	}
	s.emit(tokenIdent, n)
}

func identLength(s string) int {
	n := 0
	for n < len(s) && isIdentByte(s[n], false) {
		n++
	}
	return n
}

// literalLength is the length of a literal TYPE(TEXT) whose type is the first n
// bytes, or 0 where something else than a literal's text stands there.
func literalLength(rest string, n int) int {
	open := n
	for open < len(rest) && (rest[open] == ' ' || rest[open] == '\t') {
		open++
	}
	if open == len(rest) || rest[open] != '(' {
		return 0
	}
	end := strings.IndexAny(rest[open:], ")\n\"'")
	if end < 0 || rest[open+end] != ')' || !isLiteralText(strings.Trim(rest[open+1:open+end], " \t")) {
		return 0
	}
	return open + end + 1
}

func (s *scanner) number(rest string) {
	n := numberLength(rest)
	if strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X") {
		n = 2
	}
	whole := n + identLength(rest[n:])
	switch word := rest[:whole]; {
	case isNumber(word):
		s.emit(tokenNumber, whole)
	case isShortTimespan(word):
		s.emit(tokenTimespan, whole)
	default:
		s.bad(0, whole, "units of a timespan are d, h, m, s, ms, microsecond and tick; a name that starts with a digit is written ['"+word+"']",
			"%s is neither a number nor a timespan", word)
		s.emit(tokenNumber, whole)
	}
}

// puncts are the signs of two characters; the rest have one.
var puncts = []string{"==", "!=", "<=", ">=", "<>", "=~", "!~", ".."}

func (s *scanner) punct(rest string) {
	if rest[0] == '!' && len(rest) > 1 && isIdentByte(rest[1], true) {
		n := 1 + identLength(rest[1:])
		if rest[:n] == "!in" && n < len(rest) && rest[n] == '~' {
			n++
		}
		s.emit(tokenWord, n)
		return
	}
	for _, p := range puncts {
		if strings.HasPrefix(rest, p) {
			s.emit(tokenPunct, len(p))
			return
		}
	}
	if strings.IndexByte("()[]{}|,;.=<>+-*/%:$", rest[0]) >= 0 {
		n := 1
		if rest[0] == '/' && len(rest) > 1 && rest[1] == '*' {
			n = 2
			s.bad(0, n, "write // before each line of the comment", "Kusto has no comments of the form /* */")
		}
		s.emit(tokenPunct, n)
		return
	}
	r, n := utf8.DecodeRuneInString(rest)
	hint := ""
	switch {
	case unicode.In(r, unicode.Pi, unicode.Pf):
		hint = "write a straight quote, \""
	case r == '&':
		hint = "write and"
	case unicode.IsLetter(r):
		hint = "a name with other letters than a to z is written ['" + string(r) + "...']"
	}
	s.bad(0, n, hint, "the character %s is not part of KQL", showRune(r))
	if strings.HasPrefix(rest, "&&") {
		n = 2
	}
	s.skip(n)
}

// showRune names a character for a message.
func showRune(r rune) string {
	if unicode.IsPrint(r) && r != ' ' {
		return fmt.Sprintf("%c (U+%04X)", r, r)
	}
	return fmt.Sprintf("U+%04X", r)
}
