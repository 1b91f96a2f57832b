package briefing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

const head = `# [HIGH] Otter group ships a loader
**Source:** Some Vendor, Other Vendor
**Published:** 2026-01-05
**Article:** https://vendor.test/otter
`

const splBlock = "```spl\n| tstats count from datamodel=Endpoint.Processes\n```\n"
const kqlBlock = "```kql\nDeviceProcessEvents\n| take 10\n```\n"

// standard is the automatic form; its tail begins behind the techniques.
const standard = head + `
## Threat Profile

Otters.

## Indicators of Compromise (high-fidelity only)

- **CVE:** ` + "`CVE-2026-10001`" + `
- **Domain (defanged):** ` + "`otter-cdn[.]net`" + `

## MITRE ATT&CK Techniques

- **T1059.001** — PowerShell
- **T1566.002** — Spearphishing Link

## Kill chain phases observed

_(none detected)_

`

const hunts = "## Recommended hunts\n\n### [LLM] Loader starts\n\n`UC_7_1` · phase: **exploit** · confidence: **High**\n\n" +
	"**Splunk SPL (CIM):**\n" + splBlock + "\n**Defender KQL:**\n" + kqlBlock

// wanted shows findings as line:column code, one a line.
func wanted(list diag.List) []string {
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprintf("%d:%d %s %s", d.Pos.Line, d.Pos.Column, d.Severity, d.Code))
	}
	return out
}

func parse(t *testing.T, text string, want ...string) *Document {
	t.Helper()
	doc, list := Parse("b.md", []byte(text))
	if d := cmp.Diff(want, wanted(list)); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
		for _, d := range list {
			t.Logf("%s %s", diag.Place(d.Pos), d.Message)
		}
	}
	holds(t, doc, []byte(text))
	return doc
}

