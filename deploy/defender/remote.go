package defender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/deploy/rest"
)

// Remote are the custom detections of a tenant, reached by Microsoft Graph
// (detectionRule and runHuntingQuery of its reference). The detections stand in
// the beta endpoint; which one is used is a part of the settings.
type Remote struct {
	client *rest.Client
	rules  string // path of the collection
}

// Credentials are a token, or what one is asked for with.
type Credentials struct {
	Token                  string
	Tenant, Client, Secret string
	// Login is the server that gives out tokens.
	Login *rest.Client
}

// NewRemote reaches a tenant. api is Graph's version that holds the custom
// detections.
func NewRemote(client *rest.Client, api string, c Credentials) (*Remote, error) {
	if api == "" || strings.ContainsAny(api, "/?# ") {
		return nil, fmt.Errorf("%q is no version of Microsoft Graph", api)
	}
	client.Secrets = append(client.Secrets, c.Token, c.Secret)
	switch {
	case c.Token != "":
		client.Authorize = func(context.Context, bool) (string, error) { return "Bearer " + c.Token, nil }
	case c.Tenant != "" && c.Client != "" && c.Secret != "":
		c.Login.Secrets = append(c.Login.Secrets, c.Secret)
		client.Authorize = (&tokens{c: c}).authorize
	default:
		return nil, errors.New("neither HUNTC_GRAPH_TOKEN is set, nor all of HUNTC_GRAPH_TENANT, HUNTC_GRAPH_CLIENT_ID and HUNTC_GRAPH_CLIENT_SECRET")
	}
	return &Remote{client, "/" + api + "/security/rules/detectionRules"}, nil
}

// tokens asks for tokens by the client credentials flow, and keeps one as long
// as it is valid.
type tokens struct {
	c     Credentials
	mu    sync.Mutex
	token string
	until time.Time
}

// spare is how long before its end a token is no longer used.
const spare = time.Minute

