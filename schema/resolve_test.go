package schema

import (
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

func mustSchema(t testing.TB) *Schema {
	t.Helper()
	s, err := New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func field(name string) *ir.Field { return &ir.Field{Name: name} }

func match(name string, patterns ...string) ir.Expr {
	m := &ir.Match{X: field(name)}
	for _, p := range patterns {
		m.Any = append(m.Any, glb(p))
	}
	return m
}

func not(e ir.Expr) ir.Expr       { return &ir.Not{X: e} }
func and(args ...ir.Expr) ir.Expr { return ir.NewLogic(ir.Lit{}.Span, ir.And, args...) }

func either(args ...ir.Expr) ir.Expr { return ir.NewLogic(ir.Lit{}.Span, ir.Or, args...) }

func rule(category string, pred ir.Expr) *ir.Hunt {
	return &ir.Hunt{Query: &ir.Filter{Input: &ir.Scan{Source: ir.Logsource{Category: category, Product: "windows"}}, Pred: pred}}
}

// predicate shows the resolved predicate without the dataset's constraint.
func predicate(t *testing.T, res Resolution) string {
	t.Helper()
	if res.Diagnostics.HasErrors() {
		var b strings.Builder
		for _, d := range res.Diagnostics {
			if d.Severity != diag.Error {
				continue
			}
			b.WriteString(string(d.Code) + " " + d.Message + "; ")
		}
		return b.String()
	}
	lines := strings.Split(strings.TrimSpace(ir.Format(res.Query)), "\n")
	out := strings.Join(lines[1:], " | ")
	for _, r := range res.Reasons {
		out += " {" + string(r.Code) + " " + string(r.Effect) + "}"
	}
	return out
}

func TestResolvePredicates(t *testing.T) {
	s := mustSchema(t)
	for _, tt := range []struct {
		name, category string
		view           View
		pred           ir.Expr
		want           string
	}{
		{"the end of a path is a file name", "process_creation", XDR, match("Image", `*\cmd.exe`, `*\pwsh.exe`),
			`filter and(match(ActionType, "ProcessCreated"), match(FileName, "cmd.exe", "pwsh.exe"))`},
		{"the end of a path in a data model", "process_creation", CIM, and(match("Image", `*\cmd.exe`), match("CommandLine", `*/c *`)),
			`filter and(match(process_name, "cmd.exe"), match(process, "*/c *")) {HC0310 over}`},
		{"a folder stays a path", "process_creation", XDR, match("Image", `*\Temp\*`, `*\x.exe`),
			`filter and(match(ActionType, "ProcessCreated"), or(match(FileName, "x.exe"), match(FolderPath, "*\\Temp\\\\*")))`},
		{"a negated file name", "process_creation", XDR, not(match("Image", `*\cmd.exe`)),
			`filter and(match(ActionType, "ProcessCreated"), not(match(FileName, "cmd.exe")))`},
		{"only the name of the parent is there", "registry_set", XDR, match("ParentImage", `*\a\b.exe`),
			`HC0303 ParentImage: Defender's table DeviceRegistryEvents keeps only the file name, not its folder; `},
		{"a text that the fill would match", "process_creation", CIM, and(match("CommandLine", `*know*`)),
			`filter and(match(process, "*know*"), not(match(process, "unknown"))) {HC0310 over}`},
		{"missing in Defender is empty", "process_creation", XDR, not(&ir.Exists{X: field("CommandLine")}),
			`filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, "")) {HC0313 over}`},
		{"empty or missing", "process_creation", XDR, ir.NewLogic(ir.Lit{}.Span, ir.Or, match("CommandLine", ""), not(&ir.Exists{X: field("CommandLine")})),
			`filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, ""))`},
		{"a lone star asks for presence", "process_creation", XDR, match("CommandLine", `*`),
			`filter and(match(ActionType, "ProcessCreated"), not(match(ProcessCommandLine, ""))) {HC0313 under}`},
		{"an account", "process_creation", XDR, match("User", `NT AUTHORITY\SYSTEM`),
			`filter and(match(ActionType, "ProcessCreated"), match(AccountDomain, "NT AUTHORITY"), match(AccountName, "SYSTEM"))`},
		{"a part of an account", "process_creation", XDR, match("User", `*AUTHORI*`),
			`filter and(match(ActionType, "ProcessCreated"), or(match(AccountName, "*AUTHORI*"), match(AccountDomain, "*AUTHORI*")))`},
		{"a domain that is not stored", "process_creation", CIM, and(match("User", `CORP\*`), match("CommandLine", "x")),
			`HC0303 User: the data model Endpoint.Processes keeps only the name of an account, not its domain; `},
		{"key and value", "registry_set", XDR, match("TargetObject", `HKLM\*\CurrentVersion\Run\evil`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "HKEY_LOCAL_MACHINE\\\\*\\CurrentVersion\\Run"), match(RegistryValueName, "evil"))`},
		{"a key or what is below it", "registry_set", XDR, match("TargetObject", `*\Run\*`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*\\Run", "*\\Run\\\\*"))`},
		{"the nameless value", "registry_set", XDR, match("TargetObject", `*\MiniNt\(Default)`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*\\MiniNt"), match(RegistryValueName, "(Default)", ""))`},
		{"the current control set", "registry_set", XDR, match("TargetObject", `*\CurrentControlSet\Control\Lsa\X`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*\\CurrentControlSet\\Control\\Lsa", "*\\ControlSet001\\Control\\Lsa"), match(RegistryValueName, "X"))`},
		{"a number in the registry", "registry_set", XDR, match("Details", `DWORD (0x00000010)`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "16"))`},
		{"a number in the registry, CIM", "registry_set", CIM, match("Details", `DWORD (0x0000000a)`),
			`filter and(match(action, "modified"), match(registry_value_data, "0x0000000a"))`},
		{"a long number in the registry", "registry_set", XDR, match("Details", `QWORD (0x00000001-0x00000000)`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "4294967296"))`},
		{"half a number in the registry", "registry_set", XDR, match("Details", `DWORD (0x00*`),
			`HC0314 Details: Sysmon's notation "DWORD (0x00*" is not what RegistryValueData holds; `},
		{"a part of a number without its notation", "registry_set", XDR, match("Details", `*0x0000000*`),
			`HC0314 Details: Sysmon's notation "*0x0000000*" is not what RegistryValueData holds; `},
		{"the type of the data", "registry_set", XDR, match("Details", `DWORD*`, `Binary Data`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueType, "Dword", "Binary"))`},
		{"text that only looks like a number", "registry_set", XDR, match("Details", `*\Windows\*`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "*\\Windows\\\\*"))`},
		{"the type of the data, CIM", "registry_set", CIM, match("Details", `DWORD*`),
			`HC0314 Details: Sysmon's notation "DWORD*" is not what registry_value_data holds; `},
		{"the hive alone", "registry_set", XDR, match("TargetObject", `HKLM\Evil`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "HKEY_LOCAL_MACHINE"), match(RegistryValueName, "Evil"))`},
		{"an address in both its forms", "network_connection", XDR, and(match("DestinationIp", "10.*", "1.2.3.4"), match("Initiated", "true")),
			`filter and(match(ActionType, "ConnectionSuccess", "ConnectionRequest"), match(RemoteIP, "10.*", "1.2.3.4", "::ffff:10.*", "::ffff:1.2.3.4")) {HC0310 over}`},
		{"an empty number", "process_creation", XDR, match("ProcessId", ""),
			`filter and(match(ActionType, "ProcessCreated"), not(exists(ProcessId))) {HC0313 over}`},
		{"a hash", "process_creation", XDR, match("Hashes", `*MD5=0123456789ABCDEF0123456789ABCDEF*`),
			`filter and(match(ActionType, "ProcessCreated"), match(MD5, "0123456789ABCDEF0123456789ABCDEF"))`},
		{"an import hash beside another", "process_creation", XDR, match("Hashes", `*MD5=0123456789ABCDEF0123456789ABCDEF*`, `*IMPHASH=0123456789ABCDEF0123456789ABCDEF*`),
			`filter and(match(ActionType, "ProcessCreated"), match(MD5, "0123456789ABCDEF0123456789ABCDEF")) {HC0312 under}`},
		{"an import hash beside another, negated", "process_creation", XDR, not(match("Hashes", `*MD5=0123456789ABCDEF0123456789ABCDEF*`, `*IMPHASH=01*`)),
			`filter and(match(ActionType, "ProcessCreated"), not(match(MD5, "0123456789ABCDEF0123456789ABCDEF"))) {HC0312 over}`},
		{"an import hash alone", "process_creation", XDR, match("Hashes", `*IMPHASH=0123456789ABCDEF0123456789ABCDEF*`),
			`HC0301 Hashes: Defender's table DeviceProcessEvents has no IMPHASH; `},
		{"an alternative without a column", "process_creation", XDR, either(match("Image", `*\a.exe`), match("CurrentDirectory", `C:\*`)),
			`filter and(match(ActionType, "ProcessCreated"), match(FileName, "a.exe")) {HC0312 under}`},
		{"alternatives of which none has a column", "process_creation", XDR, either(match("ProcessGuid", `a`), match("CurrentDirectory", `C:\*`)),
			`HC0301 Defender's table DeviceProcessEvents has no column for ProcessGuid; HC0301 Defender's table DeviceProcessEvents has no column for CurrentDirectory; `},
		{"a filter that loses an alternative would match more", "process_creation", XDR, not(either(match("Image", `*\a.exe`), match("CurrentDirectory", `C:\*`))),
			`HC0301 Defender's table DeviceProcessEvents has no column for CurrentDirectory; `},
		{"alternatives in a data model", "process_creation", CIM, either(match("Image", `*\a.exe`), match("CommandLine", `x`)),
			`filter or(match(process_name, "a.exe"), match(process, "x")) {HC0310 over}`},
		{"a data model leaves nothing out: raw events have it", "process_creation", CIM, either(match("Image", `*\a.exe`), match("Company", `x`)),
			`HC0301 the data model Endpoint.Processes has no column for Company; `},
		{"characters that XML escapes", "process_creation", CIM, match("CommandLine", `*a > b & c*`),
			`filter match(process, "*a > b & c*", "*a &gt; b &amp; c*") {HC0310 over}`},
		{"characters that XML escapes, raw", "process_creation", Raw, match("CommandLine", `*<*`),
			`filter match(CommandLine, "*<*", "*&lt;*")`},
		{"characters that XML escapes, Defender", "process_creation", XDR, match("CommandLine", `*<*`),
			`filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, "*<*"))`},
		{"characters that XML escapes, in a regular expression", "process_creation", CIM, &ir.Regexp{X: field("CommandLine"), Source: `a>b`},
			`filter regex(process, "a>b") {HC0310 over} {HC0319 mixed}`},
		{"no image is no path", "process_creation", CIM, not(&ir.Exists{X: field("Image")}),
			`filter not(exists(process_path)) {HC0310 over}`},
		{"no parent image is no path", "process_creation", CIM, not(&ir.Exists{X: field("ParentImage")}),
			`filter not(exists(parent_process_path)) {HC0310 over}`},
		{"an empty element makes no field", "process_creation", Raw, match("CommandLine", ""),
			`filter or(match(CommandLine, ""), not(exists(CommandLine))) {HC0313 over}`},
		{"a part of a number in a column that has its notation", "registry_set", CIM, match("Details", `*0x00000001*`),
			`filter and(match(action, "modified"), match(registry_value_data, "*0x00000001*"))`},
		{"the word for a missing value", "process_creation", CIM, match("CommandLine", "unknown"),
			`filter match(process, "unknown") {HC0310 over} {HC0313 over}`},
		{"the file name of a process without a parent", "process_creation", CIM, match("ParentImage", `*\unknow?`, `*\unknown`),
			`filter or(match(parent_process_name, "unknown"), match(parent_process_path, "*\\unknow?")) {HC0310 over} {HC0313 over}`},
		{"an hour of a text", "process_creation", Raw, &ir.Compare{Op: ir.Gt, L: &ir.Call{Func: ir.Hour, Args: []ir.Expr{field("UtcTime")}}, R: &ir.Lit{Value: int64(21)}},
			`HC0308 UtcTime is text on the target, not a time, so it has no hour; `},
		{"the hour of the event", "process_creation", Raw, &ir.Compare{Op: ir.Gt, L: &ir.Call{Func: ir.Hour, Args: []ir.Expr{field("Timestamp")}}, R: &ir.Lit{Value: int64(21)}},
			`filter >(hour(_time), 21)`},
		{"a part of a stored text", "process_creation", CIM, match("md5", "0123456789abcdef0123456789abcdef"),
			`extend md5 = foreign("if(match(process_hash, \"(?i)MD5=[0-9a-f]\"), replace(process_hash, \"(?i)^.*MD5=([0-9a-f]+).*$\", \"\\1\"), null())") | filter and(match(process_hash, "*0123456789abcdef0123456789abcdef*"), match(md5, "0123456789abcdef0123456789abcdef")) {HC0310 over}`},
		{"a number column", "network_connection", XDR, and(match("DestinationPort", "53", "80"), match("Initiated", "true")),
			`filter and(match(ActionType, "ConnectionSuccess", "ConnectionRequest"), or(=(RemotePort, 53), =(RemotePort, 80))) {HC0310 over}`},
		{"hexadecimal for a number column", "process_creation", XDR, match("LogonId", "0x3e7"),
			`filter and(match(ActionType, "ProcessCreated"), =(LogonId, 999))`},
		{"text for a number column", "network_connection", XDR, and(match("DestinationPort", "http"), match("Initiated", "true")),
			`HC0305 DestinationPort: RemotePort is a number, which "http" does not spell; `},
		{"a field that Defender lacks", "process_creation", XDR, match("CurrentDirectory", `C:\*`),
			`HC0301 Defender's table DeviceProcessEvents has no column for CurrentDirectory; `},
		{"a field that nobody has", "process_creation", XDR, match("CommandLin", `a`),
			`HC0302 Defender's table DeviceProcessEvents has no column for CommandLin, which is not a known field of process_creation; `},
		{"a keyword in a table", "process_creation", XDR, &ir.Keyword{Pattern: glb("x")},
			`HC0306 Defender cannot search a whole event for a keyword; it has columns only; `},
		{"raw events keep Sysmon's names", "process_creation", Raw, and(match("Image", `*\cmd.exe`), match("EventID", "1")),
			`filter and(match(Image, "*\\cmd.exe"), match(EventCode, "1"))`},
		{"a regular expression on the hive's short name", "registry_set", XDR, &ir.Regexp{X: field("TargetObject"), Source: `^HKLM\\`},
			`extend TargetObject = foreign("strcat(RegistryKey, @\"\\\", RegistryValueName)") | filter and(match(ActionType, "RegistryValueSet"), regex(TargetObject, "^HKLM\\\\")) {HC0311 mixed}`},
		{"patterns that differ in case alone, with case", "process_creation", XDR, &ir.Match{X: field("CommandLine"), Any: []ir.Pattern{glb("x y*"), glb("x Y*")}, Cased: true},
			`filter and(match(ActionType, "ProcessCreated"), match_cs(ProcessCommandLine, "x y*", "x Y*"))`},
		{"patterns that differ in case alone", "process_creation", XDR, match("CommandLine", "x y*", "x Y*"),
			`filter and(match(ActionType, "ProcessCreated"), match(ProcessCommandLine, "x y*"))`},
		{"an empty text beside a pattern that the fill matches", "dns_query", CIM, match("QueryName", "", "unk*"),
			`filter match(query, "unknown", "unk*") {HC0310 over} {HC0313 over}`},
		{"a regular expression over an account without its domain", "process_creation", CIM, &ir.Regexp{X: field("User"), Source: "^LAB"},
			`filter regex(user, "^LAB") {HC0310 over} {HC0316 mixed}`},
		{"a regular expression over an account", "process_creation", XDR, &ir.Regexp{X: field("User"), Source: `\\`},
			`filter and(match(ActionType, "ProcessCreated"), not(match(AccountName, "")), regex(concat(coalesce(concat(AccountDomain, "\\"), ""), AccountName), "\\\\"))`},
		{"a regular expression over a column in lower case", "process_creation", CIM, &ir.Regexp{X: field("IntegrityLevel"), Source: "Sys"},
			`filter regex(process_integrity_level, "Sys") {HC0317 mixed}`},
		{"a regular expression without case over a column in lower case", "process_creation", CIM, &ir.Regexp{X: field("IntegrityLevel"), Source: "(?i)Sys"},
			`filter regex(process_integrity_level, "(?i)Sys")`},
		{"a regular expression over known values", "registry_set", XDR, and(&ir.Regexp{X: field("EventType"), Source: "^Set"}, match("Details", "x")),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "x"))`},
		{"a regular expression that no known value matches", "registry_set", XDR, &ir.Regexp{X: field("EventType"), Source: "^Foo"},
			`HC0304 EventType: no event of DeviceRegistryEvents has a value that "^Foo" matches there; `},
		{"a regular expression that matches the empty text", "process_creation", XDR, &ir.Regexp{X: field("CommandLine"), Source: "a*"},
			`filter and(match(ActionType, "ProcessCreated"), not(match(ProcessCommandLine, "")), regex(ProcessCommandLine, "a*")) {HC0313 under}`},
		{"accounts compared", "process_creation", XDR, &ir.Compare{Op: ir.Eq, L: field("User"), R: field("ParentUser")},
			`filter and(match(ActionType, "ProcessCreated"), not(match(AccountName, "")), not(match(InitiatingProcessAccountName, "")), =(concat(coalesce(concat(AccountDomain, "\\"), ""), AccountName), concat(coalesce(concat(InitiatingProcessAccountDomain, "\\"), ""), InitiatingProcessAccountName)))`},
		{"fields compared of which one may be empty", "process_creation", XDR, &ir.FieldMatch{X: field("CommandLine"), Y: field("ParentCommandLine"), Kind: ir.FieldContains},
			`filter and(match(ActionType, "ProcessCreated"), not(match(ProcessCommandLine, "")), not(match(InitiatingProcessCommandLine, "")), contains(ProcessCommandLine, InitiatingProcessCommandLine)) {HC0313 under}`},
		{"paths compared", "file_delete", XDR, &ir.Compare{Op: ir.Eq, L: field("TargetFilename"), R: field("Image")},
			`filter and(match(ActionType, "FileDeleted"), not(match(FolderPath, "")), not(match(InitiatingProcessFolderPath, "")), =(FolderPath, InitiatingProcessFolderPath))`},
		{"a part of a known value, with case", "network_connection", XDR, and(match("Initiated", "true"), &ir.Match{X: field("Protocol"), Any: []ir.Pattern{glb("tc*")}, Cased: true}),
			`filter and(match(ActionType, "ConnectionSuccess", "ConnectionRequest"), match_cs(Protocol, "Tcp", "TcpV4", "TcpV6", "tc*")) {HC0310 over} {HC0311 mixed}`},
		{"a pattern that cuts through the name of a hive", "registry_set", XDR, match("TargetObject", `H?LM\Run\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "HKEY_LOCAL_MACHINE\\Run"), match(RegistryValueName, "v"))`},
		{"the start of a hive", "registry_set", XDR, match("TargetObject", `HKLM*\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "HKEY_LOCAL_MACHINE", "HKEY_LOCAL_MACHINE\\\\*"), match(RegistryValueName, "v"))`},
		{"the end of a hive", "registry_set", XDR, match("TargetObject", `*LM\Run\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*LM\\Run", "HKEY_LOCAL_MACHINE\\Run"), match(RegistryValueName, "v"))`},
		{"a text that the long name of a hive has", "registry_set", XDR, match("TargetObject", `*user*\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "HKEY_CLASSES_ROOT\\\\*user*", "HKEY_CURRENT_USER\\\\*user*", "HKEY_LOCAL_MACHINE\\\\*user*", "HKEY_USERS\\\\*user*"), match(RegistryValueName, "v"))`},
		{"the end of a control set", "registry_set", XDR, match("TargetObject", `*Set\Services\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*Set\\Services", "*\\ControlSet001\\Services"), match(RegistryValueName, "v"))`},
		{"a control set by its number", "registry_set", XDR, match("TargetObject", `*\ControlSet001\Services\v`),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryKey, "*\\ControlSet001\\Services"), match(RegistryValueName, "v")) {HC0311 over}`},
		{"a registry path with case", "registry_set", XDR, &ir.Match{X: field("TargetObject"), Any: []ir.Pattern{glb(`HKLM\Run\v`)}, Cased: true},
			`filter and(match(ActionType, "RegistryValueSet"), match_cs(RegistryKey, "HKEY_LOCAL_MACHINE\\Run"), match_cs(RegistryValueName, "v")) {HC0311 mixed}`},
		{"a text that spells the column's form of a number", "registry_set", XDR, match("Details", "0"),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "0"), not(match(RegistryValueType, "Dword", "Qword")))`},
		{"that text beside the number", "registry_set", XDR, match("Details", "0", "DWORD (0x00000000)"),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "0"))`},
		{"a part of a number without its notation, which the column does not have", "registry_set", XDR, match("Details", "*0000042a*"),
			`filter and(match(ActionType, "RegistryValueSet"), match(RegistryValueData, "*0000042a*")) {HC0314 under}`},
		{"the number for a missing value", "network_connection", CIM, and(match("DestinationPort", "0"), match("Initiated", "true")),
			`filter and(match(direction, "outbound"), =(dest_port, 0)) {HC0310 over} {HC0313 over}`},
		{"a pattern that the number for a missing value matches", "network_connection", CIM, and(match("DestinationPort", "?"), match("Initiated", "true")),
			`filter and(match(direction, "outbound"), match(tostring(dest_port), "?"), not(=(dest_port, 0))) {HC0310 over}`},
		{"a number that is not written so", "process_creation", XDR, match("ProcessId", "0042"),
			`filter and(match(ActionType, "ProcessCreated"), =(ProcessId, 42)) {HC0305 over}`},
		{"a letter of which the other case has another length", "process_creation", CIM, match("CommandLine", "*\u212anown"),
			`filter and(match(process, "*Known"), not(match(process, "unknown"))) {HC0310 over}`},
		{"a pattern that the IPv6 form of every IPv4 address matches", "network_connection", XDR, and(match("DestinationIp", "*:*"), match("Initiated", "true")),
			`filter and(match(ActionType, "ConnectionSuccess", "ConnectionRequest"), match(RemoteIP, "*:*")) {HC0310 over} {HC0311 over}`},
		{"the start of an address that a wildcard begins", "network_connection", XDR, and(match("DestinationIp", "?0.0.*"), match("Initiated", "true")),
			`filter and(match(ActionType, "ConnectionSuccess", "ConnectionRequest"), match(RemoteIP, "?0.0.*", "::ffff:?0.0.*")) {HC0310 over}`},
		{"two fields that are one", "registry_set", XDR, and(match("EventType", "SetValue"), match("EventID", "13")),
			`filter match(ActionType, "RegistryValueSet")`},
		{"more than the dataset has", "network_connection", XDR, and(match("Initiated", "true"), not(match("Initiated", "true"))),
			`HC0304 no event of Defender can match: what is asked here of ActionType is ruled out by what the rule or its logsource asks of it elsewhere; `},
		{"a condition in a value that always holds", "process_creation", CIM, &ir.Match{Any: []ir.Pattern{glb(`a`)},
			X: call(ir.If, &ir.Exists{X: &ir.Field{Name: ir.Timestamp, T: ir.Time}}, field("CommandLine"), field("Computer"))},
			`filter match(if(and(), process, dest), "a") {HC0310 over}`},
		{"two values at once", "process_creation", XDR, and(match("CommandLine", "a"), match("CommandLine", "b")),
			`HC0304 no event of Defender can match: what is asked here of ProcessCommandLine is ruled out by what the rule or its logsource asks of it elsewhere; `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := predicate(t, s.Resolve(rule(tt.category, tt.pred), tt.view)); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestResolvePipeline(t *testing.T) {
	s := mustSchema(t)
	h := rule("network_connection", match("Action", "allowed"))
	h.LookBack = 24 * time.Hour
	h.Query = &ir.Sort{Keys: []*ir.SortKey{{X: field("n"), Desc: true}}, Input: &ir.Filter{
		Pred: &ir.Compare{Op: ir.Gt, L: field("n"), R: &ir.Lit{Value: int64(30)}},
		Input: &ir.Aggregate{
			By:    []*ir.Col{{As: "SourceIp", X: field("SourceIp")}},
			Aggs:  []*ir.Agg{{As: "n", Func: ir.Count}, {As: "d", Func: ir.Avg, X: field("delta")}},
			Input: &ir.Window{By: []*ir.Field{field("SourceIp")}, Of: field(ir.Timestamp), As: "delta", Input: h.Query},
		}}}
	want := strings.TrimPrefix(`
