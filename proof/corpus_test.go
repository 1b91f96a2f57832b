package proof_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/internal/sharedtest"
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

// repeated gives the lines of a text again and again, so many in all.
type repeated struct {
	lines [][]byte
	n     int
	rest  []byte
	at    int
}

func (r *repeated) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(r.rest) == 0 {
			if r.n == 0 {
				break
			}
			r.rest = r.lines[r.at%len(r.lines)]
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

// BenchmarkRun is all rules of the corpus over 1,000,000 events made of the
// recorded ones, read as JSON lines. Peak is what the heap grew to.
func BenchmarkRun(b *testing.B) {
	_, hunts := corpus(b)
	list := programs(hunts, proof.IR)
	lines := bytes.SplitAfter(bytes.TrimSpace(corpusText(b)), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	for _, any := range []bool{false, true} {
		b.Run(map[bool]string{false: "logsource", true: "any-logsource"}[any], func(b *testing.B) {
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
				sum, err := proof.Stream(list, &repeated{lines: lines, n: n}, proof.StreamOptions{Options: proof.Options{AnyLogsource: any}}, func(proof.Found) error {
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
