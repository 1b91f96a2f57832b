package compiler_test

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// rule is a Sigma rule of one selection and its condition.
func rule(logsource, detection string) string {
	return "title: A rule of a test\nstatus: test\nlogsource: {" + logsource + "}\ndetection:\n" + indent(detection) + "level: low\n"
}

func indent(s string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

// defects are rules of the shape of each class of mistakes that other
// converters make of Sigma rules for Defender: the lines that must be in our
// query, those that must not be in it, or the code of the refusal.
var defenderDefects = []struct {
	name, logsource, detection string
	want, not                  []string
	refused, reason            diag.Code
}{
	{
		name: "inner wildcard ignores case and is anchored", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine: 'net*Group "domain admins"'}
condition: s`,
		want: []string{`| where ProcessCommandLine matches regex "(?is)^net.*Group \"domain admins\"$"`},
	},
	{
		name: "inner wildcard in a list keeps its order", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|contains: ['first*second', 'third']}
condition: s`,
		want: []string{`| where ProcessCommandLine contains "third" or ProcessCommandLine matches regex "(?is)first.*second"`},
	},
	{
		name: "question mark is one character", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|endswith: ' /a?b'}
condition: s`,
		want: []string{`| where ProcessCommandLine matches regex "(?is) /a.b$"`},
	},
	{
		name: "escaped wildcards are text", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|contains: ['a\*b', 'c\?d', 'e\\*f']}
condition: s`,
		want: []string{`contains "a*b"`, `contains "c?d"`, `matches regex @"(?is)e\\.*f"`},
	},
	{
		name: "lone star asks for presence", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine: '*'}
condition: s`,
		want: []string{"| where isnotempty(ProcessCommandLine)"}, not: []string{`startswith ""`},
	},
	{
		name: "all over contains is a conjunction of contains", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|contains|all: ['x y', '-z']}
condition: s`,
		want: []string{`| where ProcessCommandLine contains "x y"`, `| where ProcessCommandLine contains "-z"`},
		not:  []string{"has_all", "has_any", " has "},
	},
	{
		name: "lists of numbers are numbers", logsource: "category: network_connection, product: windows",
		detection: `s: {Initiated: 'true', DestinationPort: [53, '80', 443]}
condition: s`,
		want: []string{"| where RemotePort in (53, 80, 443)"}, not: []string{"in~ (\"53\""},
	},
	{
		name: "number beside text operators", logsource: "category: process_creation, product: windows",
		detection: `s: {LogonId: '0x3e7', Image|endswith: '\cmd.exe'}
condition: s`,
		want: []string{"| where LogonId == 999"}, not: []string{"0x3e7"},
	},
	{
		name: "look-around is refused", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|re: 'a(?!b)'}
condition: s`,
		refused: "HC0361",
	},
	{
		name: "expression keeps its classes", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|re|i: '\d{3}\s\w\b'}
condition: s`,
		want: []string{`| where ProcessCommandLine matches regex @"(?i)[0-9]{3}[\t\n\f\r ][0-9A-Za-z_](?-u:\b)"`},
	},
	{
		name: "IPv6 network needs the IPv6 function", logsource: "category: network_connection, product: windows",
		detection: `s: {Initiated: 'true'}
f: {DestinationIp|cidr: ['10.0.0.0/8', '192.168.0.0/16', '::1/128', 'fe80::/10']}
condition: s and not f`,
		want: []string{
			`coalesce(ipv4_is_in_any_range(replace_string(RemoteIP, "::ffff:", ""), "10.0.0.0/8", "192.168.0.0/16"), false)`,
			`coalesce(ipv6_is_in_any_range(RemoteIP, "::1/128", "fe80::/10"), false)`,
		},
		not: []string{`, "::1/128", "192`},
	},
	{
		name: "null of a text column is emptiness", logsource: "category: process_creation, product: windows",
		detection: `s: {Image|endswith: '\a.exe'}
f: {CommandLine: null}
condition: s and not f`,
		want: []string{"| where isnotempty(ProcessCommandLine)"}, not: []string{"isnull", "isnotnull"},
	},
	{
		name: "empty text is emptiness", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine: ''}
