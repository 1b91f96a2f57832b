package splmodel

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/splunk/spl"
)

func (m *Model) regexp(source string) *regexp.Regexp {
	re, err := regexp.Compile(source)
	if err != nil {
		m.T.Fatalf("the model cannot read the regular expression %q: %v", source, err)
	}
	return re
}

// match evaluates a search expression, which ignores case; tstats says that it
// stands in a tstats.
func (m *Model) match(e spl.SearchExpr, r Row, tstats bool) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *spl.SearchLogic:
		for _, a := range e.Args {
			if m.match(a, r, tstats) == e.Or {
				return e.Or
			}
		}
		return !e.Or
	case *spl.SearchNot:
		// limits.conf: a tstats filter by a number omits events whose value is
		// missing or no number, also below NOT.
		if c, ok := e.X.(*spl.SearchCompare); ok && tstats {
			if _, err := strconv.ParseFloat(strings.Join(c.Value.Parts, "*"), 64); err == nil {
				if _, ok := number(r[bare(c.Field)]); !ok {
					return false
				}
			}
		}
		return !m.match(e.X, r, tstats)
	case *spl.SearchIn:
		return slices.ContainsFunc(e.Values, func(v spl.SearchValue) bool { return m.test(r[bare(e.Field)], "=", v) })
	case *spl.SearchCompare:
		if e.Field == "earliest" {
			back, _ := m.span(strings.TrimPrefix(e.Value.Parts[0], "-"))
			at, _ := number(r["_time"])
			return at >= m.Now-back
		}
		return m.test(r[bare(e.Field)], e.Op, e.Value)
	case *spl.SearchTerm:
		return strings.Contains(strings.ToLower(text(r["_raw"])), strings.ToLower(strings.Join(e.Value.Parts, "")))
	case *spl.SearchMacro:
		return true
	}
	m.T.Fatalf("the model does not know the condition %T", e)
	return false
}

// test compares a value as search does: of several values one is enough.
func (m *Model) test(v any, op string, w spl.SearchValue) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(x any) bool { return m.test(x, op, w) })
	}
	if v == nil {
		return false
	}
	if op == "=" || op == "!=" {
		if p, err := netip.ParsePrefix(strings.Join(w.Parts, "*")); err == nil { // a network
			a, err := netip.ParseAddr(text(v))
			return (err == nil && p.Contains(a)) == (op == "=")
		}
		parts := make([]string, len(w.Parts))
		for i, p := range w.Parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		// How letters beyond ASCII fold is not documented; as Unicode has it here.
		hit := regexp.MustCompile(`(?is)\A` + strings.Join(parts, ".*") + `\z`).MatchString(text(v))
		return hit == (op == "=")
	}
	x, xok := number(v)
	y, yok := number(w.Parts[0])
	if !xok || !yok {
		return holds(op, strings.Compare(text(v), w.Parts[0]))
	}
	return holds(op, compareNumbers(x, y))
}

func compareNumbers(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func holds(op string, c int) bool {
	switch op {
	case "=", "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	panic("operator " + op)
}

// number reads digits with an optional sign, fraction and exponent.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		if strings.Trim(v, "0123456789.eE+-") != "" {
			return 0, false
		}
		x, err := strconv.ParseFloat(v, 64)
		return x, err == nil
	}
	return 0, false
}

func text(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = text(x)
		}
		return strings.Join(parts, "\n")
	}
	return ""
}

