package kql

import (
	"strings"
	"testing"
)

// printTests pins the text of the printer; the round-trip, fuzz and vendor
// tests use the same queries. A name that starts with "syntax only" marks a
// query that does not fit the schema.
var printTests = []struct {
	name string
	q    *Query
	want string
}{
	{
		"a table", from("DeviceInfo"), "DeviceInfo",
	},
	{
		"one operator a line",
		from("DeviceProcessEvents",
			where(bin(col("Timestamp"), ">", call("ago", span("7d")))),
			where(bin(col("FileName"), "=~", str("cmd.exe"))),
			&Project{Cols: []NamedExpr{{X: col("Timestamp")}, {X: col("DeviceName")}, named("Line", col("ProcessCommandLine"))}},
			&Sort{Keys: []SortKey{desc(col("Timestamp")), {X: col("DeviceName"), Nulls: "last"}}},
			&Take{N: 100},
		), `
DeviceProcessEvents
| where Timestamp > ago(7d)
| where FileName =~ "cmd.exe"
| project Timestamp, DeviceName, Line = ProcessCommandLine
| sort by Timestamp desc, DeviceName asc nulls last
| take 100`,
	},
	{
		"parentheses where and meets or",
		from("DeviceProcessEvents",
			where(or(and(bin(col("FileName"), "has", str("a")), bin(col("FileName"), "has", str("b"))), bin(col("FileName"), "has", str("c")))),
			where(and(or(bin(col("FileName"), "has", str("a")), bin(col("FileName"), "has", str("b"))), call("not", bin(col("FileName"), "has", str("c"))))),
		), `
DeviceProcessEvents
| where (FileName has "a" and FileName has "b") or FileName has "c"
| where (FileName has "a" or FileName has "b") and not(FileName has "c")`,
	},
	{
		"a long condition is broken at its and and or",
		from("DeviceFileEvents", where(and(
			in(col("ActionType"), "in", str("FileCreated"), str("FileModified")),
			or(bin(col("FolderPath"), "startswith", str(`C:\Users\Public\`)), bin(col("FolderPath"), "startswith", str(`C:\ProgramData\`))),
			call("not", or(bin(col("InitiatingProcessFileName"), "=~", str("msiexec.exe")), bin(col("InitiatingProcessFolderPath"), "startswith", str(`C:\Program Files\`)))),
		))), `
DeviceFileEvents
| where ActionType in ("FileCreated", "FileModified")
    and (FolderPath startswith @"C:\Users\Public\" or FolderPath startswith @"C:\ProgramData\")
    and not(InitiatingProcessFileName =~ "msiexec.exe"
            or InitiatingProcessFolderPath startswith @"C:\Program Files\")`,
	},
	{
		"a long list is wrapped",
		from("DeviceProcessEvents", where(in(col("FileName"), "in~", str("powershell.exe"), str("cmd.exe"), str("rundll32.exe"), str("regsvr32.exe"),
			str("mshta.exe"), str("wscript.exe"), str("cscript.exe"), str("wmic.exe"), str("bitsadmin.exe"), str("certutil.exe")))), `
DeviceProcessEvents
| where FileName in~ ("powershell.exe", "cmd.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe",
    "wscript.exe", "cscript.exe", "wmic.exe", "bitsadmin.exe", "certutil.exe")`,
	},
	{
		"columns are wrapped, computed ones one a line",
		from("DeviceProcessEvents",
			&Extend{Cols: []NamedExpr{
				named("ParentFile", call("tostring", at(call("split", col("InitiatingProcessFolderPath"), str(`\`)), neg(num("1"))))),
				named("Late", bin(call("datetime_diff", str("second"), col("Timestamp"), col("ProcessCreationTime")), ">", num("30"))),
			}},
			&Project{Cols: []NamedExpr{
				{X: col("Timestamp")}, {X: col("DeviceId")}, {X: col("DeviceName")}, {X: col("ReportId")}, {X: col("AccountName")}, {X: col("FileName")},
				{X: col("ProcessCommandLine")}, {X: col("ParentFile")}, {X: col("Late")},
			}},
		), `
DeviceProcessEvents
| extend ParentFile = tostring(split(InitiatingProcessFolderPath, @"\")[-1]),
    Late = datetime_diff("second", Timestamp, ProcessCreationTime) > 30
| project Timestamp, DeviceId, DeviceName, ReportId, AccountName, FileName, ProcessCommandLine,
    ParentFile, Late`,
	},
	{
		"summarize",
		from("DeviceNetworkEvents",
			&Summarize{Aggs: []NamedExpr{named("n", call("count"))}, By: []NamedExpr{{X: col("DeviceId")}, {X: call("bin", col("Timestamp"), span("1h"))}}},
			&Summarize{By: []NamedExpr{{X: col("DeviceId")}}},
		), `
DeviceNetworkEvents
| summarize n = count() by DeviceId, bin(Timestamp, 1h)
| summarize by DeviceId`,
	},
	{
		"a long summarize",
		from("DeviceNetworkEvents", &Summarize{
			Aggs: []NamedExpr{
				named("Connections", call("count")), named("First", call("min", col("Timestamp"))), named("Last", call("max", col("Timestamp"))),
				named("Ports", call("make_set", col("RemotePort"), num("100"))), {X: call("arg_max", col("Timestamp"), &Star{})},
			},
			By: []NamedExpr{{X: col("DeviceName")}, {X: col("RemoteIP")}},
		}), `
DeviceNetworkEvents
| summarize Connections = count(),
    First = min(Timestamp),
    Last = max(Timestamp),
    Ports = make_set(RemotePort, 100),
    arg_max(Timestamp, *)
    by DeviceName, RemoteIP`,
	},
	{
		"gaps",
		from("DeviceNetworkEvents",
			&Sort{Keys: []SortKey{asc(col("DeviceId")), asc(col("Timestamp"))}},
			&Serialize{},
			&Extend{Cols: []NamedExpr{named("prev_id", call("prev", col("DeviceId"), num("1"))), named("prev_ts", call("prev", col("Timestamp")))}},
			where(bin(col("DeviceId"), "==", col("prev_id"))),
			&Extend{Cols: []NamedExpr{named("gap", call("datetime_diff", str("second"), col("Timestamp"), col("prev_ts")))}},
			where(and(&Between{X: col("gap"), A: num("30"), B: num("600")}, bin(col("gap"), "!=", neg(num("1"))))),
			&ProjectAway{Names: cols("prev_id", "prev_ts")},
		), `
DeviceNetworkEvents
| sort by DeviceId asc, Timestamp asc
| serialize
| extend prev_id = prev(DeviceId, 1), prev_ts = prev(Timestamp)
| where DeviceId == prev_id
| extend gap = datetime_diff("second", Timestamp, prev_ts)
| where gap between (30 .. 600) and gap != -1
| project-away prev_id, prev_ts`,
	},
	{
		"join",
		from("DeviceInfo",
			&JoinOp{Kind: "inner", Right: from("DeviceTvmSoftwareVulnerabilities", where(bin(col("CveId"), "==", str("CVE-2025-1"))), &Distinct{Names: cols("DeviceId", "CveId")}), On: on("DeviceId")},
			&JoinOp{Kind: "leftouter", Right: from("IdentityInfo"), On: []JoinKey{{Left: col("LoggedOnUsers"), Right: col("AccountName")}}},
			&Top{N: 10, Key: desc(col("Timestamp"))},
		), `
DeviceInfo
| join kind=inner (
    DeviceTvmSoftwareVulnerabilities
    | where CveId == "CVE-2025-1"
    | distinct DeviceId, CveId
) on DeviceId
| join kind=leftouter (IdentityInfo) on $left.LoggedOnUsers == $right.AccountName
| top 10 by Timestamp desc`,
	},
	{
		"rows that stand in the query",
		&Query{
			Lets: []*Let{{Name: "owners", Query: &Query{Source: &Datatable{
				Cols:   []ColumnDecl{{Name: "DeviceName", Type: "string"}, {Name: "where", Type: "long"}},
				Values: []Expr{str("a\"b"), neg(num("1")), str(`c:\d`), &Typed{Type: "long", Text: "null"}},
			}}}, {Name: "no rows", Query: &Query{Source: &Datatable{Cols: []ColumnDecl{{Name: "x", Type: "dynamic"}}}, Ops: []Op{&Take{N: 1}}}}},
			Source: &Table{Name: "DeviceInfo"},
			Ops: []Op{
				&Lookup{Kind: "leftouter", Right: from("owners"), On: on("DeviceName")},
				where(in(col("DeviceId"), "!in", col("no rows"))),
				&Lookup{Kind: "inner", Right: from("owners", &Distinct{Names: cols("DeviceName")}), On: []JoinKey{{Left: col("DeviceId"), Right: col("DeviceName")}}},
			},
		}, `
let owners = datatable(DeviceName: string, ['where']: long) [
    "a\"b", -1,
    @"c:\d", long(null)
];
let ['no rows'] = datatable(x: dynamic) []
| take 1;
DeviceInfo
| lookup kind=leftouter (owners) on DeviceName
| where DeviceId !in (['no rows'])
| lookup kind=inner (
    owners
    | distinct DeviceName
) on $left.DeviceId == $right.DeviceName`,
	},
	{
		"a function of several columns",
		from("DeviceInfo", &Summarize{
			Aggs: []NamedExpr{named("n", call("count")), {Names: []string{"newest", "by"}, X: call("arg_max", col("Timestamp"), col("OSPlatform"))}},
			By:   []NamedExpr{{X: col("DeviceId")}},
		}), `
DeviceInfo
| summarize n = count(), (newest, ['by']) = arg_max(Timestamp, OSPlatform) by DeviceId`,
	},
	{
		"union",
		&Query{
			Source: &UnionSource{Inputs: []*Query{
				from("DeviceProcessEvents", where(bin(col("FileName"), "=~", str("a.exe")))),
				from("DeviceImageLoadEvents"),
			}},
			Ops: []Op{
				&Take{N: 5},
				&UnionOp{Params: []*Param{{Name: "kind", Value: "outer"}, {Name: "isfuzzy", Value: "true"}}, Inputs: []*Query{from("DeviceFileEvents"), from("DeviceEvents", &Take{N: 1})}},
			},
		}, `
union (
    DeviceProcessEvents
    | where FileName =~ "a.exe"
), DeviceImageLoadEvents
| take 5
| union kind=outer isfuzzy=true DeviceFileEvents, (
    DeviceEvents
    | take 1
)`,
	},
	{
		"strings",
		from("DeviceEvents", where(in(col("FileName"), "in", str(""), str("a"), str(`a"b`), str(`a'b`), str(`a\b`), str(`a\"b`), str("a\nb"), str("a\\\tb"),
			str("\x00"), str("\u202e"), str("é\U0001F600"), str(`\U0001F600`)))), `
DeviceEvents
| where FileName in ("", "a", "a\"b", "a'b", @"a\b", @"a\""b", "a\nb", "a\\\tb", "\u0000", "\u202e",
    "é😀", @"\U0001F600")`,
	},
	{
		"a JSON list has no verbatim strings",
		from("DeviceEvents", where(in(col("FolderPath"), "has_any", &Dynamic{Items: []Expr{str(`a\b`), num("1"), neg(num("2.5")), &Bool{Value: true}}}))), `
DeviceEvents
| where FolderPath has_any (dynamic(["a\\b", 1, -2.5, true]))`,
	},
	{
		"names",
		from("DeviceEvents",
			&Extend{Cols: []NamedExpr{named("x y", num("1")), named("where", num("2")), named("count", num("3")), named("a'b\\\n", num("4"))}},
			&Extend{Cols: []NamedExpr{named("pipe", dot(dot(call("parse_json", col("AdditionalFields")), "Pipe Name"), "type"))}},
			&Project{Cols: []NamedExpr{{X: col("x y")}, {X: col("where")}, {X: col("count")}}},
		), `
DeviceEvents
| extend ['x y'] = 1, ['where'] = 2, count = 3, ['a\'b\\\n'] = 4
| extend pipe = parse_json(AdditionalFields).['Pipe Name'].type
| project ['x y'], ['where'], count`,
	},
	{
		"arithmetic",
		from("DeviceFileEvents",
			where(bin(bin(bin(col("FileSize"), "-", num("1")), "-", num("2")), ">", bin(col("FileSize"), "-", bin(num("1"), "-", num("2"))))),
			where(bin(bin(bin(col("FileSize"), "+", num("1")), "*", num("2")), "==", neg(bin(num("3"), "/", neg(num("1")))))),
		), `
DeviceFileEvents
| where FileSize - 1 - 2 > FileSize - (1 - 2)
| where (FileSize + 1) * 2 == -(3 / (-1))`,
	},
	{
		"literals",
		from("DeviceEvents",
			where(bin(col("Timestamp"), ">", &Datetime{Text: "2025-01-02T03:04:05Z"})),
			where(bin(bin(col("Timestamp"), "-", col("ProcessCreationTime")), ">", span("1.02:03:04"))),
			where(or(bin(col("ReportId"), "==", &Typed{Type: "long", Text: "null"}), &Bool{}, bin(col("ReportId"), ">", num("1.5e3")))),
		), `
DeviceEvents
| where Timestamp > datetime(2025-01-02T03:04:05Z)
| where Timestamp - ProcessCreationTime > timespan(1.02:03:04)
| where ReportId == long(null) or false or ReportId > 1.5e3`,
	},
	{
		"syntax only: operands of string operators",
		from("T", where(bin(bin(col("a"), "+", col("b")), "has", bin(col("c"), "==", col("d"))))), `
T
| where (a + b) has (c == d)`,
	},
}

func TestPrint(t *testing.T) {
	for _, tt := range printTests {
		t.Run(tt.name, func(t *testing.T) {
			got := roundTrip(t, tt.q)
			if want := strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
