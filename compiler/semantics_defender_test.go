package compiler_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// kustoValue evaluates an expression as Kusto does, three-valued: nil is null.
// It is written from Microsoft's pages (null-values.md, logical-operators.md,
// in-operator.md, equals-operator.md, the pages of the functions) and covers
// what the Defender backend emits in predicates.
func kustoValue(e kql.Expr, row map[string]any) any {
	arg := func(c *kql.Call, i int) any { return kustoValue(c.Args[i], row) }
	switch e := e.(type) {
	case *kql.Column:
		return row[e.Name]
	case *kql.String:
		return e.Value
	case *kql.Bool:
		return e.Value
	case *kql.Number:
		if n, err := strconv.ParseInt(e.Text, 10, 64); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(e.Text, 64)
		return f
	case *kql.Neg:
		switch v := kustoValue(e.X, row).(type) {
		case int64:
			return -v
		case float64:
			return -v
		case time.Duration:
			return -v
		}
	case *kql.Timespan:
		return kustoTimespan(e.Text)
	case *kql.Typed:
		return nil // no other is emitted
	case *kql.Datetime:
		if e.Text == "null" {
			return nil
		}
		t, err := time.Parse("2006-01-02", e.Text)
		if err != nil {
			panic(err)
		}
		return t
	case *kql.Index:
		list, _ := kustoValue(e.X, row).([]any)
		i, ok := kustoValue(e.I, row).(int64)
		if ok && i < 0 {
			i += int64(len(list))
		}
		if !ok || i < 0 || i >= int64(len(list)) {
			return nil
		}
		return list[i]
	case *kql.Logic:
		var out any = e.Op == kql.And
		for _, a := range e.Args {
			switch v := kustoValue(a, row); {
			case v == nil:
				out = nil
			case v.(bool) != (e.Op == kql.And):
				return v
			}
		}
		return out
	case *kql.Between:
		lo := kustoCompare("<=", kustoValue(e.A, row), kustoValue(e.X, row))
		hi := kustoCompare("<=", kustoValue(e.X, row), kustoValue(e.B, row))
		if lo == nil || hi == nil {
			return nil
		}
		return lo.(bool) && hi.(bool)
	case *kql.In:
		op, negated := strings.CutPrefix(e.Op, "!")
		eq := "=="
		if op == "in~" {
			eq = "=~"
		}
		found := false
		for _, v := range e.Values {
			found = found || kustoCompare(eq, kustoValue(e.X, row), kustoValue(v, row)) == true
		}
		return found != negated
	case *kql.Binary:
		return kustoCompare(e.Op, kustoValue(e.L, row), kustoValue(e.R, row))
	case *kql.Call:
		if known, ok := row[""].(map[*kql.Call]any); ok {
			if v, ok := known[e]; ok {
				return v
			}
		}
		switch e.Name {
		case "iff", "case":
			if arg(e, 0) == true {
				return arg(e, 1)
			}
			return arg(e, 2)
		case "pack_array":
			var out []any
			for i := range e.Args {
				out = append(out, arg(e, i))
			}
			return out
		case "array_sort_asc":
			list := slices.Clone(arg(e, 0).([]any))
			slices.SortFunc(list, kustoOrder)
			return list
		case "tolong", "todatetime":
			return arg(e, 0)
		case "toint":
			return int64(arg(e, 0).(float64))
		case "ceiling":
			return math.Ceil(kustoFloat(arg(e, 0)))
		case "bin":
			return kustoBin(arg(e, 0), arg(e, 1), time.Time{})
		case "bin_at":
			return kustoBin(arg(e, 0), arg(e, 1), arg(e, 2).(time.Time))
		case "not":
			if v := arg(e, 0); v != nil {
				return !v.(bool)
			}
			return nil
		case "coalesce":
			for i := range e.Args {
				if v := arg(e, i); v != nil && v != "" { // text is never null
					return v
				}
			}
			return nil
		case "isnull":
			return arg(e, 0) == nil
		case "isnotnull":
			return arg(e, 0) != nil
		case "isempty":
			v := arg(e, 0)
			return v == nil || v == ""
		case "isnotempty":
			v := arg(e, 0)
			return v != nil && v != ""
		case "tostring":
			v := arg(e, 0)
			switch v := v.(type) {
			case nil:
				return ""
			case []any:
				text, _ := json.Marshal(v)
				return string(text)
			}
			return fmt.Sprint(v)
		case "todouble":
			switch v := arg(e, 0).(type) {
			case string:
				if f, err := strconv.ParseFloat(v, 64); err == nil {
					return f
				}
			case int64:
				return float64(v)
			case float64:
				return v
			}
			return nil
		case "strcat":
			out := ""
			for i := range e.Args {
				out += arg(e, i).(string)
			}
			return out
		case "replace_string":
			return strings.ReplaceAll(arg(e, 0).(string), arg(e, 1).(string), arg(e, 2).(string))
		case "datetime_part":
			t, ok := arg(e, 1).(time.Time)
			if !ok {
				return nil
			}
			switch arg(e, 0) {
			case "hour":
				return int64(t.Hour())
			case "minute":
				return int64(t.Minute())
			}
		case "ipv4_is_in_range", "ipv4_is_in_any_range", "ipv6_is_in_range", "ipv6_is_in_any_range":
			addr, err := netip.ParseAddr(arg(e, 0).(string))
			if err != nil || addr.Is4() != strings.HasPrefix(e.Name, "ipv4") {
				return nil
			}
			for i := range e.Args[1:] {
				if netip.MustParsePrefix(arg(e, i+1).(string)).Contains(addr) {
					return true
				}
			}
			return false
		}
	}
	panic(fmt.Sprintf("not evaluated here: %s", kql.PrintExpr(e)))
}

