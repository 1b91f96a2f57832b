package compiler_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/article"
	"github.com/huntc/huntc/frontends/briefing"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
)

// drafts imports an article and checks what holds for every one.
func drafts(t *testing.T, l *compiler.Lifter, src []byte) *compiler.Imported {
	t.Helper()
	in := l.Import("a/b.md", src, map[string]bool{})
	again := l.Import("other/b.md", src, map[string]bool{})
	if in.Draft == nil {
		return in
	}
	if len(in.Hunts)+len(in.Templates) > 0 || len(in.Drafts) != len(again.Drafts) {
		t.Fatalf("%d hunts, %d templates, %d and %d drafts", len(in.Hunts), len(in.Templates), len(in.Drafts), len(again.Drafts))
	}
	for _, d := range in.Diagnostics {
		if d.Severity == diag.Error && d.Code != article.CodeNothing && !strings.HasPrefix(string(d.Code), "HC073") {
			t.Errorf("%s %s", d.Code, d.Message)
		}
	}
	looked := map[string]bool{}
	for i, h := range in.Drafts {
		if !bytes.Equal(h.Document, again.Drafts[i].Document) {
			t.Errorf("%s hangs on the folder of the article", h.File)
		}
		for _, r := range string(h.Document) {
			if r != '\n' && (!unicode.IsPrint(r) && r != ' ') {
				t.Errorf("%s holds %U", h.File, r)
			}
		}
		// No text of the article is a key.
		var doc map[string]any
		if err := yaml.Unmarshal(h.Document, &doc); err != nil {
			t.Fatalf("%s: %v", h.File, err)
		}
		only(t, h.File, doc, "title", "id", "taxonomy", "status", "description", "references", "tags", "logsource", "detection", "hunt", "level")
		only(t, h.File, doc["hunt"], "targets", "template", "phase", "confidence", "article", "iocs")
		f, diags := sigma.Load(h.File, h.Document, nil)
		if diags.HasErrors() || len(f.Hunts) != 1 || f.Hunts[0].Meta.Status != "experimental" {
			t.Fatalf("%s: %v\n%s", h.File, diags, h.Document)
		}
		for _, list := range f.Hunts[0].Meta.IOCs {
			for _, v := range list.Values {
				looked[v] = true
			}
		}
		ir.WalkQuery(f.Hunts[0].Query, func(q ir.Query) {
			f, ok := q.(*ir.Filter)
			if !ok {
				return
			}
			ir.WalkExpr(f.Pred, func(x ir.Expr) bool {
				switch x := x.(type) {
				case *ir.Match:
					for _, p := range x.Any {
						looked[patternOf(p)] = true
					}
				case *ir.Compare:
					looked[ir.FormatExpr(x.R)] = true
				}
				return true
			})
		})
	}
	// Each value is looked for as it is, or a finding names it.
	said := map[int]bool{}
	for _, d := range in.Diagnostics {
		said[d.Pos.Offset] = true
	}
	for _, i := range slices.Concat(in.Draft.CVEs, in.Draft.Indicators) {
		_, rest, ok := strings.Cut(i.Value, "://")
		if !ok {
			rest = i.Value
		}
		if !looked[rest] && !said[i.Pos.Offset] {
			t.Errorf("%s %s is not looked for, and nothing says so", i.Kind, i.Value)
		}
	}
	for _, m := range in.Draft.Mechanics {
		for _, v := range m.Selection.Values {
			text := sigmaLiteral(m.Selection, v)
			if m.Doubt == "" && !looked[text] && !looked[strings.ToLower(text)] && !anyFold(looked, text) {
				t.Errorf("%s %q is not looked for as %q", m.Kind, m.Value, text)
			}
		}
	}
	return in
}

func anyFold(set map[string]bool, text string) bool {
	for s := range set {
		if strings.EqualFold(s, text) {
			return true
		}
	}
	return false
}

// patternOf is a pattern as text, with a private sign for any characters.
func patternOf(p ir.Pattern) string {
	var b strings.Builder
	for i, part := range p.Parts {
		switch {
		case part.Wild == ir.Many && (i == 0 || i == len(p.Parts)-1): // of the modifier
		case part.Wild == ir.Many:
			b.WriteRune('\ue000')
		case part.Wild == ir.One:
			b.WriteRune('\ue001')
		default:
			b.WriteString(part.Text)
		}
	}
	return b.String()
}

