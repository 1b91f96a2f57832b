package splunk

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

func testBackend(t testing.TB) *Backend {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return New(s, Config{})
}

// generator makes predicates over columns of every kind: filled by the data
// model, nullable, numbers, addresses.
type generator struct {
	r       *rand.Rand
	texts   []*ir.Field
	numbers []*ir.Field
	address *ir.Field
	raw     bool
}

var testWords = []string{"cmd.exe", "CMD.EXE", "a", "A*b", "a?b", `c:\x\cmd.exe`, "unknown", "", "10.1.2.3", "10.1.2.3/8", "22", "line\nbreak", "back`tick```s", "x y", "%20abc", "ks"}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (g *generator) pattern() ir.Pattern {
	var p ir.Pattern
	for range g.r.IntN(4) {
		switch g.r.IntN(5) {
		case 0:
			p.Append(ir.Part{Wild: ir.Many})
		case 1:
			p.Append(ir.Part{Wild: ir.One})
		default:
			p.Append(ir.Part{Text: pick(g.r, testWords)})
		}
	}
	return p
}

func (g *generator) pred(depth int) ir.Expr {
	if depth > 0 && g.r.IntN(3) > 0 {
		switch g.r.IntN(3) {
		case 0:
			return &ir.Not{X: g.pred(depth - 1)}
		case 1:
			return &ir.Logic{Op: ir.And, Args: []ir.Expr{g.pred(depth - 1), g.pred(depth - 1)}}
		}
		return &ir.Logic{Op: ir.Or, Args: []ir.Expr{g.pred(depth - 1), g.pred(depth - 1)}}
	}
	f := pick(g.r, g.texts)
	switch g.r.IntN(9) {
	case 0, 1, 2:
		m := &ir.Match{X: f, Cased: g.r.IntN(4) == 0}
		for range 1 + g.r.IntN(3) {
			m.Any = append(m.Any, g.pattern())
		}
		return m
	case 3:
		return &ir.Regexp{X: f, Source: pick(g.r, []string{"cmd", "^a", "(?i)CMD|powershell", `\.exe$`, "x?", "n.w", "line\nbreak", "(ab)+c", "``` ?"})}
	case 4:
		return &ir.InCIDR{X: g.address, Prefix: netip.MustParsePrefix(pick(g.r, []string{"10.0.0.0/8", "10.1.2.3/32", "172.16.0.0/12", "128.0.0.0/1", "10.1.0.0/20", "fe80::/10"}))}
	case 5:
		return &ir.Exists{X: f}
	case 6:
		return &ir.FieldMatch{X: f, Y: pick(g.r, g.texts), Kind: pick(g.r, []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains}), Cased: g.r.IntN(2) == 0}
	case 7:
		if g.raw && g.r.IntN(2) == 0 {
			return &ir.Keyword{Pattern: ir.TextPattern(ir.Pattern{}.Span, pick(g.r, []string{"cmd", "cmd.exe", "20abc", "x y", "a"}))}
		}
		return &ir.Compare{Op: pick(g.r, []ir.CmpOp{ir.Eq, ir.Ne}), L: f, R: pick(g.r, g.texts), Cased: g.r.IntN(2) == 0}
	}
	return &ir.Compare{Op: pick(g.r, []ir.CmpOp{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge}), L: pick(g.r, g.numbers), R: &ir.Lit{Value: int64(pick(g.r, []int64{0, 22, 100}))}}
}

func (g *generator) event(s *schema.Schema, view schema.View, table string) event {
	ev := event{}
	put := func(f *ir.Field, values []string) {
		info, _ := s.Column(view, table, f.Name)
		if g.r.IntN(4) > 0 {
			v := pick(g.r, values)
			if g.r.IntN(3) == 0 {
				v = pick(g.r, values) + v
			}
			if info.Fill != "" || v != unknownText { // by convention, no event says "unknown" itself
				ev[f.Name] = v
			}
		}
		if _, ok := ev[f.Name]; !ok && info.Fill != "" {
			ev[f.Name] = info.Fill
		}
	}
	for _, f := range g.texts {
		put(f, testWords)
	}
	put(g.address, []string{"10.1.2.3", "172.16.9.9", "172.32.0.1", "fe80::1", "::1", "200.1.1.1", "host"})
	for _, f := range g.numbers {
		put(f, []string{"22", "100", "5"})
		if v, ok := ev[f.Name]; ok {
			n, err := strconv.Atoi(v)
			if err == nil {
				ev[f.Name] = strconv.Itoa(n % 1000)
			}
		}
	}
	if view == schema.Raw {
		ev["_raw"] = fmt.Sprint(pick(g.r, testWords), " ", pick(g.r, testWords), pick(g.r, []string{"20abc", "%20abc", "x y", "CMD"}))
	}
	return ev
}

// TestMeaning: in every form, what is emitted for a predicate keeps exactly
// the events that the predicate means.
func TestMeaning(t *testing.T) {
	b := testBackend(t)
	forms := []struct {
		form  backends.Form
		view  schema.View
		table string
		gen   generator
	}{
		{backends.Tstats, schema.CIM, "Endpoint.Processes", generator{}},
		{backends.Datamodel, schema.CIM, "Endpoint.Processes", generator{}},
		{backends.RawEvents, schema.Raw, "huntc_process_creation", generator{raw: true}},
	}
	for _, f := range forms {
		t.Run(string(f.form), func(t *testing.T) {
			text := ir.String
			if f.view == schema.Raw {
				text = ir.Unknown
			}
			g := f.gen
			g.texts = []*ir.Field{{Name: "process", T: text}, {Name: "process_path", T: text}, {Name: "user", T: text}}
			g.numbers = []*ir.Field{{Name: "process_id", T: ir.Float}, {Name: "parent_process_id", T: ir.Float}}
			g.address = &ir.Field{Name: "dest", T: text}
			if f.view == schema.Raw {
				g.numbers[1].T = ir.Unknown
			}
			for seed := range uint64(1200) {
				g.r = rand.New(rand.NewPCG(seed, 1))
				pred := g.pred(3)
				scan := &ir.Scan{Physical: &ir.Physical{View: string(f.view), Table: f.table}}
				pl := b.plan(&ir.Hunt{}, &ir.Filter{Input: scan, Pred: pred}, nil, f.form)
				if pl.why != "" || pl.diags.HasErrors() {
					t.Fatalf("%s: %s %v", ir.FormatExpr(pred), pl.why, pl.diags)
				}
				search := b.lower(pl, f.form)
				checkText(t, b, pl, search)
				for range 12 {
					ev := g.event(b.schema, f.view, f.table)
					want := meaning(t, pred, ev)
					if got := runModel(t, search, ev); got != want {
						t.Fatalf("seed %d: %s\nover %v: meant %v, got %v from\n%s", seed, ir.FormatExpr(pred), ev, want, got, spl.Print(search))
					}
				}
			}
		})
	}
}

// checkText is law 2: the text is read back as the tree, the tree as the plan.
func checkText(t *testing.T, b *Backend, pl plan, search *spl.Search) {
	t.Helper()
	text := spl.Print(search)
	parsed, diags := spl.Parse("", text)
	if len(diags) > 0 {
		t.Fatalf("%v\n%s", diags, text)
	}
	lifted, diags := b.Lift(parsed)
	if lifted == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	if want, got := ir.Format(ir.Canonical(pl.query)), ir.Format(ir.Canonical(lifted)); want != got {
		t.Fatalf("lifted back\n%s\nwas\n%s\nfrom\n%s", got, want, text)
	}
}