scan xdr DeviceNetworkEvents last 24h0m0s
filter match(ActionType, "ConnectionSuccess")
gaps delta = Timestamp by LocalIP
aggregate n = count(), d = avg(delta) by LocalIP
filter >(n, 30)
sort n desc
`, "\n")
	res := s.Resolve(h, XDR)
	if res.Query == nil {
		t.Fatal(res.Diagnostics)
	}
	if got := ir.Format(res.Query); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// The inputs of a union carry logical names, since one physical name can mean
// two things.
func TestResolveUnion(t *testing.T) {
	s := mustSchema(t)
	branch := func(category string, cols ...string) ir.Query {
		p := &ir.Project{Input: &ir.Scan{Source: ir.Logsource{Category: category}}}
		for _, c := range cols {
			p.Cols = append(p.Cols, &ir.Col{As: c, X: field(c)})
		}
		return p
	}
	h := &ir.Hunt{Query: &ir.Union{Inputs: []ir.Query{
		branch("process_creation", "Image", "CommandLine"), branch("file_event", "Image", "TargetFilename")}}}
	res := s.Resolve(h, XDR)
	if res.Query == nil {
		t.Fatal(res.Diagnostics)
	}
	got := ir.Format(res.Query)
	for _, want := range []string{"Image = FolderPath, CommandLine = ProcessCommandLine", "Image = InitiatingProcessFolderPath, TargetFilename = FolderPath"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Accounts of Linux have no domain.
func TestAccountsWithoutDomains(t *testing.T) {
	s := mustSchema(t)
	h := rule("process_creation", match("User", "adm-*"))
	h.Query.(*ir.Filter).Input.(*ir.Scan).Source.Product = "linux"
	for view, want := range map[View]string{XDR: `match(AccountName, "adm-*")`, CIM: `match(user, "adm-*")`} {
		if got := predicate(t, s.Resolve(h, view)); !strings.Contains(got, want) || strings.Contains(got, "Domain") || strings.Contains(got, "HC0316") {
			t.Errorf("%s: %s, want %s", view, got, want)
		}
	}
}

// A name that is almost that of a known field is warned of, even where events
// may have any field.
func TestSuspectField(t *testing.T) {
	s := mustSchema(t)
	res := s.Resolve(rule("process_creation", and(match("CommandLin", "a"), match("CommandLin", "b"), match("Whatever", "c"))), Raw)
	var warned []string
	for _, d := range res.Diagnostics {
		if d.Severity == diag.Warning {
			warned = append(warned, string(d.Code)+" "+d.Hint)
		}
	}
	if len(warned) != 1 || !strings.HasPrefix(warned[0], "HC0302 Did you mean CommandLine?") {
		t.Errorf("%q", warned)
	}
}

// A projection of events keeps what identifies an event; one of groups has
// nothing to keep.
func TestProjectKeepsIdentity(t *testing.T) {
	s := mustSchema(t)
	h := rule("process_creation", match("CommandLine", "x"))
	h.Query = &ir.Project{Input: h.Query, Cols: []*ir.Col{{As: "Image", X: field("Image")}}}
	if got, want := ir.Format(s.Resolve(h, XDR).Query), "project Timestamp, DeviceId, DeviceName, ReportId, FolderPath, FileName\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%s\nwant at its end %s", got, want)
	}
	h = rule("process_creation", match("CommandLine", "x"))
	h.Query = &ir.Project{
		Input: &ir.Aggregate{Input: h.Query, By: []*ir.Col{{As: "Image", X: field("Image")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}},
		Cols:  []*ir.Col{{As: "n", X: field("n")}}}
	if got, want := ir.Format(s.Resolve(h, XDR).Query), "\nproject n\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%s\nwant at its end %s", got, want)
	}
}
