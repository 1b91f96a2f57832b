package splunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/ir"
)

// searches are texts as people write them, and what they mean; ~ stands for `.
var searches = []struct{ name, text, want string }{
	{"tstats", `
| tstats ~summariesonly~ count min(_time) as firstTime max(_time) as lastTime values(Processes.process) as cmd
    from datamodel=Endpoint.Processes
    where Processes.process_name IN ("curl.exe", wget*) Processes.process="*http*" NOT Processes.user="*$"
    by Processes.dest Processes.process_path host
| ~drop_dm_object_name(Processes)~
| ~security_content_ctime(firstTime)~
| convert ctime(lastTime)`, `
scan cim Endpoint.Processes
filter and(match(process_name, "curl.exe", "wget*"), match(process, "*http*"), not(match(user, "*$")), exists(process_path))
aggregate count = count(), firstTime = min(_time), lastTime = max(_time), cmd = values(process) by dest, process_path, host`},
	{"nodename names the dataset", `
| tstats count from datamodel=Endpoint where nodename=Processes Processes.process="*x*" by Processes.dest`, `
scan cim Endpoint.Processes
filter match(process, "*x*")
aggregate count = count() by Processes.dest = dest`},
	{"a byte order mark, a limit by its name", "\ufeff| tstats count from datamodel=Endpoint.Processes where Processes.process=a by Processes.dest | sort limit=0 -count | dedup 1 count", `
scan cim Endpoint.Processes
filter match(process, "a")
aggregate count = count() by Processes.dest = dest
sort count desc
whole distinct count`},
	{"OR binds tighter than AND in search", `
| tstats count from datamodel=Web where Web.url="*a*" OR Web.url="*b*" Web.status=200 by Web.src`, `
scan cim Web.Web
filter and(match(url, "*a*", "*b*"), match(status, "200"))
aggregate count = count() by Web.src = src`},
	{"a field that has to be there and differ", `
| tstats count from datamodel=Network_Traffic where All_Traffic.dest_category!="internal" All_Traffic.action!=blocked All_Traffic.dest!=10.0.0.0/8 by All_Traffic.src`, `
scan cim Network_Traffic.All_Traffic
filter and(exists(dest_category), not(match(dest_category, "internal")), not(match(action, "blocked")), not(cidr(dest, 10.0.0.0/8)))
aggregate count = count() by All_Traffic.src = src`},
	{"NOT takes what where compares with null to be false", `
index=web
| where NOT match(uri, "^/a") AND (status!=404 OR NOT (ip="10.1.2.3" AND cidrmatch("10.0.0.0/8", peer)))
| where isnull(x) OR NOT like(y, "a%_")`, `
scan raw 
filter and(match(index, "web"), exists(uri), not(regex(uri, "^/a")), or(!=_cs(status, 404), and(exists(ip), not(match_cs(ip, "10.1.2.3"))), and(exists(peer), not(cidr(peer, 10.0.0.0/8)))), or(not(exists(x)), and(exists(y), not(match_cs(y, "a*?")))))`},
	{"words are whole terms, stars are not", `
index=main sourcetype=linux_secure ("connection reset" OR *segfault* OR CASE(Error)) ~our_hosts~ host=a*`, `
scan raw 
filter and(match(index, "main"), match(sourcetype, "linux_secure"), or(term("connection reset"), keyword("segfault"), term_cs("Error")), macro(our_hosts), match(host, "a*"))`},
	{"from row to row", `
| tstats count from datamodel=Network_Traffic.All_Traffic by _time span=10s All_Traffic.src All_Traffic.dest
| ~drop_dm_object_name(All_Traffic)~
| sort 0 src dest _time
| streamstats current=f last(_time) as before by src dest
| eval gap=_time-before
| stats avg(gap) as mean stdev(gap) as spread count by src, dest
| where count>20 AND spread<5
| sort - count`, `
scan cim Network_Traffic.All_Traffic
aggregate count = count() by _time = bin(_time, 10), src, dest
lag before = _time along _time by src, dest
extend gap = -(_time, before)
aggregate mean = avg(gap), spread = stdev(gap), count = count() by src, dest
filter and(>_cs(count, 20), <_cs(spread, 5))
sort count desc
limit 10000`},
	{"one row of the right side for each of the left", `
| tstats count as n from datamodel=Web by Web.user
| rename "Web.*" as *
| join user [| tstats count as runs min(_time) as first from datamodel=Endpoint.Processes by Processes.user Processes.dest | rename Processes.user as user, Processes.dest as box]
| join type=left max=0 box [| tstats count as n from datamodel=Endpoint.Filesystem by Filesystem.dest, Filesystem.file_name | rename Filesystem.dest as box Filesystem.file_name as file]`, `
project user, n, box, runs, first, file
extend n = coalesce(right_n, n)`},
	{"a subsearch below", `
| tstats count from datamodel=Web by Web.src
| ~drop_dm_object_name("Web")~
| append [ search index=proxy status>=500 | stats count, dc(url) by src | rename "dc(url)" as urls ]
| fillnull value="-" urls
| eval kind=case(count>100 OR urls="-","many",count>10,"some",1=1,"few"), loud=if(kind="many",1,0)
| table src kind loud`, `
union
  scan cim Web.Web
  aggregate count = count() by src
  --
  scan raw 
  filter and(match(index, "proxy"), >=(status, 500), exists(src))
  aggregate count = count(), urls = dcount(url) by src
  --
extend urls = coalesce(urls, "-")
extend kind = if(or(>_cs(count, 100), match_cs(urls, "-")), "many", if(>_cs(count, 10), "some", "few"))
extend loud = if(match_cs(kind, "many"), 1, 0)
project src, kind, loud`},
	{"places, parts and JSON", `
index=web
| stats count by src, url, body
| eval last=mvindex(split(url, "/"), -1), who=json_extract_exact(body, "user.name"), first=json_extract(body, "{0}"), all=coalesce(json(body), body)
| iplocation src
| search Country="x"`, `
scan raw 
filter and(match(index, "web"), exists(src), exists(url), exists(body))
aggregate count = count() by src, url, body
extend last = item(parts(url, "/"), -1), who = prop(body, "user.name"), first = at(body, 0), all = json(body)
extend City = place(src, "city"), Country = place(src, "country"), Region = place(src, "state"), lat = place(src, "latitude"), lon = place(src, "longitude")
filter match(Country, "x")`},
	{"what rex leaves alone", `
index=web
| rex field=uri "/(?<top>[^/]+)/(?<next>\w+)"
| stats values(top) as tops by next
| rex field=next "^(?<head>.)"`, `
scan raw 
filter match(index, "web")
extend top = coalesce(extract(uri, "/([^/]+)/(\\w+)", 1), top), next = coalesce(extract(uri, "/([^/]+)/(\\w+)", 2), next)
filter exists(next)
aggregate tops = values(top) by next
extend head = extract(next, "^(.)", 1)`},
	{"rows beside their group", `
| tstats count from datamodel=Authentication by Authentication.user Authentication.src
| ~drop_dm_object_name(Authentication)~
| eventstats dc(src) as sources by user
| where sources>3
| dedup user
| head 5`, `
join left on user
  scan cim Authentication.Authentication
  aggregate count = count() by user, src
  --
  scan cim Authentication.Authentication
  aggregate count = count() by user, src
  aggregate sources = dcount(src) by user
filter >_cs(sources, 3)
whole distinct user
limit 5`},
	{"times", `
index=web earliest=-24h latest=now
| bin _time span=1h
| stats count(eval(status=500)) as bad count(user) as named latest(user) as who by _time
| where _time >= relative_time(now(), "-1d") AND round(bad/2, 1) > 1
| eval day=strftime(_time, "%F"), top=mvindex(split(who, "@"), 0), list=mvjoin(who, ","), n=mvcount(who)`, `
scan raw  last 24h0m0s
filter match(index, "web")
extend _time = bin(_time, 3600)
aggregate bad = countif(=_cs(status, 500)), named = sum(if(exists(user), 1, 0)), who = last(user) by _time
filter and(>=_cs(_time, -(now(), 86400)), >_cs(round(/(bad, 2), 1), 1))
extend day = _time, top = split(who, "@", 0), list = joined(who, ","), n = size(who)`},
	{"a macro that does something", `
~sysmon~ EventCode=10 TargetImage="*\\lsass.exe"
| ~only_servers(host)~
| stats count by SourceImage
| search SourceImage!="*\\Program Files\\*" NOT SourceImage=C:\\Windows\\*`, `
scan raw sysmon
filter and(=(EventCode, 10), match(TargetImage, "*\\lsass.exe"), macro_command(only_servers, host), exists(SourceImage))
aggregate count = count() by SourceImage
filter and(not(match(SourceImage, "*\\Program Files\\\\*")), not(match(SourceImage, "C:\\Windows\\\\*")))`},
}

