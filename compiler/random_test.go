package compiler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// randomSources are what random programs read, and the fields that every view
// stores whole.
var randomSources = []irgen.Source{
	{Logsource: ir.Logsource{Category: "process_creation"}, Fields: []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "CommandLine", T: ir.String}, {Name: "Computer", T: ir.String}, {Name: "ParentCommandLine", T: ir.String},
		{Name: "ProcessId", T: ir.Int}, {Name: "ParentProcessId", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time}}},
	{Logsource: ir.Logsource{Category: "network_connection"}, Fields: []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "Computer", T: ir.String}, {Name: "DestinationIp", T: ir.IP}, {Name: "SourceIp", T: ir.IP},
		{Name: "DestinationPort", T: ir.Int}, {Name: "SourcePort", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time}}},
}

// randomValue is a value that a device could write in a field; what a function
// made of fields gets any text.
func randomValue(r *rand.Rand, f *ir.Field) any {
	switch f.Name {
	case "Image":
		return pick(r, []string{`C:`, `C:\Windows`, `c:\users\ann`, `D:\a b`}) + `\` + pick(r, []string{"cmd.exe", "CMD.EXE", "a b.exe", "x.dll", "a"})
	case "Computer":
		return pick(r, []string{"host1", "HOST1", "host2.lab", "x"})
	case "DestinationIp", "SourceIp":
		return pick(r, []string{"10.0.0.1", "10.1.2.3", "192.168.0.1", "8.8.8.8"})
	}
	switch f.T {
	case ir.String, ir.Dynamic, ir.Unknown:
		// What spells a number has an order of its own, and two texts that
		// spell the same number tie.
		for {
			s := pick(r, []string{"a", "cmd /c x.exe", "-enc ", "é", "x|y|z", `"q" 'p'`, "100%", "a-b.c", irgen.Text(r)})
			if _, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err != nil && s != "" && !strings.Contains(strings.ToLower(s), "unknown") {
				return s
			}
		}
	case ir.Int:
		return int64(1 + r.IntN(14)) // 0 is CIM's number for none
	case ir.IP:
		return "10.0.0.1"
	}
	return irgen.Value(r, f.T)
}

// randomProgram is a random query that ends in columns with names of its own,
// so that they are called the same on every target, and these columns.
func randomProgram(r *rand.Rand) (ir.Query, []string) {
	gen := irgen.Options{Values: randomValue, Lifted: true}
	q, fields := gen.Program(r, randomSources...)
	out := &ir.Project{Input: q}
	var names []string
	for i, f := range fields {
		if len(out.Cols) == 8 {
			break
		}
		name := fmt.Sprintf("out%d", i)
		if f.Name == ir.Timestamp {
			name = f.Name
		}
		names = append(names, name)
		out.Cols = append(out.Cols, &ir.Col{As: name, X: &ir.Field{Name: f.Name, T: f.T}})
	}
	return out, names
}

// world are events, and the rows that the views hold of them.
type world struct {
	schema     *schema.Schema
	projectors map[string]*eval.Projector
	events     map[string][]eval.Row // by category
	rows       map[string][]eval.Row // by view and table
}

// newWorld makes events at different seconds; with gaps, some fields are missing.
func newWorld(s *schema.Schema, projectors map[string]*eval.Projector, r *rand.Rand, gaps bool) *world {
	w := &world{s, projectors, map[string][]eval.Row{}, map[string][]eval.Row{}}
	for _, source := range randomSources {
		var names []string
		for _, f := range source.Fields {
			names = append(names, f.Name)
		}
		seconds := r.Perm(3 * 24 * 6)
		for i := range 4 + r.IntN(16) {
			var vals []any
			for _, f := range source.Fields {
				switch {
				case f.Name == ir.Timestamp:
					vals = append(vals, irgen.Now.Add(-time.Duration(seconds[i])*10*time.Minute-7*time.Second))
				case gaps && r.IntN(5) == 0:
					vals = append(vals, nil)
				default:
					vals = append(vals, randomValue(r, f))
				}
			}
			c := source.Logsource.Category
			w.events[c] = append(w.events[c], eval.NewRow(names, vals...))
		}
	}
	return w
}

// projected are the rows that a view holds of the events, each in the first of
// the ways in which it may.
func (w *world) projected(scan *ir.Physical) (rows []eval.Row) {
	key := scan.View + " " + scan.Table
	ds := w.schema.Dataset(scan.Dataset)
	p := w.projectors[key]
	if p == nil {
		p = eval.NewProjector(w.schema, ds, schema.View(scan.View))
		w.projectors[key] = p
	}
	for _, l := range ds.Logsources {
		for _, event := range w.events[l.Category] {
			if all := p.Rows(event); len(all) > 0 {
				rows = append(rows, all[0])
			}
		}
		if len(rows) > 0 {
			break
		}
	}
	return rows
}

// stored are the projected rows with their times in seconds.
func (w *world) stored(scan *ir.Physical) []eval.Row {
	key := scan.View + " " + scan.Table
	if rows, ok := w.rows[key]; ok {
		return rows
	}
	rows := w.projected(scan)
	for _, name := range []string{"Timestamp", "_time"} {
		if len(rows) > 0 && rows[0].Get(name) != nil {
			rows = eval.WithColumn(rows, name, func(i int) any {
				at, _ := rows[i].Get(name).(time.Time)
				return at.Unix()
			})
		}
	}
	if scan.View == string(schema.XDR) {
		rows = withoutBlanks(rows)
	}
	w.rows[key] = rows
	return rows
}

// withoutBlanks leaves the empty texts out, for a run in which they are missing
// values.
func withoutBlanks(rows []eval.Row) []eval.Row {
	out := make([]eval.Row, len(rows))
	for i, row := range rows {
		names := row.Columns()
		vals := make([]any, len(names))
		for j, n := range names {
			if v := row.Get(n); v != "" {
				vals[j] = v
			}
		}
		out[i] = eval.NewRow(names, vals...)
	}
	return out
}

// run runs a physical query.
func (w *world) run(q ir.Query, now time.Time) ([]eval.Row, error) {
	view := ir.Scans(q)[0].Physical.View
	run := eval.Runner{Now: now, Seconds: true, Source: func(s *ir.Scan) ([]eval.Row, error) {
		return w.stored(s.Physical), nil
	}}
	if view == string(schema.XDR) {
		run.Empty = eval.MissingIsEmpty
	}
	run.Foreign = func(as string, f *ir.Foreign, row eval.Row) (any, error) {
		for key, p := range w.projectors {
			if strings.HasPrefix(key, view+" ") {
				v, err := p.Derived(as, f, row)
				if v == "" && run.Empty != eval.EmptyIsText {
					v = nil
				}
				return v, err
			}
		}
		return nil, fmt.Errorf("no projector for %s", view)
	}
	return run.Run(q)
}

// withTables gives the tables of a lifted query that stand in files their rows.
func withTables(lifted, q ir.Query) ir.Query {
	return ir.MapQuery(lifted, func(n ir.Query) ir.Query {
		t, ok := n.(*ir.Table)
		if !ok || len(t.Rows) > 0 {
			return n
		}
		c := *t
		ir.WalkQuery(q, func(n ir.Query) {
			if s, ok := n.(*ir.Table); ok && s.Name == t.Name {
				c.Rows = s.Rows
			}
		})
		return &c
	})
}

// tellable shows columns of rows so that the rows of two forms of a hunt can be
// compared: times and lengths of time are seconds, a missing value is an empty
// one, and the order of rows is lost.
func tellable(rows []eval.Row, names []string) []string {
	var text func(v any) string
	text = func(v any) string {
		switch v := v.(type) {
		case nil:
			return ""
		case time.Time:
			return text(float64(v.UnixMicro()) / 1e6)
		case time.Duration:
			return text(v.Seconds())
		case int64:
			return text(float64(v))
		case float64:
			if v == math.Trunc(v) && math.Abs(v) < 1e15 {
				return strconv.FormatInt(int64(v), 10)
			}
			return fmt.Sprintf("%.6g", v)
		case []any:
			var parts []string
			for _, x := range v {
				if s := text(x); s != "" {
					parts = append(parts, s)
				}
			}
			slices.Sort(parts)
			return strings.Join(parts, "+")
		}
		if s := fmt.Sprint(v); s != "unknown" {
			return s
		}
		return ""
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, "%s=%q ", name, text(row.Get(name)))
		}
		out[i] = b.String()
	}
	slices.Sort(out)
	return out
}

// zeroIsNone takes the number 0 for none in rows that tellable shows, as a data
// model does, which puts it in the place of a missing one.
func zeroIsNone(rows []string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = strings.ReplaceAll(row, `="0" `, `="" `)
	}
	slices.Sort(out)
	return out
}

// nativeTimes gives the time of the event its own name where Splunk has called
// it _time, and leaves it out where a row shows the first and last of several.
func nativeTimes(rows []eval.Row, names []string) ([]eval.Row, []string) {
	i := slices.Index(names, ir.Timestamp)
	if i < 0 || len(rows) == 0 || slices.Contains(rows[0].Columns(), ir.Timestamp) {
		return rows, names
	}
	if slices.Contains(rows[0].Columns(), "_time") {
		return eval.WithColumn(rows, ir.Timestamp, func(i int) any { return rows[i].Get("_time") }), names
	}
	return rows, slices.Delete(slices.Clone(names), i, i+1)
}

// compiled is what a target makes of a hunt: the plan, the query as it is read
// back, its text, and the ways in which it departs from the hunt.
type compiled struct {
	plan, lifted ir.Query
	text         string
	reasons      []ir.Reason
	// run runs the text as the target does, by a model of its language.
	run func(t *testing.T, w *world, names []string) []eval.Row
}

// randomTarget is a target in the terms of the test.
type randomTarget struct {
	name string
	// compile holds the target to law 2, and gives nil where it refuses.
	compile func(h *ir.Hunt) (*compiled, diag.List, error)
}

func randomTargets(s *schema.Schema) []randomTarget {
	sp, de := splunk.New(s, splunk.Config{}), defender.New(s)
	same := func(plan, lifted ir.Query, text string) error {
		if want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted)); want != got {
			return fmt.Errorf("lifted back\n%s\nwas\n%s\nfrom\n%s", got, want, text)
		}
		return nil
	}
	return []randomTarget{
		{"splunk", func(h *ir.Hunt) (*compiled, diag.List, error) {
			plan, _, diags := sp.Plan(h)
			art := sp.Compile(h)
			if plan == nil || art.Query == "" {
				return nil, append(diags, art.Diagnostics...), nil
			}
			parsed, diags := spl.Parse("", art.Query)
			if len(diags) > 0 {
				return nil, nil, fmt.Errorf("%v\n%s", diags, art.Query)
			}
			if again := spl.Print(parsed); again != art.Query {
				return nil, nil, fmt.Errorf("printed again\n%s\nwas\n%s", again, art.Query)
			}
			lifted, diags := sp.Lift(parsed)
			if lifted == nil {
				return nil, nil, fmt.Errorf("%v\n%s", diags, art.Query)
			}
			return &compiled{plan, withTables(withDataset(lifted, plan), plan), art.Query, art.Reasons, runsInSplunk(parsed, plan)}, nil, same(plan, lifted, art.Query)
		}},
		{"defender", func(h *ir.Hunt) (*compiled, diag.List, error) {
			res := s.Resolve(h, schema.XDR)
			if res.Query == nil {
				return nil, res.Diagnostics, nil
			}
			plan, diags := de.Plan(res.Query, res.Fields)
			if plan == nil {
				return nil, diags, nil
			}
			text := kql.Print(de.Lower(plan))
			parsed, diags := kql.Parse("", text)
			if len(diags) > 0 {
				return nil, nil, fmt.Errorf("%v\n%s", diags, text)
			}
			if again := kql.Print(parsed); again != text {
				return nil, nil, fmt.Errorf("printed again\n%s\nwas\n%s", again, text)
			}
			lifted, diags := de.Lift(parsed)
			if lifted == nil {
				return nil, nil, fmt.Errorf("%v\n%s", diags, text)
			}
			return &compiled{plan, withTables(withDataset(lifted, plan), plan), text, res.Reasons, runsInKusto(parsed, plan, h.Query)}, nil, same(plan, lifted, text)
		}},
	}
}

// modelTest stops a model that does not know something, and not the test.
type modelTest struct{ testing.TB }

// unmodelled is what a model does not know.
type unmodelled string

func (modelTest) Fatal(args ...any) { panic(unmodelled(fmt.Sprint(args...))) }

func (modelTest) Fatalf(format string, args ...any) { panic(unmodelled(fmt.Sprintf(format, args...))) }

func runsInSplunk(search *spl.Search, plan ir.Query) func(*testing.T, *world, []string) []eval.Row {
	return func(t *testing.T, w *world, names []string) []eval.Row {
		return runSPLAt(modelTest{t}, search, plan, irgen.Now, func(source string) []eval.Row {
			for _, s := range ir.Scans(plan) {
				if s.Physical.Table == source {
					return w.stored(s.Physical)
				}
			}
			t.Fatalf("the search reads %s, the plan does not", source)
			return nil
		}, names)
	}
}

// textColumns are the columns of a planned query that are texts.
func textColumns(plan ir.Query) map[string]any {
	out := map[string]any{}
	cols := func(cols []*ir.Col) {
		for _, c := range cols {
			if ir.TypeOf(c.X) == ir.String {
				out[c.As] = true
			}
		}
	}
	ir.WalkQuery(plan, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Table:
			for _, name := range q.Cols {
				out[name] = true
			}
		case *ir.Extend:
			cols(q.Cols)
		case *ir.Project:
			cols(q.Cols)
		case *ir.Aggregate:
			cols(q.By)
			for _, a := range q.Aggs {
				if a.Type() == ir.String {
					out[a.As] = true
				}
			}
		case *ir.Lag:
			if q.X.T == ir.String {
				out[q.As] = true
			}
		}
	})
	return out
}

// runsInKusto runs the text by the model of Kusto, in which texts are never null.
// It is nil where rows are sorted by texts that spell numbers, or the least or
// greatest of such is taken: the IR puts these in the order of the numbers, and
// Kusto in that of texts.
func runsInKusto(query *kql.Query, plan, q ir.Query) func(*testing.T, *world, []string) []eval.Row {
	spelt, sorted := spellsNumbers(q), false
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Sort:
			sorted = sorted || slices.ContainsFunc(q.Keys, func(k *ir.SortKey) bool { return spelt[k.X.Name] })
		case *ir.Aggregate:
			sorted = sorted || slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool {
				return (a.Func == ir.Min || a.Func == ir.Max) && (isSpelt(a.X) || slices.ContainsFunc(ir.Fields(a.X), func(f *ir.Field) bool { return spelt[f.Name] }))
			})
		}
	})
	if sorted {
		return nil
	}
	return func(t *testing.T, w *world, names []string) []eval.Row {
		tables := map[string][]map[string]any{}
		for _, s := range ir.Scans(plan) {
			if tables[s.Physical.Table] != nil {
				continue
			}
			rows := []map[string]any{}
			for _, row := range w.projected(s.Physical) {
				m := map[string]any{}
				for _, n := range row.Columns() {
					m[n] = row.Get(n)
				}
				rows = append(rows, m)
			}
			tables[s.Physical.Table] = rows
		}
		tables[kustoTexts] = []map[string]any{textColumns(plan)}
		var out []eval.Row
		for _, m := range kustoTable(query, tables) {
			vals := make([]any, len(names))
			for i, n := range names {
				vals[i] = m[n]
			}
			out = append(out, eval.NewRow(names, vals...))
		}
		return out
	}
}

// spellsNumbers are the columns of texts that are made of numbers.
func spellsNumbers(q ir.Query) map[string]bool {
	out := map[string]bool{}
	ir.WalkQuery(q, func(q ir.Query) {
		var cols []*ir.Col
		switch q := q.(type) {
		case *ir.Extend:
			cols = q.Cols
		case *ir.Project:
			cols = q.Cols
		case *ir.Aggregate:
			cols = q.By
		}
		for _, c := range cols {
			out[c.As] = out[c.As] || isSpelt(c.X)
		}
	})
	return out
}

// isSpelt reports whether some part of a value is the text of a number.
func isSpelt(x ir.Expr) bool {
	found := false
	ir.WalkExpr(x, func(e ir.Expr) bool {
		call, ok := e.(*ir.Call)
		found = found || ok && call.Func == ir.ToString
		return true
	})
	return found
}

// TestRandomPrograms holds each target to the laws for random programs of all
// operators and functions: there is a query, for three of four at the least, or an
// error with a code; the query is read back as it was; as planned, as read back and
// as the model of the language runs its text it gives the rows that the program
// means, over some hundred thousand pairs of a program and an event, unless the
// target says that it does not: then over misses none of them and under adds
// none; and Microsoft's language service has nothing to say of it.
func TestRandomPrograms(t *testing.T) {
	programs := uint64(10_000)
	if testing.Short() {
		programs = 500
	}
	if n, err := strconv.ParseUint(os.Getenv("HUNTC_RANDOM_PROGRAMS"), 10, 64); err == nil {
		programs = n
	}
	for i := range randomTargets(nil) {
		s, err := schema.New(yaml.Node{})
		if err != nil {
			t.Fatal(err)
		}
		target := randomTargets(s)[i]
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			tally := &programTally{refused: map[diag.Code]int{}, departed: map[diag.Code]int{}}
			projectors := map[string]*eval.Projector{}
			for seed := range programs {
				if seen := tally.program(t, s, target, projectors, seed); !seen && tally.failed >= 5 {
					t.Fatal("and so on")
				}
			}
			t.Log(tally)
			if n := tally.refusals(); n*4 > int(programs) {
				t.Errorf("%d of %d programs are refused", n, programs)
			}
			if programs >= 10_000 && tally.pairs < 100_000 {
				t.Errorf("only %d pairs of a program and an event", tally.pairs)
			}
			if target.name == "defender" {
				kustotest.NoFindings(t, tally.texts)
			}
		})
	}
}

// programTally counts what became of random programs.
type programTally struct {
	compared, rows, unmodelled, blurred, failed int
	pairs                                       int               // of a program and an event that it read
	bounded                                     int               // programs that may have more rows, or fewer, and are held to that
	refused                                     map[diag.Code]int // by the first error
	departed                                    map[diag.Code]int // programs that are not compared, by the first reason
	texts                                       []kustotest.Query
}

func (p *programTally) String() string {
	show := func(m map[diag.Code]int) string {
		var parts []string
		for code, n := range m {
			parts = append(parts, fmt.Sprintf("%s %d", code, n))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%d pairs of a program and an event; %d programs compared, in %d rows, and %d held to more or fewer rows; %d of them beyond the model of the language, %d with the difference between empty and missing that the verdict names; refused: %s; departing from the program: %s",
		p.pairs, p.compared, p.rows, p.bounded, p.unmodelled, p.blurred, show(p.refused), show(p.departed))
}

// refusals is how many programs have no query.
func (p *programTally) refusals() (n int) {
	for _, of := range p.refused {
		n += of
	}
	return n
}

// program holds one program to the laws; false if it fails one.
func (p *programTally) program(t *testing.T, s *schema.Schema, target randomTarget, projectors map[string]*eval.Projector, seed uint64) (ok bool) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case unmodelled:
			p.unmodelled++
			ok = true
		default:
			p.failed++
			t.Errorf("seed %d: %v", seed, e)
		}
	}()
	return p.hold(t, s, target, projectors, seed)
}

func (p *programTally) hold(t *testing.T, s *schema.Schema, target randomTarget, projectors map[string]*eval.Projector, seed uint64) bool {
	r := rand.New(rand.NewPCG(seed, 21))
	q, names := randomProgram(r)
	h := &ir.Hunt{Path: fmt.Sprintf("seed %d", seed), Kind: ir.KindHunt, Query: q}
	fail := func(format string, args ...any) bool {
		p.failed++
		t.Errorf("%s: %s\nfrom\n%s", h.Path, fmt.Sprintf(format, args...), ir.Format(q))
		return false
	}
	c, diags, err := target.compile(h)
	if err != nil {
		return fail("%v", err)
	}
	if c == nil {
		i := slices.IndexFunc(diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })
		if i < 0 || diags[i].Code == "" {
			return fail("neither a query nor an error with a code: %v", diags)
		}
		p.refused[diags[i].Code]++
		return true
	}
	p.texts = append(p.texts, kustotest.Query{ID: h.Path, Text: c.text})
	reasons := slices.DeleteFunc(slices.Clone(c.reasons), func(r ir.Reason) bool { return slices.Contains(notOnTheseRows, r.Code) })
	verdict := ir.Verdict(reasons)
	if len(reasons) > 0 && (verdict != ir.Over && verdict != ir.Under || !rowByRow(q)) {
		p.departed[reasons[0].Code]++
		return true
	}
	filled := slices.ContainsFunc(ir.Scans(c.plan), func(s *ir.Scan) bool { return s.Physical.View == string(schema.CIM) })
	p.compared++
	if len(reasons) > 0 {
		p.bounded++
	}
	worlds := 3
	blurred := slices.ContainsFunc(c.reasons, func(r ir.Reason) bool { return r.Code == codeEmptyOrMissing })
	if blurred || filled && slices.ContainsFunc(c.reasons, func(r ir.Reason) bool { return r.Code == codeFillCounts }) {
		worlds = 2
	}
	for k := range worlds {
		w := newWorld(s, projectors, r, k == 2)
		mean := eval.Runner{Now: irgen.Now, Source: func(s *ir.Scan) ([]eval.Row, error) { return w.events[s.Source.Category], nil }}
		want, err := mean.Run(q)
		if err != nil {
			return fail("%v", err)
		}
		p.rows += len(want)
		var read []string
		for _, scan := range ir.Scans(q) {
			if c := scan.Source.Category; !slices.Contains(read, c) {
				read = append(read, c)
				p.pairs += len(w.events[c])
			}
		}
		for _, form := range []struct {
			name string
			q    ir.Query
		}{{"planned", c.plan}, {"read back", c.lifted}, {"run", nil}} {
			var got []eval.Row
			switch {
			case form.q != nil:
				if got, err = w.run(form.q, irgen.Now); err != nil {
					return fail("%s: %v", form.name, err)
				}
			case c.run == nil:
				continue
			default:
				got = c.run(t, w, names)
			}
			got, names = nativeTimes(got, names)
			wantText, gotText := tellable(want, names), tellable(got, names)
			if filled && k == 2 {
				wantText, gotText = zeroIsNone(wantText), zeroIsNone(gotText)
			}
			if filled { // one row of tstats stands for all events that are equal in it
				wantText, gotText = slices.Compact(wantText), slices.Compact(gotText)
			}
			if len(reasons) > 0 {
				few, many := wantText, gotText
				if verdict == ir.Under {
					few, many = gotText, wantText
				}
				if !within(few, many) {
					return fail("%s, events %d, although it is %s: want\n%s\ngot\n%s\ntext\n%s", form.name, k, verdict, strings.Join(wantText, "\n"), strings.Join(gotText, "\n"), c.text)
				}
				continue
			}
			if !slices.Equal(gotText, wantText) {
				if blurred && target.name == "defender" {
					p.blurred++
					return true
				}
				return fail("%s, events %d: want\n%s\ngot\n%s\nplan\n%s\ntext\n%s", form.name, k, strings.Join(wantText, "\n"), strings.Join(gotText, "\n"), ir.Format(c.plan), c.text)
			}
		}
	}
	return true
}

// rowByRow reports whether each row of a query comes of its own events, so that
// fewer events are never other rows.
func rowByRow(q ir.Query) bool {
	simple := true
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Scan, *ir.Table, *ir.Filter, *ir.Extend, *ir.Project, *ir.Union, *ir.Sort:
		case *ir.Distinct:
			simple = simple && !q.Whole
		case *ir.Join:
			simple = simple && q.Kind == ir.Inner
		default:
			simple = false
		}
	})
	return simple
}

// within reports whether each of the rows few is one of many; both are sorted.
func within(few, many []string) bool {
	for _, row := range few {
		i, ok := slices.BinarySearch(many, row)
		if !ok {
			return false
		}
		many = many[i+1:]
	}
	return true
}

// notOnTheseRows are reasons that say nothing of the rows of this test: they
// are about which events a dataset has, about events of one second, the zone of
// the searcher, values between values, and missing values where there is none.
var notOnTheseRows = []diag.Code{codeDatasetDiffers, codeEmptyOrMissing, "HC0335", "HC0336", codeFillCounts, "HC0343"}

// codeEmptyOrMissing marks what takes empty and missing values for one.
const codeEmptyOrMissing = "HC0313"

// codeFillCounts marks what takes the data model's word for a missing value for
// a value.
const codeFillCounts = "HC0339"