func values(iocs []IOC) []string {
	var out []string
	for _, i := range iocs {
		s := string(i.Kind) + " " + i.Value
		if i.Reason != "" {
			s += " (" + string(i.Reason) + ")"
		}
		out = append(out, s)
	}
	return out
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func texts(qs []Query) []string {
	var out []string
	for _, q := range qs {
		out = append(out, q.Text)
	}
	return out
}

func TestStandardForm(t *testing.T) {
	doc := parse(t, standard+hunts+"\n## Why this matters\n\nBecause.\n")
	equal(t, doc.Form, FormStandard)
	equal(t, []string{doc.Severity, doc.Title, doc.Published, doc.Article, doc.Curated},
		[]string{"HIGH", "Otter group ships a loader", "2026-01-05", "https://vendor.test/otter", ""})
	equal(t, doc.Sources, []string{"Some Vendor", "Other Vendor"})
	equal(t, values(doc.IOCs), []string{"cve CVE-2026-10001", "domain otter-cdn.net"})
	equal(t, doc.IOCs[1].Raw, "otter-cdn[.]net")
	equal(t, len(doc.Techniques), 2)
	equal(t, doc.Techniques[0].Name, "PowerShell")
	equal(t, len(doc.Hunts), 1)
	h := doc.Hunts[0]
	equal(t, []string{h.Title, h.ID, h.Phase, h.Confidence, string(h.Origin), string(h.Pairing)},
		[]string{"Loader starts", "UC_7_1", "exploit", "High", "llm", "written"})
	equal(t, texts(h.SPL), []string{"| tstats count from datamodel=Endpoint.Processes"})
	equal(t, texts(h.KQL), []string{"DeviceProcessEvents\n| take 10"})
	equal(t, doc.Headings[0].Title, "[LLM] Loader starts")
	q := h.KQL[0]
	pos := q.PosAt(strings.Index(q.Text, "take"))
	equal(t, pos.Line-q.Pos.Line, 1)
	equal(t, pos.Column, 3)
	equal(t, (standard + hunts)[pos.Offset:pos.Offset+4], "take")
}

func TestKEVForm(t *testing.T) {
	doc := parse(t, head+"\n## Threat Profile\n\nA flaw.\n\n## Indicators of Compromise\n\n- CVE-2026-10002 — match against your scanner\n\n"+
		"## MITRE ATT&CK\n\n- **T1190 — Exploit Public-Facing Application** (the catalogue implies it)\n\n"+
		"## Recommended hunts\n\nStandard exposure hunt — the queries\nlive in [`../_TEMPLATES.md#asset-exposure`](../_TEMPLATES.md#asset-exposure).\nPut `<CVE>` in:\n\n"+
		"- **CVE:** `CVE-2026-10002`\n\n## Why this matters\n\nYes.\n\n## Source body\n\nText. CVE-2026-10002\n")
	equal(t, doc.Form, FormKEV)
	equal(t, values(doc.IOCs), []string{"cve CVE-2026-10002"})
	equal(t, doc.Techniques[0].Name, "Exploit Public-Facing Application")
	equal(t, doc.Techniques[0].Note, "the catalogue implies it")
	equal(t, len(doc.Hunts), 0)
	equal(t, len(doc.Templates), 1)
	equal(t, doc.Templates[0].Title, "Standard exposure hunt")
	equal(t, doc.Templates[0].Anchor, "asset-exposure")
	equal(t, values(doc.Templates[0].CVEs), []string{"cve CVE-2026-10002"})
}

func TestAdvisoryForm(t *testing.T) {
	doc := parse(t, head+"\n## Threat Profile\n\n# Bug report\n\n## Summary\n\nA flaw.\n\n### Details\n\n## Workarou…\n\n"+
		"## Indicators of Compromise (high-fidelity only)\n\n- _No high-fidelity IOCs in the summary._ Look there.\n\n"+hunts,
		"8:1 info HC0707", "10:1 info HC0707", "16:1 info HC0707")
	equal(t, doc.Form, FormAdvisory)
	equal(t, len(doc.Hunts), 1)
	equal(t, doc.Title, "Otter group ships a loader")
	if body := doc.Sections[0].Body; !strings.Contains(body, "## Summary") {
		t.Errorf("the quoted headings are not in the profile: %q", body)
	}
}

func TestForeignHeadingOutsideProse(t *testing.T) {
	doc := parse(t, standard+hunts+"\n## Extras\n\n- **Domain:** `other.net`\n\n"+kqlBlock,
		"41:1 warning HC0707", "45:1 warning HC0721")
	equal(t, len(doc.Hunts), 2)
	equal(t, doc.Hunts[1].Title, "Extras")
	equal(t, doc.Headings[1].Kind, HeadingNone)
}

const curatedHead = "<!-- curated:true -->\n" + head + "**Curated:** Analyst-reviewed 2026-01-06\n\n## Threat profile\n\nOtters.\n\n"

func TestCuratedForm(t *testing.T) {
	doc := parse(t, curatedHead+"## Indicators of Compromise\n\n- `CVE-2026-10003` — patch\n\n## MITRE ATT&CK (analyst-validated)\n\n- **T1566.001 / T1566.002** — Spearphishing\n\n"+
		"## Recommended SOC actions (priority-ordered)\n\n1. Patch.\n\n"+
		"## Splunk SPL — office starts a shell\n\n"+splBlock+"\n## Splunk SPL — vuln exposure\n\n"+splBlock+"\n## Splunk SPL — something else\n\n"+splBlock+
		"\n## Defender KQL — vuln exposure\n\n"+kqlBlock+"\n## Defender KQL — office program starts shell\n\n"+kqlBlock+"\n## Defender KQL — beacons\n\n"+kqlBlock+
		"\n## Why this matters for your SOC\n\nYes.\n",
		"42:1 info HC0723", "49:1 info HC0723")
	equal(t, doc.Form, FormCurated)
	equal(t, doc.Marked, true)
	equal(t, doc.Curated, "Analyst-reviewed 2026-01-06")
	equal(t, values(doc.IOCs), []string{"cve CVE-2026-10003"})
	equal(t, []string{doc.Techniques[0].ID, doc.Techniques[1].ID, doc.Techniques[1].Name}, []string{"T1566.001", "T1566.002", "Spearphishing"})
	var got []string
	for _, h := range doc.Hunts {
		got = append(got, fmt.Sprintf("%s %d/%d %s", h.Title, len(h.SPL), len(h.KQL), h.Pairing))
	}
	equal(t, got, []string{"office starts a shell 1/1 tokens", "vuln exposure 1/1 title", "something else 1/0 ", "beacons 0/1 "})
	equal(t, doc.Count(HeadingSPL)+doc.Count(HeadingKQL), 6)
	equal(t, len(doc.Unlisted()), 0)
}

// The first list rejects a value that the second gives as an indicator.
func TestHybridForm(t *testing.T) {
	doc := parse(t, curatedHead+"## Indicators of Compromise\n\n- The IPv4 `9.9.3.1` is a false positive (an object id).\n\n"+
		"## Recommended SOC actions (priority-ordered)\n\n1. Patch.\n\n## Splunk SPL — a\n\n"+splBlock+
		"\n## Indicators of Compromise (high-fidelity only)\n\n- **IPv4 (defanged):** `9.9.3[.]1`\n- **IPv4 (defanged):** `9.9.3[.]2`\n\n"+hunts+
		"\n### IOC-driven hunts (use shared templates)\n\nThese are standard.\n\n"+
		"- **Connections** ([template](../_TEMPLATES.md#network-ioc)) — phase: **c2**, confidence: **High**\n  - IP / domain IOC(s): `9.9.3[.]1`, `9.9.3[.]2`, `otter-cdn[.]net`\n",
		"14:13 info HC0710", "26:1 info HC0708", "28:25 info HC0710", "53:26 info HC0710")
	equal(t, doc.Form, FormHybrid)
	equal(t, values(doc.IOCs), []string{"ipv4 9.9.3.2"})
	equal(t, values(doc.Excluded), []string{"ipv4 9.9.3.1 (author)", "ipv4 9.9.3.1 (author)"})
	equal(t, values(doc.Templates[0].IPs), []string{"ipv4 9.9.3.2"})
	equal(t, values(doc.Templates[0].Excluded), []string{"ipv4 9.9.3.1 (author)"})
	equal(t, len(doc.Hunts), 2)
}

func TestTemplates(t *testing.T) {
	sha := strings.Repeat("ab", 32)
	doc := parse(t, standard+hunts+"\n### IOC-driven hunts (use shared templates)\n\nStandard ones live in [`_TEMPLATES.md`](../_TEMPLATES.md).\n\n"+
		"- **Asset exposure — vulnerability** ([template](../_TEMPLATES.md#asset-exposure)) — phase: **recon**, confidence: **High**\n  - CVE(s): `CVE-2026-10001`, `CVE-2026-10002`\n"+
		"- **Connections** ([template](../_TEMPLATES.md#network-ioc)) — phase: **c2**, confidence: **Medium**\n  - IP / domain IOC(s): `9.9.3[.]1`, `otter-cdn[.]net`, `hxxps://otter-cdn[.]net/a`\n"+
		"- **Hashes** ([template](../_TEMPLATES.md#hash-ioc)) — phase: **install**, confidence: **High**\n  - file hash IOC(s): `"+sha+"`, `"+sha[:40]+"`, `"+sha[:32]+"`, `abc`\n"+
		"- **More** ([template](../_TEMPLATES.md#network-ioc)) — phase: **c2**, confidence: **High**\n  - 33 domains — pull from `intel/iocs.csv`\n"+
		"- **None** ([template](../_TEMPLATES.md#network-ioc)) — phase: **c3**, confidence: **High**\n",
		"50:172 warning HC0714", "52:3 info HC0716", "53:1 warning HC0722", "53:1 warning HC0727")
	var got []string
	for _, r := range doc.Templates {
		got = append(got, fmt.Sprintf("%s %s %s %s %d %d %d %d %d %d %v", r.Title, r.Anchor, r.Phase, r.Confidence,
			len(r.CVEs), len(r.IPs), len(r.Domains), len(r.URLs), len(r.Hashes), len(r.Excluded), r.Elsewhere))
	}
	equal(t, got, []string{
		"Asset exposure — vulnerability asset-exposure recon High 2 0 0 0 0 0 false",
		"Connections network-ioc c2 Medium 0 1 1 1 0 0 false",
		"Hashes hash-ioc install High 0 0 0 0 3 1 false",
		"More network-ioc c2 High 0 0 0 0 0 0 true",
		"None network-ioc c3 High 0 0 0 0 0 0 false",
	})
	equal(t, len(doc.Hunts), 1)
	equal(t, doc.Count(HeadingTemplates), 1)
}

// A closing fence is a line of exactly three backticks.
func TestCommentsThatLookLikeFences(t *testing.T) {
	spl := "``` Loader, first try ```\n| tstats count from datamodel=Web\n``` second\n``` third ``` | sort - count"
	doc := parse(t, standard+"## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n**Splunk SPL (CIM):**\n```spl\n"+spl+"\n```\n\n### B\n\n`UC_B` · phase: **c2** · confidence: **Low**\n\n"+kqlBlock)
	equal(t, texts(doc.Hunts[0].SPL), []string{spl})
	equal(t, len(doc.Hunts), 2)
	equal(t, doc.Hunts[0].Origin, OriginCatalogue)
}

func TestOpenFences(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
		hunts      int
	}{
		{"in the profile", head + "\n## Threat Profile\n\n```js\nconst a = {…\n\n## Indicators of Compromise (high-fidelity only)\n\n- **CVE:** `CVE-2026-10001`\n\n" + hunts,
			[]string{"8:1 warning HC0706"}, 1},
		{"of the SPL", standard + "## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n```spl\n| tstats count\n\n**Defender KQL:**\n" + kqlBlock + "\n### B\n\n`UC_B` · phase: **c2** · confidence: **Low**\n\n" + kqlBlock,
			[]string{"30:1 warning HC0706"}, 2},
		{"before another block", standard + "## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n```spl\n| tstats count\n" + kqlBlock,
			[]string{"30:1 warning HC0706"}, 1},
		{"before another hunt", standard + "## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n```spl\n| tstats count\n\n### B\n\n`UC_B` · phase: **c2** · confidence: **Low**\n\n" + kqlBlock,
			[]string{"30:1 warning HC0706"}, 2},
		{"at the end", standard + "## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n```spl\n| tstats count\n",
			[]string{"30:1 warning HC0706"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := parse(t, c.text, c.want...)
			equal(t, len(doc.Hunts), c.hunts)
			for _, q := range doc.Hunts[0].SPL {
				if strings.Contains(q.Text, "#") || strings.Contains(q.Text, "*") {
					t.Errorf("the query goes on too far: %q", q.Text)
				}
			}
			if len(doc.IOCs) == 0 {
				t.Error("the indicators are lost")
			}
		})
	}
}

