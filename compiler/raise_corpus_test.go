package compiler_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/briefing"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// briefingTexts are the queries of all briefings in each language, each once:
// texts that differ in white space only count as one.
func briefingTexts(t testing.TB) (spl, kql []string) {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "briefings")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, _ := briefing.Parse(path, raw)
		add := func(to *[]string, language string, queries []briefing.Query) {
			for _, q := range queries {
				if key := language + " " + strings.Join(strings.Fields(q.Text), " "); !seen[key] {
					seen[key] = true
					*to = append(*to, q.Text)
				}
			}
		}
		for _, h := range doc.Hunts {
			add(&spl, "spl", h.SPL)
			add(&kql, "kql", h.KQL)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return spl, kql
}

// counts are reasons by how often they hold.
type counts map[string]int

func (c counts) log(t *testing.T, title string, most int) {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(c[b]-c[a], strings.Compare(a, b)) })
	for i, k := range keys {
		if i == most {
			break
		}
		t.Logf("%s: %d %s", title, c[k], k)
	}
}

func firstError(l diag.List) string {
	for _, d := range l {
		if d.Severity == diag.Error {
			return string(d.Code) + " " + d.Message
		}
	}
	return "no error"
}

// TestRaiseBriefings raises what is lifted of the briefings' queries, and
// resolves it for its own target and for the other.
func TestRaiseBriefings(t *testing.T) {
	spls, kqls := briefingTexts(t)
	sch, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(sch, splunk.Config{})
	d := defender.New(sch)
	raiseTexts(t, sch, "spl", spls, b.LiftText, schema.CIM, d, raiseFloor{85, 57})
	// Kinds of event that data models have no word for, such as attempted
	// connections, are asked for as Defender calls them, and stay its own.
	raiseTexts(t, sch, "kql", kqls, d.LiftText, schema.XDR, b, raiseFloor{95, 72})
}

// raiseFloor is how many of a hundred lifted queries have to be raised, and to be
// compiled for the other target.
type raiseFloor struct{ raised, across int }

func raiseTexts(t *testing.T, sch *schema.Schema, name string, texts []string, lift func(string, string) backends.Lifted, own schema.View, other backends.Backend, floor raiseFloor) {
	lifted, raised, back, same, silent, bound, across := 0, 0, 0, 0, 0, 0, 0
	why, notes, refused, ownRefused, panics := counts{}, counts{}, counts{}, counts{}, counts{}
	for _, text := range texts {
		l := lift(name, text)
		for _, q := range l.Queries {
			if q.Query == nil {
				continue
			}
			lifted++
			r := sch.Raise(q.Query, own)
			for _, d := range r.Diagnostics {
				if d.Code == "HC0522" && d.Severity == diag.Warning {
					t.Errorf("%s: rows are lost: %s\n%s", name, d.Message, text)
				}
				if d.Severity != diag.Error {
					notes[d.Severity.String()+" "+string(d.Code)+" "+d.Message]++
				}
			}
			if r.Query == nil {
				why[firstError(r.Diagnostics)]++
				continue
			}
			raised++
			if len(r.Bound) > 0 {
				bound++
			}
			view := own
			if s := ir.Scans(r.Query); own == schema.CIM && len(s) > 0 && len(ir.Scans(q.Query)) > 0 && ir.Scans(q.Query)[0].Physical.View == string(schema.Raw) {
				view = schema.Raw
			}
			res := sch.Resolve(&ir.Hunt{Query: r.Query}, view)
			if res.Query == nil {
				ownRefused[firstError(res.Diagnostics)]++
			} else {
				back++
				if ir.Format(ir.Canonical(res.Query)) == ir.Format(ir.Canonical(q.Query)) {
					same++
				} else if len(r.Diagnostics) == 0 {
					silent++
				}
			}
			made := func() (made backends.Artifact) {
				defer func() {
					if p := recover(); p != nil {
						panics[fmt.Sprint(p)]++
						made.Diagnostics.Errorf("HC0000", q, "", "the backend panicked: %v", p)
					}
				}()
				return other.Compile(&ir.Hunt{Query: r.Query, Kind: ir.KindHunt})
			}()
			if made.Diagnostics.HasErrors() {
				refused[firstError(made.Diagnostics)]++
				continue
			}
			across++
		}
	}
	t.Logf("%s: %d texts, %d queries lifted, %d raised (%d name columns of the target), %d resolved again, %d the same, %d not and without a note; %d compiled for the other target",
		name, len(texts), lifted, raised, bound, back, same, silent, across)
	why.log(t, "not raised", 40)
	notes.log(t, "notes", 50)
	ownRefused.log(t, "not resolved again", 20)
	if len(panics) > 0 {
		t.Errorf("%s: %v", name, panics)
	}
	if 100*raised < floor.raised*lifted {
		t.Errorf("%s: only %d of %d lifted queries are raised", name, raised, lifted)
	}
	if 100*across < floor.across*lifted {
		t.Errorf("%s: only %d of %d lifted queries are compiled for the other target", name, across, lifted)
	}
	refused.log(t, "not for the other target", 40)
}
