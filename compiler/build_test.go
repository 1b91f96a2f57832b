package compiler

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

func codes(list diag.List) []string {
	out := []string{}
	for _, d := range list {
		out = append(out, d.Severity.String()+" "+string(d.Code))
	}
	return out
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name, doc string
		opts      Options
		splunk    string // status fidelity
		defender  string
		diags     []string
	}{
		{name: "exact", doc: "title: a", splunk: "ok exact", defender: "ok exact"},
		{name: "over", doc: "text: over", splunk: "ok over", defender: "ok over", diags: []string{"warning HC0310", "warning HC0310"}},
		{name: "over, allowed", doc: "text: over\nallow: HC0310", splunk: "ok over", defender: "ok over", diags: []string{"info HC0310", "info HC0310"}},
		{name: "over, exact required", doc: "text: over", opts: Options{RequireExact: true}, splunk: "error over", defender: "error over", diags: []string{"error HC0310", "error HC0310"}},
		{name: "over, exact required, allowed", doc: "text: over\nallow: HC0310", opts: Options{RequireExact: true}, splunk: "ok over", defender: "ok over", diags: []string{"info HC0310", "info HC0310"}},
		{name: "over, allowed by the project", doc: "text: over", opts: Options{Config: &Config{Allow: []diag.Code{"HC0310"}}, RequireExact: true}, splunk: "ok over", defender: "ok over", diags: []string{"info HC0310", "info HC0310"}},
		{name: "allowed for nothing", doc: "title: a\nallow: HC0310", splunk: "ok exact", defender: "ok exact", diags: []string{"warning HC0620"}},
		{name: "allowed for a target not asked for", doc: "title: a\nallow: HC0310", opts: Options{Targets: []string{"splunk"}}, splunk: "ok exact"},
		{name: "allowed, but unsupported somewhere", doc: "text: no-splunk\nallow: HC0310", splunk: "unsupported unsupported", defender: "ok exact", diags: []string{"error HC0301"}},
		{name: "unsupported", doc: "text: no-splunk", splunk: "unsupported unsupported", defender: "ok exact", diags: []string{"error HC0301"}},
		{name: "not for that target", doc: "text: no-splunk\ntargets: defender", splunk: "unsupported unsupported", defender: "ok exact", diags: []string{"info HC0621"}},
		{name: "wrong, not unsupported", doc: "text: wrong", splunk: "error unsupported", defender: "error unsupported", diags: []string{"error HC0215"}},
		{name: "document with an error", doc: "broken: bad", splunk: "error unsupported", defender: "error unsupported", diags: []string{"error HC0101"}},
		{name: "correlation", doc: "counts: me\nname: me", splunk: "ok exact", defender: "ok exact"},
		{name: "correlation of nothing", doc: "counts: x", splunk: "error unsupported", defender: "error unsupported", diags: []string{"error HC0144"}},
		{name: "backend panics", doc: "text: panic", splunk: "error unsupported", defender: "error unsupported", diags: []string{"error HC0699"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree(t, map[string]string{"d/x.yml": tt.doc})
			tt.opts.Paths = []string{"d"}
			r := run(t, tt.opts)
			want := map[string]string{"splunk": tt.splunk, "defender": tt.defender}
			for _, o := range r.Hunts[0].Outputs {
				if got := string(o.Status) + " " + string(o.Fidelity); got != want[o.Target] {
					t.Errorf("%s: %s, want %s", o.Target, got, want[o.Target])
				}
				if (o.Query != "") != (o.Status == OK) {
					t.Errorf("%s: %s with query %q", o.Target, o.Status, o.Query)
				}
			}
			if tt.diags == nil {
				tt.diags = []string{}
			}
			if diff := cmp.Diff(tt.diags, codes(r.All())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Nothing that one document does to huntc keeps the others from compiling.
func TestDefectIsOneDocument(t *testing.T) {
	tree(t, map[string]string{
		"d/a.yml": "title: a", "d/b.yml": "panic: x", "d/c.yml": "title: c\ntext: panic", "d/e.yml": "title: e",
	})
	r := run(t, Options{Paths: []string{"d"}})
	if diff := cmp.Diff([]string{"defender/a.kql", "defender/e.kql", "splunk/a.spl", "splunk/e.spl"}, files(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, d := range r.All() {
		if d.Code != codeInternal || d.Hint != reportDefect {
			t.Errorf("%+v", d)
		}
	}
	if d := r.All()[0]; !strings.Contains(d.Message, "load x (fake_test.go:") || d.Pos.Filename != "d/b.yml" {
		t.Errorf("the message must name the place in huntc: %+v", d)
	}
	if r.Documents != 4 {
		t.Errorf("%d documents, want 4", r.Documents)
	}
}

func files(r *Result) []string {
	out := []string{}
	for _, w := range r.written() {
		out = append(out, w.out.File)
	}
	return out
}

// When documents cannot be put together, none is compiled without the filters
// that may concern it.
func TestDefectInLinking(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "d/b.yml": "title: link panics"})
	r := run(t, Options{Paths: []string{"d"}})
	if diff := cmp.Diff([]string{"defender/a.kql", "splunk/a.spl"}, files(r)); diff != "" {
		t.Errorf("nothing concerns a.yml (-want +got)\n%s", diff)
	}
	put(t, "d/f.yml", "filter: x")
	r = run(t, Options{Paths: []string{"d"}})
	if len(files(r)) != 0 {
		t.Errorf("compiled %v", files(r))
	}
	if diff := cmp.Diff([]string{"error HC0699", "error HC0699", "error HC0699"}, codes(r.All())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A filter that does not look like one until it is read concerns the rules all
// the same.
func TestFilterThatIsNotSeenAtOnce(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "d/z.yml": "title: not at the start\n filter: x"})
	if special := seemsSpecial([]byte("title: not at the start\n filter: x")); special {
		t.Fatal("the test wants a filter that is not seen")
	}
	r := run(t, Options{Paths: []string{"d/a.yml"}})
	if got := r.Hunts[0].Outputs[0].Query; got != "splunk a  filters=0" {
		t.Errorf("alone: %q", got)
	}
	for _, jobs := range []int{1, 8} {
		r = run(t, Options{Paths: []string{"d"}, Jobs: jobs})
		if got := r.Hunts[0].Outputs[0].Query; got != "splunk a  filters=1" {
			t.Errorf("with a filter, -j %d: %q", jobs, got)
		}
	}
}

func TestFileNames(t *testing.T) {
	tree(t, map[string]string{
		"d/one.yml":       "title: x",
		"d/sub/two.yaml":  "title: x",
		"d/many.yml":      "name: first\n---\nname: second\n---\ntitle: a Title, with/slash\n---\nname: second\n---\ntext: none",
		"d/clash.yml":     "title: x",
		"d/clash.yaml":    "title: x",
		"d/CLASH.yml":     "title: x",
		"d/half.yml":      "name: good\n---\nlost: bad",
		"d/filtered.yml":  "name: rule\n---\nfilter: f",
		"d/hostile.yml":   "name: ../../etc/passwd\n---\nname: a\x00b\x1b",
		"d/a b/ü.yml":     "title: x",
		"d/.hidden.yml":   "title: x",
		"d/.git/conf.yml": "title: x",
		"d/huntc.yaml":    "datasets: {}",
		"d/notes.md":      "x",
	})
	r := run(t, Options{Paths: []string{"d"}, Targets: []string{"splunk"}})
	want := []string{
		"splunk/CLASH.spl", "splunk/a b/ü.spl", "splunk/clash-2.spl", "splunk/filtered.spl", "splunk/half.good.spl",
		"splunk/hostile.a_b.spl", "splunk/hostile.etc_passwd.spl",
		"splunk/many.a_Title__with_slash.spl", "splunk/many.first.spl", "splunk/many.hunt.spl", "splunk/many.second-2.spl", "splunk/many.second.spl",
		"splunk/one.spl", "splunk/sub/two.spl",
	}
	if diff := cmp.Diff(want, files(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Outputs mirror the project's tree from wherever one builds a part of it.
func TestRoots(t *testing.T) {
	all := map[string]string{"detections/win/a.yml": "title: a", "rules/x.yml": "title: x", "rules-extra/x.yml": "title: y", "single/z.yml": "title: z"}
	for _, tt := range []struct {
		paths []string
		want  []string
	}{
		{[]string{"detections"}, []string{"splunk/win/a.spl"}},
		{[]string{"detections/win"}, []string{"splunk/win/a.spl"}},
		{[]string{"detections/win/a.yml"}, []string{"splunk/win/a.spl"}},
		{[]string{"rules"}, []string{"splunk/x.spl"}},
		{[]string{"rules/x.yml"}, []string{"splunk/x.spl"}},
		{[]string{"rules", "rules-extra"}, []string{"splunk/rules-extra/x.spl", "splunk/rules/x.spl"}},
		{[]string{"rules", "./rules/", "rules/x.yml"}, []string{"splunk/rules/x.spl"}},
		{[]string{"detections", "single"}, []string{"splunk/win/a.spl", "splunk/z.spl"}},
	} {
		t.Run(strings.Join(tt.paths, " "), func(t *testing.T) {
			tree(t, all)
			cfg, _, err := LoadConfig("")
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, Options{Paths: tt.paths, Config: cfg, Targets: []string{"splunk"}})
			if diff := cmp.Diff(tt.want, files(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReportShape(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a <b>\nid: i\nname: n\ntext: over no-defender", "d/b.yml": "lost: bad"})
	r := run(t, Options{Paths: []string{"d"}})
	var buf strings.Builder
	if err := r.WriteReport(&buf); err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"summary":{"documents":2,"hunts":1,"targets":{` +
		`"splunk":{"ok":1,"unsupported":0,"error":1,"exact":0,"forms":{"tstats":1,"datamodel":0,"raw":0,"native":0}},` +
		`"defender":{"ok":0,"unsupported":1,"error":1,"exact":0,"forms":{"table":0,"native":0}}}},"hunts":[
{"path":"d/a.yml","line":1,"id":"i","name":"n","title":"a <b>","kind":"rule","targets":{` +
		`"splunk":{"status":"ok","fidelity":"over","form":"tstats","query":"splunk a <b> over no-defender filters=0","file":"splunk/a.spl","diagnostics":[` +
		`{"code":"HC0310","severity":"warning","message":"matches more on splunk","file":"d/a.yml","line":1,"column":1,"endLine":4,"endColumn":1,"hint":"If that is acceptable, write allow: [HC0310] in the document's hunt block."}]},` +
		`"defender":{"status":"unsupported","fidelity":"unsupported","form":"","query":"","file":"","diagnostics":[` +
		`{"code":"HC0301","severity":"error","message":"defender cannot say it","file":"d/a.yml","line":1,"column":1,"endLine":4,"endColumn":1,"hint":""}]}}}
],"diagnostics":[
{"code":"HC0101","severity":"error","message":"bad","file":"d/b.yml","line":1,"column":1,"endLine":1,"endColumn":1,"hint":""}
]}
`
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !json.Valid([]byte(buf.String())) {
		t.Error("not JSON")
	}
}

func TestFind(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "d/sub/b.YML": "title: b", "other/c.yml": "title: c", "empty/readme.md": ""})
	for _, link := range [][2]string{
		{"..", "d/sub/up"},                // a folder that is its own ancestor
		{"../other", "d/linked"},          // a folder elsewhere
		{"../other/c.yml", "d/c.yml"},     // a file elsewhere
		{"nowhere.yml", "d/dangling.yml"}, // nothing
		{"nowhere", "d/dangling"},
		{"/dev/null", "d/device.yml"},
	} {
		if err := os.Symlink(link[0], link[1]); err != nil {
			t.Fatal(err)
		}
	}
	sources, _, diags, err := find([]string{"d", "empty"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		got = append(got, s.path+" "+s.rel)
	}
	diags.Sort()
	for _, d := range diags {
		got = append(got, diag.Place(d.Pos)+" "+string(d.Code))
	}
	want := []string{"d/a.yml d/a.yml", "d/c.yml d/c.yml", "d/linked/c.yml d/linked/c.yml", "d/sub/b.YML d/sub/b.YML",
		"d/dangling.yml HC0600", "d/device.yml HC0602", "empty HC0603"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, _, _, err := find([]string{"d", "absent"}, ""); err == nil || err.Error() != "cannot read absent: no such file or directory" {
		t.Errorf("%v", err)
	}
}

func TestJobsAndOrderDoNotShow(t *testing.T) {
	docs := map[string]string{}
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		docs["d/"+n+".yml"] = "title: " + n + "\nname: same\ntext: over\n---\ntext: no-splunk\n---\nlost: " + n
	}
	docs["d/z.yml"] = "filter: f"
	tree(t, docs)
	want := text(t, run(t, Options{Paths: []string{"d"}, Jobs: 1}))
	for range 5 {
		if diff := cmp.Diff(want, text(t, run(t, Options{Paths: []string{"d"}, Jobs: 8}))); diff != "" {
			t.Fatalf("-j 8 differs from -j 1\n%s", diff)
		}
	}
	shuffled := text(t, run(t, Options{Paths: []string{"d/h.yml", "d/z.yml", "d/a.yml", "d/c.yml", "d/b.yml", "d/g.yml", "d/f.yml", "d/e.yml", "d/d.yml"}}))
	if diff := cmp.Diff(want, shuffled); diff != "" {
		t.Errorf("the order of paths shows\n%s", diff)
	}
}
