package diff

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// Verdict says how two hunts stand to each other.
type Verdict string

const (
	// Equal: the same sources, with the same condition, over the same time, and
	// the same thresholds. A time that one of them leaves to whoever runs it is
	// noted, and does not count.
	Equal Verdict = "equal"
	// Alike: the same in all parts, which are combined in different ways, or
	// in ways that could not be compared.
	Alike Verdict = "alike"
	// Different: some part is in one of them only.
	Different Verdict = "different"
)

// Kind is the part that differs.
type Kind string

const (
	Source    Kind = "source"    // which events are read
	Time      Kind = "time"      // how far back
	Value     Kind = "value"     // what is looked for
	Exclusion Kind = "exclusion" // what is left out
	Operator  Kind = "operator"  // how the same value is compared
	Field     Kind = "field"     // where the same value is looked for
	Threshold Kind = "threshold" // how much of it is too much
	Group     Kind = "group"     // what is counted together
	JoinKind  Kind = "join"
	Name      Kind = "name" // conditions of which only the name is known
)

// Difference is one part in which two hunts differ: what only the left, and
// what only the right one has.
type Difference struct {
	Kind        Kind
	Left, Right []string
}

// String says the difference in words for "left" and "right".
func (d Difference) String() string { return d.Text("left", "right") }

// Text says the difference in words.
func (d Difference) Text(left, right string) string {
	side := func(name string, list []string) string {
		if len(list) == 0 {
			return ""
		}
		return name + ": " + strings.Join(list, "; ")
	}
	parts := []string{side("only "+left, d.Left), side("only "+right, d.Right)}
	if d.Kind == Operator || d.Kind == Field {
		parts = []string{side(left, d.Left), side(right, d.Right)}
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return string(d.Kind) + " (" + strings.Join(parts, " | ") + ")"
}

// Comparison is what two hunts have in common, and what not.
type Comparison struct {
	Verdict     Verdict
	Differences []Difference
}

// Compare holds two hunts against each other by their facts.
func Compare(left, right *Facts) Comparison {
	var c Comparison
	note := func(kind Kind, l, r []string) {
		if len(l)+len(r) > 0 {
			c.Differences = append(c.Differences, Difference{kind, l, r})
		}
	}
	lists := func(kind Kind, l, r []string) {
		note(kind, without(l, r), without(r, l))
	}
	lists(Source, left.Sources, right.Sources)
	lists(Time, spans(left.LookBacks), spans(right.LookBacks))
	l, r := left.Tests, right.Tests
	l, r = remove(l, r)
	l, r = pairs(l, r, Test.same, func(a, b []string) { note(Operator, a, b) })
	l, r = pairs(l, r, func(a, b Test) bool { return a.Value != "" && a.Value == b.Value && a.Not == b.Not }, func(a, b []string) { note(Field, a, b) })
	split := func(tests []Test, not bool) []string {
		var out []string
		for _, t := range tests {
			if t.Not == not {
				out = append(out, t.String())
			}
		}
		return out
	}
	note(Value, split(l, false), split(r, false))
	note(Exclusion, split(l, true), split(r, true))
	lt, rt := remove(left.Thresholds, right.Thresholds)
	note(Threshold, texts(lt), texts(rt))
	if len(left.Thresholds)+len(right.Thresholds) > 0 {
		lists(Group, left.Groups, right.Groups)
	}
	lists(JoinKind, left.Joins, right.Joins)
	lists(Name, left.Named, right.Named)
	counting := slices.DeleteFunc(slices.Clone(c.Differences), func(d Difference) bool {
		return d.Kind == Time && (open(left.LookBacks) || open(right.LookBacks))
	})
	switch {
	case len(counting) > 0:
		c.Verdict = Different
	case slices.Equal(left.selection, right.selection):
		c.Verdict = Equal
	default:
		c.Verdict = Alike
	}
	return c
}

// open reports whether a hunt says nothing of the time.
func open(backs []time.Duration) bool {
	return !slices.ContainsFunc(backs, func(d time.Duration) bool { return d != 0 })
}

func texts(tests []Test) []string {
	var out []string
	for _, t := range tests {
		out = append(out, t.String())
	}
	return out
}

// spans are lengths of time in words.
func spans(list []time.Duration) []string {
	var out []string
	for _, d := range list {
		if d == 0 {
			out = append(out, "not said")
			continue
		}
		out = append(out, ir.SpanText(d))
	}
	return out
}

// without are the entries of a list that the other one does not have.
func without(list, other []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(other, s) && !slices.Contains(out, s) {
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

// pairs takes out the tests of both sides that are partners, and notes them.
func pairs(l, r []Test, partner func(a, b Test) bool, note func(a, b []string)) (lo, ro []Test) {
	ro = slices.Clone(r)
	var a, b []string
	for _, t := range l {
		i := slices.IndexFunc(ro, func(o Test) bool { return partner(t, o) })
		if i < 0 {
			lo = append(lo, t)
			continue
		}
		a, b = append(a, t.String()), append(b, ro[i].String())
		ro = slices.Delete(ro, i, i+1)
	}
	note(a, b)
	return lo, ro
}