// kustoTimespan reads 5m, 100ms or 1.02:03:04.0000001.
func kustoTimespan(text string) time.Duration {
	if days, clock, ok := strings.Cut(text, ":"); ok {
		var d, h, m, s, ticks int64
		if day, hour, ok := strings.Cut(days, "."); ok {
			fmt.Sscan(day, &d)
			days = hour
		}
		fmt.Sscanf(days+":"+clock, "%02d:%02d:%02d.%07d", &h, &m, &s, &ticks)
		return time.Duration(d*24+h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + 100*time.Duration(ticks)
	}
	var n int64
	var unit string
	fmt.Sscanf(text, "%d%s", &n, &unit)
	one := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond}[unit]
	if one == 0 {
		panic("not read here: " + text)
	}
	return time.Duration(n) * one
}

// kustoBin rounds down to a multiple of size, counted from a fixed point; that
// of bin() is the beginning of the year 1, as it is of Go's Truncate.
func kustoBin(v, size any, from time.Time) any {
	if v == nil {
		return nil
	}
	if d, ok := size.(time.Duration); ok {
		t := v.(time.Time)
		if from.IsZero() {
			return t.Truncate(d)
		}
		n := t.Sub(from) / d
		if from.Add(n * d).After(t) {
			n--
		}
		return from.Add(n * d)
	}
	return kustoFloat(size) * math.Floor(kustoFloat(v)/kustoFloat(size))
}

