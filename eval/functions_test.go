package eval_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

func call(f ir.FuncID, args ...ir.Expr) ir.Expr { return &ir.Call{Func: f, Args: args} }

func between(unit, a, b string) ir.Expr {
	return call(ir.DateDiff, lit(unit), call(ir.Instant, lit(a)), call(ir.Instant, lit(b)))
}

// TestFunctions computes each function of the IR: there is none that is not in
// the table.
func TestFunctions(t *testing.T) {
	row := eval.NewRow(
		[]string{"empty", "text", "path", "letters", "num", "neg", "float", "low", "at", "dur", "back", "many", "none", "yes"},
		"", "aXbXXc", `C:\Users\Ünï\a b.exe`, "éÉßI", 5, -5, 2.5, -2.5, noon, 90*time.Second, -90*time.Second, []string{"one", "Two"}, nil, true)
	n := func(v int) ir.Expr { return lit(int64(v)) }
	tests := []struct {
		e    ir.Expr
		want any
	}{
		{call(ir.Minute, field("at")), int64(34)},
		{call(ir.Hour, field("at")), int64(12)},
		{call(ir.Day, field("at")), int64(1)},
		{call(ir.Week, field("at")), int64(9)},
		{call(ir.Month, field("at")), int64(3)},
		{call(ir.Year, field("at")), int64(2026)},
		{call(ir.Weekday, field("at")), int64(0)}, // 2026-03-01 is a Sunday
		{call(ir.Weekday, call(ir.Sub, field("at"), lit(24*time.Hour))), int64(6)},
		{call(ir.Weekday, field("num")), nil},
		{call(ir.Sub, call(ir.Now), field("at")), 24 * time.Hour},
		{call(ir.Bin, call(ir.Now), lit(time.Hour)), noon.Add(24 * time.Hour).Truncate(time.Hour)},

		{call(ir.Add, field("num"), field("float")), 7.5},
		{call(ir.Sub, field("num"), field("neg")), int64(10)},
		{call(ir.Mul, field("dur"), n(2)), 3 * time.Minute},
		{call(ir.Div, field("dur"), lit(time.Minute)), 1.5},
		{call(ir.Bin, field("neg"), n(2)), int64(-6)},
		{call(ir.Abs, field("neg")), int64(5)},
		{call(ir.Abs, field("low")), 2.5},
		{call(ir.Abs, field("back")), 90 * time.Second},
		{call(ir.Abs, lit(int64(-9223372036854775808))), 9223372036854775808.0},
		{call(ir.Abs, field("text")), nil},
		{call(ir.Floor, field("low")), -3.0},
		{call(ir.Floor, field("num")), int64(5)},
		{call(ir.Floor, lit(90500*time.Millisecond)), 90.0},
		{call(ir.Ceiling, field("low")), -2.0},
		{call(ir.Round, lit(2.345), lit(int64(1))), 2.3},
		{call(ir.Round, lit(-2.5)), -3.0},
		{call(ir.Round, lit("x")), nil},
		{call(ir.Joined, field("many"), lit("|")), "one|Two"},
		{call(ir.Joined, lit("x"), lit("|")), "x"},
		{call(ir.Item, field("many"), lit(int64(1))), "Two"},
		{call(ir.Item, field("many"), lit(int64(2))), nil},
		{call(ir.Size, field("many")), int64(2)},
		{call(ir.Size, field("absent")), nil},
		{call(ir.Item, field("many"), n(-2)), "one"},
		{call(ir.Item, field("many"), n(-3)), nil},
		{call(ir.Item, call(ir.Parts, field("path"), lit(`\`)), n(-1)), "a b.exe"},
		{call(ir.Parts, field("text"), lit("b")), []any{"aX", "XXc"}},
		{call(ir.Json, field("text")), "aXbXXc"},
		{call(ir.Json, lit(`"a"`)), "a"},
		{call(ir.Json, lit(`{"b": 1, "a": "<"}`)), `{"a":"<","b":1}`},
		{call(ir.Json, lit(`[1, 2.5, [3], {}]`)), []any{int64(1), 2.5, "[3]", "{}"}},
		{call(ir.Prop, call(ir.Json, lit(`{"a": {"b.c": true}}`)), lit("a")), `{"b.c":true}`},
		{call(ir.Prop, call(ir.Prop, call(ir.Json, lit(`{"a": {"b.c": true}}`)), lit("a")), lit("b.c")), true},
		{call(ir.Prop, call(ir.Prop, call(ir.Json, lit(`{"a": "{\"b\": 1}"}`)), lit("a")), lit("b")), nil}, // of a text
		{call(ir.Prop, call(ir.Json, lit(`{"a": 1}`)), lit("A")), nil},
		{call(ir.Prop, field("none"), lit("a")), nil},
		{call(ir.Prop, field("text"), lit("a")), nil},
		{call(ir.Prop, lit(`{"a": [7, 8]}`), lit("a")), []any{int64(7), int64(8)}},
		{call(ir.At, field("many"), n(-1)), "Two"},
		{call(ir.At, call(ir.Json, lit(`[1, null]`)), n(1)), nil},
		{call(ir.Prop, call(ir.At, call(ir.Json, lit(`[{"v": 3}]`)), n(0)), lit("v")), int64(3)},
		{call(ir.Prop, call(ir.URL, lit("https://me:pw@a.example:8/x?y=1#z")), lit("Host")), "a.example"},
		{call(ir.Prop, call(ir.Prop, call(ir.URL, lit("https://a.example/x?y=1#z")), lit("Query Parameters")), lit("y")), "1"},
		{call(ir.Prop, call(ir.URL, lit("a.example/x")), lit("Host")), ""},
		{call(ir.ToInt, lit("-07")), int64(-7)},
		{call(ir.ToInt, lit("2147483648")), nil},
		{call(ir.ToLong, lit("2147483648")), int64(2147483648)},
		{call(ir.ToLong, lit("2.5")), nil},
		{call(ir.ToLong, field("low")), int64(-2)},
		{call(ir.ToInt, field("yes")), int64(1)},
		{call(ir.ToInt, is("text", "axbxxc")), int64(1)},
		{call(ir.ToInt, lit(1e300)), nil},
		{call(ir.Instant, lit("2026-03-05T04:32:00Z")), time.Date(2026, 3, 5, 4, 32, 0, 0, time.UTC)},
		{between("year", "2017-01-01", "2000-12-31"), int64(17)},
		{between("quarter", "2017-07-01", "2017-03-30"), int64(2)},
		{between("month", "2017-01-01", "2015-12-30"), int64(13)},
		{between("week", "2017-10-29", "2017-09-30 23:59:00"), int64(5)},
		{between("day", "2017-10-29", "2017-09-30 23:59:00"), int64(29)},
		{between("Hour", "2017-10-31 01:00:00", "2017-10-30 23:59:00"), int64(2)},
		{between("minute", "2017-10-30 23:05:01", "2017-10-30 23:00:59"), int64(5)},
		{between("second", "2017-10-30 23:00:10.1", "2017-10-30 23:00:00.9"), int64(10)},
		{between("second", "2017-10-30 23:00:00.9", "2017-10-30 23:00:10.1"), int64(-10)},
		{between("millisecond", "2017-10-30 23:00:00.200100", "2017-10-30 23:00:00.100900"), int64(100)},
		{between("microsecond", "2017-10-30 23:00:00.1009001", "2017-10-30 23:00:00.1008009"), int64(100)},
		{between("nanosecond", "2017-10-30 23:00:00", "2017-10-30 23:00:00.0000007"), int64(-700)},
		{call(ir.Ceiling, lit("0.1")), 1.0},
		{call(ir.Ceiling, field("many")), nil},

		{call(ir.Concat, field("num"), lit("-"), field("text")), "5-aXbXXc"},
		{call(ir.Concat, field("none"), field("text")), nil},
		{call(ir.Lower, field("letters")), "ééßi"},
		{call(ir.Upper, field("letters")), "ÉÉßI"},
		{call(ir.Lower, field("num")), "5"},
		{call(ir.Upper, field("many")), nil},
		{call(ir.StrLen, field("letters")), int64(4)},
		{call(ir.StrLen, field("empty")), int64(0)},
		{call(ir.StrLen, field("none")), nil},
		{call(ir.StrLen, field("neg")), int64(2)},
		{call(ir.Substring, field("letters"), n(1)), "ÉßI"},
		{call(ir.Substring, field("letters"), n(1), n(2)), "Éß"},
		{call(ir.Substring, field("letters"), n(3), n(9)), "I"},
		{call(ir.Substring, field("letters"), n(4)), ""},
		{call(ir.Substring, field("letters"), n(1_000_000), n(1)), ""},
		{call(ir.Substring, field("letters"), n(0), n(0)), ""},
		{call(ir.Substring, field("none"), n(0)), nil},
		{call(ir.Replace, field("text"), lit("X"), lit("")), "abc"},
		{call(ir.Replace, field("text"), lit("x"), lit("y")), "aXbXXc"},
		{call(ir.Replace, lit("aaa"), lit("aa"), lit("b")), "ba"},
		{call(ir.Replace, lit("aaa"), lit("a"), lit("aa")), "aaaaaa"},
		{call(ir.Split, field("text"), lit("X"), n(0)), "a"},
		{call(ir.Split, field("text"), lit("X"), n(2)), ""},
		{call(ir.Split, field("text"), lit("X"), n(3)), "c"},
		{call(ir.Split, field("text"), lit("X"), n(4)), nil},
		{call(ir.Split, field("text"), lit("x"), n(0)), "aXbXXc"},
		{call(ir.Split, field("empty"), lit("x"), n(0)), ""},
		{call(ir.Split, field("empty"), lit("x"), n(1)), nil},
		{call(ir.Extract, field("path"), lit(`([^\\]+)\.(exe|dll)$`), n(0)), "a b.exe"},
		{call(ir.Extract, field("path"), lit(`([^\\]+)\.(exe|dll)$`), n(1)), "a b"},
		{call(ir.Extract, field("path"), lit(`(x)?\.exe`), n(1)), nil},
		{call(ir.Extract, field("path"), lit(`(x?)\.exe`), n(1)), ""},
		{call(ir.Extract, field("path"), lit(`nothing`), n(0)), nil},
		{call(ir.Extract, field("none"), lit(`.*`), n(0)), nil},

		{call(ir.If, is("text", "axbxxc"), field("none"), lit("no")), nil},
		{call(ir.If, is("none", ""), lit("yes"), call(ir.If, field("yes"), field("num"))), int64(5)},
		{call(ir.If, is("none", ""), lit("yes")), nil},
		{call(ir.If, is("text", "axbxxc"), field("many"), lit("no")), []any{"one", "Two"}},
		{call(ir.Coalesce, field("none"), field("empty"), lit("x")), ""},
		{call(ir.Coalesce, field("none"), field("none"), field("none")), nil},
		{call(ir.Coalesce, call(ir.Split, field("text"), lit("|"), n(1)), field("num")), int64(5)},
		{call(ir.Tuple, field("none"), field("text")), nil},
		{call(ir.ToString, field("low")), "-2.5"},
		{call(ir.ToNumber, lit("07")), int64(7)},
		{call(ir.ToNumber, lit("1e3")), nil},
		{call(ir.ToNumber, lit("2.")), int64(2)},
		{call(ir.ToNumber, lit("2..")), nil},
		{call(ir.ToNumber, lit("-.")), nil},
		{call(ir.ToNumber, lit(".")), nil},
		{call(ir.StrLen, call(ir.Replace, call(ir.Lower, call(ir.Concat, field("text"), field("num"))), lit("x"), lit("--"))), int64(10)},
	}
	run := eval.Runner{Source: func(*ir.Scan) ([]eval.Row, error) { return []eval.Row{row}, nil }, Now: noon.Add(24 * time.Hour)}
	said := map[ir.FuncID]bool{ir.Place: true} // nothing is known here
	for _, c := range tests {
		ir.WalkExpr(c.e, func(e ir.Expr) bool {
			if c, ok := e.(*ir.Call); ok {
				said[c.Func] = true
			}
			return true
		})
		rows, err := run.Run(&ir.Project{Input: &ir.Scan{}, Cols: []*ir.Col{{As: "x", X: c.e}}})
		if err != nil {
			t.Errorf("%s: %v", ir.FormatExpr(c.e), err)
			continue
		}
		if want := eval.NewRow([]string{"x"}, c.want).String(); rows[0].String() != want {
			t.Errorf("%s is %s, want %s", ir.FormatExpr(c.e), rows[0], want)
		}
	}
	for _, f := range slices.Concat(ir.Funcs, ir.LiftedFuncs) {
		if !said[f.ID] {
			t.Errorf("nothing is computed with %s", f.ID)
		}
	}
}

// TestSeconds: where rows hold times as numbers, a query means the same as
// where they are instants and lengths of time.
func TestSeconds(t *testing.T) {
	row := eval.NewRow([]string{"at", "half", "text"}, noon.Unix(), float64(noon.Unix())+0.5, "5")
	run := eval.Runner{Source: func(*ir.Scan) ([]eval.Row, error) { return []eval.Row{row}, nil }, Now: noon.Add(time.Hour), Seconds: true}
	for _, c := range []struct {
		e    ir.Expr
		want any
	}{
		{call(ir.Hour, field("at")), int64(12)},
		{call(ir.Weekday, field("half")), int64(0)},
		{call(ir.Sub, call(ir.Now), field("at")), int64(3600)},
		{call(ir.Sub, call(ir.Now), lit(90*time.Minute)), noon.Add(-30 * time.Minute).Unix()},
		{cmp(ir.Gt, field("half"), call(ir.Sub, call(ir.Now), lit(time.Hour))), true},
		{cmp(ir.Lt, call(ir.Sub, field("half"), field("at")), lit(500*time.Millisecond)), false},
		{call(ir.Bin, field("half"), lit(time.Hour)), noon.Truncate(time.Hour).Unix()},
	} {
		rows, err := run.Run(&ir.Project{Input: &ir.Scan{}, Cols: []*ir.Col{{As: "x", X: c.e}}})
		if err != nil {
			t.Errorf("%s: %v", ir.FormatExpr(c.e), err)
			continue
		}
		if want := eval.NewRow([]string{"x"}, c.want).String(); rows[0].String() != want {
			t.Errorf("%s is %s, want %s", ir.FormatExpr(c.e), rows[0], want)
		}
	}
}

// TestNow: the present time is only known to a run at a given time.
func TestNow(t *testing.T) {
	late := cmp(ir.Gt, field("Timestamp"), call(ir.Sub, call(ir.Now), lit(time.Hour)))
	var want *eval.NotEvaluable
	if _, err := eval.CompilePred(late); !errors.As(err, &want) {
		t.Errorf("a predicate alone: error %v", err)
	}
	if _, err := eval.CompileValue(late); !errors.As(err, &want) {
		t.Errorf("a value alone: error %v", err)
	}
	source := func(*ir.Scan) ([]eval.Row, error) {
		return eval.NewTable([]string{"Timestamp"}, []any{noon}, []any{noon.Add(-2 * time.Hour)}, []any{nil}), nil
	}
	q := &ir.Filter{Input: &ir.Scan{}, Pred: late}
	if _, err := eval.Run(q, source); !errors.As(err, &want) {
		t.Errorf("a run at no time: error %v", err)
	}
	rows, err := eval.Runner{Source: source, Now: noon}.Run(q)
	if err != nil || len(rows) != 1 || rows[0].Get("Timestamp") != noon {
		t.Errorf("%v, %v", rows, err)
	}
}

// BenchmarkFunctions is a text taken apart for one event.
func BenchmarkFunctions(b *testing.B) {
	row := eval.NewRow([]string{"CommandLine"}, `powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\temp\a.ps1`)
	for _, c := range []struct {
		name string
		e    ir.Expr
	}{
		{"extract", call(ir.Extract, field("CommandLine"), lit(`-File (\S+)`), lit(int64(1)))},
		{"split", call(ir.Split, field("CommandLine"), lit(" "), lit(int64(3)))},
		{"length of lower", call(ir.StrLen, call(ir.Lower, field("CommandLine")))},
		{"sum", call(ir.Add, call(ir.StrLen, field("CommandLine")), lit(int64(1)))},
	} {
		v, err := eval.CompileValue(c.e)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v(row)
			}
		})
	}
}
