package sigma

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Limits on one pipeline.
const (
	maxPipeline = 64 << 10 // bytes
	maxStages   = 200
)

// pipeline builds the query of a hunt, stage by stage.
type pipeline struct {
	*document
	branches []*branch // empty for the pipeline of a branch itself
	inBranch bool
	at       *textMap
	base     int // where the current stage starts in the text

	query ir.Query
	// cols are the columns at this point; nil while the rows are still events,
	// whose fields the schema knows.
	cols []string
	// added are columns that stages have put beside the fields of events.
	added []string
}

// start begins with the rows of a source and the columns chosen of them.
func (p *pipeline) start(main ir.Query, output []item) {
	p.query = main
	p.cols = ir.Columns(main)
	if len(output) == 0 {
		return
	}
	for _, o := range output {
		p.checkColumn(&ir.Field{Span: o.Span, Name: o.text})
	}
	proj := &ir.Project{Span: diag.Span{Pos: output[0].Pos, EndPos: output[len(output)-1].EndPos}, Input: main}
	p.cols = make([]string, 0, len(output))
	for _, o := range output {
		proj.Cols = append(proj.Cols, &ir.Col{Span: o.Span, As: o.text, X: &ir.Field{Span: o.Span, Name: o.text}})
		p.cols = append(p.cols, o.text)
	}
	p.query = proj
}

// run applies the stages. Each stage is parsed by itself, so that one error
// does not hide the next.
func (p *pipeline) run(n *yaml.Node) {
	n = resolve(n)
	text, ok := p.textOf("pipeline", n)
	if !ok {
		return
	}
	p.at = p.src.textMap(n)
	if len(text) > maxPipeline {
		p.diags.Errorf(codePipelineSize, p.src.span(n), "", "the pipeline has %d bytes; the limit is %d", len(text), maxPipeline)
		return
	}
	if n.Style&yaml.FoldedStyle != 0 {
		p.diags.Errorf(codePipeline, p.src.span(n), "Write \"pipeline: |\".", "a pipeline needs its line breaks, and \">\" joins its lines")
		return
	}
	parts := splitStages(text)
	if len(parts) > maxStages {
		p.diags.Errorf(codePipelineSize, p.src.span(n), "", "the pipeline has %d stages; the limit is %d", len(parts), maxStages)
		return
	}
	if len(parts) == 0 {
		p.diags.Errorf(codePipeline, p.src.span(n), "Write a stage, or remove the key.", "the pipeline is empty")
		return
	}
	for _, part := range parts {
		p.base = part.from
		p.stage(text[part.from:part.to])
	}
}

type stretch struct{ from, to int }

// splitStages cuts the text at line breaks and at | outside strings and
// parentheses. A line that is indented more than the first line of its stage
// continues it. Lines of comment alone are left out.
func splitStages(text string) []stretch {
	var out []stretch
	from, depth, indent := 0, 0, 0
	emit := func(to int) {
		const space = " \t\r\n"
		bare := stripComments(text[from:to]) // of the same length
		if lead := len(bare) - len(strings.TrimLeft(bare, space)); lead < len(bare) {
			out = append(out, stretch{from + lead, from + len(strings.TrimRight(bare, space))})
		}
		from = to
	}
	lineIndent := func(i int) (int, bool) {
		j := i
		for j < len(text) && (text[j] == ' ' || text[j] == '\t') {
			j++
		}
		blank := j == len(text) || text[j] == '\n' || text[j] == '\r' || strings.HasPrefix(text[j:], "//")
		return j - i, blank
	}
	indent, _ = lineIndent(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if i < len(text) && text[i] == '\n' {
				i--
			}
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
			i--
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case c == '|' && depth == 0:
			emit(i)
			from = i + 1
		case c == '\n':
			in, blank := lineIndent(i + 1)
			started := strings.TrimSpace(stripComments(text[from:i])) != ""
			switch {
			case blank || depth > 0:
			case !started:
				indent = in
			case in <= indent:
				emit(i)
				indent = in
			}
		}
	}
	emit(len(text))
	return out
}

// stripComments blanks out comments; strings are left alone.
func stripComments(s string) string {
	if !strings.Contains(s, "//") {
		return s
	}
	b := []byte(s)
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '"' || b[i] == '\'':
			q := b[i]
			for i++; i < len(b) && b[i] != q && b[i] != '\n'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case b[i] == '/' && i+1 < len(b) && b[i+1] == '/':
			for ; i < len(b) && b[i] != '\n'; i++ {
				b[i] = ' '
			}
		}
	}
	return string(b)
}