// sigmaLiteral is what patternOf gives for a value of an article's selection.
func sigmaLiteral(s article.Selection, v string) string {
	if s.Field == "DestinationPort" {
		return v
	}
	if s.Wildcards {
		v = strings.Trim(v, "*")
		for strings.Contains(v, "**") {
			v = strings.ReplaceAll(v, "**", "*")
		}
		v = strings.ReplaceAll(v, "*", "\ue000")
	}
	return v
}

func only(t *testing.T, name string, v any, keys ...string) {
	t.Helper()
	m, _ := v.(map[string]any)
	for k := range m {
		if !slices.Contains(keys, k) {
			t.Errorf("%s has the key %q", name, k)
		}
	}
}

const stealer = `# Otters steal

**Source:** Otter Labs
**Published:** 2026-03-09
**Article:** https://blog.otter-labs.net/a

The loader uses CVE-2026-12345 and calls otter-cdn[.]net, 45.77.1[.]9 and hxxps://otter-two[.]net/x?y=*.
It runs ` + "`powershell -enc \"' | delete | ` + \"`\" # x: y\"`" + ` and ` + "`schtasks /create /tn 'a: b # c' /tr %APPDATA%\\o.exe`" + `.
w3wp.exe spawned cmd.exe (T1059.003) \u0000 \u2028.

` + "```\nreg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v \"x: [y]\" /d 1\n- key: &a *b !!c {d} %e% @f\n```" + `

It opens \\.\pipe\{otter} and the user agent 'Otter: {1}'. It writes C:\ProgramData\<x>\a b.dll and /etc/otter/#x.

## Indicators of compromise

- 9f2c1e7d5b3a4f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5e6f7

## Legitimate domains (DO NOT block)

- good-otter[.]net
`

func TestImportArticle(t *testing.T) {
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := drafts(t, l, []byte(stealer))
	var files []string
	for _, h := range in.Drafts {
		files = append(files, h.File)
		if bytes.Contains(h.Document, []byte("- good-otter")) {
			t.Errorf("%s looks for what must not be blocked", h.File)
		}
	}
	want := "b/network_indicators.yml b/file_hashes.yml b/exposed_devices.yml b/processes.yml b/files.yml b/registry.yml b/scheduled_tasks.yml b/named_pipes.yml b/web_requests.yml"
	if got := strings.Join(files, " "); got != want {
		t.Errorf("files %s", got)
	}
}

// What briefings quote of articles makes documents that can be read.
func TestImportArticles(t *testing.T) {
	root := sharedtest.Path(t, "corpus", "briefings")
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	articles, documents, none := 0, 0, 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") || strings.HasPrefix(d.Name(), "_") || d.Name() == "INDEX.md" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, _ := briefing.Parse(path, raw)
		var b strings.Builder
		fmt.Fprintf(&b, "# %s\n\n**Article:** %s\n\n", doc.Title, doc.Article)
		for _, s := range doc.Sections {
			switch s.Kind {
			case briefing.SectionProfile, briefing.SectionSource, briefing.SectionWhy:
				b.WriteString(s.Body + "\n\n")
			}
		}
		in := drafts(t, l, []byte(b.String()))
		if in.Draft == nil {
			t.Errorf("%s: its prose is no briefing", path)
		}
		articles++
		documents += len(in.Drafts)
		if len(in.Drafts) == 0 {
			none++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d articles, %d drafts; %d articles have none", articles, documents, none)
}

func FuzzImportArticle(f *testing.F) {
	l, err := compiler.NewLifter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(stealer))
	f.Add([]byte("<p>It runs <code>cmd /c \"a&#10;b\"</code> and calls evil&#8238;-otter[.]net.</p><p></p>"))
	for _, s := range []string{"\u0085", "\u2028hunt:", "\ufffe", "\x1b[31m", "' #", "\" :", "%ips%", "\\*", "?", "*", "{}", "[]", "~", "null", "0x1", "---", "...", "!!x", "&a", "|", ">", "\ud7ff", "\U000e0001"} {
		f.Add([]byte("# " + s + "\n\nIt runs `curl -s " + s + " -o /tmp/.o/" + s + "` and drops C:\\ProgramData\\" + s + "\\o.dll. It has the task \"" + s + "\" and sends POST /a/" + s + " as user agent '" + s + "x'.\n"))
	}
	f.Fuzz(func(t *testing.T, src []byte) { drafts(t, l, src) })
}
