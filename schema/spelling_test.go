package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// pipelineText shows what became of a pipeline: its stages above the events,
// the reasons but HC0310, and other diagnostics but HC0318.
func pipelineText(res Resolution) string {
	var out []string
	for _, d := range res.Diagnostics {
		if d.Severity == diag.Error {
			out = append(out, string(d.Code)+" "+d.Message)
		}
	}
	if res.Query != nil {
		for _, line := range strings.Split(strings.TrimSpace(ir.Format(res.Query)), "\n") {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "scan ") && !strings.HasPrefix(line, "extend IpAddress = foreign") {
				out = append(out, line)
			}
		}
	}
	text := strings.Join(out, " | ")
	for _, r := range res.Reasons {
		if r.Code != codeDataset {
			text += " {" + string(r.Code) + " " + string(r.Effect) + "}"
		}
	}
	for _, d := range res.Diagnostics {
		if d.Severity != diag.Error && d.Code != codeProduct {
			text += " {" + string(d.Code) + "}"
		}
	}
	return text
}

func on(names ...string) []*ir.Field {
	var out []*ir.Field
	for _, n := range names {
		out = append(out, field(n))
	}
	return out
}

func count(in ir.Query, by string) ir.Query {
	return aggregate(in, by, &ir.Agg{As: "n", Func: ir.Count})
}

