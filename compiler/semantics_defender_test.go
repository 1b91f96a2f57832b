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
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
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
		if e.Text == "null" {
			return nil
		}
		n, err := strconv.ParseInt(e.Text, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	case *kql.Datetime:
		if e.Text == "null" {
			return nil
		}
		t, err := time.Parse("2006-01-02", e.Text)
		if err != nil {
			panic(err)
		}
		return t
	case *kql.Path:
		object, _ := kustoValue(e.X, row).(map[string]any)
		return object[e.Name]
	case *kql.Index:
		if object, ok := kustoValue(e.X, row).(map[string]any); ok {
			name, _ := kustoValue(e.I, row).(string)
			return object[name]
		}
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
		x, from, to := kustoValue(e.X, row), kustoValue(e.A, row), kustoValue(e.B, row)
		if t, ok := from.(time.Time); ok {
			if d, ok := to.(time.Duration); ok { // from an instant on, so long
				to = t.Add(d)
			}
		}
		lo, hi := kustoCompare("<=", from, x), kustoCompare("<=", x, to)
		if lo == nil || hi == nil {
			return nil
		}
		return (lo.(bool) && hi.(bool)) != e.Negated
	case *kql.In:
		op, negated := strings.CutPrefix(e.Op, "!")
		eq := map[string]string{"in": "==", "in~": "=~", "has_any": "has", "has_all": "has"}[op]
		var values []kql.Expr
		for _, v := range e.Values {
			if list, ok := v.(*kql.Dynamic); ok {
				values = append(values, list.Items...)
				continue
			}
			values = append(values, v)
		}
		found := op == "has_all"
		for _, v := range values {
			if (kustoCompare(eq, kustoValue(e.X, row), kustoValue(v, row)) == true) != found {
				found = !found
				break
			}
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
			for i := 0; i+1 < len(e.Args); i += 2 {
				if arg(e, i) == true {
					return arg(e, i+1)
				}
			}
			return arg(e, len(e.Args)-1)
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
		case "array_length":
			if list, ok := arg(e, 0).([]any); ok {
				return int64(len(list))
			}
			return nil
		case "strcat_array": // of a list; the text of each value
			list, _ := arg(e, 0).([]any)
			texts := make([]string, len(list))
			for i, v := range list {
				texts[i] = fmt.Sprint(v)
			}
			return strings.Join(texts, arg(e, 1).(string))
		case "parse_json": // a text that is no JSON stays one
			s, _ := arg(e, 0).(string)
			var v any
			if err := json.Unmarshal([]byte(s), &v); err != nil {
				return s
			}
			return v
		case "todatetime":
			return arg(e, 0)
		case "tolong":
			switch v := arg(e, 0).(type) {
			case string:
				if n, err := strconv.ParseInt(v, 10, 64); err == nil {
					return n
				}
				return nil
			case float64:
				return int64(v)
			default:
				return v
			}
		case "toint":
			switch v := arg(e, 0).(type) {
			case float64:
				return int64(v)
			case string:
				if n, err := strconv.ParseInt(v, 10, 32); err == nil {
					return n
				}
			case int64:
				if v == int64(int32(v)) {
					return v
				}
			}
			return nil
		case "ceiling", "floor", "abs":
			return kustoNumber(e.Name, arg(e, 0))
		case "now":
			return kustoNow
		case "ago":
			return kustoNow.Add(-arg(e, 0).(time.Duration))
		case "dayofweek": // the length of time since Sunday
			if t, ok := arg(e, 0).(time.Time); ok {
				return 24 * time.Hour * time.Duration(t.Weekday())
			}
			return nil
		case "tolower":
			return strings.ToLower(arg(e, 0).(string))
		case "toupper":
			return strings.ToUpper(arg(e, 0).(string))
		case "strlen":
			return int64(utf8.RuneCountInString(arg(e, 0).(string)))
		case "substring":
			s := []rune(arg(e, 0).(string))
			start := int(arg(e, 1).(int64))
			if start < 0 { // counts from the end
				start = max(start+len(s), 0)
			}
			s = s[min(start, len(s)):]
			if len(e.Args) == 3 {
				s = s[:min(int(arg(e, 2).(int64)), len(s))]
			}
			return string(s)
		case "split": // of the empty text it is one empty text
			var out []any
			for _, part := range strings.Split(arg(e, 0).(string), arg(e, 1).(string)) {
				out = append(out, part)
			}
			return out
		case "extract": // null, which is the empty text, if nothing matches
			m := kustoRegexp(arg(e, 0).(string)).FindStringSubmatch(arg(e, 2).(string))
			if m == nil {
				return ""
			}
			return m[arg(e, 1).(int64)]
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
			var last any
			for i := range e.Args {
				if last = arg(e, i); last != nil && last != "" { // text is never null
					return last
				}
			}
			return last
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
			case "day":
				return int64(t.Day())
			case "week_of_year":
				_, week := t.ISOWeek()
				return int64(week)
			case "month":
				return int64(t.Month())
			case "year":
				return int64(t.Year())
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

// kustoNow is when the queries of the tests run.
var kustoNow = irgen.Now

// kustoRegexp is an expression as Go writes it: Kusto's boundaries are written
// (?-u:\b), and its classes are Unicode.
func kustoRegexp(src string) *regexp.Regexp {
	out := strings.NewReplacer(`(?-u:\b)`, `\b`, `(?-u:\B)`, `\B`).Replace(src)
	if unicodeClass.MatchString(strings.ReplaceAll(out, `\\`, "")) {
		panic("a Unicode class in " + src)
	}
	return regexp.MustCompile(out)
}

var unicodeClass = regexp.MustCompile(`\\[dsw]`)

// kustoNumber rounds a number, or drops its sign; whole numbers stay whole.
func kustoNumber(name string, v any) any {
	switch v := v.(type) {
	case int64:
		if name == "abs" {
			return max(v, -v)
		}
		return v
	case float64:
		return map[string]func(float64) float64{"abs": math.Abs, "floor": math.Floor, "ceiling": math.Ceil}[name](v)
	}
	return nil
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
		if v, ok := v.(time.Duration); ok {
			return v - ((v%d)+d)%d
		}
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
	for _, v := range []any{l, r} {
		if f, ok := v.(float64); ok && math.IsNaN(f) && l != nil && r != nil && strings.Contains("== != < <= > >=", op) {
			return op == "!="
		}
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
			return kustoRegexp(rs).MatchString(ls)
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
		case "has", "hasprefix", "hassuffix":
			return kustoTerm(name, ls, rs)
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
	if op == "+" || op == "-" || op == "*" || op == "/" || op == "%" {
		if v, ok := kustoTimes(op, l, r); ok {
			return v
		}
		a, b := kustoFloat(l), kustoFloat(r)
		_, lint := l.(int64)
		_, rint := r.(int64)
		switch {
		case (op == "/" || op == "%") && b == 0:
			return nil
		case op == "%" && lint && rint && l.(int64) >= 0 && r.(int64) > 0:
			return l.(int64) % r.(int64)
		case op == "%":
			panic("not evaluated here: % of such numbers")
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

// kustoTerm looks for a term: what stands beside it is no letter and no digit.
// Of a term that is none, such as one of two words, the page says nothing.
func kustoTerm(op, text, term string) bool {
	if strings.ContainsFunc(term, func(r rune) bool { return !kustoAlnum(r) }) || term == "" {
		panic("not evaluated here: the term " + term)
	}
	for i := range text {
		rest, ok := strings.CutPrefix(text[i:], term)
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(rest)
		if ok && (op == "hassuffix" || i == 0 || !kustoAlnum(before)) && (op == "hasprefix" || rest == "" || !kustoAlnum(after)) {
			return true
		}
	}
	return false
}

func kustoAlnum(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

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

// text is a text that is computed, or a column.
func (g predGen) text() ir.Expr {
	count := func(n int) ir.Expr { return &ir.Lit{Value: int64(g.r.IntN(n))} }
	piece := func() ir.Expr { return &ir.Lit{Value: []string{"a", "b", `\`, "é", " "}[g.r.IntN(5)]} }
	switch g.r.IntN(8) {
	case 0:
		return fn([]ir.FuncID{ir.Lower, ir.Upper}[g.r.IntN(2)], g.str())
	case 1:
		return fn(ir.Substring, g.str(), count(4))
	case 2:
		return fn(ir.Substring, g.str(), count(3), count(3))
	case 3:
		return fn(ir.Replace, g.text(), piece(), &ir.Lit{Value: "x"})
	case 4:
		return fn(ir.Split, g.str(), piece(), count(3))
	case 5:
		src := []string{`(?i)a(.)`, `\b(\w+)\b`, `^(?:(a)|(b))`, `[^\\/]+$`}[g.r.IntN(4)]
		return fn(ir.Extract, g.str(), &ir.Lit{Value: src}, &ir.Lit{Value: int64(min(1, regexp.MustCompile(src).NumSubexp()))})
	}
	return g.str()
}

func (g predGen) leaf() ir.Expr {
	lit := func() ir.Expr {
		return &ir.Lit{Value: []any{int64(44), int64(443), int64(0), 44.5}[g.r.IntN(4)]}
	}
	calls := func() ir.Expr {
		switch g.r.IntN(10) {
		case 3:
			return fn(ir.StrLen, g.text())
		case 4:
			return fn(ir.Weekday, g.time())
		case 5:
			return fn(ir.Abs, fn(ir.Sub, g.num(), lit()))
		case 6:
			return fn([]ir.FuncID{ir.Floor, ir.Ceiling}[g.r.IntN(2)], fn(ir.Div, g.num(), &ir.Lit{Value: int64(7)}))
		case 7:
			return fn(ir.StrLen, g.num())
		case 8:
			return fn(ir.Coalesce, g.num(), g.num(), lit())
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
	switch g.r.IntN(17) {
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
	case 13:
		return &ir.Compare{Op: g.op(), L: g.time(), R: fn(ir.Sub, fn(ir.Now), &ir.Lit{Value: 24 * time.Hour})}
	case 14:
		op := g.op()
		if op == ir.Ne {
			op = ir.Eq
		}
		return &ir.Compare{Op: op, L: fn(ir.Sub, fn(ir.Now), g.time()), R: &ir.Lit{Value: 26 * time.Hour}}
	case 15:
		return &ir.Match{X: g.text(), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, []string{"a", "B", "foo", `\`}[g.r.IntN(4)])}, Cased: cased}
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

// asStored is the predicate with the tests that tell a missing text from one
// that is there, which are one where Defender stores both as the empty text: two
// such texts are not equal, and none stands in another.
func asStored(e ir.Expr) ir.Expr {
	there := func(x ir.Expr) ir.Expr { return &ir.Not{X: &ir.Match{X: x, Any: []ir.Pattern{{}}}} }
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Compare:
			if ir.TypeOf(e.L) == ir.String && ir.TypeOf(e.R) == ir.String {
				return &ir.Logic{Op: ir.And, Args: []ir.Expr{there(e.L), there(e.R), e}}
			}
		case *ir.FieldMatch:
			return &ir.Logic{Op: ir.And, Args: []ir.Expr{there(e.X), there(e.Y), e}}
		case *ir.Regexp:
			if ir.TypeOf(whole(e.X)) == ir.String && ir.RegexpMayMatch(e.Source, "") {
				return &ir.Logic{Op: ir.And, Args: []ir.Expr{there(whole(e.X)), e}}
			}
		case *ir.Call:
			if e.Func == ir.Concat {
				parts := &ir.Logic{Op: ir.And}
				for _, a := range e.Args {
					if _, constant := a.(*ir.Lit); ir.TypeOf(a) == ir.String && !constant {
						parts.Args = append(parts.Args, there(whole(a)))
					}
				}
				return &ir.Call{Func: ir.If, Args: []ir.Expr{parts, e}}
			}
			if e.Func == ir.StrLen {
				return &ir.Call{Func: ir.If, Args: []ir.Expr{there(whole(e.Args[0])), e}}
			}
		}
		return e
	})
}

// whole is the text that a function is given of which nothing may be left.
func whole(x ir.Expr) ir.Expr {
	for {
		c, ok := x.(*ir.Call)
		if !ok {
			return x
		}
		switch c.Func {
		case ir.Lower, ir.Upper, ir.Substring, ir.Replace:
			x = c.Args[0]
		default:
			return x
		}
	}
}

// holds are the rows for which the predicate holds.
func holds(t *testing.T, pred ir.Expr, rows []eval.Row) []bool {
	t.Helper()
	numbered := eval.WithColumn(rows, "#", func(i int) any { return int64(i) })
	run := eval.Runner{Now: kustoNow, Source: func(*ir.Scan) ([]eval.Row, error) { return numbered, nil }}
	found, err := run.Run(&ir.Filter{Input: &ir.Scan{}, Pred: pred})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]bool, len(rows))
	for _, row := range found {
		out[row.Get("#").(int64)] = true
	}
	return out
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
		want := holds(t, asStored(pred), rows.rows)
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
		for i := range rows.rows {
			got := true
			for _, op := range parsed.Ops {
				if w, ok := op.(*kql.Where); ok {
					got = got && kustoValue(w.Pred, rows.maps[i]) == true
				}
			}
			if got != want[i] {
				t.Fatalf("%s\nis %v for %v, but Kusto says %v:\n%s", ir.FormatExpr(pred), !got, rows.maps[i], got, text)
			}
		}
		checkDefenderLaws(t, b, ir.FormatExpr(pred), plan)
	}
}
