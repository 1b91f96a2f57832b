package diff

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Verdict says how two hunts stand to each other. Shapes of columns do not
// count: a path and its file name, an account with and without its domain, one
// column of hashes and one for each kind, a host and its address are held
// together; nor does a time that one of the hunts leaves to whoever runs it.
//
// A verdict is about the texts that the hunts were read from: what the facts of a
// hunt do not say of its text (Facts.Lose) keeps what it touches from being
// proved.
type Verdict string

const (
	// Equal: it is proved that they find the same.
	Equal Verdict = "equal"
	// Alike: it is proved that they find the same but for how texts are compared
	// (as whole terms or anywhere, by case or not), and for events in which a
	// field is missing.
	Alike Verdict = "alike"
	// Narrower: it is proved that one finds nothing, but for the same
	// exceptions, that the other one does not find.
	Narrower Verdict = "narrower"
	// Overlapping: they look for some things in common, and each, as far as can
	// be told, for something that the other one does not.
	Overlapping Verdict = "overlapping"
	// Elsewhere: they look for some of the same values, and read no source in
	// common.
	Elsewhere Verdict = "elsewhere"
	// Apart: they do not look for any value in common.
	Apart Verdict = "apart"
)

// Verdicts are all of them, from the closest to the farthest.
func Verdicts() []Verdict { return []Verdict{Equal, Alike, Narrower, Overlapping, Elsewhere, Apart} }

// Side is one of two hunts; "" is neither.
type Side string

const (
	Left  Side = "left"
	Right Side = "right"
)

// Kind is the part that differs.
type Kind string

const (
	Source    Kind = "source"    // which events are read
	Time      Kind = "time"      // how far back
	Value     Kind = "value"     // what is looked for
	Exclusion Kind = "exclusion" // what is left out
	Field     Kind = "field"     // where the same value is looked for
	Operator  Kind = "operator"  // how the same value is compared
	Presence  Kind = "presence"  // which fields have to be there
	Threshold Kind = "threshold" // how much of it is too much
	Group     Kind = "group"     // what is counted together
	JoinKind  Kind = "join"
	Name      Kind = "name" // conditions of which only the name is known
	// Combination: the parts are the same, and combined in different ways.
	Combination Kind = "combination"
	// Unsaid: what a text says and its logical form does not, so that it is not
	// compared. It is listed of each side, even if both have the same.
	Unsaid Kind = "unsaid"
)

// Kinds are all of them, in the order in which they are listed.
func Kinds() []Kind {
	return []Kind{Source, Time, Value, Exclusion, Field, Operator, Presence, Threshold, Group, JoinKind, Name, Combination, Unsaid}
}

// Item is a part of a hunt, and where it is written.
type Item struct {
	Pos  diag.Pos // zero if that is not known
	Text string
}

// Difference is one part in which two hunts differ: what only the left, and
// what only the right one has. Of a Field and an Operator the two lists go
// together, entry by entry; of what is Unsaid both have all of theirs.
type Difference struct {
	Kind        Kind
	Left, Right []Item
}

// Text says the difference in words.
func (d Difference) Text(left, right string) string {
	side := func(name string, list []Item) string {
		if len(list) == 0 {
			return ""
		}
		return name + ": " + strings.Join(words(list), "; ")
	}
	parts := []string{side("only "+left, d.Left), side("only "+right, d.Right)}
	if d.Kind == Operator || d.Kind == Field || d.Kind == Unsaid {
		parts = []string{side(left, d.Left), side(right, d.Right)}
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return string(d.Kind)
	}
	return string(d.Kind) + " (" + strings.Join(parts, " | ") + ")"
}

// Comparison is what two hunts have in common, and what not.
type Comparison struct {
	Verdict Verdict
	// Within is the hunt that is proved to find nothing that the other one does
	// not, of two that are not Equal: strictly if Strict, else with the
	// exceptions of Alike.
	Within      Side
	Strict      bool
	Differences []Difference
}

