package splunk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/deploy/rest"
)

// Remote is an app on a Splunk search head, reached by its REST interface
// (Splunk's REST API Reference, saved/searches and search/v2/parser). Searches
// belong to nobody in the app, as those of an installed app do.
type Remote struct {
	client *rest.Client
	app    string
}

// pageSize is how many searches are asked for at once.
const pageSize = 500

// NewRemote reaches an app by an authentication token.
func NewRemote(client *rest.Client, app, token string) (*Remote, error) {
	if app == "" || strings.ContainsAny(app, "/ \t\r\n") {
		return nil, fmt.Errorf("%q is no name of a Splunk app", app)
	}
	if token == "" {
		return nil, errors.New("HUNTC_SPLUNK_TOKEN is not set")
	}
	client.Secrets = append(client.Secrets, token)
	client.Authorize = func(context.Context, bool) (string, error) { return "Bearer " + token, nil }
	return &Remote{client, app}, nil
}

// Renames: a search keeps the name it was created with, for Splunk has no
// request that changes it. Its label, which people see, changes.
func (r *Remote) Renames() bool { return false }

func (r *Remote) path(name string) string {
	p := "/servicesNS/nobody/" + url.PathEscape(r.app) + "/saved/searches"
	if name != "" {
		p += "/" + url.PathEscape(name)
	}
	return p
}

type (
	messages struct {
		Messages []struct{ Type, Text string } `json:"messages"`
	}
	entries struct {
		Entry []struct {
			Name string `json:"name"`
			ACL  struct {
				App     string `json:"app"`
				Owner   string `json:"owner"`
				Sharing string `json:"sharing"`
			} `json:"acl"`
			Content map[string]any `json:"content"`
		} `json:"entry"`
		Paging *struct {
			Total int `json:"total"`
		} `json:"paging"`
	}
)

func explain(body []byte) string {
	var m messages
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	var out []string
	for _, x := range m.Messages {
		out = append(out, x.Text)
	}
	return strings.Join(out, " ")
}

func (r *Remote) read(ctx context.Context, path string) ([]reconcile.Held, int, int, error) {
	a, err := r.client.Do(ctx, rest.Request{Method: "GET", Path: path}, explain)
	if err != nil {
		return nil, 0, 0, err
	}
	var e entries
	dec := json.NewDecoder(bytes.NewReader(a.Body))
	dec.UseNumber()
	if err := dec.Decode(&e); err != nil {
		return nil, 0, 0, fmt.Errorf("the answer to GET %s is not what Splunk answers: %w", path, err)
	}
	var out []reconcile.Held
	for _, x := range e.Entry {
		h := held(x.Name, x.Content)
		switch {
		case x.ACL.App != r.app:
			h.Elsewhere = "in the app " + x.ACL.App
		case x.ACL.Sharing == "user":
			h.Elsewhere = "private to " + x.ACL.Owner
		}
		// What other apps export is listed as well, and is theirs.
		if h.Elsewhere == "" || h.Mark != nil {
			out = append(out, h)
		}
	}
	total := len(e.Entry)
	if e.Paging != nil {
		total = e.Paging.Total
	}
	return out, len(e.Entry), total, nil
}

// List gives the searches of the app.
func (r *Remote) List(ctx context.Context) ([]reconcile.Held, error) {
	var out []reconcile.Held
	seen := map[string]bool{}
	for offset := 0; ; {
		page, n, total, err := r.read(ctx, fmt.Sprintf("%s?output_mode=json&count=%d&offset=%d&sort_key=name&sort_dir=asc", r.path(""), pageSize, offset))
		if err != nil {
			return nil, err
		}
		for _, h := range page {
			// A search that was made meanwhile moves others to the next page.
			if !seen[h.Key] {
				seen[h.Key] = true
				out = append(out, h)
			}
		}
		offset += n
		if n == 0 || offset >= total {
			return out, nil
		}
	}
}

// Get gives a search by its name.
func (r *Remote) Get(ctx context.Context, name string) (*reconcile.Held, error) {
	page, _, _, err := r.read(ctx, r.path(name)+"?output_mode=json")
	if rest.NotFound(err) {
		return nil, nil
	}
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return &page[0], nil
}

