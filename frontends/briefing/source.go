package briefing

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
)

// line is one line of the file without its end; offsets are the file's.
type line struct {
	start int
	text  string
}

func (l line) end() int { return l.start + len(l.text) }

func (l line) blank() bool { return strings.TrimSpace(l.text) == "" }

// source is the text of a file, by lines. A line ends with LF or CRLF.
type source struct {
	path  string
	text  string
	lines []line
	ascii bool
	// The last place that at found in a line, to count on from: a line of
	// megabytes may hold very many values.
	lastStart, lastOff, lastRunes int
}

func newSource(path, text string) *source {
	s := &source{path: path, text: text, ascii: true, lastStart: -1}
	start := 0
	if strings.HasPrefix(text, "\ufeff") {
		start = len("\ufeff")
	}
	for i := start; i < len(text); i++ {
		switch {
		case text[i] == '\n':
			s.lines = append(s.lines, line{start, strings.TrimSuffix(text[start:i], "\r")})
			start = i + 1
		case text[i] >= utf8.RuneSelf:
			s.ascii = false
		}
	}
	if start < len(text) {
		s.lines = append(s.lines, line{start, strings.TrimSuffix(text[start:], "\r")})
	}
	return s
}

// at is the position of a byte offset.
func (s *source) at(off int) diag.Pos {
	n := sort.Search(len(s.lines), func(i int) bool { return s.lines[i].start > off })
	if n == 0 {
		return diag.Pos{Filename: s.path, Offset: off, Line: 1, Column: 1}
	}
	start := s.lines[n-1].start
	col := off - start
	if !s.ascii {
		if start != s.lastStart || off < s.lastOff {
			s.lastStart, s.lastOff, s.lastRunes = start, start, 0
		}
		s.lastRunes += utf8.RuneCountInString(s.text[s.lastOff:off])
		s.lastOff = off
		col = s.lastRunes
	}
	return diag.Pos{Filename: s.path, Offset: off, Line: n, Column: 1 + col}
}

// span is the stretch between two offsets.
func (s *source) span(from, to int) diag.Span {
	return diag.Span{Pos: s.at(from), EndPos: s.at(to)}
}

// lineSpan is the stretch of a line without the space around its text.
func (s *source) lineSpan(i int) diag.Span {
	l := s.lines[i]
	lead := len(l.text) - len(strings.TrimLeft(l.text, " \t"))
	return s.span(l.start+lead, max(l.start+lead, l.start+len(strings.TrimRight(l.text, " \t"))))
}
