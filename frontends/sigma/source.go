package sigma

import (
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
)

// source is the text of one file with what is needed to turn the positions of
// yaml.v3 into exact ones.
type source struct {
	path string
	text string
	// lines holds the offset of the first byte of each line, by YAML's own
	// count of lines, which besides LF, CRLF and CR knows NEL, LS and PS.
	lines []int
	// editor holds the same by LF and CRLF alone where the two differ, so that
	// reported lines are those that an editor shows.
	editor []int
	ascii  bool
	bom    int // length of a byte order mark, which has no column
	// fixed, if valid, stands for every place: the text is not the author's.
	fixed diag.Span
}

// fixedAt is the same text, all of which has one place in another file.
func (s *source) fixedAt(at diag.Span) *source {
	c := *s
	c.fixed = at
	return &c
}

func newSource(path, text string) *source {
	s := &source{path: path, text: text, ascii: true}
	if strings.HasPrefix(text, "\ufeff") {
		s.bom = len("\ufeff")
	}
	s.lines = make([]int, 1, strings.Count(text, "\n")+1)
	s.lines[0] = s.bom
	odd := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			s.lines = append(s.lines, i+1)
		case c == '\r':
			if i+1 >= len(text) || text[i+1] != '\n' {
				s.lines = append(s.lines, i+1)
				odd = true
			}
		case c < utf8.RuneSelf:
		case c == 0xc2 && i+1 < len(text) && text[i+1] == 0x85:
			s.lines = append(s.lines, i+2)
			s.ascii, odd = false, true
		case c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && (text[i+2] == 0xa8 || text[i+2] == 0xa9):
			s.lines = append(s.lines, i+3)
			s.ascii, odd = false, true
		default:
			s.ascii = false
		}
	}
	if odd {
		s.editor = []int{s.bom}
		for i := 0; i < len(text); i++ {
			if text[i] == '\n' {
				s.editor = append(s.editor, i+1)
			}
		}
	}
	return s
}

// offset is the byte offset of a line and column of yaml.v3, both from 1,
// columns in runes.
func (s *source) offset(line, col int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	off := s.lines[line-1]
	if s.ascii {
		return min(off+col-1, len(s.text))
	}
	for ; col > 1 && off < len(s.text); col-- {
		_, n := utf8.DecodeRuneInString(s.text[off:])
		off += n
	}
	return off
}

// at is the position of a byte offset.
func (s *source) at(off int) diag.Pos {
	if s.fixed.Pos.IsValid() {
		return s.fixed.Pos
	}
	lines := s.lines
	if s.editor != nil {
		lines = s.editor
	}
	line := sort.Search(len(lines), func(i int) bool { return lines[i] > off })
	if line == 0 { // within the byte order mark
		return diag.Pos{Filename: s.path, Offset: off, Line: 1, Column: 1}
	}
	return diag.Pos{Filename: s.path, Offset: off, Line: line, Column: 1 + s.runes(lines[line-1], off)}
}

// runes counts the characters between two offsets.
func (s *source) runes(from, to int) int {
	if s.ascii {
		return to - from
	}
	return utf8.RuneCountInString(s.text[from:to])
}

// cut is the span between two offsets.
func (s *source) cut(from, to int) diag.Span {
	return diag.Span{Pos: s.at(from), EndPos: s.at(to)}
}

// nodePos is where a node starts, after its anchor and tag.
func (s *source) nodePos(n *yaml.Node) diag.Pos {
	if s.fixed.Pos.IsValid() {
		return s.fixed.Pos
	}
	off := s.offset(n.Line, n.Column)
	if s.editor == nil && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		return diag.Pos{Filename: s.path, Offset: off, Line: n.Line, Column: n.Column}
	}
	if n.Kind != yaml.AliasNode {
		off = s.skipProperties(off)
	}
	return s.at(off)
}

// skipProperties steps over "&anchor" and "!tag".
func (s *source) skipProperties(off int) int {
	for off < len(s.text) && (s.text[off] == '&' || s.text[off] == '!') {
		for off < len(s.text) && !strings.ContainsRune(" \t\r\n", rune(s.text[off])) {
			off++
		}
		for off < len(s.text) && strings.ContainsRune(" \t\r\n", rune(s.text[off])) {
			off++
		}
	}
	return off
}

