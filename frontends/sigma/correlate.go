package sigma

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Columns that a correlation's rows have beside the group-by fields.
const (
	colWindow  = "window"       // where the window starts
	colRule    = "matched_rule" // which rule an event came from
	colValue   = "value"        // what is compared with the threshold
	colStretch = "stretch"      // how far apart n events lie
	colStart   = "start"        // when the first of them was
	colFirst   = "firstTime"
	colLast    = "lastTime"
)

// correlator turns one correlation into a query over those of its rules.
type correlator struct {
	*linker
	c     *ir.Correlation
	hunt  *ir.Hunt
	rules []*entry // one for each of c.Rules
	// standsIn: the query is not what the document means, but near it.
	standsIn bool
	// means: it is put together as the document means it, whether or not a target
	// has such windows.
	means bool
}

// correlate gives the correlation of e a query, those that it counts first.
// Circles and dangling references have been reported.
func (l *linker) correlate(e *entry) {
	if e.hunt.Query != nil || e.broken {
		return
	}
	k := &correlator{linker: l, c: e.hunt.Correlation, hunt: e.hunt}
	var lookBack time.Duration
	for _, ref := range k.c.Rules {
		rule := l.byName[strings.ToLower(ref.Name)]
		if rule.hunt.Kind == ir.KindCorrelation {
			l.correlate(rule)
		}
		if rule.hunt.Query == nil {
			if rule.broken {
				l.diags.Errorf(codeCorrRule, ref, "Mend that document first.", "%q has an error of its own, so its events cannot be counted", ref.Name)
			} else {
				l.diags.Errorf(codeCorrRule, ref, "Write the rule as a detection.", "%q has only native text, whose rows cannot be counted", ref.Name)
			}
			e.broken = true
			return
		}
		k.rules = append(k.rules, rule)
		lookBack = max(lookBack, rule.hunt.LookBack)
	}
	if e.hunt.LookBack == 0 {
		e.hunt.LookBack = lookBack // the rules say how far back to look
	}
	if look := e.hunt.LookBack; look > 0 && k.c.Timespan > look {
		l.diags.Warnf(codeCorrTimespan, k.c, "Let \"hunt: window\" be at least as long as \"timespan\".", "a window of %s never sees more than the %s that the hunt looks back", ir.SpanText(k.c.Timespan), ir.SpanText(look))
	}
	k.chained()
	before := len(l.diags)
	q := k.query()
	if l.diags[before:].HasErrors() {
		e.broken = true
		return
	}
	e.meaning(k)
	if e.after != nil {
		var diags diag.List
		q, diags = e.after(q)
		l.diags = append(l.diags, diags...)
		e.broken = q == nil
	}
	e.hunt.Query = q
	e.inherit(k.rules)
}

// meaning notes what a correlation means where its query only stands in for it,
// and its rows as another correlation counts them.
func (e *entry) meaning(k *correlator) {
	near := k.c.Windowing == ir.Sliding && strings.HasPrefix(k.c.Type, "temporal")
	of := slices.ContainsFunc(k.rules, func(r *entry) bool { return r.meant != nil })
	if !k.standsIn && !near && !of {
		return
	}
	hunt := *e.hunt // what is noted about it has been
	m := &correlator{linker: &linker{byName: k.byName}, c: k.c, hunt: &hunt, rules: k.rules, means: true}
	through := func(q ir.Query) ir.Query {
		if e.after == nil || q == nil {
			return q
		}
		q, diags := e.after(q)
		if diags.HasErrors() {
			return nil // it asks for what is there in the other query only
		}
		return q
	}
	if k.standsIn || near {
		e.meant = through(m.anywhere(k.windows()))
	}
	switch {
	case k.standsIn:
		e.hunt.Meaning = e.meant
	case of:
		e.hunt.Meaning = through(m.query())
		if !near {
			e.meant = e.hunt.Meaning
		}
	}
}

// windows is the kind of window, with a note where the document leaves it open.
func (k *correlator) windows() ir.Windowing {
	if k.c.Windowing == "" {
		k.diags.Infof(codeWindowing, k.c, "Say \"hunt: {windows: tumbling}\", or sliding or session.",
			"the document does not say how windows lie; they stand side by side (tumbling), and what straddles a boundary is not seen together")
		return ir.Tumbling
	}
	return k.c.Windowing
}

