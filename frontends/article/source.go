package article

import (
	"sort"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
)

// source turns byte offsets of the file into positions. A line may be the
// whole file, so runes are counted from marks.
type source struct {
	path  string
	text  string
	lines []int // offsets of the lines' first bytes
	runes []int // runes before each multiple of runeStep
}

const runeStep = 1024

func newSource(path, text string) *source {
	s := &source{path: path, text: text, lines: []int{0}}
	n := 0
	for i := 0; i < len(text); i++ {
		if i%runeStep == 0 {
			s.runes = append(s.runes, n)
		}
		if utf8.RuneStart(text[i]) {
			n++
		}
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// runesBefore counts the runes that begin before an offset.
func (s *source) runesBefore(off int) int {
	step := min(off/runeStep, len(s.runes)-1)
	if step < 0 {
		return 0
	}
	n := s.runes[step]
	for i := step * runeStep; i < off; i++ {
		if utf8.RuneStart(s.text[i]) {
			n++
		}
	}
	return n
}

func (s *source) at(off int) diag.Pos {
	off = max(0, min(off, len(s.text)))
	line := sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > off })
	start := s.lines[line-1]
	return diag.Pos{Filename: s.path, Offset: off, Line: line, Column: 1 + s.runesBefore(off) - s.runesBefore(start)}
}

func (s *source) span(from, to int) diag.Span {
	return diag.Span{Pos: s.at(from), EndPos: s.at(max(from, to))}
}
