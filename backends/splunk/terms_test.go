package splunk

import (
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// What a search for terms is written as finds what the search finds.
func TestSpellTerms(t *testing.T) {
	texts := []string{"", "enc", "ENC", "-enc x", "encoded", "x.enc", "xenc", "a -enc", "é enc", "éenc", "enc1", "a_enc_b", "a b", "xa b", "a  b", "-safe", "un-safe", "-safer"}
	f := &ir.Field{Name: "x", T: ir.String}
	for _, cased := range []bool{false, true} {
		for _, terms := range [][]string{{"enc"}, {"-safe", "a b"}, {"é"}, {"."}} {
			term := &ir.Term{X: f, Cased: cased}
			for _, s := range terms {
				term.Any = append(term.Any, ir.TextPattern(term.Span, s))
			}
			want, err := eval.CompilePred(term)
			if err != nil {
				t.Fatal(err)
			}
			spelt := spellTerms(&ir.Filter{Input: &ir.Scan{}, Pred: term}).(*ir.Filter).Pred
			got, err := eval.CompilePred(spelt)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range texts {
				row := eval.NewRow([]string{"x"}, s)
				if want(row) != got(row) {
					t.Errorf("%q in %q: the term says %v, %s", terms, s, want(row), ir.FormatExpr(spelt))
				}
			}
		}
	}
}