condition: s`,
		want: []string{"| where isempty(ProcessCommandLine)"},
	},
	{
		name: "exists of a number is isnotnull", logsource: "category: process_creation, product: windows",
		detection: `s: {Image|endswith: '\a.exe', ParentProcessId|exists: true}
condition: s`,
		want: []string{"| where isnotnull(InitiatingProcessId)"},
	},
	{
		name: "fields are compared with fields", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|fieldref|startswith: OriginalFileName}
condition: s`,
		want: []string{"ProcessCommandLine startswith ProcessVersionInfoOriginalFileName", "isnotempty(ProcessVersionInfoOriginalFileName)"},
	},
	{
		name: "keywords are refused", logsource: "category: process_creation, product: windows",
		detection: `k: ['mimikatz']
condition: k`,
		refused: "HC0306",
	},
	{
		name: "cased has operators of its own", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|contains|cased: 'AbC', OriginalFileName|cased: ['X.exe', 'y.exe']}
condition: s`,
		want: []string{`ProcessCommandLine contains_cs "AbC"`, `ProcessVersionInfoOriginalFileName in ("X.exe", "y.exe")`},
	},
	{
		name: "part of an account is looked for in both halves", logsource: "category: process_creation, product: windows",
		detection: `s: {Image|endswith: '\a.exe'}
f: {User|contains: ['AUTHORI', 'AUTORI']}
condition: s and not f`,
		not: []string{`AccountName contains "AUTHORI"` + "\n|"},
	},
	{
		name: "whole account is split", logsource: "category: process_creation, product: windows",
		detection: `s: {User: 'NT AUTHORITY\SYSTEM'}
condition: s`,
		want: []string{`| where AccountDomain =~ "NT AUTHORITY"`, `| where AccountName =~ "SYSTEM"`},
	},
	{
		name: "import hash among other hashes is not dropped in silence", logsource: "category: process_creation, product: windows",
		detection: `s: {Hashes|contains: ['SHA1=0123456789012345678901234567890123456789', 'IMPHASH=01234567890123456789012345678901']}
condition: s`,
		want: []string{`| where SHA1 =~ "0123456789012345678901234567890123456789"`}, reason: "HC0312",
	},
	{
		name: "import hash alone is refused", logsource: "category: process_creation, product: windows",
		detection: `s: {Hashes|contains: 'IMPHASH=01234567890123456789012345678901'}
