package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// lifted is a filtered scan as lifting gives it.
func lifted(view View, table string, pred ir.Expr) ir.Query {
	return &ir.Filter{Input: &ir.Scan{Physical: &ir.Physical{View: string(view), Table: table}}, Pred: pred}
}

// raisedText shows a raised query in one line, and the codes of its diagnostics.
func raisedText(r Raised) string {
	var b strings.Builder
	if r.Query != nil {
		b.WriteString(strings.ReplaceAll(strings.TrimSpace(ir.Format(r.Query)), "\n", " | "))
	}
	for _, d := range r.Diagnostics {
		fmt.Fprintf(&b, " {%s %s}", d.Severity, d.Code)
	}
	return strings.TrimSpace(strings.TrimPrefix(b.String(), "scan "))
}

func number64(n int64) ir.Expr { return &ir.Lit{Value: n} }

func eq(name string, n int64) ir.Expr {
	return &ir.Compare{Op: ir.Eq, L: field(name), R: number64(n)}
}

func line(n int) diag.Span {
	return diag.Span{Pos: diag.Pos{Line: n, Column: 1}, EndPos: diag.Pos{Line: n, Column: 9}}
}

// What has no form in documents is named.
func TestRaiseNames(t *testing.T) {
	s := mustSchema(t)
	for _, tt := range []struct {
		q    ir.Query
		want string
	}{
		{lifted(XDR, "DeviceProcessEvents", &ir.Foreign{Text: "ipv4_is_in_range(RemoteIP, '10.0.0.0/8')"}), "documents have no form for ipv4_is_in_range(RemoteIP, '10.0.0.0/8')"},
		{&ir.Extend{Cols: []*ir.Col{{As: "x", X: &ir.Foreign{Text: "parse_user_agent(A)"}}}, Input: lifted(XDR, "DeviceProcessEvents", match("FileName", "a")).(*ir.Filter).Input},
			"x is computed by parse_user_agent(A), which documents have no form for"},
		{lifted(XDR, "AADSignInEventsBeta", &ir.Compare{Op: ir.Gt, L: field("ErrorCode"), R: &ir.Foreign{Text: strings.Repeat("f(", 60)}}), "documents have no form for " + strings.Repeat("f(", 40) + "..."},
	} {
		found := false
		r := s.Raise(tt.q, XDR)
		for _, d := range r.Diagnostics {
			found = found || d.Code == codeNoLogical && d.Message == tt.want
		}
		if !found || r.Query != nil {
			t.Errorf("want %s, got %v", tt.want, r.Diagnostics)
		}
	}
}

