package defender

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

func textBackend(t testing.TB) *Backend {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return New(s)
}

// textTests are texts with what they mean, in the notation of ir.Format, and
// the codes that are said of them.
var textTests = []struct{ name, text, want, codes string }{
	{"whole terms are not substrings", `DeviceProcessEvents | where ProcessCommandLine has "enc" and FileName contains "curl"`,
		"scan xdr DeviceProcessEvents\nfilter and(term(ProcessCommandLine, \"enc\"), match(FileName, \"*curl*\"))\n", ""},
	{"case", `DeviceProcessEvents | where FileName == "A" or FileName =~ "B" or FileName in ("C", "D") or FileName in~ ("E", "F") or FileName has_cs "G"`,
		"scan xdr DeviceProcessEvents\nfilter or(match_cs(FileName, \"A\", \"C\", \"D\"), match(FileName, \"B\", \"E\", \"F\"), term_cs(FileName, \"G\"))\n", ""},
	{"term lists", `DeviceProcessEvents | where FileName has_any ("a", "b") and FileName has_all ("c", "d") and FileName !has "e" and FileName hasprefix "f" and FileName !hassuffix "g"`,
		"scan xdr DeviceProcessEvents\nfilter and(term(FileName, \"a\", \"b\"), term(FileName, \"c\"), term(FileName, \"d\"), not(term(FileName, \"e\")), term(FileName, \"f*\"), not(term(FileName, \"*g\")))\n", ""},
	{"the negation of a comparison is false of null", `DeviceNetworkEvents | where not(RemotePort > 443) and not(RemotePort == 80 or RemotePort between (1 .. 9))`,
		"scan xdr DeviceNetworkEvents\nfilter and(<=_cs(RemotePort, 443), not(=_cs(RemotePort, 80)), or(<_cs(RemotePort, 1), >_cs(RemotePort, 9)))\n", ""},
	{"an empty text is missing", `DeviceProcessEvents | where FileName == "" or isnotempty(FolderPath)`,
		"scan xdr DeviceProcessEvents\nfilter or(match(FileName, \"\"), not(match(FolderPath, \"\")))\n", ""},
	{"a look-back below other conditions", `DeviceEvents | where ActionType == "x" | where Timestamp > ago(7d) and ReportId > 1`,
		"scan xdr DeviceEvents last 168h0m0s\nfilter and(match_cs(ActionType, \"x\"), >_cs(ReportId, 1))\n", ""},
	{"definitions", "let days = 7d;\nlet names = dynamic([\"a.exe\", \"b.exe\"]);\nlet runs = DeviceProcessEvents | where Timestamp > ago(days);\nruns | where FileName in~ (names)",
		"scan xdr DeviceProcessEvents last 168h0m0s\nfilter match(FileName, \"a.exe\", \"b.exe\")\n", ""},
	{"a function with parameters", "let only = (T: (FileName: string), name: string, at: long = 3) { T | where FileName =~ name and ReportId == at };\nonly(DeviceFileEvents, \"x\")",
		"scan xdr DeviceFileEvents\nfilter and(match(FileName, \"x\"), =_cs(ReportId, 3))\n", ""},
	{"a function that gives a value", "let low = (x: string) { tolower(x) };\nDeviceFileEvents | extend n = low(FileName)",
		"scan xdr DeviceFileEvents\nextend n = lower(FileName)\n", ""},
	{"join without a kind", `DeviceProcessEvents | project DeviceId, FileName | join (DeviceInfo | project DeviceId, OSPlatform) on DeviceId | project DeviceId1, OSPlatform`,
		"join innerunique on DeviceId repeat\n  scan xdr DeviceProcessEvents\n  project DeviceId, FileName\n  --\n  scan xdr DeviceInfo\n  project DeviceId, OSPlatform\nproject DeviceId1, OSPlatform\n", ""},
	{"rows as a list", `DeviceProcessEvents | where DeviceId in ((DeviceInfo | where OSPlatform == "x" | distinct DeviceId)) | take 1`,
		"join semi on DeviceId\n  scan xdr DeviceProcessEvents\n  --\n  scan xdr DeviceInfo\n  filter match_cs(OSPlatform, \"x\")\n  distinct DeviceId\nlimit 1\n", ""},
	{"aggregates that count an empty text", `DeviceProcessEvents | summarize dcount(FileName), make_set(FolderPath, 5), count(), n = countif(FileName has "a") by bin(Timestamp, 1h)`,
		"scan xdr DeviceProcessEvents\naggregate dcount_FileName = dcount[dcount](FileName), set_FolderPath = values[make_set](FolderPath, 5), count_ = count(), n = countif(term(FileName, \"a\")) by Timestamp = bin(Timestamp, 1h0m0s)\n", ""},
	{"an aggregate with a condition is of the values that it chooses", `DeviceProcessEvents | summarize dcountif(DeviceName, FileName =~ "x.exe"), s = make_set_if(FileName, ProcessId > 4, 100), sumif(ProcessId, ProcessId > 5), take_anyif(FileName, ProcessId > 6) by AccountName`,
		"scan xdr DeviceProcessEvents\naggregate dcountif_DeviceName = dcount[dcountif](if(match(FileName, \"x.exe\"), DeviceName)), s = values[make_set_if](if(>_cs(ProcessId, 4), FileName), 100), sumif_ProcessId = sum[sumif](if(>_cs(ProcessId, 5), ProcessId)), FileName = any[take_anyif](if(>_cs(ProcessId, 6), FileName)) by AccountName\n", ""},
	{"a percentile", `DeviceProcessEvents | summarize percentile(ProcessId, 95), p = percentile(ProcessId, 99.5) by DeviceName`,
		"scan xdr DeviceProcessEvents\naggregate percentile_ProcessId_95 = percentile[percentile](ProcessId, 95), p = percentile[percentile](ProcessId, 99.5) by DeviceName\n", ""},
	{"a datatable as a list", "let allow = datatable(n: string, m: long) [\"a\", 1, \"b\", 2];\nDeviceProcessEvents | where FileName in~ (allow) and DeviceName !in (allow)",
		"scan xdr DeviceProcessEvents\nfilter and(match(FileName, \"a\", \"b\"), not(match_cs(DeviceName, \"a\", \"b\")))\n", ""},
	{"no regular expression", `DeviceProcessEvents | where FileName matches regex "((("`, "", "HC0848"},
	{"values without a table", `print x = 1`, "", "HC0845"},
	{"rows of a file", `externaldata(x: string) ["http://x"] | take 1`, "", "HC0845"},
	{"no percentile", `DeviceProcessEvents | summarize p = percentile(ProcessId, ReportId) by DeviceName`, "", "HC0847"},
	{"the latest row", `DeviceInfo | summarize arg_max(Timestamp, *) by DeviceId`,
		"scan xdr DeviceInfo\nsort Timestamp desc\nwhole distinct DeviceId\n", ""},
	{"values of the latest row", `DeviceInfo | summarize arg_max(Timestamp, OSPlatform), n = count() by DeviceId`,
		"scan xdr DeviceInfo\naggregate Timestamp = arg_max[arg_max](Timestamp, Timestamp), OSPlatform = arg_max[arg_max](Timestamp, OSPlatform), n = count() by DeviceId\n", ""},
	{"a value made of aggregates", `DeviceInfo | summarize span = max(Timestamp) - min(Timestamp) by DeviceId`,
		"scan xdr DeviceInfo\naggregate max_Timestamp_of_span = max(Timestamp), min_Timestamp_of_span = min(Timestamp) by DeviceId\nproject DeviceId, span = -(max_Timestamp_of_span, min_Timestamp_of_span)\n", ""},
	{"JSON", `DeviceEvents | extend p = tostring(parse_json(AdditionalFields).PipeName), q = parse_json(AdditionalFields)["a b"][0].c, r = tostring(parse_json(AdditionalFields)[-1]) | where p has "x"`,
		"scan xdr DeviceEvents\nextend p = tostring(prop(json(AdditionalFields), \"PipeName\")), q = prop(at(prop(json(AdditionalFields), \"a b\"), 0), \"c\"), r = item(json(AdditionalFields), -1)\nfilter term(p, \"x\")\n", ""},
	{"parts of texts and addresses", `DeviceNetworkEvents | extend a = split(RemoteUrl, "/"), b = tostring(split(RemoteUrl, "/")[-1]), c = tostring(split(RemoteUrl, "/")[2]), d = tostring(parse_url(RemoteUrl).Host)`,
		"scan xdr DeviceNetworkEvents\nextend a = parts(RemoteUrl, \"/\"), b = item(parts(RemoteUrl, \"/\"), -1), c = split(RemoteUrl, \"/\", 2), d = tostring(prop(url(RemoteUrl), \"Host\"))\n", ""},
	{"whole numbers and nulls", `DeviceNetworkEvents | extend a = int(null), b = long(null), c = toint(0), d = tolong(extract(@"(\d+)", 1, RemoteUrl)), e = toint(RemoteUrl has "x"), f = dynamic(null), g = iff(RemoteUrl has "x", LocalPort, int(null))`,
		"scan xdr DeviceNetworkEvents\nextend a = if(or(), toint(0)), b = if(or(), 0), c = toint(0), d = tolong(extract(RemoteUrl, \"(\\\\d+)\", 1)), e = toint(term(RemoteUrl, \"x\")), f = if(or(), json(\"null\")), g = if(term(RemoteUrl, \"x\"), LocalPort, if(or(), toint(0)))\n", ""},
	{"instants and the time between them", `DeviceEvents | where Timestamp > datetime(2026-03-05T04:32:00Z) | extend d = datetime_diff("second", now(), Timestamp)`,
		"scan xdr DeviceEvents\nfilter >_cs(Timestamp, instant(\"2026-03-05T04:32:00Z\"))\nextend d = datediff(\"second\", now(), Timestamp)\n", ""},
	{"a condition that may be null as a value", `DeviceNetworkEvents | extend a = LocalPort > 5 and RemotePort > 6`,
		"scan xdr DeviceNetworkEvents\nextend a = if(and(>_cs(LocalPort, 5), >_cs(RemotePort, 6)), true, if(or(<=_cs(LocalPort, 5), <=_cs(RemotePort, 6)), false))\n", ""},
	{"a constant put together", `DeviceNetworkEvents | where RemoteUrl endswith strcat(".", "a.example")`,
		"scan xdr DeviceNetworkEvents\nfilter match(RemoteUrl, \"*.a.example\")\n", ""},
	{"whole numbers divide to whole numbers", `DeviceNetworkEvents | extend a = RemotePort / 2, b = RemotePort / 2.0`,
		"scan xdr DeviceNetworkEvents\nextend a = foreign(\"RemotePort / 2\"), b = /(RemotePort, 2)\n", ""},
	{"union with the name of its inputs", `union withsource=T isfuzzy=true DeviceFileEvents, (DeviceEvents | where ReportId > 1) | project T, ReportId`,
		"union from T\n  scan xdr DeviceFileEvents\n  --\n  scan xdr DeviceEvents\n  filter >_cs(ReportId, 1)\n  --\nproject T, ReportId\n", ""},
	{"escapes that do not exist", `DeviceFileEvents | where FolderPath has "\Users\temp\" or FolderPath endswith "\x"`,
		"scan xdr DeviceFileEvents\nfilter or(term(FolderPath, \"\\\\Users\\\\temp\\\\\"), match(FolderPath, \"*\\\\x\"))\n", "HC0841 HC0841"},
	{"a quote in a verbatim string", `DeviceFileEvents | where FileName matches regex @"a\"b" and FileName matches regex @"c\""d"`,
		"scan xdr DeviceFileEvents\nfilter and(regex(FileName, \"a\\\\\\\"b\"), regex(FileName, \"c\\\\\\\"d\"))\n", "HC0841"},
	{"an operator that does not exist", `DeviceFileEvents | where FileName !has_any ("a", "b")`,
		"scan xdr DeviceFileEvents\nfilter not(term(FileName, \"a\", \"b\"))\n", "HC0841"},
	{"a column that is not there", `DeviceFileEvents | where AccountName == "x"`,
		"scan xdr DeviceFileEvents\nfilter match_cs(AccountName, \"x\")\n", "HC0843"},
	{"a table that is not there", `AuditLogs | where Any == "x" | project Any`,
		"scan xdr AuditLogs\nfilter match_cs(Any, \"x\")\nproject Any\n", "HC0844"},
	{"the other projections", `DeviceInfo | project a = DeviceId, b = DeviceName, c = OSPlatform | project-away b | project-rename d = c | project-reorder d`,
		"scan xdr DeviceInfo\nproject a = DeviceId, b = DeviceName, c = OSPlatform\nproject a, c\nproject a, d = c\nproject d, a\n", ""},
	{"the row before", `DeviceNetworkEvents | sort by DeviceId asc, Timestamp desc | extend gap = datetime_diff("second", Timestamp, prev(Timestamp)) | where gap < 5 | project gap`,
		"scan xdr DeviceNetworkEvents\nrank row = DeviceId asc, Timestamp desc by \nlag prev_Timestamp = Timestamp along row by \nextend gap = datediff(\"second\", Timestamp, prev_Timestamp)\nsort row asc\nfilter <_cs(gap, 5)\nproject gap\n", ""},
	{"a row some rows before, or a value where there is none", `DeviceNetworkEvents | sort by Timestamp asc | extend a = prev(RemotePort, 2, 0), b = prev(RemoteIP) | summarize n = count() by a, b`,
		"scan xdr DeviceNetworkEvents\nrank row = Timestamp asc by \nlag prev_RemotePort1 = RemotePort along row by \nlag prev_RemotePort = prev_RemotePort1 along row by \nlag b = RemoteIP along row by \nextend a = if(>_cs(row, 2), prev_RemotePort, 0)\naggregate n = count() by a, b\n", ""},
	{"the row before in conditions and in rows that are left", `DeviceNetworkEvents | sort by Timestamp asc | where RemotePort != prev(RemotePort) | where DeviceId == prev(DeviceId) | summarize n = count()`,
		"scan xdr DeviceNetworkEvents\nrank row = Timestamp asc by \nlag prev_RemotePort = RemotePort along row by \nfilter and(not(=_cs(RemotePort, prev_RemotePort)), or(exists(RemotePort), exists(prev_RemotePort)))\nlag prev_DeviceId = DeviceId along row by \nfilter =_cs(DeviceId, prev_DeviceId)\naggregate n = count()\n", ""},
	{"the row before within a group", `DeviceNetworkEvents | sort by DeviceId asc, RemotePort desc, Timestamp asc | serialize | extend d = prev(DeviceId, 1), p = prev(RemotePort, 1), t = prev(Timestamp, 1) | where DeviceId == d and p == RemotePort and ReportId > 2 | extend gap = Timestamp - t | summarize avg(gap) by DeviceId, p`,
		"scan xdr DeviceNetworkEvents\nlag t = Timestamp along Timestamp by DeviceId, RemotePort\nfilter and(exists(t), exists(RemotePort))\nextend p = RemotePort\nfilter >_cs(ReportId, 2)\nextend gap = -(Timestamp, t)\naggregate avg_gap = avg(gap) by DeviceId, p\n", ""},
	{"several columns of the row before within a group", `DeviceNetworkEvents | sort by DeviceId asc, Timestamp desc | extend d = prev(DeviceId), i = prev(RemoteIP), t = prev(Timestamp) | where DeviceId == d | project DeviceId, i, t`,
		"scan xdr DeviceNetworkEvents\nrank row = Timestamp desc by DeviceId\nlag i = RemoteIP along row by DeviceId\nlag t = Timestamp along row by DeviceId\nfilter >_cs(row, 1)\nsort DeviceId asc, Timestamp desc\nproject DeviceId, i, t\n", ""},
	{"keys that may all be empty texts", `DeviceNetworkEvents | sort by RemoteIP asc, Timestamp asc | extend i = prev(RemoteIP), t = prev(Timestamp) | where RemoteIP == i | summarize n = count() by RemoteIP`,
		"scan xdr DeviceNetworkEvents\nrank row = RemoteIP asc, Timestamp asc by \nlag i = RemoteIP along row by \nlag t = Timestamp along row by \nfilter =_cs(RemoteIP, i)\naggregate n = count() by RemoteIP\n", ""},
	{"the row before in rows of which nothing is known", `Nothing | sort by a asc | extend b = prev(a)`,
		"scan xdr Nothing\nsort a asc\nextend b = foreign(\"prev(a)\")\n", "HC0844"},
	{"the row after", `DeviceNetworkEvents | sort by Timestamp asc | extend a = next(RemotePort), b = prev(RemotePort) | project a`,
		"scan xdr DeviceNetworkEvents\nsort Timestamp asc\nextend a = foreign(\"next(RemotePort)\"), b = foreign(\"prev(RemotePort)\")\nproject a\n", ""},

	{"an operator", `DeviceEvents | mv-expand x = DeviceId | where y == 1`, "", "HC0845"},
	{"two reasons", `DeviceEvents | mv-apply x = DeviceId on (take 1) | where nosuch(DeviceId) == 1`, "", "HC0845 HC0846"},
	{"no order", `DeviceEvents | extend x = prev(DeviceId)`, "", "HC0845"},
	{"a list of rows within or", `DeviceEvents | where ReportId == 1 or DeviceId in ((DeviceInfo | distinct DeviceId))`, "", "HC0849"},
	{"any column", `DeviceEvents | where * has "x"`, "", "HC0848"},
	{"only definitions", `let a = 1;`, "", "HC0852"},
	{"a value for rows", "let a = 1;\na | take 5", "", "HC0850"},
	{"a placeholder", `DeviceEvents | where DeviceId in (<HASHES>)`, "", "HC0383"},
}