condition: s`,
		refused: "HC0301",
	},
	{
		name: "newline in a value stays inside the literal", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|contains: "a\n| where true"}
condition: s`,
		want: []string{`contains "a\n| where true"`},
	},
	{
		name: "registry path is split into key and value", logsource: "category: registry_set, product: windows",
		detection: `s: {TargetObject|endswith: '\MiniNt\(Default)', Details: 'DWORD (0x00000001)'}
condition: s`,
		want: []string{`RegistryKey endswith @"\MiniNt"`, `RegistryValueName in~ ("(Default)", "")`, `RegistryValueData =~ "1"`, `ActionType =~ "RegistryValueSet"`},
		not:  []string{"DWORD"},
	},
	{
		name: "control set is not given a number that is not there", logsource: "category: registry_set, product: windows",
		detection: `s: {TargetObject|startswith: 'HKLM\SYSTEM\CurrentControlSet\Services\x'}
condition: s`,
		want: []string{`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services`}, not: []string{"CurrentControlSet001"},
	},
	{
		name: "hive of classes with a wildcard", logsource: "category: registry_set, product: windows",
		detection: `s: {TargetObject|startswith: 'HKCR\', TargetObject|endswith: '\x'}
condition: s`,
		not: []string{"*"},
	},
	{
		name: "direction of a connection", logsource: "category: network_connection, product: windows",
		detection: `s: {Initiated: 'false', DestinationPort: 3389}
condition: s`,
		want: []string{`ActionType =~ "InboundConnectionAccepted"`, "LocalPort == 3389"},
	},
	{
		name: "deleted files are not created files", logsource: "category: file_delete, product: windows",
		detection: `s: {TargetFilename|endswith: '.pf'}
condition: s`,
		want: []string{`ActionType =~ "FileDeleted"`},
	},
	{
		name: "created files are not deleted files", logsource: "category: file_event, product: windows",
		detection: `s: {TargetFilename|endswith: '.pf'}
condition: s`,
		want: []string{"ActionType in~ (", `"FileCreated"`}, not: []string{"FileDeleted"},
	},
	{
		name: "renamed files", logsource: "category: file_rename, product: windows",
		detection: `s: {TargetFilename|endswith: '.pf'}
condition: s`,
		want: []string{`ActionType =~ "FileRenamed"`},
	},
	{
		name: "added keys", logsource: "category: registry_add, product: windows",
		detection: `s: {TargetObject|contains: '\x\'}
condition: s`,
		want: []string{"RegistryKeyCreated"}, not: []string{"RegistryValueDeleted"},
	},
	{
		name: "deleted values", logsource: "category: registry_delete, product: windows",
		detection: `s: {EventType: DeleteValue, TargetObject|endswith: '\x'}
condition: s`,
		want: []string{`ActionType =~ "RegistryValueDeleted"`},
	},
	{
		name: "event ID without a counterpart is refused", logsource: "product: windows, service: security",
		detection: `s: {EventID: 4634}
condition: s`,
		refused: "HC0300",
	},
	{
		name: "negation around an expression beside siblings", logsource: "category: process_creation, product: windows",
		detection: `s: {Image|endswith: '\a.exe'}
f: {CommandLine|re: '^x', ParentImage|endswith: '\b.exe'}
condition: s and not f`,
		want: []string{`| where not(ProcessCommandLine matches regex "^x" and InitiatingProcessFileName =~ "b.exe")`},
	},
	{
		name: "dashes of all sorts", logsource: "category: process_creation, product: windows",
		detection: `s: {CommandLine|windash|contains: ' -enc '}
condition: s`,
		want: []string{`contains " -enc "`, `contains " /enc "`, `contains " –enc "`},
	},
}

func TestDefenderDefectClasses(t *testing.T) {
	b, _ := defenderBackend(t)
	var queries []kustotest.Query
	for _, c := range defenderDefects {
		t.Run(c.name, func(t *testing.T) {
			file, diags := sigma.Load("rule.yml", []byte(rule(c.logsource, c.detection)), nil)
			if len(file.Hunts) != 1 {
				t.Fatal(diags)
			}
			a := b.Compile(file.Hunts[0])
			if c.refused != "" {
				if a.Query != "" || !hasCode(a.Diagnostics, c.refused) {
					t.Fatalf("want %s: %v\n%s", c.refused, a.Diagnostics, a.Query)
				}
				return
			}
			if a.Query == "" {
				t.Fatal(a.Diagnostics)
			}
			queries = append(queries, kustotest.Query{ID: c.name, Text: a.Query})
			flat := strings.Join(strings.Fields(a.Query), " ")
			for _, want := range c.want {
				if !strings.Contains(flat, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("no %s in\n%s", want, a.Query)
				}
			}
			for _, not := range c.not {
				if strings.Contains(a.Query, not) {
					t.Errorf("%s in\n%s", not, a.Query)
				}
			}
			if c.reason != "" {
				found := false
				for _, r := range a.Reasons {
					found = found || r.Code == c.reason
				}
				if !found {
					t.Errorf("no reason %s: %v", c.reason, a.Reasons)
				}
			}
		})
	}
	kustotest.NoFindings(t, queries)
}

func hasCode(list diag.List, code diag.Code) bool {
	for _, d := range list {
		if d.Code == code && d.Severity == diag.Error {
			return true
		}
	}
	return false
}

// TestDefenderCorpusHasNoDefect looks for the same classes in everything that
// is emitted for real rules, by the syntax tree and the types of columns.
func TestDefenderCorpusHasNoDefect(t *testing.T) {
	b, s := defenderBackend(t)
	for _, h := range realHunts(t) {
		if h.Query == nil {
			continue
		}
		a := b.Compile(h)
		if (a.Query == "") != a.Diagnostics.HasErrors() {
			t.Errorf("%s: query and diagnostics disagree: %v", h.Path, a.Diagnostics)
		}
		if a.Query == "" {
			continue
		}
		q, diags := kql.Parse(h.Path, a.Query)
		if len(diags) > 0 {
			t.Errorf("%s: %v", h.Path, diags)
			continue
		}
		defectsOf(t, s, h, q)
	}
}

