package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/eval"
)

// TestExcused: a verdict that is about one test of a hunt excuses no departure that
// another test decides.
func TestExcused(t *testing.T) {
	lab, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.yml")
	doc := `title: Shell of an account
name: half
status: test
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\cmd.exe'}, u: {User: 'CORP\svc'}, condition: s and u}
level: low
`
	if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	hunts, _, err := lab.Build(compiler.Options{Paths: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{lab: lab}
	for _, tt := range []struct {
		event string
		more  bool
		want  bool
	}{
		{`{"Image": "C:\\cmd.exe", "User": "LAB\\svc"}`, true, true},
		{`{"Image": "C:\\cmd.exe", "User": "LAB\\ann"}`, true, false},   // another name
		{`{"Image": "C:\\other.exe", "User": "LAB\\svc"}`, true, false}, // the image decides
		{`{"Image": "C:\\cmd.exe", "User": "CORP\\svc"}`, false, false}, // the verdict is: over
	} {
		events, err := eval.NewEventReader(lab.Classifier(), "events.jsonl", strings.NewReader(tt.event+"\n")).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		c := &Case{Fixture: &Fixture{Hit: !tt.more}, Hunt: hunts[0], events: events}
		v := &Verdict{Engine: Splunk}
		// Whatever Splunk may make of the event: here, the opposite of the hunt.
		if got := s.excused(c, v, events, tt.more, func(res []Result) bool { return selected(res)[0] == tt.more }); got != tt.want || got != v.Allowed {
			t.Errorf("%s, more: %v: excused %v, want %v", tt.event, tt.more, got, tt.want)
		}
	}
}
