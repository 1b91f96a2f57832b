package compiler_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// raiseLaw holds the inverse of Resolve to one hunt: raised and resolved again,
// it is the same query. It says how it is not; "" if it is, or does not resolve.
func raiseLaw(sch *schema.Schema, h *ir.Hunt, v schema.View) (resolves bool, differs string, raised schema.Raised) {
	if h.Query == nil {
		return false, "", raised
	}
	res := sch.Resolve(h, v)
	if res.Query == nil {
		return false, "", raised
	}
	raised = sch.Raise(res.Query, v)
	if raised.Query == nil {
		return true, fmt.Sprintf("%s, %s: %v\n%s", h.Path, v, raised.Diagnostics, ir.Format(res.Query)), raised
	}
	again := sch.Resolve(&ir.Hunt{Query: raised.Query}, v)
	if again.Query == nil {
		return true, fmt.Sprintf("%s, %s: not resolved again: %v\n%s", h.Path, v, again.Diagnostics, ir.Format(raised.Query)), raised
	}
	if a, b := ir.Format(ir.Canonical(res.Query)), ir.Format(ir.Canonical(again.Query)); a != b {
		return true, fmt.Sprintf("%s, %s:\n%s---- raised\n%s---- resolved again\n%s%v", h.Path, v, a, ir.Format(raised.Query), b, raised.Diagnostics), raised
	}
	return true, "", raised
}

func TestRaiseOwnDetections(t *testing.T) {
	sch, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join("..", "detections", "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, len(paths))
	}
	var files []*sigma.File
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, _ := sigma.Load(filepath.ToSlash(path), raw, nil)
		files = append(files, file)
	}
	sigma.Link(files)
	n := 0
	for _, f := range files {
		for _, h := range f.Hunts {
			for _, v := range []schema.View{schema.CIM, schema.XDR} {
				resolves, differs, _ := raiseLaw(sch, h, v)
				if resolves {
					n++
				}
				if differs != "" {
					t.Error(differs)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d hunts were looked at", n)
	}
}

// TestRaiseRealRules holds the inverse of Resolve to all real rules. Two of them
// compare a key of the registry in a form that no single pattern for key and
// value has, beside others of the same field; what is raised of them says so or
// says the same in other words.
func TestRaiseRealRules(t *testing.T) {
	hunts := realHunts(t)
	sch, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		view   schema.View
		differ int
	}{{schema.CIM, 0}, {schema.XDR, 2}, {schema.Raw, 0}} {
		total, bound := 0, 0
		var differ []string
		for _, h := range hunts {
			resolves, differs, raised := raiseLaw(sch, h, want.view)
			if !resolves {
				continue
			}
			total++
			if differs != "" {
				differ = append(differ, differs)
			}
			if len(raised.Bound) > 0 {
				bound++
			}
		}
		t.Logf("%s: %d of %d rules are the same after raising, %d name columns of the target", want.view, total-len(differ), total, bound)
		if len(differ) > want.differ {
			t.Errorf("%d rules are not the same after raising:\n%s", len(differ), strings.Join(differ, "\n"))
		}
	}
}

// TestRaiseKinds: what a text reads, both targets read that can: no kind of event
// is lost on the way, and what the other target has no word for is refused there.
func TestRaiseKinds(t *testing.T) {
	sch, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	spl, kql := splunk.New(sch, splunk.Config{}), defender.New(sch)
	for _, tt := range []struct {
		from, text  string
		own, across string // a part of the text that is made; "" if it is refused
	}{
		{"kql", `DeviceFileEvents | where ActionType in ("FileCreated","FileRenamed","FileDeleted") | where FileName =~ "x.js"`,
			`where ActionType in~ ("FileCreated", "FileDeleted", "FileRenamed")`, `Filesystem.action IN ("created", "deleted", "renamed")`},
		{"kql", `DeviceFileEvents | where FileName =~ "x.js"`, "DeviceFileEvents\n| where FileName =~", "where Filesystem.file_name=\"x.js\""},
		{"kql", `DeviceFileEvents | where ActionType != "FileDeleted" | where FileName =~ "x.exe"`, `ActionType`, `NOT Filesystem.action="deleted"`},
		{"kql", `DeviceFileEvents | where ActionType has "Created" | where FileName =~ "x.exe"`, `ActionType has "Created"`, ""},
		{"kql", `DeviceNetworkEvents | where RemoteIP == "1.2.3.4"`, "DeviceNetworkEvents\n| where RemoteIP", `All_Traffic.dest_ip="1.2.3.4"`},
		{"kql", `DeviceNetworkEvents | where ActionType in ("ConnectionFailed","ConnectionAttempt") | where RemotePort == 1`, `("ConnectionFailed", "ConnectionAttempt")`, ""},
		{"kql", `DeviceNetworkEvents | where ActionType has "Success" | where RemotePort == 1`, `ActionType has "Success"`, ""},
		{"kql", `DeviceLogonEvents | where ActionType == "LogonFailed" | where AccountName =~ "bob"`, `"LogonFailed"`, `Authentication.action="failure"`},
		{"kql", `union (DeviceProcessEvents | where FileName =~ "a"), (DeviceFileEvents | where FileName =~ "b")`, "DeviceName", "dest as DeviceName"},
		{"spl", "| tstats count from datamodel=Endpoint.Filesystem where Filesystem.action IN (\"modified\",\"renamed\") by Filesystem.dest",
			`IN ("modified", "renamed")`, `("FileModified", "FileRenamed")`},
		{"spl", "| tstats count from datamodel=Endpoint.Processes where Processes.process=\"*x*\" by Processes.dest Processes.user | `drop_dm_object_name(Processes)` | where user=\"bob\"",
			`bob`, `where AccountName == "bob"`},
	} {
		lift, view, back, other := kql.LiftText, schema.XDR, backends.Backend(kql), backends.Backend(spl)
		if tt.from == "spl" {
			lift, view, back, other = spl.LiftText, schema.CIM, other, back
		}
		l := lift(tt.from, tt.text)
		if len(l.Queries) != 1 || l.Queries[0].Query == nil {
			t.Fatalf("%s: %v", tt.text, l.Diagnostics)
		}
		r := sch.Raise(l.Queries[0].Query, view)
		if r.Query == nil {
			t.Errorf("%s: %v", tt.text, r.Diagnostics)
			continue
		}
		for _, made := range []struct {
			b    backends.Backend
			want string
		}{{back, tt.own}, {other, tt.across}} {
			a := made.b.Compile(&ir.Hunt{Query: r.Query, Kind: ir.KindHunt})
			if refused := a.Diagnostics.HasErrors(); refused != (made.want == "") || !refused && !strings.Contains(a.Query, made.want) {
				t.Errorf("%s\nwant %s\n%s%v", tt.text, made.want, a.Query, a.Diagnostics)
			}
		}
	}
}