// span is a stretch of the current stage in the file.
func (p *pipeline) span(from, to int) diag.Span { return p.at.span(p.base+from, p.base+to) }

func (p *pipeline) stage(src string) {
	all := p.span(0, len(src))
	word := firstWord(src)
	if !slices.Contains(stageNames, word) {
		hint := "The stages are " + strings.Join(stageNames, ", ") + ". To continue a stage on the next line, indent it."
		if near := nearest(word, stageNames); near != "" {
			hint = fmt.Sprintf("Did you mean %q?", near)
		} else if slices.Contains([]string{"and", "or", "by", "on", "as"}, word) || word == "" {
			hint = "To continue a stage on the next line, indent it."
		}
		what := fmt.Sprintf("there is no stage %q", word)
		if word == "" {
			what = "a stage begins with a word"
		}
		p.diags.Errorf(codeStage, p.span(0, max(1, len(word))), hint, "%s", what)
		return
	}
	if at := stageDepth(src); at >= 0 {
		p.diags.Errorf(codePipelineSize, p.span(at, at+1), "", "parentheses nest more than %d deep", maxDepth)
		return
	}
	s, from, to, message, hint := parseStage(src)
	if s == nil {
		p.diags.Errorf(codePipeline, p.span(from, to), hint, "%s", message)
		return
	}
	switch {
	case s.Where != nil:
		if x := p.pred(s.Where.Pred); x != nil {
			p.query = &ir.Filter{Span: all, Input: p.query, Pred: x}
		}
	case s.Extend != nil:
		p.extend(all, s.Extend)
	case s.Summarize != nil:
		p.summarize(all, s.Summarize)
	case s.Gaps != nil:
		p.gaps(all, s.Gaps)
	case s.Sessions != nil:
		p.sessions(all, s.Sessions)
	case s.Prev != nil:
		p.prev(all, s.Prev)
	case s.Rank != nil:
		p.rank(all, s.Rank)
	case s.Sort != nil:
		p.query = &ir.Sort{Span: all, Input: p.query, Keys: p.sortKeys(s.Sort)}
	case s.Top != nil:
		p.top(all, s.Top)
	case s.Limit != nil:
		if n, ok := p.count(s.Limit); ok {
			p.query = &ir.Limit{Span: all, Input: p.query, N: n}
		}
	case s.Distinct != nil:
		by := p.fields(s.Distinct)
		p.query = &ir.Distinct{Span: all, Input: p.query, By: by}
		p.closeTo(by)
	case s.Project != nil:
		p.project(all, s.Project)
	case s.Union != nil:
		p.union(all, s.Union)
	case s.Join != nil:
		p.join(all, s.Join)
	}
}

// stageDepth is the place of a parenthesis that nests too deeply, or -1.
func stageDepth(src string) int {
	depth := 0
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '"', '\'':
			for i++; i < len(src) && src[i] != c && src[i] != '\n'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
		case '(':
			if depth++; depth > maxDepth {
				return i
			}
		case ')':
			depth--
		}
	}
	return -1
}

// closeTo says that there are exactly these columns from here on.
func (p *pipeline) closeTo(by []*ir.Field) {
	p.cols, p.added = make([]string, 0, len(by)), nil
	for _, f := range by {
		p.cols = append(p.cols, f.Name)
	}
}

// add makes a column known from here on; it reports whether the name was free.
func (p *pipeline) add(as string, at diag.Span) bool {
	if slices.Contains(p.cols, as) || slices.Contains(p.added, as) {
		p.diags.Errorf(codeDuplicateCol, at, "Choose another name.", "there is a column %q already", as)
		return false
	}
	if p.cols != nil {
		p.cols = append(p.cols, as)
	} else {
		p.added = append(p.added, as)
	}
	return true
}

// field reads the name of a column that exists at this point.
func (p *pipeline) field(n *name) *ir.Field {
	f := &ir.Field{Span: p.span(n.Pos.Offset, n.EndPos.Offset), Name: n.value()}
	if p.checkField(f.Name, f.Span) {
		p.checkColumn(f)
	}
	return f
}

