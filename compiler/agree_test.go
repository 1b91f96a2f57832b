package compiler_test

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diff"
)

// A pair is called equal, alike or narrower only if that is so of the texts, with
// all kinds of events that each of them reads.
func TestAgreeOnKindsOfEvents(t *testing.T) {
	const (
		files    = `| tstats count from datamodel=Endpoint.Filesystem where %Filesystem.file_name="x.js" by Filesystem.dest`
		kqlFiles = `DeviceFileEvents | %where FileName =~ "x.js"`
	)
	spl := func(action string) string { return strings.Replace(files, "%", action, 1) }
	kql := func(types string) string {
		if types != "" {
			types = "where ActionType in (" + types + ") | "
		}
		return strings.Replace(kqlFiles, "%", types, 1)
	}
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, spl, kql string
		want           diff.Verdict
		within         diff.Side
	}{
		{"all kinds", spl(""), kql(""), diff.Equal, ""},
		{"four kinds of all", spl(""), kql(`"FileCreated","FileModified","FileRenamed","FileDeleted"`), diff.Narrower, diff.Right},
		{"two kinds of all", spl(""), kql(`"FileCreated","FileModified"`), diff.Narrower, diff.Right},
		{"one kind of all", spl(""), kql(`"FileDeleted"`), diff.Narrower, diff.Right},
		{"all of one kind", spl(`Filesystem.action=deleted `), kql(""), diff.Narrower, diff.Left},
		{"one kind and two", spl(`Filesystem.action=created `), kql(`"FileCreated","FileRenamed"`), diff.Narrower, diff.Left},
		{"the same kinds", spl(`Filesystem.action IN ("created","renamed") `), kql(`"FileRenamed","FileCreated"`), diff.Equal, ""},
		{"other kinds", spl(`Filesystem.action=deleted `), kql(`"FileRenamed"`), diff.Overlapping, ""},
		{"kinds that only one target has", spl(`Filesystem.action IN ("created","modified","write") `), kql(`"FileCreated","FileModified","FileRenamed"`), diff.Overlapping, ""},
		{"connections that were blocked, and that failed", `| tstats count from datamodel=Network_Traffic.All_Traffic where All_Traffic.action=blocked All_Traffic.dest_ip="45.77.1.9" by All_Traffic.dest`,
			`DeviceNetworkEvents | where ActionType in ("ConnectionFailed","ConnectionAttempt") | where RemoteIP == "45.77.1.9"`, diff.Overlapping, ""},
		{"values set, of all kinds", `| tstats count from datamodel=Endpoint.Registry where Registry.registry_value_name="x" by Registry.dest`,
			`DeviceRegistryEvents | where ActionType == "RegistryValueSet" | where RegistryValueName =~ "x"`, diff.Narrower, diff.Right},
	} {
		in := l.Pair(tt.name, &compiler.PairText{File: "a.spl", Text: tt.spl}, &compiler.PairText{File: "a.kql", Text: tt.kql})
		h := in.Hunts[0]
		if h.Comparison == nil {
			t.Errorf("%s: not compared: %s %s", tt.name, h.SPL.Reason, h.KQL.Reason)
			continue
		}
		if c := h.Comparison; c.Verdict != tt.want || c.Within != tt.within {
			t.Errorf("%s: %s, want %s %s: %v", tt.name, c.Text("SPL", "KQL"), tt.want, tt.within, c.Differences)
		}
	}
}

// Whatever raising loses of a text keeps its pair from being proved.
func TestAgreeOnWhatIsLost(t *testing.T) {
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	const public = `DeviceNetworkEvents | where RemoteIPType == "Public" and RemotePort == 4444`
	in := l.Pair("a", &compiler.PairText{File: "a.spl", Text: `| tstats count from datamodel=Network_Traffic.All_Traffic where All_Traffic.dest_port=4444 by All_Traffic.dest`},
		&compiler.PairText{File: "a.kql", Text: public})
	h := in.Hunts[0]
	if len(h.KQL.Lost) == 0 {
		t.Fatalf("nothing is lost of %s any more: find another text for this test", public)
	}
	if c := h.Comparison; c == nil || c.Verdict != diff.Overlapping || !strings.Contains(c.Differences[len(c.Differences)-1].Text("SPL", "KQL"), "unsaid (KQL: documents mean more") {
		t.Errorf("%+v", c)
	}
}