func asciiFold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func kustoCompare(op string, l, r any) any {
	if positive, ok := strings.CutPrefix(op, "!"); ok && op != "!=" {
		if positive == "~" {
			positive = "=~"
		}
		if v := kustoCompare(positive, l, r); v != nil {
			return !v.(bool)
		}
		return nil
	}
	switch op {
	case "==", "!=":
		switch {
		case l == nil && r == nil:
			return nil
		case l == nil || r == nil:
			return op == "!="
		}
		return (kustoOrder(l, r) == 0) == (op == "==")
	}
	if l == nil || r == nil {
		return nil
	}
	ls, lok := l.(string)
	rs, rok := r.(string)
	if lok && rok {
		if op == "matches regex" {
			// Kusto's boundaries are written (?-u:\b); its classes are Unicode.
			src := strings.NewReplacer(`(?-u:\b)`, `\b`, `(?-u:\B)`, `\B`).Replace(rs)
			if regexp.MustCompile(`\\[dsw]`).MatchString(src) {
				panic("a Unicode class in " + rs)
			}
			return regexp.MustCompile(src).MatchString(ls)
		}
		name, cased := strings.CutSuffix(op, "_cs")
		if !cased {
			ls, rs = asciiFold(ls), asciiFold(rs)
		}
		switch name {
		case "=~":
			return ls == rs
		case "startswith":
			return strings.HasPrefix(ls, rs)
		case "endswith":
			return strings.HasSuffix(ls, rs)
		case "contains":
			return strings.Contains(ls, rs)
		}
	}
	switch op {
	case "<":
		return kustoOrder(l, r) < 0
	case "<=":
		return kustoOrder(l, r) <= 0
	case ">":
		return kustoOrder(l, r) > 0
	case ">=":
		return kustoOrder(l, r) >= 0
	}
	if op == "+" || op == "-" || op == "*" || op == "/" {
		if v, ok := kustoTimes(op, l, r); ok {
			return v
		}
		a, b := kustoFloat(l), kustoFloat(r)
		_, lint := l.(int64)
		_, rint := r.(int64)
		switch {
		case op == "/" && b == 0:
			return nil
		case op == "/":
			if lint && rint {
				return l.(int64) / r.(int64)
			}
			return a / b
		case lint && rint && op == "+":
			return l.(int64) + r.(int64)
		case lint && rint && op == "-":
			return l.(int64) - r.(int64)
		case lint && rint:
			return l.(int64) * r.(int64)
		case op == "+":
			return a + b
		case op == "-":
			return a - b
		}
		return a * b
	}
	panic("not evaluated here: " + op)
}

// kustoTimes calculates with times and lengths of time.
func kustoTimes(op string, l, r any) (any, bool) {
	d, rspan := r.(time.Duration)
	switch l := l.(type) {
	case time.Time:
		switch {
		case rspan && op == "+":
			return l.Add(d), true
		case rspan && op == "-":
			return l.Add(-d), true
		case op == "-":
			return l.Sub(r.(time.Time)), true
		}
	case time.Duration:
		if rspan && op == "/" {
			return float64(l) / float64(d), true
		}
	case int64, float64:
		if rspan && op == "*" {
			return time.Duration(kustoFloat(l) * float64(d)), true
		}
	}
	return nil, false
}

func kustoFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("%T is no number", v))
}

func kustoOrder(l, r any) int {
	switch l := l.(type) {
	case string:
		return strings.Compare(l, r.(string))
	case bool:
		if l == r.(bool) {
			return 0
		}
		return 1
	case time.Time:
		return l.Compare(r.(time.Time))
	case time.Duration:
		return cmp.Compare(l, r.(time.Duration))
	}
	a, b := kustoFloat(l), kustoFloat(r)
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// defenderRows are rows of DeviceNetworkEvents as Defender stores them:
// strings are never null, everything else may be.
type defenderRows struct {
	names []string
	rows  []eval.Row
	maps  []map[string]any
}

func newDefenderRows(r *rand.Rand, n int) defenderRows {
	texts := []string{"", "a", "A", "ab", "aB\nc", "É", "é", "x*y", `c:\Windows\a.exe`, "443", "44", "-1", "a.b", "foo bar"}
	// Kusto ignores the case of ASCII letters only, so two columns that differ
	// in the case of another letter are different there: only one has them.
	ascii := slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "É" || s == "é" })
	addrs := []string{"", "10.1.2.3", "::ffff:10.1.2.3", "192.168.0.1", "fe80::1", "::1", "host", "127.0.0.1", "::ffff:8.8.8.8"}
	ports := []any{nil, int64(0), int64(44), int64(443), int64(-1), int64(65535)}
	bools := []any{nil, true, false}
	times := []any{nil, time.Date(2026, 1, 2, 5, 6, 7, 0, time.UTC), time.Date(2026, 1, 2, 23, 59, 7, 0, time.UTC)}
	pick := func(list []any) any { return list[r.IntN(len(list))] }
	out := defenderRows{names: []string{"InitiatingProcessFileName", "DeviceName", "RemoteIP", "RemotePort", "LocalPort",
		"IsInitiatingProcessRemoteSession", "InitiatingProcessCreationTime", "Timestamp"}}
	for range n {
		vals := []any{texts[r.IntN(len(texts))], ascii[r.IntN(len(ascii))], addrs[r.IntN(len(addrs))],
			pick(ports), pick(ports), pick(bools), pick(times), times[1+r.IntN(2)]}
		m := map[string]any{}
		for i, name := range out.names {
			m[name] = vals[i]
		}
		out.rows = append(out.rows, eval.NewRow(out.names, vals...))
		out.maps = append(out.maps, m)
	}
	return out
}