// Text says the verdict in words.
func (c *Comparison) Text(left, right string) string {
	name := map[Side]string{Left: left, Right: right}[c.Within]
	switch {
	case c.Verdict == Narrower:
		return name + " narrower"
	case name != "":
		return string(c.Verdict) + ", " + name + " narrower"
	}
	return string(c.Verdict)
}

// Compare holds two hunts against each other by their facts.
func Compare(left, right *Facts) Comparison {
	var c Comparison
	note := func(kind Kind, l, r []Item) {
		if len(l)+len(r) > 0 {
			c.Differences = append(c.Differences, Difference{kind, l, r})
		}
	}
	lists := func(kind Kind, l, r []Item) { note(kind, without(l, r), without(r, l)) }
	lists(Source, left.Sources(), right.Sources())
	lists(Time, spans(left.lookBacks()), spans(right.lookBacks()))
	l, r := remove(left.Tests, right.Tests)
	l, r, opL, opR := pairs(l, r, Test.same)
	l, r, fieldL, fieldR := pairs(l, r, func(a, b Test) bool { return a.Value != "" && a.Value == b.Value && a.Not == b.Not })
	split := func(tests []Test, of Kind) []Item {
		var out []Item
		for _, t := range tests {
			kind := Value
			switch {
			case t.Not:
				kind = Exclusion
			case t.Op == opExists:
				kind = Presence
			}
			if kind == of {
				out = append(out, t.item())
			}
		}
		return out
	}
	note(Value, split(l, Value), split(r, Value))
	note(Exclusion, split(l, Exclusion), split(r, Exclusion))
	note(Field, fieldL, fieldR)
	note(Operator, opL, opR)
	note(Presence, split(l, Presence), split(r, Presence))
	lt, rt := remove(left.Thresholds, right.Thresholds)
	note(Threshold, items(lt), items(rt))
	if len(left.Thresholds) > 0 && len(right.Thresholds) > 0 {
		lists(Group, left.Groups, right.Groups)
	}
	lists(JoinKind, left.Joins, right.Joins)
	lists(Name, left.Named, right.Named)
	note(Unsaid, left.unsaid(), right.unsaid())
	c.judge(left, right)
	return c
}

// judge finds the verdict.
func (c *Comparison) judge(left, right *Facts) {
	exact := left.ofTexts(right, prove(left, right, plain))
	loose := left.ofTexts(right, prove(left, right, func(e ir.Expr) ir.Expr { return core(plain(e)) }))
	both := relation{true, true}
	switch {
	case exact == both:
		c.Verdict = Equal
		// Parts that only one has say what another part says as well.
		c.Differences = slices.DeleteFunc(c.Differences, func(d Difference) bool { return d.Kind != Time })
		return
	case loose == both:
		c.Verdict = Alike
	case loose.leftWithin || loose.rightWithin:
		c.Verdict = Narrower
	case sharesNothing(left, right):
		c.Verdict = Apart
	case !shares(words(left.Sources()), words(right.Sources())) && len(left.lost)+len(right.lost) == 0:
		c.Verdict = Elsewhere
	default:
		c.Verdict = Overlapping
	}
	switch {
	case exact.leftWithin:
		c.Within, c.Strict = Left, true
	case exact.rightWithin:
		c.Within, c.Strict = Right, true
	case loose == both:
	case loose.leftWithin:
		c.Within = Left
	case loose.rightWithin:
		c.Within = Right
	}
	counting := slices.ContainsFunc(c.Differences, func(d Difference) bool {
		return d.Kind != Time || !open(left.lookBacks()) && !open(right.lookBacks())
	})
	if !counting {
		c.Differences = append(c.Differences, Difference{Kind: Combination})
	}
}

// prove relates two hunts. Those that do more than to select events can only be
// shown to be the same, by being the same.
func prove(left, right *Facts, form func(ir.Expr) ir.Expr) relation {
	rel := relate(left, right, form)
	if left.plainly() && right.plainly() {
		return rel
	}
	same := func(l, r []Item) bool { return slices.Equal(words(l), words(r)) }
	if rel != (relation{true, true}) || !same(items(left.Thresholds), items(right.Thresholds)) || !same(left.Joins, right.Joins) ||
		!same(left.Named, right.Named) || !same(left.Groups, right.Groups) {
		return relation{}
	}
	return rel
}

