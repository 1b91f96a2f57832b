package proof_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/proof"
)

// corpus are the rules of SigmaHQ, compiled.
func corpus(t testing.TB) (*proof.Lab, []*proof.Hunt) {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "sigma")
	var paths []string
	for _, folder := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"} {
		paths = append(paths, filepath.Join(root, folder))
	}
	l := lab(t)
	hunts, _, err := l.Build(compiler.Options{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return l, hunts
}

func corpusText(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile(sharedtest.Path(t, "corpus", "sigma", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func programs(hunts []*proof.Hunt, e proof.Engine) []*proof.Program {
	var out []*proof.Program
	for _, h := range hunts {
		out = append(out, h.Program(e))
	}
	return out
}

// varied are events made of others: the values of a field are those of another
// event, in another case, cut, joined or gone.
func varied(r *rand.Rand, in []map[string]any) map[string]any {
	out := maps.Clone(in[r.IntN(len(in))])
	other := in[r.IntN(len(in))]
	for _, name := range slices.Sorted(maps.Keys(out)) {
		switch r.IntN(8) {
		case 0:
			delete(out, name)
		case 1, 2:
			if v, ok := other[name]; ok {
				out[name] = v
			}
		case 3:
			if s, ok := out[name].(string); ok {
				out[name] = strings.ToUpper(s)
			}
		case 4:
			if s, ok := out[name].(string); ok && s != "" {
				out[name] = s[:len(s)/2]
			}
		case 5:
			if s, ok := out[name].(string); ok {
				out[name] = []any{s, other[name], "é" + s}
			}
		case 6:
			if n, ok := out[name].(float64); ok {
				out[name] = fmt.Sprint(n)
			}
		}
	}
	return out
}

// TestStream: the index finds for every rule of the corpus what evaluating the rule
// on every event finds, on the recorded events and on variations of these; on the
// recorded ones it is what an independent evaluator finds.
func TestStream(t *testing.T) {
	l, hunts := corpus(t)
	text := bytes.TrimSpace(corpusText(t))
	var recorded []map[string]any
	for line := range bytes.Lines(text) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, e)
	}
	all := bytes.NewBuffer(append(text, '\n'))
	r := rand.New(rand.NewPCG(1, 9))
	for range 600 {
		line, err := json.Marshal(varied(r, recorded))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(append(line, '\n'))
	}
	events, err := eval.NewEventReader(l.Classifier(), "events.jsonl", bytes.NewReader(all.Bytes())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		events[i].Row = events[i].Row.Prepare()
	}
	for _, any := range []bool{true, false} {
		got := make([][]int, len(hunts))
		o := proof.StreamOptions{Options: proof.Options{AnyLogsource: any}}
		sum, err := proof.Stream(programs(hunts, proof.IR), bytes.NewReader(all.Bytes()), o, func(f proof.Found) error {
			got[f.Program] = append(got[f.Program], f.Events...)
			return nil
		})
		if err != nil || len(sum.Bad) > 0 || sum.Events != len(events) {
			t.Fatal(err, sum.Bad, sum.Events)
		}
		var matrix struct{ Matches map[string][]int }
		raw, err := os.ReadFile(sharedtest.Path(t, "corpus", "sigma", "matrix.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &matrix); err != nil {
			t.Fatal(err)
		}
		pairs, hits, rules := 0, 0, 0
		for i, h := range hunts {
			if h.Logical == nil {
				continue
			}
			f, ok := h.Logical.Query.(*ir.Filter)
			if !ok {
				continue
			}
			rules++
			pred, err := eval.CompilePred(f.Pred)
			if err != nil {
				t.Errorf("%s: %v", h.Path, err)
				continue
			}
			scan := ir.Scans(f)[0]
			var want, ofRecorded []int
			for _, e := range events {
				pairs++
				if (any || e.Class.Sees(scan.Source)) && pred(e.As(scan.Source)) {
					want = append(want, e.N)
					if e.N < len(recorded) {
						ofRecorded = append(ofRecorded, e.N)
					}
				}
			}
			hits += len(want)
			if !slices.Equal(got[i], want) {
				t.Errorf("%s: any logsource %v: got %v, want %v", h.Path, any, got[i], want)
			}
			_, path, _ := strings.Cut(h.Path, "corpus/sigma/")
			if any && !slices.Equal(ofRecorded, matrix.Matches[path]) {
				t.Errorf("%s: got %v, the matrix has %v", path, ofRecorded, matrix.Matches[path])
			}
		}
		t.Logf("any logsource %v: %d rules, %d pairs, %d true, %d evaluated", any, rules, pairs, hits, sum.Evaluated)
	}
}

// repeated gives the lines of a text again and again, so many in all; if they are
// to vary, each with another command line.
type repeated struct {
	lines [][]byte
	vary  bool
	n     int
	rest  []byte
	at    int
	buf   []byte
}

func (r *repeated) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(r.rest) == 0 {
			if r.n == 0 {
				break
			}
			r.rest = r.lines[r.at%len(r.lines)]
			if before, after, ok := bytes.Cut(r.rest, commandLine); ok && r.vary {
				r.buf = append(append(r.buf[:0], before...), commandLine...)
				r.buf = append(strconv.AppendInt(r.buf, int64(r.at), 10), ' ')
				r.buf = append(r.buf, after...)
				r.rest = r.buf
			}
			r.at++
			r.n--
		}
		c := copy(b[n:], r.rest)
		r.rest = r.rest[c:]
		n += c
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

var commandLine = []byte(`"CommandLine": "`)

// BenchmarkRun is all rules of the corpus over 1,000,000 events made of the
// recorded ones, read as JSON lines: as they are, each with a command line of its
// own, and seen by all rules. Peak is what the heap grew to.
func BenchmarkRun(b *testing.B) {
	_, hunts := corpus(b)
	list := programs(hunts, proof.IR)
	lines := bytes.SplitAfter(bytes.TrimSpace(corpusText(b)), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	for _, c := range []struct {
		name      string
		vary, any bool
	}{{"repeated", false, false}, {"varied", true, false}, {"any-logsource", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			const n = 1_000_000
			found := 0
			cpu := cpuTime()
			for b.Loop() {
				var mem runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&mem)
				before := mem.HeapAlloc
				peak := before
				seen := 0
				sum, err := proof.Stream(list, &repeated{lines: lines, vary: c.vary, n: n}, proof.StreamOptions{Options: proof.Options{AnyLogsource: c.any}}, func(proof.Found) error {
					found++
					if seen++; seen%100_000 == 0 {
						runtime.ReadMemStats(&mem)
						peak = max(peak, mem.HeapAlloc)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				if sum.Events != n {
					b.Fatal(sum.Events)
				}
				b.ReportMetric(float64(peak-before)/(1<<20), "MiB-peak")
				b.ReportMetric(float64(sum.Evaluated)/n, "evaluated/event")
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N)/n, "cpu-µs/event")
			b.ReportMetric(float64(found)/float64(b.N)/n, "found/event")
		})
	}
}

// cpuTime is what the process has used of the processors, which on a shared machine
// says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