func (k *correlator) query() ir.Query {
	w := k.windows()
	switch k.c.Type {
	case "temporal", "temporal_extended":
		if w == ir.Sliding && k.joinable() {
			return k.near(false)
		}
	case "temporal_ordered", "temporal_ordered_extended":
		if w == ir.Sliding && k.joinable() {
			return k.near(true)
		}
		if w != ir.Sessions || len(k.rules) > 2 {
			k.asTumbling(w)
			return k.inOrder()
		}
	case "event_count":
		if n, ok := k.atLeast(); ok && w == ir.Sliding {
			return k.slidingCount(n)
		}
	}
	if w == ir.Sliding {
		k.asTumbling(w)
		w = ir.Tumbling
	}
	return k.grouped(w)
}

// asTumbling notes that windows which the document wants otherwise stand side
// by side. Where more events make a match, that finds less, else it may also
// find more.
func (k *correlator) asTumbling(w ir.Windowing) {
	if w == ir.Tumbling {
		return
	}
	k.standsIn = true
	effect := ir.Under
	if _, ok := k.atLeast(); !ok && len(k.c.Conditions) > 0 || k.c.Expr != "" {
		effect = ir.Mixed
	}
	k.hunt.Reasons = append(k.hunt.Reasons, ir.Reason{Span: k.c.Span, Code: codeAsTumbling, Effect: effect,
		Message: fmt.Sprintf("A %s window of a correlation of the type %s is not to be had; windows of %s stand side by side instead, and what straddles a boundary is not seen together.", w, k.c.Type, ir.SpanText(k.c.Timespan)),
		Hint:    "Choose \"hunt: {windows: tumbling}\" if that is acceptable."})
}

// chained notes what is lost where the rows of a correlation do not stand for
// one window each: sliding temporal ones have one row a group, which says when
// it was seen last.
func (k *correlator) chained() {
	for i, r := range k.rules {
		c := r.hunt.Correlation
		if c == nil || c.Windowing != ir.Sliding || !strings.HasPrefix(c.Type, "temporal") {
			continue
		}
		effect := ir.Under
		if _, ok := k.atLeast(); !ok && len(k.c.Conditions) > 0 || k.c.Expr != "" {
			effect = ir.Mixed
		}
		k.hunt.Reasons = append(k.hunt.Reasons, ir.Reason{Span: k.c.Rules[i].Span, Code: codeAsTumbling, Effect: effect,
			Message: fmt.Sprintf("%q slides, and so has one row a group over the whole time that it looks back, at its last match: earlier matches of the group are not counted.", k.c.Rules[i].Name),
			Hint:    "Give it \"hunt: {windows: tumbling}\" if each window is to be counted."})
	}
}

// atLeast is the number of events that a condition of lower bounds alone asks
// for.
func (k *correlator) atLeast() (int, bool) {
	n := 0.0
	for _, cond := range k.c.Conditions {
		switch cond.Op {
		case ir.Ge:
			n = max(n, math.Ceil(cond.Value))
		case ir.Gt:
			n = max(n, math.Floor(cond.Value)+1)
		default:
			return 0, false
		}
	}
	return int(n), n >= 1 && n <= 10_000
}

// joinable reports whether the rules can be put side by side in pairs.
func (k *correlator) joinable() bool {
	return len(k.c.GroupBy) > 0 && len(k.c.Conditions) == 0 && k.c.Expr == "" && len(k.rules) > 1 && len(k.rules) <= 5
}

func (k *correlator) lit(v any) *ir.Lit           { return &ir.Lit{Span: k.c.Span, Value: v} }
func (k *correlator) field(name string) *ir.Field { return &ir.Field{Span: k.c.Span, Name: name} }

func (k *correlator) col(as string, x ir.Expr) *ir.Col { return &ir.Col{Span: k.c.Span, As: as, X: x} }

func (k *correlator) call(f ir.FuncID, args ...ir.Expr) ir.Expr {
	return &ir.Call{Span: k.c.Span, Func: f, Args: args}
}

