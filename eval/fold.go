package eval

import (
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// fold maps every character to one representative of those that simple case
// folding makes equal (Unicode CaseFolding.txt, status C and S: what
// strings.EqualFold compares by). It keeps the number of characters, so that
// a wildcard for one character means the same before and after, and it keeps
// bytes that are not UTF-8.
func fold(s string) string {
	i, ascii := 0, true
	for ; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
		if 'A' <= c && c <= 'Z' {
			break
		}
	}
	if i == len(s) {
		return s
	}
	if ascii {
		for j := i; j < len(s); j++ {
			if s[j] >= utf8.RuneSelf {
				ascii = false
				break
			}
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteByte(s[i])
		} else {
			b.WriteRune(ir.FoldRune(r))
		}
		i += n
	}
	return b.String()
}