// span is the stretch of a node's text: of a scalar what stands inside its
// quotes or its block, of a mapping or sequence only the start.
func (s *source) span(n *yaml.Node) diag.Span {
	if s.fixed.Pos.IsValid() {
		return s.fixed
	}
	pos := s.nodePos(n)
	if n.Kind != yaml.ScalarNode {
		return diag.Span{Pos: pos}
	}
	end := pos
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		pos.Offset++
		pos.Column++
		inner := pos.Offset
		if inner > len(s.text) {
			return diag.Span{Pos: end}
		}
		stop := inner + len(n.Value)
		if stop < len(s.text) && s.text[inner:stop] == n.Value && s.text[stop] == s.text[inner-1] && oneLine(n.Value) {
			break
		}
		return diag.Span{Pos: pos, EndPos: s.at(s.closingQuote(inner))}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if m := s.textMap(n); m.exact {
			return diag.Span{Pos: m.at(0), EndPos: m.at(len(strings.TrimRight(n.Value, "\n")))}
		}
		return diag.Span{Pos: pos}
	default:
		stop := pos.Offset + len(n.Value)
		if stop > len(s.text) || s.text[pos.Offset:stop] != n.Value {
			return diag.Span{Pos: pos}
		}
	}
	end = pos
	end.Offset += len(n.Value)
	end.Column += s.runes(pos.Offset, end.Offset)
	return diag.Span{Pos: pos, EndPos: end}
}

func oneLine(v string) bool { return strings.IndexByte(v, '\n') < 0 }

// closingQuote is the offset of the quote that ends the scalar whose text
// starts at inner.
func (s *source) closingQuote(inner int) int {
	quote := s.text[inner-1]
	for i := inner; i < len(s.text); i++ {
		switch {
		case quote == '"' && s.text[i] == '\\':
			i++
		case s.text[i] != quote:
		case quote == '\'' && i+1 < len(s.text) && s.text[i+1] == '\'':
			i++
		default:
			return i
		}
	}
	return len(s.text)
}

// textMap maps offsets in the value of a scalar to places in the file. Where
// the value is not the file's text (folded, escaped), every offset maps to the
// scalar itself and exact is false.
type textMap struct {
	s     *source
	value string
	exact bool
	start diag.Pos
	// starts holds, for a literal block, the file offset of each line of the
	// value.
	starts []int
}

func (s *source) textMap(n *yaml.Node) *textMap {
	m := &textMap{s: s, value: n.Value}
	if s.fixed.Pos.IsValid() {
		m.start = s.fixed.Pos
		return m
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		span := s.span(n)
		m.start = span.Pos
		from := span.Pos.Offset
		m.exact = oneLine(n.Value) && strings.HasPrefix(s.text[min(from, len(s.text)):], n.Value)
		return m
	}
	m.start = s.nodePos(n)
	if n.Style&yaml.FoldedStyle != 0 {
		return m
	}
	// The header "|" may be followed by a comment; the text starts on the next line.
	line := n.Line
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > m.start.Offset })
	}
	for i, v := range strings.Split(strings.TrimRight(n.Value, "\n"), "\n") {
		if line+i >= len(s.lines) {
			return m
		}
		from := s.lines[line+i]
		to := len(s.text)
		if line+i+1 < len(s.lines) {
			to = s.lines[line+i+1]
		}
		have := strings.TrimRight(s.text[from:to], "\r\n")
		if v != "" && !strings.HasSuffix(have, v) {
			m.starts = nil
			return m
		}
		m.starts = append(m.starts, from+len(have)-len(v))
	}
	m.exact = true
	return m
}

// at is the place of an offset in the value.
func (m *textMap) at(off int) diag.Pos {
	off = min(off, len(m.value))
	if !m.exact {
		return m.start
	}
	if m.starts == nil {
		pos := m.start
		pos.Offset += off
		pos.Column += utf8.RuneCountInString(m.value[:off])
		return pos
	}
	line := strings.Count(m.value[:off], "\n")
	if line >= len(m.starts) { // in the line feeds at the end
		line = len(m.starts) - 1
		off = len(strings.TrimRight(m.value, "\n"))
	}
	inLine := off - (strings.LastIndexByte(m.value[:off], '\n') + 1)
	return m.s.at(m.starts[line] + inLine)
}

// span is the stretch between two offsets in the value.
func (m *textMap) span(from, to int) diag.Span {
	if !m.exact {
		if m.s.fixed.Pos.IsValid() {
			return m.s.fixed
		}
		return diag.Span{Pos: m.start}
	}
	return diag.Span{Pos: m.at(from), EndPos: m.at(to)}
}