func (k *correlator) compare(op ir.CmpOp, l, r ir.Expr) ir.Expr {
	return &ir.Compare{Span: k.c.Span, Op: op, L: l, R: r}
}

// timeOfRow is the name of the time that a row of the i-th rule has: a group of
// events happens when its last event does.
func (k *correlator) timeOfRow(i int) string {
	if k.rules[i].hunt.Kind == ir.KindCorrelation {
		return colLast
	}
	return ir.Timestamp
}

// own is the name that a group-by or counted field has in the i-th rule.
func (k *correlator) own(f *ir.Field, i int) *ir.Field {
	for _, a := range k.c.Aliases {
		if a.Name != f.Name {
			continue
		}
		for _, af := range a.Fields {
			if af.Rule == k.c.Rules[i].Name {
				return &ir.Field{Span: af.Span, Name: af.Field}
			}
		}
	}
	return f
}

// events are the rows of the i-th rule: its time, the group-by and the counted
// fields, and further columns. Rows in which a group-by field is missing or
// empty belong to no group and are left out.
func (k *correlator) events(i int, more ...*ir.Col) ir.Query {
	q := k.rules[i].hunt.Query
	if m := k.rules[i].meant; k.means && m != nil {
		q = m
	}
	if p, ok := q.(*ir.Project); ok && k.rules[i].hunt.Kind == ir.KindRule {
		q = p.Input // "hunt: output" chooses what is shown, not what can be counted
	}
	known := ir.Columns(q)
	var missing []string
	need := func(f *ir.Field) {
		if known != nil && !slices.Contains(known, f.Name) && !slices.Contains(missing, f.Name) {
			missing = append(missing, f.Name)
			k.diags.Errorf(codeCorrRule, k.c.Rules[i], "Keep the column in its pipeline. It has "+strings.Join(known, ", ")+".",
				"the rows of %q have no column %q, by which they are counted", k.c.Rules[i].Name, f.Name)
		}
	}
	var present []ir.Expr
	cols := []*ir.Col{k.col(ir.Timestamp, k.field(k.timeOfRow(i)))}
	need(k.field(k.timeOfRow(i)))
	add := func(f *ir.Field) *ir.Field {
		own := k.own(f, i)
		need(own)
		if !slices.ContainsFunc(cols, func(c *ir.Col) bool { return c.As == f.Name }) {
			cols = append(cols, &ir.Col{Span: f.Span, As: f.Name, X: own})
		}
		return own
	}
	for _, g := range k.c.GroupBy {
		own := add(g)
		present = append(present, &ir.Exists{Span: g.Span, X: own},
			&ir.Not{Span: g.Span, X: &ir.Match{Span: g.Span, X: own, Any: []ir.Pattern{{Span: g.Span}}}})
	}
	for _, f := range k.c.Fields {
		add(f)
	}
	if len(present) > 0 {
		q = &ir.Filter{Span: k.c.Span, Input: q, Pred: ir.NewLogic(k.c.Span, ir.And, present...)}
	}
	return &ir.Project{Span: k.c.Span, Input: q, Cols: append(cols, more...)}
}

// all are the rows of all rules, each with the name of its rule.
func (k *correlator) all() ir.Query {
	u := &ir.Union{Span: k.c.Span}
	for i, r := range k.c.Rules {
		u.Inputs = append(u.Inputs, k.events(i, k.col(colRule, &ir.Lit{Span: r.Span, Value: r.Name})))
	}
	if len(u.Inputs) > 1 {
		return u
	}
	// One rule needs no columns of its own making: its events stay what they
	// are, so that the target can group them where it reads them.
	p := u.Inputs[0].(*ir.Project)
	var renamed []*ir.Col
	for _, c := range p.Cols {
		if f, ok := c.X.(*ir.Field); ok && f.Name != c.As {
			renamed = append(renamed, c)
		}
	}
	if len(renamed) == 0 {
		return p.Input
	}
	return &ir.Extend{Span: k.c.Span, Input: p.Input, Cols: renamed}
}

