package ir

import "github.com/huntc/huntc/diag"

// Fidelity is the verdict on a hunt for one target: how the rows that the
// emitted query selects relate to the rows that the document means.
type Fidelity string

const (
	Exact       Fidelity = "exact"
	Over        Fidelity = "over"        // matches more
	Under       Fidelity = "under"       // matches less
	Mixed       Fidelity = "mixed"       // more here, less there
	Opaque      Fidelity = "opaque"      // native text, not checked
	Unsupported Fidelity = "unsupported" // no query
)

// Reason is one cause of a verdict, at the place in the document that it
// comes from. Effect is Over, Under, Mixed or Opaque.
type Reason struct {
	diag.Span
	Code    diag.Code
	Effect  Fidelity
	Message string
	Hint    string
}

// Negate turns the effect of a reason found below a Not around.
func (f Fidelity) Negate() Fidelity {
	switch f {
	case Over:
		return Under
	case Under:
		return Over
	}
	return f
}

// Join is the verdict on a query to which both apply.
func (f Fidelity) Join(g Fidelity) Fidelity {
	switch {
	case f == g || g == Exact || g == "":
		return f
	case f == Exact || f == "":
		return g
	case f == Unsupported || g == Unsupported:
		return Unsupported
	case f == Opaque || g == Opaque:
		return Opaque
	}
	return Mixed
}

// Verdict sums up the reasons; none means Exact.
func Verdict(reasons []Reason) Fidelity {
	v := Exact
	for _, r := range reasons {
		v = v.Join(r.Effect)
	}
	return v
}
