package sigma

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
)

// Format lays the documents of a file out anew: keys in the order of the
// conventions of SigmaHQ, four spaces a level, one entry of a list a line,
// single quotes. Comments, anchors, empty lines and the style of each text stay. It
// never changes what a document means, and formatting twice is formatting
// once.
//
// A document that cannot be laid out without loss stays as it is, with an
// information that says why. A file that is not YAML comes back unchanged with
// an error.
func Format(path string, src []byte) ([]byte, diag.List) {
	l := &loader{opts: &Options{}, file: &File{Path: path}}
	if !checkText(path, src, &l.diags) {
		return src, l.diags
	}
	l.src = newSource(path, string(src))
	if _, err := decodeAll(src); err != nil {
		l.syntaxError(src, err)
		return src, l.diags
	}
	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	bom := ""
	if strings.HasPrefix(text, "\ufeff") {
		bom, text = "\ufeff", text[len("\ufeff"):]
	}
	leave := func(offset int, why string) {
		l.diags.Infof(codeLeftAlone, l.src.cut(offset, offset), "", "the document is left as it is: %s", why)
	}
	crlf := bytes.Count(src, []byte("\r\n")) > 0
	// inSource is where a place of the text stands in the file.
	inSource := func(at int) int {
		if crlf {
			at += strings.Count(text[:at], "\n")
		}
		return min(len(bom)+at, len(src))
	}
	if at := strings.IndexAny(text, "\r\u0085\u2028\u2029"); at >= 0 {
		leave(inSource(at), "it has line breaks that only some programs see")
		return src, l.diags
	}
	var out strings.Builder
	out.WriteString(bom)
	for _, seg := range segments(text) {
		body := text[seg.from:seg.to]
		laidOut, why := formatDocument(body)
		if why != nil {
			leave(inSource(seg.from+why.at), why.text)
			laidOut = body
		}
		if seg.marker {
			out.WriteString("---\n")
		}
		out.WriteString(laidOut)
	}
	l.diags.Sort()
	return []byte(out.String()), l.diags
}

// segment is the text of one document, without the line "---" before it.
type segment struct {
	from, to int
	marker   bool
}

// segments cuts a file at the lines that begin a document. Such a line ends
// whatever stands before it, so that no more has to be known of YAML.
func segments(text string) []segment {
	out := []segment{{}}
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		next := len(text)
		line := text[at:]
		if end >= 0 {
			next = at + end + 1
			line = text[at : at+end]
		}
		if strings.TrimRight(line, " \t") == "---" {
			last := &out[len(out)-1]
			last.to = at
			if last.from == at && !last.marker && len(out) == 1 {
				*last = segment{from: next, marker: true}
			} else {
				out = append(out, segment{from: next, marker: true})
			}
		}
		at = next
	}
	out[len(out)-1].to = len(text)
	return out
}

// obstacle is why a document is not laid out, and where in its text that shows.
type obstacle struct {
	text string
	at   int
}

// formatDocument lays one document out. It reads its own output again, and
// gives back a reason where something is not as before.
func formatDocument(text string) (out string, why *obstacle) {
	at := 0
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "%"):
			return "", &obstacle{"it has a directive", at}
		case strings.HasPrefix(line, "...") && strings.TrimSpace(line[3:]) == "":
			return "", &obstacle{"it has a line \"...\"", at}
		case strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "---\t"):
			return "", &obstacle{"something stands behind \"---\"", at}
		}
		at += len(line) + 1
	}
	for _, keepOrder := range []bool{false, true} {
		if out, why = formatOnce(text, keepOrder); why == nil {
			return out, nil
		}
	}
	return "", why
}

func formatOnce(text string, keepOrder bool) (out string, why *obstacle) {
	before := newLayout(text, keepOrder)
	if why := before.run(); why != "" {
		return "", &obstacle{why, before.place()}
	}
	out = before.text()
	after := newLayout(out, keepOrder)
	if why := after.run(); why != "" {
		return "", &obstacle{"its layout could not be read again: " + why, 0}
	}
	switch {
	case after.text() != out:
		return "", &obstacle{"its layout would change again", 0}
	case !slices.Equal(sortedTexts(before.comments), sortedTexts(after.comments)):
		return "", &obstacle{"a comment would be lost", 0}
	case before.root != nil && !before.same(before.root, after.root, nil, map[*yaml.Node]bool{}):
		return "", &obstacle{"a key or a value would change", 0}
	}
	return out, nil
}

