//go:build linux

package compiler_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/compiler"
)

// BenchmarkYAMLDecodeOnly is the yardstick: the corpus read and decoded into
// yaml.v3 nodes, on as many cores as a build uses, and nothing else.
func BenchmarkYAMLDecodeOnly(b *testing.B) {
	files := ruleFiles(b, corpus(b))
	defer cpu(b)()
	for b.Loop() {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(files) {
						return
					}
					raw, err := os.ReadFile(files[i])
					if err != nil {
						b.Error(err)
						return
					}
					var doc yaml.Node
					if err := yaml.Unmarshal(raw, &doc); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// cpu reports the processor time of an operation: on a machine that others
// use as well it says more than the time on the clock.
func cpu(b *testing.B) (stop func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/1e6/float64(b.N), "cpu-ms/op") }
}

// BenchmarkColdBuild compiles the corpus to both targets and keeps nothing.
func BenchmarkColdBuild(b *testing.B) {
	paths := corpus(b)
	defer cpu(b)()
	for b.Loop() {
		build(b, compiler.Options{Paths: paths})
	}
}

// BenchmarkWarmBuild builds the corpus again with nothing changed.
func BenchmarkWarmBuild(b *testing.B) {
	opts := compiler.Options{Paths: corpus(b), CacheDir: b.TempDir()}
	build(b, opts)
	defer cpu(b)()
	for b.Loop() {
		if res := build(b, opts); res.Reused != len(res.Files) {
			b.Fatalf("%d of %d files reused", res.Reused, len(res.Files))
		}
	}
}

// BenchmarkOneChanged builds the corpus again with one rule changed.
func BenchmarkOneChanged(b *testing.B) {
	dir := b.TempDir()
	copies(b, dir, 1)
	opts := compiler.Options{Paths: []string{dir}, CacheDir: b.TempDir()}
	build(b, opts)
	file := ruleFiles(b, []string{dir})[0]
	raw, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	defer cpu(b)()
	for b.Loop() {
		n++
		if err := os.WriteFile(file, fmt.Appendf(nil, "%s\n# %d\n", raw, n), 0o644); err != nil {
			b.Fatal(err)
		}
		build(b, opts)
	}
}

var idLine = regexp.MustCompile(`(?m)^id: ([0-9a-f]{8})`)

// copies writes n copies of the corpus, each rule with an id of its own.
func copies(b *testing.B, dir string, n int) {
	b.Helper()
	for i, file := range ruleFiles(b, corpus(b)) {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for c := range n {
			text := idLine.ReplaceAll(raw, fmt.Appendf(nil, "id: %08x", i*64+c))
			name := filepath.Join(dir, fmt.Sprint(c), fmt.Sprint(i%100), fmt.Sprintf("%d.yml", i))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkScale shows that the cost of a cold build grows with the number of
// rules, and no faster: compare the µs/rule.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{1, 4, 16, 32} {
		b.Run(fmt.Sprintf("%dx", n), func(b *testing.B) {
			if testing.Short() && n > 4 {
				b.Skip("SKIPPED: -short")
			}
			dir := b.TempDir()
			copies(b, dir, n)
			files := 0
			b.ResetTimer()
			defer cpu(b)()
			for b.Loop() {
				files = len(build(b, compiler.Options{Paths: []string{dir}}).Files)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(files), "µs/rule")
		})
	}
}

// BenchmarkProcess runs the program itself: start, work, exit.
func BenchmarkProcess(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "huntc")
	if out, err := exec.Command("go", "build", "-o", exe, "../cmd/huntc").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	paths := corpus(b)
	one := filepath.Join(paths[0], "windows", "process_creation", "proc_creation_win_whoami_output.yml")
	if _, err := os.Stat(one); err != nil {
		one = ruleFiles(b, paths)[0]
	}
	outputs := b.TempDir()
	for _, bm := range []struct {
		name string
		args []string
	}{
		{"version", []string{"version"}},
		{"one rule", []string{"build", "--no-cache", one}},
		{"corpus cold", append([]string{"build", "--no-cache"}, paths...)},
		{"corpus cold, all outputs", append([]string{"build", "--no-cache", "--out", filepath.Join(outputs, "out"), "--update", "--golden", filepath.Join(outputs, "golden"), "--report", filepath.Join(outputs, "report.json")}, paths...)},
		{"corpus warm, checked", append([]string{"build", "--check", "--golden", filepath.Join(outputs, "golden")}, paths...)},
		{"corpus warm", append([]string{"build"}, paths...)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.Setenv("HUNTC_CACHE", filepath.Join(filepath.Dir(exe), "cache"))
			var peak int
			var used time.Duration
			once := func() {
				cmd := exec.Command(exe, bm.args...)
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				done := make(chan error, 1)
				go func() { done <- cmd.Wait() }()
				for waiting := true; waiting; {
					select {
					case err := <-done:
						if err != nil && cmd.ProcessState.ExitCode() != 1 {
							b.Fatal(err)
						}
						waiting = false
					case <-time.After(2 * time.Millisecond):
						peak = max(peak, highWater(cmd.Process.Pid))
					}
				}
				used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			once() // fills the cache of the warm one
			peak, used = 0, 0
			for b.Loop() {
				once()
			}
			b.ReportMetric(float64(used.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(peak)/1024, "peak-MB")
		})
	}
}

// highWater is the peak of a running process's resident memory in kB. What
// wait4 reports would count the memory of this test, which forked it.
func highWater(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // gone by now
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	kb := 0
	_, _ = fmt.Sscan(rest, &kb) // 0 while the process starts
	return kb
}