// checkColumn reports a column that does not exist at this point.
func (p *pipeline) checkColumn(f *ir.Field) {
	if p.cols != nil && !slices.Contains(p.cols, f.Name) {
		hint := "The columns here are " + strings.Join(p.cols, ", ") + "."
		if near := nearest(f.Name, p.cols); near != "" {
			hint = fmt.Sprintf("Did you mean %q?", near)
		}
		p.diags.Errorf(codeColumn, f, hint, "there is no column %q at this point of the pipeline", f.Name)
	}
}

// value is the text of a name, which ['…'] may quote.
func (n *name) value() string {
	if strings.HasPrefix(n.Text, "[") {
		return unquote(n.Text[1 : len(n.Text)-1])
	}
	return n.Text
}

func (p *pipeline) fields(names []*name) []*ir.Field {
	var out []*ir.Field
	for _, n := range names {
		f := p.field(n)
		if ir.HasField(out, f.Name) {
			p.diags.Errorf(codeDuplicateCol, f, "Remove one.", "the column %q stands there twice", f.Name)
			continue
		}
		out = append(out, f)
	}
	return out
}

func (p *pipeline) sortKeys(keys []*sortKey) []*ir.SortKey {
	var out []*ir.SortKey
	for _, k := range keys {
		out = append(out, &ir.SortKey{Span: p.span(k.Pos.Offset, k.EndPos.Offset), X: p.field(k.Of), Desc: k.Dir == "desc"})
	}
	return out
}

// count reads a number of rows.
func (p *pipeline) count(n *number) (int, bool) {
	v := 0
	if len(n.Text) > 7 || strings.Contains(n.Text, ".") {
		v = -1
	} else if _, err := fmt.Sscanf(n.Text, "%d", &v); err != nil {
		v = -1
	}
	if v < 1 {
		p.diags.Errorf(codePipeline, p.span(n.Pos.Offset, n.EndPos.Offset), "", "a number of rows is whole, from 1 to 9999999")
		return 0, false
	}
	return v, true
}

func (p *pipeline) extend(all diag.Span, cols []*namedExpr) {
	out := &ir.Extend{Span: all, Input: p.query}
	for _, c := range cols {
		if c.As == nil {
			p.diags.Errorf(codePipeline, p.span(c.Pos.Offset, c.EndPos.Offset), "Write name = expression.", "a new column needs a name")
			continue
		}
		if x := p.sum(c.X); x != nil {
			out.Cols = append(out.Cols, &ir.Col{Span: p.span(c.Pos.Offset, c.EndPos.Offset), As: c.As.value(), X: x})
		}
	}
	for _, c := range out.Cols {
		if p.checkField(c.As, c.Span) {
			p.add(c.As, c.Span)
		}
	}
	p.query = out
}

// namedColumns reads expressions that are columns of their own: those of project
// and the keys of summarize. A column without a name has that of its field.
func (p *pipeline) namedColumns(in []*namedExpr) []*ir.Col {
	var out []*ir.Col
	for _, c := range in {
		at := p.span(c.Pos.Offset, c.EndPos.Offset)
		sum, as := c.X, ""
		if c.As != nil {
			as = c.As.value()
		} else {
			sum = c.Bare
		}
		x := p.sum(sum)
		if x == nil {
			continue
		}
		if as == "" {
			switch x := x.(type) {
			case *ir.Field:
				as = x.Name
			case *ir.Call:
				if f, ok := x.Args[0].(*ir.Field); ok && x.Func == ir.Bin {
					as = f.Name
				}
			}
		}
		if as == "" {
			p.diags.Errorf(codePipeline, at, "Write name = expression.", "this column needs a name")
			continue
		}
		if !p.checkField(as, at) {
			continue
		}
		if slices.ContainsFunc(out, func(o *ir.Col) bool { return o.As == as }) {
			p.diags.Errorf(codeDuplicateCol, at, "Choose another name.", "there is a column %q already", as)
			continue
		}
		out = append(out, &ir.Col{Span: at, As: as, X: x})
	}
	return out
}

func (p *pipeline) project(all diag.Span, in []*namedExpr) {
	cols := p.namedColumns(in)
	p.query = &ir.Project{Span: all, Input: p.query, Cols: cols}
	p.cols, p.added = []string{}, nil
	for _, c := range cols {
		p.cols = append(p.cols, c.As)
	}
}