func TestStatements(t *testing.T) {
	for _, c := range []struct {
		name, block string
		want        []string
	}{
		{"one", "T\n| take 1", []string{"T\n| take 1"}},
		{"two", "// a\nT\n| take 1\n\n// b\nU\n| take 2\n", []string{"// a\nT\n| take 1", "// b\nU\n| take 2"}},
		{"three", "T\n\n\nU\n \nV", []string{"T", "U", "V"}},
		{"a comment alone belongs to what follows", "// why\n\nT", []string{"// why\n\nT"}},
		{"a comment at the end", "T\n\n// that was it", []string{"T\n\n// that was it"}},
		{"let", "let a = 1;\n\nlet b = 2; // so\n\nT\n| where x == a", []string{"let a = 1;\n\nlet b = 2; // so\n\nT\n| where x == a"}},
		{"a pipe goes on", "T\n\n| take 1", []string{"T\n\n| take 1"}},
		{"a pipe goes on behind a comment", "T\n\n// then\n| take 1", []string{"T\n\n// then\n| take 1"}},
		{"a list goes on", "let a = dynamic([\n\n\"x\",\n\n\"y\"]);\nT", []string{"let a = dynamic([\n\n\"x\",\n\n\"y\"]);\nT"}},
		{"indented", "union\n  T,\n\n  U", []string{"union\n  T,\n\n  U"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, list := Parse("b.md", []byte(standard+"## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n```kql\n"+c.block+"\n```\n```kql\nlast\n```\n"))
			qs := doc.Hunts[0].KQL
			equal(t, texts(qs), append(append([]string{}, c.want...), "last"))
			for i, q := range qs[:len(qs)-1] {
				equal(t, []int{q.Block, q.Part}, []int{0, i})
			}
			equal(t, qs[len(qs)-1].Block, 1)
			split := 0
			for _, d := range list {
				if d.Code == codeSplitBlock {
					split++
				}
			}
			equal(t, split == 1, len(c.want) > 1)
		})
	}
}

