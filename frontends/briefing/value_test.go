package briefing

import (
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	hex := strings.Repeat("a1", 32)
	for _, c := range []struct{ raw, want string }{
		{"CVE-2026-1234", "cve CVE-2026-1234"},
		{"cve-2026-1234567", "cve CVE-2026-1234567"},
		{"CVE-2026-12", ""},
		{"8.8.4[.]4", "ipv4 8.8.4.4"},
		{"8[.]8[.]4[.]4", "ipv4 8.8.4.4"},
		{"8(.)8(.)4(.)4", "ipv4 8.8.4.4"},
		{"8.8.4.4:8443", "ipv4 8.8.4.4 port"},
		{"8.8.4.0/24", "ipv4 8.8.4.0/24"},
		{"8.8.4.0", "ipv4 8.8.4.0 doubt"},
		{"192.168.1.1", "ipv4 192.168.1.1 (reserved)"},
		{"203.0.113.9", "ipv4 203.0.113.9 (reserved)"},
		{"127.0.0.1", "ipv4 127.0.0.1 (reserved)"},
		{"999.1.1.1", ""},
		{"2a00:1450::1", "ipv6 2a00:1450::1"},
		{"[2a00:1450::1]:443", "ipv6 2a00:1450::1 port"},
		{"2001:db8::1", "ipv6 2001:db8::1 (reserved)"},
		{"Otter-CDN[.]net", "domain otter-cdn.net"},
		{"otter-cdn[dot]net", "domain otter-cdn.net"},
		{"otter-cdn.net:8080", "domain otter-cdn.net port"},
		{"*.otter-cdn.net", "domain otter-cdn.net wildcard"},
		{"_dmarc.otter-cdn.net", "domain _dmarc.otter-cdn.net"},
		{"otter.xn--p1ai", "domain otter.xn--p1ai"},
		{"co.uk", "domain co.uk (suffix)"},
		{"de.com", "domain de.com (suffix)"},
		{"otter.co.uk", "domain otter.co.uk"},
		{"evil.example", "domain evil.example (reserved)"},
		{"setup.exe", "domain setup.exe (file name)"},
		{"bt.node.js", "domain bt.node.js (file name)"},
		{"a-v2.2.0-linux.tar.gz", "domain a-v2.2.0-linux.tar.gz (file name)"},
		{"install.sh", "domain install.sh doubt"},
		{"install[.]sh", "domain install.sh"},
		{"hxxps://otter-cdn[.]net/a?b=c", "url https://otter-cdn.net/a?b=c"},
		{"hXXp[://]8.8.4.4/x", "url http://8.8.4.4/x"},
		{"http://10.0.0.1/x", "url http://10.0.0.1/x (reserved)"},
		{"otter-cdn.net/a", "url otter-cdn.net/a"},
		{"some/image:v2.1", ""},
		{"intel/iocs.csv", ""},
		{"scripts.sh/x", ""},
		{hex, "sha256 " + hex},
		{strings.ToUpper(hex[:40]), "sha1 " + hex[:40]},
		{hex[:32], "md5 " + hex[:32]},
		{hex[:31], ""},
		{strings.Repeat("0", 32), "md5 " + strings.Repeat("0", 32) + " (reserved)"},
		{"two words", ""},
		{"", ""},
	} {
		ioc, ok := classify(c.raw)
		got := ""
		if ok {
			got = values([]IOC{ioc})[0]
			if ioc.Port != 0 {
				got += " port"
			}
			if ioc.Wildcard {
				got += " wildcard"
			}
			if ioc.Doubt != "" {
				got += " doubt"
			}
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
}

// Lists of indicators: what is used, what is not, and the finding for it. The
// first line of each list is line 8 of the file.
func TestIndicatorLists(t *testing.T) {
	hex := strings.Repeat("a1", 20)
	for _, c := range []struct {
		name, list     string
		used, excluded []string
		want           []string
	}{
		{"one value a bullet", "- **IPv4 (defanged):** `8.8.4[.]4`\n- **MD5:** `" + hex[:32] + "`",
			[]string{"ipv4 8.8.4.4", "md5 " + hex[:32]}, nil, nil},
		{"several values a bullet", "- **IPv4:** `8.8.4.4`, `8.8.4.5`", []string{"ipv4 8.8.4.4", "ipv4 8.8.4.5"}, nil, nil},
		{"values without backticks", "- CVE-2026-1001, CVE-2026-1002\n- **Domains:** otter[.]net and beaver[.]net",
			[]string{"cve CVE-2026-1001", "cve CVE-2026-1002", "domain otter.net", "domain beaver.net"}, nil, nil},
		{"nested below a kind", "- **3 defanged domains** including:\n  - C2: `otter.net`\n  - Throwaway: `*.beaver.net`\n    - `mink.net`",
			[]string{"domain otter.net", "domain beaver.net", "domain mink.net"}, nil, nil},
		{"nested below free text", "- Behaviour to look for:\n  - traffic to `graph.otter.net`\n  - `sc.exe create`",
			nil, []string{"domain graph.otter.net (mention)"}, []string{"8:1 info HC0717", "9:17 info HC0711", "10:3 info HC0717"}},
		{"remark behind the value", "- **Domain:** `otter.net` — copies `beaver.net`",
			[]string{"domain otter.net"}, []string{"domain beaver.net (mention)"}, []string{"8:37 info HC0711"}},
		{"do not block", "- **Legitimate domains in the article (DO NOT block):** `beaver.net`, `mink.net`\n- **Domain:** `otter.net`",
			[]string{"domain otter.net"}, []string{"domain beaver.net (author)", "domain mink.net (author)"}, []string{"8:58 info HC0710", "8:72 info HC0710"}},
		{"do not block, nested", "- Legitimate services (DO NOT block)\n  - `beaver.net`\n- **Domain:** `otter.net`",
			[]string{"domain otter.net"}, []string{"domain beaver.net (author)"}, []string{"8:1 info HC0717", "9:6 info HC0710"}},
		{"do not block, paragraph", "Legitimate domains referenced in the article (DO NOT block):\n\n- `beaver.net`\n- **Domain:** `mink.net`\n\nDomains:\n\n- `otter.net`",
			[]string{"domain otter.net"}, []string{"domain beaver.net (author)", "domain mink.net (author)"}, []string{"10:4 info HC0710", "11:16 info HC0710"}},
		{"do not block, heading", "### Legitimate domains (do not block)\n\n- `beaver.net`\n\n### Domains\n\n- `otter.net`",
			[]string{"domain otter.net"}, []string{"domain beaver.net (author)"}, []string{"10:4 info HC0710"}},
		{"false positive", "- **Domain:** `otter.net`\n- The extracted `otter.net` is a false positive.",
			nil, []string{"domain otter.net (author)", "domain otter.net (author)"}, []string{"8:16 info HC0710", "9:18 info HC0710"}},
		{"low false positives", "- **Domain:** `otter.net` (low false positives)", []string{"domain otter.net"}, nil, nil},
		{"commit id", "- **SHA1:** `" + hex + "`\n- Pinned as some/action@" + hex + " in workflows",
			nil, []string{"sha1 " + hex + " (commit)"}, []string{"8:14 warning HC0712", "9:1 info HC0717"}},
		{"no indicator", "- **Domain:** `co.uk`\n- **Domain:** `setup.exe`\n- **IPv4:** `10.0.0.1`",
			nil, []string{"domain co.uk (suffix)", "domain setup.exe (file name)", "ipv4 10.0.0.1 (reserved)"},
			[]string{"8:16 warning HC0713", "9:16 warning HC0713", "10:14 warning HC0713"}},
		{"wrong label", "- **SHA256:** `" + hex[:32] + "`\n- **MD5:** `abc`",
			[]string{"md5 " + hex[:32]}, []string{" abc (malformed)"}, []string{"8:16 warning HC0714", "9:13 warning HC0714"}},
		{"cut off", "- **Domain:** `otter.co`\n- **Domain:** `otter.co.kr`",
			[]string{"domain otter.co", "domain otter.co.kr"}, nil, []string{"8:16 warning HC0715"}},
		{"elsewhere", "- **SHA256 hashes:** see `intel/iocs.csv` (filter `sources=X`).", nil, nil, []string{"8:1 info HC0716"}},
		{"an image", "- `some/image:v2.1` (overwritten)", nil, nil, []string{"8:1 info HC0717"}},
		{"a line goes on", "- **Domain:** `otter.net`,\n  `beaver.net`", []string{"domain otter.net", "domain beaver.net"}, nil, nil},
		{"defanged in prose", "- Mail from `bank.net` that links to bank-login[.]net.",
			nil, []string{"domain bank.net (mention)", "domain bank-login.net (mention)"}, []string{"8:14 info HC0711", "8:38 info HC0711"}},
		{"mentioned and listed", "- Hunt for `otter.net`.\n- **Domain:** `otter.net`", []string{"domain otter.net"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := parse(t, head+"\n## Indicators of Compromise\n\n"+c.list+"\n", c.want...)
			equal(t, values(doc.IOCs), c.used)
			equal(t, values(doc.Excluded), c.excluded)
		})
	}
}

// Prose anywhere can reject a value.
func TestRejectedInProse(t *testing.T) {
	doc := parse(t, head+"\n## Indicators of Compromise\n\n- **Domain:** `otter.net`\n\n## Recommended SOC actions (priority-ordered)\n\n1. Do not block `otter.net`: it is shared.\n",
		"8:16 info HC0710")
	equal(t, values(doc.Excluded), []string{"domain otter.net (author)"})
}

// A commit id that only the subject gives away is used with a doubt.
func TestDoubtfulCommit(t *testing.T) {
	hex := strings.Repeat("a1", 20)
	text := strings.Replace(head, "Otter group", "Otter commits to GitHub Actions and", 1) + "\n## Indicators of Compromise\n\n- **SHA1:** `"
	doc := parse(t, text+hex+"`\n", "8:14 warning HC0715")
	equal(t, values(doc.IOCs), []string{"sha1 " + hex})
	parse(t, text+strings.ToUpper(hex)+"`\n")
}

func TestIndicatorsOnce(t *testing.T) {
	doc := parse(t, head+"\n## Indicators of Compromise\n\n- **Domain:** `otter.net`\n- **Domain:** `OTTER[.]net`\n")
	equal(t, len(doc.IOCs), 2)
	equal(t, values(doc.Indicators()), []string{"domain otter.net"})
}
