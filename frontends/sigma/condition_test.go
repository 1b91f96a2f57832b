package sigma

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sigmago "github.com/bradleyjkemp/sigma-go"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/internal/sharedtest"
)

// String prints a condition with every parenthesis.
func (c *cond) String() string {
	var args []string
	for _, a := range c.args {
		args = append(args, a.String())
	}
	switch c.op {
	case condOpOr:
		return "(" + strings.Join(args, " or ") + ")"
	case condOpAnd:
		return "(" + strings.Join(args, " and ") + ")"
	case condOpNot:
		return "not " + args[0]
	case condOpOf:
		of := map[bool]string{false: "1 of ", true: "all of "}[c.all]
		if c.name == "" {
			return of + "them"
		}
		return of + c.name
	}
	return c.name
}

// theirs prints sigma-go's tree in the same way.
func theirs(x sigmago.SearchExpr) string {
	list := func(in []sigmago.SearchExpr, sep string) string {
		if len(in) == 1 {
			return theirs(in[0])
		}
		var out []string
		for _, a := range in {
			out = append(out, theirs(a))
		}
		return "(" + strings.Join(out, sep) + ")"
	}
	switch x := x.(type) {
	case sigmago.And:
		return list(x, " and ")
	case sigmago.Or:
		return list(x, " or ")
	case sigmago.Not:
		return "not " + theirs(x.Expr)
	case sigmago.OneOfIdentifier:
		return "1 of " + x.Ident.Name
	case sigmago.AllOfIdentifier:
		return "all of " + x.Ident.Name
	case sigmago.OneOfPattern:
		return "1 of " + x.Pattern
	case sigmago.AllOfPattern:
		return "all of " + x.Pattern
	case sigmago.OneOfThem:
		return "1 of them"
	case sigmago.AllOfThem:
		return "all of them"
	case sigmago.SearchIdentifier:
		return x.Name
	}
	return fmt.Sprintf("%T", x)
}

// corpusConditions are the distinct conditions of the corpus, with the text
// of each as its document has it.
func corpusConditions(t testing.TB) []string {
	t.Helper()
	seen := map[string]bool{}
	var out []string
	err := filepath.WalkDir(sharedtest.Path(t, "corpus", "sigma"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc struct {
			Detection struct {
				Condition yaml.Node `yaml:"condition"`
			} `yaml:"detection"`
		}
		if err := yaml.Unmarshal(src, &doc); err != nil {
			return err
		}
		if n := doc.Detection.Condition; n.Kind == yaml.ScalarNode && !seen[n.Value] {
			seen[n.Value] = true
			out = append(out, n.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestConditionsAgreeWithSigmaGo compares the trees of all conditions that
// sigma-go can read.
func TestConditionsAgreeWithSigmaGo(t *testing.T) {
	compared, skipped := 0, 0
	for _, text := range corpusConditions(t) {
		if strings.Contains(text, "|") {
			continue // aggregations of Sigma v1
		}
		want, err := sigmago.ParseCondition(text)
		if err != nil {
			skipped++
			continue
		}
		have := parseConditionText(text)
		if have.err != nil {
			t.Errorf("%q: %s", text, have.err.message)
			continue
		}
		compared++
		if h, w := have.root.String(), theirs(want.Search); h != w {
			t.Errorf("%q:\nhave %s\nwant %s", text, h, w)
		}
	}
	t.Logf("%d compared, %d that sigma-go cannot read", compared, skipped)
	if compared < 200 {
		t.Errorf("only %d conditions compared", compared)
	}
}

var conditionSeeds = []string{
	"selection", "a and not b or c", "1 of them", "all of selection_* and not 1 of filter_*", "((a))", "not not a",
	"2 of x", "a |count() by b > 5", "a | near b", "any of *_x*", "(", ")", "a b", "1 of", "all", "them", "a and\n\tb", "\"x\"", "ä and ö",
	"a && b", "1", "not", "a and or b", strings.Repeat("(", 101) + "a", "not-a and all_x", "\x00", "a\u2028b", "(a and ",
}

// FuzzCondition: no text brings the parser down; an error has a place in the
// text; what parses prints to a text that parses to the same.
func FuzzCondition(f *testing.F) {
	for _, s := range conditionSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := parseConditionText(text)
		if r.err != nil {
			if r.err.from < 0 || r.err.to < r.err.from || r.err.to > len(text) || r.err.message == "" {
				t.Fatalf("%q: %+v", text, r.err)
			}
			return
		}
		var walk func(*cond)
		walk = func(c *cond) {
			if c.from < 0 || c.to > len(text) || c.from > c.to {
				t.Fatalf("%q: %s at %d to %d", text, c, c.from, c.to)
			}
			for _, a := range c.args {
				walk(a)
			}
		}
		walk(r.root)
		printed := r.root.String()
		again := parseConditionText(printed)
		if again.err != nil {
			if again.err.code == codeConditionSize {
				return // printed with more parentheses than allowed
			}
			t.Fatalf("%q prints as %q: %s", text, printed, again.err.message)
		}
		if got := again.root.String(); got != printed {
			t.Fatalf("%q prints as %q, which reads as %q", text, printed, got)
		}
	})
}

// TestConditionPlaces: the span of a name is the name.
func TestConditionPlaces(t *testing.T) {
	text := "alpha and ( 1 of beta_* or  not gamma )"
	r := parseConditionText(text)
	var names []string
	var walk func(*cond)
	walk = func(c *cond) {
		if c.op == condOpName || c.op == condOpOf || c.op == condOpNot {
			names = append(names, text[c.from:c.to])
		}
		for _, a := range c.args {
			walk(a)
		}
	}
	walk(r.root)
	want := "[alpha 1 of beta_* not gamma gamma]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("have %s, want %s", got, want)
	}
}
