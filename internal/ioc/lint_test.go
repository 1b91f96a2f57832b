package ioc

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
)

func TestLint(t *testing.T) {
	const hex40 = "3f786850e387550fdab836ed7e6dc881de23001b"
	for _, c := range []struct {
		kind                 Kind
		value, before, after string
		want                 Reason
		code                 diag.Code
	}{
		{File, "node.js", "", "", ReasonCodeSample, codeCodeSample},
		{File, "Test.js", "", "", ReasonCodeSample, codeCodeSample},
		{File, "src/index.js", "", "", ReasonCodeSample, codeCodeSample},
		{File, `C:\Users\Public\otter\index.js`, "", "", "", ""},
		{File, "/opt/otter/setup.py", "", "", "", ""},
		{File, "/usr/bin/env", "", "", ReasonInterpreter, codeInterpreter},
		{File, "#!/usr/bin/env node", "", "", ReasonInterpreter, codeInterpreter},
		{File, "/usr/bin/otterd", "", "", "", ""},
		{File, "process.env", "", "", ReasonCodeSample, codeCodeSample},
		{Domain, "e.buzz", "", "", "", ""},
		{File, "otter.dll", "", "", "", ""},
		{Domain, "evil.example", "", "", ReasonReserved, codeReserved},
		{Domain, "www.example.org", "", "", ReasonReserved, codeReserved},
		{Domain, "notexample.org", "", "", "", ""},
		{Domain, "a.b.test", "", "", ReasonReserved, codeReserved},
		{Domain, "attacker.com", "", "", ReasonPlaceholder, codePlaceholder},
		{Domain, "attacker-c2.com", "", "", "", ""},
		{Domain, "github.com", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "github[.]com", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "docs.microsoft.com", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "docs-microsoft.com", "", "", "", ""},
		{Domain, "microsoft.com.otter-cdn.net", "", "", "", ""},
		{Domain, "virustotal.com", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "nodejs.org", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "otter.github.io", "", "", "", ""},
		{Domain, "github.io", "", "", ReasonInfrastructure, CodeInfrastructure},
		{Domain, "otter.cloudapp.azure.com", "", "", "", ""},
		{Domain, "readme.md", "", "", ReasonFileName, CodeFileName},
		{Domain, "x.sh", "", "", ReasonFileName, CodeFileName},
		{Domain, "x[.]sh", "", "", "", ""},
		{Domain, "y.py", "", "", ReasonFileName, CodeFileName},
		{Domain, "update.exe", "", "", ReasonFileName, CodeFileName},
		{Domain, "Node.js", "", "", ReasonCodeSample, codeCodeSample},
		{Domain, "console.info", "", "", ReasonCodeSample, codeCodeSample},
		{Domain, "co.uk", "", "", ReasonSuffix, codeSuffix},
		{Domain, "otter.co.uk", "", "", "", ""},
		{IPv4, "10.1.2.3", "", "", ReasonReserved, codeReserved},
		{IPv4, "203.0.113.7", "", "", ReasonReserved, codeReserved},
		{IPv6, "2001:db8::7", "", "", ReasonReserved, codeReserved},
		{IPv4, "1.2.3.4", "", "", ReasonPlaceholder, codePlaceholder},
		{IPv4, "8.8.8.8", "", "", ReasonInfrastructure, CodeInfrastructure},
		{IPv4, "45.77.1.9", "", "", "", ""},
		{IPv4, "45.77.1.9", "the C2 server v2 at ", "", "", ""},
		{IPv4, "7.4.12.2", "Fixed in version ", "", ReasonVersion, codeVersion},
		{IPv4, "7.4.12.2", "versions 7.2.1.1, 7.3.1.1 and ", "", ReasonVersion, codeVersion},
		{IPv4, "7.4.12.2", "OtterOS ", " and later", ReasonVersion, codeVersion},
		{IPv4, "7.4.12.2", "traffic went through ", " later", "", ""},
		{IPv4, "7.4.12[.]2", "version ", "", "", ""},
		{IPv4, "4.0.0.0", "", "", ReasonVersion, codeVersion},
		{SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "", "", ReasonPlaceholder, codePlaceholder},
		{SHA1, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, "d41d8cd98f00b204e9800998ecf8427e", "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, "098f6bcd4621d373cade4e832627b4f6", "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, "44d88612fea8a8f36de82e1278abb02f", "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, strings.Repeat("deadbeef", 4), "", "", ReasonPlaceholder, codePlaceholder},
		{SHA256, strings.Repeat("0", 64), "", "", ReasonPlaceholder, codePlaceholder},
		{SHA256, strings.Repeat("0123456789abcdef", 4), "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, "0cc175b9c0f1b6a831c399e269772661", "", "", ReasonPlaceholder, codePlaceholder},
		{MD5, "3f786850e387550fdab836ed7e6dc881", "", "", "", ""},
		{SHA1, hex40, "", "", "", ""},
		{SHA1, hex40, "reverted in commit ", "", ReasonCommit, codeCommit},
		{SHA1, hex40, "otter/action@", "", ReasonCommit, codeCommit},
		{SHA1, hex40, "https://github.com/otter/action/commit/", "", ReasonCommit, codeCommit},
		{SHA1, hex40, "the commit that brought the sample with the SHA1 ", "", "", ""},
		{URL, "https://github.com/otter/x", "", "", ReasonInfrastructure, CodeInfrastructure},
		{URL, "hxxps://github[.]com/otter/x", "", "", "", ""},
		{URL, "hxxps://github[.]com/", "", "", ReasonInfrastructure, CodeInfrastructure},
		{URL, "https://raw.githubusercontent.com/otter/x/main/a", "", "", "", ""},
		{URL, "http://10.0.0.1/x", "", "", ReasonReserved, codeReserved},
		{URL, "http://8.8.4.9/x", "", "", "", ""},
		{URL, "https://otter.zip/x", "", "", "", ""},
		{URL, "https://pastebin.com/raw/abc", "", "", "", ""},
		{Email, "otter@gmail.example", "", "", ReasonReserved, codeReserved},
		{Email, "otter[@]otter-cdn[.]net", "", "", "", ""},
		{CVE, "CVE-2026-1234", "", "", "", ""},
		{IPv4, "otter", "", "", "", ""},
		{"no kind", "x", "", "", "", ""},
	} {
		got, no := LintIn(c.kind, c.value, c.before, c.after)
		if no != (c.want != "") || got.Reason != c.want || got.Code != c.code {
			t.Errorf("%s %q after %q: %v %q %s, want %q %s", c.kind, c.value, c.before, no, got.Reason, got.Code, c.want, c.code)
		}
		if no && (got.Message == "" || strings.HasSuffix(got.Message, ".")) {
			t.Errorf("%s %q: message %q", c.kind, c.value, got.Message)
		}
	}
}

// Every entry of the tables is reached: a name in another spelling than the
// one that is looked up would never be.
func TestTablesAreLowerCase(t *testing.T) {
	f := tables()
	for name, s := range map[string]set{"code_samples": f.CodeSamples, "products": f.Products, "vendors": f.Vendors, "publishers": f.Publishers,
		"shared_hosts": f.SharedHosts, "interpreters": f.Interpreters, "reserved_domains": f.ReservedDomains, "file_ends": f.FileEnds} {
		if len(s) == 0 {
			t.Errorf("%s is empty", name)
		}
		for w := range s {
			if w != strings.ToLower(w) {
				t.Errorf("%s: %q is never looked up in this spelling", name, w)
			}
		}
	}
	for w := range f.Vendors {
		if f.Publishers[w] {
			t.Errorf("%q is a vendor and a publisher", w)
		}
	}
	for _, s := range []set{f.Vendors, f.Publishers, f.SharedHosts, f.PlaceholderDomains} {
		for w := range s {
			if v, ok := Classify(w); !ok || v.Kind != Domain {
				t.Errorf("%q is no domain", w)
			}
		}
	}
}

func FuzzLint(f *testing.F) {
	for _, s := range []string{"github[.]com", "8.8.8.8", "hxxp://a.b/c", "#!/usr/bin/env", "co.uk", "[::1]:80", "\\.", "a@b", ""} {
		f.Add("domain", s, "version ", " and later")
		f.Add("url", s, "", "")
		f.Add("file", s, "", "")
	}
	f.Fuzz(func(t *testing.T, kind, value, before, after string) {
		ex, no := LintIn(Kind(kind), value, before, after)
		if no != (ex.Code != "") || no != (ex.Reason != "") {
			t.Errorf("%v %+v", no, ex)
		}
	})
}