// Create makes a search. That there is one of the name can be the work of an
// answer that got lost.
func (r *Remote) Create(ctx context.Context, o reconcile.Object, m reconcile.Mark) error {
	form := url.Values{"name": {o.Name}, "output_mode": {"json"}, keyMetadata: {markText(m)}}
	for _, f := range o.Fields {
		if f.Value != "" {
			form.Set(f.Key, f.Value)
		}
	}
	err := r.post(ctx, r.path(""), form, true)
	if rest.Lost(err) || rest.Conflict(err) {
		return &reconcile.LostError{Err: err}
	}
	return err
}

// Find gives the search of the object's name, if it carries the mark.
func (r *Remote) Find(ctx context.Context, o reconcile.Object, m reconcile.Mark) (*reconcile.Held, error) {
	h, err := r.Get(ctx, o.Name)
	if err != nil || h == nil || h.Mark == nil || *h.Mark != m {
		return nil, err
	}
	return h, nil
}

// Update changes a search.
func (r *Remote) Update(ctx context.Context, name string, _ reconcile.Object, fields []reconcile.Field, m reconcile.Mark) error {
	form := url.Values{"output_mode": {"json"}, keyMetadata: {markText(m)}}
	for _, f := range fields {
		form.Set(f.Key, f.Value)
	}
	return r.post(ctx, r.path(name), form, false)
}

// Delete deletes a search; that it is gone already is no error.
func (r *Remote) Delete(ctx context.Context, name string) error {
	_, err := r.client.Do(ctx, rest.Request{Method: "DELETE", Path: r.path(name) + "?output_mode=json"}, explain)
	if rest.NotFound(err) {
		return nil
	}
	return err
}

// Validate asks Splunk's parser, which expands macros too: one that is missing
// is an error.
func (r *Remote) Validate(ctx context.Context, o reconcile.Object) error {
	q := ""
	for _, f := range o.Fields {
		if f.Key == keySearch {
			q = f.Value
		}
	}
	if !strings.HasPrefix(strings.TrimSpace(q), "|") {
		q = "search " + q
	}
	form := url.Values{"q": {q}, "parse_only": {"true"}, "output_mode": {"json"}}
	return r.post(ctx, "/services/search/v2/parser", form, false)
}

func (r *Remote) post(ctx context.Context, path string, form url.Values, once bool) error {
	_, err := r.client.Do(ctx, rest.Request{Method: "POST", Path: path, Body: []byte(form.Encode()), Type: "application/x-www-form-urlencoded", Once: once}, explain)
	return err
}

// switches are the keys with a truth value, which Splunk gives back as 0 and 1,
// as true and false, and as JSON's truth values.
var switches = []string{"disabled", "is_visible", "is_scheduled", "realtime_schedule", "alert.suppress", "alert.digest_mode", "alert.track",
	"action.correlationsearch.enabled", "action.risk.param.verbose"}

// canonical is a value in the one form that values of its meaning have here.
func canonical(key string, v any) string {
	s := ""
	switch v := v.(type) {
	case nil:
	case string:
		s = v
	case bool:
		s = flag(v)
	default: // a number, as it is spelled
		s = fmt.Sprint(v)
	}
	switch {
	case slices.Contains(switches, key):
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "1", "true", "t", "yes":
			return "1"
		case "0", "false", "f", "no":
			return "0"
		}
	case key == keyActions:
		names := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(names)
		return strings.Join(names, ",")
	}
	s = strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), " \t\r\n")
	if s == "" {
		return ownKeys[ownKey(key)].Value
	}
	return s
}

func held(name string, content map[string]any) reconcile.Held {
	h := reconcile.Held{Key: name, Name: name}
	actions := strings.Split(canonical(keyActions, content[keyActions]), ",")
	for _, own := range ownKeys {
		if !idle(own.Key, actions) {
			h.Fields = append(h.Fields, reconcile.Field{Key: own.Key, Value: canonical(own.Key, content[own.Key])})
		}
	}
	if text, ok := content[keyMetadata].(string); ok {
		h.Mark = markOf(text)
	}
	return h
}

// markText is a mark as a search carries it.
func markText(m reconcile.Mark) string {
	return jsonText(struct {
		Huntc reconcile.Mark `json:"huntc"`
	}{m})
}