// keys are those of windows that stand side by side, or of sessions.
func (k *correlator) keys(window ir.Expr) []*ir.Col {
	var out []*ir.Col
	if window != nil {
		out = append(out, k.col(colWindow, window))
	}
	for _, g := range k.c.GroupBy {
		out = append(out, &ir.Col{Span: g.Span, As: g.Name, X: g})
	}
	return out
}

// bin is the window, side by side with others, that a time lies in.
func (k *correlator) bin(time string) ir.Expr {
	return k.call(ir.Bin, k.field(time), k.lit(k.c.Timespan))
}

func (k *correlator) agg(as string, f ir.AggFunc, x ir.Expr) *ir.Agg {
	return &ir.Agg{Span: k.c.Span, As: as, Func: f, X: x}
}

func (k *correlator) times() []*ir.Agg {
	return []*ir.Agg{k.agg(colFirst, ir.Min, k.field(ir.Timestamp)), k.agg(colLast, ir.Max, k.field(ir.Timestamp))}
}

// grouped counts in windows that stand side by side, or in sessions.
func (k *correlator) grouped(w ir.Windowing) ir.Query {
	in := k.all()
	window := k.bin(ir.Timestamp)
	if w == ir.Sessions {
		in = &ir.Session{Span: k.c.Span, Input: in, By: k.c.GroupBy, Of: k.field(ir.Timestamp), Gap: k.c.Timespan, As: colWindow}
		window = k.field(colWindow)
	}
	aggs, pred := k.threshold()
	agg := &ir.Aggregate{Span: k.c.Span, Input: in, By: k.keys(window), Aggs: append(aggs, k.times()...)}
	return &ir.Filter{Span: k.c.Span, Input: agg, Pred: pred}
}

// threshold is what is computed for a group, and the condition on it.
func (k *correlator) threshold() ([]*ir.Agg, ir.Expr) {
	value := k.agg(colValue, ir.Count, nil)
	var x ir.Expr
	if len(k.c.Fields) == 1 {
		x = k.c.Fields[0]
	}
	typ := k.c.Type
	if len(k.rules) == 1 && strings.HasPrefix(typ, "temporal") {
		typ = "temporal" // one rule has no order
	}
	switch typ {
	case "event_count":
	case "value_count":
		if len(k.c.Fields) > 1 {
			args := make([]ir.Expr, len(k.c.Fields))
			for i, f := range k.c.Fields {
				args[i] = f
			}
			x = k.call(ir.Tuple, args...)
		}
		value = k.agg(colValue, ir.DCount, x)
	case "value_sum":
		value = k.agg(colValue, ir.Sum, x)
	case "value_avg":
		value = k.agg(colValue, ir.Avg, x)
	case "value_median":
		value = k.agg(colValue, ir.Percentile, x)
		value.P = 50
	case "value_percentile":
		value = k.agg(colValue, ir.Percentile, x)
		value.P = k.c.Percentile
	case "temporal_ordered", "temporal_ordered_extended":
		// Two rules in a session: some event of the first is not after some of
		// the second.
		first, last := k.agg("first_"+colRule, ir.Min, k.timeOf(0)), k.agg("last_"+colRule, ir.Max, k.timeOf(1))
		return []*ir.Agg{first, last}, k.compare(ir.Le, k.field(first.As), k.field(last.As))
	default: // temporal
		if k.c.Expr != "" {
			return k.seen()
		}
		value = k.agg(colValue, ir.DCount, k.field(colRule))
		if len(k.rules) == 1 {
			value = k.agg(colValue, ir.Max, k.lit(int64(1))) // no column tells rules apart
		}
		if len(k.c.Conditions) == 0 {
			return []*ir.Agg{value}, k.compare(ir.Ge, k.field(colValue), k.lit(int64(len(k.rules))))
		}
	}
	if k.holdsForNone() {
		k.hunt.Reasons = append(k.hunt.Reasons, ir.Reason{Span: k.c.Span, Code: codeEmptyGroups, Effect: ir.Under,
			Message: "The condition also holds for a group without any event, and such a group is not seen: a query knows only groups that occur.",
			Hint:    "Ask for at least one event as well (gte: 1), if that is what is meant."})
	}
	return []*ir.Agg{value}, k.bounds(k.field(colValue))
}