// place is where the layout has come to: the first character that is not laid
// out yet.
func (f *layout) place() int {
	at := min(f.at, len(f.in))
	for at < len(f.in) && strings.IndexByte(" \t\n", f.in[at]) >= 0 {
		at++
	}
	if at == len(f.in) { // what is wrong stands before it
		at = len(strings.TrimRight(f.in, " \t\n"))
	}
	return at
}

func sortedTexts(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return out
}

// layout lays one document out: it goes through the text from the first to the
// last byte, guided by the nodes that yaml.v3 finds in it. What stands between
// two nodes are marks, empty lines and comments.
type layout struct {
	src       *source
	in        string
	keepOrder bool
	root      *yaml.Node
	at        int // up to here the text is laid out
	head      []*textLine
	chunks    []*chunk
	foot      []*textLine
	last      *textLine // the last line made, in the order of the source
	comments  []string
	columns   []columnPair // of the entries laid out, in the order of the source
}

// textLine is one line of the result.
type textLine struct {
	text    string
	comment string // behind the text, with the spaces before it
	closed  bool   // within a block of text, where no comment can follow
}

// chunk is an entry with what belongs to it.
type chunk struct {
	key  string
	head []*textLine
	body []*textLine
}

// columnPair is where an entry stands, before and after.
type columnPair struct{ was, is int }

// giveUp is thrown where a document cannot be laid out.
type giveUp string

func newLayout(text string, keepOrder bool) *layout {
	return &layout{in: text, src: newSource("", text), keepOrder: keepOrder}
}

// run lays the document out, or says why not.
func (f *layout) run() (why string) {
	defer func() {
		if r := recover(); r != nil {
			g, ok := r.(giveUp)
			if !ok {
				panic(r)
			}
			why = string(g)
		}
	}()
	docs, err := decodeAll([]byte(f.in))
	switch {
	case err != nil:
		return "it is no document of its own"
	case len(docs) > 1:
		return "it is more than one document"
	case len(docs) == 0:
		g := f.gap(len(f.in))
		if g.marks != "" {
			return "it holds no map"
		}
		f.head = f.commentLines(g.items, columnPair{})
		return ""
	}
	f.root = docs[0]
	if f.root.Kind != yaml.MappingNode || f.root.Style&yaml.FlowStyle != 0 || f.root.Anchor != "" || f.root.Style&yaml.TaggedStyle != 0 {
		return "it is not a map of keys"
	}
	f.chunks = f.entries(f.root, nil, 0, false)
	g := f.gap(len(f.in))
	if g.marks != "" {
		return "something stands behind its last value"
	}
	f.trailing(g)
	own, rest := f.belongs(g.items, 0)
	f.addFoot(f.chunks, own)
	f.foot = f.commentLines(rest, columnPair{})
	return ""
}

// text is the result.
func (f *layout) text() string {
	lines := slices.Clone(f.head)
	for i, c := range f.chunks {
		head := c.head
		for i == 0 && len(f.head) == 0 && len(head) > 0 && head[0].text == "" {
			head = head[1:]
		}
		lines = append(append(lines, head...), c.body...)
	}
	lines = append(lines, f.foot...)
	for len(lines) > 0 && lines[0].text == "" && !lines[0].closed {
		lines = lines[1:]
	}
	var b strings.Builder
	for _, l := range lines {
		s := l.text
		if l.comment != "" {
			s += l.comment
		}
		b.WriteString(s)
		b.WriteByte('\n')
	}
	return b.String()
}

// remark is a comment on a line of its own.
type remark struct {
	blank  bool // an empty line stands before it
	column int
	text   string
}

// between is what stands between two nodes.
type between struct {
	marks string // - : , [ ] { }
	trail string // a comment on the line of what stands before
	items []remark
	blank bool // an empty line stands right before what follows
}