func TestHuntHeaders(t *testing.T) {
	doc := parse(t, standard+"## Recommended hunts\n\n### A\n\n`UC_A` · phase: **explot**\n\n"+kqlBlock+
		"\n### B\n\n"+kqlBlock+"\n### C\n\n`UC_A` · phase: **c2** · confidence: **Low**\n",
		"28:1 warning HC0722", "28:1 warning HC0722", "35:1 warning HC0722", "42:1 warning HC0720", "42:1 warning HC0725")
	equal(t, len(doc.Hunts), 3)
	equal(t, doc.Hunts[0].Phase, "explot")
}

func TestBlockLanguages(t *testing.T) {
	doc := parse(t, standard+"## Recommended hunts\n\n### A\n\n`UC_A` · phase: **c2** · confidence: **Low**\n\n"+
		"**Splunk SPL (CIM):**\n```\n| tstats count\n```\n**Splunk SPL (CIM):**\n"+kqlBlock+"```yaml\na: b\n```\n```spl\n\n```\n",
		"31:1 warning HC0726", "35:1 warning HC0726", "39:1 warning HC0726", "42:1 warning HC0720")
	equal(t, texts(doc.Hunts[0].SPL), []string{"| tstats count"})
	equal(t, len(doc.Hunts[0].KQL), 1)
}