// holdsForNone reports whether nothing at all would satisfy the condition.
func (k *correlator) holdsForNone() bool {
	if !slices.Contains([]string{"event_count", "value_count", "temporal", "temporal_extended"}, k.c.Type) {
		return false
	}
	for _, c := range k.c.Conditions {
		if !c.Holds(0) {
			return false
		}
	}
	return true
}

// bounds compares a value with all the bounds of the condition.
func (k *correlator) bounds(value ir.Expr) ir.Expr {
	var all []ir.Expr
	for _, c := range k.c.Conditions {
		var v any = c.Value
		if n := int64(c.Value); float64(n) == c.Value {
			v = n
		}
		all = append(all, &ir.Compare{Span: c.Span, Op: c.Op, L: value, R: &ir.Lit{Span: c.Span, Value: v}})
	}
	return ir.NewLogic(k.c.Span, ir.And, all...)
}

// timeOf is the time of events of the i-th rule, missing for others.
func (k *correlator) timeOf(i int) ir.Expr {
	return k.call(ir.If, k.isRule(i), k.field(ir.Timestamp))
}

func (k *correlator) isRule(i int) ir.Expr {
	return &ir.Match{Span: k.c.Rules[i].Span, X: k.field(colRule), Any: []ir.Pattern{ir.TextPattern(k.c.Rules[i].Span, k.c.Rules[i].Name)}, Cased: true}
}

// seen computes for each rule whether it matched in the group, and the
// condition that combines them.
func (k *correlator) seen() ([]*ir.Agg, ir.Expr) {
	var aggs []*ir.Agg
	for i := range k.rules {
		x := ir.Expr(k.lit(int64(1)))
		if len(k.rules) > 1 {
			x = k.call(ir.If, k.isRule(i), k.lit(int64(1)), k.lit(int64(0)))
		}
		aggs = append(aggs, k.agg(fmt.Sprintf("seen_%d", i+1), ir.Max, x))
	}
	return aggs, k.combine(parseCondition(k.c.Expr).root)
}

func (k *correlator) combine(c *cond) ir.Expr {
	seen := func(match func(string) bool) []ir.Expr {
		var out []ir.Expr
		for i, r := range k.c.Rules {
			if match(r.Name) {
				out = append(out, k.compare(ir.Ge, k.field(fmt.Sprintf("seen_%d", i+1)), k.lit(int64(1))))
			}
		}
		return out
	}
	switch c.op {
	case condOpName:
		return ir.NewLogic(k.c.Span, ir.And, seen(func(s string) bool { return s == c.name })...)
	case condOpOf:
		op := ir.Or
		if c.all {
			op = ir.And
		}
		return ir.NewLogic(k.c.Span, op, seen(func(s string) bool { return c.name == "" || globMatch(c.name, s) })...)
	case condOpNot:
		return &ir.Not{Span: k.c.Span, X: k.combine(c.args[0])}
	}
	op := ir.And
	if c.op == condOpOr {
		op = ir.Or
	}
	args := make([]ir.Expr, len(c.args))
	for i, a := range c.args {
		args[i] = k.combine(a)
	}
	return ir.NewLogic(k.c.Span, op, args...)
}

// slidingCount finds stretches of the timespan with n events: an event and the
// one n-1 places before it lie within it. Such events that follow each other
// within the timespan are one burst, and a burst is one row.
func (k *correlator) slidingCount(n int) ir.Query {
	in := k.all()
	start := ir.Expr(k.field(ir.Timestamp))
	if n > 1 {
		w := &ir.Window{Span: k.c.Span, Input: in, By: k.c.GroupBy, Of: k.field(ir.Timestamp), Offset: n - 1, As: colStretch}
		in = &ir.Filter{Span: k.c.Span, Input: w, Pred: k.compare(ir.Le, k.field(colStretch), k.lit(k.c.Timespan))}
		start = k.call(ir.Sub, k.field(ir.Timestamp), k.field(colStretch))
	}
	in = &ir.Extend{Span: k.c.Span, Input: in, Cols: []*ir.Col{k.col(colStart, start)}}
	in = &ir.Session{Span: k.c.Span, Input: in, By: k.c.GroupBy, Of: k.field(ir.Timestamp), Gap: k.c.Timespan, As: colWindow}
	return &ir.Aggregate{Span: k.c.Span, Input: in, By: k.keys(k.field(colWindow)), Aggs: []*ir.Agg{
		k.agg(colValue, ir.Count, nil), k.agg(colFirst, ir.Min, k.field(colStart)), k.agg(colLast, ir.Max, k.field(ir.Timestamp))}}
}

