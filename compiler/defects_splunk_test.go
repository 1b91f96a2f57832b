package compiler_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// splunkRule compiles one rule; newlines and runs of spaces are one space, so
// that the tests do not depend on the layout.
func splunkRule(t *testing.T, logsource, detection string) (query string, verdict ir.Fidelity) {
	t.Helper()
	src := "title: T\nlogsource: {" + logsource + "}\ndetection:\n" + detection
	file, diags := sigma.Load("t.yml", []byte(src), nil)
	if len(file.Hunts) != 1 || diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, src)
	}
	b := splunkBackend(t)
	checkSplunkLaws(t, b, file.Hunts[0])
	a := b.Compile(file.Hunts[0])
	if a.Query == "" {
		t.Fatal(a.Diagnostics)
	}
	return strings.Join(strings.Fields(a.Query), " "), ir.Verdict(a.Reasons)
}

// TestSplunkDefects has one test for each class of defects that converters in
// use were found to have on real rules, on a rule of the same shape.
func TestSplunkDefects(t *testing.T) {
	const (
		process  = "category: process_creation, product: windows"
		network  = "category: network_connection, product: windows"
		registry = "category: registry_set, product: windows"
	)
	tests := []struct {
		class, logsource, detection string
		has, hasNot                 []string
	}{
		{"AND and OR on one level without parentheses", process, `
  a: {Image|endswith: '\cmd.exe'}
  b: {CommandLine|contains: [one, two]}
  c: {ParentCommandLine|contains: three}
  condition: a and b or c`,
			[]string{`where (Processes.process_name="cmd.exe" AND Processes.process IN ("*one*", "*two*")) OR Processes.parent_process="*three*" by`}, nil},
		{"path with a leading wildcard where the name is known", process, `
  a: {Image|endswith: '\cmd.exe', ParentImage|endswith: '\explorer.exe'}
  condition: a`,
			[]string{`Processes.process_name="cmd.exe"`, `Processes.parent_process_name="explorer.exe"`}, []string{`\\cmd.exe`, `\\explorer.exe`}},
		{"TargetObject compared with the name of the key", registry, `
  s: {TargetObject|endswith: '\Policies\System\EnableLUA'}
  condition: s`,
			[]string{`Registry.registry_path="*\\Policies\\System\\EnableLUA"`}, []string{"registry_key_name"}},
		{"registry data in Sysmon's notation", registry, `
  s: {TargetObject|endswith: '\EnableLUA', Details: 'DWORD (0x00000000)'}
  condition: s`,
			[]string{`Registry.registry_value_data="0x00000000"`}, []string{"DWORD"}},
		{"Sysmon's EventType as the action of the model", "category: registry_delete, product: windows", `
  s: {EventType: DeleteValue, TargetObject|endswith: '\Feature\Off'}
  condition: s`,
			[]string{`Registry.action="deleted"`}, []string{"DeleteValue"}},
		{"regular expression in an OR as a helper field inside tstats", process, `
  a: {CommandLine|re: 'curl\s+-[a-z]+'}
  b: {Image|endswith: '\wget.exe'}
  condition: a or b`,
			[]string{`where Processes.process="*curl*" OR Processes.process_name="wget.exe" by`, `| where match(process, "curl\s+-[a-z]+") OR lower(process_name) = "wget.exe" |`}, []string{"rex", "Condition"}},
		{"negation of a regular expression lost", process, `
  a: {Image|endswith: '\regedit.exe'}
  f: {CommandLine|contains: '/e', ParentCommandLine|re: ':[^ ]'}
  condition: a and not f`,
			[]string{`where Processes.process_name="regedit.exe" by`, `| where NOT (match(process, "(?i)/e") AND match(parent_process, ":[^ ]")) |`}, nil},
		{"tests for nothing on columns that the model fills", process, `
  a: {Image|endswith: '\bash.exe'}
  n: {CommandLine: null}
  e: {ParentCommandLine: ''}
  i: {CurrentDirectory: null}
  condition: a and (n or e or i)`,
			[]string{`Processes.process="unknown"`, `Processes.parent_process="unknown"`, `NOT Processes.process_current_directory=*`}, []string{`Processes.process=*`, `parent_process=""`}},
		{"prefix that drop_dm_object_name does not take off", "category: proxy", `
  a: {c-uri|contains: '/gate.php'}
  condition: a`,
			[]string{"Web.url=", "`drop_dm_object_name(Web)`"}, []string{"drop_dm_object_name(Proxy)"}},
		{"? widened to *", process, `
  a: {CommandLine|contains: 'drive=?:\'}
  condition: a`,
			[]string{`where Processes.process="*drive=*:\\*" by`, `| where match(process, "(?is)drive=.:\\\\") |`}, nil},
		{"literal * taken for a wildcard", process, `
  a: {CommandLine|contains: '[\*]'}
  condition: a`,
			[]string{`where Processes.process="*[*]*" by`, `| where match(process, "(?i)\[\*\]") |`}, []string{`\*]*"`}},
		{"wildcard inside a value loses its anchors", process, `
  a: {CommandLine: 'a*b'}
  condition: a`,
			[]string{`where Processes.process="a*b" by`}, []string{"match("}},
		{"every event read and then filtered by regular expression", process, `
  a: {CommandLine|re: 'powershell.*-enc'}
  condition: a`,
			[]string{`where Processes.process="*powershell*" by`}, nil},
		{"case lost", process, `
  a: {CommandLine|contains|cased: 'IeX'}
  f: {Image|endswith|cased: '\Good.exe'}
  condition: a and not f`,
			[]string{`| where match(process, "IeX") AND process_name != "Good.exe" |`}, []string{"(?i"}},
		{"field reference in an OR, or with a part of the value", process, `
  a: {Image|fieldref: ParentImage}
  b: {CommandLine|fieldref|startswith: ParentCommandLine}
  condition: a or b`,
			[]string{`lower(process_path) = lower(parent_process_path)`, `substr(lower(process), 1, len(lower(parent_process))) = lower(parent_process)`}, nil},
		{"network as text", network, `
  a: {DestinationIp|cidr: ['10.0.0.0/8', 'fe80::/10']}
  condition: a`,
			[]string{`All_Traffic.dest_ip IN ("10.*", "*:*")`, `cidrmatch("10.0.0.0/8", dest_ip) OR cidrmatch("fe80::/10", dest_ip)`}, nil},
		{"numbers as texts", network, `
  a: {DestinationPort: [4444, 8080]}
  b: {DestinationPort|gt: 50000}
  condition: a or b`,
			[]string{`All_Traffic.dest_port IN (4444, 8080)`, `All_Traffic.dest_port>50000`}, []string{`"4444"`}},
		{"keywords as whole terms", "product: linux, service: syslog", `
  k: ['segfault', 'error 4 in']
  condition: k`,
			[]string{`*segfault* OR *error*`, `match(_raw, "(?i)segfault") OR match(_raw, "(?i)error 4 in")`}, nil},
		{"newline in a value", process, `
  a: {CommandLine|contains: "one\ntwo"}
  condition: a`,
			[]string{`Processes.process="*one*two*"`, `match(process, "(?i)one\x0atwo")`}, nil},
		{"value that ends a string, a macro, a search", process, `
  a: {CommandLine|contains: ['a"b', "c'd", '| delete', '] [', '$tok$', 'x\\y']}
  condition: a`,
			[]string{`Processes.process IN ("*a\"b*", "*c'd*", "*| delete*", "*] [*", "*$tok$*", "*x\\y*")`}, []string{"| where"}},
		{"missing field passes a filter", "category: image_load, product: windows", `
  a: {ImageLoaded|endswith: '\a.dll'}
  f: {Image|re: '^C:\\W'}
  condition: a and not f`,
			[]string{`| where isnull(Image) OR NOT match(Image, "^C:\\\\W") |`}, nil},
		{"rows without a column of the grouping dropped", process, `
  a: {Image|endswith: '\a.exe'}
  condition: a`,
			[]string{"fillnull_value=unknown", "Processes.process_path"}, nil},
		{"filter that the fill passes", process, `
  a: {Image|endswith: '\a.exe'}
  b: {Image|re: 'known'}
  c: {CommandLine|contains: x}
  condition: a and (b or c)`,
			[]string{`(process_path != "unknown" AND match(process_path, "known")) OR match(process, "(?i)x")`}, nil},
		{"domain of an account in the name", process, `
  a: {User: 'NT AUTHORITY\SYSTEM'}
  condition: a`,
			[]string{`Processes.user="SYSTEM"`}, []string{"AUTHORITY"}},
		{"hash with the name of its algorithm", process, `
  a: {Hashes|contains: 'IMPHASH=0123456789abcdef0123456789abcdef'}
  condition: a`,
			[]string{`Processes.process_hash="*IMPHASH=0123456789abcdef0123456789abcdef*"`}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.class, func(t *testing.T) {
			query, _ := splunkRule(t, tt.logsource, tt.detection)
			for _, want := range tt.has {
				if !strings.Contains(query, want) {
					t.Errorf("it does not have %s\n%s", want, query)
				}
			}
			for _, no := range tt.hasNot {
				if strings.Contains(query, no) {
					t.Errorf("it has %s\n%s", no, query)
				}
			}
		})
	}
}

