package splunk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
)

// unpack reads an archive, and holds it to what Splunk and AppInspect want.
func unpack(t *testing.T, archive []byte, id string) map[string]string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if gz.Name != "" || !gz.ModTime.IsZero() {
		t.Errorf("the gzip header has a name or a time: %q %v", gz.Name, gz.ModTime)
	}
	r := tar.NewReader(gz)
	files := map[string]string{}
	var names []string
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		rel, ok := strings.CutPrefix(h.Name, id+"/")
		if !ok || strings.HasPrefix(rel, ".") || strings.Contains(rel, "/.") || strings.HasPrefix(rel, "local") {
			t.Errorf("%s has no place in the archive", h.Name)
		}
		switch {
		case h.Typeflag == tar.TypeDir && h.Mode == 0o755:
		case h.Typeflag == tar.TypeReg && h.Mode == 0o644:
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[rel] = string(text)
			if !utf8.Valid(text) {
				t.Errorf("%s is not UTF-8", h.Name)
			}
		default:
			t.Errorf("%s: type %c, mode %o", h.Name, h.Typeflag, h.Mode)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(epoch) {
			t.Errorf("%s: owner or time: %+v", h.Name, h)
		}
	}
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("a name stands in the archive twice")
	}
	for _, want := range []string{"default/app.conf", "default/savedsearches.conf", "default/macros.conf", "metadata/default.meta", "app.manifest", "README.md"} {
		if files[want] == "" {
			t.Errorf("there is no %s", want)
		}
	}
	return files
}