func TestRaise(t *testing.T) {
	s := mustSchema(t)
	for _, tt := range []struct {
		name string
		view View
		q    ir.Query
		want string
	}{
		{"a file name is the end of a path", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("FileName", "cmd.exe"))),
			`process_creation/-/- | filter match(Image, "*\\cmd.exe")`},
		{"one that Linux may have too", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("FileName", "curl"))),
			`process_creation/-/- | filter match(Image, "*\\curl", "*/curl")`},
		{"a part of a file name", CIM, lifted(CIM, "Endpoint.Processes", match("process_name", "a*")),
			`process_creation/-/- | filter match(extract(Image, "[^\\\\/]+$", 0), "a*")`},
		{"the end of a path", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("FolderPath", `*\cmd.exe`, `*\Temp\*`))),
			`process_creation/-/- | filter match(Image, "*\\cmd.exe", "*\\Temp\\\\*")`},
		{"what a table holds besides is not known", XDR, lifted(XDR, "DeviceProcessEvents", match("FileName", "cmd.exe")),
			`process_creation/-/- | filter match(Image, "*\\cmd.exe") {info HC0522}`},
		{"all rows of a table", XDR, lifted(XDR, "DeviceFileEvents", match("FileName", "a.dll")),
			`file_activity/-/- | filter match(TargetFilename, "*\\a.dll")`},
		{"all rows of a data model", CIM, lifted(CIM, "Endpoint.Filesystem", match("file_name", "a.dll")),
			`file_activity/-/- | filter match(TargetFilename, "*\\a.dll")`},
		{"kinds of event of several datasets", XDR, lifted(XDR, "DeviceFileEvents", and(match("ActionType", "FileCreated", "FileRenamed", "FileDeleted"), match("FileName", "x.js"))),
			`file_activity/-/- | filter and(match(Action, "created", "deleted", "renamed"), match(TargetFilename, "*\\x.js", "*/x.js"))`},
		{"actions of several datasets", CIM, lifted(CIM, "Endpoint.Filesystem", and(match("action", "modified", "renamed"), match("file_path", "*.locked"))),
			`file_activity/-/- | filter and(match(Action, "modified", "renamed"), match(TargetFilename, "*.locked"))`},
		{"a kind of event that is not wanted", XDR, lifted(XDR, "DeviceFileEvents", not(match("ActionType", "FileDeleted"))),
			`file_activity/-/- | filter not(match(Action, "deleted"))`},
		{"all connections", XDR, lifted(XDR, "DeviceNetworkEvents", match("RemoteIP", "1.2.3.4")),
			`network_activity/-/- | filter match(DestinationIp, "1.2.3.4") {info HC0525}`},
		{"connections that did not come about", XDR, lifted(XDR, "DeviceNetworkEvents", and(match("ActionType", "ConnectionFailed", "ConnectionAttempt"), match("RemoteIP", "1.2.3.4"))),
			`network_activity/-/- | filter and(match(ActionType, "ConnectionFailed", "ConnectionAttempt"), match(DestinationIp, "1.2.3.4")) {info HC0521} {info HC0525}`},
		{"requests that a proxy logs are connections", XDR, lifted(XDR, "DeviceNetworkEvents", match("ActionType", "ConnectionSuccess", "ConnectionFailed", "ConnectionRequest")),
			`network_activity/-/- | filter match(Initiated, "true")`},
		{"all changes of the registry", CIM, lifted(CIM, "Endpoint.Registry", match("registry_value_name", "x")),
			`registry_activity/-/- | filter match(RegistryValueName, "x")`},
		{"all changes of the registry, on the other target", XDR, lifted(XDR, "DeviceRegistryEvents", match("RegistryValueName", "x")),
			`registry_activity/-/- | filter match(RegistryValueName, "x")`},
		{"a logon that failed", XDR, lifted(XDR, "DeviceLogonEvents", and(match("ActionType", "LogonFailed"), match("AccountName", "bob"))),
			`logon/-/- | filter and(match(Action, "failure"), match(User, "*\\bob"))`},
		{"all logons", XDR, lifted(XDR, "DeviceLogonEvents", match("RemoteIP", "1.2.3.4")),
			`logon/-/- | filter match(SourceAddress, "1.2.3.4")`},
		{"kinds of event that no dataset holds together", XDR, lifted(XDR, "DeviceEvents", match("ActionType", "DriverLoad", "ServiceInstalled")), `{error HC0522}`},
		{"all events of a table of many kinds", XDR, lifted(XDR, "DeviceEvents", match("DeviceName", "a")), `{error HC0522}`},
		{"a kind of event by a term of its name", XDR, lifted(XDR, "DeviceFileEvents", &ir.Term{X: field("ActionType"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "Created")}}),
			`file_activity/-/- | filter term(ActionType, "Created") {info HC0521}`},
		{"a kind of event by a part of its name", XDR, lifted(XDR, "DeviceFileEvents", match("ActionType", "*Created*")),
			`file_activity/-/- | filter match(ActionType, "*Created*") {info HC0521}`},
		{"an action by a term of it", CIM, lifted(CIM, "Endpoint.Filesystem", &ir.Term{X: field("action"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "created")}}),
			`file_activity/-/- | filter term(Action, "created")`},
		{"an action that no document has a word for", CIM, lifted(CIM, "Endpoint.Filesystem", match("action", "modified", "scrambled")),
			`file_activity/-/- | filter match(action, "modified", "scrambled") {info HC0521}`},
		{"a connection by a term of its kind", XDR, lifted(XDR, "DeviceNetworkEvents", &ir.Term{X: field("ActionType"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "Success")}}),
			`network_activity/-/- | filter term(ActionType, "Success") {info HC0521}`},
		{"the dataset by its action", XDR, lifted(XDR, "DeviceFileEvents", and(match("ActionType", "FileDeleted"), match("FileName", "a.dll"))),
			`file_delete/-/- | filter match(TargetFilename, "*\\a.dll")`},
		{"a part of what the dataset has", XDR, lifted(XDR, "DeviceFileEvents", and(match("ActionType", "FileCreated"), match("FileName", "a.dll"))),
			`file_event/-/- | filter and(match(Action, "created"), match(TargetFilename, "*\\a.dll"))`},
		{"the dataset by its action, in a data model", CIM, lifted(CIM, "Endpoint.Filesystem", and(match("action", "deleted"), match("file_name", "a.dll"))),
			`file_delete/-/- | filter match(TargetFilename, "*\\a.dll")`},
		{"two words for one value", XDR, lifted(XDR, "DeviceNetworkEvents", and(match("ActionType", "ConnectionSuccess", "ConnectionRequest"), match("Protocol", "Tcp", "TcpV4", "TcpV6"))),
			`network_connection/-/- | filter and(match(Initiated, "true"), match(Protocol, "tcp"))`},
		{"an account in two columns", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("AccountDomain", "CORP"), match("AccountName", "bob"))),
			`process_creation/-/- | filter match(User, "CORP\\bob")`},
		{"the name of an account", CIM, lifted(CIM, "Endpoint.Processes", match("user", "bob")),
			`process_creation/-/- | filter match(User, "*\\bob")`},
		{"key and value", XDR, lifted(XDR, "DeviceRegistryEvents", and(match("ActionType", "RegistryValueSet"), match("RegistryKey", `HKEY_LOCAL_MACHINE\SOFTWARE\Run`), match("RegistryValueName", "evil"))),
			`registry_set/-/- | filter match(TargetObject, "HKLM\\SOFTWARE\\Run\\evil")`},
		{"a number in the registry", XDR, lifted(XDR, "DeviceRegistryEvents", and(match("ActionType", "RegistryValueSet"), match("RegistryValueData", "16"))),
			`registry_set/-/- | filter match(Details, "DWORD (0x00000010)")`},
		{"a hash", XDR, lifted(XDR, "DeviceFileEvents", and(match("ActionType", "FileDeleted"), match("SHA1", strings.Repeat("a", 40)))),
			"file_delete/-/- | filter match(Hashes, \"*SHA1=" + strings.Repeat("a", 40) + "*\")"},
		{"a number", CIM, lifted(CIM, "Network_Traffic.All_Traffic", eq("dest_port", 443)),
			`network_activity/-/- | filter match(DestinationPort, "443")`},
		{"an address in both forms", XDR, lifted(XDR, "DeviceNetworkEvents", and(match("ActionType", "ConnectionSuccess", "ConnectionRequest"), match("RemoteIP", "10.0.0.1", "::ffff:10.0.0.1"))),
			`network_connection/-/- | filter and(match(Initiated, "true"), match(DestinationIp, "10.0.0.1"))`},
		{"what is there", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), not(match("ProcessCommandLine", "")))),
			`process_creation/-/- | filter and(exists(CommandLine), not(match(CommandLine, "")))`},
		{"what Resolve adds is not said", CIM, lifted(CIM, "Endpoint.Processes", and(match("process", "*now*"), not(match("process", "unknown")))),
			`process_creation/-/- | filter match(CommandLine, "*now*")`},
		{"what the text minds not", CIM, lifted(CIM, "Endpoint.Processes", match("process", "*now*")),
			`process_creation/-/- | filter match(CommandLine, "*now*") {info HC0525}`},
		{"a number that is none of one", CIM, lifted(CIM, "Network_Traffic.All_Traffic", &ir.Compare{Op: ir.Ne, L: field("dest_port"), R: number64(443)}),
			`network_activity/-/- | filter and(exists(DestinationPort), not(match(DestinationPort, "443"))) {info HC0525}`},
		{"all columns but some", XDR, &ir.Project{Span: line(1), Cols: []*ir.Col{{Span: line(1), As: "InitiatingProcessSHA1", X: field("InitiatingProcessSHA1")}, {Span: line(1), As: "FileName", X: field("FileName")}},
			Input: lifted(XDR, "DeviceFileEvents", match("FileName", "a.dll"))},
			`file_activity/-/- | filter match(TargetFilename, "*\\a.dll") {info HC0525}`},
		{"a column that has no name", XDR, lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("InitiatingProcessSHA1", "ab"))),
			`process_creation/-/- | filter match(InitiatingProcessSHA1, "ab") {info HC0521}`},
		{"a column that there is not", XDR, lifted(XDR, "DeviceProcessEvents", match("Nothing", "a")), `{error HC0301} {info HC0522}`},
		{"a table without dataset", XDR, lifted(XDR, "DeviceNetworkInfo", match("MacAddress", "a")), `{error HC0523}`},
		{"a table that there is not", XDR, lifted(XDR, "Nothing", match("Url", "a")), `{error HC0523}`},
		{"a log of Windows", Raw, lifted(Raw, "", and(match("index", "win"), match("source", "WinEventLog:Security"), eq("EventCode", 4625))),
			`-/windows/security | filter match(EventID, "4625") {info HC0522}`},
		{"an event of Sysmon", Raw, lifted(Raw, "sysmon", and(eq("EventCode", 1), match("Image", `*\x.exe`))),
			`process_creation/-/- | filter match(Image, "*\\x.exe") {info HC0522}`},
		{"a grouping", CIM, &ir.Aggregate{Input: lifted(CIM, "Endpoint.Processes", match("process_name", "x.exe")),
			By:   []*ir.Col{{As: "dest", X: field("dest")}, {As: "process_name", X: field("process_name")}},
			Aggs: []*ir.Agg{{As: "count", Func: ir.Count}, {As: "firstTime", Func: ir.Min, X: field("_time")}}},
			`process_creation/-/- | filter match(Image, "*\\x.exe") | aggregate count = count(), firstTime = min(Timestamp) by Computer, process_name = extract(Image, "[^\\\\/]+$", 0)`},
		{"a column that was made", XDR, &ir.Filter{Input: &ir.Aggregate{Input: lifted(XDR, "DeviceFileEvents", match("ActionType", "FileCreated", "FileModified")),
			By: []*ir.Col{{As: "ActionType", X: field("ActionType")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}}, Pred: match("ActionType", "FileCreated")},
			`file_event/-/- | aggregate n = count() by Action | filter match(Action, "created")`},
		{"a number is so many seconds beside the difference of times", CIM, &ir.Filter{Pred: &ir.Compare{Op: ir.Lt, L: field("spread"), R: number64(5), Cased: true},
			Input: &ir.Aggregate{By: []*ir.Col{{As: "dest", X: field("dest")}}, Aggs: []*ir.Agg{{As: "spread", Func: ir.Stdev, X: field("delta")}},
				Input: &ir.Extend{Cols: []*ir.Col{{As: "delta", X: &ir.Call{Func: ir.Sub, Args: []ir.Expr{field("_time"), field("before")}}}},
					Input: &ir.Lag{By: []*ir.Field{field("dest")}, Of: field("_time"), X: field("_time"), As: "before", Input: lifted(CIM, "Endpoint.Processes", match("process_name", "x.exe"))}}}},
			`process_creation/-/- | filter match(Image, "*\\x.exe") | lag before = Timestamp along Timestamp by Computer | extend delta = -(Timestamp, before) | aggregate spread = stdev(delta) by Computer | filter <(spread, 5s)`},
		{"a number of minutes", CIM, &ir.Extend{Cols: []*ir.Col{{As: "minutes", X: &ir.Call{Func: ir.Div, Args: []ir.Expr{&ir.Call{Func: ir.Sub, Args: []ir.Expr{field("b"), field("a")}}, number64(60)}}}},
			Input: &ir.Aggregate{By: []*ir.Col{{As: "dest", X: field("dest")}}, Aggs: []*ir.Agg{{As: "a", Func: ir.Min, X: field("_time")}, {As: "b", Func: ir.Max, X: field("_time")}},
				Input: lifted(CIM, "Endpoint.Processes", match("process_name", "x.exe"))}},
			`process_creation/-/- | filter match(Image, "*\\x.exe") | aggregate a = min(Timestamp), b = max(Timestamp) by Computer | extend minutes = /(-(b, a), 1m0s)`},
		{"one row of several", CIM, &ir.Distinct{Whole: true, By: []*ir.Field{field("dest")}, Input: &ir.Aggregate{Input: lifted(CIM, "Endpoint.Processes", match("process_name", "x.exe")),
			By: []*ir.Col{{As: "dest", X: field("dest")}, {As: "process_id", X: field("process_id")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}}},
			`process_creation/-/- | filter match(Image, "*\\x.exe") | aggregate n = count() by Computer, ProcessId | rank rank = ProcessId asc by Computer | filter <=(rank, 1) | project Computer, ProcessId, n {info HC0525}`},
		{"a column that there is not is only shown", XDR, &ir.Project{Cols: []*ir.Col{{As: "FileName", X: field("FileName")}, {As: "AccountName", X: field("AccountName")}},
			Input: lifted(XDR, "DeviceFileEvents", and(match("ActionType", "FileDeleted"), match("FileName", "a.dll")))},
			`file_delete/-/- | filter match(TargetFilename, "*\\a.dll") | project FileName = extract(TargetFilename, "[^\\\\/]+$", 0) {warning HC0526}`},
		{"borders between instants", XDR, &ir.Filter{Pred: &ir.Compare{Op: ir.Gt, R: number64(2), L: &ir.Call{Func: ir.DateDiff, Args: []ir.Expr{&ir.Lit{Value: "hour"}, field("Timestamp"), field("ProcessCreationTime")}}},
			Input: lifted(XDR, "DeviceProcessEvents", match("ActionType", "ProcessCreated"))},
			`process_creation/-/- | filter >(/(-(bin(Timestamp, 1h0m0s), bin(ProcessCreationTime, 1h0m0s)), 1h0m0s), 2) {info HC0521}`},
		{"a condition in the place of a value", XDR, &ir.Extend{Cols: []*ir.Col{{As: "odd", X: match("FileName", "a.exe")}},
			Input: lifted(XDR, "DeviceProcessEvents", match("ActionType", "ProcessCreated"))},
			`process_creation/-/- | extend odd = if(match(Image, "*\\a.exe"), true, false)`},
		{"a value in the place of a condition", XDR, &ir.Filter{Pred: &ir.Logic{Op: ir.Or, Args: []ir.Expr{field("odd"), &ir.Not{X: field("odd")}}},
			Input: &ir.Extend{Cols: []*ir.Col{{As: "odd", X: &ir.Lit{Value: true}}}, Input: lifted(XDR, "DeviceProcessEvents", match("ActionType", "ProcessCreated"))}},
			`process_creation/-/- | extend odd = true | filter or(=_cs(odd, true), not(=_cs(odd, true)))`},
		{"what is asked of a name in a grouping", CIM, &ir.Filter{Pred: &ir.Match{X: field("user"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "bob")}},
			Input: &ir.Aggregate{By: []*ir.Col{{As: "dest", X: field("dest")}, {As: "user", X: field("user")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}},
				Input: lifted(CIM, "Endpoint.Processes", match("process_name", "x.exe"))}},
			`process_creation/-/- | filter and(match(Image, "*\\x.exe"), match(User, "*\\bob")) | aggregate n = count() by Computer, User`},
		{"rows of a union", XDR, &ir.Union{Inputs: []ir.Query{
			lifted(XDR, "DeviceProcessEvents", and(match("ActionType", "ProcessCreated"), match("FileName", "a.exe"))), lifted(XDR, "DeviceFileEvents", match("FileName", "b.exe"))}},
			`union |   scan process_creation/-/- |   filter match(Image, "*\\a.exe") |   project FileName = extract(Image, "[^\\\\/]+$", 0), Timestamp, DeviceName = Computer, AccountName = extract(User, "[^\\\\/]+$", 0), FolderPath = Image, ProcessCommandLine = CommandLine, InitiatingProcessFolderPath = ParentImage, InitiatingProcessCommandLine = ParentCommandLine |   -- |   scan file_activity/-/- |   filter match(TargetFilename, "*\\b.exe") |   project ActionType = Action, FileName = extract(TargetFilename, "[^\\\\/]+$", 0), Timestamp, DeviceName = Computer, InitiatingProcessAccountName = extract(User, "[^\\\\/]+$", 0), InitiatingProcessFolderPath = Image, FolderPath = TargetFilename |   --`},
		{"a property of JSON that the dataset has", XDR, lifted(XDR, "DeviceEvents", and(match("ActionType", "DnsQueryResponse"),
			&ir.Match{X: jsonOf(&Column{Kind: "computed", Expr: "tostring(parse_json(AdditionalFields).DnsQueryString)"}), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "a.example")}})),
			`dns_query/-/- | filter match(QueryName, "a.example")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := raisedText(s.Raise(tt.q, tt.view)); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A document may name a column of one target; the other target refuses it, and
// raw events do not take it for one of theirs.
func TestBoundField(t *testing.T) {
	s := mustSchema(t)
	for _, tt := range []struct {
		view  View
		field string
		want  diag.Code
	}{
		{XDR, "InitiatingProcessSHA1", codeBound},
		{CIM, "InitiatingProcessSHA1", codeNoField},
		{Raw, "InitiatingProcessSHA1", codeNoColumn},
		{CIM, "parent_process_hash", codeBound},
		{CIM, "sourcetype", codeBound},
		{XDR, "DeviceId", ""},
		{CIM, "DeviceId", codeNoValue},
		{Raw, "DeviceId", codeNoValue},
		{XDR, "parent_process_hash", codeNoField},
		{XDR, "FolderPath", codeBound},
		{XDR, "CurrentDirectory", codeNoColumn},
	} {
		res := s.Resolve(rule("process_creation", match(tt.field, "a")), tt.view)
		found := tt.want == ""
		for _, d := range res.Diagnostics {
			found = found || d.Code == tt.want
		}
		if !found || (res.Query != nil) != (tt.want == codeBound || tt.want == "") {
			t.Errorf("%s, %s: %v, want %s", tt.field, tt.view, res.Diagnostics, tt.want)
		}
	}
}

// Which column an author may have meant.
func TestColumnHint(t *testing.T) {
	s := mustSchema(t)
	for _, tt := range []struct {
		view        View
		table, name string
		want        string
	}{
		{XDR, "DeviceFileEvents", "AccountName", "Did you mean InitiatingProcessAccountName or RequestAccountName? What starts with InitiatingProcess is of the process that acted."},
		{XDR, "DeviceFileEvents", "filename", "Names are told apart by case: write FileName."},
		{XDR, "AADSignInEventsBeta", "ResultType", "Did you mean ErrorCode? It holds here what other logs call ResultType."},
		{CIM, "Web.Web", "Web.user_agent", "Did you mean http_user_agent?"},
		{CIM, "Endpoint.Processes", "Endpoint.Processes.process", "Write Processes.process."},
		{CIM, "Network_Traffic.All_Traffic", "All_Traffic.dest_host", "Did you mean dest?"},
	} {
		if got := s.columnHint(tt.view, tt.table, tt.name); got != tt.want {
			t.Errorf("%s of %s: %q, want %q", tt.name, tt.table, got, tt.want)
		}
	}
}