// compareSorted is the order of sort, min and max: numbers by size and before
// texts, texts by code point. That addresses are sorted as addresses, and texts
// that begin with digits by the number (Search Reference, sort), is left out.
func compareSorted(a, b any) int {
	rank := func(v any) int {
		if v == nil {
			return 0
		}
		if _, ok := number(v); ok {
			return 1
		}
		return 2
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	x, xok := number(a)
	y, yok := number(b)
	if xok && yok {
		return compareNumbers(x, y)
	}
	return strings.Compare(text(a), text(b))
}

// Eval evaluates an expression of eval and where, which is three-valued: nil
// is null.
func (m *Model) Eval(e spl.Expr, r Row) any {
	switch e := e.(type) {
	case *spl.FieldRef:
		return r[e.Name]
	case *spl.StringLit:
		return e.Value
	case *spl.NumberLit:
		x, err := strconv.ParseFloat(e.Text, 64)
		if err != nil {
			m.T.Fatal(err)
		}
		return x
	case *spl.Unary:
		switch x := m.Eval(e.X, r).(type) {
		case bool:
			if e.Op == "NOT" {
				return !x
			}
		case float64:
			if e.Op == "-" {
				return -x
			}
		}
		return nil
	case *spl.Binary:
		return m.binary(e.Op, m.Eval(e.L, r), m.Eval(e.R, r))
	case *spl.InExpr:
		var found any = false
		x := m.Eval(e.X, r)
		for _, v := range e.Values {
			if found != true {
				found = m.binary("=", x, m.Eval(v, r))
			}
		}
		return found
	case *spl.CallExpr:
		return m.call(e, r)
	}
	m.T.Fatalf("the model does not know the expression %T", e)
	return nil
}

func (m *Model) binary(op string, l, r any) any {
	switch op {
	case "AND", "OR":
		stop := op == "OR"
		if l == stop || r == stop {
			return stop
		}
		if l == nil || r == nil {
			return nil
		}
		return !stop
	}
	if l == nil || r == nil {
		return nil
	}
	x, xok := number(l)
	y, yok := number(r)
	switch op {
	case ".":
		return text(l) + text(r)
	case "LIKE":
		return m.like(text(l), text(r))
	case "=", "==", "!=", "<", "<=", ">", ">=":
		// Two texts are compared as texts, a number and a text that spells one
		// as numbers.
		_, lt := l.(string)
		_, rt := r.(string)
		if xok && yok && !(lt && rt) {
			return holds(op, compareNumbers(x, y))
		}
		return holds(op, strings.Compare(text(l), text(r)))
	}
	if ls, ok := l.(string); ok && op == "+" && (!xok || !yok) { // of two texts, it joins them
		if rs, ok := r.(string); ok {
			return ls + rs
		}
	}
	if !xok || !yok {
		return nil
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		if y == 0 {
			return nil
		}
		return x / y
	case "%":
		return math.Mod(x, y)
	}
	m.T.Fatalf("the model does not know the operator %s", op)
	return nil
}

// call evaluates a function. But for those of the first switch, null in any
// argument makes null.
func (m *Model) call(e *spl.CallExpr, r Row) any {
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		args[i] = m.Eval(a, r)
	}
	switch e.Name {
	case "null":
		return nil
	case "true", "false":
		return e.Name == "true"
	case "isnull":
		return args[0] == nil
	case "isnotnull":
		return args[0] != nil
	case "if": // takes a condition that is null for one that is false
		if args[0] == true {
			return args[1]
		}
		return args[2]
	case "case":
		for i := 0; i+1 < len(args); i += 2 {
			if args[i] == true {
				return args[i+1]
			}
		}
		return nil
	case "in":
		var found any = false
		for _, v := range args[1:] {
			if found != true {
				found = m.binary("=", args[0], v)
			}
		}
		return found
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	}
	if slices.Contains(anyNil(args), true) {
		return nil
	}
	arg := func(i int) float64 {
		x, ok := number(args[i])
		if !ok {
			m.T.Fatalf("%s of %v, which is no number", e.Name, args[i])
		}
		return x
	}
	switch e.Name {
	case "now":
		return m.Now
	case "relative_time":
		back, _ := m.span(strings.TrimPrefix(text(args[1]), "-"))
		return arg(0) - back
	case "nullif":
		if m.binary("=", args[0], args[1]) == true {
			return nil
		}
		return args[0]
	case "round":
		x, ok := number(args[0])
		if !ok {
			return nil
		}
		scale := 1.0
		if len(args) > 1 {
			scale = math.Pow(10, arg(1))
		}
		return math.Round(x*scale) / scale
	case "floor", "ceiling", "abs":
		x, ok := number(args[0])
		if !ok {
			return nil
		}
		return map[string]func(float64) float64{"floor": math.Floor, "ceiling": math.Ceil, "abs": math.Abs}[e.Name](x)
	case "tonumber":
		if x, ok := number(args[0]); ok {
			return x
		}
		return nil
	case "strftime": // here in UTC
		x, ok := number(args[0])
		if !ok {
			return nil // taken: the reference is silent on a text that is no time
		}
		t := time.Unix(int64(math.Floor(x)), 0).UTC()
		_, week := t.ISOWeek()
		n, ok := map[string]int{"%d": t.Day(), "%m": int(t.Month()), "%Y": t.Year(), "%V": week}[text(args[1])]
		if !ok {
			m.T.Fatalf("the model does not know the format %s", text(args[1]))
		}
		return strconv.Itoa(n)
	case "mvcount":
		if list, ok := args[0].([]any); ok {
			return float64(len(list))
		}
		return 1.0
	case "mvindex": // counts from 0; null past the end
		list, ok := args[0].([]any)
		if !ok {
			list = []any{args[0]}
		}
		i := int(arg(1))
		if i < 0 { // from the end
			i += len(list)
		}
		if i >= 0 && i < len(list) {
			return list[i]
		}
		return nil
	case "mvjoin":
		list, ok := args[0].([]any)
		if !ok {
			list = []any{args[0]}
		}
		var parts []string
		for _, v := range list {
			parts = append(parts, text(v))
		}
		return strings.Join(parts, text(args[1]))
	}
	if list, ok := args[0].([]any); ok {
		m.T.Fatalf("%s of the %d values %v", e.Name, len(list), list)
	}
	s := text(args[0])
	switch e.Name {
	case "tostring":
		return s
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	case "len": // "count of the UTF-8 code points"
		return float64(len([]rune(s)))
	case "like":
		return m.like(s, text(args[1]))
	case "match":
		return m.regexp(text(args[1])).MatchString(s)
	case "cidrmatch":
		a, err := netip.ParseAddr(text(args[1]))
		return err == nil && netip.MustParsePrefix(s).Contains(a)
	case "substr":
		return m.substr([]rune(s), args[1:])
	case "split": // empty parts are kept: mvindex(split(url, "/"), 2) is the host
		var list []any
		for _, part := range strings.Split(s, text(args[1])) {
			list = append(list, part)
		}
		if len(list) == 1 {
			return list[0]
		}
		return list
	case "replace":
		return m.replace(s, text(args[1]), text(args[2]))
	}
	m.T.Fatalf("the model does not know the function %s", e.Name)
	return nil
}