func TestOrphanQuery(t *testing.T) {
	doc := parse(t, head+"\n## Threat Profile\n\n### How to see it\n\n"+kqlBlock+"\n"+hunts, "10:1 warning HC0721")
	equal(t, len(doc.Hunts), 2)
	equal(t, doc.Hunts[0].Title, "How to see it")
}

func TestOtherBriefing(t *testing.T) {
	parse(t, standard+"Use the queries from the paired briefing: `briefings/2026-01-01/x.md`.\n", "24:26 info HC0729")
}

func TestMetadata(t *testing.T) {
	doc := parse(t, "# Otters\n\n**Sources:** A\n**Date:** 5 May\n**Link:** [x](https://a.test/)\n**Mood:** grim\n**Source:** B\n\n## Threat Profile\n",
		"1:1 warning HC0704", "4:11 warning HC0705", "6:1 info HC0705", "7:13 warning HC0705")
	equal(t, doc.Sources, []string{"A"})
	equal(t, doc.Article, "https://a.test/")
	equal(t, doc.Title, "Otters")
	doc = parse(t, "# [CRIT] [GHSA / CRITICAL] Flaw\n## Threat Profile\n", "1:1 warning HC0705", "1:1 warning HC0705", "1:1 warning HC0705")
	equal(t, doc.Title, "[GHSA / CRITICAL] Flaw")
	parse(t, "## Threat Profile\n", "1:1 warning HC0704", "1:1 warning HC0705", "1:1 warning HC0705", "1:1 warning HC0705")
}

func TestTechniques(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"- **T1059.001** — PowerShell", "T1059.001|PowerShell||"},
		{"- **T1059.001** — PowerShell (execution)", "T1059.001|PowerShell|execution|"},
		{"- **T1543.002** — Persistence (article-specific)", "T1543.002|Persistence|persistence|article-specific"},
		{"- **T1190 — Exploit Public-Facing Application** (implied)", "T1190|Exploit Public-Facing Application||implied"},
		{"- T1190: Exploit Public-Facing Application", "T1190|Exploit Public-Facing Application||"},
		{"- PowerShell (T1059.001)", "T1059.001|PowerShell||"},
		{"- `T1059` - Command and Scripting Interpreter", "T1059|Command and Scripting Interpreter||"},
		{"| T1059 | Command and Scripting Interpreter | Execution |", "T1059|Command and Scripting Interpreter|execution|"},
		{"| Defence Evasion | **T1036** | Masquerading |", "T1036|Masquerading|defense evasion|"},
	} {
		doc, list := Parse("b.md", []byte(head+"\n## MITRE ATT&CK\n\n"+c.line+"\n"))
		if len(list) > 0 || len(doc.Techniques) != 1 {
			t.Errorf("%s: %d techniques, findings %v", c.line, len(doc.Techniques), wanted(list))
			continue
		}
		x := doc.Techniques[0]
		equal(t, strings.Join([]string{x.ID, x.Name, x.Tactic, x.Note}, "|"), c.want)
	}
	parse(t, head+"\n## MITRE ATT&CK\n\n- _none_\n- It varies.\n\n## Kill chain\n\n- **delivery**\nexploit → c2\n", "9:1 info HC0728")
}

func TestKillChain(t *testing.T) {
	doc := parse(t, head+"\n## Kill chain phases observed\n\n- **delivery**\n\nexploit → c2\n")
	equal(t, doc.KillChain, []string{"delivery", "exploit", "c2"})
}

func TestCRLF(t *testing.T) {
	doc := parse(t, "\ufeff"+strings.ReplaceAll(standard+hunts, "\n", "\r\n"))
	equal(t, texts(doc.Hunts[0].KQL), []string{"DeviceProcessEvents\n| take 10"})
	equal(t, doc.Severity, "HIGH")
	equal(t, values(doc.IOCs), []string{"cve CVE-2026-10001", "domain otter-cdn.net"})
}

func TestUnusable(t *testing.T) {
	many := head + "\n## Recommended hunts\n" + strings.Repeat("### A\n", MaxHeadings+1)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1:1 error HC0701"},
		{"prose", "# [LOW] Hello\n\nWorld\n", "1:1 error HC0701"},
		{"bytes", "# Hello\n\xff", "2:1 error HC0702"},
		{"size", strings.Repeat("a\n", MaxSize/2+1), "1:1 error HC0703"},
		{"headings", many, fmt.Sprintf("%d:1 error HC0703", 6+MaxHeadings)},
	} {
		t.Run(c.name, func(t *testing.T) { parse(t, c.text, c.want) })
	}
}
