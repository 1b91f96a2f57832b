package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/huntc/huntc/deploy/rest"
)

func client(t *testing.T, h http.HandlerFunc) *rest.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := rest.New(s.URL+"/base/", "")
	if err != nil {
		t.Fatal(err)
	}
	c.Wait, c.MaxWait, c.Tries, c.Timeout = time.Millisecond, 3*time.Second, 4, 2*time.Second
	return c
}

func hijack(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestTries(t *testing.T) {
	cases := []struct {
		name   string
		once   bool
		answer func(w http.ResponseWriter, n int32)
		status int   // 0: an error without an answer
		tries  int32 // requests that arrive
		lost   bool
	}{
		{name: "at once", answer: func(w http.ResponseWriter, _ int32) {}, status: 200, tries: 1},
		{name: "busy, then not", once: true, answer: func(w http.ResponseWriter, n int32) {
			if n < 3 {
				w.WriteHeader(503)
			}
		}, status: 200, tries: 3},
		{name: "throttled for good", answer: func(w http.ResponseWriter, _ int32) { w.WriteHeader(429) }, status: 429, tries: 4},
		{name: "broken", answer: func(w http.ResponseWriter, n int32) {
			if n == 1 {
				w.WriteHeader(500)
			}
		}, status: 200, tries: 2},
		{name: "broken, not to be repeated", once: true, answer: func(w http.ResponseWriter, _ int32) { w.WriteHeader(500) }, status: 500, tries: 1, lost: true},
		{name: "wrong", answer: func(w http.ResponseWriter, _ int32) { w.WriteHeader(400) }, status: 400, tries: 1},
		{name: "closed", answer: func(w http.ResponseWriter, n int32) {
			if n < 3 {
				hijack(w)
			}
		}, status: 200, tries: 3},
		{name: "closed, not to be repeated", once: true, answer: func(w http.ResponseWriter, _ int32) { hijack(w) }, tries: 1, lost: true},
		{name: "half an answer", answer: func(w http.ResponseWriter, n int32) {
			if n == 1 {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "half")
			}
		}, status: 200, tries: 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			cl := client(t, func(w http.ResponseWriter, r *http.Request) { c.answer(w, n.Add(1)) })
			a, err := cl.Do(t.Context(), rest.Request{Method: "POST", Path: "/x?q=1", Body: []byte("b"), Type: "text/plain", Once: c.once}, nil)
			var status *rest.StatusError
			got := 0
			if a != nil {
				got = a.Status
			} else if errors.As(err, &status) {
				got = status.Status
			}
			var lost *rest.LostError
			if got != c.status || n.Load() != c.tries || errors.As(err, &lost) != c.lost {
				t.Errorf("status %d after %d tries, %v", got, n.Load(), err)
			}
		})
	}
}

func TestWaitsAsAsked(t *testing.T) {
	var n atomic.Int32
	cl := client(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	begin := time.Now()
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d < time.Second {
		t.Errorf("it came back after %s", d)
	}
	cl = client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	})
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "1h0m0s") {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	cl := client(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	cl.Timeout, cl.Tries = 20*time.Millisecond, 2
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := cl.Do(ctx, rest.Request{Method: "GET", Path: "/x"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestSecrets holds that no error has the token in it, whatever the server says.
func TestSecrets(t *testing.T) {
	const token = "s3cr3t/t0ken"
	cl := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		fmt.Fprintf(w, "you sent %s\x1b[2J", r.Header.Get("Authorization"))
	})
	cl.Secrets = []string{token}
	cl.Authorize = func(context.Context, bool) (string, error) { return "Bearer " + token, nil }
	_, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, func(b []byte) string { return string(b) })
	if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "***") {
		t.Error(err)
	}
	for _, bad := range []string{"https://u:p@splunk", "http://splunk:8089", "splunk", "ftp://x", "https://x/?token=1"} {
		if _, err := rest.New(bad, ""); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFreshToken(t *testing.T) {
	valid := "new"
	cl := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != valid {
			w.WriteHeader(401)
		}
	})
	asked := 0
	cl.Authorize = func(_ context.Context, fresh bool) (string, error) {
		if asked++; fresh {
			return "new", nil
		}
		return "old", nil
	}
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err != nil || asked != 2 {
		t.Error(asked, err)
	}
	valid = "none"
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
}

// TestRedirects holds that the token goes to one server only.
func TestRedirects(t *testing.T) {
	var got atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.Add(1) }))
	defer other.Close()
	cl := client(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	cl.Tries = 1
	if _, err := cl.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err == nil || got.Load() > 0 {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c, err := rest.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), rest.Request{Method: "GET", Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "certificate is not trusted") {
		t.Error(err)
	}
}