func TestLiftText(t *testing.T) {
	b := textBackend(t)
	for _, tt := range textTests {
		t.Run(tt.name, func(t *testing.T) {
			l := b.LiftText("q.kql", tt.text)
			var codes []string
			for _, d := range l.Diagnostics {
				codes = append(codes, string(d.Code))
				if !d.Pos.IsValid() {
					t.Errorf("%s has no place", d.Code)
				}
			}
			if got := strings.Join(codes, " "); got != tt.codes {
				t.Errorf("codes %q, want %q: %v", got, tt.codes, l.Diagnostics)
			}
			if l.Full() != (tt.want != "") {
				t.Fatalf("full: %v", l.Full())
			}
			if !l.Full() {
				return
			}
			if got := ir.Format(l.Queries[0].Query); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			again(t, b, l.Queries[0].Query)
		})
	}
}

// again holds law 2 on a query that was lifted.
func again(t *testing.T, b *Backend, q ir.Query) {
	t.Helper()
	text := kql.Print(b.Lower(q))
	l := b.LiftText("", text)
	if !l.Full() || len(l.Queries) != 1 {
		t.Fatalf("not lifted again: %v\n%s", l.Diagnostics, text)
	}
	if want, got := ir.Format(ir.Canonical(q)), ir.Format(ir.Canonical(l.Queries[0].Query)); want != got {
		t.Errorf("another query:\n%s\ngot\n%s\nwant\n%s", text, got, want)
	}
}