// markOf reads the mark of a search; nil if it is not huntc's.
func markOf(text string) *reconcile.Mark {
	var m struct {
		Huntc *reconcile.Mark `json:"huntc"`
	}
	if json.Unmarshal([]byte(text), &m) != nil || m.Huntc == nil || m.Huntc.ID == "" {
		return nil
	}
	return m.Huntc
}

// ownKeys are all keys that huntc sets, each with the value that Splunk gives it
// where nobody does (savedsearches.conf.spec): keys that a search does not need
// have that value, so that one of an earlier version of the document does not
// stay.
var ownKeys = []deploy.Field{
	{Key: "description"}, {Key: "disabled", Value: "0"}, {Key: "is_visible", Value: "1"}, {Key: "is_scheduled", Value: "0"},
	{Key: "dispatch.earliest_time"}, {Key: "dispatch.latest_time"}, {Key: "cron_schedule"}, {Key: "schedule_window", Value: "0"},
	{Key: "realtime_schedule", Value: "1"}, {Key: "alert_type", Value: "always"}, {Key: "alert_comparator"}, {Key: "alert_threshold"},
	{Key: "alert.digest_mode", Value: "1"}, {Key: "alert.severity", Value: "3"}, {Key: "alert.suppress", Value: "0"},
	{Key: "alert.suppress.period"}, {Key: "alert.suppress.fields"}, {Key: keyActions},
	{Key: "action.correlationsearch.enabled", Value: "0"}, {Key: "action.correlationsearch.detection_type"}, {Key: "action.correlationsearch.label"},
	{Key: "action.correlationsearch.annotations"},
	{Key: "action.notable.param.rule_title"}, {Key: "action.notable.param.rule_description"}, {Key: "action.notable.param.severity"},
	{Key: "action.notable.param.security_domain"}, {Key: "action.notable.param.nes_fields"}, {Key: "action.notable.param.drilldown_searches"},
	{Key: "action.notable.param.next_steps"},
	{Key: "action.risk.param._risk"}, {Key: "action.risk.param._risk_message"}, {Key: "action.risk.param._risk_score"}, {Key: "action.risk.param.verbose", Value: "0"},
	{Key: keySearch},
}

const keyActions = "actions"

func ownKey(key string) int {
	return slices.IndexFunc(ownKeys, func(f deploy.Field) bool { return f.Key == key })
}

// idle reports whether a key is a setting of an action that a search does not
// take. It then does nothing, and has what the action's own app says.
func idle(key string, actions []string) bool {
	rest, ok := strings.CutPrefix(key, "action.")
	name, _, _ := strings.Cut(rest, ".")
	return ok && name != "correlationsearch" && !slices.Contains(actions, name)
}

// scheduled are the keys that say when a search runs, and whether.
var scheduled = []string{"disabled", "cron_schedule", "schedule_window", "dispatch.earliest_time", "dispatch.latest_time"}

// Kept reports whether a key is the server's to decide, if what is named here
// ("enabled", "schedule") is.
func Kept(owned []string) func(key string) bool {
	return func(key string) bool {
		if key == "disabled" {
			return slices.Contains(owned, "enabled")
		}
		return slices.Contains(scheduled, key) && slices.Contains(owned, "schedule")
	}
}

// spare is the name of a search with the start of its document's id in it.
func spare(o *deploy.Object) string {
	const end = " - Rule"
	tag := " (" + o.ID[:min(8, len(o.ID))] + ")"
	base := strings.TrimSuffix(o.Name, end)
	if strings.HasSuffix(base, tag) {
		return ""
	}
	r := []rune(base)
	return strings.TrimRight(string(r[:min(len(r), maxStanza-len([]rune(tag+end)))]), " ") + tag + end
}

// Wanted is a search as it is held against the server's.
func Wanted(o *deploy.Object, source string) reconcile.Object {
	out := reconcile.Object{ID: o.ID, Name: o.Name, Spare: spare(o), Source: source}
	actions := strings.Split(o.Get(keyActions), ",")
	for _, own := range ownKeys {
		if !idle(own.Key, actions) {
			out.Fields = append(out.Fields, reconcile.Field{Key: own.Key, Value: canonical(own.Key, o.Get(own.Key))})
		}
	}
	for _, f := range o.Fields {
		if f.Key != keyMetadata && ownKey(f.Key) < 0 {
			panic("deploy/splunk: the key " + f.Key + " is not among those that are owned")
		}
	}
	return out
}
