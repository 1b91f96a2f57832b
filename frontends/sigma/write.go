package sigma

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Write prints a hunt as a document that a person could have written: tests
// of fields as named selections, what comes after as a pipeline. Loading it
// gives a hunt with the same query (ir.Canonical) and says the same of itself;
// Write makes sure of that itself. What the language has no words for is an
// error that names it, and there is no document then.
//
// A correlation has to be linked if its rows go through a pipeline. Lookups
// are named in the document and stand in huntc.yaml.
func Write(h *ir.Hunt) ([]byte, diag.List) {
	w := &writer{h: h}
	bad := try(w.document)
	if bad != nil {
		w.refuse(bad)
	}
	if w.diags.HasErrors() {
		w.diags.Sort()
		return nil, w.diags
	}
	out := []byte(strings.Join(w.out.lines, "\n") + "\n")
	w.verify(out)
	w.diags.Sort()
	if w.diags.HasErrors() {
		return nil, w.diags
	}
	return out, w.diags
}

// writer prints one hunt.
type writer struct {
	h     *ir.Hunt
	out   yamlText
	diags diag.List

	branches []*body
	names    []string // of branches and lookups
	lookups  []Lookup
	lookBack time.Duration
}

func (w *writer) refuse(u *unsayable) {
	at := u.Span
	if !at.Pos.IsValid() {
		at = w.h.Span
	}
	w.diags.Errorf(codeUnsayable, at, u.hint, "a document cannot say %s", u.what)
}

// body is a source with what is done to its rows.
type body struct {
	name      string
	logsource ir.Logsource
	detection *detectionWriter // nil: every event
	condition *clause
	output    []string
	pipeline  []string
}

// document lays the whole document out.
func (w *writer) document() {
	h, y := w.h, &w.out
	w.lookBack = h.LookBack
	var main *body
	switch {
	case h.Kind == ir.KindCorrelation || h.Correlation != nil:
		if h.Correlation == nil {
			cannot(h, "Mend the document that it comes from.", "a correlation that has errors")
		}
		main = w.afterCorrelation()
	case h.Query != nil:
		main = w.body(h.Query, false)
	case len(h.Natives) == 0:
		cannot(h, "Mend the document that it comes from.", "a hunt without a query")
	}
	if w.diags.HasErrors() {
		return
	}
	whole := len(h.Natives) > 0 || len(w.branches) > 0 || main != nil && (len(main.pipeline) > 0 || main.detection == nil && h.Correlation == nil)
	w.meta(whole)
	if main != nil && h.Correlation == nil {
		w.source(0, main)
	}
	if h.Correlation != nil {
		w.correlation()
	}
	var fields []string
	for _, f := range h.Fields {
		fields = append(fields, f.Name)
	}
	y.list(0, "fields", fields)
	y.list(0, "falsepositives", h.Meta.FalsePos)
	y.text(0, "level", h.Meta.Level)
	y.list(0, "scope", h.Meta.Scope)
	w.hunt(main)
	for _, c := range h.Meta.Custom {
		w.diags.Warnf(codeNotWritten, c, "Copy it from the document that the hunt comes from.", "the attribute %q is not written: a hunt keeps its name alone", c.Name)
	}
}

// date writes a date, which needs no quotes.
func (y *yamlText) date(depth int, key, v string) {
	if validDate(v, '-') {
		y.line(depth, key+": "+v)
		return
	}
	y.text(depth, key, v)
}

func (w *writer) meta(whole bool) {
	m, y := &w.h.Meta, &w.out
	y.line(0, "title: "+yamlScalar(m.Title, false))
	y.text(0, "id", m.ID)
	y.text(0, "name", m.Name)
	if len(m.Related) > 0 {
		y.line(0, "related:")
		for _, r := range m.Related {
			y.line(1, "- id: "+yamlScalar(r.ID, false))
			y.line(1, "  type: "+yamlScalar(r.Type, false))
		}
	}
	if whole {
		y.line(0, "taxonomy: huntc")
	}
	y.text(0, "status", m.Status)
	y.text(0, "description", m.Description)
	y.text(0, "license", m.License)
	y.list(0, "references", m.References)
	y.text(0, "author", m.Author)
	y.date(0, "date", m.Date)
	y.date(0, "modified", m.Modified)
	y.list(0, "tags", m.Tags)
}

