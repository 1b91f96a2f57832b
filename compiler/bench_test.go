//go:build unix

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

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/internal/sharedtest"
)

// counted are the folders of the corpus that the figures are about.
var counted = []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"}

func corpus(t testing.TB) []string {
	var paths []string
	for _, dir := range counted {
		paths = append(paths, sharedtest.Path(t, "corpus", "sigma", dir))
	}
	return paths
}

func ruleFiles(t testing.TB, paths []string) []string {
	t.Helper()
	var files []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".yml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// BenchmarkYAMLDecodeOnly is the yardstick: the corpus read and decoded into
// yaml.v3 nodes, on as many cores as a build uses, and nothing else.
func BenchmarkYAMLDecodeOnly(b *testing.B) {
	files := ruleFiles(b, corpus(b))
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

func build(b *testing.B, opts compiler.Options) *compiler.Result {
	b.Helper()
	res, err := compiler.Run(opts)
	if err != nil {
		b.Fatal(err)
	}
	return res
}

// BenchmarkColdBuild compiles the corpus to both targets and keeps nothing.
func BenchmarkColdBuild(b *testing.B) {
	paths := corpus(b)
	for b.Loop() {
		build(b, compiler.Options{Paths: paths})
	}
}

// BenchmarkWarmBuild builds the corpus again with nothing changed.
func BenchmarkWarmBuild(b *testing.B) {
	opts := compiler.Options{Paths: corpus(b), CacheDir: b.TempDir()}
	build(b, opts)
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
	for _, bm := range []struct {
		name string
		args []string
	}{
		{"version", []string{"version"}},
		{"one rule", []string{"build", "--no-cache", one}},
		{"corpus cold", append([]string{"build", "--no-cache"}, paths...)},
		{"corpus cold, files written", append([]string{"build", "--no-cache", "--out", filepath.Join(b.TempDir(), "out")}, paths...)},
		{"corpus warm", append([]string{"build"}, paths...)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.Setenv("HUNTC_CACHE", filepath.Join(filepath.Dir(exe), "cache"))
			peak := int64(0)
			once := func() {
				cmd := exec.Command(exe, bm.args...)
				if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
					b.Fatal(err)
				}
				peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			}
			once() // fills the cache of the warm one
			for b.Loop() {
				once()
			}
			b.ReportMetric(float64(peak)/1024, "peak-MB")
		})
	}
}
