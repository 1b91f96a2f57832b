package kql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

func TestParseScript(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       string // a letter for each statement: value, rows, function, query
		codes      string
	}{
		{"definitions", "let a = 5; let b = dynamic(['x', 'y']); let c = a; let d = T | take a2;\nT", "vvvrq", "HC0383"},
		{"every kind", "let a = 5;\nlet b = T | where c == 1;\nlet f = (x: string, y: long = 3, z: (*)) { let w = x; z | where v == w };\nlet g = view () { T };\nlet m = materialize(T | take 5);\nlet s = toscalar(T | summarize max(x));\nf('a') | take 1", "vrffrvq", ""},
		{"empty lines", "T\n| take 5\n\nU\n| where a == 1\n\n// and\nlet b = 1;\nV", "qqvq", "HC0842 HC0842"},
		{"no semicolon after a value", "let b = 1\nV | take 1", "vq", "HC0842"},
		{"an operator that is broken", "T | take x\n| where a == 1;\nU", "qq", "HC0383"},
		{"a statement that is broken", "let = 1;\nU", "q", "HC0383"},
		{"a bracket too many", "T) | take 5;\nU", "qq", "HC0383"},
		{"nothing", " // x\n", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, diags := ParseScript("f.kql", tt.text)
			if s == nil {
				t.Fatal(diags)
			}
			var got, codes []string
			for _, stmt := range s.Statements {
				kind := "q"
				if d, ok := stmt.(*Define); ok {
					switch {
					case d.Function:
						kind = "f"
					case d.Query != nil:
						kind = "r"
					default:
						kind = "v"
					}
				}
				got = append(got, kind)
			}
			for _, d := range diags {
				codes = append(codes, string(d.Code))
			}
			if d := cmp.Diff([]string{tt.want, tt.codes}, []string{strings.Join(got, ""), strings.Join(codes, " ")}); d != "" {
				t.Errorf("(-want +got)\n%s\n%v", d, diags)
			}
		})
	}
}

// TestRepairs holds what is taken of a string that Kusto refuses, and that the
// others stay what they are.
func TestRepairs(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		repaired   bool
	}{
		{`"\Users\temp\new"`, `\Users\temp\new`, true},
		{`"\Temp\"`, `\Temp\`, true},
		{`"\temp\"`, `\temp\`, true},
		{`'C:\Users\'`, `C:\Users\`, true},
		{`"a\.b\\c\"d\s"`, `a\.b\c"d\s`, true},
		{`@"href=\"http:[^\"]+x"`, `href=\"http:[^\"]+x`, true},
		{`"a\\b\t\"c\""`, "a\\b\t\"c\"", false},
		{`"\u0041\x42\103"`, "ABC", false},
		{`@"c:\temp\"`, `c:\temp\`, false},
		{`@"a\""b"`, `a\"b`, false},
		{`"a" 'b'`, "ab", false},
	} {
		for _, around := range []string{"T | where a has %", "T | where a has_any (%, \"x\")", "T | where a has % or b == 1\n| take 5"} {
			s, diags := ParseScript("", strings.Replace(around, "%", tt.text, 1))
			if s == nil || diags.HasErrors() || (len(diags) == 1) != tt.repaired || len(s.Statements) != 1 {
				t.Errorf("%s in %s: %v", tt.text, around, diags)
				continue
			}
			found := false
			WalkStatement(s.Statements[0], func(n diag.Node) bool {
				if x, ok := n.(*String); ok {
					found = found || x.Value == tt.want
				}
				return true
			})
			if !found {
				t.Errorf("%s in %s is not %q", tt.text, around, tt.want)
			}
		}
	}
}