// source writes the logsource and the detection.
func (w *writer) source(depth int, b *body) {
	y := &w.out
	y.line(depth, "logsource:")
	y.text(depth+1, "category", b.logsource.Category)
	y.text(depth+1, "product", b.logsource.Product)
	y.text(depth+1, "service", b.logsource.Service)
	y.line(depth, "detection:")
	if b.detection == nil {
		y.line(depth+1, "condition: true")
		return
	}
	for _, s := range b.detection.searches {
		y.line(depth+1, s.name+":")
		y.raw(depth+2, s.lines())
	}
	y.line(depth+1, "condition: "+b.detection.conditionText(b.condition, 0))
}

func (w *writer) hunt(main *body) {
	h, y, m := w.h, &w.out, &w.h.Meta
	at := len(y.lines)
	y.line(0, "hunt:")
	if w.lookBack != 0 {
		s, ok := durationText(w.lookBack)
		if !ok {
			cannot(h, "", "a look-back of %s", w.lookBack)
		}
		y.line(1, "window: "+s)
	}
	if c := h.Correlation; c != nil {
		y.text(1, "windows", string(c.Windowing))
	}
	var allow []string
	for _, a := range h.Allow {
		allow = append(allow, string(a.Code))
	}
	y.row(1, "allow", allow)
	y.row(1, "targets", h.Targets)
	y.text(1, "phase", m.Phase)
	y.text(1, "confidence", m.Confidence)
	if a := m.Article; a != nil {
		if *a == (ir.Article{}) {
			y.line(1, "article: {}")
		} else {
			y.line(1, "article:")
		}
		y.text(2, "title", a.Title)
		y.text(2, "url", a.URL)
		y.text(2, "publisher", a.Publisher)
		y.date(2, "published", a.Published)
		y.text(2, "severity", a.Severity)
	}
	if len(m.IOCs) > 0 {
		y.line(1, "iocs:")
		for _, l := range m.IOCs {
			y.list(2, yamlScalar(l.Name, true), l.Values)
		}
	}
	if main != nil {
		y.row(1, "output", main.output)
		if len(w.branches) > 0 {
			y.line(1, "branches:")
			for _, b := range w.branches {
				y.line(2, b.name+":")
				w.source(3, b)
				y.row(3, "output", b.output)
				w.pipeline(3, b)
			}
		}
		w.pipeline(1, main)
	}
	if len(h.Natives) > 0 {
		y.line(1, "native:")
		for _, n := range h.Natives {
			y.text(2, n.Target, n.Text)
		}
	}
	w.deployment(m.Deployment)
	w.tests()
	if len(y.lines) == at+1 {
		y.lines = y.lines[:at]
	}
}

func (w *writer) pipeline(depth int, b *body) {
	if len(b.pipeline) == 0 {
		return
	}
	text := strings.Join(b.pipeline, "\n") + "\n"
	if blockSafe(text) {
		w.out.block(depth, "pipeline", text)
		return
	}
	w.out.line(depth, "pipeline: "+quoted(text))
}

// mainInput is the query whose rows a stage works on.
func mainInput(q ir.Query) ir.Query {
	in := ir.Inputs(q)
	if len(in) == 0 {
		return nil
	}
	return in[0]
}

// afterCorrelation is what a document does with the rows of its correlation.
func (w *writer) afterCorrelation() *body {
	c := w.h.Correlation
	if !c.Piped {
		return &body{}
	}
	if c.Rows == nil || w.h.Query == nil {
		cannot(w.h, "Link it together with the rules that it counts.", "a correlation with a pipeline that has not been linked")
	}
	var nodes []ir.Query
	q := w.h.Query
	for q != c.Rows {
		if q == nil {
			cannot(w.h, "", "a correlation whose query does not start from its rows")
		}
		nodes = append(nodes, q)
		q = mainInput(q)
	}
	slices.Reverse(nodes)
	b := &body{}
	nodes = b.takeOutput(nodes)
	w.stages(b, nodes, false)
	return b
}

// body lays out a query from its source upward.
func (w *writer) body(q ir.Query, inBranch bool) *body {
	var nodes []ir.Query
	scan, ok := q.(*ir.Scan)
	for ; !ok; scan, ok = q.(*ir.Scan) {
		nodes = append(nodes, q)
		if q = mainInput(q); q == nil {
			cannot(nodes[len(nodes)-1], "", "a query that does not start from events")
		}
	}
	slices.Reverse(nodes)
	b := &body{}
	w.scan(b, scan)
	nodes = w.detect(b, nodes)
	if len(b.pipeline) == 0 {
		nodes = b.takeOutput(nodes)
	}
	w.stages(b, nodes, inBranch)
	return b
}