// gap reads from where the layout is up to an offset; or, if that is negative,
// up to the next mark.
func (f *layout) gap(to int) between {
	var g between
	stop := to < 0
	if stop {
		to = len(f.in)
	}
	if to < f.at {
		panic(giveUp("its parts stand in an order that is not understood"))
	}
	breaks := 0
	sameLine := f.at > 0 && f.in[f.at-1] != '\n'
	for i := f.at; i < to; i++ {
		switch c := f.in[i]; c {
		case ' ', '\t':
		case '\n':
			breaks++
			sameLine = false
			if breaks > 1 {
				g.blank = true
			}
		case '#':
			if i > 0 && !strings.ContainsRune(" \t\n", rune(f.in[i-1])) {
				f.at = i
				panic(giveUp("a number sign stands where no comment can begin"))
			}
			end := strings.IndexByte(f.in[i:], '\n')
			if end < 0 {
				end = len(f.in) - i
			}
			if i+end > to {
				f.at = i
				panic(giveUp("a comment is not where it seems to be"))
			}
			text := strings.TrimRight(f.in[i:i+end], " \t")
			f.comments = append(f.comments, text)
			if sameLine && g.trail == "" {
				g.trail = spacing(f.in, i) + text
			} else {
				g.items = append(g.items, remark{g.blank, i - strings.LastIndexByte(f.in[:i], '\n') - 1, text})
			}
			g.blank = false
			breaks = 0
			i += end - 1
		default:
			if !strings.ContainsRune("-:,[]{}", rune(c)) {
				f.at = i
				panic(giveUp(fmt.Sprintf("the character %q stands where it is not understood", c)))
			}
			g.marks += string(c)
			breaks = 0
			if stop {
				f.at = i + 1
				return g
			}
		}
	}
	f.at = to
	return g
}

// spacing is the space before a comment behind something: comments of several
// lines may be in line with each other.
func spacing(text string, at int) string {
	from := at
	for from > 0 && text[from-1] == ' ' {
		from--
	}
	if from == at {
		return " "
	}
	return text[from:at]
}

// trailing puts a comment behind the line before it.
func (f *layout) trailing(g between) {
	if g.trail == "" {
		return
	}
	if f.last == nil || f.last.closed || f.last.comment != "" {
		panic(giveUp("a comment would have to move"))
	}
	f.last.comment = g.trail
}

// commentLines are comments as lines, indented to an entry as they were.
func (f *layout) commentLines(items []remark, to columnPair) []*textLine {
	var out []*textLine
	for _, r := range items {
		if r.blank {
			out = append(out, &textLine{})
		}
		out = append(out, &textLine{text: strings.Repeat(" ", to.is+max(0, r.column-to.was)) + r.text})
	}
	return out
}

// belongs splits comments: those in front that are indented more than what
// follows belong to what stands before.
func (f *layout) belongs(items []remark, column int) (before, after []remark) {
	n := 0
	for n < len(items) && items[n].column > column {
		n++
	}
	return items[:n], items[n:]
}

// addFoot puts comments at the end of the last entry, each at the level of the
// entries that it is in line with.
func (f *layout) addFoot(chunks []*chunk, items []remark) {
	if len(items) == 0 {
		return
	}
	if len(chunks) == 0 {
		panic(giveUp("a comment would have to move"))
	}
	last := chunks[len(chunks)-1]
	for _, r := range items {
		var to columnPair
		for i := len(f.columns) - 1; i >= 0; i-- {
			if to = f.columns[i]; to.was <= r.column {
				break
			}
		}
		if f.last != nil && f.last.closed {
			// Deeper, it would be a part of the text.
			to.was = max(to.was, r.column-indentWidth+1)
		}
		last.body = append(last.body, f.commentLines([]remark{r}, to)...)
	}
}

func (f *layout) start(n *yaml.Node) int { return f.src.offset(n.Line, n.Column) }

// column is how far a place is indented.
func (f *layout) column(offset int) int {
	return offset - strings.LastIndexByte(f.in[:offset], '\n') - 1
}

// emit makes a line of a chunk.
func (f *layout) emit(c *chunk, text string) {
	f.last = &textLine{text: text}
	c.body = append(c.body, f.last)
}

// isEmpty reports whether a value is not written at all.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == "" && n.ShortTag() == "!!null"
}

// entries lays out the entries of a map at a column.
func (f *layout) entries(n *yaml.Node, path []string, column int, inFlow bool) []*chunk {
	var out []*chunk
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || isEmpty(k) {
			panic(giveUp("a key is not a text on one line"))
		}
		from := f.start(k)
		c := &chunk{key: k.Value}
		f.before(&out, c, f.gap(from), from, column, inFlow, "")
		props := f.properties(k)
		text, rest := f.scalar(k)
		if len(rest) > 0 {
			panic(giveUp("a key is not a text on one line"))
		}
		f.emit(c, strings.Repeat(" ", column)+props+text+":")
		f.value(c, v, append(path, k.Value), column, ":", inFlow)
		out = append(out, c)
	}
	if !f.keepOrder {
		reorder(out, path)
	}
	return out
}

