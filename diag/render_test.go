package diag_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

func span(file string, line, col, endLine, endCol int) diag.Span {
	return diag.Span{Pos: diag.Pos{Filename: file, Line: line, Column: col}, EndPos: diag.Pos{Filename: file, Line: endLine, Column: endCol}}
}

func TestRender(t *testing.T) {
	long := strings.Repeat("a", 300) + "HERE" + strings.Repeat("b", 300)
	src := "title: x\ncondition: sel and flt\r\n\tname: 日本 value\nb: " + long + "\nz: \x1b[2Jclear\n"
	tests := []struct {
		name string
		d    diag.Diagnostic
		want string
	}{
		{"span", diag.Diagnostic{Span: span("a.yml", 2, 20, 2, 23), Severity: diag.Error, Code: "HC0201", Message: "no selection \"flt\"", Hint: "did you mean \"filter\"?"},
			"a.yml:2:20: error HC0201 no selection \"flt\"\n  2 | condition: sel and flt\n    |                    ^^^\n    = did you mean \"filter\"?\n"},
		{"start only", diag.Diagnostic{Span: span("a.yml", 1, 8, 0, 0), Severity: diag.Warning, Code: "HC0101", Message: "m"},
			"a.yml:1:8: warning HC0101 m\n  1 | title: x\n    |        ^\n"},
		{"tab and wide", diag.Diagnostic{Span: span("a.yml", 3, 10, 3, 15), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:3:10: info HC0101 m\n  3 | \tname: 日本 value\n    | \t      \u3000\u3000^^^^^\n"},
		{"on wide", diag.Diagnostic{Span: span("a.yml", 3, 8, 3, 10), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:3:8: info HC0101 m\n  3 | \tname: 日本 value\n    | \t      ^^^^\n"},
		{"over lines", diag.Diagnostic{Span: span("a.yml", 1, 8, 2, 3), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:1:8: info HC0101 m\n  1 | title: x\n    |        ^\n"},
		{"end of line", diag.Diagnostic{Span: span("a.yml", 1, 9, 1, 9), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:1:9: info HC0101 m\n  1 | title: x\n    |         ^\n"},
		{"past the end of the line", diag.Diagnostic{Span: span("a.yml", 1, 90, 1, 91), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:1:90: info HC0101 m\n  1 | title: x\n"},
		{"past the end of the file", diag.Diagnostic{Span: span("a.yml", 99, 1, 99, 2), Severity: diag.Info, Code: "HC0101", Message: "m"},
			"a.yml:99:1: info HC0101 m\n"},
		{"no source", diag.Diagnostic{Span: span("b.yml", 1, 1, 1, 2), Severity: diag.Info, Code: "HC0101", Message: "m", Hint: "h"},
			"b.yml:1:1: info HC0101 m\n   = h\n"},
		{"whole file", diag.Diagnostic{Span: span("a.yml", 0, 0, 0, 0), Severity: diag.Error, Code: "HC0600", Message: "m"},
			"a.yml: error HC0600 m\n"},
		{"no place", diag.Diagnostic{Severity: diag.Error, Code: "HC0600", Message: "m"}, "error HC0600 m\n"},
		{"escapes", diag.Diagnostic{Span: span("a.yml", 5, 4, 5, 5), Severity: diag.Error, Code: "HC0101", Message: "bad \x1b[2J\nvalue \u202e"},
			"a.yml:5:4: error HC0101 bad \\x1b[2J\\nvalue \\u202e\n  5 | z: \uFFFD[2Jclear\n    |    ^\n"},
	}
	read := func(name string) ([]byte, bool) { return []byte(src), name == "a.yml" }
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := diag.Render(&buf, diag.List{tt.d}, read, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, buf.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("long line", func(t *testing.T) {
		var buf bytes.Buffer
		d := diag.Diagnostic{Span: span("a.yml", 4, 304, 4, 308), Severity: diag.Error, Code: "HC0101", Message: "m"}
		if err := diag.Render(&buf, diag.List{d}, read, false); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(buf.String(), "\n")
		at := strings.Index(lines[2], "^")
		if at < 0 || lines[1][at:at+4] != "HERE" || len(lines[1]) > 200 || !strings.HasSuffix(lines[1], "...") {
			t.Errorf("the caret must point at HERE in a line of bearable length:\n%s", buf.String())
		}
	})
	t.Run("color", func(t *testing.T) {
		var buf bytes.Buffer
		if err := diag.Render(&buf, diag.List{tests[0].d}, read, true); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(buf.String(), "\x1b[31merror\x1b[0m") {
			t.Errorf("no red error in %q", buf.String())
		}
	})
}

var sample = diag.List{
	{Span: span("d/a b.yml", 2, 20, 2, 23), Severity: diag.Error, Code: "HC0610", Message: "one: 100%\n\"x\" <y>", Hint: "do this, then that"},
	{Span: span("d/c.yml", 0, 0, 0, 0), Severity: diag.Warning, Code: "HC0603", Message: "two"},
	{Severity: diag.Info, Code: "HC0621", Message: "three"},
}

func write(t *testing.T, f diag.Format) string {
	t.Helper()
	var buf bytes.Buffer
	if err := diag.Write(&buf, f, sample, diag.Run{Version: "1", Files: []string{"d/a b.yml", "d/ok.yml"}}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestJSON(t *testing.T) {
	var got struct {
		Version     int
		Diagnostics []diag.Wire
	}
	if err := json.Unmarshal([]byte(write(t, diag.JSON)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample.Wire(), got.Diagnostics); diff != "" || got.Version != 1 {
		t.Errorf("version %d, (-want +got)\n%s", got.Version, diff)
	}
	var empty bytes.Buffer
	if err := diag.Write(&empty, diag.JSON, nil, diag.Run{}); err != nil || !strings.Contains(empty.String(), `"diagnostics": []`) {
		t.Errorf("%v: an empty list must be [], not null: %s", err, empty.String())
	}
}

func TestSARIF(t *testing.T) {
	out := write(t, diag.SARIF)
	var got struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct{ ID string }
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	if got.Version != "2.1.0" || run.Tool.Driver.Name != "huntc" || len(run.Results) != 3 {
		t.Fatalf("%s", out)
	}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("ruleIndex %d is not %s", r.RuleIndex, r.RuleID)
		}
	}
	first := run.Results[0]
	if loc := first.Locations[0].PhysicalLocation; first.Level != "error" || loc.ArtifactLocation.URI != "d/a%20b.yml" || loc.Region.StartLine != 2 || loc.Region.EndColumn != 23 {
		t.Errorf("%+v", first)
	}
	if run.Results[1].Locations[0].PhysicalLocation.Region != nil || run.Results[2].Locations != nil || run.Results[2].Level != "note" {
		t.Errorf("unknown places must be left out: %s", out)
	}
}

func TestGitHub(t *testing.T) {
	want := "::error file=d/a b.yml,line=2,col=20,endLine=2,endColumn=23,title=HC0610::one: 100%25%0A\"x\" <y>%0Ado this, then that\n" +
		"::warning file=d/c.yml,title=HC0603::two\n::notice file=,title=HC0621::three\n"
	if diff := cmp.Diff(want, write(t, diag.GitHub)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestJUnit(t *testing.T) {
	out := write(t, diag.JUnit)
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name     string `xml:"name,attr"`
			Failures []struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"failure"`
			Out string `xml:"system-out"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 4 || got.Failures != 1 || len(got.Cases) != 4 {
		t.Fatalf("%+v\n%s", got, out)
	}
	names := []string{}
	for _, c := range got.Cases {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"huntc", "d/a b.yml", "d/c.yml", "d/ok.yml"}, names); diff != "" {
		t.Error(diff)
	}
	if c := got.Cases[1]; len(c.Failures) != 1 || c.Failures[0].Type != "HC0610" || !strings.Contains(c.Failures[0].Text, "= do this") {
		t.Errorf("%+v", c)
	}
	if c := got.Cases[2]; len(c.Failures) != 0 || !strings.Contains(c.Out, "two") {
		t.Errorf("a warning is no failure: %+v", c)
	}
}

func TestClosest(t *testing.T) {
	words := []string{"condition", "contains", "endswith", "startswith", "re", "cidr"}
	for in, want := range map[string]string{
		"conditon": "condition", "contians": "contains", "EndsWith": "endswith", "ends_with": "endswith",
		"er": "", "zzz": "", "": "", "cdir": "cidr", "completely": "",
	} {
		if got := diag.Closest(in, words); got != want {
			t.Errorf("Closest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSortDropsRepeats(t *testing.T) {
	l := diag.List{{Span: span("b", 1, 1, 1, 1), Code: "HC0002"}, {Span: span("a", 2, 1, 2, 1), Code: "HC0001"}, {Span: span("b", 1, 1, 1, 1), Code: "HC0002"}}
	l.Sort()
	if len(l) != 2 || l[0].Pos.Filename != "a" {
		t.Errorf("%+v", l)
	}
}
