package splunk_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/deploy/rest"
	"github.com/huntc/huntc/deploy/splunk"
	"github.com/huntc/huntc/internal/splunkserver"
)

const app, token = "soc_content", "tok-1234"

func server(t testing.TB) (*splunkserver.Server, *splunk.Remote) {
	t.Helper()
	s := splunkserver.New(token, app)
	t.Cleanup(s.Close)
	return s, remote(t, s, token)
}

func remote(t testing.TB, s *splunkserver.Server, token string) *splunk.Remote {
	t.Helper()
	c, err := rest.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Wait, c.Timeout = time.Millisecond, time.Second
	r, err := splunk.NewRemote(c, app, token)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// saved is a search as one of a hunt is; quiet without an alert.
func saved(id, title, query string, alert bool) reconcile.Object {
	o := &deploy.Object{ID: id, Name: "huntc - " + title + " - Rule"}
	set := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			o.Set(pairs[i], pairs[i+1])
		}
	}
	set("description", "About "+title, "disabled", "0", "dispatch.earliest_time", "-70m@m", "dispatch.latest_time", "-10m@m")
	if alert {
		set("is_visible", "0", "is_scheduled", "1", "cron_schedule", "7 * * * *", "schedule_window", "auto", "realtime_schedule", "0",
			"alert_type", "number of events", "alert_comparator", "greater than", "alert_threshold", "0", "alert.digest_mode", "1", "alert.severity", "4",
			"alert.suppress", "1", "alert.suppress.period", "3600s", "alert.suppress.fields", "dest,user",
			"actions", "risk,notable", "action.correlationsearch.enabled", "1", "action.correlationsearch.label", "huntc - "+title,
			"action.notable.param.rule_title", title+" on $dest$", "action.notable.param.severity", "high",
			"action.risk.param._risk", `[{"risk_object_field":"dest","risk_object_type":"system","risk_score":40}]`, "action.risk.param._risk_score", "0")
	} else {
		set("is_visible", "1", "is_scheduled", "0", "actions", "", "action.correlationsearch.enabled", "0")
	}
	set("search", query)
	return splunk.Wanted(o, id+".yml:1")
}

var options = reconcile.Options{Target: "splunk", Place: "here", Project: "soc", MaxPrune: 10, MaxShare: 0.5}