func (w *writer) scan(b *body, s *ir.Scan) {
	if s.Physical != nil {
		cannot(s, "Write the hunt before it is resolved for a target.", "the table %q of a target", s.Physical.Table)
	}
	if s.Source.Category == "" && s.Source.Product == "" && s.Source.Service == "" {
		cannot(s, "Give it a category, a product or a service.", "a source without a name")
	}
	if s.LookBack != 0 {
		if w.lookBack != 0 && w.lookBack != s.LookBack {
			cannot(s, "A hunt has one window.", "a source that looks back %s in a hunt that looks back %s", s.LookBack, w.lookBack)
		}
		w.lookBack = s.LookBack
	}
	b.logsource = s.Source
}

// detect takes the filters right above the source into the detection; what a
// detection cannot say begins the pipeline. A hunt's second filter stays a
// stage, as its author has it.
func (w *writer) detect(b *body, nodes []ir.Query) []ir.Query {
	var tests, stages []ir.Expr
	first := true
	for len(nodes) > 0 {
		f, ok := nodes[0].(*ir.Filter)
		if !ok {
			break
		}
		asStage := !first && w.h.Kind != ir.KindRule
		for _, c := range ir.Conjuncts(ir.Simplify(mirror(f.Pred))) {
			if ir.IsTrue(c) {
				continue
			}
			_, _, noTest := detectionOf(c, w.h.Meta.IOCs)
			noStage := try(func() { predText(c, 0) })
			switch {
			case noTest != nil && noStage != nil:
				if noTest.general {
					noTest = noStage
				}
				w.refuse(noTest)
			case noTest != nil || asStage && noStage == nil:
				stages = append(stages, c)
			default:
				tests = append(tests, c)
			}
		}
		first, nodes = false, nodes[1:]
	}
	if len(tests) > 0 {
		var bad *unsayable
		pred := ir.Simplify(ir.NewLogic(tests[0].At(), ir.And, tests...))
		if b.detection, b.condition, bad = detectionOf(pred, w.h.Meta.IOCs); bad != nil {
			w.refuse(bad)
		}
	}
	if len(stages) > 0 {
		b.pipeline = append(b.pipeline, whereText(ir.NewLogic(stages[0].At(), ir.And, stages...))...)
	}
	return nodes
}

// takeOutput takes a choice of columns right above the source.
func (b *body) takeOutput(nodes []ir.Query) []ir.Query {
	if len(nodes) == 0 {
		return nodes
	}
	p, ok := nodes[0].(*ir.Project)
	if !ok || len(p.Cols) == 0 {
		return nodes
	}
	var names []string
	for _, c := range p.Cols {
		f, ok := c.X.(*ir.Field)
		if !ok || f.Name != c.As || slices.Contains(names, c.As) {
			return nodes
		}
		names = append(names, c.As)
	}
	b.output = names
	return nodes[1:]
}

// stages writes the pipeline.
func (w *writer) stages(b *body, nodes []ir.Query, inBranch bool) {
	for i := 0; i < len(nodes); i++ {
		q := nodes[i]
		bad := try(func() {
			if i+1 < len(nodes) {
				if s := topText(mirrored1(nodes[i+1]), q); s != nil {
					b.pipeline = append(b.pipeline, s...)
					i++
					return
				}
			}
			b.pipeline = append(b.pipeline, w.stage(mirrored1(q), inBranch)...)
		})
		if bad != nil {
			if !bad.Pos.IsValid() {
				bad.Span = q.At()
			}
			w.refuse(bad)
		}
	}
}

// mirrored1 is a stage whose own condition has its constants on the right.
func mirrored1(q ir.Query) ir.Query {
	switch q := q.(type) {
	case *ir.Filter:
		return &ir.Filter{Span: q.Span, Input: q.Input, Pred: mirror(q.Pred)}
	}
	return q
}

func (w *writer) stage(q ir.Query, inBranch bool) []string {
	switch q := q.(type) {
	case *ir.Union:
		if inBranch {
			cannot(q, "Take all sources in within the hunt's own pipeline.", "a union within a branch")
		}
		names := make([]string, 0, len(q.Inputs))
		for _, in := range q.Inputs[1:] {
			names = append(names, w.branch(in))
		}
		if len(names) == 0 {
			cannot(q, "", "a union of one source")
		}
		return wrap(append([]string{"union"}, commas(names)...)...)
	case *ir.Join:
		if inBranch {
			cannot(q, "Join within the hunt's own pipeline.", "a join within a branch")
		}
		if len(q.On) == 0 {
			cannot(q, "", "a join on no column")
		}
		name := ""
		if t, ok := q.Right.(*ir.Table); ok {
			name = w.lookup(t)
		} else {
			name = w.branch(q.Right)
		}
		return wrap("join kind="+string(q.Kind)+" "+name, listText("on", q.On))
	}
	return stageText(q)
}

