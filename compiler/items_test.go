package compiler

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
)

// itemsIn builds documents, by the names of their files, for a target.
func itemsIn(t *testing.T, target string, files map[string]string) (*Result, []*deploy.Item) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, items, err := Items(Options{Paths: []string{dir}}, target)
	if err != nil {
		t.Fatal(err)
	}
	return r, items
}

// TestItemsAreWhatBuilds: an item has the query that a build writes, and a
// hunt that only a correlation counts is none.
func TestItemsAreWhatBuilds(t *testing.T) {
	for _, target := range Targets() {
		opts := Options{Paths: []string{"../detections"}, Targets: []string{target}}
		built, err := Run(opts)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, w := range built.written() {
			want[strings.TrimSuffix(strings.TrimPrefix(w.out.File, target+"/"), filepath.Ext(w.out.File))] = strings.TrimSuffix(w.out.Query, "\n")
		}
		_, items, err := Items(opts, target)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) == 0 || len(items) != len(want) {
			t.Errorf("%s: %d items, %d queries", target, len(items), len(want))
		}
		for _, it := range items {
			if it.Query != want[it.File] {
				t.Errorf("%s: %s differs from what is built", target, it.File)
			}
			if !it.Rows.Known || len(it.Rows.Columns) == 0 {
				t.Errorf("%s: %s: the columns are not known", target, it.File)
			}
			t.Logf("%s %s: %v", target, it.File, it.Rows.Columns)
		}
	}
}

const shell = `title: Shell
id: 11111111-2222-4333-8444-555555555555
logsource: {category: process_creation, product: windows}
detection:
    s: {Image|endswith: '\cmd.exe'}
    condition: s
`

// TestColumnsAreChecked: a build says at its place which column an alert names
// in vain, for each target.
func TestColumnsAreChecked(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"fields of the output", shell + "hunt:\n    finding: {title: '{Computer}: {User} {Image} {ParentCommandLine}'}\n", ""},
		{"not shown", shell + "hunt:\n    finding: {title: 'x {Company}'}\n", "HC0901 8:23 Splunk, HC0901 8:23 Defender"},
		{"shown by fields", "fields: [Company]\n" + shell + "hunt:\n    targets: [defender]\n    finding: {title: 'x {Company}'}\n", ""},
		{"throttle", shell + "hunt:\n    throttle: {period: 1h, by: [Computer, Nothing]}\n", "HC0901 8:43 Splunk, HC0901 8:43 Defender"},
		{"the column of one target", shell + "hunt:\n    entities:\n        - {column: DeviceName, type: device}\n", "HC0901 9:20 Splunk"},
		{"a pipeline", "taxonomy: huntc\n" + shell + "hunt:\n    pipeline: |\n        summarize runs = count() by Computer, who = User\n    risk: {message: '{runs} by {who} on {Computer}'}\n", ""},
		{"gone in a pipeline", "taxonomy: huntc\n" + shell + "hunt:\n    pipeline: |\n        summarize runs = count() by Computer\n    risk: {message: 'by {User}'}\n", "HC0901 11:22 Splunk, HC0901 11:22 Defender"},
		{"native text that is understood", "taxonomy: huntc\ntitle: N\nhunt:\n    native: {splunk: 'index=a | stats count by x', defender: 'DeviceInfo | summarize n = count() by DeviceId'}\n    finding: {title: '{x}'}\n", "HC0901 5:23 Defender"},
		{"native text that is not", "taxonomy: huntc\ntitle: N\nhunt:\n    targets: [splunk]\n    native: {splunk: 'index=a | frobnicate x'}\n    finding: {title: '{x}'}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "a.yml")
			if err := os.WriteFile(name, []byte(tt.doc), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := Run(Options{Paths: []string{name}})
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, h := range r.Hunts {
				for _, o := range h.Outputs {
					for _, d := range o.Diagnostics {
						if d.Severity == diag.Error {
							have = append(have, fmt.Sprintf("%s %d:%d %s", d.Code, d.Pos.Line, d.Pos.Column, targetName(o.Target)))
							if d.Code == "HC0901" && (d.Hint == "" || o.Status != Failed) {
								t.Errorf("status %s, hint %q", o.Status, d.Hint)
							}
						}
					}
				}
			}
			if got := strings.Join(have, ", "); got != tt.want {
				t.Errorf("have %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestDeployableIsAsked: of each document that says how it is deployed, for the
// targets on which it is an alert, by a build and not by Items.
func TestDeployableIsAsked(t *testing.T) {
	for _, tt := range []struct{ hunt, want string }{
		{"", ""}, {"window: 1h", ""}, {"alert: false", ""}, {"alert: true", "splunk defender"}, {"alert: [splunk]", "splunk"},
		{"schedule: {every: 3h}", "splunk defender"}, {"throttle: {period: 1h}", "splunk defender"}, {"finding: {title: x}", "splunk defender"}, {"risk: {score: 5}", "splunk defender"},
		{"entities: [{column: User, type: user}]", "splunk defender"}, {"response: {recommended: x}", "splunk defender"}, {"schedule: {every: 3h}\n    alert: false", ""},
		{"schedule: {every: 3h}\n    targets: [defender]", "defender"},
	} {
		name := filepath.Join(t.TempDir(), "a.yml")
		doc := shell
		if tt.hunt != "" {
			doc += "hunt:\n    " + tt.hunt + "\n"
		}
		if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		var asked []string
		opts := Options{Paths: []string{name}, Jobs: 1, Deployable: func(it *deploy.Item) diag.List { asked = append(asked, it.Target); return nil }}
		if _, err := Run(opts); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(asked, " "); got != tt.want {
			t.Errorf("%s: asked for %q, want %q", tt.hunt, got, tt.want)
		}
		asked = nil
		if _, _, err := Items(opts, "splunk"); err != nil || asked != nil {
			t.Errorf("%s: Items: %v, asked for %v", tt.hunt, err, asked)
		}
	}
}

// TestColumnsOfCorpus: the columns that a query is said to have are those that
// its text shows, for every rule of the corpus; the fields that a dataset
// shows are found by their names.
func TestColumnsOfCorpus(t *testing.T) {
	paths := corpusRules(t)
	for _, target := range Targets() {
		_, items, err := Items(Options{Paths: paths}, target)
		if err != nil {
			t.Fatal(err)
		}
		device := 0
		for _, it := range items {
			if !it.Rows.Known {
				t.Errorf("%s: %s: the columns are not known", target, it.File)
			}
			if it.Rows.Column("Computer") != "" {
				device++
			}
			if len(it.Rows.Of("no such field")) != 0 {
				t.Errorf("%s: %s shows what it cannot", target, it.File)
			}
			if len(it.Rows.Columns) == 0 {
				t.Errorf("%s: %s has no columns", target, it.File)
			}
		}
		t.Logf("%s: %d items, %d with a device", target, len(items), device)
	}
}

func corpusRules(t *testing.T) []string {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "sigma")
	var paths []string
	for _, d := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"} {
		paths = append(paths, filepath.Join(root, d))
	}
	return paths
}
