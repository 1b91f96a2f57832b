package splunk

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// LiftText reads a search that a person wrote, with the meaning that Splunk
// gives it: what is read of a text is what it selects, not what its author may
// have had in mind. What cannot be said in the IR is an error at its place,
// and the rest is still read. LowerText writes the query again, and the text
// of that is read as the same query. The error list has the places in text.
func (b *Backend) LiftText(name, text string) backends.Lifted {
	q := backends.LiftedQuery{Span: diag.Span{Pos: diag.Pos{Filename: name, Line: 1, Column: 1}}}
	if len(text) > mostText {
		var diags diag.List
		diags.Errorf(codeTooLong, q.Span, "Keep long lists of values in a lookup.", "the search has %d bytes; at most %d are read", len(text), mostText)
		return backends.Lifted{Queries: []backends.LiftedQuery{q}, Diagnostics: diags}
	}
	s, diags := spl.Parse(name, text)
	if s != nil && steps(s) > mostSteps {
		diags.Errorf(codeTooLong, s, "Put several assignments into one eval, or take the search apart.", "the search has %d commands and assignments; at most %d are read", steps(s), mostSteps)
		s = nil
	}
	if s != nil {
		q.Span = s.Span
		r := &reading{b: b, text: text, out: &q, diags: &diags}
		query := r.search(s)
		if !diags.HasErrors() && query != nil {
			q.Query = ir.Normalize(b.missingLast(ir.Normalize(query)))
		}
	}
	diags.Sort()
	return backends.Lifted{Queries: []backends.LiftedQuery{q}, Diagnostics: diags}
}

// What LiftText reads at most: a multiple of what people write.
const (
	mostText  = 1 << 17 // bytes
	mostSteps = 500     // commands, and assignments of eval
)

// steps counts the commands and assignments of a search.
func steps(s *spl.Search) int {
	n := 0
	spl.Walk(s, func(x diag.Node) bool {
		switch x.(type) {
		case spl.Command, *spl.Assign:
			n++
		}
		return true
	})
	return n
}

// reading is one pipeline that is read.
type reading struct {
	b     *Backend
	text  string
	out   *backends.LiftedQuery
	diags *diag.List
	rows  ir.Query // that a search expression is asked of
	// sure are the columns that have a value where the condition that is read
	// matters: what stands before it with AND asks for them.
	sure []string
	// shown are the columns that hold the text of a time by now, and its format.
	shown []shownTime
}

type shownTime struct{ column, format string }

func (r *reading) fail(code diag.Code, at diag.Node, hint, format string, args ...any) {
	r.diags.Errorf(code, at, hint, format, args...)
}

func (r *reading) note(at diag.Node, message string) {
	r.out.Notes = append(r.out.Notes, backends.Note{Span: at.At(), Message: message})
}

func (r *reading) opaque(at diag.Node, m spl.Macro) {
	r.out.Opaque = append(r.out.Opaque, backends.Named{Span: at.At(), Name: m.Name, Args: m.Args})
	r.diags.Warnf(codeOpaque, at, "Write out what it stands for if it is to be known on other targets.", "the macro `%s` is not known: it is kept by its name", m.Name)
}

// at is the place of a word within a command: of a field, or an option.
func (r *reading) at(c diag.Node, word string) diag.Span {
	span := c.At()
	from, to := span.Pos.Offset, span.EndPos.Offset
	if word == "" || from < 0 || to > len(r.text) || from >= to {
		return span
	}
	within := r.text[from:to]
	for i := 0; ; {
		j := strings.Index(within[i:], word)
		if j < 0 {
			return span
		}
		i += j
		end := i + len(word)
		if (i == 0 || !nameByte(within[i-1])) && (end == len(within) || !nameByte(within[end])) {
			return r.spanOf(from+i, from+end, span)
		}
		i = end
	}
}

func nameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
}