// predGen makes random physical predicates of all sorts.
type predGen struct{ r *rand.Rand }

func (g predGen) str() *ir.Field {
	return &ir.Field{Name: []string{"InitiatingProcessFileName", "DeviceName"}[g.r.IntN(2)], T: ir.String}
}

func (g predGen) num() *ir.Field {
	return &ir.Field{Name: []string{"RemotePort", "LocalPort"}[g.r.IntN(2)], T: ir.Int}
}

func (g predGen) time() *ir.Field {
	return &ir.Field{Name: []string{"InitiatingProcessCreationTime", "Timestamp"}[g.r.IntN(2)], T: ir.Time}
}

func (g predGen) op() ir.CmpOp {
	return []ir.CmpOp{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge}[g.r.IntN(6)]
}

func (g predGen) pattern() ir.Pattern {
	texts := []string{"a", "B", "É", "44", `\a.exe`, "*", "\nc", ".", "foo "}
	var p ir.Pattern
	for n := g.r.IntN(4); n > 0; n-- {
		switch g.r.IntN(4) {
		case 0:
			p.Append(ir.Part{Wild: ir.Many})
		case 1:
			p.Append(ir.Part{Wild: ir.One})
		default:
			p.Append(ir.Part{Text: texts[g.r.IntN(len(texts))]})
		}
	}
	if shape, _ := p.Shape(); shape == ir.ShapeAny {
		// Resolve asks for presence in place of a lone *.
		p = ir.TextPattern(p.Span, "ab")
	}
	return p
}

func (g predGen) patterns() []ir.Pattern {
	var out []ir.Pattern
	for n := 1 + g.r.IntN(3); n > 0; n-- {
		out = append(out, g.pattern())
	}
	return out
}

