package compiler

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

func TestConfigMistakes(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // place and code, hint after it where it matters
	}{
		{"empty", "", nil},
		{"only a comment", "# nothing\n", nil},
		{"null", "---\n", nil},
		{"not YAML", "placeholders: {a: [b}\n", []string{"huntc.yaml:1:1 HC0550"}},
		{"a list", "- a\n", []string{"huntc.yaml:1:1 HC0550"}},
		{"two documents", "splunk: {}\n---\nsplunk: {}\n", []string{"huntc.yaml HC0550"}},
		{"unknown key", "placeholders: {}\ndataset: {}\n", []string{`huntc.yaml:2:1 HC0551 Did you mean "datasets"?`}},
		{"a key of no resemblance", "zzz: 1\n", []string{"huntc.yaml:1:1 HC0551 Known are: allow, datasets, deploy, lookups, placeholders, splunk."}},
		{"twice", "splunk: {}\nsplunk: {}\n", []string{"huntc.yaml:2:1 HC0551"}},
		{"placeholders are a list", "placeholders: [a]\n", []string{"huntc.yaml:1:15 HC0552"}},
		{"a placeholder is a map", "placeholders:\n  a: {b: c}\n  b: [x, [y]]\n  c:\n", []string{"huntc.yaml:2:6 HC0552", "huntc.yaml:3:10 HC0552", "huntc.yaml:4:5 HC0552"}},
		{"splunk is a text", "splunk: x\n", []string{"huntc.yaml:1:9 HC0552"}},
		{"unknown key of splunk", "splunk:\n  summaryonly: x\n", []string{`huntc.yaml:2:3 HC0551 Did you mean "summariesonly"?`}},
		{"a macro's name that breaks out", "splunk:\n  summariesonly: 'x` | delete'\n", []string{"huntc.yaml:2:18 HC0552"}},
		{"a version that is none", "splunk:\n  cim: newest\n", []string{"huntc.yaml:2:8 HC0552"}},
		{"a version", "splunk:\n  cim: 5.0\n", nil},
		{"allow is a text", "allow: HC0310\n", []string{"huntc.yaml:1:8 HC0552"}},
		{"allowed codes that are none", "allow: [HC0310, HC9999, {a: b}]\n", []string{"huntc.yaml:1:17 HC0552", "huntc.yaml:1:25 HC0552"}},
		{"allowed errors", "allow: [HC0005, HC0301, HC0149, HC0333]\n", []string{"huntc.yaml:1:9 HC0552", "huntc.yaml:1:17 HC0552"}},
		{"a column that is not there", "datasets:\n  process_creation:\n    xdr:\n      columns:\n        Image: FolderPaht\n        User: {kind: account, domain: AccountDomain, column: AcountName}\n    cim:\n      columns: {Image: proces_path}\n    raw:\n      columns: {Image: anything}\n",
			[]string{`huntc.yaml:5:16 HC0552 Did you mean "FolderPath"?`, `huntc.yaml:6:62 HC0552 Did you mean "AccountName"?`, `huntc.yaml:8:24 HC0552 Did you mean "process_path"?`}},
		{"columns that are there", "datasets:\n  process_creation:\n    xdr: {columns: {Image: FolderPath}}\n    cim: {columns: {Image: process_path}}\n", nil},
		{"a table that is not there", "datasets:\n  mine:\n    logsources: [{product: x}]\n    xdr: {table: DeviceProcesEvents, columns: {Image: x}}\n", []string{`huntc.yaml:4:18 HC0552 Did you mean "DeviceProcessEvents"?`}},
		{"an unknown key of a dataset", "datasets:\n  process_creation: {tabel: x}\n", []string{"huntc.yaml:2:3 HC0552"}},
		{"settings of deploying", "deploy:\n  project: acme\n  kept: [enabled, schedule]\n  prune: {max: 3, share: 15%}\n  splunk: {url: 'https://splunk:8089', app: acme, label: Acme, ca: a.pem}\n  defender: {url: 'https://graph.microsoft.com', login: 'https://login.microsoftonline.com', api: beta}\n", nil},
		{"a secret in the settings", "deploy:\n  splunk: {token: abc}\n", []string{"huntc.yaml:2:12 HC0551 Secrets come from the environment alone: HUNTC_SPLUNK_TOKEN, HUNTC_GRAPH_TOKEN, HUNTC_GRAPH_CLIENT_SECRET. Take it out of the file, and out of use if it was committed."}},
		{"a secret in a URL", "deploy:\n  splunk: {url: 'https://u:p@splunk'}\n", []string{"huntc.yaml:2:17 HC0552"}},
		{"nothing that a server decides", "deploy: {kept: [query], prune: {max: -1, share: 120%}, project: ''}\n", []string{"huntc.yaml:1:17 HC0552", "huntc.yaml:1:38 HC0552", "huntc.yaml:1:49 HC0552", "huntc.yaml:1:65 HC0552"}},
		{"lookups are a list", "lookups: [a]\n", []string{"huntc.yaml:1:10 HC0552"}},
		{"a lookup", "lookups: {good: good.csv}\n", nil},
		{"a lookup's name that breaks out", "lookups: {'a | b': good.csv}\n", []string{"huntc.yaml:1:11 HC0552"}},
		{"a lookup elsewhere", "lookups: {a: ../good.csv, b: /good.csv}\n", []string{"huntc.yaml:1:14 HC0552", "huntc.yaml:1:30 HC0552"}},
		{"a lookup that is not there", "lookups: {a: absent.csv}\n", []string{"huntc.yaml:1:14 HC0552"}},
		{"lookups that are none", "lookups: {a: ragged.csv, b: named.csv, c: twice.csv, d: empty.csv, e: control.csv, f: quote.csv}\n",
			[]string{"ragged.csv:3:1 HC0552", "named.csv:1:1 HC0552", "twice.csv:1:1 HC0552", "empty.csv:1:1 HC0552", "control.csv:2:1 HC0552", "quote.csv:2:1 HC0552"}},
		{"aliases", "placeholders:\n  a: &a [x]\n  b: *a\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree(t, map[string]string{"huntc.yaml": tt.text, "good.csv": "A,B\n1,\n", "ragged.csv": "A,B\n1,2\n1\n", "named.csv": "A b,B\n1,2\n",
				"twice.csv": "A,A\n1,2\n", "empty.csv": "A\n", "control.csv": "A\n\"1\n2\"\n", "quote.csv": "A,B\nx\"y,2\n"})
			_, diags, err := LoadConfig("huntc.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, d := range diags {
				line := diag.Place(d.Pos) + " " + string(d.Code)
				if i < len(tt.want) && strings.Count(tt.want[i], " ") > 1 {
					line += " " + d.Hint
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestFindConfig(t *testing.T) {
	tree(t, map[string]string{
		"huntc.yaml": "", "repo/.git/HEAD": "", "repo/a/d/x.yml": "", "mine/huntc.yaml": "", "mine/sub/d/x.yml": "", "d/x.yml": "",
	})
	for path, want := range map[string]string{
		"d": "huntc.yaml", "d/x.yml": "huntc.yaml", "mine/sub/d": filepath.FromSlash("mine/huntc.yaml"),
		"repo/a/d": "", // what stands above a work tree is somebody else's
		"absent":   "huntc.yaml",
	} {
		if got, err := FindConfig(path); got != want || err != nil {
			t.Errorf("FindConfig(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
}

// The settings that docs/config.md shows are settings that work.
func TestDocumentedConfig(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(raw)
	if block == nil {
		t.Fatal("docs/config.md shows no settings")
	}
	tree(t, map[string]string{
		"huntc.yaml":           string(block[1]),
		"lookups/owners.csv":   "Computer,Team\nws1,Payroll\n",
		"detections/badge.yml": "title: Badge\nlogsource: {product: acme, service: badge}\ndetection:\n  selection: {Door: main}\n  condition: selection\n",
		"detections/owner.yml": "title: Owner\nlogsource: {category: process_creation, product: windows}\ndetection:\n  selection: {AssetOwner|expand: '%Administrators%'}\n  condition: selection\n",
	})
	c, diags, err := LoadConfig("huntc.yaml")
	if err != nil || len(diags) > 0 {
		t.Fatal(diags, err)
	}
	r, err := Run(Options{Paths: []string{"detections"}, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	if got := files(r); !cmp.Equal(got, []string{"splunk/badge.spl", "splunk/owner.spl"}) {
		t.Errorf("compiled %v, diagnostics:\n%v", got, r.All())
	}
	for _, w := range r.written() {
		for _, word := range map[string][]string{"splunk/badge.spl": {"`acme_badge`"}, "splunk/owner.spl": {"`my_process_events`", "asset_owner", "alice", "bob"}}[w.out.File] {
			if !strings.Contains(w.out.Query, word) {
				t.Errorf("%s lacks %s:\n%s", w.out.File, word, w.out.Query)
			}
		}
	}
}