// before takes in what stands before an entry.
func (f *layout) before(out *[]*chunk, c *chunk, g between, from, column int, inFlow bool, mark string) {
	f.trailing(g)
	switch {
	case inFlow && strings.Trim(g.marks, ",") == "" && len(g.marks) <= 1:
	case !inFlow && g.marks == mark:
	default:
		panic(giveUp(fmt.Sprintf("%q stands where it is not understood", g.marks)))
	}
	was := f.column(from)
	if mark == "-" && !inFlow {
		// The dash, which may have a line of its own, is what the entry is
		// in line with.
		was = f.column(strings.LastIndexByte(f.in[:from], '-'))
	}
	items := g.items
	switch {
	case len(*out) > 0 && !inFlow:
		own, rest := f.belongs(items, was)
		f.addFoot(*out, own)
		items = rest
	case column == 0 && f.last == nil:
		f.head = f.commentLines(items, columnPair{})
		if g.blank && len(items) > 0 {
			f.head = append(f.head, &textLine{})
		}
		items, g.blank = nil, false
	}
	c.head = f.commentLines(items, columnPair{was, column})
	if g.blank {
		c.head = append(c.head, &textLine{})
	}
	f.columns = append(f.columns, columnPair{was, column})
}

// value lays out the value of the entry whose line has just been made.
func (f *layout) value(c *chunk, v *yaml.Node, path []string, column int, mark string, inFlow bool) {
	if isEmpty(v) {
		if mark == ":" {
			g := f.gap(-1)
			if g.marks != ":" || len(g.items) > 0 || g.trail != "" {
				panic(giveUp("a key has no value where one is expected"))
			}
		}
		return
	}
	if mark == ":" {
		g := f.gap(f.start(v))
		if g.marks != ":" {
			panic(giveUp(fmt.Sprintf("%q stands where a colon is expected", g.marks)))
		}
		f.trailing(g)
		if len(g.items) > 0 {
			if v.Kind == yaml.ScalarNode || v.Kind == yaml.AliasNode {
				panic(giveUp("a comment stands between a key and its value"))
			}
			defer func(n int) {
				// They stand before the first entry of the value.
				c.body = slices.Insert(c.body, n, f.commentLines(g.items, columnPair{f.column(f.start(v)), column + indentWidth})...)
			}(len(c.body))
		}
	}
	props := f.properties(v)
	add := func(text string) {
		if text = strings.TrimRight(text, " "); text != "" {
			line := c.body[len(c.body)-1]
			if !strings.HasSuffix(line.text, " ") { // behind a dash there is one
				line.text += " "
			}
			line.text += text
		}
	}
	switch {
	case v.Kind == yaml.AliasNode:
		f.at += 1 + len(v.Value)
		if f.at > len(f.in) || !strings.HasSuffix(f.in[:f.at], "*"+v.Value) {
			panic(giveUp("an alias is not where it seems to be"))
		}
		add(props + "*" + v.Value)
	case v.Kind == yaml.ScalarNode:
		f.scalarValue(c, v, props, path, column, add)
	case v.Style&yaml.FlowStyle != 0:
		f.flow(c, v, props, path, column, add)
	default:
		add(props)
		f.children(c, v, path, column+indentWidth, false)
	}
}

// children lays out a map or a list below its entry.
func (f *layout) children(c *chunk, v *yaml.Node, path []string, column int, inFlow bool) {
	if len(v.Content) == 0 {
		panic(giveUp("an empty block is not understood"))
	}
	var chunks []*chunk
	if v.Kind == yaml.MappingNode {
		chunks = f.entries(v, path, column, inFlow)
	} else {
		chunks = f.items(v, path, column, inFlow)
	}
	for _, k := range chunks {
		c.body = append(append(c.body, k.head...), k.body...)
	}
}

