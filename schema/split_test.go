package schema

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/huntc/huntc/ir"
)

// glb reads a pattern with * and ? and no escapes.
func glb(s string) ir.Pattern {
	var p ir.Pattern
	for _, r := range s {
		switch r {
		case '*':
			p.Append(ir.Part{Wild: ir.Many})
		case '?':
			p.Append(ir.Part{Wild: ir.One})
		default:
			p.Append(ir.Part{Text: string(r)})
		}
	}
	return p
}

func random(r *rand.Rand, alphabet string, n int) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// A pattern matches left\right if and only if one of its splits matches both.
func TestSplitLastIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for range 200_000 {
		p := glb(random(r, `ab\*?`, 7))
		left, right := random(r, `ab\`, 5), random(r, `ab`, 4)
		want := matches(p, left+`\`+right)
		got := false
		for _, h := range splitLast(p, '\\') {
			got = got || matches(h.left, left) && matches(h.right, right)
		}
		if got != want {
			t.Fatalf("%q on %q: whole %v, halves %v (%v)", p.String(), left+`\`+right, want, got, splitLast(p, '\\'))
		}
		if want {
			hits++
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d of the random texts matched: the test proves little", hits)
	}
}

// On absolute paths with one kind of separator, the pattern for the file name
// matches where the pattern for the path does.
func TestFileNameIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	hits := 0
	for range 200_000 {
		sep := `\`
		if r.IntN(2) == 0 {
			sep = "/"
		}
		p := glb("*" + strings.ReplaceAll(random(r, `ab|*`, 4), "|", sep))
		file, ok := fileName(p)
		if !ok {
			continue
		}
		name := random(r, "ab", 3)
		path := random(r, "ab", 2) + sep + strings.ReplaceAll(random(r, "ab|", 4), "|", sep) + sep + name
		if got, want := matches(file, name), matches(p, path); got != want {
			t.Fatalf("%q on %q: path %v, file name %q %v", p.String(), path, want, file.String(), got)
		}
		if matches(p, path) {
			hits++
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d of the random paths matched: the test proves little", hits)
	}
}

// A pattern matches a + word + b if and only if one of its cuts matches a and b,
// and word + b if and only if it does so from the start.
func TestCutsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	hits := 0
	for range 200_000 {
		p := glb(random(r, `abA\*?`, 7))
		word := "a" + random(r, `ab\`, 3)
		before, after := random(r, `ab\`, 3), random(r, `ab\`, 3)
		left := func(c cut) ir.Pattern {
			q := c.replace(p, "\x00")
			for i, part := range q.Parts {
				if at := strings.IndexByte(part.Text, 0); at >= 0 {
					q.Parts = q.Parts[:i]
					q.Append(ir.Part{Text: part.Text[:at]})
					return q
				}
			}
			panic("no word")
		}
		got := false
		for _, c := range cuts(p, word) {
			got = got || matches(left(c), before) && matches(appendFrom(ir.Pattern{}, p, c.to), after)
		}
		want := matches(p, before+word+after)
		if got != want {
			t.Fatalf("%q on %q, %q, %q: whole %v, cuts %v", p.String(), before, word, after, want, cuts(p, word))
		}
		got = false
		for _, to := range consume(nil, p.Parts, place{}, word, sameLetter) {
			got = got || matches(appendFrom(ir.Pattern{}, p, to), after)
		}
		if whole := matches(p, word+after); got != whole {
			t.Fatalf("%q on %q, %q: whole %v, from the start %v", p.String(), word, after, whole, got)
		}
		if want {
			hits++
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d of the random texts matched: the test proves little", hits)
	}
}
