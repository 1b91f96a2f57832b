package article

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/frontends/briefing"
	"github.com/huntc/huntc/internal/ioc"
	"github.com/huntc/huntc/internal/sharedtest"
)

type narrative struct {
	path string
	doc  *briefing.Document
	text string
}

// narratives are the parts of the briefings that quote an article.
func narratives(t testing.TB) []narrative {
	root := sharedtest.Path(t, "corpus", "briefings")
	var out []narrative
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" || filepath.Dir(path) == root {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, _ := briefing.Parse(path, src)
		var b strings.Builder
		fmt.Fprintf(&b, "# %s\n\n**Article:** %s\n\n", doc.Title, doc.Article)
		for _, s := range doc.Sections {
			switch s.Kind {
			case briefing.SectionProfile, briefing.SectionSource, briefing.SectionWhy:
				b.WriteString(s.Body + "\n\n")
			}
		}
		rel, _ := filepath.Rel(root, path)
		out = append(out, narrative{rel, doc, b.String()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Figures of the narrative parts of all briefings that there are, and of the
// lint on the indicators that the briefings list themselves.
func TestCorpusFigures(t *testing.T) {
	n := map[string]int{}
	for _, a := range narratives(t) {
		d, list := Parse(a.path, []byte(a.text))
		holds(t, d, list, []byte(a.text))
		if list.HasErrors() {
			t.Errorf("%s: %s", a.path, list[0].Message)
		}
		n["articles"]++
		n["articles "+string(d.Format)]++
		n["techniques"] += len(d.Techniques)
		n["cves"] += len(d.CVEs)
		for _, i := range d.Indicators {
			n["used "+string(i.Kind)]++
			if i.Doubt != "" {
				n["used with a doubt"]++
			}
		}
		for _, i := range d.Excluded {
			n["excluded "+string(i.Reason)]++
		}
		for _, m := range d.Mechanics {
			n["mechanic "+string(m.Kind)]++
		}
		for _, m := range d.Unused {
			n["unused "+string(m.Reason)]++
		}
		for _, i := range a.doc.Indicators() {
			if i.Kind == ioc.CVE {
				continue
			}
			n["briefing indicators"]++
			if ex, no := ioc.Lint(i.Kind, i.Raw); no {
				n["briefing indicators excluded"]++
				n["briefing "+string(ex.Reason)]++
				t.Logf("%s: %s %s: %s", a.path, i.Kind, i.Value, ex.Message)
			}
		}
		for _, s := range append(append(shown(d.Indicators), shown(d.Excluded)...), append(traces(d.Mechanics), traces(d.Unused)...)...) {
			t.Log(a.path, s)
		}
	}
	want := []struct {
		name string
		n    int
	}{
		{"articles", 641},
		{"techniques", 5},
		{"cves", 470},
		{"used domain", 8},
		{"used ipv4", 1},
		{"used url", 2},
		{"used sha256", 1},
		{"used email", 0},
		{"used with a doubt", 7},
		{"excluded infrastructure", 650},
		{"excluded version", 4},
		{"excluded reserved", 1},
		{"excluded file name", 3},
		{"excluded code sample", 3},
		{"excluded mention", 2},
		{"excluded author", 0},
		{"excluded malformed", 0},
		{"mechanic command line", 4},
		{"mechanic process", 7},
		{"mechanic file name", 21},
		{"mechanic file path", 3},
		{"mechanic registry key", 0},
		{"mechanic port", 4},
		{"mechanic url path", 12},
		{"unused code sample", 6},
		{"unused interpreter", 1},
		{"briefing indicators", 424},
		{"briefing indicators excluded", 4},
		{"briefing infrastructure", 2},
		{"briefing version", 1},
		{"briefing file name", 1},
	}
	var got, expected []string
	for _, w := range want {
		expected = append(expected, fmt.Sprintf("%s: %d", w.name, w.n))
		got = append(got, fmt.Sprintf("%s: %d", w.name, n[w.name]))
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func BenchmarkCorpus(b *testing.B) {
	all := narratives(b)
	size := 0
	for _, a := range all {
		size += len(a.text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, a := range all {
			Parse(a.path, []byte(a.text))
		}
	}
}