// inOrder finds windows, side by side, in which events of the rules follow
// each other in the order of the document; equal times count as following.
// The earliest event of the first rule, the earliest of the second from then
// on, and so on, exist if and only if any such sequence does.
func (k *correlator) inOrder() ir.Query {
	on := []*ir.Field{k.field(colWindow)}
	on = append(on, k.c.GroupBy...)
	return k.following(func(i int) ir.Query { return k.events(i, k.col(colWindow, k.bin(k.timeOfRow(i)))) }, on,
		func() []*ir.Col { return k.keys(k.field(colWindow)) })
}

// timeColumn is when the i-th of rules in an order matched.
func timeColumn(i int) string { return fmt.Sprintf("time_%d", i+1) }

// following finds the windows in which the rules follow each other: windowed are
// the events of the i-th rule, on and by the columns of a window.
func (k *correlator) following(windowed func(i int) ir.Query, on []*ir.Field, by func() []*ir.Col) ir.Query {
	at := timeColumn
	var q ir.Query = &ir.Aggregate{Span: k.c.Span, Input: windowed(0), By: by(), Aggs: []*ir.Agg{k.agg(at(0), ir.Min, k.field(ir.Timestamp))}}
	for i := 1; i < len(k.rules); i++ {
		joined := &ir.Join{Span: k.c.Span, Kind: ir.Inner, Left: windowed(i), Right: q, On: on}
		after := &ir.Filter{Span: k.c.Span, Input: joined, Pred: k.compare(ir.Ge, k.field(ir.Timestamp), k.field(at(i-1)))}
		aggs := []*ir.Agg{k.agg(at(i), ir.Min, k.field(ir.Timestamp))}
		for j := range i {
			aggs = append(aggs, k.agg(at(j), ir.Min, k.field(at(j))))
		}
		q = &ir.Aggregate{Span: k.c.Span, Input: after, By: by(), Aggs: aggs}
	}
	cols := by()
	for i := range k.rules {
		cols = append(cols, k.col(at(i), k.field(at(i))))
	}
	cols = append(cols, k.col(colFirst, k.field(at(0))), k.col(colLast, k.field(at(len(k.rules)-1))))
	return &ir.Project{Span: k.c.Span, Input: q, Cols: cols}
}

// anywhere finds what sliding windows and sessions mean, for every type: each
// stretch of the timespan is looked at by itself. Such stretches of which one
// starts within the timespan of another are one row, as those of slidingCount are.
func (k *correlator) anywhere(w ir.Windowing) ir.Query {
	all := k.all()
	if w == ir.Sessions {
		of := &ir.Session{Span: k.c.Span, Input: all, By: k.c.GroupBy, Of: k.field(ir.Timestamp), Gap: k.c.Timespan, As: colWindow}
		return k.sequence(of, colWindow)
	}
	of := &ir.Stretches{Span: k.c.Span, Input: all, By: k.c.GroupBy, Of: k.field(ir.Timestamp), Length: k.c.Timespan, As: colStretch}
	var q ir.Query
	var made []*ir.Agg
	if strings.HasPrefix(k.c.Type, "temporal_ordered") && len(k.rules) > 1 {
		q = k.sequence(of, colStretch)
		for i := range k.rules {
			made = append(made, k.agg(timeColumn(i), ir.Min, k.field(timeColumn(i))))
		}
	} else {
		aggs, pred := k.threshold()
		agg := &ir.Aggregate{Span: k.c.Span, Input: of, By: k.keys(k.field(colStretch)), Aggs: append(aggs, k.times()...)}
		agg.By[0].As = colStretch
		q = &ir.Filter{Span: k.c.Span, Input: agg, Pred: pred}
		most := ir.Max // of a lower bound, how far it is passed
		if _, ok := k.atLeast(); !ok && len(k.c.Conditions) > 0 {
			most = ir.Min
		}
		for _, a := range aggs {
			made = append(made, k.agg(a.As, most, k.field(a.As)))
		}
	}
	q = &ir.Session{Span: k.c.Span, Input: q, By: k.c.GroupBy, Of: k.field(colFirst), Gap: k.c.Timespan, As: colWindow}
	made = append(made, k.agg(colFirst, ir.Min, k.field(colFirst)), k.agg(colLast, ir.Max, k.field(colLast)))
	return &ir.Aggregate{Span: k.c.Span, Input: q, By: k.keys(k.field(colWindow)), Aggs: made}
}

