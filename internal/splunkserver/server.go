// Package splunkserver is a Splunk search head for tests, as far as deploying
// goes: saved searches of one app and the parser, written from Splunk's REST API
// Reference and savedsearches.conf.spec and with no regard to the client. It
// checks what it is sent as strictly as the documentation says that Splunk does,
// and gives values back in the forms in which Splunk gives them.
package splunkserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Search is a saved search.
type Search struct {
	Name, App, Sharing string
	Content            map[string]string
}

// Server is a search head.
type Server struct {
	*httptest.Server
	Token, App string
	// Macros are those that the parser finds.
	Macros []string
	// Before sees each request first; true means that it has answered it.
	Before func(w http.ResponseWriter, r *http.Request) bool
	// Lose says of a request that was carried out that its answer gets lost.
	Lose func(r *http.Request) bool

	mu       sync.Mutex
	searches []*Search
	requests []string
}

// New starts a search head; Close stops it.
func New(token, app string) *Server {
	s := &Server{Token: token, App: app, Macros: []string{"summariesonly", "drop_dm_object_name"}}
	s.Server = httptest.NewServer(s)
	return s
}

// Requests are the methods and paths of all requests so far.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Searches are copies of what is stored, by name.
func (s *Server) Searches() []Search {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Search
	for _, x := range s.searches {
		c := *x
		c.Content = map[string]string{}
		for k, v := range x.Content {
			c.Content[k] = v
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Search) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Put stores a search as a hand would; nil content deletes it.
func (s *Server) Put(name, app string, content map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.searches, func(x *Search) bool { return x.Name == name && x.App == app })
	switch {
	case content == nil && i >= 0:
		s.searches = slices.Delete(s.searches, i, i+1)
	case content == nil:
	case i >= 0:
		for k, v := range content {
			s.searches[i].Content[k] = v
		}
	default:
		s.searches = append(s.searches, &Search{Name: name, App: app, Sharing: "app", Content: content})
	}
}

func fail(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": []any{map[string]string{"type": "ERROR", "text": fmt.Sprintf(format, args...)}}})
}

// lost swallows an answer.
type lost struct{ http.ResponseWriter }

func (lost) Write(b []byte) (int, error) { return len(b), nil }
func (lost) WriteHeader(int)             {}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.EscapedPath())
	s.mu.Unlock()
	if s.Before != nil && s.Before(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Token {
		fail(w, http.StatusUnauthorized, "call not properly authenticated")
		return
	}
	if s.Lose != nil && s.Lose(r) {
		s.handle(lost{w}, r)
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
		return
	}
	s.handle(w, r)
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	if r.FormValue("output_mode") != "json" {
		fail(w, http.StatusBadRequest, "this server answers JSON only")
		return
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		fail(w, http.StatusUnsupportedMediaType, "not form-encoded")
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, p := range parts {
		u, err := url.PathUnescape(p)
		if err != nil {
			fail(w, http.StatusBadRequest, "bad path")
			return
		}
		parts[i] = u
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case slices.Equal(parts, []string{"services", "search", "v2", "parser"}):
		s.parse(w, r)
	case len(parts) >= 5 && parts[0] == "servicesNS" && parts[1] == "nobody" && parts[3] == "saved" && parts[4] == "searches":
		if parts[2] != s.App {
			fail(w, http.StatusNotFound, "the app %q is not there", parts[2])
			return
		}
		switch len(parts) {
		case 5:
			s.collection(w, r)
		case 6:
			s.one(w, r, parts[5])
		default:
			fail(w, http.StatusNotFound, "no such endpoint")
		}
	default:
		fail(w, http.StatusNotFound, "no such endpoint")
	}
}

func (s *Server) find(name string) int {
	return slices.IndexFunc(s.searches, func(x *Search) bool { return x.Name == name && x.App == s.App })
}

func (s *Server) collection(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		count, offset := 30, 0
		if v := r.FormValue("count"); v != "" {
			count, _ = strconv.Atoi(v)
		}
		offset, _ = strconv.Atoi(r.FormValue("offset"))
		all := slices.Clone(s.searches)
		slices.SortFunc(all, func(a, b *Search) int { return strings.Compare(a.Name, b.Name) })
		var entry []any
		for i := min(max(offset, 0), len(all)); i < len(all) && (count == 0 || len(entry) < count); i++ {
			entry = append(entry, shown(all[i]))
		}
		answer(w, http.StatusOK, entry, len(all), count, offset)
	case http.MethodPost:
		name := r.PostForm.Get("name")
		if name == "" || !r.PostForm.Has("search") {
			fail(w, http.StatusBadRequest, "name and search are required")
			return
		}
		if s.find(name) >= 0 {
			fail(w, http.StatusConflict, "Unable to create saved search with name '%s'. A saved search with that name already exists.", name)
			return
		}
		x := &Search{Name: name, App: s.App, Sharing: "app", Content: map[string]string{}}
		if s.set(w, x, r.PostForm) {
			s.searches = append(s.searches, x)
			answer(w, http.StatusCreated, []any{shown(x)}, 1, 30, 0)
		}
	default:
		fail(w, http.StatusMethodNotAllowed, "method not allowed")
	}
}