func (g predGen) leaf() ir.Expr {
	lit := func() ir.Expr {
		return &ir.Lit{Value: []any{int64(44), int64(443), int64(0), 44.5}[g.r.IntN(4)]}
	}
	calls := func() ir.Expr {
		switch g.r.IntN(4) {
		case 0:
			return &ir.Call{Func: ir.Hour, Args: []ir.Expr{g.time()}}
		case 1:
			return &ir.Call{Func: ir.ToNumber, Args: []ir.Expr{g.str()}}
		case 2:
			return &ir.Call{Func: ir.Div, Args: []ir.Expr{g.num(), g.num()}}
		}
		return &ir.Call{Func: ir.Add, Args: []ir.Expr{g.num(), lit()}}
	}
	cased := g.r.IntN(3) == 0
	switch g.r.IntN(14) {
	case 0, 1, 2:
		return &ir.Match{X: g.str(), Any: g.patterns(), Cased: cased}
	case 3:
		return &ir.Match{X: &ir.Call{Func: ir.ToString, Args: []ir.Expr{g.num()}}, Any: g.patterns(), Cased: cased}
	case 4:
		return &ir.Match{X: &ir.Call{Func: ir.Concat, Args: []ir.Expr{g.str(), &ir.Lit{Value: `\`}, g.str()}}, Any: g.patterns(), Cased: cased}
	case 5:
		src := []string{`^a`, `(?i)a\s`, `\d+`, `^$`, `\bb`, `[^\w]`, `é$`, `.*`}[g.r.IntN(8)]
		return &ir.Regexp{X: g.str(), Source: src}
	case 6:
		src := []string{`^4`, `^$|3`, `\D`}[g.r.IntN(3)]
		return &ir.Regexp{X: &ir.Call{Func: ir.ToString, Args: []ir.Expr{g.num()}}, Source: src}
	case 7:
		nets := []string{"10.0.0.0/8", "::1/128", "fe80::/10", "::ffff:10.0.0.0/104", "192.168.0.0/16"}
		return &ir.InCIDR{X: &ir.Field{Name: "RemoteIP", T: ir.String}, Prefix: netip.MustParsePrefix(nets[g.r.IntN(len(nets))])}
	case 8:
		kinds := []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains}
		return &ir.FieldMatch{X: g.str(), Y: g.str(), Kind: kinds[g.r.IntN(3)], Cased: cased}
	case 9:
		return &ir.Compare{Op: []ir.CmpOp{ir.Eq, ir.Ne}[g.r.IntN(2)], L: g.str(), R: g.str(), Cased: cased}
	case 10:
		return &ir.Compare{Op: g.op(), L: g.num(), R: g.num()}
	case 11:
		if g.r.IntN(2) == 0 {
			return &ir.Exists{X: g.num()}
		}
		return &ir.Compare{Op: ir.Eq, L: &ir.Field{Name: "IsInitiatingProcessRemoteSession", T: ir.Bool}, R: &ir.Lit{Value: g.r.IntN(2) == 0}}
	case 12:
		op := g.op()
		if op == ir.Ne {
			op = ir.Eq // a computed value has no test for presence
		}
		return &ir.Compare{Op: op, L: calls(), R: lit()}
	}
	return &ir.Compare{Op: g.op(), L: g.num(), R: lit()}
}

func (g predGen) pred(depth int) ir.Expr {
	if depth == 0 || g.r.IntN(3) == 0 {
		return g.leaf()
	}
	switch g.r.IntN(5) {
	case 0, 1:
		return &ir.Not{X: g.pred(depth - 1)}
	}
	op := ir.And
	if g.r.IntN(2) == 0 {
		op = ir.Or
	}
	var args []ir.Expr
	for n := 2 + g.r.IntN(2); n > 0; n-- {
		args = append(args, g.pred(depth-1))
	}
	return &ir.Logic{Op: op, Args: args}
}

// TestDefenderPredicatesKeepMeaning is law 3 for predicates: a row passes the
// emitted operators, under Kusto's three-valued logic, if and only if it passes
// the IR's two-valued predicate.
func TestDefenderPredicatesKeepMeaning(t *testing.T) {
	b, _ := defenderBackend(t)
	r := rand.New(rand.NewPCG(3, 4))
	rows := newDefenderRows(r, 300)
	g := predGen{r}
	for range 500 {
		pred := g.pred(3)
		want, err := eval.CompilePred(pred)
		if err != nil {
			t.Fatal(err)
		}
		q := &ir.Filter{Input: &ir.Scan{Physical: &ir.Physical{View: "xdr", Table: "DeviceNetworkEvents"}}, Pred: pred}
		plan, diags := b.Plan(q, nil)
		if plan == nil {
			t.Fatalf("%s: %v", ir.FormatExpr(pred), diags)
		}
		text := kql.Print(b.Lower(plan))
		parsed, diags := kql.Parse("", text)
		if len(diags) > 0 {
			t.Fatalf("%v\n%s", diags, text)
		}
		for i, row := range rows.rows {
			got := true
			for _, op := range parsed.Ops {
				if w, ok := op.(*kql.Where); ok {
					got = got && kustoValue(w.Pred, rows.maps[i]) == true
				}
			}
			if got != want(row) {
				t.Fatalf("%s\nis %v for %v, but Kusto says %v:\n%s", ir.FormatExpr(pred), !got, rows.maps[i], got, text)
			}
		}
		checkDefenderLaws(t, b, ir.FormatExpr(pred), plan)
	}
}