// items lays out the entries of a list.
func (f *layout) items(n *yaml.Node, path []string, column int, inFlow bool) []*chunk {
	var out []*chunk
	for _, v := range n.Content {
		c := &chunk{}
		var g between
		from := 0
		if isEmpty(v) {
			if inFlow {
				panic(giveUp("a list has an entry without a value"))
			}
			g = f.gap(-1)
			from = f.at
		} else {
			from = f.start(v)
			g = f.gap(from)
		}
		f.before(&out, c, g, from, column, inFlow, "-")
		dash := strings.Repeat(" ", column) + "- "
		block := v.Style&yaml.FlowStyle == 0
		opens := block && (v.Kind == yaml.MappingNode || v.Kind == yaml.SequenceNode)
		switch {
		case isEmpty(v):
			f.emit(c, strings.TrimRight(dash, " "))
		case opens && v.Anchor == "" && v.Style&yaml.TaggedStyle == 0:
			f.children(c, v, append(path, "-"), column+2, false)
			first := slices.IndexFunc(c.body, func(l *textLine) bool { return !strings.HasPrefix(strings.TrimSpace(l.text), "#") && l.text != "" })
			if first > 0 {
				c.head = append(c.head, dedent(c.body[:first], 2)...)
				c.body = c.body[first:]
			}
			c.body[0].text = dash + c.body[0].text[column+2:]
		case opens:
			f.emit(c, dash+strings.TrimRight(f.properties(v), " "))
			f.children(c, v, append(path, "-"), column+2, false)
		case v.Kind == yaml.MappingNode && len(v.Content) > 0 || v.Kind == yaml.SequenceNode && len(v.Content) > 0:
			f.flowItem(c, v, append(path, "-"), column, dash)
		default:
			f.emit(c, dash)
			f.value(c, v, append(path, "-"), column, "", inFlow)
		}
		out = append(out, c)
	}
	return out
}

func dedent(lines []*textLine, by int) []*textLine {
	for _, l := range lines {
		l.text = strings.TrimPrefix(l.text, strings.Repeat(" ", by))
	}
	return lines
}

// flowItem lays out a map or list in brackets that is an entry of a list.
func (f *layout) flowItem(c *chunk, v *yaml.Node, path []string, column int, dash string) {
	if v.Anchor != "" || v.Style&yaml.TaggedStyle != 0 {
		f.emit(c, dash+strings.TrimRight(f.properties(v), " "))
	}
	if row, ok := f.row(v, path, column); ok {
		if len(c.body) > 0 {
			c.body[0].text += " " + row
		} else {
			f.emit(c, dash+row)
		}
		return
	}
	open := f.open(v)
	n := len(c.body)
	f.children(c, v, path, column+2, true)
	f.close(open)
	if n == 0 {
		if strings.HasPrefix(strings.TrimSpace(c.body[0].text), "#") {
			panic(giveUp("a comment stands behind a bracket that opens"))
		}
		c.body[0].text = dash + c.body[0].text[column+2:]
	}
}

// flow lays out a map or list in brackets: on its line if it is a short row of
// names, else as a block.
func (f *layout) flow(c *chunk, v *yaml.Node, props string, path []string, column int, add func(string)) {
	if row, ok := f.row(v, path, column); ok {
		add(props + row)
		return
	}
	add(props)
	open := f.open(v)
	f.children(c, v, path, column+indentWidth, true)
	f.close(open)
}

func (f *layout) open(v *yaml.Node) byte {
	if f.at >= len(f.in) || f.in[f.at] != '[' && f.in[f.at] != '{' {
		panic(giveUp("a map within a list has no brackets"))
	}
	f.at++
	return f.in[f.at-1]
}

func (f *layout) close(open byte) {
	want := "]"
	if open == '{' {
		want = "}"
	}
	for {
		g := f.gap(-1)
		f.trailing(between{trail: g.trail})
		if len(g.items) > 0 {
			panic(giveUp("a comment stands before a bracket that closes"))
		}
		switch g.marks {
		case want:
			return
		case ",":
		default:
			panic(giveUp("a bracket is not closed where it seems to be"))
		}
	}
}

// rowKeys are the keys whose lists may stand on one line.
var rowKeys = []string{"rules", "group-by", "output", "allow", "targets", "field", "alert", "by", "actions"}

// rowWidth is how long a line with a list in brackets may be; longer ones are
// blocks.
const rowWidth = 140

