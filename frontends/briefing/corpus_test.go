package briefing

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
)

type file struct {
	path string
	src  []byte
}

// corpus reads all briefings that there are, sorted by path, without the index
// and the page of templates.
func corpus(t testing.TB) []file {
	root := sharedtest.Path(t, "corpus", "briefings")
	var files []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" || filepath.Dir(path) == root {
			return err
		}
		src, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		files = append(files, file{rel, src})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The figures of the survey of all 829 briefings, recounted on the 641 that
// are here, about four fifths. Behind each is the survey's figure for all.
func TestCorpusFigures(t *testing.T) {
	n := map[string]int{}
	unique := map[string]map[string]bool{}
	note := func(set, text string) {
		if unique[set] == nil {
			unique[set] = map[string]bool{}
		}
		unique[set][strings.Join(strings.Fields(text), " ")] = true
	}
	for _, f := range corpus(t) {
		doc, list := Parse(f.path, f.src)
		if list.HasErrors() {
			t.Errorf("%s: %s", f.path, list[0].Message)
			continue
		}
		holds(t, doc, f.src)
		count(n, note, doc, list)
		if must, may := blocksOf(f.src); may > 0 && !slices.Contains([]Form{FormAdvisory, FormStandard}, doc.Form) || blocksIn(doc) != must {
			t.Errorf("%s: %d blocks of queries, %d in the hunts", f.path, must, blocksIn(doc))
		}
		if want := strings.Count(string(f.src), "\n`UC_"); want != doc.Count(HeadingHunt) {
			t.Errorf("%s: %d lines with a UC id, %d headings of hunts", f.path, want, doc.Count(HeadingHunt))
		}
	}
	for set, texts := range unique {
		n["unique "+set] = len(texts)
	}
	want := []struct {
		name     string
		here     int
		surveyed string
	}{
		{"briefings", 641, "829"},
		{"form kev", 357, "465"},
		{"form standard", 221, "279"},
		{"form advisory", 26, "29"},
		{"form curated", 35, "50"},
		{"form hybrid", 2, "6"},
		{"marked curated", 37, "57"},
		{"with an inline hunt", 268, "348"},
		{"severity CRIT", 513, "656"},
		{"severity HIGH", 103, "140"},
		{"severity MED", 23, "31"},
		{"severity LOW", 2, "2"},
		{"two sources", 3, "5"},
		{"hunts", 1532, "1992"},
		{"hunts UC", 1361, "1752"},
		{"hunts curated", 171, "240"},
		{"both languages", 1355, "1750"},
		{"both languages UC", 1318, "1690"},
		{"guessed pairs", 37, "60"},
		{"SPL only", 108, "150"},
		{"KQL only", 69, "92"},
		{"SPL only UC", 38, "57"},
		{"KQL only UC", 5, "5"},
		{"SPL blocks", 1463, "1900"},
		{"KQL blocks", 1424, "1842"},
		{"unique SPL", 657, "842"},
		{"unique KQL", 628, "796: of blocks, as here"},
		{"unique pairs", 560, "705"},
		{"unique UC ids", 555, "694"},
		{"KQL blocks of two queries", 102, "125 unique"},
		{"KQL blocks of three queries", 2, "2 unique"},
		{"origin catalogue", 825, "1077"},
		{"origin llm", 413, "525"},
		{"origin article", 123, "150"},
		{"phase exploit", 479, "620"},
		{"phase actions", 305, "390"},
		{"phase install", 215, "284"},
		{"phase delivery", 176, "231"},
		{"phase c2", 154, "187"},
		{"phase recon", 28, "35"},
		{"phase weapon", 4, "5"},
		{"confidence High", 1028, "1330"},
		{"confidence Medium", 333, "422"},
		{"template asset-exposure", 465, "594"},
		{"template network-ioc", 59, "78"},
		{"template hash-ioc", 42, "57"},
		// The survey counted the bullets of the automatic lists: 246 CVE
		// besides the catalogue's 465, 208 domains, 94 IPv4, 165 SHA256, 28
		// SHA1, 58 MD5. Curated lists are in here too.
		{"ioc cve", 583, "711"},
		{"ioc domain", 179, "208"},
		{"ioc ipv4", 91, "94"},
		{"ioc sha256", 113, "165"},
		{"ioc sha1", 21, "28"},
		{"ioc md5", 23, "58"},
		{"excluded author", 2, ""},
		{"excluded mention", 5, ""},
		{"excluded file name", 2, ""},
		{"excluded suffix", 3, ""},
		{"techniques", 3140, ""},
		{"HC0706", 4, "4 open fences"},
		{"HC0707", 42, "8 H1 and 39 H2"},
		{"HC0724", 104, "127 unique"},
		{"HC0721", 0, ""},
		{"HC0722", 0, ""},
		{"HC0726", 0, ""},
		{"unlisted headings", 0, "0"},
	}
	var got, expected []string
	for _, w := range want {
		expected = append(expected, fmt.Sprintf("%s: %d", w.name, w.here))
		got = append(got, fmt.Sprintf("%s: %d", w.name, n[w.name]))
	}
	if d := cmp.Diff(expected, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func count(n map[string]int, note func(set, text string), doc *Document, list diag.List) {
	n["briefings"]++
	n["form "+string(doc.Form)]++
	n["severity "+doc.Severity]++
	n["unlisted headings"] += len(doc.Unlisted())
	n["techniques"] += len(doc.Techniques)
	if doc.Marked {
		n["marked curated"]++
	}
	if len(doc.Sources) == 2 {
		n["two sources"]++
	}
	if len(doc.Hunts) > 0 {
		n["with an inline hunt"]++
	}
	for _, h := range doc.Hunts {
		kind := " UC"
		if h.ID == "" {
			kind = " curated"
		} else {
			note("UC ids", h.ID)
			n["phase "+h.Phase]++
			n["confidence "+h.Confidence]++
		}
		which := "both languages"
		switch {
		case len(h.KQL) == 0:
			which = "SPL only"
		case len(h.SPL) == 0:
			which = "KQL only"
		}
		n["hunts"]++
		n["hunts"+kind]++
		n[which]++
		n[which+kind]++
		n["origin "+string(h.Origin)]++
		if h.Pairing.Guessed() {
			n["guessed pairs"]++
		}
		spl, kql := blocks(h.SPL), blocks(h.KQL)
		n["SPL blocks"] += len(spl)
		n["KQL blocks"] += len(kql)
		for _, text := range spl {
			note("SPL", text)
		}
		for _, text := range kql {
			note("KQL", text)
			if len(spl) > 0 {
				note("pairs", spl[0]+"\n"+text)
			}
		}
		for i, q := range h.KQL {
			if last := i+1 == len(h.KQL) || h.KQL[i+1].Part == 0; last && q.Part > 0 {
				n["KQL blocks of "+[]string{"", "two", "three"}[q.Part]+" queries"]++
			}
		}
	}
	for _, r := range doc.Templates {
		n["template "+r.Anchor]++
	}
	for _, i := range doc.IOCs {
		n["ioc "+string(i.Kind)]++
	}
	for _, i := range doc.Excluded {
		n["excluded "+string(i.Reason)]++
	}
	for _, d := range list {
		n[string(d.Code)]++
	}
}

// blocks joins the queries of each block again.
func blocks(qs []Query) []string {
	var out []string
	for _, q := range qs {
		if q.Part > 0 {
			out[len(out)-1] += "\n\n" + q.Text
			continue
		}
		out = append(out, q.Text)
	}
	return out
}

// Pages beside the briefings are none.
func TestCorpusOtherPages(t *testing.T) {
	for _, name := range []string{"_TEMPLATES.md", "INDEX.md"} {
		src, err := os.ReadFile(sharedtest.Path(t, "corpus", "briefings", name))
		if err != nil {
			t.Fatal(err)
		}
		doc, list := Parse(name, src)
		equal(t, wanted(list)[0], "1:1 error HC0701")
		equal(t, len(doc.Unlisted()), 0)
	}
}

func BenchmarkCorpus(b *testing.B) {
	files := corpus(b)
	size := 0
	for _, f := range files {
		size += len(f.src)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, f := range files {
			Parse(f.path, f.src)
		}
	}
}

// What an attacker would send: as much as is allowed of what costs most.
func BenchmarkHostile(b *testing.B) {
	var halves strings.Builder
	for i := range MaxHeadings {
		kind := "## Splunk SPL — "
		if i%2 == 1 {
			kind = "## Defender KQL — "
		}
		halves.WriteString(kind + strings.Repeat("a b c d e f g ", 60) + "\n")
	}
	for _, c := range []struct{ name, text string }{
		{"halves", halves.String()},
		{"values", head + "## Indicators of Compromise\n" + strings.Repeat("- **SHA1:** `"+strings.Repeat("a", 40)+"`\n", 18000)},
		{"nesting", head + "## Indicators of Compromise\n" + strings.Repeat(strings.Repeat(" ", 500)+"- a\n- b\n", 2000)},
		{"backticks", head + "## Indicators of Compromise\n- " + strings.Repeat("`a", 500000)},
		{"headings", head + "## Recommended hunts\n" + strings.Repeat("```\n### a\n\n\n", 999)},
		{"line", head + "## Threat Profile\n" + strings.Repeat("a", 1000000)},
		{"runes", head + "## Indicators of Compromise\n- **Domain:** " + strings.Repeat("`é.a`", 150000)},
		{"hexes", head + "## Indicators of Compromise\n- **SHA1:** `" + strings.Repeat("a", 40) + "`\n" + strings.Repeat("@"+strings.Repeat("a", 40)+" ", 24000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			if len(c.text) > MaxSize {
				b.Fatalf("%d bytes", len(c.text))
			}
			for b.Loop() {
				Parse("b.md", []byte(c.text))
			}
		})
	}
}

// The briefing that the project began with.
func TestSeed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "seeds"), "*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("seeds: %v, %v", files, err)
	}
	src, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	doc, list := Parse("seed.md", src)
	holds(t, doc, src)
	var got []string
	for _, h := range doc.Hunts {
		got = append(got, fmt.Sprintf("%s %s %s %s %d/%d", h.ID, h.Phase, h.Confidence, h.Origin, len(h.SPL), len(h.KQL)))
	}
	equal(t, got, []string{"UC_BEACONING c2 Medium catalogue 1/1", "UC_SUPPLY_CHAIN exploit Medium catalogue 1/1", "UC_1825_3 exploit High article 1/2"})
	equal(t, values(doc.IOCs), []string{"cve CVE-2022-23812"})
	equal(t, values(doc.Templates[0].CVEs), []string{"cve CVE-2022-23812"})
	equal(t, len(doc.Techniques), 5)
	equal(t, len(list), 1) // the third hunt's KQL is two queries
}
