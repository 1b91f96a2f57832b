package defender_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/defender"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/deploy/rest"
	"github.com/huntc/huntc/internal/graphserver"
)

const token = "tok-1234"

func client(t testing.TB, url string) *rest.Client {
	t.Helper()
	c, err := rest.New(url, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Wait, c.Timeout = time.Millisecond, time.Second
	return c
}

func server(t testing.TB) (*graphserver.Server, *defender.Remote) {
	t.Helper()
	s := graphserver.New(token)
	t.Cleanup(s.Close)
	r, err := defender.NewRemote(client(t, s.URL), "beta", defender.Credentials{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

const query = "DeviceProcessEvents\n| where FileName =~ \"a.exe\"\n| project Timestamp, ReportId, DeviceId"

func rule(id, title, query string) reconcile.Object {
	o := &deploy.Object{ID: id, Name: title}
	for _, f := range []deploy.Field{
		{Key: "displayName", Value: title}, {Key: "isEnabled", Value: "true"}, {Key: "queryCondition.queryText", Value: query}, {Key: "schedule.period", Value: "1H"},
		{Key: "detectionAction.alertTemplate.title", Value: title + " on {{DeviceName}}"}, {Key: "detectionAction.alertTemplate.description", Value: "About " + title + "\nin two lines"},
		{Key: "detectionAction.alertTemplate.severity", Value: "high"}, {Key: "detectionAction.alertTemplate.category", Value: "Execution"},
		{Key: "detectionAction.alertTemplate.recommendedActions", Value: ""}, {Key: "detectionAction.alertTemplate.mitreTechniques", Value: `["T1059.001","T1021"]`},
		{Key: "detectionAction.alertTemplate.impactedAssets", Value: `[{"@odata.type":"#microsoft.graph.security.impactedDeviceAsset","identifier":"deviceId"}]`},
		{Key: "detectionAction.responseActions", Value: "[]"},
	} {
		o.Set(f.Key, f.Value)
	}
	return defender.Wanted(o, id+".yml:1")
}

var options = reconcile.Options{Target: "defender", Place: "here", Project: "soc: one", MaxPrune: 10, MaxShare: 0.5, Renames: true}

func plan(t testing.TB, r *defender.Remote, opt reconcile.Options, wanted ...reconcile.Object) *reconcile.Plan {
	t.Helper()
	held, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := reconcile.Make(wanted, held, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t testing.TB, r *defender.Remote, p *reconcile.Plan, opt reconcile.Options) *reconcile.Applied {
	t.Helper()
	a, err := p.Apply(t.Context(), r, reconcile.ApplyOptions{Jobs: 4, Kept: opt.Kept})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Complete() {
		for _, x := range a.Results {
			t.Log(x.Outcome, x.Err)
		}
		t.Fatal("not complete")
	}
	return a
}

func TestRemote(t *testing.T) {
	s, r := server(t)
	var wanted []reconcile.Object
	for i := range 20 { // several pages
		wanted = append(wanted, rule(fmt.Sprintf("id-%02d", i), fmt.Sprint("Hunt ", i), query))
	}
	p := plan(t, r, options, wanted...)
	if p.Count(reconcile.Create) != 20 {
		t.Fatalf("%+v", p)
	}
	apply(t, r, p, options)
	if p := plan(t, r, options, wanted...); len(p.Steps) > 0 || p.Same != 20 {
		t.Fatalf("a plan after its application: %+v", p)
	}

	// Another title is an update of the same rule.
	wanted[3] = rule("id-03", "Hunt with another title", query)
	p = plan(t, r, options, wanted...)
	if len(p.Steps) != 1 || p.Steps[0].Action != reconcile.Update || p.Steps[0].Was != "Hunt 3" || p.Steps[0].Why != "" {
		t.Fatalf("%+v", p)
	}
	apply(t, r, p, options)
	if all := s.Rules(); len(all) != 20 || strings.Count(strings.Join(all, ""), "another title") != 3 {
		t.Errorf("%s", all)
	}

	// A hand is seen; what the service adds and reorders is not one.
	s.Edit("Hunt 5", func(x map[string]any) {
		x["isEnabled"] = false
		x["organizationalScope"] = nil
		x["lastRunDetails"] = map[string]any{"status": "completed"}
		a := x["detectionAction"].(map[string]any)["alertTemplate"].(map[string]any)
		a["mitreTechniques"] = []any{"T1021", "T1059.001"}
		a["description"] = strings.ReplaceAll(a["description"].(string), "\n", "\r\n")
	})
	p = plan(t, r, options, wanted...)
	if len(p.Steps) != 1 || p.Steps[0].Action != reconcile.Drift || len(p.Steps[0].Changes) != 1 || p.Steps[0].Changes[0].Key != "isEnabled" {
		t.Fatalf("%+v", p.Steps)
	}
	// A tenant that decides itself which rules run keeps its word, through an
	// update too.
	own := options
	own.Kept = defender.Kept([]string{"enabled"})
	if p := plan(t, r, own, wanted...); !p.Empty() || len(p.Steps) != 1 || p.Steps[0].Action != reconcile.Kept {
		t.Errorf("%+v", p.Steps)
	}
	wanted[5] = rule("id-05", "Hunt 5", query+"\n| where true")
	apply(t, r, plan(t, r, own, wanted...), own)
	for _, x := range s.Rules() {
		if strings.Contains(x, "where true") && !strings.Contains(x, `"isEnabled":false`) {
			t.Errorf("%s", x)
		}
	}

	// Rules whose mark is gone are nobody's.
	s.Edit("Hunt 7", func(x map[string]any) {
		a := x["detectionAction"].(map[string]any)["alertTemplate"].(map[string]any)
		a["description"] = "mine now"
	})
	if p := plan(t, r, own, wanted...); p.Count(reconcile.Conflict) != 1 {
		t.Errorf("%+v", p.Steps)
	}
}

func TestLostAnswers(t *testing.T) {
	s, r := server(t)
	var n atomic.Int32
	s.Lose = func(r *http.Request) bool { return r.Method != http.MethodGet && n.Add(1)%2 == 1 }
	var wanted []reconcile.Object
	for i := range 9 {
		wanted = append(wanted, rule(fmt.Sprint("id-", i), fmt.Sprint("Hunt ", i), query))
	}
	apply(t, r, plan(t, r, options, wanted...), options)
	if p := plan(t, r, options, wanted...); len(p.Steps) > 0 || len(s.Rules()) != 9 {
		t.Errorf("%+v", p)
	}
}

func TestTokens(t *testing.T) {
	s, _ := server(t)
	login := func(secret string) *defender.Remote {
		r, err := defender.NewRemote(client(t, s.URL), "beta", defender.Credentials{Tenant: s.Tenant, Client: s.Client, Secret: secret, Login: client(t, s.URL)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := login(s.Secret)
	for range 3 {
		if _, err := r.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Revoke() // a token that is no longer taken is asked for anew
	if _, err := r.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	logins := 0
	for _, q := range s.Requests() {
		if strings.HasSuffix(q, "/token") {
			logins++
		}
	}
	if logins != 2 {
		t.Errorf("%d tokens were asked for", logins)
	}
	if _, err := login("wrong-s3cret").List(t.Context()); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") || strings.Contains(err.Error(), "wrong-s3cret") {
		t.Error(err)
	}
	if _, err := defender.NewRemote(client(t, s.URL), "beta", defender.Credentials{Tenant: "t"}); err == nil || !strings.Contains(err.Error(), "HUNTC_GRAPH_CLIENT_SECRET") {
		t.Error(err)
	}
}

func TestThrottled(t *testing.T) {
	s, r := server(t)
	var n atomic.Int32
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if n.Add(1)%3 != 1 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	wanted := []reconcile.Object{rule("a", "A", query), rule("b", "B", query), rule("c", "C", query)}
	apply(t, r, plan(t, r, options, wanted...), options)
	if p := plan(t, r, options, wanted...); len(p.Steps) > 0 {
		t.Errorf("%+v", p)
	}
}

func TestValidate(t *testing.T) {
	s, r := server(t)
	s.BadQuery = func(q string) string {
		if strings.Contains(q, "wehre") {
			return "Query could not be parsed at 'wehre' on line [2,3]"
		}
		return ""
	}
	p := plan(t, r, options, rule("a", "A", query), rule("b", "B", "DeviceEvents\n| wehre x"))
	bad := p.Validate(t.Context(), r, 2)
	if len(bad) != 1 || bad[0].Object.ID != "b" || !strings.Contains(bad[0].Err.Error(), "line [2,3]") || len(s.Rules()) > 0 {
		t.Error(bad)
	}
}

// TestNextPage holds that the token follows no link to another server.
func TestNextPage(t *testing.T) {
	s, r := server(t)
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"value":[],"@odata.nextLink":"https://evil.example/next"}`)
		return true
	}
	if _, err := r.List(t.Context()); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Error(err)
	}
}