// row is a list in brackets on the line of its key, if it is to stay one.
func (f *layout) row(v *yaml.Node, path []string, column int) (string, bool) {
	if len(v.Content) == 0 {
		open := f.open(v)
		f.close(open)
		if open == '[' {
			return "[]", true
		}
		return "{}", true
	}
	known := slices.Contains(topKeys[:], path[0])
	key := path[len(path)-1]
	may := slices.Contains(rowKeys, key) && (path[0] == "hunt" || path[0] == "correlation" || path[0] == "filter") ||
		len(path) == 3 && path[0] == "hunt" && path[1] == "iocs"
	if known && !may {
		return "", false
	}
	if v.Kind != yaml.SequenceNode || slices.ContainsFunc(v.Content, func(n *yaml.Node) bool {
		return n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || isEmpty(n)
	}) {
		return "", false
	}
	// Read ahead: on one line, without a comment, and short enough.
	was, comments := f.at, len(f.comments)
	f.open(v)
	var parts []string
	ok := true
	for _, n := range v.Content {
		g := f.gap(f.start(n))
		text, rest := f.scalar(n)
		ok = ok && len(rest) == 0 && g.trail == "" && len(g.items) == 0
		parts = append(parts, text)
	}
	before := f.at
	for ok {
		g := f.gap(-1)
		ok = ok && g.trail == "" && len(g.items) == 0
		if g.marks == "]" {
			break
		}
		ok = ok && g.marks == ","
	}
	s := "[" + strings.Join(parts, ", ") + "]"
	if !ok || strings.Contains(f.in[was:max(before, f.at)], "\n") || column+len(key)+2+len([]rune(s)) > rowWidth {
		f.at, f.comments = was, f.comments[:comments]
		return "", false
	}
	return s, true
}

// properties reads the anchor and the tag of a node; what comes back ends in a
// space.
func (f *layout) properties(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode || n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 && !strings.HasPrefix(f.in[min(f.at, len(f.in)):], "!") {
		return ""
	}
	end := f.src.skipProperties(f.at)
	text := f.in[f.at:end]
	if strings.Contains(text, "#") {
		panic(giveUp("a comment stands behind an anchor or a tag"))
	}
	f.at = end
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " ") + " "
}

// proseKeys are the keys whose texts are literal blocks if they have lines.
var proseKeys = []string{"description", "definition", "pipeline", "splunk", "defender"}

// scalarValue lays out a text as a value.
func (f *layout) scalarValue(c *chunk, v *yaml.Node, props string, path []string, column int, add func(string)) {
	if v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		f.block(c, props, column, add)
		return
	}
	if v.Style&yaml.DoubleQuotedStyle != 0 && strings.Contains(v.Value, "\n") && blockSafe(v.Value) && props == "" && slices.Contains(proseKeys, path[len(path)-1]) {
		// A text of several lines reads best as one.
		f.scalar(v)
		var y yamlText
		y.block(0, "", v.Value)
		add(strings.TrimPrefix(y.lines[0], ": "))
		c.body[len(c.body)-1].closed = true
		for _, l := range y.lines[1:] {
			f.blockLine(c, strings.TrimPrefix(l, indentation(1)), column+indentWidth)
		}
		return
	}
	nextLine := f.at > 0 && strings.TrimSpace(f.in[strings.LastIndexByte(f.in[:f.at], '\n')+1:f.at]) == ""
	text, rest := f.scalar(v)
	if nextLine && len(rest) > 0 {
		add(props)
		rest = append([]string{text}, rest...)
	} else {
		add(props + text)
	}
	for _, l := range rest {
		if l != "" {
			l = strings.Repeat(" ", column+indentWidth) + l
		}
		f.emit(c, l)
	}
}

func (f *layout) blockLine(c *chunk, l string, column int) {
	if l != "" {
		l = strings.Repeat(" ", column) + l
	}
	f.emit(c, l)
	f.last.closed = true
}