// sequence finds the windows, told apart by a column, in which events of the rules
// follow each other, as inOrder does.
func (k *correlator) sequence(windows ir.Query, window string) ir.Query {
	side := func(i int) ir.Query { return &ir.Filter{Span: k.c.Span, Input: windows, Pred: k.isRule(i)} }
	on := append([]*ir.Field{k.field(window)}, k.c.GroupBy...)
	return k.following(side, on, func() []*ir.Col {
		by := k.keys(k.field(window))
		by[0].As = window
		return by
	})
}

// near finds groups in which events of all the rules lie within the timespan
// of each other, wherever they lie: in the order of the document, or in any.
func (k *correlator) near(ordered bool) ir.Query {
	within := func(from, to string) ir.Expr {
		return k.compare(ir.Le, k.call(ir.Sub, k.field(to), k.field(from)), k.lit(k.c.Timespan))
	}
	at := func(i int) string { return fmt.Sprintf("time_%d", i+1) }
	side := func(i int) ir.Query {
		p := k.events(i).(*ir.Project)
		cols := slices.Clone(p.Cols)
		cols[0] = k.col(at(i), k.field(k.timeOfRow(i)))
		return &ir.Project{Span: p.Span, Input: p.Input, Cols: cols}
	}
	q := side(0)
	for i := 1; i < len(k.rules); i++ {
		q = &ir.Join{Span: k.c.Span, Kind: ir.Inner, Left: q, Right: side(i), On: k.c.GroupBy}
		var pred []ir.Expr
		if ordered {
			pred = append(pred, k.compare(ir.Ge, k.field(at(i)), k.field(at(i-1))), within(at(0), at(i)))
		} else {
			for j := range i {
				pred = append(pred, within(at(j), at(i)), within(at(i), at(j)))
			}
		}
		q = &ir.Filter{Span: k.c.Span, Input: q, Pred: ir.NewLogic(k.c.Span, ir.And, pred...)}
	}
	aggs := []*ir.Agg{k.agg(colValue, ir.Count, nil)}
	for i := range k.rules {
		aggs = append(aggs, k.agg("first_"+at(i), ir.Min, k.field(at(i))))
	}
	if ordered {
		aggs = append(aggs, k.agg(colFirst, ir.Min, k.field(at(0))), k.agg(colLast, ir.Max, k.field(at(len(k.rules)-1))))
		return &ir.Aggregate{Span: k.c.Span, Input: q, By: k.keys(nil), Aggs: aggs}
	}
	for i := range k.rules {
		aggs = append(aggs, k.agg("last_"+at(i), ir.Max, k.field(at(i))))
	}
	q = &ir.Aggregate{Span: k.c.Span, Input: q, By: k.keys(nil), Aggs: aggs}
	// Any of the rules may be the first, and any the last.
	first, last := ir.Expr(k.field("first_"+at(0))), ir.Expr(k.field("last_"+at(0)))
	for i := 1; i < len(k.rules); i++ {
		f, l := k.field("first_"+at(i)), k.field("last_"+at(i))
		q = &ir.Extend{Span: k.c.Span, Input: q, Cols: []*ir.Col{k.col(colFirst, k.call(ir.If, k.compare(ir.Lt, f, first), f, first)), k.col(colLast, k.call(ir.If, k.compare(ir.Gt, l, last), l, last))}}
		first, last = k.field(colFirst), k.field(colLast)
	}
	return q
}
