package proof_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/proof"
)

// build compiles documents, by file name.
func build(t testing.TB, l *proof.Lab, docs map[string]string) []*proof.Hunt {
	t.Helper()
	dir := t.TempDir()
	for name, text := range docs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hunts, res, err := l.Build(compiler.Options{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range res.Diagnostics {
		t.Log(d)
	}
	return hunts
}

func lab(t testing.TB) *proof.Lab {
	t.Helper()
	l, err := proof.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func events(t testing.TB, l *proof.Lab, text string) []eval.Event {
	t.Helper()
	r := eval.NewEventReader(l.Classifier(), "events.jsonl", strings.NewReader(text))
	var out []eval.Event
	for {
		e, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	for _, d := range r.Diagnostics {
		t.Error(d)
	}
	return out
}

const shellOfOffice = `
title: Office starts a shell
id: 6d4e5c8c-6a39-4dd5-8f0f-2b5ff1b0b9d4
status: test
logsource: {category: process_creation, product: windows}
detection:
  parent: {ParentImage|endswith: ['\winword.exe', '\excel.exe']}
  shell: {Image|endswith: '\cmd.exe', CommandLine|contains: whoami}
  condition: parent and shell
level: high
`

const manyTargets = `
title: One host talks to many
name: fan_out
status: test
taxonomy: huntc
logsource: {category: network_connection}
detection:
  smb: {DestinationPort: 445}
  condition: smb
hunt:
  window: 1h
  pipeline: |
    summarize n = dcount(DestinationIp) by SourceIp
    where n >= 2
level: low
`

// TestEngines: the three engines tell the same of the same events.
func TestEngines(t *testing.T) {
	l := lab(t)
	hunts := build(t, l, map[string]string{"a.yml": shellOfOffice, "b.yml": manyTargets})
	in := events(t, l, `
# a start of a process, as the event log writes it
{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1"},"EventData":{"UtcTime":"2026-01-02 03:04:05.678","Image":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd /c WHOAMI /all","ParentImage":"C:\\Office\\WINWORD.EXE","User":"LAB\\ann"}}}
{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":7,"Image":"C:\\Windows\\System32\\cmd.exe","CommandLine":"whoami","ParentImage":"C:\\winword.exe"}
{"logsource":{"category":"network_connection"},"Timestamp":"2026-01-02T03:00:00Z","SourceIp":"10.0.0.1","DestinationIp":"10.0.0.2","DestinationPort":445}
{"logsource":{"category":"network_connection"},"Timestamp":"2026-01-02T03:00:01Z","SourceIp":"10.0.0.1","DestinationIp":"10.0.0.3","DestinationPort":445}
{"logsource":{"category":"network_connection"},"Timestamp":"2026-01-02T01:00:01Z","SourceIp":"10.0.0.1","DestinationIp":"10.0.0.4","DestinationPort":445}
`)
	want := map[string]string{"6d4e5c8c-6a39-4dd5-8f0f-2b5ff1b0b9d4": "[0]", "fan_out": "[2 3]"}
	for _, h := range hunts {
		for _, e := range proof.Engines() {
			p := h.Program(e)
			rows, err := p.Run(in, proof.Options{})
			if err != nil {
				t.Errorf("%s: %s: %v", h.Ident, e, err)
				continue
			}
			if len(rows) != 1 || strings.TrimSpace(sprint(rows[0].Events)) != want[h.Ident] {
				t.Errorf("%s: %s: got %v, want events %s", h.Ident, e, rows, want[h.Ident])
			}
		}
	}
}

func sprint(v any) string { return fmt.Sprint(v) }