// block lays out a literal or folded block.
func (f *layout) block(c *chunk, props string, column int, add func(string)) {
	rest := f.in[f.at:]
	end := strings.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	header, comment := rest[:end], ""
	if i := strings.IndexByte(header, '#'); i >= 0 {
		text := strings.TrimRight(header[i:], " \t")
		f.comments = append(f.comments, text)
		header, comment = header[:i], spacing(f.in, f.at+i)+text
	}
	header = strings.TrimSpace(header)
	if header == "" || strings.Trim(header[1:], "+-123456789") != "" {
		panic(giveUp("the head of a block is not understood"))
	}
	digit := strings.IndexAny(header, "123456789")
	was := f.columns[len(f.columns)-1].was
	base := -1
	if digit >= 0 {
		base = was + int(header[digit]-'0')
		header = strings.Replace(header, header[digit:digit+1], fmt.Sprint(indentWidth), 1)
	}
	f.at += end
	var lines []string
	kept := 0 // lines up to the last that is not empty
	keep := strings.Contains(header, "+")
	pos := f.at
	for pos < len(f.in) {
		pos++ // the line break
		next := strings.IndexByte(f.in[pos:], '\n')
		if next < 0 {
			next = len(f.in) - pos
		}
		if pos == len(f.in) {
			break
		}
		line := f.in[pos : pos+next]
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		if spaces < len(line) {
			if base < 0 {
				base = spaces
				if base <= was {
					break
				}
			}
			if spaces < base {
				break
			}
		}
		content := ""
		if base >= 0 && len(line) > base {
			content = line[base:]
		}
		lines = append(lines, content)
		if content != "" || keep {
			kept = len(lines)
			f.at = pos + next
		}
		pos += next
	}
	if kept > 0 && f.at == len(f.in) {
		// The text ends without a line break, as does the file, which gets one.
		header = strings.TrimRight(header, "+-") + "-"
	}
	add(props + header)
	c.body[len(c.body)-1].comment = comment
	for _, l := range lines[:kept] {
		f.blockLine(c, l, column+indentWidth)
	}
	if kept == 0 {
		c.body[len(c.body)-1].closed = true
	}
	if f.last == nil || kept == 0 {
		f.last = c.body[len(c.body)-1]
	}
}

// scalar reads a text that is no block: its first line, and those that it goes
// on over.
func (f *layout) scalar(n *yaml.Node) (first string, rest []string) {
	from := f.at
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if from >= len(f.in) || f.in[from] != '"' && f.in[from] != '\'' {
			panic(giveUp("a quote is not where it seems to be"))
		}
		end := f.src.closingQuote(from + 1)
		if end >= len(f.in) {
			panic(giveUp("a quote is not closed where it seems to be"))
		}
		f.at = end + 1
	default:
		f.at = f.plainEnd(from, n.Value)
	}
	text := f.in[from:f.at]
	if !strings.Contains(text, "\n") {
		if n.Style&yaml.DoubleQuotedStyle != 0 && !needsEscape(n.Value) && !strings.ContainsAny(n.Value, "'\n\t") && plainEscapes(text) {
			text = quoted(n.Value)
		}
		return text, nil
	}
	own := -1
	if column := f.column(from); strings.TrimSpace(f.in[from-column:from]) == "" {
		own = column
	}
	return firstOfLines(strings.Split(text, "\n"), own)
}

// plainEscapes reports whether a text in double quotes has no escapes but
// those of a quote and a backslash; others are there to be seen.
func plainEscapes(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\\' {
			if i++; text[i] != '\\' && text[i] != '"' {
				return false
			}
		}
	}
	return true
}

// firstOfLines trims the lines of a text that goes on over several, and keeps
// how they are indented to each other. The first one counts if it has a line of
// its own, where it is indented by so much; else that is -1.
func firstOfLines(lines []string, own int) (first string, rest []string) {
	least := own
	for i := range lines {
		if i+1 < len(lines) {
			lines[i] = strings.TrimRight(lines[i], " \t")
		}
		if i == 0 || lines[i] == "" {
			continue
		}
		if in := len(lines[i]) - len(strings.TrimLeft(lines[i], " ")); least < 0 || in < least {
			least = in
		}
	}
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = lines[i][least:]
		}
	}
	if own > least {
		lines[0] = strings.Repeat(" ", own-least) + lines[0]
	}
	return lines[0], lines[1:]
}

// plainEnd is where a text without quotes ends, which has a value: a line
// break within it stands for a space, several for one fewer.
func (f *layout) plainEnd(from int, value string) int {
	i := from
	for j := 0; j < len(value); {
		if i >= len(f.in) {
			panic(giveUp("a text is not where it seems to be"))
		}
		space := i
		for space < len(f.in) && strings.IndexByte(" \t\n", f.in[space]) >= 0 {
			space++
		}
		if breaks := strings.Count(f.in[i:space], "\n"); breaks > 0 {
			folded := " "
			if breaks > 1 {
				folded = strings.Repeat("\n", breaks-1)
			}
			if !strings.HasPrefix(value[j:], folded) {
				panic(giveUp("a text is not where it seems to be"))
			}
			i, j = space, j+len(folded)
			continue
		}
		if f.in[i] != value[j] {
			panic(giveUp("a text is not where it seems to be"))
		}
		i, j = i+1, j+1
	}
	return i
}