func TestResolvePipelines(t *testing.T) {
	s := mustSchema(t)
	logons := &ir.Filter{Input: &ir.Scan{Source: ir.Logsource{Product: "windows", Service: "security"}}, Pred: match("EventID", "4624")}
	registry := rule("registry_set", match("Details", "x")).Query
	deleted := rule("registry_delete", match("TargetObject", `*\Run\*`)).Query
	connections := rule("network_connection", match("Initiated", "true")).Query
	processes := rule("process_creation", match("CommandLine", "x*")).Query
	fileName := func(f string) ir.Expr {
		return call(ir.Extract, field(f), lit(`[^\\/]+$`), lit(int64(0)))
	}
	const (
		logon       = `filter match(ActionType, "LogonSuccess") | `
		process     = `filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, "x*")) | `
		processCIM  = `filter match(process, "x*") | `
		set         = `filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "x")) | `
		wholeKey    = `extend TargetObject = foreign("strcat(RegistryKey, @\"\\\", RegistryValueName)") | `
		connection  = `filter match(ActionType, "ConnectionSuccess", "ConnectionRequest") | `
		logonType   = `if(match(LogonType, "RemoteInteractive"), "10", if(match(LogonType, "CachedInteractive"), "11", if(match(LogonType, "Interactive"), "2", if(match(LogonType, "Network"), "3", if(match(LogonType, "Batch"), "4", if(match(LogonType, "Service"), "5", if(match(LogonType, "Unlock"), "7", LogonType)))))))`
		destination = `if(match(RemoteIPType, "Public", "Teredo", "FourToSixMapping"), "external", if(match(RemoteIPType, "Private", "Loopback", "Reserved", "Broadcast"), "internal", RemoteIPType))`
	)
	for _, tt := range []struct {
		name string
		view View
		q    ir.Query
		want string
	}{
		{"a function of translated values", XDR, extend(logons, "x", call(ir.Lower, field("LogonType"))),
			logon + `extend x = lower(` + logonType + `)`},
		{"their order", XDR, where(logons, compare(call(ir.ToNumber, field("LogonType")), ir.Gt, lit(int64(5)))),
			`filter and(match(ActionType, "LogonSuccess"), >(tonumber(` + logonType + `), 5))`},
		{"two columns", XDR, where(logons, compare(field("LogonType"), ir.Eq, field("TargetUserName"))),
			`filter and(match(ActionType, "LogonSuccess"), not(match(LogonType, "")), not(match(AccountName, "")), =(` + logonType + `, AccountName)) {HC0313 under}`},
		{"a key, compared later", XDR, where(count(logons, "LogonType"), match("LogonType", "10", "3")),
			logon + `aggregate n = count() by LogonType | filter match(LogonType, "RemoteInteractive", "Network") {HC0322}`},
		{"another name, compared later", XDR, where(extend(logons, "t", field("LogonType")), compare(field("t"), ir.Ne, lit("10"))),
			logon + `extend t = LogonType | filter and(exists(t), not(match(t, "RemoteInteractive")))`},
		{"another name, searched later", XDR, where(extend(logons, "t", field("LogonType")), &ir.Regexp{X: field("t"), Source: "^1"}),
			logon + `extend t = LogonType | filter match(t, "RemoteInteractive", "CachedInteractive")`},
		{"a value that it cannot have", XDR, where(count(logons, "LogonType"), match("LogonType", "99")),
			`HC0304 LogonType: no event of DeviceLogonEvents has the value "99" there {HC0322}`},
		{"a key of several words", XDR, count(connections, "DestinationZone"),
			connection + `aggregate n = count() by DestinationZone = ` + destination + ` {HC0311 mixed}`},
		{"a key of several words where a column is needed", XDR, &ir.Lag{Input: connections, By: on("DestinationZone"), Of: field(ir.Timestamp), X: field("Image"), As: "p"},
			`extend DestinationZone = ` + destination + ` | ` + connection + `lag p = InitiatingProcessFolderPath along Timestamp by DestinationZone {HC0311 mixed}`},
		{"a key of which two values have one word", CIM, count(deleted, "EventType"),
			`filter and(match(action, "deleted"), match(registry_path, "*\\Run\\\\*")) | aggregate n = count() by action {HC0311 mixed} {HC0321 mixed}`},
		{"a part of a registry path", XDR, extend(registry, "x", call(ir.Split, field("TargetObject"), lit(`\`), lit(int64(2)))),
			wholeKey + set + `extend x = split(TargetObject, "\\", 2) {HC0321 mixed}`},
		{"a registry path as key, compared later", XDR, where(count(registry, "TargetObject"), match("TargetObject", `HKLM\*`)),
			wholeKey + set + `aggregate n = count() by TargetObject | filter match(TargetObject, "HKEY_LOCAL_MACHINE\\\\*") {HC0322}`},
		{"the data of the registry", XDR, extend(registry, "x", call(ir.StrLen, field("Details"))),
			set + `extend x = strlen(RegistryValueData) {HC0314 mixed}`},
		{"an address", XDR, extend(connections, "x", call(ir.Concat, field("DestinationIp"), lit("!"))),
			connection + `extend x = concat(if(match(RemoteIP, "::ffff:*.*"), substring(RemoteIP, 7), RemoteIP), "!")`},
		{"an address as key, compared later", XDR, where(count(connections, "DestinationIp"), match("DestinationIp", "10.*")),
			connection + `aggregate n = count() by RemoteIP | filter match(RemoteIP, "10.*", "::ffff:10.*") {HC0311}`},
		{"an account without its domain", CIM, extend(processes, "x", call(ir.Upper, field("User"))),
			processCIM + `extend x = upper(user) {HC0316 mixed}`},
		{"the last account, compared later", CIM, where(aggregate(processes, "Image", &ir.Agg{As: "u", Func: ir.Last, X: field("User")}), match("u", "CORP*")),
			processCIM + `aggregate u = last(user) by process_path | filter match(u, "CORP*") {HC0316 mixed} {HC0322}`},
		{"an account with its domain", XDR, extend(processes, "x", call(ir.Upper, field("User"))),
			process + `extend x = upper(concat(coalesce(concat(AccountDomain, "\\"), ""), AccountName))`},
		{"the same spelling", XDR, extend(processes, "x", call(ir.StrLen, field("CommandLine"))),
			process + `extend x = strlen(ProcessCommandLine)`},
		{"a character that XML escapes", Raw, extend(processes, "x", call(ir.Replace, field("CommandLine"), lit("&"), lit(""))),
			`filter match(CommandLine, "x*") | extend x = replace(CommandLine, "&", "") {HC0319 mixed}`},
		{"a capital letter in a column in lower case", CIM, extend(processes, "x", call(ir.Split, field("IntegrityLevel"), lit("S"), lit(int64(0)))),
			processCIM + `extend x = split(process_integrity_level, "S", 0) {HC0317 mixed}`},

		{"a file name", XDR, extend(processes, "f", fileName("Image")), process + `extend f = FileName`},
		{"a file name in a data model", CIM, extend(processes, "f", fileName("ParentImage")), processCIM + `extend f = parent_process_name`},
		{"the file name of what has no path", XDR, extend(processes, "f", fileName("GrandParentImage")), process + `extend f = InitiatingProcessParentFileName`},
		{"a file name in raw events", Raw, extend(processes, "f", fileName("Image")),
			`filter match(CommandLine, "x*") | extend f = extract(Image, "[^\\\\/]+$", 0)`},

		{"a count on condition that counts too many", XDR, aggregate(processes, "", &ir.Agg{As: "n", Func: ir.CountIf, X: &ir.Exists{X: field("CommandLine")}}),
			process + `aggregate n = countif(not(match(ProcessCommandLine, ""))) {HC0313 mixed}`},
		{"a count on condition", XDR, aggregate(processes, "", &ir.Agg{As: "n", Func: ir.CountIf, X: match("Image", `*\a.exe`)}),
			process + `aggregate n = countif(match(FileName, "a.exe"))`},
		{"a condition in a value in a value", XDR, extend(processes, "x", call(ir.Coalesce, call(ir.If, match("Image", `*\a.exe`), field("Company")), lit("-"))),
			process + `extend x = coalesce(if(match(FileName, "a.exe"), ProcessVersionInfoCompanyName), "-")`},
		{"the value at the largest time", XDR, aggregate(processes, "Computer", &ir.Agg{As: "c", Func: ir.ArgMax, Of: field(ir.Timestamp), X: field("CommandLine")}),
			process + `aggregate c = arg_max(Timestamp, ProcessCommandLine) by DeviceName`},
		{"the first three of each", XDR, where(&ir.Rank{Input: processes, By: on("Computer"), Keys: []*ir.SortKey{{X: field(ir.Timestamp)}}, As: "r"}, compare(field("r"), ir.Le, lit(int64(3)))),
			process + `rank r = Timestamp asc by DeviceName | filter <=(r, 3)`},
		{"the last of an order that the target does not have", XDR, &ir.Rank{Input: logons, Keys: []*ir.SortKey{{X: field("LogonType")}}, As: "r"},
			logon + `rank r = LogonType asc by {HC0321 mixed}`},
		{"now", XDR, where(processes, compare(field(ir.Timestamp), ir.Gt, call(ir.Now))),
			`filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, "x*"), >(Timestamp, now()))`},

		{"a lookup by a column of another name", CIM, &ir.Join{Left: count(processes, "Computer"), Right: lookup("Computer", "owner"), Kind: ir.Anti, On: on("Computer")},
			`join anti on Computer | ` + processCIM + `aggregate n = count() by dest | extend Computer = dest | -- | table T(Computer, owner)`},
		{"a lookup by translated values", XDR, where(&ir.Join{Left: logons, Right: lookup("LogonType", "meaning"), Kind: ir.LeftOuter, On: on("LogonType")}, match("meaning", "x")),
			`join left on LogonType | ` + logon + `extend LogonType = ` + logonType + ` | -- | table T(LogonType, meaning) | filter match(meaning, "x")`},
		{"a lookup by a column of the same name", Raw, &ir.Join{Left: processes, Right: lookup("Computer", "owner"), Kind: ir.Inner, On: on("Computer")},
			`join inner on Computer | filter match(CommandLine, "x*") | -- | table T(Computer, owner)`},
		{"a lookup by accounts without their domains", CIM, &ir.Join{Left: processes, Right: lookup("User", "team"), Kind: ir.Inner, On: on("User")},
			`join inner on User | ` + processCIM + `extend User = user | -- | table T(User, team) {HC0316 mixed}`},
		{"a lookup with a column that the target has", CIM, &ir.Join{Left: processes, Right: lookup("Computer", "user"), Kind: ir.Inner, On: on("Computer")},
			`HC0323 Splunk's CIM has a column user for another field, and the lookup T has one as well`},
		{"events after a lookup are events", XDR, project(&ir.Join{Left: processes, Right: lookup("Computer", "owner"), Kind: ir.LeftOuter, On: on("Computer")}, "owner", "CommandLine"),
			`join left on Computer | ` + process + `extend Computer = DeviceName | -- | table T(Computer, owner) | project Timestamp, DeviceId, DeviceName, ReportId, owner, ProcessCommandLine`},
		{"a key that the right side computes", XDR, &ir.Join{Left: extend(processes, "who", field("CommandLine")), Right: &ir.Project{Input: connections, Cols: []*ir.Col{{As: "who", X: field("User")}}}, Kind: ir.Anti, On: on("who")},
			`join anti on who | ` + process + `extend who = ProcessCommandLine | -- | ` + connection + `project who = concat(coalesce(concat(InitiatingProcessAccountDomain, "\\"), ""), InitiatingProcessAccountName)`},
		{"the least address", XDR, aggregate(connections, "", &ir.Agg{As: "a", Func: ir.Min, X: field("DestinationIp")}),
			connection + `aggregate a = min(RemoteIP)`},
		{"keys of two spellings", XDR, &ir.Join{Left: logons, Right: project(extend(processes, "LogonType", field("CommandLine")), "LogonType", "Image"), Kind: ir.Inner, On: on("LogonType")},
			`join inner on LogonType | ` + logon + `-- | ` + process + `extend LogonType = ProcessCommandLine | project LogonType, Image = FolderPath {HC0321 mixed} {HC0322}`},

		{"a new column of a name that the target has", CIM, where(extend(processes, "user", call(ir.StrLen, field("CommandLine"))), and(compare(field("user"), ir.Gt, lit(int64(9))), match("User", `*\bob`))),
			processCIM + `extend user_2 = strlen(process) | filter and(>(user_2, 9), match(user, "bob"))`},
		{"an aggregate of a name that a key has", CIM, aggregate(processes, "CommandLine", &ir.Agg{As: "process", Func: ir.Count}),
			processCIM + `aggregate process = count() by CommandLine = process`},
		{"two keys in one column", XDR, &ir.Aggregate{Input: registry, By: []*ir.Col{{As: "EventType", X: field("EventType")}, {As: "EventID", X: field("EventID")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}},
			set + `aggregate n = count() by ActionType, EventID = ActionType {HC0322} {HC0322}`},
		{"a projection of a name that a field has", CIM, &ir.Project{Input: count(processes, "User"), Cols: []*ir.Col{{As: "user", X: field("n")}, {As: "User", X: field("User")}}},
			processCIM + `aggregate n = count() by user | project user_2 = n, user {HC0316 mixed}`},

		{"what tells an event from others, as far as it is there", XDR, project(project(processes, "CommandLine"), "CommandLine"),
			process + `project Timestamp, DeviceId, DeviceName, ReportId, ProcessCommandLine | project Timestamp, DeviceId, DeviceName, ReportId, ProcessCommandLine`},
		{"a column of it under another name", XDR, &ir.Union{Inputs: []ir.Query{project(&ir.Project{Input: processes, Cols: []*ir.Col{{As: "t", X: field(ir.Timestamp)}}}, "t"), count(connections, "Image")}},
			`union | ` + process + `project DeviceId, DeviceName, ReportId, t = Timestamp | project DeviceId, DeviceName, ReportId, t | -- | ` + connection + `aggregate n = count() by InitiatingProcessFolderPath | project Image = InitiatingProcessFolderPath, n | --`},
		{"rows without a time beside rows with one", XDR, &ir.Union{Inputs: []ir.Query{project(processes, ir.Timestamp, "CommandLine"), project(connections, "Image")}},
			`union | ` + process + `project DeviceId, DeviceName, ReportId, Timestamp, CommandLine = ProcessCommandLine | -- | ` + connection + `project DeviceId, DeviceName, ReportId, Image = InitiatingProcessFolderPath | --`},

		{"an empty text above a group", XDR, where(count(processes, "CommandLine"), match("CommandLine", "")),
			process + `aggregate n = count() by ProcessCommandLine | filter match(ProcessCommandLine, "") {HC0313 over}`},
		{"no empty text above a group", XDR, where(count(processes, "CommandLine"), &ir.Not{X: match("CommandLine", "")}),
			process + `aggregate n = count() by ProcessCommandLine | filter not(match(ProcessCommandLine, "")) {HC0313 under}`},
		{"an empty or missing text above a group", XDR, where(count(processes, "CommandLine"), &ir.Logic{Op: ir.Or, Args: []ir.Expr{match("CommandLine", ""), &ir.Not{X: &ir.Exists{X: field("CommandLine")}}}}),
			process + `aggregate n = count() by ProcessCommandLine | filter or(match(ProcessCommandLine, ""), not(exists(ProcessCommandLine)))`},
		{"any text above a group", XDR, where(count(processes, "CommandLine"), &ir.Regexp{X: field("CommandLine"), Source: "^x?"}),
			process + `aggregate n = count() by ProcessCommandLine | filter regex(ProcessCommandLine, "^x?") {HC0313 under}`},
		{"any path above a group", XDR, where(count(processes, "Image"), &ir.Regexp{X: field("Image"), Source: "^x?"}),
			process + `aggregate n = count() by FolderPath | filter regex(FolderPath, "^x?")`},
		{"a text that is made empty, of what is there", XDR, where(extend(processes, "x", call(ir.StrLen, call(ir.Substring, field("Image"), lit(int64(9))))), match("x", "0")),
			process + `extend x = strlen(substring(FolderPath, 9)) | filter match(tostring(x), "0")`},
		{"a column that is made empty", XDR, where(extend(processes, "x", call(ir.Substring, field("Image"), lit(int64(9)))), compare(call(ir.StrLen, field("x")), ir.Eq, lit(int64(0)))),
			process + `extend x = substring(FolderPath, 9) | filter =(strlen(x), 0) {HC0313 mixed}`},
		{"groups of a column that is made empty", XDR, count(extend(processes, "x", call(ir.Split, field("Image"), lit("."), lit(int64(1)))), "x"),
			process + `extend x = split(FolderPath, ".", 1) | aggregate n = count() by x {HC0313 mixed}`},
		{"groups of a column that is not", XDR, count(extend(processes, "x", call(ir.Extract, field("Image"), lit("(a+|bc)d"), lit(int64(1)))), "x"),
			process + `extend x = extract(FolderPath, "(a+|bc)d", 1) | aggregate n = count() by x`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &ir.Hunt{Kind: ir.KindHunt, Query: tt.q}
			if got := pipelineText(s.Resolve(h, tt.view)); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A union shows every column that an input has made, whatever lies between.
func TestUnionShowsAllColumns(t *testing.T) {
	s := mustSchema(t)
	processes := rule("process_creation", match("CommandLine", "x*")).Query
	joined := &ir.Join{Left: extend(extend(processes, "a", field("Image")), "b", field("User")), Kind: ir.Inner, On: on("Computer"), Right: lookup("Computer", "owner")}
	h := &ir.Hunt{Kind: ir.KindHunt, Query: &ir.Union{Inputs: []ir.Query{joined, count(processes, "Image")}}}
	res := s.Resolve(h, XDR)
	if res.Query == nil {
		t.Fatal(res.Diagnostics)
	}
	var names []string
	for _, c := range res.Query.(*ir.Union).Inputs[0].(*ir.Project).Cols {
		if slices.Contains(names, c.As) {
			t.Errorf("%s is there twice", c.As)
		}
		names = append(names, c.As)
	}
	for _, want := range []string{"Timestamp", "Image", "a", "b", "owner", "Computer"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %q", want, names)
		}
	}
}

// What two inputs of a union write in different words is compared as it is, and
// that is said.
func TestUnionOfTwoSpellings(t *testing.T) {
	s := mustSchema(t)
	logons := &ir.Filter{Input: &ir.Scan{Source: ir.Logsource{Product: "windows", Service: "security"}}, Pred: match("EventID", "4624")}
	processes := rule("process_creation", match("CommandLine", "x*")).Query
	u := &ir.Union{Inputs: []ir.Query{project(logons, "LogonType"), project(extend(processes, "LogonType", field("CommandLine")), "LogonType")}}
	h := &ir.Hunt{Kind: ir.KindHunt, Query: where(u, match("LogonType", "10"))}
	if got, want := pipelineText(s.Resolve(h, XDR)), `filter match(LogonType, "10") {HC0321 mixed}`; !strings.HasSuffix(got, want) {
		t.Errorf("%s\nwant at its end %s", got, want)
	}
}