// spanOf is the span of text[from:to], which begins not before base does.
func (r *reading) spanOf(from, to int, base diag.Span) diag.Span {
	advance := func(p diag.Pos, upTo int) diag.Pos {
		for _, c := range r.text[p.Offset:upTo] {
			if c == '\n' {
				p.Line++
				p.Column = 1
			} else {
				p.Column++
			}
		}
		p.Offset = upTo
		return p
	}
	start := advance(base.Pos, from)
	return diag.Span{Pos: start, EndPos: advance(start, to)}
}

// search reads a pipeline; nil where a command is not understood, of which
// those behind it are read as far as they tell something by themselves.
func (r *reading) search(s *spl.Search) ir.Query {
	cmds := s.Commands
	var q ir.Query
	if len(cmds) == 0 {
		r.fail(codeNoCommand, s, "", "the search has no commands")
		return nil
	}
	n := 1
	for len(cmds) > 1 && isComment(cmds[0]) {
		cmds = cmds[1:]
	}
	if t, ok := cmds[0].(*spl.Tstats); ok && prestats(t) {
		l := &lifter{b: r.b}
		q, n = l.appended(cmds)
		if l.diags.HasErrors() {
			r.fail(codeNoForm, t, "Without prestats, each tstats is a search of its own, and append puts one under the other.", "tstats with prestats is read only where stats adds up counts and times right behind it")
			q = nil
		}
	} else {
		q = r.source(cmds[0])
	}
	for cmds = cmds[n:]; len(cmds) > 0; cmds = cmds[n:] {
		if q == nil {
			// Subsearches stand by themselves.
			n = 1
			switch c := cmds[0].(type) {
			case *spl.Append:
				r.subsearch(c.Search)
			case *spl.Join:
				r.subsearch(c.Search)
			case *spl.Unknown:
				r.unknown(c)
			}
			continue
		}
		q, n = r.command(q, cmds)
	}
	return q
}

// isComment recognises a macro that stands for nothing, in front of the first
// bar.
func isComment(c spl.Command) bool {
	switch c := c.(type) {
	case *spl.MacroCmd:
		return c.Macro.Name == "comment"
	case *spl.SearchCmd:
		m, ok := c.Expr.(*spl.SearchMacro)
		return ok && m.Macro.Name == "comment"
	}
	return false
}

func (r *reading) subsearch(s *spl.Search) (ir.Query, *reading) {
	sub := &reading{b: r.b, text: r.text, out: r.out, diags: r.diags}
	q := sub.search(s)
	if q != nil {
		q = ir.Normalize(q)
	}
	return q, sub
}

// source reads the command that rows come from.
func (r *reading) source(c spl.Command) ir.Query {
	form := backends.RawEvents
	var q ir.Query
	switch c := c.(type) {
	case *spl.Tstats:
		form, q = backends.Tstats, r.tstats(c)
	case *spl.From:
		form = backends.Datamodel
		q = &ir.Scan{Span: c.Span, Physical: &ir.Physical{View: string(schema.CIM), Table: r.dataset(c, c.Model, nil)}}
	case *spl.SearchCmd:
		q = r.events(c, c.Expr)
	case *spl.MacroCmd:
		q = r.events(c, &spl.SearchMacro{Span: c.Span, Macro: c.Macro})
	case *spl.Unknown:
		r.unknown(c)
	default:
		r.fail(codeNoForm, c, "Begin with tstats, from or search.", "a search that begins with this command is not read")
	}
	if r.out.Form == "" {
		r.out.Form = form
	}
	return q
}

func (r *reading) unknown(c *spl.Unknown) {
	if _, known := unreadCommands[c.Name]; known || !strings.HasPrefix(c.Name, "`") {
		why := unreadCommands[c.Name]
		if why == "" {
			why = "Write what it does with other commands, or keep the text as it is under hunt.native."
		}
		if !spl.Knows(c.Name) { // of one that it knows, the parser has said what is wrong
			r.fail(codeNoCommand, c, why, "the command %s is not read", c.Name)
		}
		return
	}
	r.fail(codeNoCommand, c, "Put a | behind the macro.", "what stands behind the macro %s is not read", c.Name)
}

