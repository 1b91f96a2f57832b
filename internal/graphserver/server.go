// Package graphserver is Microsoft Graph for tests, as far as deploying custom
// detections goes, with the endpoint that gives out tokens: written from the
// pages of Graph's reference on detectionRule and runHuntingQuery and with no
// regard to the client. It checks what it is sent as strictly as those pages
// allow, and adds what the service adds.
package graphserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Server is a tenant.
type Server struct {
	*httptest.Server
	// Token is the one that is taken; those that the token endpoint gives out
	// count from it on: Token, Token+"-2".
	Token                  string
	Tenant, Client, Secret string
	PageSize               int
	// Before sees each request first; true means that it has answered it.
	Before func(w http.ResponseWriter, r *http.Request) bool
	// Lose says of a request that was carried out that its answer gets lost.
	Lose func(r *http.Request) bool
	// BadQuery says what is wrong with a query; "" for nothing.
	BadQuery func(query string) string

	mu       sync.Mutex
	rules    []map[string]any
	next     int
	given    int
	requests []string
}

// New starts a tenant; Close stops it.
func New(token string) *Server {
	s := &Server{Token: token, Tenant: "tenant-1", Client: "client-1", Secret: "client-s3cret", PageSize: 7}
	s.Server = httptest.NewServer(s)
	return s
}

// Requests are the methods and paths of all requests so far.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Rules are the stored detections as JSON, in the order of their creation.
func (s *Server) Rules() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.rules {
		text, _ := json.Marshal(r)
		out = append(out, string(text))
	}
	return out
}

// Edit changes the first detection of a name as a hand would; nil deletes it.
func (s *Server) Edit(name string, change func(rule map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.rules, func(r map[string]any) bool { return r["displayName"] == name })
	switch {
	case i < 0:
	case change == nil:
		s.rules = slices.Delete(s.rules, i, i+1)
	default:
		change(s.rules[i])
	}
}

// Revoke makes the token endpoint's next token the only one that is taken.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given++
}

func (s *Server) current() string {
	if s.given == 0 {
		return s.Token
	}
	return fmt.Sprintf("%s-%d", s.Token, s.given+1)
}

func fail(w http.ResponseWriter, status int, code, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": fmt.Sprintf(format, args...),
		"innerError": map[string]string{"request-id": "11111111-2222-3333-4444-555555555555", "date": "2026-01-01T00:00:00"}}})
}

// lost swallows an answer.
type lost struct{ http.ResponseWriter }

func (lost) Write(b []byte) (int, error) { return len(b), nil }
func (lost) WriteHeader(int)             {}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if s.Before != nil && s.Before(w, r) {
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

const rules = "/beta/security/rules/detectionRules"

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/"+s.Tenant+"/oauth2/v2.0/token" {
		s.login(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.current() {
		fail(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
		return
	}
	var body map[string]any
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if r.Header.Get("Content-Type") != "application/json" {
			fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the content type is not application/json")
			return
		}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &body); err != nil {
			fail(w, http.StatusBadRequest, "BadRequest", "the body is no JSON: %s", err)
			return
		}
	}
	id, one := strings.CutPrefix(r.URL.Path, rules+"/")
	switch {
	case r.URL.Path == "/v1.0/security/runHuntingQuery" && r.Method == http.MethodPost:
		s.hunt(w, body)
	case r.URL.Path == rules && r.Method == http.MethodGet:
		s.list(w, r)
	case r.URL.Path == rules && r.Method == http.MethodPost:
		s.create(w, body)
	case one && id != "" && !strings.Contains(id, "/"):
		s.one(w, r, id, body)
	default:
		fail(w, http.StatusNotFound, "UnknownError", "no such resource")
	}
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method != http.MethodPost || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "https://graph.microsoft.com/.default":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_request","error_description":"AADSTS900144: the request is malformed."}`)
	case r.FormValue("client_id") != s.Client || r.FormValue("client_secret") != s.Secret:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": s.current()})
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	end := min(from+s.PageSize, len(s.rules))
	page := map[string]any{"@odata.context": s.URL + "/beta/$metadata#security/rules/detectionRules", "value": append([]map[string]any{}, s.rules[min(from, end):end]...)}
	if end < len(s.rules) {
		page["@odata.nextLink"] = fmt.Sprintf("%s%s?$skiptoken=%d", s.URL, rules, end)
	}
	answer(w, http.StatusOK, page)
}