// same reports whether two nodes say the same: keys, values, tags, anchors,
// and the order of entries where it was not changed on purpose.
func (f *layout) same(a, b *yaml.Node, path []string, seen map[*yaml.Node]bool) bool {
	if a.Kind != b.Kind || a.Value != b.Value || a.Anchor != b.Anchor || a.ShortTag() != b.ShortTag() || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Style&yaml.FoldedStyle != b.Style&yaml.FoldedStyle {
		return false
	}
	switch a.Kind {
	case yaml.AliasNode:
		if seen[a.Alias] {
			return true
		}
		seen[a.Alias] = true
		return f.same(a.Alias, b.Alias, path, seen)
	case yaml.MappingNode:
		x, y := pairsOf(a), pairsOf(b)
		if !f.keepOrder {
			sortBy(x, path, func(p pair) string { return p.key.Value })
			sortBy(y, path, func(p pair) string { return p.key.Value })
		}
		for i := range x {
			if !f.same(x[i].key, y[i].key, path, seen) || !f.same(x[i].value, y[i].value, append(path, x[i].key.Value), seen) {
				return false
			}
		}
	case yaml.SequenceNode:
		for i := range a.Content {
			if !f.same(a.Content[i], b.Content[i], append(path, "-"), seen) {
				return false
			}
		}
	}
	return true
}

func pairsOf(n *yaml.Node) []pair {
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pair{n.Content[i], n.Content[i+1]})
	}
	return out
}

// Orders of keys. Keys that are not in an order stand behind it; in a
// document, before the block "hunt".
var (
	topOrder = []string{
		"title", "id", "name", "related", "taxonomy", "status", "description", "license", "references", "author", "date", "modified", "tags",
		"action", "logsource", "detection", "correlation", "filter", "fields", "falsepositives", "level", "scope", "generate",
	}
	huntOrder = []string{"template", "window", "windows", "allow", "targets", "phase", "confidence", "article", "iocs", "output", "branches", "pipeline", "native", "intent", "alert", "schedule", "throttle", "finding", "risk", "entities", "response", "tests"}
)

// orderOf is the order of the keys of a map: those that stand in front, and
// those at the end; nil if it is the author's.
func orderOf(path []string) (front, end []string) {
	at := func(names ...string) bool {
		return len(path) == len(names) && matches(path, names)
	}
	switch {
	case len(path) == 0:
		return topOrder, []string{"hunt"}
	case at("logsource"), at("hunt", "branches", "*", "logsource"):
		return logsourceKeys, nil
	case at("detection"), at("hunt", "branches", "*", "detection"):
		return nil, []string{"condition"}
	case at("filter"):
		return []string{"rules"}, []string{"condition"}
	case at("correlation"):
		return correlationKeys, nil
	case at("related", "-"):
		return relatedKeys, nil
	case at("hunt"):
		return huntOrder, nil
	case at("hunt", "article"):
		return articleKeys, nil
	case len(path) >= 2 && path[0] == "hunt" && deploymentOrder(path[1:]) != nil:
		return deploymentOrder(path[1:]), nil
	case at("hunt", "tests", "-"):
		return testKeys, nil
	case at("hunt", "branches", "*"):
		return branchKeys, nil
	}
	return nil, nil
}

func matches(path, names []string) bool {
	for i, n := range names {
		if n != "*" && n != path[i] {
			return false
		}
	}
	return true
}

func reorder(chunks []*chunk, path []string) {
	sortBy(chunks, path, func(c *chunk) string { return c.key })
}

// sortBy puts entries of a map in the order of its keys, which is stable.
func sortBy[T any](list []T, path []string, key func(T) string) {
	front, end := orderOf(path)
	if front == nil && end == nil {
		return
	}
	rank := func(v T) int {
		k := key(v)
		if k == "<<" {
			return -1
		}
		if i := slices.Index(front, k); i >= 0 {
			return i
		}
		if i := slices.Index(end, k); i >= 0 {
			return len(front) + 1 + i
		}
		return len(front)
	}
	slices.SortStableFunc(list, func(a, b T) int { return rank(a) - rank(b) })
}