func defectsOf(t *testing.T, s *schema.Schema, h *ir.Hunt, q *kql.Query) {
	t.Helper()
	table := q.Source.(*kql.Table).Name
	computed := map[string]bool{}
	wheres := 0
	for _, op := range q.Ops {
		switch op := op.(type) {
		case *kql.Where:
			wheres++
		case *kql.Extend:
			for _, c := range op.Cols {
				computed[c.Name] = true
			}
		}
	}
	if wheres == 0 {
		t.Errorf("%s: a query without a condition:\n%s", h.Path, kql.Print(q))
	}
	if _, ok := s.Column(schema.XDR, table, "ActionType"); ok && strings.HasPrefix(table, "Device") && !strings.Contains(kql.Print(q), "ActionType") {
		t.Errorf("%s: no ActionType:\n%s", h.Path, kql.Print(q))
	}
	for _, name := range []string{"Timestamp", "DeviceId", "ReportId"} {
		if _, ok := s.Column(schema.XDR, table, name); !ok {
			continue
		}
		last, ok := q.Ops[len(q.Ops)-1].(*kql.Project)
		found := false
		if ok {
			for _, c := range last.Cols {
				if col, ok := c.X.(*kql.Column); ok && col.Name == name {
					found = true
				}
			}
		}
		if !found {
			t.Errorf("%s: %s is not shown:\n%s", h.Path, name, kql.Print(q))
		}
	}
	isText := func(e kql.Expr) bool {
		c, ok := e.(*kql.Column)
		if !ok || computed[c.Name] {
			return true
		}
		info, _ := s.Column(schema.XDR, table, c.Name)
		return info.Type == "string"
	}
	bad := func(e kql.Expr, why string) { t.Errorf("%s: %s: %s", h.Path, why, kql.PrintExpr(e)) }
	kql.Walk(q, func(n diag.Node) bool {
		switch e := n.(type) {
		case *kql.Binary:
			text, isString := e.R.(*kql.String)
			_, ordering := map[string]bool{"<": true, "<=": true, ">": true, ">=": true}[e.Op]
			switch {
			case isString && !isText(e.L):
				bad(e, "a text compared with a column of another type")
			case isString && text.Value == "":
				bad(e, "the empty text as an operand")
			case !isString && ordering && isText(e.L):
				if _, ok := e.L.(*kql.Column); ok {
					bad(e, "a column of text by order")
				}
			}
			if strings.Contains(e.Op, "has") {
				bad(e, "terms in place of texts")
			}
			if c, ok := e.L.(*kql.Column); ok && isString && strings.Contains(c.Name, "Registry") &&
				(strings.Contains(text.Value, "CurrentControlSet001") || strings.HasPrefix(text.Value, "DWORD (") || strings.HasPrefix(text.Value, `HKLM\`)) {
				bad(e, "Sysmon's notation")
			}
		case *kql.In:
			_, isString := e.Values[0].(*kql.String)
			if isString != isText(e.X) {
				bad(e, "a list of another type than the column")
			}
			if strings.HasPrefix(e.Op, "has") {
				bad(e, "terms in place of texts")
			}
		case *kql.Call:
			switch {
			case (e.Name == "isnull" || e.Name == "isnotnull") && isText(e.Args[0]):
				bad(e, "texts are never null")
			case (e.Name == "isempty" || e.Name == "isnotempty") && !isText(e.Args[0]):
				bad(e, "emptiness of a number")
			case strings.HasPrefix(e.Name, "ipv"):
				for _, a := range e.Args[1:] {
					if v6 := strings.Contains(a.(*kql.String).Value, ":"); v6 != strings.HasPrefix(e.Name, "ipv6") {
						bad(e, "a network of the other version of IP")
					}
				}
			}
		}
		return true
	})
}
