package sigma_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/frontends/sigma"
)

const testedRule = `title: Tested
logsource: {category: process_creation, product: windows}
detection:
    s: {Image|endswith: '\cmd.exe'}
    condition: s
hunt:
    tests:
`

// TestInlineTests: an event is kept as JSON, in the author's order of keys, and
// nothing of it is in the query.
func TestInlineTests(t *testing.T) {
	src := testedRule + `        - name: a shell
          hit:
              - {Image: 'C:\cmd.exe', ProcessId: 12, Elevated: true, Hashes: [a, 'b"<'], N: ~, X: 0x1f, Y: "7", When: 2026-03-01T10:00:00Z}
              - '  {"Image": "C:\\x\\cmd.exe"} '
          rows:
              - {Image: x}
        - miss: [{logsource: {category: file_event}, Image: 'C:\cmd.exe'}]
`
	f, diags := sigma.Load("a.yml", []byte(src), nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	h := f.Hunts[0]
	var got []string
	for _, test := range h.Tests {
		got = append(got, test.Name)
		for _, e := range test.Events {
			got = append(got, e.JSON)
			if at := src[e.Pos.Offset:]; !strings.HasPrefix(strings.TrimLeft(at, `' `), "{") {
				t.Errorf("the event's place is before %q", at)
			}
		}
		for _, e := range test.Rows {
			got = append(got, "row "+e.JSON)
		}
	}
	want := []string{
		"a shell",
		`{"Image":"C:\\cmd.exe","ProcessId":12,"Elevated":true,"Hashes":["a","b\"<"],"N":null,"X":"0x1f","Y":"7","When":"2026-03-01T10:00:00Z"}`,
		`{"Image": "C:\\x\\cmd.exe"}`,
		`row {"Image":"x"}`,
		"",
		`{"logsource":{"category":"file_event"},"Image":"C:\\cmd.exe"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	bare, _ := sigma.Load("a.yml", []byte(strings.TrimSuffix(testedRule, "hunt:\n    tests:\n")), nil)
	if want, have := showQuery(bare.Hunts[0].Query), showQuery(h.Query); want != have {
		t.Errorf("tests change the query:\n%s\n%s", want, have)
	}

	out, diags := sigma.Write(h)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	again, diags := sigma.Load("a.yml", out, nil)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, out)
	}
	for i := range h.Tests {
		for j := range h.Tests[i].Events {
			if h.Tests[i].Events[j].JSON != again.Hunts[0].Tests[i].Events[j].JSON {
				t.Errorf("written and read again: %s", out)
			}
		}
	}
	if laid, diags := sigma.Format("a.yml", out); len(diags) > 0 || string(laid) != string(out) {
		t.Errorf("a written document is laid out otherwise: %v\n%s", diags, laid)
	}
	if _, diags := sigma.Format("a.yml", []byte(src)); len(diags) > 0 {
		t.Error(diags)
	}
}

// TestBadInlineTests: each mistake has a code at its place.
func TestBadInlineTests(t *testing.T) {
	for _, tt := range []struct{ tests, code, at string }{
		{"        - {name: x}", "HC0420", "8:11"},
		{"        - {hit: []}", "HC0420", "8:17"},
		{"        - {hit: [{A: b}], miss: [{A: c}]}", "HC0420", "8:27"},
		{"        - {miss: [{A: b}], rows: [{A: c}]}", "HC0420", "8:28"},
		{"        - hit: ['{\"A\": \"C:\\Windows\"}']", "HC0420", "8:18"},
		{"        - hit: ['[1]']", "HC0420", "8:18"},
		{"        - hit: ['{} {}']", "HC0420", "8:18"},
		{"        - hit: ['{']", "HC0420", "8:18"},
		{"        - hit: ['null']", "HC0420", "8:18"},
		{"        - hit: [[a]]", "HC0420", "8:17"},
		{"        - hit: [~]", "HC0420", "8:17"},
		{"        - hit: {A: b}", "HC0104", "8:16"},
		{"        - {hits: [{A: b}]}", "HC0101", "8:12"},
		{"        - hit: [{A: b, A: c}]", "HC0006", "8:24"},
		{"        - text", "HC0104", "8:11"},
		{"        a: b", "HC0104", "8:9"},
	} {
		src := strings.Replace(testedRule, "    tests:\n", "    tests:\n"+tt.tests+"\n", 1)
		_, diags := sigma.Load("a.yml", []byte(src), nil)
		if len(diags) != 1 {
			t.Errorf("%s: %v", tt.tests, diags)
			continue
		}
		d := diags[0]
		if got := fmt.Sprintf("%d:%d", d.Pos.Line, d.Pos.Column); string(d.Code) != tt.code || got != tt.at {
			t.Errorf("%s: %s at %s, want %s at %s: %s", tt.tests, d.Code, got, tt.code, tt.at, d.Message)
		}
	}
	filter := "title: F\nlogsource: {category: process_creation, product: windows}\nfilter:\n    rules: any\n    s: {Image: x}\n    condition: not s\nhunt:\n    tests: [{hit: [{Image: x}]}]\n"
	if _, diags := sigma.Load("f.yml", []byte(filter), nil); len(diags) != 1 || diags[0].Code != "HC0101" {
		t.Error(diags)
	}
}
