package schema_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// TestRaiseRandom holds raising to random detections: resolved again, what is
// raised is the same query.
func TestRaiseRandom(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	values := func(r *rand.Rand, f *ir.Field) any {
		pick := func(list ...string) any { return list[r.IntN(len(list))] }
		switch f.T {
		case ir.Int:
			return int64(r.IntN(9))
		case ir.IP:
			return pick("10.0.0.1", "192.168.0.1", "8.8.8.8")
		case ir.Bool, ir.Float, ir.Time, ir.Duration:
			return irgen.Value(r, f.T)
		}
		return pick(`C:\Windows\System32\cmd.exe`, `D:\a b\x.dll`, `CORP\bob`, `NT AUTHORITY\SYSTEM`, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\evil`,
			`HKU\S-1-5-21\Environment\x`, `HKLM\SYSTEM\CurrentControlSet\Services\x\ImagePath`, "DWORD (0x00000001)", "cmd /c x <a> & b", "true", "created", "unknown", "", "a.b.example", "tcp", "allowed", "external")
	}
	gen := irgen.Options{Sigma: true, Values: values}
	// Two fields in one column become one, and of an empty text and a start that it
	// has one covers the other: what Resolve guards of the one it guards
	// of both then, which says the same in other words.
	const mayDiffer = 6
	other := 0
	for _, name := range []string{"process_creation", "file_event", "file_delete", "registry_set", "registry_event", "registry_add", "network_connection", "dns_query", "image_load", "proxy", "vulnerability", "file_activity", "network_activity", "registry_activity", "logon"} {
		ds := s.Dataset(name)
		for _, v := range []schema.View{schema.CIM, schema.XDR} {
			m := ds.Mapping(v)
			if m == nil || m.Borrowed {
				continue // what is raised is on the logsource that the table is of
			}
			var fields []*ir.Field
			for _, f := range slices.Sorted(maps.Keys(ds.Fields)) {
				if m.Columns[f] != nil {
					t := ir.Type(ds.Fields[f].Type)
					if t == ir.Unknown {
						t = ir.String
					}
					fields = append(fields, &ir.Field{Name: f, T: t})
				}
			}
			tried, same, noted := 0, 0, 0
			for range 300 {
				h := &ir.Hunt{Query: ir.Normalize(&ir.Filter{Input: &ir.Scan{Source: ir.Logsource{Category: ds.Logsources[0].Category}}, Pred: gen.Pred(r, fields)})}
				res := s.Resolve(h, v)
				if res.Query == nil {
					continue
				}
				tried++
				raised := s.Raise(res.Query, v)
				if raised.Query == nil {
					// What no event can be is refused, where it is seen.
					if other++; other <= mayDiffer {
						continue
					}
					t.Errorf("%s, %s: %v\n%s", name, v, raised.Diagnostics, ir.Format(res.Query))
					continue
				}
				again := s.Resolve(&ir.Hunt{Query: raised.Query}, v)
				if again.Query == nil {
					t.Errorf("%s, %s: %v\n%s", name, v, again.Diagnostics, ir.Format(raised.Query))
					continue
				}
				if a, b := shown(res.Query), shown(again.Query); a == b {
					same++
				} else if len(raised.Diagnostics) > 0 {
					noted++
				} else if other++; other > mayDiffer {
					t.Errorf("%s, %s:\n%s---- raised\n%s---- resolved again\n%s", name, v, a, ir.Format(raised.Query), b)
				}
			}
			t.Logf("%s, %s: %d detections, %d the same, %d not and said so", name, v, tried, same, noted)
		}
	}
}

// shown is a comparable query, with the predicates in a form that has no patterns
// which others cover.
func shown(q ir.Query) string {
	out := ""
	ir.WalkQuery(comparable(q), func(q ir.Query) {
		if f, ok := q.(*ir.Filter); ok {
			out += "filter " + schema.NormKey(f.Pred) + "\n"
			return
		}
		if len(ir.Inputs(q)) == 0 {
			out += ir.Format(q)
			return
		}
		out += ir.Format(ir.WithInputs(q, []ir.Query{&ir.Scan{}}))
	})
	return out
}

// comparable is the canonical query without columns that nothing reads, which
// Resolve leaves where it has found a shorter form, and with empty texts compared
// alike.
func comparable(q ir.Query) ir.Query {
	var read []string
	ir.WalkQuery(q, func(q ir.Query) {
		if f, ok := q.(*ir.Filter); ok {
			for _, f := range ir.Fields(f.Pred) {
				read = append(read, f.Name)
			}
		}
	})
	return ir.Canonical(ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Extend:
			cols := slices.DeleteFunc(slices.Clone(q.Cols), func(c *ir.Col) bool { return !slices.Contains(read, c.As) })
			if len(cols) == 0 {
				return q.Input
			}
			return &ir.Extend{Span: q.Span, Input: q.Input, Cols: cols}
		case *ir.Filter:
			return &ir.Filter{Span: q.Span, Input: q.Input, Pred: ir.MapExpr(q.Pred, func(e ir.Expr) ir.Expr {
				m, ok := e.(*ir.Match)
				if !ok || !m.Cased {
					return e
				}
				// What the target writes itself has one case.
				f, ok := m.X.(*ir.Field)
				closed := ok && slices.Contains([]string{"ActionType", "action", "direction", "RemoteIPType", "LocalIPType"}, f.Name)
				if !closed && (len(m.Any) != 1 || len(m.Any[0].Parts) > 0) {
					return e
				}
				return &ir.Match{Span: m.Span, X: m.X, Any: m.Any}
			})}
		}
		return q
	}))
}