func (s *Server) create(w http.ResponseWriter, body map[string]any) {
	for _, k := range []string{"displayName", "queryCondition", "schedule", "detectionAction"} {
		if body[k] == nil {
			fail(w, http.StatusBadRequest, "BadRequest", "%s is required", k)
			return
		}
	}
	rule := map[string]any{}
	if !s.set(w, rule, body) {
		return
	}
	s.next++
	rule["id"] = strconv.Itoa(1000 + s.next)
	rule["@odata.type"] = "#microsoft.graph.security.detectionRule"
	rule["createdBy"], rule["detectorId"] = "app@contoso", "67895317-b2a8-4ac3-8f8b-fa6b7765f2fe"
	rule["lastRunDetails"] = map[string]any{"status": nil, "failureReason": nil}
	s.rules = append(s.rules, rule)
	answer(w, http.StatusCreated, rule)
}

func (s *Server) one(w http.ResponseWriter, r *http.Request, id string, body map[string]any) {
	i := slices.IndexFunc(s.rules, func(x map[string]any) bool { return x["id"] == id })
	if i < 0 {
		fail(w, http.StatusNotFound, "ResourceNotFound", "the rule %s is not there", id)
		return
	}
	switch r.Method {
	case http.MethodGet:
		answer(w, http.StatusOK, s.rules[i])
	case http.MethodPatch:
		next := map[string]any{}
		for k, v := range s.rules[i] {
			next[k] = v
		}
		if s.set(w, next, body) {
			s.rules[i] = next
			answer(w, http.StatusOK, next)
		}
	case http.MethodDelete:
		s.rules = slices.Delete(s.rules, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "method not allowed")
	}
}

// shape is what the properties of a detection may be: a list of words, a nested
// shape, or nil for any text.
type shape map[string]any

var detection = shape{
	"displayName": nil, "isEnabled": true,
	"queryCondition": shape{"queryText": nil},
	"schedule":       shape{"period": []string{"0", "1H", "3H", "12H", "24H"}},
	"detectionAction": shape{
		"alertTemplate": shape{
			"title": nil, "description": nil, "recommendedActions": nil,
			"severity": []string{"informational", "low", "medium", "high"},
			"category": nil, "mitreTechniques": []any{}, "impactedAssets": []any{},
		},
		"organizationalScope": nil, "responseActions": []any{},
	},
}

func (sh shape) check(at string, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return at + " is no object"
	}
	for k, x := range m {
		want, known := sh[k]
		place := strings.TrimPrefix(at+"."+k, ".")
		switch want := want.(type) {
		case shape:
			if why := want.check(place, x); why != "" {
				return why
			}
		case []string:
			if t, ok := x.(string); !ok || !slices.Contains(want, t) {
				return fmt.Sprintf("%v is no value of %s", x, place)
			}
		case []any:
			if _, ok := x.([]any); !ok {
				return place + " is no collection"
			}
		case bool:
			if _, ok := x.(bool); !ok {
				return place + " is no Edm.Boolean"
			}
		default:
			if !known {
				return fmt.Sprintf("the property %s does not exist on microsoft.graph.security.detectionRule", place)
			}
			if _, ok := x.(string); !ok && x != nil {
				return place + " is no Edm.String"
			}
		}
	}
	return ""
}

func (s *Server) set(w http.ResponseWriter, rule, body map[string]any) bool {
	if why := detection.check("", body); why != "" {
		fail(w, http.StatusBadRequest, "BadRequest", "%s", why)
		return false
	}
	for k, v := range body {
		rule[k] = v
	}
	name, _ := rule["displayName"].(string)
	for _, x := range s.rules {
		if x["displayName"] == name && x["id"] != rule["id"] {
			fail(w, http.StatusBadRequest, "BadRequest", "a rule with the name %q exists already", name)
			return false
		}
	}
	q, _ := rule["queryCondition"].(map[string]any)
	query, _ := q["queryText"].(string)
	if s.BadQuery != nil {
		if why := s.BadQuery(query); why != "" {
			fail(w, http.StatusBadRequest, "BadRequest", "%s", why)
			return false
		}
	}
	return true
}

func (s *Server) hunt(w http.ResponseWriter, body map[string]any) {
	query, _ := body["Query"].(string)
	if strings.TrimSpace(query) == "" {
		fail(w, http.StatusBadRequest, "BadRequest", "Query is required")
		return
	}
	if s.BadQuery != nil {
		if why := s.BadQuery(query); why != "" {
			fail(w, http.StatusBadRequest, "BadRequest", "%s", why)
			return
		}
	}
	answer(w, http.StatusOK, map[string]any{"schema": []any{}, "results": []any{}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