func plan(t testing.TB, r *splunk.Remote, wanted ...reconcile.Object) *reconcile.Plan {
	t.Helper()
	held, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := reconcile.Make(wanted, held, options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t testing.TB, r *splunk.Remote, p *reconcile.Plan) *reconcile.Applied {
	t.Helper()
	a, err := p.Apply(t.Context(), r, reconcile.ApplyOptions{Jobs: 4})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const query = "| tstats `summariesonly` count\n    from datamodel=Endpoint.Processes\n    where Processes.process_name=\"a.exe\"\n    by Processes.dest"

func TestRemote(t *testing.T) {
	s, r := server(t)
	s.Put("Their search", app, map[string]string{"search": "index=* error"})
	s.Put("huntc - Elsewhere - Rule", "other_app", map[string]string{"search": "index=*"})
	wanted := []reconcile.Object{
		saved("id-1", "Alpha", query, true), saved("id-2", `Béta "50%" & +más`, query, true), saved("id-3", "Quiet", "`summariesonly` a=\"b\"", false),
	}
	p := plan(t, r, wanted...)
	if p.Count(reconcile.Create) != 3 || p.Foreign != 1 {
		t.Fatalf("%+v", p)
	}
	if bad := p.Validate(t.Context(), r, 2); len(bad) > 0 {
		t.Error(bad)
	}
	if a := apply(t, r, p); !a.Complete() {
		t.Fatalf("%+v", a)
	}
	if p := plan(t, r, wanted...); len(p.Steps) > 0 || p.Same != 3 {
		t.Fatalf("a plan after its application: %+v", p)
	}
	for _, x := range s.Searches() {
		if x.Name == "huntc - Alpha - Rule" && (x.Content["search"] != query || x.Content["cron_schedule"] != "7 * * * *") {
			t.Errorf("%+v", x)
		}
	}

	// Another title: the search keeps its name, and people see the new one.
	wanted[0] = saved("id-1", "Alpha and more", query, true)
	p = plan(t, r, wanted...)
	if len(p.Steps) != 1 || p.Steps[0].Action != reconcile.Update || p.Steps[0].Why != "" || p.Steps[0].There != "huntc - Alpha - Rule" {
		t.Fatalf("%+v", p)
	}
	if a := apply(t, r, p); !a.Complete() {
		t.Fatalf("%+v", a)
	}
	if all := s.Searches(); len(all) != 5 || all[1].Name != "huntc - Alpha - Rule" || all[1].Content["action.correlationsearch.label"] != "huntc - Alpha and more" {
		t.Errorf("%+v", all)
	}

	// A hand on the server is seen, and taken back.
	s.Put("huntc - Alpha - Rule", app, map[string]string{"search": "| makeresults", "alert.suppress.fields": ""})
	p = plan(t, r, wanted...)
	if len(p.Steps) != 1 || p.Steps[0].Action != reconcile.Drift || len(p.Steps[0].Changes) != 2 {
		t.Fatalf("%+v", p)
	}
	apply(t, r, p)

	// A setting that the document no longer has goes back to what Splunk has by
	// itself; what a hand changed meanwhile is said.
	wanted[0] = saved("id-1", "Alpha and more", query, false)
	if p := plan(t, r, wanted...); len(p.Steps) != 1 || p.Steps[0].Why != "" {
		t.Errorf("%+v", p.Steps)
	}
	s.Put("huntc - Alpha - Rule", app, map[string]string{"description": "mine"})
	if p := plan(t, r, wanted...); len(p.Steps) != 1 || !strings.Contains(p.Steps[0].Why, "on the server too") {
		t.Errorf("%+v", p.Steps)
	}
	apply(t, r, plan(t, r, wanted...))
	if p := plan(t, r, wanted...); len(p.Steps) > 0 {
		t.Fatalf("%+v", p)
	}
	if x := s.Searches()[1]; x.Content["alert.suppress"] != "0" || x.Content["cron_schedule"] != "" || x.Content["is_scheduled"] != "0" || x.Content["actions"] != "" {
		t.Errorf("%+v", x)
	}

	// The name that a search keeps is not free for another document.
	again := append(slices.Clone(wanted), saved("id-4444-5", "Alpha", query, true))
	p = plan(t, r, again...)
	if p.Count(reconcile.Create) != 1 || p.Steps[0].There != "huntc - Alpha (id-4444-) - Rule" {
		t.Fatalf("%+v", p.Steps)
	}
	apply(t, r, p)
	if p := plan(t, r, again...); len(p.Steps) > 0 {
		t.Fatalf("%+v", p.Steps)
	}
	s.Put("huntc - Alpha (id-4444-) - Rule", app, nil)

	// Somebody else's search of that name stands.
	p = plan(t, r, append(wanted, saved("id-9", "Mine", query, true))...)
	s.Put("huntc - Mine - Rule", app, map[string]string{"search": "index=theirs"})
	if _, err := p.Apply(t.Context(), r, reconcile.ApplyOptions{}); err == nil {
		t.Error("the server moved, and the plan is applied")
	}
	if p := plan(t, r, append(wanted, saved("id-9", "Mine", query, true))...); p.Count(reconcile.Conflict) != 1 {
		t.Errorf("%+v", p)
	}
}

// TestLostAnswers loses the answer to every second request that changes
// something: nothing is made twice, and all ends well.
func TestLostAnswers(t *testing.T) {
	s, r := server(t)
	var n atomic.Int32
	s.Lose = func(r *http.Request) bool {
		return r.Method == http.MethodPost && n.Add(1)%2 == 1
	}
	var wanted []reconcile.Object
	for i := range 12 {
		wanted = append(wanted, saved(fmt.Sprint("id-", i), fmt.Sprint("Hunt ", i), query, i%2 == 0))
	}
	if a := apply(t, r, plan(t, r, wanted...)); !a.Complete() {
		for _, x := range a.Results {
			t.Log(x.Outcome, x.Err)
		}
		t.Fatal("not complete")
	}
	s.Lose = nil
	if p := plan(t, r, wanted...); len(p.Steps) > 0 || len(s.Searches()) != 12 {
		t.Errorf("%+v", p)
	}
}

func TestBadServers(t *testing.T) {
	cases := []struct {
		name   string
		before func(w http.ResponseWriter, r *http.Request) bool
		token  string
		want   string
	}{
		{name: "wrong token", token: "wrong-token", want: "401 Unauthorized: call not properly authenticated; the token is missing, wrong or expired"},
		{name: "no permission", before: func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(403)
			fmt.Fprint(w, `{"messages":[{"type":"ERROR","text":"insufficient permission to access this resource"}]}`)
			return true
		}, want: "insufficient permission"},
		{name: "not Splunk", before: func(w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, "<html>login</html>")
			return true
		}, want: "is not what Splunk answers"},
		{name: "restarting", before: func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(503)
			return true
		}, want: "503 Service Unavailable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, _ := server(t)
			s.Before = c.before
			tok := token
			if c.token != "" {
				tok = c.token
			}
			_, err := remote(t, s, tok).List(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), tok) {
				t.Error(err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	_, r := server(t)
	p := plan(t, r, saved("a", "A", "| tstats count by \"x", true), saved("b", "B", "`huntc_gone` x=1", false), saved("c", "C", query, true))
	bad := p.Validate(t.Context(), r, 3)
	if len(bad) != 2 || !strings.Contains(bad[0].Err.Error(), "Mismatched quotes") || !strings.Contains(bad[1].Err.Error(), "huntc_gone") {
		t.Error(bad)
	}
}

func BenchmarkPlan(b *testing.B) {
	_, r := server(b)
	var wanted []reconcile.Object
	for i := range 3000 {
		wanted = append(wanted, saved(fmt.Sprint("id-", i), fmt.Sprint("Hunt ", i), query, true))
	}
	apply(b, r, plan(b, r, wanted...))
	for b.Loop() {
		if p := plan(b, r, wanted...); len(p.Steps) > 0 {
			b.Fatal(len(p.Steps))
		}
	}
}