// unreadCommands says why a command has no counterpart.
var unreadCommands = map[string]string{
	"appendpipe":  "It runs a pipeline over the rows so far; where it begins with tstats, Splunk refuses it: use append for rows of another search.",
	"iplocation":  "Where an address is, a database on the search head knows; other targets have one of their own.",
	"spath":       "It takes fields out of JSON; a dataset with those fields in huntc.yaml says the same.",
	"transaction": "It joins events to groups by several rules at once; stats by the same fields, or a session, says which is meant.",
	"inputlookup": "The rows of a lookup in Splunk are not known here.",
	"mvexpand":    "A row for each value has no counterpart here.",
}

// events reads a search over raw events.
func (r *reading) events(at diag.Node, e spl.SearchExpr) ir.Query {
	args := []spl.SearchExpr{e}
	if and, ok := e.(*spl.SearchLogic); ok && !and.Or {
		args = and.Args
	}
	s := &ir.Scan{Span: at.At(), Physical: &ir.Physical{View: string(schema.Raw)}}
	for len(args) > 0 {
		m, ok := args[0].(*spl.SearchMacro)
		if ok && m.Macro.Name == "comment" {
			args = args[1:]
			continue
		}
		if ok && len(m.Macro.Args) == 0 {
			s.Physical.Table = m.Macro.Name
			r.opaqueSource(m)
			args = args[1:]
		}
		break
	}
	return r.scan(at, s, args, r.plain)
}

// opaqueSource records the macro that a search for events begins with. The
// project's own datasets have such.
func (r *reading) opaqueSource(m *spl.SearchMacro) {
	r.out.Opaque = append(r.out.Opaque, backends.Named{Span: m.Span, Name: m.Macro.Name})
}

// scan reads the conjuncts of a search over a Scan.
func (r *reading) scan(at diag.Node, s *ir.Scan, args []spl.SearchExpr, name naming) ir.Query {
	var all []ir.Expr
	r.rows = s
	for _, a := range args {
		if c, ok := a.(*spl.SearchCompare); ok && timeModifier(c.Field) {
			r.timeBound(s, c)
			continue
		}
		all = append(all, r.searchExpr(a, name))
	}
	pred := ir.Simplify(ir.NewLogic(at.At(), ir.And, all...))
	if ir.IsTrue(pred) {
		return s
	}
	return &ir.Filter{Span: at.At(), Input: s, Pred: pred}
}

func timeModifier(name string) bool {
	switch name {
	case "earliest", "latest", "_index_earliest", "_index_latest":
		return true
	}
	return false
}

// timeBound reads earliest=-7d; latest=now is what Splunk takes anyway.
func (r *reading) timeBound(s *ir.Scan, c *spl.SearchCompare) {
	text := strings.Join(c.Value.Parts, "*")
	if c.Field == "latest" && c.Op == "=" && (text == "now" || text == "now()") {
		return
	}
	d, ok := parseSpan(strings.TrimPrefix(text, "-"))
	if !ok || c.Field != "earliest" || c.Op != "=" || !strings.HasPrefix(text, "-") {
		r.fail(codeNoTime, c, "Bounds of the form earliest=-7d are read.", "the bound of time %s%s%s is not read", c.Field, c.Op, text)
		return
	}
	s.LookBack = d
}

// plain is the name of a column of rows or of raw events.
func (r *reading) plain(at diag.Span, name string) *ir.Field { return &ir.Field{Span: at, Name: name} }

// naming finds the column that a name in a search expression stands for.
type naming func(at diag.Span, name string) *ir.Field