func (t *tokens) authorize(ctx context.Context, fresh bool) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && !fresh && time.Now().Before(t.until) {
		return "Bearer " + t.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.c.Client}, "client_secret": {t.c.Secret}, "scope": {"https://graph.microsoft.com/.default"}}
	a, err := t.c.Login.Do(ctx, rest.Request{Method: "POST", Path: "/" + url.PathEscape(t.c.Tenant) + "/oauth2/v2.0/token",
		Body: []byte(form.Encode()), Type: "application/x-www-form-urlencoded"}, func(body []byte) string {
		var e struct {
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &e)
		return e.Description
	})
	if err != nil {
		return "", fmt.Errorf("no token for Microsoft Graph: %w", err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil || answer.Token == "" {
		return "", errors.New("no token for Microsoft Graph: the answer holds none")
	}
	t.token, t.until = answer.Token, time.Now().Add(time.Duration(answer.Expires)*time.Second-spare)
	return "Bearer " + t.token, nil
}

// Renames: the name of a detection can be changed.
func (r *Remote) Renames() bool { return true }

func explain(body []byte) string {
	var e struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Inner   struct {
				Request string `json:"request-id"`
			} `json:"innerError"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error.Code == "" {
		return ""
	}
	text := e.Error.Code + ": " + e.Error.Message
	if e.Error.Inner.Request != "" {
		text += " (request-id " + e.Error.Inner.Request + ")"
	}
	return text
}

// remoteRule is a detection as Graph gives it, as far as huntc owns it.
type remoteRule struct {
	ID        string `json:"id"`
	Name      string `json:"displayName"`
	IsEnabled bool   `json:"isEnabled"`
	Query     struct {
		Text string `json:"queryText"`
	} `json:"queryCondition"`
	Schedule struct {
		Period string `json:"period"`
	} `json:"schedule"`
	Action struct {
		Alert struct {
			Title       string          `json:"title"`
			Description string          `json:"description"`
			Severity    string          `json:"severity"`
			Category    string          `json:"category"`
			Recommended *string         `json:"recommendedActions"`
			Techniques  []string        `json:"mitreTechniques"`
			Assets      []impactedAsset `json:"impactedAssets"`
		} `json:"alertTemplate"`
		Responses []responseAction `json:"responseActions"`
	} `json:"detectionAction"`
}

func (r remoteRule) held() reconcile.Held {
	a := r.Action.Alert
	description, mark := unmarked(a.Description)
	recommended := ""
	if a.Recommended != nil {
		recommended = *a.Recommended
	}
	h := reconcile.Held{Key: r.ID, Name: r.Name, Mark: mark}
	for _, f := range []reconcile.Field{
		{Key: keyName, Value: r.Name}, {Key: keyEnabled, Value: fmt.Sprint(r.IsEnabled)}, {Key: keyQuery, Value: r.Query.Text}, {Key: keyPeriod, Value: r.Schedule.Period},
		{Key: keyTitle, Value: a.Title}, {Key: keyDescription, Value: description}, {Key: keySeverity, Value: a.Severity}, {Key: keyCategory, Value: a.Category},
		{Key: keyRecommended, Value: recommended}, {Key: keyTechniques, Value: jsonText(a.Techniques)}, {Key: keyAssets, Value: jsonText(a.Assets)},
		{Key: keyResponses, Value: jsonText(r.Action.Responses)},
	} {
		h.Fields = append(h.Fields, reconcile.Field{Key: f.Key, Value: canonical(f.Key, f.Value)})
	}
	return h
}

// canonical is a value in the one form that values of its meaning have here: the
// order within lists means nothing, nor do line ends.
func canonical(key, value string) string {
	switch key {
	case keyTechniques:
		return sorted[string](value)
	case keyAssets:
		return sorted[impactedAsset](value)
	case keyResponses:
		return sorted[responseAction](value)
	case keySeverity:
		return strings.ToLower(value)
	}
	return strings.TrimRight(strings.ReplaceAll(value, "\r\n", "\n"), " \t\r\n")
}

func sorted[T any](value string) string {
	var list []T
	if json.Unmarshal([]byte(value), &list) != nil {
		return value
	}
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = jsonText(x)
	}
	slices.Sort(texts)
	return "[" + strings.Join(texts, ",") + "]"
}

// Wanted is a detection as it is held against the tenant's.
func Wanted(o *deploy.Object, source string) reconcile.Object {
	out := reconcile.Object{ID: o.ID, Name: o.Name, Source: source}
	for _, f := range o.Fields {
		out.Fields = append(out.Fields, reconcile.Field{Key: f.Key, Value: canonical(f.Key, f.Value)})
	}
	return out
}

// Kept reports whether a key is the tenant's to decide, if what is named here
// ("enabled", "schedule") is.
func Kept(owned []string) func(key string) bool {
	return func(key string) bool {
		return key == keyEnabled && slices.Contains(owned, "enabled") || key == keyPeriod && slices.Contains(owned, "schedule")
	}
}

// unmarked takes the mark off a description.
func unmarked(description string) (string, *reconcile.Mark) {
	text := strings.TrimRight(strings.ReplaceAll(description, "\r\n", "\n"), " \t\n")
	at := strings.LastIndexByte(text, '\n') + 1
	rest, ok := strings.CutPrefix(text[at:], markerStart)
	parts := strings.Split(rest, ":")
	if !ok || len(parts) != 3 || parts[1] == "" {
		return description, nil
	}
	project, err := url.QueryUnescape(parts[0])
	if err != nil {
		return description, nil
	}
	return strings.TrimRight(text[:at], "\n"), &reconcile.Mark{ID: parts[1], Project: project, Hash: parts[2]}
}

func (r *Remote) do(ctx context.Context, method, path string, body []byte, once bool, into any) error {
	q := rest.Request{Method: method, Path: path, Body: body, Once: once}
	if body != nil {
		q.Type = "application/json"
	}
	a, err := r.client.Do(ctx, q, explain)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("the answer to %s %s is not what Microsoft Graph answers: %w", method, path, err)
	}
	return nil
}

// List gives all custom detections of the tenant.
func (r *Remote) List(ctx context.Context) ([]reconcile.Held, error) {
	var out []reconcile.Held
	seen := map[string]bool{}
	path := r.rules
	for range 10_000 { // pages; a server that has no end is not followed for ever
		var page struct {
			Value *[]remoteRule `json:"value"`
			Next  string        `json:"@odata.nextLink"`
		}
		if err := r.do(ctx, "GET", path, nil, false, &page); err != nil {
			return nil, err
		}
		if page.Value == nil {
			return nil, fmt.Errorf("the answer to GET %s is not what Microsoft Graph answers: it has no value", path)
		}
		for _, x := range *page.Value {
			if !seen[x.ID] {
				seen[x.ID] = true
				out = append(out, x.held())
			}
		}
		if page.Next == "" {
			return out, nil
		}
		next, ok := strings.CutPrefix(page.Next, r.client.Base.String())
		if !ok || !strings.HasPrefix(next, "/") {
			return nil, errors.New("the next page of the list stands on another server, where the token must not go")
		}
		path = next
	}
	return nil, errors.New("the list of detections has no end")
}

// Get gives a detection by Graph's id.
func (r *Remote) Get(ctx context.Context, id string) (*reconcile.Held, error) {
	var x remoteRule
	err := r.do(ctx, "GET", r.rules+"/"+url.PathEscape(id), nil, false, &x)
	if rest.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := x.held()
	return &h, nil
}

// Create makes a detection.
func (r *Remote) Create(ctx context.Context, o reconcile.Object, m reconcile.Mark) error {
	err := r.do(ctx, "POST", r.rules, body(o, m, func(string) bool { return true }), true, nil)
	if rest.Lost(err) {
		return &reconcile.LostError{Err: err}
	}
	return err
}

// Find looks for the mark in all detections.
func (r *Remote) Find(ctx context.Context, _ reconcile.Object, m reconcile.Mark) (*reconcile.Held, error) {
	held, err := r.List(ctx)
	if i := slices.IndexFunc(held, func(h reconcile.Held) bool { return h.Mark != nil && *h.Mark == m }); i >= 0 {
		return &held[i], err
	}
	return nil, err
}

// Update changes a detection.
func (r *Remote) Update(ctx context.Context, id string, o reconcile.Object, fields []reconcile.Field, m reconcile.Mark) error {
	b := body(o, m, func(key string) bool {
		return key == keyDescription || slices.ContainsFunc(fields, func(f reconcile.Field) bool { return f.Key == key })
	})
	return r.do(ctx, "PATCH", r.rules+"/"+url.PathEscape(id), b, false, nil)
}

// Delete deletes a detection; that it is gone already is no error.
func (r *Remote) Delete(ctx context.Context, id string) error {
	err := r.do(ctx, "DELETE", r.rules+"/"+url.PathEscape(id), nil, false, nil)
	if rest.NotFound(err) {
		return nil
	}
	return err
}

// Validate runs the query over a day and asks for no row of it.
func (r *Remote) Validate(ctx context.Context, o reconcile.Object) error {
	q := ""
	for _, f := range o.Fields {
		if f.Key == keyQuery {
			q = f.Value
		}
	}
	b := indented(map[string]string{"Query": q + "\n| take 0", "Timespan": "P1D"})
	return r.do(ctx, "POST", "/v1.0/security/runHuntingQuery", b, false, nil)
}