// TestSplunkCorpusFields: no emitted search names a field that does not exist
// at that point of it: in tstats the fields of the data model under their
// qualified names, afterwards the columns that are there.
func TestSplunkCorpusFields(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	for _, h := range realHunts(t) {
		if h.Query == nil {
			continue
		}
		a := b.Compile(h)
		parsed, diags := spl.Parse(h.Path, a.Query)
		if len(diags) > 0 {
			t.Errorf("%s: %v", h.Path, diags)
			continue
		}
		for _, problem := range fieldProblems(s, parsed) {
			t.Errorf("%s: %s\n%s", h.Path, problem, a.Query)
		}
	}
}

// fieldProblems follows the columns of a search that begins with tstats;
// searches over raw events can name any field.
func fieldProblems(s *schema.Schema, search *spl.Search) (problems []string) {
	ts, ok := search.Commands[0].(*spl.Tstats)
	if !ok {
		return nil
	}
	table := s.Table(schema.CIM, ts.Model)
	if table == nil {
		return []string{"there is no dataset " + ts.Model}
	}
	qualified := map[string]string{"_time": "_time"}
	for name, info := range table.Columns {
		qualified[info.Qualified] = name
	}
	check := func(known func(string) bool, names ...string) {
		for _, n := range names {
			if !known(n) {
				problems = append(problems, "there is no field "+n)
			}
		}
	}
	inModel := func(n string) bool { return qualified[n] != "" }
	check(inModel, searchFields(ts.Where)...)
	check(inModel, ts.By...)
	columns := slices.Clone(ts.By)
	for _, a := range ts.Aggs {
		if a.Arg != "" {
			check(inModel, a.Arg)
		}
		columns = append(columns, firstOf(a.As, a.Func))
	}
	here := func(n string) bool { return slices.Contains(columns, n) }
	for _, c := range search.Commands[1:] {
		switch c := c.(type) {
		case *spl.MacroCmd:
			for i, n := range columns {
				columns[i] = strings.TrimPrefix(n, c.Macro.Args[0]+".")
			}
		case *spl.Where:
			check(here, exprFieldNames(c.Expr)...)
		case *spl.Eval:
			for _, a := range c.Assign {
				check(here, exprFieldNames(a.Expr)...)
				columns = append(columns, a.Name)
			}
		case *spl.Convert:
			for _, f := range c.Funcs {
				check(here, f.Arg)
			}
		default:
			problems = append(problems, fmt.Sprintf("the test does not know %T", c))
		}
	}
	for _, n := range columns {
		if strings.Contains(n, ".") {
			problems = append(problems, n+" keeps its prefix")
		}
	}
	return problems
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func searchFields(e spl.SearchExpr) []string {
	switch e := e.(type) {
	case *spl.SearchLogic:
		var out []string
		for _, a := range e.Args {
			out = append(out, searchFields(a)...)
		}
		return out
	case *spl.SearchNot:
		return searchFields(e.X)
	case *spl.SearchCompare:
		if e.Field == "earliest" {
			return nil
		}
		return []string{e.Field}
	case *spl.SearchIn:
		return []string{e.Field}
	}
	return nil
}

func exprFieldNames(e spl.Expr) []string {
	var out []string
	add := func(list ...spl.Expr) {
		for _, x := range list {
			out = append(out, exprFieldNames(x)...)
		}
	}
	switch e := e.(type) {
	case *spl.FieldRef:
		return []string{e.Name}
	case *spl.Unary:
		add(e.X)
	case *spl.Binary:
		add(e.L, e.R)
	case *spl.InExpr:
		add(e.X)
		add(e.Values...)
	case *spl.CallExpr:
		add(e.Args...)
	}
	return out
}

// TestSplunkOddDocuments: rules that older versions of Sigma could say and
// rules whose placeholders nobody fills end as a query or as errors with a
// code and a place.
func TestSplunkOddDocuments(t *testing.T) {
	b := splunkBackend(t)
	for _, folder := range []string{"unsupported", "rules-placeholder"} {
		root := sharedtest.Path(t, "corpus", "sigma", folder)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, _ := sigma.Load(d.Name(), raw, nil)
			for _, h := range file.Hunts {
				if h.Query == nil {
					continue
				}
				if a := b.Compile(h); (a.Query == "") != a.Diagnostics.HasErrors() {
					t.Errorf("%s: %q %v", h.Path, a.Query, a.Diagnostics)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