func unticked(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "~", "`")
}

// TestLiftText: what a text means; and law 2: written again, it is read as the
// same query.
func TestLiftText(t *testing.T) {
	b := testBackend(t)
	for _, tt := range searches {
		t.Run(tt.name, func(t *testing.T) {
			text := unticked(tt.text)
			l := b.LiftText("t.spl", text)
			if !l.Full() {
				t.Fatal(l.Diagnostics)
			}
			q := l.Queries[0].Query
			if got := strings.TrimSuffix(ir.Format(q), "\n"); tt.name == "one row of the right side for each of the left" {
				// The whole is long; the end tells.
				lines := strings.Split(got, "\n")
				slices.Reverse(lines)
				if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), strings.Join(lines[:2], "\n")); d != "" {
					t.Errorf("%s\n%s", d, got)
				}
			} else if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); d != "" {
				t.Errorf("%s\n%s", d, got)
			}
			checkRoundTrip(t, b, q)
		})
	}
}

// checkRoundTrip holds law 2 for a query that LiftText has read.
func checkRoundTrip(t testing.TB, b *Backend, q ir.Query) {
	t.Helper()
	text, err := b.LowerText(q)
	if err != nil {
		t.Fatalf("%v\n%s", err, ir.Format(q))
	}
	again := b.LiftText("again.spl", text)
	if !again.Full() {
		t.Fatalf("%v\nof\n%s\nfrom\n%s", again.Diagnostics, text, ir.Format(q))
	}
	want, got := ir.Format(ir.Canonical(q)), ir.Format(ir.Canonical(again.Queries[0].Query))
	if want != got {
		t.Fatalf("%s\nof\n%s", cmp.Diff(want, got), text)
	}
}