// dataset is the dataset of a data model that the text names: by its whole
// name, or by that of the model where it has one root. names are fields that
// the text takes from it.
func (r *reading) dataset(at diag.Node, model string, names []string) string {
	if r.b.schema.Table(schema.CIM, model) != nil {
		return model
	}
	if root := modelRoot(r.b.schema, model, names); root != "" {
		return root
	}
	hint := diag.DidYouMean(model, schema.Tables(schema.CIM))
	r.diags.Warnf(codeNoDataset, r.at(at, model), hint, "CIM has no dataset %s: the search finds nothing unless somebody has added it", model)
	return model
}

// modelRoot is the dataset at the root of a data model that is named without
// one; "" if it has several and names do not tell.
func modelRoot(s *schema.Schema, model string, names []string) string {
	var roots []string
	for _, table := range schema.Tables(schema.CIM) {
		if !strings.HasPrefix(table, model+".") {
			continue
		}
		for _, info := range s.Table(schema.CIM, table).Columns {
			root, _, ok := strings.Cut(info.Qualified, ".")
			if ok && !slices.Contains(roots, root) && s.Table(schema.CIM, model+"."+root) != nil {
				roots = append(roots, root)
			}
		}
	}
	if len(roots) > 1 {
		roots = slices.DeleteFunc(roots, func(root string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, root+".") })
		})
	}
	if len(roots) != 1 {
		return ""
	}
	return model + "." + roots[0]
}

// indexFields are there for every event, beside the fields of a data model.
func indexField(name string) bool {
	switch name {
	case timeColumn, "_indextime", "host", "source", "sourcetype", "index", "splunk_server", "linecount":
		return true
	}
	return false
}

// modelField is the column of a dataset that a name in tstats stands for.
func (r *reading) modelField(table string) naming {
	names := r.b.columnNames(table)
	known := r.b.schema.Table(schema.CIM, table)
	return func(at diag.Span, full string) *ir.Field {
		if indexField(full) {
			f := &ir.Field{Span: at, Name: full}
			if full == timeColumn {
				f.T = ir.Time
			}
			return f
		}
		if name, ok := names.byQualified[full]; ok {
			return &ir.Field{Span: at, Name: name, T: columnType(known.Columns[name].Type)}
		}
		if known == nil {
			return &ir.Field{Span: at, Name: full}
		}
		if info, ok := known.Columns[full]; ok {
			r.fail(codeBareName, at, "Write "+info.Qualified+".", "tstats knows the field %s of the data model by the name %s only", full, info.Qualified)
			return &ir.Field{Span: at, Name: full}
		}
		hint := ""
		if i := strings.LastIndexByte(full, '.'); i >= 0 {
			if info, ok := known.Columns[full[i+1:]]; ok {
				hint = "Did you mean " + info.Qualified + "?"
			}
		}
		if hint == "" {
			all := make([]string, 0, len(names.byQualified))
			for q := range names.byQualified {
				all = append(all, q)
			}
			slices.Sort(all)
			hint = diag.DidYouMean(full, all)
		}
		r.diags.Warnf(codeNoField, at, hint, "the dataset %s of CIM has no field %s: unless somebody has added it, what asks for it finds nothing", table, full)
		return &ir.Field{Span: at, Name: full}
	}
}

func columnType(t string) ir.Type {
	switch t {
	case "number":
		return ir.Int
	case "timestamp":
		return ir.Time
	case "boolean":
		return ir.Bool
	}
	return ir.String
}