func (p *pipeline) summarize(all diag.Span, s *stageSummarize) {
	out := &ir.Aggregate{Span: all, Input: p.query, By: p.namedColumns(s.By)}
	for _, c := range s.Aggs {
		if a := p.aggregate(c); a != nil {
			out.Aggs = append(out.Aggs, a)
		}
	}
	p.query = out
	p.cols, p.added = []string{}, nil
	for _, c := range out.By {
		p.cols = append(p.cols, c.As)
	}
	for _, a := range out.Aggs {
		p.add(a.As, a.Span)
	}
}

func (p *pipeline) aggregate(c *namedCall) *ir.Agg {
	at := p.span(c.Pos.Offset, c.EndPos.Offset)
	word := c.Func.value()
	i := slices.IndexFunc(aggregateFuncs, func(f aggregateFunc) bool { return f.name == word })
	if i < 0 {
		hint := "The aggregates are " + strings.Join(aggregateNames(), ", ") + "."
		if near := nearest(word, aggregateNames()); near != "" {
			hint = fmt.Sprintf("Did you mean %q?", near)
		}
		p.diags.Errorf(codeFunction, p.span(c.Func.Pos.Offset, c.Func.EndPos.Offset), hint, "there is no aggregate %q", word)
		return nil
	}
	f := aggregateFuncs[i]
	args, ok := p.arguments(f.name, f.usage, c.Args, len(c.Args) == len(f.params), func(i, _ int) ir.Param { return f.params[i] }, at)
	if !ok {
		return nil
	}
	a := &ir.Agg{Span: at, Func: f.id}
	switch f.id {
	case ir.Count:
	case ir.ArgMin, ir.ArgMax:
		if a.Of, ok = args[0].(*ir.Field); !ok {
			p.diags.Errorf(codeExprType, args[0], "Name the value with \"extend\" first.", "%q goes by a column", f.name)
			return nil
		}
		a.X = args[1]
	case ir.Percentile:
		if a.P, ok = percent(args[1]); !ok {
			p.diags.Errorf(codeExprType, args[1], "Write "+f.usage+".", "a percentile is a number above 0 and at most 100")
			return nil
		}
		a.X = args[0]
	default:
		a.X = args[0]
	}
	as := f.name
	if a.X != nil {
		as = ""
		if x, ok := a.X.(*ir.Field); ok {
			as = f.name + "_" + x.Name
		}
	}
	if c.As != nil {
		as = c.As.value()
	}
	if as == "" {
		p.diags.Errorf(codePipeline, at, "Write name = "+f.name+"(…).", "this aggregate needs a name")
		return nil
	}
	if !p.checkField(as, at) {
		return nil
	}
	a.As = as
	return a
}

// percent is the literal percentage of a percentile.
func percent(x ir.Expr) (float64, bool) {
	n := 0.0
	switch v := x.(*ir.Lit).Value.(type) { // a size is a literal
	case int64:
		n = float64(v)
	case float64:
		n = v
	}
	return n, n > 0 && n <= 100
}

func (p *pipeline) gaps(all diag.Span, s *stageGaps) {
	w := &ir.Window{Span: all, Input: p.query, Of: p.field(s.Of), By: p.fields(s.By), As: s.As.value()}
	if s.Back != nil {
		n, ok := p.count(s.Back)
		if !ok || n > maxBack {
			p.diags.Errorf(codePipeline, p.span(s.Back.Pos.Offset, s.Back.EndPos.Offset), "", "\"gaps\" looks at most %d rows back", maxBack)
			return
		}
		w.Offset = n
	}
	p.query = w
	p.newColumn(s.As)
}

// maxBack is the largest window of streamstats by default (limits.conf,
// max_stream_window).
const maxBack = 10_000

func (p *pipeline) sessions(all diag.Span, s *stageSessions) {
	at := p.span(s.Gap.Pos.Offset, s.Gap.EndPos.Offset)
	gap, ok := parseDuration(s.Gap.Text)
	if !ok || gap <= 0 {
		p.diags.Errorf(codeDuration, at, "", "%q is no length of time after which a session ends", s.Gap.Text)
		return
	}
	p.query = &ir.Session{Span: all, Input: p.query, Of: p.field(s.Of), By: p.fields(s.By), Gap: gap, As: s.As.value()}
	p.newColumn(s.As)
}