// ofTexts is what a relation of two logical forms proves of the texts that they
// were read from.
func (f *Facts) ofTexts(right *Facts, rel relation) relation {
	may := func(f *Facts, does func(Loss) bool) bool { return slices.ContainsFunc(f.lost, does) }
	more := func(l Loss) bool { return l.More }
	less := func(l Loss) bool { return l.Less }
	out := relation{
		leftWithin:  rel.leftWithin && !may(f, more) && !may(right, less),
		rightWithin: rel.rightWithin && !may(right, more) && !may(f, less),
	}
	if !f.plainly() || !right.plainly() {
		// Of groups with more or fewer events in them, others pass.
		if len(f.lost)+len(right.lost) > 0 {
			return relation{}
		}
	}
	return out
}

func shares(l, r []string) bool {
	return slices.ContainsFunc(l, func(s string) bool { return slices.Contains(r, s) })
}

// sharesNothing reports whether the hunts have no value that they look for in
// common.
func sharesNothing(left, right *Facts) bool {
	wanted := func(f *Facts) []string {
		var out []string
		for _, t := range slices.Concat(f.Tests, f.Thresholds) {
			if !t.Not && t.Value != "" {
				out = append(out, strings.ToLower(t.Value))
			}
		}
		return out
	}
	part := func(s, t string) bool { return s == t || len(s) > 2 && strings.Contains(t, s) }
	lv, rv := wanted(left), wanted(right)
	if len(lv)+len(rv) == 0 {
		return !shares(words(left.Sources()), words(right.Sources()))
	}
	return !slices.ContainsFunc(lv, func(s string) bool {
		return slices.ContainsFunc(rv, func(t string) bool { return part(s, t) || part(t, s) })
	})
}

// open reports whether a hunt says nothing of the time.
func open(backs []time.Duration) bool {
	return !slices.ContainsFunc(backs, func(d time.Duration) bool { return d != 0 })
}

func (t Test) item() Item { return Item{t.Pos, t.String()} }

func items(tests []Test) []Item {
	var out []Item
	for _, t := range tests {
		out = append(out, t.item())
	}
	return out
}

func words(list []Item) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = item.Text
	}
	return out
}

// spans are lengths of time in words.
func spans(list []time.Duration) []Item {
	var out []Item
	for _, d := range list {
		text := "not said"
		if d != 0 {
			text = ir.SpanText(d)
		}
		out = append(out, Item{Text: text})
	}
	return out
}

// without are the entries of a list that the other one does not have.
func without(list, other []Item) []Item {
	var out []Item
	for _, s := range list {
		if !slices.ContainsFunc(other, func(o Item) bool { return o.Text == s.Text }) {
			out = append(out, s)
		}
	}
	return out
}

// remove takes out the tests that both sides make.
func remove(l, r []Test) (lo, ro []Test) {
	in := func(t Test, list []Test) bool {
		return slices.ContainsFunc(list, func(o Test) bool { return o.String() == t.String() })
	}
	for _, t := range l {
		if !in(t, r) {
			lo = append(lo, t)
		}
	}
	for _, t := range r {
		if !in(t, l) {
			ro = append(ro, t)
		}
	}
	return lo, ro
}

// pairs takes out the tests of both sides that are partners.
func pairs(l, r []Test, partner func(a, b Test) bool) (lo, ro []Test, a, b []Item) {
	ro = slices.Clone(r)
	for _, t := range l {
		i := slices.IndexFunc(ro, func(o Test) bool { return partner(t, o) })
		if i < 0 {
			lo = append(lo, t)
			continue
		}
		a, b = append(a, t.item()), append(b, ro[i].item())
		ro = slices.Delete(ro, i, i+1)
	}
	return lo, ro, a, b
}