// branch adds a further source, and gives back its name.
func (w *writer) branch(q ir.Query) string {
	b := w.body(q, true)
	src := b.logsource
	word := src.Category
	if word == "" {
		word = src.Service
	}
	if word == "" {
		word = src.Product
	}
	b.name = w.freeName(snake(word))
	w.branches = append(w.branches, b)
	return b.name
}

func (w *writer) freeName(word string) string {
	if !branchName.MatchString(word) || slices.Contains(pipelineWords, word) {
		word = "branch"
	}
	name := word
	for n := 2; slices.Contains(w.names, name); n++ {
		name = fmt.Sprintf("%s_%d", word, n)
	}
	w.names = append(w.names, name)
	return name
}

// lookup names a list of rows that stands in huntc.yaml.
func (w *writer) lookup(t *ir.Table) string {
	if !branchName.MatchString(t.Name) || slices.Contains(pipelineWords, t.Name) {
		cannot(t, "Give it a name of letters, digits and underscores.", "a lookup of the name %q", t.Name)
	}
	for _, l := range w.lookups {
		if l.Name == t.Name {
			if !slices.Equal(l.Cols, t.Cols) || !slices.EqualFunc(l.Rows, t.Rows, slices.Equal) {
				cannot(t, "Give them different names.", "two lookups of the name %q", t.Name)
			}
			return t.Name
		}
	}
	if slices.Contains(w.names, t.Name) {
		cannot(t, "Rename the lookup.", "a lookup and a branch of the name %q", t.Name)
	}
	w.names = append(w.names, t.Name)
	w.lookups = append(w.lookups, Lookup{Name: t.Name, Cols: t.Cols, Rows: t.Rows})
	w.diags.Infof(codeNotWritten, t, "Name a file with these rows in huntc.yaml, under \"lookups\".", "the rows of the lookup %q do not stand in the document", t.Name)
	return t.Name
}

func (w *writer) correlation() {
	c, y := w.h.Correlation, &w.out
	y.line(0, "correlation:")
	y.text(1, "type", c.Type)
	var rules, groupBy, fields []string
	for _, r := range c.Rules {
		rules = append(rules, r.Name)
	}
	for _, f := range c.GroupBy {
		groupBy = append(groupBy, f.Name)
	}
	for _, f := range c.Fields {
		fields = append(fields, f.Name)
	}
	y.row(1, "rules", rules)
	y.row(1, "group-by", groupBy)
	span, ok := durationText(c.Timespan)
	if !ok || c.Timespan%time.Second != 0 || c.Timespan == 0 {
		cannot(c, "", "a correlation within %s", c.Timespan)
	}
	y.line(1, "timespan: "+span)
	if len(c.Aliases) > 0 {
		y.line(1, "aliases:")
		for _, a := range c.Aliases {
			y.line(2, yamlScalar(a.Name, true)+":")
			for _, f := range a.Fields {
				y.line(3, yamlScalar(f.Rule, true)+": "+yamlScalar(f.Field, false))
			}
		}
	}
	switch {
	case c.Expr != "" && len(c.Conditions) > 0:
		cannot(c, "", "a correlation with two conditions")
	case c.Expr != "":
		y.text(1, "condition", c.Expr)
	case len(c.Conditions) > 0 || len(fields) > 0:
		y.line(1, "condition:")
		if len(fields) == 1 {
			y.text(2, "field", fields[0])
		} else {
			y.row(2, "field", fields)
		}
		if c.Type == "value_percentile" {
			y.line(2, "percentile: "+plainNumber(c.Percentile))
		}
		for _, cond := range c.Conditions {
			y.line(2, wordOf(cond.Op)+": "+plainNumber(cond.Value))
		}
	}
	if c.Generate {
		y.line(1, "generate: true")
	}
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// wordOf is the key of a comparison in a correlation.
func wordOf(op ir.CmpOp) string {
	switch op {
	case ir.Eq:
		return "eq"
	case ir.Ne:
		return "neq"
	}
	return compareMods[op]
}

// verify loads what was written and holds it against the hunt.
func (w *writer) verify(out []byte) {
	path := w.h.Path
	if path == "" {
		path = "written.yml"
	}
	file, diags := Load(path, out, &Options{Lookups: w.lookups})
	for _, d := range diags {
		if d.Severity == diag.Error {
			w.diags.Errorf(codeUnsayable, w.h, d.Hint, "a document cannot say this hunt: %s", d.Message)
		}
	}
	if diags.HasErrors() {
		return
	}
	differs := func(what, want, have string) {
		w.diags.Errorf(codeWriteDiffers, w.h, "Keep the text that the hunt comes from, and report this.", "the document written reads otherwise than the hunt: %s: %s", what, firstDifference(want, have))
	}
	if len(file.Hunts) != 1 {
		differs("documents", "1", strconv.Itoa(len(file.Hunts)))
		return
	}
	e := file.entries[0]
	got := e.hunt
	if want, have := metaText(&w.h.Meta), metaText(&got.Meta); want != have {
		differs("metadata", want, have)
	}
	if want, have := w.huntText(w.h), w.huntText(got); want != have {
		differs("hunt", want, have)
	}
	q := got.Query
	if e.after != nil {
		var diags diag.List
		if q, diags = e.after(w.h.Correlation.Rows); diags.HasErrors() {
			for _, d := range diags {
				w.diags.Errorf(codeUnsayable, w.h, d.Hint, "a document cannot say this hunt: %s", d.Message)
			}
			return
		}
	} else if w.h.Correlation != nil {
		return // its query comes from its rules
	}
	if want, have := canonicalText(w.h.Query), canonicalText(q); want != have {
		differs("query", want, have)
	}
}

// canonicalText is a query in the form in which it is compared, constants on
// the right; the window of the hunt stands in the place of that of a source.
func canonicalText(q ir.Query) string {
	if q == nil {
		return ""
	}
	return ir.Format(ir.Canonical(ir.Normalize(ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Scan:
			if q.LookBack != 0 {
				return &ir.Scan{Source: q.Source, Physical: q.Physical}
			}
		case *ir.Filter:
			return mirrored1(q)
		}
		return q
	}))))
}

