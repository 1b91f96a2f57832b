package eval_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

func classifier(t testing.TB) *eval.Classifier {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return eval.NewClassifier(s)
}

// TestEvents: however a device, an agent or an exporter writes an event, it has the
// fields that Sigma knows, and is of the logsources that it belongs to.
func TestEvents(t *testing.T) {
	c := classifier(t)
	process := ir.Logsource{Category: "process_creation", Product: "windows"}
	image := ir.Logsource{Category: "image_load", Product: "windows"}
	sysmon := ir.Logsource{Product: "windows", Service: "sysmon"}
	security := ir.Logsource{Product: "windows", Service: "security"}
	linux := ir.Logsource{Category: "process_creation", Product: "linux"}
	tests := []struct {
		name, line, row string
		known           bool
		sees, not       []ir.Logsource
	}{
		{"event log", `{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon","Guid":"g"}},"EventID":1,"Correlation":null,"Execution":{"#attributes":{"ProcessID":1}},"TimeCreated":{"#attributes":{"SystemTime":"2026-01-02T03:04:05.5Z"}},"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc"},"EventData":{"Image":"C:\\a.exe","ProcessId":"7"}}}`,
			`{"Provider_Name":"Microsoft-Windows-Sysmon","EventID":1,"TimeCreated":"2026-01-02T03:04:05.5Z","Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc","Image":"C:\\a.exe","ProcessId":"7","Timestamp":"2026-01-02T03:04:05.5Z"}`,
			true, []ir.Logsource{process, sysmon, {Product: "windows"}, {Category: "process_creation"}}, []ir.Logsource{image, security, linux}},
		{"flat", `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"7","UtcTime":"2026-01-02 03:04:05.123","Image":"a"}`,
			`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"7","UtcTime":"2026-01-02 03:04:05.123","Image":"a","Timestamp":"2026-01-02T03:04:05.123Z"}`,
			true, []ir.Logsource{image, sysmon}, []ir.Logsource{process}},
		{"user data", `{"Event":{"System":{"EventID":{"#text":5858},"Channel":"Microsoft-Windows-WMI-Activity/Operational"},"UserData":{"Operation_ClientFailure":{"#attributes":{"xmlns":"x"},"User":"u"}}}}`,
			`{"EventID":5858,"Channel":"Microsoft-Windows-WMI-Activity/Operational","User":"u"}`,
			true, []ir.Logsource{{Product: "windows", Service: "wmi"}}, []ir.Logsource{security, process}},
		{"winlogbeat", `{"@timestamp":"2026-01-02T03:04:05Z","winlog":{"channel":"Security","event_id":4624,"computer_name":"pc","event_data":{"LogonType":"3"}}}`,
			`{"@timestamp":"2026-01-02T03:04:05Z","Channel":"Security","EventID":4624,"Computer":"pc","LogonType":"3","Timestamp":"2026-01-02T03:04:05Z"}`,
			true, []ir.Logsource{security}, []ir.Logsource{process, sysmon}},
		{"4688", `{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\a.exe","CommandLine":"a"}`,
			`{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\a.exe","CommandLine":"a"}`,
			true, []ir.Logsource{security, process}, []ir.Logsource{sysmon, linux}},
		{"Linux", `{"Channel":"Linux-Sysmon/Operational","EventID":1,"Image":"/bin/sh"}`, `{"Channel":"Linux-Sysmon/Operational","EventID":1,"Image":"/bin/sh"}`,
			true, []ir.Logsource{linux}, []ir.Logsource{process}},
		{"says itself", `{"logsource":{"category":"process_creation","product":"linux"},"Image":"/bin/sh"}`, `{"Image":"/bin/sh"}`,
			true, []ir.Logsource{linux, {Category: "process_creation"}}, []ir.Logsource{process, {Product: "windows"}, {Product: "linux", Service: "auditd"}}},
		{"says its category", `{"logsource":{"category":"process_creation"},"Image":"/bin/sh"}`, `{"Image":"/bin/sh"}`,
			true, []ir.Logsource{linux, process, {Category: "process_creation"}, {Product: "linux"}, {Category: "process_creation", Product: "windows", Service: "sysmon"}}, []ir.Logsource{image, security}},
		{"says its product", `{"logsource":{"product":"windows"},"Image":"a"}`, `{"Image":"a"}`,
			true, []ir.Logsource{process, security, image}, []ir.Logsource{linux}},
		{"plain", `{"Image":"/bin/sh","tags":["a","b"],"x":{"y":1}}`, `{"Image":"/bin/sh","tags":["a","b"],"x.y":1}`, false, []ir.Logsource{linux, process, image, security}, nil},
		{"no channel that is known", `{"Channel":"Mine","EventID":1}`, `{"Channel":"Mine","EventID":1}`, false, []ir.Logsource{process, {Service: "mine"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := eval.NewEventReader(c, "f", strings.NewReader(tt.line)).ReadAll()
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			e := events[0]
			if got := e.Row.String(); got != tt.row {
				t.Errorf("got\n%s\nwant\n%s", got, tt.row)
			}
			if e.Class.Known() != tt.known {
				t.Errorf("known is %v", e.Class.Known())
			}
			for _, l := range tt.sees {
				if !e.Class.Sees(l) {
					t.Errorf("%v does not see it", l)
				}
			}
			for _, l := range tt.not {
				if e.Class.Sees(l) {
					t.Errorf("%v sees it", l)
				}
			}
		})
	}
}

// TestEventsOfTwoLogsources: an event that two logsources speak of has the names of
// each for the rules on it, and is of no dataset that neither means.
func TestEventsOfTwoLogsources(t *testing.T) {
	c := classifier(t)
	process, security := ir.Logsource{Category: "process_creation", Product: "windows"}, ir.Logsource{Product: "windows", Service: "security"}
	tests := []struct{ name, line, process, datasets string }{
		{"4688", `{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\a\\cmd.exe","ParentProcessName":"C:\\b.exe","NewProcessId":"0x1a4","ProcessId":"0x10","SubjectUserName":"bob","SubjectDomainName":"CORP","TargetUserName":"-","TargetDomainName":"-"}`,
			`{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\a\\cmd.exe","ParentProcessName":"C:\\b.exe","NewProcessId":"0x1a4","ProcessId":420,"SubjectUserName":"bob","SubjectDomainName":"CORP","TargetUserName":"-","TargetDomainName":"-","Image":"C:\\a\\cmd.exe","ParentImage":"C:\\b.exe","ParentProcessId":16,"User":"CORP\\bob"}`,
			"process_creation windows_security"},
		{"another account", `{"Channel":"Security","EventID":"4688","SubjectUserName":"bob","SubjectDomainName":"CORP","TargetUserName":"eve"}`,
			`{"Channel":"Security","EventID":"4688","SubjectUserName":"bob","SubjectDomainName":"CORP","TargetUserName":"eve","User":"eve"}`,
			"process_creation windows_security"},
		{"in Sysmon's names", `{"Channel":"Security","EventID":4688,"NewProcessName":"a","Image":"b"}`,
			`{"Channel":"Security","EventID":4688,"NewProcessName":"a","Image":"b"}`, "process_creation windows_security"},
		{"4624", `{"Channel":"Security","EventID":4624,"ProcessId":"0x10"}`, `{"Channel":"Security","EventID":4624,"ProcessId":"0x10"}`, "windows_logon windows_security"},
	}
	for _, tt := range tests {
		e, err := eval.NewEventReader(c, "f", strings.NewReader(tt.line)).Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := e.As(process).String(); got != tt.process {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.process)
		}
		if got := e.As(security).String(); got != tt.line {
			t.Errorf("%s: as of the channel got\n%s\nwant\n%s", tt.name, got, tt.line)
		}
		var names []string
		for _, ds := range e.Class.Datasets() {
			if e.In(ds) && (ds.CIM != nil || ds.XDR != nil || ds.Name == "windows_security") {
				names = append(names, ds.Name)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tt.datasets {
			t.Errorf("%s: is of %s, want %s", tt.name, got, tt.datasets)
		}
	}
}

// TestBadEvents: what an event says of itself is checked, and the place is told.
func TestBadEvents(t *testing.T) {
	tests := []struct{ line, want string }{
		{`{"a":1, "logsource":"file_event"}`, `1:9 logsource is no object with the keys category, product and service`},
		{`{"logsource":{"catgory":"file_event"}}`, `1:15 a logsource has no key "catgory"`},
		{`{"logsource":{"category":{"x":"file_event"}}}`, `1:15 the logsource's category is not a text`},
		{`{"logsource":{"category":5}}`, `1:15 the logsource's category is not a text`},
		{`{"a":"Timestamp","Timestamp":"01/03/2026 10:00"}`, `1:18 Timestamp is no time: "01/03/2026 10:00"`},
		{`{"Timestamp":""}`, ""},
		{`{"Timestamp":1767323045,"logsource":{"product":null}}`, ""},
	}
	for _, tt := range tests {
		r := eval.NewEventReader(classifier(t), "f", strings.NewReader(tt.line))
		if _, err := r.ReadAll(); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range r.Diagnostics {
			got += fmt.Sprintf("%d:%d %s", d.Pos.Line, d.Pos.Column, strings.TrimSuffix(d.Message, ", so it was left out"))
		}
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

// TestEventLines: which lines are events, their numbers, and what is said of those
// that are none; whatever the pieces are in which the file comes.
func TestEventLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", eval.MaxEvent) + `"}`
	text := "\ufeff# a comment\r\n\r\n{\"a\":0}\r\n" + long + "\n  # another\n{\"a\":2}\nnonsense\n{\"a\":4}\n" + strings.Repeat("[\n", 150) + long
	r := eval.NewEventReader(classifier(t), "f", strings.NewReader(text))
	events, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, fmt.Sprint(e.N, " ", e.Line, " ", e.Row, e.Row.Events()))
	}
	if want := []string{`0 3 {"a":0} [0]`, `2 6 {"a":2} [2]`, `4 8 {"a":4} [4]`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, want := range []string{"f:4:1 HC0641", "f:7:1 HC0640", "f:9:1 HC0640"} {
		if d := r.Diagnostics[i]; fmt.Sprintf("%s:%d:%d %s", d.Pos.Filename, d.Pos.Line, d.Pos.Column, d.Code) != want {
			t.Errorf("got %v, want %s", d, want)
		}
	}
	if len(r.Diagnostics) != 101 || !strings.Contains(r.Diagnostics[100].Message, "not listed") {
		t.Errorf("%d diagnostics, the last %v", len(r.Diagnostics), r.Diagnostics[len(r.Diagnostics)-1])
	}
	if _, err := eval.NewEventReader(classifier(t), "f", io.MultiReader(strings.NewReader("{}\n"), failing{})).ReadAll(); err != errBroken {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

var errBroken = fmt.Errorf("broken")

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestProvenance: which events a row of each operator stands for.
func TestProvenance(t *testing.T) {
	rows := eval.NewTable([]string{"k", "n"}, []any{"a", 1}, []any{"b", 2}, []any{"a", 3}, []any{"b", 4}, []any{"a", 4})
	for i := range rows {
		rows[i] = rows[i].Of(i)
	}
	in := &ir.Scan{}
	k, n := &ir.Field{Name: "k", T: ir.String}, &ir.Field{Name: "n", T: ir.Int}
	other := &ir.Filter{Input: in, Pred: &ir.Compare{Op: ir.Gt, L: n, R: &ir.Lit{Value: int64(3)}}}
	tests := []struct {
		name string
		q    ir.Query
		want string
	}{
		{"filter", other, "[[3] [4]]"},
		{"aggregate", &ir.Aggregate{Input: in, By: []*ir.Col{{As: "k", X: k}}, Aggs: []*ir.Agg{{As: "c", Func: ir.Count}}}, "[[0 2 4] [1 3]]"},
		{"no group", &ir.Aggregate{Input: in, Aggs: []*ir.Agg{{As: "c", Func: ir.Count}}}, "[[0 1 2 3 4]]"},
		{"distinct", &ir.Distinct{Input: in, By: []*ir.Field{k}}, "[[0 2 4] [1 3]]"},
		{"gaps", &ir.Window{Input: in, Of: n, By: []*ir.Field{k}, As: "d"}, "[[0 2] [2 4] [1 3]]"},
		{"row before", &ir.Lag{Input: in, X: n, Of: n, By: []*ir.Field{k}, As: "d"}, "[[0] [0 2] [2 4] [1] [1 3]]"},
		{"join", &ir.Join{Kind: ir.Inner, Left: in, Right: other, On: []*ir.Field{k}}, "[[0 4] [1 3] [2 4] [3] [4]]"},
		{"semi", &ir.Join{Kind: ir.Semi, Left: in, Right: other, On: []*ir.Field{k}}, "[[0 4] [1 3] [2 4] [3] [4]]"},
		{"anti", &ir.Join{Kind: ir.Anti, Left: in, Right: other, On: []*ir.Field{n}}, "[[0] [1] [2]]"},
		{"union", &ir.Union{Inputs: []ir.Query{other, other}}, "[[3] [4] [3] [4]]"},
		{"project", &ir.Project{Input: other, Cols: []*ir.Col{{As: "x", X: n}}}, "[[3] [4]]"},
		{"sort", &ir.Sort{Input: in, Keys: []*ir.SortKey{{X: n, Desc: true}}}, "[[3] [4] [2] [1] [0]]"},
	}
	for _, tt := range tests {
		got, err := eval.Run(tt.q, func(*ir.Scan) ([]eval.Row, error) { return rows, nil })
		if err != nil {
			t.Fatal(err)
		}
		var events [][]int
		for _, r := range got {
			events = append(events, r.Events())
		}
		if s := fmt.Sprint(events); s != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, s, tt.want)
		}
	}
}
