package kql

import (
	"unicode"
	"unicode/utf8"
)

// appendString writes s as one string literal. Text with a backslash, which in
// a hunt is a path or a regular expression, becomes @"..." so that it reads as
// it is; there a quote is doubled. A verbatim literal cannot hold a control
// character, so that such text takes the escaped form whatever else is in it.
func appendString(dst []byte, s string) []byte {
	backslash, escape := scan(s)
	if backslash && !escape {
		dst = append(dst, '@', '"')
		for i := 0; i < len(s); i++ {
			if s[i] == '"' {
				dst = append(dst, '"')
			}
			dst = append(dst, s[i])
		}
		return append(dst, '"')
	}
	return appendEscaped(dst, s, '"')
}

// scan reports whether s has a backslash, and whether it has a character that
// only an escape can say.
func scan(s string) (backslash, escape bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			backslash = true
		case c < ' ' || c == 0x7f:
			return backslash, true
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if needsEscape(r, n) {
				return backslash, true
			}
			i += n - 1
		}
	}
	return backslash, false
}

// needsEscape holds for what a reader cannot see or an editor may change:
// control and format characters (a direction mark can make a query read as
// another one), separators other than the space, and bytes that are not UTF-8.
func needsEscape(r rune, size int) bool {
	return r == utf8.RuneError && size == 1 || !unicode.IsPrint(r)
}

const hexDigits = "0123456789abcdef"

// appendEscaped writes s between quotes with the escapes that Kusto and JSON
// share, so that the same form serves inside dynamic(...). A character outside
// the basic plane is written as itself or as a surrogate pair: \U0001F600 is
// read as the letters U0001F600 by Microsoft's own decoder.
func appendEscaped(dst []byte, s string, quote byte) []byte {
	dst = append(dst, quote)
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == quote || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\r':
				dst = append(dst, '\\', 'r')
			case c == '\t':
				dst = append(dst, '\\', 't')
			case c < ' ' || c == 0x7f:
				dst = appendUnit(dst, rune(c))
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case !needsEscape(r, n):
			dst = append(dst, s[i:i+n]...)
		case r > 0xffff:
			r -= 0x10000
			dst = appendUnit(appendUnit(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			dst = appendUnit(dst, r)
		}
		i += n
	}
	return append(dst, quote)
}

// appendUnit writes one UTF-16 unit as \uHHHH.
func appendUnit(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendName writes a column, table or property name.
func appendName(dst []byte, name string) []byte {
	if isIdent(name) && !keywords[name] && !reserved[name] {
		return append(dst, name...)
	}
	dst = append(dst, '[')
	dst = appendEscaped(dst, name, '\'')
	return append(dst, ']')
}