// Several queries of one text are read each by itself, and one that is not
// understood does not take the others along.
func TestLiftTextStatements(t *testing.T) {
	l := textBackend(t).LiftText("q.kql", "let n = 3;\nDeviceEvents\n| take n2\n\nDeviceInfo\n| where ReportId == n\n\nDeviceFileEvents | mv-expand x\n;\nDeviceEvents | take 2")
	var got []bool
	for _, q := range l.Queries {
		got = append(got, q.Query != nil)
	}
	if len(got) != 4 || got[0] || !got[1] || got[2] || !got[3] {
		t.Errorf("%v: %v", got, l.Diagnostics)
	}
}

// Definitions that double with each name are an error, not a long wait.
func TestLiftTextBounds(t *testing.T) {
	var text strings.Builder
	text.WriteString("let a0 = DeviceEvents;\n")
	last := "a0"
	for range 60 {
		name := last + "x"
		text.WriteString("let " + name + " = union " + last + ", " + last + ";\n")
		last = name
	}
	text.WriteString(last)
	l := textBackend(t).LiftText("", text.String())
	if l.Full() || len(l.Diagnostics) == 0 || l.Diagnostics[len(l.Diagnostics)-1].Severity != diag.Error {
		t.Errorf("%v", l.Diagnostics)
	}
}