// TestLiftTextFinds: what is reported, and where.
func TestLiftTextFinds(t *testing.T) {
	b := testBackend(t)
	tests := []struct {
		text string
		full bool
		want []string
	}{
		{"| tstats count from datamodel=Network_Traffic.All_Traffic\n  where All_Traffic.process_name=\"x\"\n  by All_Traffic.src,\n     All_Traffic.procname", true,
			[]string{"2:9 HC0805", "4:6 HC0805"}},
		{"| tstats count from datamodel=Endpoint.Malware by Malware.file_name", true, []string{"1:31 HC0806"}},
		{"| tstats count from datamodel=Endpoint.Processes by host, user", false, []string{"1:59 HC0807"}},
		{"| tstats count from datamodel=Endpoint.Processes where evil by Processes.dest", false, []string{"1:56 HC0804"}},
		{"| tstats count from datamodel=Endpoint.Processes where Processes.process>a by Processes.dest", false, []string{"1:56 HC0804"}},
		{"| tstats count from datamodel=Web by Web.src, _time", true, []string{"1:47 HC0810"}},
		{"index=a\n| iplocation src\n| where broken(\n", false, []string{"2:3 HC0801"}},
		{"index=a | stats count by b | where\n mvfilter(b)", false, []string{"2:2 HC0803"}},
		{"index=a | stats max(_time) as last by b | convert ctime(last) | where last > 5", false, []string{"1:71 HC0809"}},
		{"index=a | stats max(_time) as last by b | convert ctime(last) | sort - last", true, []string{"1:72 HC0809"}},
		{"index=a | stats max(_time) as last by b | convert timeformat=\"%Y-%m-%dT%H:%M:%S\" ctime(last) | sort - last", true, nil},
		{"index=a | where match(b, \"(?<!x)y\")", false, []string{"1:26 HC0812"}},
		{"index=a | where b=\"*x*\"", true, []string{"1:19 HC0814"}},
		{"index=a earliest=-1d@d", false, []string{"1:9 HC0815"}},
		{"index=a | rename b as c | stats count by c", false, []string{"1:11 HC0817"}},
		{"index=a | lookup people user OUTPUT country", false, []string{"1:18 HC0818"}},
		{"index=a ~theirs(1,2)~ | stats count by b", true, []string{"1:9 HC0808"}},
		{"index=a | streamstats count as n by b", false, []string{"1:11 HC0811"}},
		{"index=a | stats count by b | stats sum(count) by c", true, []string{"1:50 HC0813"}},
		{"index=a | stats count by b | append [ | tstats count by host ] | append [ | iplocation c ]", false, []string{"1:77 HC0801"}},
		{"| tstats prestats=t count from datamodel=Web by Web.src", false, []string{"1:3 HC0802"}},
		{"| tstats count from datamodel=Web | tstats count from datamodel=Web", false, []string{"1:37 HC0802"}},
	}
	for _, tt := range tests {
		l := b.LiftText("t.spl", unticked(tt.text))
		var got []string
		for _, d := range l.Diagnostics {
			if d.Pos.Filename != "t.spl" {
				t.Errorf("%s is in the file %q", d.Message, d.Pos.Filename)
			}
			if strings.HasPrefix(string(d.Code), "HC08") {
				got = append(got, fmt.Sprintf("%d:%d %s", d.Pos.Line, d.Pos.Column, d.Code))
			}
		}
		if !cmp.Equal(got, tt.want) || l.Full() != tt.full {
			t.Errorf("%s\nfinds %v, full is %t; want %v\n%v", tt.text, got, l.Full(), tt.want, l.Diagnostics)
		}
	}
}

