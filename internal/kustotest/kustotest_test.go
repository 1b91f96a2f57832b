package kustotest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCheck proves that the oracle can fail, and that it fails for the reason
// that is meant.
func TestCheck(t *testing.T) {
	tests := []struct {
		name, text string
		code       string // empty: nothing to say
		about      string
	}{
		{name: "plain", text: `DeviceProcessEvents | where Timestamp > ago(7d) | where FileName =~ "cmd.exe"`},
		{name: "verbatim", text: `DeviceFileEvents | where FolderPath startswith @"C:\Users\""x"`},
		{name: "aggregate", text: `DeviceNetworkEvents | summarize n = dcount(RemoteIP) by DeviceId, bin(Timestamp, 1h) | where n > 3`},
		{name: "gaps", text: `DeviceNetworkEvents | sort by DeviceId asc, Timestamp asc | extend d = datetime_diff('second', Timestamp, prev(Timestamp))`},
		{name: "join", text: `DeviceInfo | join kind=inner (DeviceTvmSoftwareVulnerabilities) on DeviceId | project DeviceName, CveId`},
		{name: "dynamic text", text: `DeviceEvents | where tostring(parse_json(AdditionalFields).PipeName) has "x"`},
		{name: "enrichment", text: `DeviceFileEvents | invoke FileProfile("SHA1", 1000) | where GlobalPrevalence < 10 and isnotempty(Signer)`},
		{name: "seen by", text: `DeviceInfo | invoke SeenBy() | project DeviceId`},
		{name: "device of an address", text: `DeviceNetworkEvents | project IP = LocalIP | invoke DeviceFromIP() | project DeviceId`},
		{name: "addresses of a device", text: `AssignedIPAddresses("d", ago(1d)) | where IPType == "Public"`},

		{name: "column that no table has", text: `DeviceProcessEvents | where CommandLine has "x"`, code: "KS142", about: "CommandLine"},
		{name: "column of another table", text: `DeviceProcessEvents | where RegistryKey has "x"`, code: "KS142", about: "RegistryKey"},
		{name: "column that an enrichment does not add", text: `DeviceFileEvents | invoke FileProfile() | where Prevalence < 10`, code: "KS142", about: "Prevalence"},
		{name: "table in lower case", text: `deviceprocessevents | take 1`, code: "KS204", about: "deviceprocessevents"},
		{name: "function that does not exist", text: `DeviceProcessEvents | where isblank(FileName)`, code: "KS211", about: "isblank"},
		{name: "string operator on a long", text: `DeviceProcessEvents | where ProcessId has "4"`, code: "KS106", about: "has"},
		{name: "list of strings for a long", text: `DeviceProcessEvents | where ProcessId in~ ("4", "5")`, code: "KS107", about: `ProcessId`},
		{name: "datetime against a text", text: `DeviceProcessEvents | where Timestamp > "2025-01-01"`, code: "KS106", about: ">"},
		{name: "string as a condition", text: `DeviceProcessEvents | where FileName`, code: "KS141", about: "FileName"},
		{name: "dynamic as a key", text: `CloudAppEvents | summarize count() by AdditionalFields`, code: "KS116", about: "AdditionalFields"},
		{name: "no right side", text: `DeviceProcessEvents | where FileName ==`, code: "KS006"},
		{name: "escape that does not exist", text: `DeviceProcessEvents | where FolderPath has "\Users"`, code: "KS001"},
		{name: "empty list", text: `DeviceProcessEvents | where FileName in~ ()`, code: "KS006"},
		{name: "not as an operator", text: `DeviceProcessEvents | where not FileName == "x"`, code: "KS117", about: "not"},
	}
	queries := make([]Query, len(tests))
	for i, tt := range tests {
		queries[i] = Query{ID: tt.name, Text: tt.text}
	}
	found := map[string][]Finding{}
	for _, f := range Check(t, queries) {
		found[f.Query.ID] = append(found[f.Query.ID], f)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := found[tt.name]
			if tt.code == "" {
				if len(got) > 0 {
					t.Errorf("unexpected: %v", got)
				}
				return
			}
			if len(got) == 0 {
				t.Fatalf("nothing found, want %s", tt.code)
			}
			f := got[0]
			about := f.Query.Text[f.Start : f.Start+f.Length]
			if f.Code != tt.code || tt.about != "" && about != tt.about {
				t.Errorf("got %v, want %s at %q", got, tt.code, tt.about)
			}
			if f.Severity != "error" {
				t.Errorf("severity %q", f.Severity)
			}
		})
	}
}

func TestSyntaxOnly(t *testing.T) {
	got := Check(t, []Query{
		{ID: "names", Text: "NoTable | where NoColumn > 1", SyntaxOnly: true},
		{ID: "syntax", Text: "NoTable | where NoColumn >", SyntaxOnly: true},
	})
	if len(got) != 1 || got[0].Query.ID != "syntax" {
		t.Errorf("got %v, want one finding for the query without a right side", got)
	}
}

func TestFindingString(t *testing.T) {
	f := Finding{
		Query: Query{ID: "q", Text: "// 😀\nT | where x has 5"},
		Code:  "KS106", Severity: "error", Message: "no such operator", Start: 18, Length: 3,
	}
	const want = `q: line 2: error KS106: no such operator (at "has")`
	if got := f.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestInstalled holds that a change of the lock file is noticed.
func TestInstalled(t *testing.T) {
	tool := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(tool, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const v1, v2 = `{"packages":{"":{},"node_modules/a":{"version":"1","integrity":"x"}}}`, `{"packages":{"":{},"node_modules/a":{"version":"2","integrity":"y"}}}`
	write("package-lock.json", v1)
	if installed(tool) {
		t.Error("without node_modules: installed")
	}
	write("node_modules/.package-lock.json", v1)
	if !installed(tool) {
		t.Error("same version: not installed")
	}
	write("package-lock.json", v2)
	if installed(tool) {
		t.Error("another version: installed")
	}
}
