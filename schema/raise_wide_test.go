package schema

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/ir"
)

// Hunts on parts of one table are compared as hunts on the whole of it.
func TestBroaden(t *testing.T) {
	s := mustSchema(t)
	on := func(category string, pred ir.Expr) ir.Query {
		var q ir.Query = &ir.Scan{Source: ir.Logsource{Category: category}}
		if pred != nil {
			q = &ir.Filter{Input: q, Pred: pred}
		}
		return q
	}
	for _, tt := range []struct {
		q    ir.Query
		want string
	}{
		{on("file_event", match("TargetFilename", "a")), `file_activity/-/- | filter match(Action, "created", "modified") | filter match(TargetFilename, "a")`},
		{on("file_event", match("Action", "created")), `file_activity/-/- | filter match(Action, "created")`},
		{on("file_delete", nil), `file_activity/-/- | filter match(Action, "deleted")`},
		{on("file_activity", nil), `file_activity/-/-`},
		{on("network_connection", match("Initiated", "true")), `network_activity/-/- | filter match(Initiated, "true")`},
		{on("network_connection", match("Action", "allowed", "blocked")), `network_activity/-/- | filter match(Action, "allowed", "blocked")`},
		{on("registry_set", nil), `registry_activity/-/- | filter match(EventType, "SetValue")`},
		{on("authentication", match("Action", "failure")), `logon/-/- | filter match(Action, "failure")`},
		{on("process_creation", nil), `process_creation/-/-`},
		{&ir.Limit{N: 1, Input: on("file_rename", nil)}, `file_activity/-/- | filter match(Action, "renamed") | limit 1`},
	} {
		got := strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(ir.Format(s.Broaden(tt.q))), "\n", " | "), "scan ")
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", ir.Format(tt.q), got, tt.want)
		}
	}
	if s.Broaden(nil) != nil {
		t.Error("of nothing something was made")
	}
}