// FuzzLiftText: no text panics, every diagnostic is in the text, and what is
// read fully obeys law 2.
func FuzzLiftText(f *testing.F) {
	for _, s := range searches {
		f.Add(unticked(s.text))
	}
	f.Add("| tstats last(0)")
	f.Add("| tstats count(_time)")
	f.Add("| tstats count as n from datamodel=Endpoint.Processes by Processes.user | eval m=if(n > 1, n, null()) | sort 2 m")
	b := testBackend(f)
	f.Fuzz(func(t *testing.T, text string) {
		l := b.LiftText("f.spl", text)
		lines := strings.Count(text, "\n") + 1
		for _, d := range l.Diagnostics {
			if d.Pos.Line < 1 || d.Pos.Line > lines || d.Pos.Column < 1 || d.Pos.Filename != "f.spl" {
				t.Errorf("a diagnostic at %v: %s", d.Pos, d.Message)
			}
		}
		if !l.Full() {
			if !l.Diagnostics.HasErrors() {
				t.Error("no query, and no reason")
			}
			return
		}
		checkRoundTrip(t, b, l.Queries[0].Query)
	})
}

// TestLiftTextBounds: what is too long is refused, and what is just not is read
// at once.
func TestLiftTextBounds(t *testing.T) {
	b := testBackend(t)
	repeat := func(n int, text string) string {
		var s strings.Builder
		for i := range n {
			s.WriteString(strings.ReplaceAll(text, "#", fmt.Sprint(i)))
		}
		return s.String()
	}
	for _, tt := range []struct {
		name, text string
		full       bool
	}{
		{"bytes", "index=a " + repeat(20000, "b=value# "), false},
		{"commands", "index=a | stats count by b" + repeat(600, " | where count>#"), false},
		{"assignments", "index=a | eval x=1" + repeat(600, ", x#=#"), false},
		{"rows joined with groups of themselves", "index=a | stats count by b" + repeat(100, " | eventstats count as n# by b"), false},
		{"parentheses", "index=a | where " + repeat(200, "(") + "b=1" + repeat(200, ")"), false},
		{"a long list", "index=a b IN (c" + repeat(9000, ",v#") + ")", true},
		{"many alternatives", "index=a | where b=1" + repeat(5000, " OR c#=#"), true},
		{"many steps", "index=a | stats count as c0 by b" + repeat(240, " | eval c#=c#+1"), true},
	} {
		l := b.LiftText("t.spl", tt.text)
		if l.Full() != tt.full {
			t.Errorf("%s: full is %t; %v", tt.name, l.Full(), l.Diagnostics)
			continue
		}
		if tt.full {
			checkRoundTrip(t, b, l.Queries[0].Query)
		}
	}
}