// tstats reads a grouping of a data model's events.
func (r *reading) tstats(c *spl.Tstats) ir.Query {
	fill, ok := r.tstatsOptions(c)
	if !ok {
		return nil
	}
	view, table := schema.CIM, ""
	name := naming(r.plain)
	var args []spl.SearchExpr
	if c.Where != nil {
		args = []spl.SearchExpr{c.Where}
		if and, ok := c.Where.(*spl.SearchLogic); ok && !and.Or {
			args = and.Args
		}
		r.noTerms(c.Where)
	}
	if c.Model == "" {
		view = schema.Raw
	} else {
		model := c.Model
		if model, args, ok = r.node(model, args); !ok {
			return nil
		}
		table = r.dataset(c, model, append(slices.Clone(c.By), searchNames(c.Where)...))
		name = r.modelField(table)
	}
	s := &ir.Scan{Span: c.Span, Physical: &ir.Physical{View: string(view), Table: table}}
	out := &ir.Aggregate{Span: c.Span, Input: r.scan(c, s, args, name)}
	for _, full := range c.By {
		at := r.at(c, full)
		f := name(at, full)
		col := &ir.Col{Span: at, As: full, X: f}
		switch {
		case full == timeColumn && c.BySpan == "":
			r.diags.Warnf(codeNoSpan, at, "Write _time span=1s, or the length that is meant.", "groups by _time without a span: Splunk chooses one by the time range, and each time is read as a group of its own")
		case full == timeColumn:
			d, ok := parseSpan(c.BySpan)
			if !ok {
				r.fail(codeNoTime, r.at(c, c.BySpan), "Write a length such as 10s, 5m, 1h or 1d.", "the span %q is not read", c.BySpan)
			}
			col.X = &ir.Call{Span: at, Func: ir.Bin, Args: []ir.Expr{f, seconds(at, d)}}
		case fill != "":
			col.X = &ir.Call{Span: at, Func: ir.Coalesce, Args: []ir.Expr{f, &ir.Lit{Span: at, Value: fill}}}
		}
		out.By = append(out.By, col)
	}
	for i := range c.Aggs {
		if positional(c.Aggs[i]) {
			r.fail(codeNoOrder, &c.Aggs[i], "Use earliest and latest.", "%s goes by the order of the events, which is not known here", c.Aggs[i].Func)
			ok = false
			continue
		}
		if a := r.agg(&c.Aggs[i], len(c.By) > 0, name, nil); a != nil {
			out.Aggs = append(out.Aggs, a)
		} else {
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return r.dropMissing(c, out)
}

// nodeName is no field: it says which dataset of the data model is read.
const nodeName = "nodename"

// node takes nodename=DATASET out of the terms of tstats: the dataset by its
// whole name, and the other terms.
func (r *reading) node(model string, args []spl.SearchExpr) (dataset string, rest []spl.SearchExpr, ok bool) {
	for _, a := range args {
		c, isCompare := a.(*spl.SearchCompare)
		if !isCompare || c.Field != nodeName {
			if slices.Contains(searchNames(a), nodeName) {
				r.fail(codeNoForm, a, "Name one dataset: from datamodel=MODEL.DATASET.", "nodename among alternatives is not read")
				return "", nil, false
			}
			rest = append(rest, a)
			continue
		}
		root, at, named := strings.Cut(model, ".")
		node := strings.Join(c.Value.Parts, "*")
		full := root + "." + node
		if c.Op != "=" || r.b.schema.Table(schema.CIM, full) == nil || named && node != at && !strings.HasPrefix(node, at+".") {
			r.fail(codeNoForm, c, "Name the dataset itself: from datamodel=MODEL.DATASET.", "nodename%s%s of the data model %s is not read", c.Op, node, model)
			return "", nil, false
		}
		model = full
	}
	return model, rest, true
}

// searchNames are the fields that a search expression names.
func searchNames(e spl.SearchExpr) []string {
	var out []string
	if e == nil {
		return nil
	}
	spl.Walk(e, func(n diag.Node) bool {
		switch n := n.(type) {
		case *spl.SearchCompare:
			out = append(out, n.Field)
		case *spl.SearchIn:
			out = append(out, n.Field)
		}
		return true
	})
	return out
}

// noTerms reports words in the where of tstats: it sees fields, not texts. A
// word with a parenthesis behind it is a function of eval.
func (r *reading) noTerms(e spl.SearchExpr) {
	spl.Walk(e, func(n diag.Node) bool {
		t, ok := n.(*spl.SearchTerm)
		if !ok || t.Func != "" {
			return true
		}
		word := strings.Join(t.Value.Parts, "*")
		switch strings.ToLower(word) {
		case "match", "cidrmatch", "like", "isnotnull", "isnull", "len", "lower", "relative_time", "now", "searchmatch":
			r.fail(codeNoCondition, t, "Put it behind tstats, in | where: the search language has no functions.", "where of tstats does not take functions, so %s is a word to search for", word)
		default:
			r.fail(codeNoCondition, t, "Say which field holds it.", "where of tstats compares fields, and %q is a word by itself", word)
		}
		return true
	})
}

// tstatsOptions reads which summaries are read, and with what missing keys are
// filled.
func (r *reading) tstatsOptions(c *spl.Tstats) (fill string, ok bool) {
	only := false
	for _, m := range c.Macros {
		switch {
		case m.Name == r.b.cfg.SummariesOnly || m.Name == "summariesonly":
			only = true
		case m.Name == "security_content_summariesonly":
			// ESCU: summariesonly=false allow_old_summaries=true fillnull_value=null.
			only, fill = true, "null"
		default:
			r.fail(codeNoForm, r.at(c, m.Name), "Write its options out.", "the options that the macro `%s` stands for are not known", m.Name)
			return "", false
		}
	}
	for _, o := range c.Options {
		switch o.Name {
		case "summariesonly":
			only = strings.EqualFold(o.Value, "t") || strings.EqualFold(o.Value, "true") || o.Value == "1"
			if !only {
				r.note(r.at(c, o.Name), "Events without a summary are read as well.")
				only = true
			}
		case "allow_old_summaries", "local", "chunk_size", "include_reduced_buckets":
		case "fillnull_value":
			fill = o.Value
		default:
			r.fail(codeNoForm, r.at(c, o.Name), "Without it, each tstats is a search of its own.", "the option %s of tstats is not read", o.Name)
			return "", false
		}
	}
	if !only && c.Model != "" {
		r.note(c, "Events without a summary are read as well: summariesonly is not set.")
	}
	return fill, true
}

// dropMissing puts below a grouping what "by" does: a row that lacks a key
// is in no group.
func (r *reading) dropMissing(at diag.Node, q *ir.Aggregate) ir.Query {
	var tests []ir.Expr
	for _, k := range q.By {
		f, ok := k.X.(*ir.Field)
		if !ok || r.b.present(q.Input, f.Name) {
			continue
		}
		tests = append(tests, &ir.Exists{Span: k.Span, X: f})
		if f.T != "" || known(ir.Columns(q.Input), f.Name) {
			r.diags.Infof(codeDroppedKeys, k.Span, "Fill it first if such rows count: fillnull_value of tstats, or | fillnull.", "rows without %s are dropped here, because they lack a field of \"by\"", k.As)
		}
	}
	if len(tests) == 0 {
		return q
	}
	out := *q
	out.Input = ir.Normalize(&ir.Filter{Span: at.At(), Input: q.Input, Pred: ir.NewLogic(at.At(), ir.And, tests...)})
	return &out
}

func known(cols []string, name string) bool { return slices.Contains(cols, name) }

// agg reads an aggregate; nil if it is not understood. in are the rows below,
// nil for events of tstats.
func (r *reading) agg(a *spl.Agg, grouped bool, name naming, in ir.Query) *ir.Agg {
	out, ok := irAgg(a.Func)
	if alias := aggAliases[a.Func]; !ok && alias != "" {
		out, ok = irAgg(alias)
	}
	if !ok {
		r.fail(codeNoFunction, a, "", "the aggregate %s is not read", a.Func)
		return nil
	}
	out.Span, out.As = a.Span, a.As
	if out.As == "" {
		out.As = a.Func
		if a.Arg != "" {
			out.As += "(" + a.Arg + ")"
		} else if a.Eval != nil {
			out.As += "(eval(" + spl.PrintExpr(a.Eval) + "))"
		}
		if spl.ExpressibleName(out.As) != nil {
			r.fail(codeNoForm, a, "Give it a name with \"as\".", "the column of %s has no name that SPL can write", a.Func)
			return nil
		}
	}
	switch {
	case strings.Contains(a.Arg, "*"):
		r.fail(codeNoForm, a, "Name the fields.", "%s of all fields that match %s is not read", a.Func, a.Arg)
		return nil
	case out.Func == ir.Count && a.Eval != nil:
		out.Func, out.X = ir.CountIf, r.where(in, a.Eval)
	case out.Func == ir.Count && a.Arg != "":
		f := r.field(in, a.Span, name, a.Arg)
		if in != nil && r.b.present(in, f.Name) || in == nil && indexField(f.Name) {
			break // every row has it
		}
		if !grouped {
			out.Func, out.X = ir.CountIf, &ir.Exists{Span: a.Span, X: f}
			break
		}
		out.Func, out.X = ir.Sum, present(a.Span, f)
	case a.Eval != nil:
		if out.X = r.value(in, a.Eval); out.X == nil {
			return nil
		}
	case a.Arg != "":
		out.X = r.field(in, a.Span, name, a.Arg)
	case out.Func != ir.Count:
		r.fail(codeNoForm, a, "", "%s has no field", a.Func)
		return nil
	}
	if f, isField := out.X.(*ir.Field); isField && f.Name == timeColumn {
		// The first time is the least one.
		switch out.Func {
		case ir.First:
			out.Func = ir.Min
		case ir.Last:
			out.Func = ir.Max
		}
	} else if out.Func == ir.First || out.Func == ir.Last {
		if cols := ir.Columns(in0(in)); cols != nil && !known(cols, timeColumn) {
			r.fail(codeNoColumn, a, "Keep _time, or take min or max.", "%s goes by _time, which the rows do not have here", a.Func)
			return nil
		}
	}
	return out
}

// in0 stands for events where there are no rows yet.
func in0(q ir.Query) ir.Query {
	if q == nil {
		return &ir.Scan{}
	}
	return q
}

var aggAliases = map[string]string{"c": "count", "distinct_count": "dc", "mean": "avg", "perc50": "exactperc50", "median": "exactperc50"}

// field is a column of the rows; one that is not there is reported.
func (r *reading) field(in ir.Query, at diag.Span, name naming, as string) *ir.Field {
	if in == nil {
		return name(at, as)
	}
	return r.read(in, at, as)
}

func (r *reading) read(in ir.Query, at diag.Span, name string) *ir.Field {
	if cols := ir.Columns(in); cols != nil && !known(cols, name) {
		hint := ""
		for _, c := range cols {
			if strings.HasSuffix(c, "."+name) {
				hint = "The column is called " + c + " here: drop_dm_object_name or rename has to stand before."
			}
		}
		if !slices.ContainsFunc(*r.diags, func(d diag.Diagnostic) bool { return d.Code == codeNoColumn && d.Span == at }) {
			r.diags.Warnf(codeNoColumn, at, hint, "the rows have no column %s here", name)
		}
	}
	if i := slices.IndexFunc(r.shown, func(s shownTime) bool { return s.column == name }); i >= 0 {
		r.fail(codeTimeAsText, at, "Make it text at the very end.", "%s is the text of a time by now, and is computed with", name)
	}
	return &ir.Field{Span: at, Name: name}
}

// durations of relative times.
func relativeTime(s string) (time.Duration, bool) {
	sign := time.Duration(1)
	if t, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, t
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	if n := len(s); n > 0 && s[n-1] == 'w' {
		weeks, err := strconv.Atoi(s[:n-1])
		return sign * time.Duration(weeks) * 7 * 24 * time.Hour, err == nil && weeks > 0 && weeks < 10000
	}
	d, ok := parseSpan(s)
	return sign * d, ok
}