// A pipeline that is too long is refused before it is read.
func TestLiftTextLength(t *testing.T) {
	for _, n := range []int{2_000, 40_000} {
		l := textBackend(t).LiftText("", "DeviceEvents"+strings.Repeat(" | where ReportId == 1", n))
		if l.Full() || len(l.Diagnostics) != 1 || !l.Diagnostics.HasErrors() {
			t.Errorf("%d operators: %v", n, l.Diagnostics)
		}
	}
}

// FuzzLiftText holds that no text panics or hangs, and law 2 on what is lifted.
func FuzzLiftText(f *testing.F) {
	for _, tt := range textTests {
		f.Add(tt.text)
	}
	f.Add("let A00=(){A|\nA|")
	f.Add("DeviceNetworkEvents | sort by Timestamp asc | extend a = prev(RemotePort, 2, 0), b = b == prev(RemoteIP)")
	f.Add("DeviceNetworkEvents | sort by DeviceId asc, Timestamp asc | serialize | extend d = prev(DeviceId), t = prev(Timestamp) | where DeviceId == d | extend gap = Timestamp - t | summarize avg(gap) by D")
	for _, deep := range []string{"tolower(", "(1 == ", "(ReportId + ", "(ReportId / ", "iff(ReportId == 1, 2, ", "not("} {
		f.Add("DeviceFileEvents | extend x = " + strings.Repeat(deep, 60) + "1" + strings.Repeat(")", 60))
	}
	b := textBackend(f)
	f.Fuzz(func(t *testing.T, text string) {
		l := b.LiftText("", text)
		for _, q := range l.Queries {
			if q.Query != nil {
				again(t, b, q.Query)
			}
		}
	})
}

func BenchmarkLiftText(b *testing.B) {
	backend := textBackend(b)
	for b.Loop() {
		for _, tt := range textTests {
			backend.LiftText("", tt.text)
		}
	}
}
