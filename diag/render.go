package diag

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source gives the bytes of a file by the name that positions carry; ok is
// false where the file cannot be read. Rendering then leaves the line out.
type Source func(filename string) (text []byte, ok bool)

// maxShown is how many columns of a source line are shown: long enough for a
// real command line, short enough for a terminal when the line is a blob.
const maxShown = 160

// Render writes each diagnostic as "path:line:col: severity CODE message",
// the source line with a caret line under the span, and "= hint". Control
// characters are escaped, so no text from a document reaches a terminal as a
// command. The list is written in its own order; sort it first.
func Render(w io.Writer, list List, src Source, color bool) error {
	r := renderer{src: src, color: color}
	for _, d := range list {
		r.diagnostic(d)
		if r.buf.Len() > 64<<10 {
			if _, err := r.buf.WriteTo(w); err != nil {
				return err
			}
		}
	}
	_, err := r.buf.WriteTo(w)
	return err
}

type renderer struct {
	buf   bytes.Buffer
	src   Source
	color bool
	// The last file's text: a sorted list asks for one file many times.
	file string
	text []byte
	have bool
}

var severityColors = [...]string{Info: "\x1b[36m", Warning: "\x1b[33m", Error: "\x1b[31m"}

func (r *renderer) paint(start, text string) string {
	if !r.color {
		return text
	}
	return start + text + "\x1b[0m"
}

func (r *renderer) diagnostic(d Diagnostic) {
	place := Place(d.Pos)
	if place != "" {
		place += ": "
	}
	r.buf.WriteString(r.paint("\x1b[1m", place))
	r.buf.WriteString(r.paint(severityColors[d.Severity], d.Severity.String()))
	r.buf.WriteByte(' ')
	r.buf.WriteString(string(d.Code))
	r.buf.WriteByte(' ')
	r.buf.WriteString(printable(d.Message))
	r.buf.WriteByte('\n')
	margin := "   "
	if line, ok := r.line(d.Pos); ok {
		num := strconv.Itoa(d.Pos.Line)
		margin = strings.Repeat(" ", len(num)+3)
		shown, caret := excerpt(line, d.Span)
		fmt.Fprintf(&r.buf, "  %s | %s\n", num, shown)
		if caret != "" {
			fmt.Fprintf(&r.buf, "%s| %s\n", margin, r.paint(severityColors[d.Severity], caret))
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(&r.buf, "%s= %s\n", margin, printable(d.Hint))
	}
}

// Place is a position as text: path:line:col, as much of it as is known.
func Place(p Pos) string {
	name := printable(p.Filename)
	switch {
	case !p.IsValid():
		return name
	case p.Column > 0:
		return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
	}
	return fmt.Sprintf("%s:%d", name, p.Line)
}

// line cuts the line of p out of its file.
func (r *renderer) line(p Pos) (string, bool) {
	if !p.IsValid() || r.src == nil {
		return "", false
	}
	if r.file != p.Filename || r.text == nil {
		r.file = p.Filename
		r.text, r.have = r.src(p.Filename)
	}
	if !r.have {
		return "", false
	}
	rest := r.text
	for n := 1; n < p.Line; n++ {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return "", false
		}
		rest = rest[i+1:]
	}
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(string(rest), "\r"), true
}

// excerpt gives a source line as it can be shown and the caret line under it.
// A span that goes on to later lines is marked to the end of this one. The
// caret line repeats tabs and answers a wide rune with a wide space, so that
// it lines up however the terminal shows them.
func excerpt(line string, s Span) (shown, caret string) {
	runes := []rune(line)
	start := s.Pos.Column - 1
	if start < 0 || start > len(runes) {
		return cut(runes, 0), ""
	}
	end := start + 1
	switch {
	case s.EndPos.Line == s.Pos.Line && s.EndPos.Column > s.Pos.Column:
		end = min(s.EndPos.Column-1, max(len(runes), start+1))
	case s.EndPos.Line > s.Pos.Line:
		end = max(len(strings.TrimRightFunc(line, unicode.IsSpace)), 1)
		end = max(utf8.RuneCountInString(line[:min(end, len(line))]), start+1)
	}
	from := 0
	if start > maxShown-40 {
		from = start - 40
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("   ") // under the mark of what is cut off
	}
	for _, c := range runes[from:start] {
		b.WriteString(blank(c))
	}
	for i := start; i < end && i-from < maxShown; i++ {
		b.WriteByte('^')
		if i < len(runes) && width(runes[i]) == 2 {
			b.WriteByte('^')
		}
	}
	return cut(runes, from), b.String()
}

// cut shows maxShown runes of a line and marks what it leaves out.
func cut(runes []rune, from int) string {
	var b strings.Builder
	if from > 0 {
		b.WriteString("...")
	}
	rest := runes[from:]
	more := len(rest) > maxShown
	if more {
		rest = rest[:maxShown]
	}
	for _, c := range rest {
		b.WriteString(visible(c))
	}
	if more {
		b.WriteString("...")
	}
	return b.String()
}

// visible is a rune of a source line on a terminal: one cell for what has no
// shape of its own, so that columns still line up.
func visible(c rune) string {
	switch {
	case c == '\t':
		return "\t"
	case unicode.IsControl(c) || bidi(c):
		return "\uFFFD"
	}
	return string(c)
}

// blank is as wide as visible(c) and shows nothing.
func blank(c rune) string {
	switch {
	case c == '\t':
		return "\t"
	case unicode.IsControl(c) || bidi(c):
		return " "
	}
	switch width(c) {
	case 0:
		return ""
	case 2:
		return "\u3000"
	}
	return " "
}

// bidi reports the marks that reorder text: they could make a line read
// differently from what it says.
func bidi(c rune) bool {
	return c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069 || c == 0x200E || c == 0x200F
}

// wide are the blocks whose runes take two cells (Unicode East Asian Width W
// and F, and the pictographs that terminals draw double).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115F, Stride: 1}, {Lo: 0x2E80, Hi: 0x303E, Stride: 1}, {Lo: 0x3041, Hi: 0x33FF, Stride: 1},
		{Lo: 0x3400, Hi: 0x4DBF, Stride: 1}, {Lo: 0x4E00, Hi: 0x9FFF, Stride: 1}, {Lo: 0xA000, Hi: 0xA4CF, Stride: 1},
		{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}, {Lo: 0xF900, Hi: 0xFAFF, Stride: 1}, {Lo: 0xFE30, Hi: 0xFE6F, Stride: 1},
		{Lo: 0xFF00, Hi: 0xFF60, Stride: 1}, {Lo: 0xFFE0, Hi: 0xFFE6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1F300, Hi: 0x1F64F, Stride: 1}, {Lo: 0x1F900, Hi: 0x1F9FF, Stride: 1}, {Lo: 0x20000, Hi: 0x3FFFD, Stride: 1},
	},
}

// width is the number of terminal cells of a rune.
func width(c rune) int {
	switch {
	case c == 0x200B || c == 0x200D || c == 0xFEFF || unicode.In(c, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, c):
		return 2
	}
	return 1
}

// printable escapes what would break a one-line message or steer a terminal.
func printable(s string) string {
	bad := func(c rune) bool { return unicode.IsControl(c) || bidi(c) || c == utf8.RuneError }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if bad(c) {
			q := strconv.QuoteRuneToASCII(c)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
