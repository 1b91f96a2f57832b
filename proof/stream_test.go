package proof_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/proof"
)

// TestStreamIsRun: a stream gives what running each program on all events gives,
// for each engine, with and without a present time, for rules of the corpus and for
// the project's own hunts, whose aggregations, joins and look-backs need events
// together.
func TestStreamIsRun(t *testing.T) {
	l, hunts := corpus(t)
	var some []*proof.Hunt
	for i, h := range hunts {
		if i%8 == 0 {
			some = append(some, h)
		}
	}
	own, _, err := l.Build(compiler.Options{Paths: []string{"../detections"}})
	if err != nil {
		t.Fatal(err)
	}
	some = append(some, own...)
	text := corpusText(t)
	for i := range 40 {
		at := time.Date(2026, 4, 1, 12, 0, 30*i, 0, time.UTC).Format(time.RFC3339)
		text = fmt.Appendf(text, `{"Timestamp":%q,"SourceIp":"10.0.0.1","DestinationIp":"10.0.%d.2","DestinationPort":445,"Action":"allowed","DestinationZone":"x","Image":"C:\\a\\b.exe","Computer":"h%d","User":"u","CommandLine":"x","ParentImage":"C:\\p.exe"}`+"\n", at, i%9, i%3)
	}
	events, err := eval.NewEventReader(l.Classifier(), "events.jsonl", bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range proof.Engines() {
		for _, now := range []time.Time{{}, time.Date(2026, 4, 1, 12, 10, 0, 0, time.UTC)} {
			o := proof.StreamOptions{Options: proof.Options{Now: now}, Text: true}
			list := programs(some, e)
			got := make([][]string, len(list))
			sum, err := proof.Stream(list, bytes.NewReader(text), o, func(f proof.Found) error {
				if f.Text != f.Row.String() {
					t.Errorf("%s is written as %s", f.Row, f.Text)
				}
				got[f.Program] = append(got[f.Program], fmt.Sprintf("%v %s", f.Events, f.Text))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			rows, ran := 0, 0
			for i, p := range list {
				var want []string
				results, err := p.Run(events, o.Options)
				for _, r := range results {
					want = append(want, fmt.Sprintf("%v %s", r.Events, r.Row))
				}
				if (err == nil) != (sum.Errs[i] == nil) {
					t.Errorf("%s: %s: %v, in a stream %v", e, p.Hunt.Path, err, sum.Errs[i])
					continue
				}
				if err == nil {
					ran++
				}
				rows += len(want)
				slices.Sort(want)
				slices.Sort(got[i])
				if !slices.Equal(got[i], want) {
					t.Errorf("%s: %s: got\n%s\nwant\n%s", e, p.Hunt.Path, strings.Join(got[i], "\n"), strings.Join(want, "\n"))
				}
			}
			t.Logf("%s, now %v: %d of %d programs, %d rows", e, now, ran, len(list), rows)
		}
	}
}

// TestStreamMemory: what a stream holds does not grow with the number of its
// events.
func TestStreamMemory(t *testing.T) {
	l := lab(t)
	list := programs(build(t, l, map[string]string{"a.yml": shellOfOffice}), proof.IR)
	line := []byte(`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\Windows\\cmd.exe","CommandLine":"cmd /c whoami ` + strings.Repeat("x", 900) + `","ParentImage":"C:\\winword.exe"}` + "\n")
	held := func(n int) uint64 {
		var most uint64
		seen := 0
		sum, err := proof.Stream(list, &repeated{lines: [][]byte{line}, n: n}, proof.StreamOptions{}, func(proof.Found) error {
			if seen++; seen%(n/5) == 0 {
				var mem runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&mem)
				most = max(most, mem.HeapAlloc)
			}
			return nil
		})
		if err != nil || sum.Events != n || seen != n {
			t.Fatal(err, sum, seen)
		}
		return most
	}
	few, many := held(5_000), held(50_000)
	t.Logf("%d bytes held with 5,000 events, %d with 50,000", few, many)
	if many > few+20<<20 {
		t.Error("that is more than 20 MiB more")
	}
}

// TestStreamColumns: of events that are needed together, a stream holds what the
// hunt reads of them.
func TestStreamColumns(t *testing.T) {
	l := lab(t)
	const n = 20_000
	line := []byte(`{"logsource":{"category":"network_connection"},"Timestamp":"2026-01-02T03:00:00Z","SourceIp":"10.0.0.1","DestinationIp":"10.0.0.2","DestinationPort":445,"Note":"` + strings.Repeat("x", 900) + `"}` + "\n")
	other := bytes.Replace(line, []byte("10.0.0.2"), []byte("10.0.0.3"), 1)
	for _, e := range proof.Engines() {
		list := programs(build(t, l, map[string]string{"a.yml": manyTargets}), e)
		var before, held runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		rows := 0
		if _, err := proof.Stream(list, &repeated{lines: [][]byte{line, other}, n: n}, proof.StreamOptions{}, func(proof.Found) error {
			rows++
			runtime.GC()
			runtime.ReadMemStats(&held)
			return nil
		}); err != nil || rows != 1 {
			t.Fatal(err, rows)
		}
		each := (int64(held.HeapAlloc) - int64(before.HeapAlloc)) / n
		t.Logf("%s: %d bytes an event", e, each)
		if each > 500 {
			t.Errorf("%s holds %d bytes of an event", e, each)
		}
	}
}
