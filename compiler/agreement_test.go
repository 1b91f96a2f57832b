package compiler_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/internal/sharedtest"
)

// kustoFaults are the codes of Microsoft's language service that come up, in
// words: what its messages say without the names in them.
var kustoFaults = map[string]string{
	"KS001": "something is missing, mostly the end of a string",
	"KS002": "a character that stands nowhere in the language, mostly behind a string that ended early",
	"KS005": "another character is expected",
	"KS006": "an expression is missing",
	"KS106": "an operator on types that it is not defined for",
	"KS141": "a value of another type than is wanted there",
	"KS142": "a name that is no column, table, variable or function",
	"KS144": "an aggregate function where none may stand",
	"KS171": "two columns of one name",
	"KS198": "a piece of text that belongs to nothing",
	"KS204": "a name that is no table",
	"KS228": "a word of the language as a name",
}

// published is one text of the briefings, each counted once.
type published struct {
	diagnostics diag.List
	queries     []string
}

// agreementFigures is what the briefings come to.
type agreementFigures struct {
	briefings, hunts, pairs, textPairs int
	verdicts, textVerdicts             map[diff.Verdict]int
	kinds, textKinds                   map[diff.Kind]int
	texts                              map[string][]published
}

func figuresOfBriefings(t *testing.T) *agreementFigures {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "briefings")
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &agreementFigures{verdicts: map[diff.Verdict]int{}, textVerdicts: map[diff.Verdict]int{}, kinds: map[diff.Kind]int{}, textKinds: map[diff.Kind]int{}, texts: map[string][]published{}}
	seen, taken := map[string]bool{}, map[string]bool{}
	key := func(h compiler.Half) string {
		s := ""
		for _, x := range h.Texts {
			s += strings.Join(strings.Fields(x.Text), " ") + "\n"
		}
		return s
	}
	first := func(k string) int {
		if seen[k] {
			return 0
		}
		seen[k] = true
		return 1
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") || strings.HasPrefix(d.Name(), "_") || d.Name() == "INDEX.md" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f.briefings++
		for _, h := range l.Import(path, raw, taken).Hunts {
			f.hunts++
			if h.SPL.Queries > 0 && h.KQL.Queries > 0 {
				once := first("pair\x00" + key(h.SPL) + "\x00" + key(h.KQL))
				f.pairs++
				f.textPairs += once
				if c := h.Comparison; c != nil {
					f.verdicts[c.Verdict]++
					f.textVerdicts[c.Verdict] += once
					for _, d := range c.Differences {
						f.kinds[d.Kind]++
						f.textKinds[d.Kind] += once
					}
				}
			}
			for _, half := range []struct {
				language string
				h        compiler.Half
			}{{"spl", h.SPL}, {"kql", h.KQL}} {
				if half.h.Queries == 0 || first(half.language+"\x00"+key(half.h)) == 0 {
					continue
				}
				p := published{diagnostics: half.h.Diagnostics}
				for _, x := range half.h.Texts {
					p.queries = append(p.queries, x.Text)
				}
				f.texts[half.language] = append(f.texts[half.language], p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestAgreement: docs/agreement.md and the README say of the briefings what
// their import and Microsoft's language service say. HUNTC_TEST_UPDATE=1 writes
// it.
func TestAgreement(t *testing.T) {
	f := figuresOfBriefings(t)
	var b strings.Builder
	compared, comparedTexts := 0, 0
	for _, v := range diff.Verdicts() {
		compared += f.verdicts[v]
		comparedTexts += f.textVerdicts[v]
	}
	fmt.Fprintf(&b, "%d briefings have %d hunts, %d of them in both languages: %d pairs of texts, each counted once.\n", f.briefings, f.hunts, f.pairs, f.textPairs)
	fmt.Fprintf(&b, "Of these pairs %d are read in full on both sides and have a form in which they can be compared.\n\n", comparedTexts)
	b.WriteString("| verdict | pairs of texts | share | hunts |\n|---|---|---|---|\n")
	for _, v := range diff.Verdicts() {
		fmt.Fprintf(&b, "| %s | %d | %s | %d |\n", v, f.textVerdicts[v], percent(f.textVerdicts[v], comparedTexts), f.verdicts[v])
	}
	fmt.Fprintf(&b, "| all compared | %d | | %d |\n\n", comparedTexts, compared)
	b.WriteString("| they differ in | pairs of texts | hunts |\n|---|---|---|\n")
	for _, k := range diff.Kinds() {
		if f.kinds[k] > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d |\n", k, f.textKinds[k], f.kinds[k])
		}
	}
	holdPage(t, "../docs/agreement.md", "<!-- how the pairs agree -->\n", b.String())

	b.Reset()
	failing := map[string]int{}
	for _, language := range []string{"spl", "kql"} {
		texts := f.texts[language]
		n, fails := map[compiler.Fault]int{}, 0
		for _, p := range texts {
			failed := 0
			var had []diag.Code
			for _, d := range p.diagnostics {
				fault, ok := compiler.FaultOf(d.Code)
				if !ok || slices.Contains(had, d.Code) {
					continue
				}
				had = append(had, d.Code)
				n[fault]++
				if fault.Fails {
					failed = 1
				}
			}
			fails += failed
		}
		failing[language] = fails
		fmt.Fprintf(&b, "**%s:** %d texts, of which %d (%s) fail, or ask for what is not there.\n\n", strings.ToUpper(language), len(texts), fails, percent(fails, len(texts)))
		b.WriteString("| texts | | code | fault |\n|---|---|---|---|\n")
		list := slices.SortedFunc(maps.Keys(n), func(x, y compiler.Fault) int {
			if x.Fails != y.Fails {
				return map[bool]int{true: -1, false: 1}[x.Fails]
			}
			return cmp.Or(n[y]-n[x], strings.Compare(string(x.Code), string(y.Code)))
		})
		for _, fault := range list {
			what := "runs"
			if fault.Fails {
				what = "fails"
			}
			fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", n[fault], what, fault.Code, diag.Title(fault.Code))
		}
		b.WriteString("\n")
	}
	holdPage(t, "../docs/agreement.md", "<!-- faults -->\n", b.String())

	var queries []kustotest.Query
	ofText := map[string]int{}
	for i, p := range f.texts["kql"] {
		for j, text := range p.queries {
			id := fmt.Sprintf("%d.%d", i, j)
			ofText[id] = i
			queries = append(queries, kustotest.Query{ID: id, Text: text})
		}
	}
	codes := map[string]map[int]bool{}
	rejected := map[int]bool{}
	for _, finding := range kustotest.Check(t, queries) {
		if finding.Severity != "error" {
			continue
		}
		i := ofText[finding.Query.ID]
		rejected[i] = true
		if codes[finding.Code] == nil {
			codes[finding.Code] = map[int]bool{}
			if kustoFaults[finding.Code] == "" {
				t.Errorf("no words for %s", finding)
			}
		}
		codes[finding.Code][i] = true
	}
	found, alone := 0, 0
	for i := range len(f.texts["kql"]) {
		ours := slices.ContainsFunc(f.texts["kql"][i].diagnostics, func(d diag.Diagnostic) bool { fault, ok := compiler.FaultOf(d.Code); return ok && fault.Fails })
		switch {
		case ours && rejected[i]:
			found++
		case ours:
			alone++
			t.Logf("only we reject\n%s", strings.Join(f.texts["kql"][i].queries, "\n"))
		case rejected[i]:
			t.Logf("only the service rejects\n%s", strings.Join(f.texts["kql"][i].queries, "\n"))
		}
	}
	texts := len(f.texts["kql"])
	b.Reset()
	fmt.Fprintf(&b, "Of the %d KQL texts the service rejects %d (%s); huntc's own checks find %d of these, and\n%d that the service accepts.\n\n| texts | code | error |\n|---|---|---|\n", texts, len(rejected), percent(len(rejected), texts), found, alone)
	for _, code := range slices.SortedFunc(maps.Keys(codes), func(x, y string) int {
		return cmp.Or(len(codes[y])-len(codes[x]), strings.Compare(x, y))
	}) {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", len(codes[code]), code, kustoFaults[code])
	}
	holdPage(t, "../docs/agreement.md", "<!-- Microsoft's language service -->\n", b.String())

	same := f.textVerdicts[diff.Equal] + f.textVerdicts[diff.Alike]
	holdPage(t, "../README.md", "<!-- why a compiler -->\n", fmt.Sprintf("Of %d different KQL queries in published hunting briefings, Microsoft's own language service rejects %d.\n"+
		"Of %d different SPL queries, %d ask for a field or a data model that CIM does not have, or cannot be read.\n"+
		"Of the %d published pairs of the two that can be compared in full, %d are proved to look for the same,\n"+
		"give or take how texts are compared.\n",
		texts, len(rejected), len(f.texts["spl"]), failing["spl"], comparedTexts, same))
}

func percent(n, of int) string { return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(max(1, of))) }

// holdPage holds what stands in a page behind a mark to be a text.
func holdPage(t *testing.T, page, mark, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const end = "<!-- until here -->\n"
	before, rest, found := strings.Cut(string(text), mark)
	got, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatalf("%s has no place for %s", page, mark)
	case got == want:
	case os.Getenv("HUNTC_TEST_UPDATE") != "":
		if err := os.WriteFile(page, []byte(before+mark+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from what is so (HUNTC_TEST_UPDATE=1 writes it):\n%s", page, gocmp.Diff(got, want))
	}
}