// checkApp unpacks an app and reads it back: each item's search is in it exactly
// as it was compiled, under a name of its own, and everything that a search
// calls is in the app too.
func checkApp(t *testing.T, app App, items []*deploy.Item) map[string]string {
	t.Helper()
	files, diags := app.Files(items)
	for _, d := range diags {
		if d.Severity != diag.Info {
			t.Errorf("%s: %s", d.Code, d.Message)
		}
	}
	var archive, again bytes.Buffer
	if err := app.Archive(&archive, files); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	if err := app.Archive(&again, files); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("two archives of the same app differ")
	}
	unpacked := unpack(t, archive.Bytes(), app.ID)
	read := func(name string) []stanza {
		out, err := readConf(unpacked[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out
	}
	macros := map[string]bool{}
	for _, s := range read("default/macros.conf") {
		macros[s.name] = true
	}
	for _, name := range []string{"default/app.conf", "metadata/default.meta"} {
		if len(read(name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	searches := read("default/savedsearches.conf")
	if len(searches) != len(items) {
		t.Fatalf("%d stanzas for %d items", len(searches), len(items))
	}
	names := map[string]bool{}
	for i, s := range searches {
		it := items[i]
		o := deploy.Object{Fields: s.fields}
		if got := o.Get("search"); got != it.Query {
			t.Errorf("%s: the search differs\n%s", it.File, cmp.Diff(it.Query, got))
		}
		if n := utf8.RuneCountInString(s.name); n > maxStanza || names[strings.ToLower(s.name)] || !strings.HasPrefix(s.name, app.Label+" - ") || !strings.HasSuffix(s.name, " - Rule") {
			t.Errorf("%s: the name %q, %d characters, seen before %t", it.File, s.name, n, names[strings.ToLower(s.name)])
		}
		names[strings.ToLower(s.name)] = true
		if m := markOf(o.Get(keyMetadata)); m == nil || m.ID != it.ID() {
			t.Errorf("%s: the marker %q", it.File, o.Get(keyMetadata))
		}
		seen := map[string]bool{}
		for _, f := range s.fields {
			if seen[f.Key] {
				t.Errorf("%s: the key %s stands there twice", it.File, f.Key)
			}
			seen[f.Key] = true
			if (strings.HasPrefix(f.Value, "{") || strings.HasPrefix(f.Value, "[")) && f.Key != keySearch && strings.HasPrefix(f.Key, "action.") && !strings.HasPrefix(f.Key, "action.notable.param.rule") && f.Key != "action.risk.param._risk_message" && !json.Valid([]byte(f.Value)) {
				t.Errorf("%s: %s is not JSON: %s", it.File, f.Key, f.Value)
			}
		}
		for _, m := range macrosOf(o.Get("search")) {
			if !macros[m] {
				t.Errorf("%s: the macro %s is not in the app", it.File, m)
			}
		}
	}
	return unpacked
}

func testApp(t *testing.T, c *compiler.Config) App {
	t.Helper()
	app := App{ID: "acme_detections", Label: "Acme", Version: "1.2.3", Author: "Acme"}
	macros, err := compiler.Macros(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range macros {
		app.Macros = append(app.Macros, Macro(m))
		if m.Definition == "" {
			t.Errorf("the macro %s has no definition", m.Name)
		}
	}
	for _, l := range compiler.LookupFiles(c) {
		app.Lookups = append(app.Lookups, File(l))
	}
	return app
}

// hostile are titles that try to break out of a stanza, a value, a comment or a
// name.
var hostile = []string{
	"]\nsearch = | delete", "[evil]", "x]\n[default]\ndisabled = 0", "ends in a backslash \\", "\\", "# comment", "= equals =",
	"carriage\rreturn", "null\x00byte", "tab\there", "bell\x07", "not UTF-8 \xff\xfe", "line\u2028separator", "bidi \u202eevil", "\ufeffbom",
	"a/b\\c", "$token$ $$", "%original_detection_search%", "{\"json\": 1}", "`macro`", "```comment```", "  spaces  ", "",
	strings.Repeat("long ", 60), strings.Repeat("é", 200), strings.Repeat("🙂", 120), "same", "Same", "SAME", "s[a]me", "../../etc/passwd", "name\n",
}

// TestCorpus: the whole corpus as an app, once with its own titles, once with
// hostile ones.
func TestCorpus(t *testing.T) {
	root := sharedtest.Path(t, "corpus", "sigma")
	var paths []string
	for _, d := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"} {
		paths = append(paths, filepath.Join(root, d))
	}
	_, items, err := compiler.Items(compiler.Options{Paths: paths}, "splunk")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d searches", len(items))
	if len(items) < 3000 {
		t.Errorf("only %d searches", len(items))
	}
	app := testApp(t, nil)
	checkApp(t, app, items)
	for i, it := range items {
		h := *it.Hunt
		h.Meta.Title = hostile[i%len(hostile)]
		h.Meta.Description = hostile[(i+7)%len(hostile)]
		h.Meta.Deployment = &ir.Deployment{
			Finding:  &ir.Finding{Title: &ir.AlertText{Parts: []ir.AlertPart{{Text: hostile[(i+3)%len(hostile)]}}}, Description: &ir.AlertText{Parts: []ir.AlertPart{{Text: hostile[(i+5)%len(hostile)]}}}},
			Response: &ir.Response{Recommended: hostile[(i+11)%len(hostile)]},
			Risk:     &ir.Risk{Message: &ir.AlertText{Parts: []ir.AlertPart{{Text: hostile[(i+13)%len(hostile)]}}}},
		}
		it.Hunt = &h
	}
	checkApp(t, app, items)
}

// TestOwnDetections: the project's own.
func TestOwnDetections(t *testing.T) {
	_, items, err := compiler.Items(compiler.Options{Paths: []string{"../../detections"}}, "splunk")
	if err != nil {
		t.Fatal(err)
	}
	checkApp(t, testApp(t, nil), items)
}

// TestLookups: a lookup that searches name is in the app, with its definition.
func TestLookups(t *testing.T) {
	dir := t.TempDir()
	var csv strings.Builder
	csv.WriteString("Computer,Owner\n")
	for i := range 200 {
		csv.WriteString("pc" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ",someone\n")
	}
	for name, text := range map[string]string{
		"huntc.yaml": "lookups: {owners: owners.csv}\n", "owners.csv": csv.String(),
		"a.yml": "title: Joined\nid: 11111111-2222-4333-8444-555555555555\ntaxonomy: huntc\nlogsource: {category: process_creation}\ndetection:\n    s: {Image|endswith: '\\x.exe'}\n    condition: s\nhunt:\n    pipeline: join kind=left owners on Computer\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, diags, err := compiler.LoadConfig(filepath.Join(dir, "huntc.yaml"))
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	_, items, err := compiler.Items(compiler.Options{Paths: []string{filepath.Join(dir, "a.yml")}, Config: c}, "splunk")
	if err != nil || len(items) != 1 {
		t.Fatal(err, items)
	}
	files := checkApp(t, testApp(t, c), items)
	if !strings.Contains(items[0].Query, "huntc_owners.csv") || files["lookups/huntc_owners.csv"] == "" || !strings.Contains(files["default/transforms.conf"], "[huntc_owners]\nfilename = huntc_owners.csv\n") {
		t.Errorf("the lookup is not in the app, or has no definition: %q\n%s", files["default/transforms.conf"], items[0].Query)
	}
}

func TestMacrosOf(t *testing.T) {
	for _, tt := range []struct {
		search string
		want   []string
	}{
		{"| tstats `summariesonly` count", []string{"summariesonly"}},
		{"`drop_dm_object_name(Processes)` `drop_dm_object_name(\"a,b\")`", []string{"drop_dm_object_name(1)"}},
		{"`two(a, \"b`c\")`", []string{"two(2)"}},
		{"`nested(f(a,b), c)`", []string{"nested(2)"}},
		{"\"`no`\" ```no `no` ``` x=\"\\\"`no`\" `yes`", []string{"yes"}},
		{"`empty()` `unclosed", []string{"empty"}},
	} {
		if d := cmp.Diff(tt.want, macrosOf(tt.search)); d != "" {
			t.Errorf("%s\n%s", tt.search, d)
		}
	}
}

func TestTiming(t *testing.T) {
	const id = "11111111-2222-4333-8444-555555555555"
	for _, tt := range []struct {
		s    deploy.Settings
		span time.Duration
		want timing
	}{
		{deploy.Settings{Alert: true, Every: "1h"}, 0, timing{"51 * * * *", time.Hour, "-70m@m", "-10m@m", 0}},
		{deploy.Settings{Alert: true, Every: "24h"}, 0, timing{"51 23 * * *", 24 * time.Hour, "-1450m@m", "-10m@m", 0}},
		{deploy.Settings{Alert: true, Every: "3h", LookBack: 24 * time.Hour}, 0, timing{"51 2-23/3 * * *", 3 * time.Hour, "-24h", "now", 24 * time.Hour}},
		{deploy.Settings{Alert: true, Every: "3h", LookBack: 3 * time.Hour}, 0, timing{"51 2-23/3 * * *", 3 * time.Hour, "-3h", "now", 0}},
		// Runs at 0 and 3 hours both see an event of the first moment.
		{deploy.Settings{Alert: true, Every: "3h", LookBack: 5 * time.Hour}, 0, timing{"51 2-23/3 * * *", 3 * time.Hour, "-5h", "now", 5 * time.Hour}},
		{deploy.Settings{Alert: true, Every: "continuous"}, 0, timing{"*/5 * * * *", often, "-15m@m", "-10m@m", 0}},
		{deploy.Settings{Alert: true, Every: "1h"}, 30 * time.Minute, timing{"51 * * * *", time.Hour, "-100m@m", "-10m@m", 90 * time.Minute}},
		{deploy.Settings{Alert: true, Cron: "0 6 * * 1"}, 0, timing{"0 6 * * 1", 7 * 24 * time.Hour, "-10090m@m", "-10m@m", 0}},
		// Runs that are closer together than others look at the same events.
		{deploy.Settings{Alert: true, Cron: "0 9-17 * * 1-5"}, 0, timing{"", 64 * time.Hour, "-3850m@m", "-10m@m", 64 * time.Hour}},
		{deploy.Settings{Alert: true, Cron: "0,59 * * * *"}, 0, timing{"", 59 * time.Minute, "-69m@m", "-10m@m", 59 * time.Minute}},
		{deploy.Settings{Alert: true, Cron: "0 9-17 * * 1-5", LookBack: 64 * time.Hour}, 0, timing{"", 64 * time.Hour, "-64h", "now", 64 * time.Hour}},
		// For people.
		{deploy.Settings{Every: "1h"}, 0, timing{"", time.Hour, "-24h", "now", 24 * time.Hour}},
		{deploy.Settings{Every: "1h"}, 48 * time.Hour, timing{"", time.Hour, "-48h", "now", 48 * time.Hour}},
	} {
		got := timingOf(id, &tt.s, tt.span)
		tt.want.cron, got.cron = "", ""
		if got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.s, got, tt.want)
		}
	}
	const day = 24 * time.Hour
	for cron, want := range map[string][2]time.Duration{
		"* * * * *": {time.Minute, time.Minute}, "*/15 * * * *": {15 * time.Minute, 15 * time.Minute}, "5 8-18/2 * * *": {2 * time.Hour, 14 * time.Hour},
		"0 0 1 * *": {28 * day, 31 * day}, "0 0 29 2 *": {1461 * day, 1461 * day}, "0 0 1 * 1": {day, 7 * day}, "0 0 1 1 *": {365 * day, 366 * day},
		"0,30 * * * 7": {30 * time.Minute, 6*day + 30*time.Minute}, "0 9-17 * * 1-5": {time.Hour, 64 * time.Hour}, "0,59 * * * *": {time.Minute, 59 * time.Minute},
	} {
		if shortest, longest := gaps(cron); shortest != want[0] || longest != want[1] {
			t.Errorf("%s: %s to %s, want %s", cron, shortest, longest, want)
		}
	}
	for _, every := range []time.Duration{time.Hour, 3 * time.Hour, 12 * time.Hour, 24 * time.Hour} {
		for _, id := range []string{id, "a", "", "ffffffff-2222-4333-8444-555555555555"} {
			if shortest, longest := gaps(spread(id, every)); shortest != every || longest != every {
				t.Errorf("%q leaves %s to %s and not %s", spread(id, every), shortest, longest, every)
			}
		}
	}
}
