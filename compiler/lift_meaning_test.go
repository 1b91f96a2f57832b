package compiler_test

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
)

// What a query of one language says is said in the other one, or refused: no
// part of it is left out.
func TestTranslatedMeaning(t *testing.T) {
	tests := []struct{ name, from, text, has, hasNot, refused string }{
		{"a semi join keeps the rows with a partner", "kql", `DeviceProcessEvents | where FileName =~ "x" | join kind=leftsemi (DeviceNetworkEvents | where RemotePort == 443) on DeviceName`,
			"| join type=inner max=0 dest [", "type=left", ""},
		{"a join without a kind takes one row of each key", "kql", `DeviceProcessEvents | where FileName =~ "x" | join (DeviceNetworkEvents | where RemotePort == 443 | project DeviceName, RemoteIP) on DeviceName`,
			"| dedup dest\n| join type=inner max=0 dest [", "type=left", ""},
		{"other joins", "kql", `DeviceProcessEvents | where FileName =~ "x" | join kind=rightanti (DeviceNetworkEvents | where RemotePort == 443 | project DeviceName) on DeviceName`,
			"", "", "HC0524"},
		{"an aggregate with a condition", "kql", `DeviceProcessEvents | summarize n = dcountif(DeviceName, FileName =~ "x.exe") by AccountName | where n > 3`,
			`dc(eval(if(lower(process_name) = "x.exe"`, "", ""},
		{"a percentile", "kql", `DeviceProcessEvents | summarize p = percentile(ProcessId, 95) by DeviceName`,
			"exactperc95(Processes.process_id) as p", "min(", ""},
		{"rows without a partner have no value", "kql", `DeviceProcessEvents | where FileName =~ "a" | join kind=leftouter (DeviceNetworkEvents | project DeviceName, RemoteIP) on DeviceName | where isempty(RemoteIP) | project DeviceName, FileName`,
			`| where NOT (isnotnull(RemoteIP) AND RemoteIP != "unknown") OR RemoteIP = ""`, "", ""},
		{"a value that was found", "kql", `DeviceProcessEvents | extend X = extract("(a)b", 1, FileName) | where isnotempty(X) | project X`,
			"| where isnotnull(X)", "", ""},
		{"a macro that is not known", "spl", "| tstats count from datamodel=Endpoint.Processes where Processes.process=\"*x*\" by Processes.dest | `drop_dm_object_name(Processes)` | `known_good`",
			"", "", "HC0372"},
	}
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := "spl"
			if tt.from == "spl" {
				to = "kql"
			}
			got, err := l.Translate(tt.from, to, "q", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if tt.refused != "" {
				for _, d := range got.Diagnostics {
					if string(d.Code) == tt.refused {
						return
					}
				}
				t.Fatalf("no %s: %v", tt.refused, got.Diagnostics)
			}
			if got.Query == "" || !strings.Contains(got.Query, tt.has) || tt.hasNot != "" && strings.Contains(got.Query, tt.hasNot) {
				t.Errorf("%v\n%s", got.Diagnostics, got.Query)
			}
		})
	}
}