func anyNil(args []any) []bool {
	out := make([]bool, len(args))
	for i, a := range args {
		out[i] = a == nil
	}
	return out
}

// like has % for any text and _ for one character; what a backslash before one
// means is not documented.
func (m *Model) like(s, pattern string) bool {
	if strings.Contains(pattern, `\`) {
		m.T.Fatalf("what the backslash means in %q is not documented", pattern)
	}
	quoted := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`(?s)\A` + quoted + `\z`).MatchString(s)
}

// substr has SQLite's semantics: it counts from 1, and from the end where the
// place is negative.
func (m *Model) substr(s []rune, args []any) any {
	from, _ := number(args[0])
	start := int(from)
	switch {
	case start > 0:
		start = min(start-1, len(s))
	case start < 0:
		start = max(len(s)+start, 0)
	}
	n := len(s) - start
	if len(args) > 1 {
		x, _ := number(args[1])
		n = min(n, max(int(x), 0))
	}
	return string(s[start : start+n])
}

// replace puts a text in the place of every match; \1 to \9 in it are groups,
// and of another backslash, or of $, nothing is documented.
func (m *Model) replace(s, source, by string) string {
	re := m.regexp(source)
	var b strings.Builder
	last := 0
	for _, found := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:found[0]])
		last = found[1]
		for i := 0; i < len(by); i++ {
			if by[i] == '$' {
				m.T.Fatalf("what $ means in %q is not documented", by)
			}
			if by[i] != '\\' {
				b.WriteByte(by[i])
				continue
			}
			i++
			if i == len(by) || by[i] < '1' || by[i] > '9' || i+1 < len(by) && by[i+1] >= '0' && by[i+1] <= '9' {
				m.T.Fatalf("what the backslash means in %q is not documented", by)
			}
			g := 2 * int(by[i]-'0')
			if g+1 >= len(found) {
				m.T.Fatalf("%q has no group %c", source, by[i])
			}
			if found[g] >= 0 {
				b.WriteString(s[found[g]:found[g+1]])
			}
		}
	}
	return b.String() + s[last:]
}
