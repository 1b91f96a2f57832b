package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// TestDetectionsFindTheSame: a custom detection of a random program has the
// rows of its query, and the event that each of them names is one of the table.
func TestDetectionsFindTheSame(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := defender.New(s)
	projectors := map[string]*eval.Projector{}
	var texts []kustotest.Query
	compared, rows, added, strange, lost := 0, 0, 0, 0, 0
	one := func(seed uint64) {
		defer func() {
			switch e := recover().(type) {
			case nil:
			case unmodelled:
				strange++
			default:
				t.Errorf("seed %d: %v", seed, e)
			}
		}()
		r := rand.New(rand.NewPCG(seed, 77))
		q, _ := randomProgram(r)
		h := &ir.Hunt{Path: fmt.Sprintf("seed %d", seed), Kind: ir.KindHunt, Query: q}
		art := b.Compile(h)
		if art.Query == "" {
			return
		}
		d := b.Detection(h, defender.Scheduled)
		texts = append(texts, kustotest.Query{ID: h.Path, Text: d.Query})
		columns := b.Rows(h).Columns
		for _, c := range columns {
			if !slices.Contains(d.Columns, c) {
				t.Errorf("%s: the detection lacks the column %s", h.Path, c)
			}
		}
		whole := slices.Contains(d.Columns, "ReportId") && slices.Contains(d.Columns, "Timestamp")
		if !whole {
			lost++
		}
		parsed, diags := kql.Parse("", d.Query)
		if len(diags) > 0 {
			t.Errorf("%s: %v\n%s", h.Path, diags, d.Query)
			return
		}
		plain, _ := kql.Parse("", art.Query)
		res := s.Resolve(h, schema.XDR)
		plan, _ := b.Plan(res.Query, res.Fields)
		for range 2 {
			w := newWorld(s, projectors, r, false)
			tables := map[string][]map[string]any{}
			events := map[string]bool{}
			for _, scan := range ir.Scans(plan) {
				if tables[scan.Physical.Table] != nil {
					continue
				}
				for i, row := range w.projected(scan.Physical) {
					if at, ok := row.Get("Timestamp").(time.Time); ok && d.LookBack == 0 && scan.LookBack > 0 && at.Before(irgen.Now.Add(-scan.LookBack)) {
						continue // the service leaves it out
					}
					m := map[string]any{}
					for _, n := range row.Columns() {
						m[n] = row.Get(n)
					}
					m["ReportId"], m["DeviceId"] = int64(1000+i), fmt.Sprintf("device%d", i%3)
					events[fmt.Sprint(m["Timestamp"], m["ReportId"], m["DeviceId"])] = true
					tables[scan.Physical.Table] = append(tables[scan.Physical.Table], m)
				}
			}
			tables[kustoTexts] = []map[string]any{textColumns(plan)}
			want, got := kustoTable(plain, tables), kustoTable(parsed, tables)
			if a, b := tellable(asRows(want, columns), columns), tellable(asRows(got, columns), columns); !slices.Equal(a, b) {
				t.Errorf("%s: the query\n%s\nfinds\n%s\nand the detection\n%s\nfinds\n%s", h.Path, art.Query, strings.Join(a, "\n"), d.Query, strings.Join(b, "\n"))
				return
			}
			compared++
			rows += len(got)
			if d.Stage.Pos.IsValid() || strings.TrimSuffix(art.Query, "\n") != strings.TrimSuffix(d.Query, "\n") {
				added++
			}
			for _, row := range got {
				if _, isDevice := row["DeviceId"]; whole && isDevice && row["Timestamp"] != nil && // nil: a row that sums up nothing
					!events[fmt.Sprint(row["Timestamp"], row["ReportId"], row["DeviceId"])] {
					t.Errorf("%s: the row %v names no event\n%s", h.Path, row, d.Query)
					return
				}
			}
		}
	}
	start := time.Now()
	for seed := uint64(1); seed <= 600 && time.Since(start) < time.Minute; seed++ {
		one(seed)
	}
	t.Logf("%d detections, %d runs compared with %d rows, %d of queries that were changed; %d cannot name an event, %d not modelled", len(texts), compared, rows, added, lost, strange)
	if compared < 500 || added < 100 || rows < 500 {
		t.Error("too few")
	}
	kustotest.NoFindings(t, texts)
}

func asRows(maps []map[string]any, names []string) []eval.Row {
	var out []eval.Row
	for _, m := range maps {
		vals := make([]any, len(names))
		for i, n := range names {
			vals[i] = m[n]
		}
		out = append(out, eval.NewRow(names, vals...))
	}
	return out
}

// TestPackagedQueriesAreValid: Microsoft's parser takes the queries of all
// custom detections and analytics rules of the corpus and of the project that
// are not what a build writes; those of plain rules are.
func TestPackagedQueriesAreValid(t *testing.T) {
	paths := []string{"../detections"}
	root := sharedtest.Path(t, "corpus", "sigma")
	for _, d := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"} {
		paths = append(paths, filepath.Join(root, d))
	}
	_, items, err := compiler.Items(compiler.Options{Paths: paths}, "defender")
	if err != nil {
		t.Fatal(err)
	}
	var texts []kustotest.Query
	for _, it := range items {
		// What a build writes is checked elsewhere.
		for _, d := range []*deploy.Detection{it.Detection, it.Analytic} {
			if d.Query != strings.TrimSuffix(it.Query, "\n") {
				texts = append(texts, kustotest.Query{ID: it.File, Text: d.Query})
			}
		}
		if it.Detection.Single && it.Hunt.LookBack == 0 && it.Detection.Query != strings.TrimSuffix(it.Query, "\n") && len(it.Detection.Columns) == len(it.Rows.Columns) {
			t.Errorf("%s: the query of the detection is another than that of the build, without need\n%s\n%s", it.File, it.Query, it.Detection.Query)
		}
	}
	t.Logf("%d items, %d queries of their own", len(items), len(texts))
	if len(texts) == 0 || len(texts) > 200 {
		t.Error("too few or too many")
	}
	kustotest.NoFindings(t, texts)
}
