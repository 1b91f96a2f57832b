package ir

import (
	"unicode"
	"unicode/utf8"
)

// FoldRune maps the characters that simple case folding makes equal to one of
// them (Unicode CaseFolding.txt, status C and S: what strings.EqualFold
// compares by). ASCII letters become small.
func FoldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	if least < utf8.RuneSelf {
		return FoldRune(least)
	}
	return least
}