// prev adds the value of the row before.
func (p *pipeline) prev(all diag.Span, s *stagePrev) {
	lag := &ir.Lag{Span: all, Input: p.query, X: p.field(s.Of), By: p.fields(s.By), As: s.As.value()}
	if s.Along != nil {
		lag.Of = p.field(s.Along)
	} else if lag.Of = p.timestamp(all, "Say in which order the rows stand: prev of … as … along Column."); lag.Of == nil {
		return
	}
	p.query = lag
	p.newColumn(s.As)
}

// timestamp is the column of the time, if there is one here.
func (p *pipeline) timestamp(all diag.Span, hint string) *ir.Field {
	if p.cols != nil && !slices.Contains(p.cols, ir.Timestamp) {
		p.diags.Errorf(codeColumn, all, hint, "there is no column %q at this point of the pipeline", ir.Timestamp)
		return nil
	}
	return &ir.Field{Span: all, Name: ir.Timestamp}
}

// newColumn makes known a column that a stage adds.
func (p *pipeline) newColumn(n *name) {
	at := p.span(n.Pos.Offset, n.EndPos.Offset)
	if p.checkField(n.value(), at) {
		p.add(n.value(), at)
	}
}

func (p *pipeline) rank(all diag.Span, s *stageRank) {
	p.query = &ir.Rank{Span: all, Input: p.query, By: p.fields(s.Per), Keys: p.sortKeys(s.Keys), As: s.As.value()}
	p.newColumn(s.As)
}

// rankColumn is the column that the first rows of each group have their place
// in.
const rankColumn = "rank"

// top keeps the first rows of all, or of each group.
func (p *pipeline) top(all diag.Span, s *stageTop) {
	n, ok := p.count(s.N)
	keys := p.sortKeys(s.Keys)
	if !ok {
		return
	}
	if len(s.Per) == 0 {
		p.query = &ir.Limit{Span: all, Input: &ir.Sort{Span: all, Input: p.query, Keys: keys}, N: n}
		return
	}
	p.query = &ir.Rank{Span: all, Input: p.query, By: p.fields(s.Per), Keys: keys, As: rankColumn}
	if !p.add(rankColumn, all) {
		return
	}
	p.query = &ir.Filter{Span: all, Input: p.query, Pred: &ir.Compare{Span: all, Op: ir.Le, L: &ir.Field{Span: all, Name: rankColumn}, R: &ir.Lit{Span: all, Value: int64(n)}}}
}

// branchQuery builds the rows of a branch; each use has nodes of its own.
func (p *pipeline) branchQuery(n *name) *pipeline {
	at := p.span(n.Pos.Offset, n.EndPos.Offset)
	if p.inBranch {
		p.diags.Errorf(codeBranchUnknown, at, "Use it in the pipeline of the hunt.", "the pipeline of a branch cannot use other branches")
		return nil
	}
	var names []string
	for _, b := range p.branches {
		if b.name != n.value() {
			names = append(names, b.name)
			continue
		}
		if b.used {
			p.diags.Errorf(codeBranchUnknown, at, "Write a second branch.", "the branch %q is used already", b.name)
			return nil
		}
		b.used = true
		if b.base == nil {
			return nil
		}
		sub := &pipeline{document: p.document, inBranch: true}
		sub.start(b.base, b.output)
		if b.pipeline != nil {
			sub.run(b.pipeline)
		}
		return sub
	}
	hint := "Write it under hunt: {branches: {" + n.value() + ": {logsource: …, detection: …}}}; a list of rows is named in huntc.yaml, under lookups."
	if near := nearest(n.value(), names); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	p.diags.Errorf(codeBranchUnknown, at, hint, "there is no branch %q", n.value())
	return nil
}

func (p *pipeline) union(all diag.Span, names []*name) {
	u := &ir.Union{Span: all, Inputs: []ir.Query{p.query}}
	for _, n := range names {
		sub := p.branchQuery(n)
		if sub == nil {
			continue
		}
		u.Inputs = append(u.Inputs, sub.query)
		if p.cols == nil || sub.cols == nil {
			p.cols = nil
		} else {
			for _, c := range sub.cols {
				if !slices.Contains(p.cols, c) {
					p.cols = append(p.cols, c)
				}
			}
		}
	}
	p.query = u
}