func (s *Server) one(w http.ResponseWriter, r *http.Request, name string) {
	i := s.find(name)
	if i < 0 {
		fail(w, http.StatusNotFound, "Could not find object id=%s", name)
		return
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		if r.PostForm.Has("name") {
			fail(w, http.StatusBadRequest, `Argument "name" is not supported by this handler.`)
			return
		}
		if !s.set(w, s.searches[i], r.PostForm) {
			return
		}
	case http.MethodDelete:
		s.searches = slices.Delete(s.searches, i, i+1)
		answer(w, http.StatusOK, nil, 0, 30, 0)
		return
	default:
		fail(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	answer(w, http.StatusOK, []any{shown(s.searches[i])}, 1, 30, 0)
}

var (
	cron   = regexp.MustCompile(`^(\S+ ){4}\S+$`)
	period = regexp.MustCompile(`^[0-9]+[smhd]?$`)
	known  = regexp.MustCompile(`^(name|output_mode|search|description|disabled|is_scheduled|is_visible|cron_schedule|schedule_window|schedule_priority|allow_skew|realtime_schedule|dispatch\..+|alert_type|alert_comparator|alert_threshold|alert\..+|actions|action\..+|request\..+)$`)
)

// defaults are what a search has that nobody gave a value.
var defaults = map[string]string{"disabled": "0", "is_scheduled": "0", "is_visible": "1", "realtime_schedule": "1", "schedule_window": "0",
	"alert_type": "always", "alert.severity": "3", "alert.suppress": "0", "alert.digest_mode": "1", "alert.track": "0", "max_concurrent": "1",
	"action.notable.param.severity": "unknown", "action.risk.param._risk_score": "1"}

func (s *Server) set(w http.ResponseWriter, x *Search, form url.Values) bool {
	next := map[string]string{}
	for k, v := range x.Content {
		next[k] = v
	}
	for k, vs := range form {
		if !known.MatchString(k) {
			fail(w, http.StatusBadRequest, "Argument %q is not supported by this handler.", k)
			return false
		}
		v := vs[len(vs)-1]
		bad := false
		switch k {
		case "name", "output_mode":
			continue
		case "cron_schedule":
			bad = v != "" && !cron.MatchString(v)
		case "disabled", "is_scheduled", "is_visible", "realtime_schedule", "alert.suppress", "alert.digest_mode":
			bad = !slices.Contains([]string{"0", "1", "true", "false"}, v)
		case "alert.severity":
			n, err := strconv.Atoi(v)
			bad = err != nil || n < 1 || n > 6
		case "alert.suppress.period":
			bad = v != "" && !period.MatchString(v)
		case "search":
			bad = strings.TrimSpace(v) == ""
		}
		if bad {
			fail(w, http.StatusBadRequest, "Invalid %s: %q", k, v)
			return false
		}
		next[k] = strings.TrimRight(v, " \n")
	}
	if next["is_scheduled"] == "1" && next["cron_schedule"] == "" {
		fail(w, http.StatusBadRequest, "Cannot schedule a search without a cron_schedule")
		return false
	}
	x.Content = next
	return true
}

// shown is a search as Splunk's JSON has it: truth values as such, numbers as
// texts, and all that has a default.
func shown(x *Search) any {
	content := map[string]any{}
	for k, v := range defaults {
		content[k] = v
	}
	for k, v := range x.Content {
		content[k] = v
	}
	for _, k := range []string{"disabled", "is_scheduled", "is_visible", "realtime_schedule"} {
		content[k] = content[k] == "1" || content[k] == "true"
	}
	if n, err := strconv.Atoi(fmt.Sprint(content["alert.severity"])); err == nil {
		content["alert.severity"] = n
	}
	if a, ok := content["actions"].(string); ok {
		content["actions"] = strings.ReplaceAll(a, ",", ", ")
	}
	return map[string]any{"name": x.Name, "id": "https://splunk/servicesNS/nobody/" + x.App + "/saved/searches/" + url.PathEscape(x.Name), "author": "nobody",
		"acl": map[string]any{"app": x.App, "owner": "nobody", "sharing": x.Sharing, "perms": map[string]any{"read": []string{"*"}, "write": []string{"admin"}}}, "content": content}
}

func answer(w http.ResponseWriter, status int, entry []any, total, perPage, offset int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if entry == nil {
		entry = []any{}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"entry": entry, "paging": map[string]int{"total": total, "perPage": perPage, "offset": offset}, "messages": []any{}})
}

var macro = regexp.MustCompile("`([A-Za-z0-9_.-]+)(\\([^`]*\\))?`")

func (s *Server) parse(w http.ResponseWriter, r *http.Request) {
	q := r.PostForm.Get("q")
	switch {
	case r.Method != http.MethodPost:
		fail(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	case r.PostForm.Get("parse_only") != "true":
		fail(w, http.StatusBadRequest, "this server only parses")
		return
	case !strings.HasPrefix(q, "|") && !strings.HasPrefix(q, "search "):
		fail(w, http.StatusBadRequest, "Error in 'search' command: q must start with a pipe or with search")
		return
	case strings.Count(strings.ReplaceAll(q, `\"`, ""), `"`)%2 != 0:
		fail(w, http.StatusBadRequest, "Error in 'SearchParser': Mismatched quotes.")
		return
	}
	for _, m := range macro.FindAllStringSubmatch(q, -1) {
		if !slices.Contains(s.Macros, m[1]) {
			fail(w, http.StatusBadRequest, "Error in 'SearchParser': The search specifies a macro '%s' that cannot be found.", m[1])
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"commands":[]}`))
}