// huntText is what a document says beside its metadata and query.
func (w *writer) huntText(h *ir.Hunt) string {
	var b bytes.Buffer
	lookBack := h.LookBack
	if h == w.h {
		lookBack = w.lookBack
	}
	fmt.Fprintf(&b, "window %s\nfields", lookBack)
	for _, f := range h.Fields {
		fmt.Fprintf(&b, " %q", f.Name)
	}
	fmt.Fprintf(&b, "\ntargets %q\nallow", h.Targets)
	for _, a := range h.Allow {
		fmt.Fprintf(&b, " %s", a.Code)
	}
	for _, n := range h.Natives {
		fmt.Fprintf(&b, "\nnative %s %q", n.Target, n.Text)
	}
	if c := h.Correlation; c != nil {
		fmt.Fprintf(&b, "\ncorrelation %s within %s, %s windows, percentile %g, expression %q, generate %t", c.Type, c.Timespan, c.Windowing, c.Percentile, c.Expr, c.Generate)
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "\nrule %q", r.Name)
		}
		for _, f := range slices.Concat(c.GroupBy, c.Fields) {
			fmt.Fprintf(&b, "\nfield %q", f.Name)
		}
		for _, cond := range c.Conditions {
			fmt.Fprintf(&b, "\ncondition %s %g", cond.Op, cond.Value)
		}
		for _, a := range c.Aliases {
			fmt.Fprintf(&b, "\nalias %q", a.Name)
			for _, f := range a.Fields {
				fmt.Fprintf(&b, " %q %q", f.Rule, f.Field)
			}
		}
	}
	if len(h.Tests) > 0 {
		b.WriteString("\n" + testsText(h.Tests))
	}
	return b.String()
}

// metaText is metadata as text; custom attributes are left out.
func metaText(m *ir.Meta) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%q\n%q\n%q\n%q\n%q\n%q\n%q\n%q\n%q\n", m.Title, m.ID, m.Name, m.Status, m.Level, m.Description, m.Author, m.Date, m.Modified)
	fmt.Fprintf(&b, "%q\n%q\n%q\n%q\n%q\n%q\n%q\n", m.Tags, m.References, m.FalsePos, m.Phase, m.Confidence, m.License, m.Scope)
	if m.Article != nil {
		fmt.Fprintf(&b, "%q\n", []string{m.Article.Title, m.Article.URL, m.Article.Publisher, m.Article.Published, m.Article.Severity})
	}
	for _, r := range m.Related {
		fmt.Fprintf(&b, "%q %q\n", r.ID, r.Type)
	}
	for _, l := range m.IOCs {
		fmt.Fprintf(&b, "%q %q\n", l.Name, l.Values)
	}
	b.WriteString(deploymentText(m.Deployment))
	return b.String()
}

// firstDifference shows the first line in which two texts differ.
func firstDifference(want, have string) string {
	a, b := strings.Split(want, "\n"), strings.Split(have, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			other := ""
			if i < len(b) {
				other = b[i]
			}
			return fmt.Sprintf("%s became %s", a[i], other)
		}
	}
	return have
}
