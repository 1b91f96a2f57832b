// Package rest makes the requests to servers that huntc deploys to: it tries
// again what can be tried again, waits as the server asks, and keeps secrets out
// of what it says. It is the only package that opens a connection.
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client makes requests to one server. It is safe for concurrent use.
type Client struct {
	// Base is the server's URL, to which the paths of requests are added.
	Base *url.URL
	// Authorize gives the value of the header Authorization; nil for none.
	// fresh asks for one that was not used before, for the server has refused
	// the last.
	Authorize func(ctx context.Context, fresh bool) (string, error)
	// Secrets are taken out of every error.
	Secrets []string
	// Timeout is for one attempt, its answer included.
	Timeout time.Duration
	// Tries is how often a request is made at most.
	Tries int
	// Wait is before the second attempt, and twice as long before each further
	// one. MaxWait bounds it, and what a server asks to wait.
	Wait, MaxWait time.Duration
	// HTTP does the work.
	HTTP *http.Client
}

// New is a client for a server, with a minute for each of six attempts. caFile
// is a file with the certificates that are trusted beside the system's; "" for
// none. Certificates are always verified.
func New(base, caFile string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is no URL of a server", base)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the URL of %s holds more than a server and a path; secrets belong into the environment", u.Host)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%s is reached without TLS, which would give away the token; write https", u.Host)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{Base: u, Timeout: time.Minute, Tries: 6, Wait: time.Second, MaxWait: 2 * time.Minute,
		HTTP: &http.Client{Transport: transport, CheckRedirect: sameHost}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameHost keeps the token from going where another server points to.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("the server redirects without end")
	}
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("the server redirects to %s, where the token must not go", req.URL.Host)
	}
	return nil
}

// Request is one request.
type Request struct {
	Method string
	// Path is added to the base, escaped already, with its query.
	Path string
	// Body is sent with Type as its content type, if there is a Type.
	Body []byte
	Type string
	// Once: a request that may have reached the server is not made again, for
	// making it twice does something else than making it once.
	Once bool
}

// Answer is a server's.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// StatusError is an answer that is none of success.
type StatusError struct {
	Method, URL string
	Answer
	// Message is what the server says, as far as Explain found it.
	Message string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	if hint := hints[e.Status]; hint != "" {
		text += "; " + hint
	}
	return text
}

// NotFound reports whether an error is a server's answer that what a request is
// about is not there.
func NotFound(err error) bool { return answered(err, http.StatusNotFound) }

// Conflict reports whether an error is a server's answer that there is something
// of that name.
func Conflict(err error) bool { return answered(err, http.StatusConflict) }

// Lost reports whether an error says of a request that nobody knows whether the
// server did what it asks.
func Lost(err error) bool {
	var e *LostError
	return errors.As(err, &e)
}

func answered(err error, status int) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == status
}

var hints = map[int]string{
	http.StatusUnauthorized: "the token is missing, wrong or expired",
	http.StatusForbidden:    "the token's account lacks the permission",
}

// LostError says that a request was sent, and that nobody knows whether the
// server did what it asks.
type LostError struct{ Err error }

func (e *LostError) Error() string { return e.Err.Error() }
func (e *LostError) Unwrap() error { return e.Err }

// maxBody bounds what is read of an answer, in bytes.
const maxBody = 256 << 20

// retried are the statuses of a server that cannot answer now. After 429 and 503
// with the request refused, nothing was done; after the others nobody knows.
func retried(status int, once bool) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return !once
	}
	return false
}

// Do makes a request, again where that can help. Explain, which may be nil,
// finds the message in the body of an error.
func (c *Client) Do(ctx context.Context, r Request, explain func(body []byte) string) (*Answer, error) {
	wait := c.Wait
	fresh, refused := false, false
	for try := 1; ; try++ {
		a, err := c.once(ctx, r, fresh)
		fresh = false
		var after time.Duration
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var permanent *permanentError
			if errors.As(err, &permanent) || try >= c.Tries || r.Once && !unsent(err) {
				err = c.clean(err)
				if r.Once && !unsent(err) && !errors.As(err, &permanent) {
					return nil, &LostError{err}
				}
				return nil, err
			}
		case a.Status == http.StatusUnauthorized && c.Authorize != nil && !refused:
			refused, fresh = true, true
			continue
		case a.Status < 300:
			return a, nil
		default:
			status := &StatusError{Method: r.Method, URL: c.shown(r.Path), Answer: *a}
			if explain != nil {
				status.Message = c.redact(oneLine(explain(a.Body)))
			}
			if !retried(a.Status, r.Once) {
				if r.Once && a.Status >= 500 {
					return nil, &LostError{status}
				}
				return nil, status
			}
			if try >= c.Tries {
				return nil, status
			}
			after = retryAfter(a.Header, time.Now())
			if after > c.MaxWait {
				return nil, fmt.Errorf("%w; it asks to wait %s, and at most %s are waited", status, after, c.MaxWait)
			}
		}
		// What the server asks for comes first; else some chance, so that clients
		// that were refused together do not come back together.
		pause := after
		if pause == 0 {
			pause = wait/2 + rand.N(wait/2+1)
			wait = min(2*wait, c.MaxWait)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
	}
}

// permanentError is one that no further attempt mends.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

func (c *Client) once(ctx context.Context, r Request, fresh bool) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, c.Base.String()+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return nil, &permanentError{err}
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "huntc")
	if r.Once {
		// The transport repeats what it takes for idempotent when a connection
		// that was kept turns out to be closed; a POST it does not.
		req.GetBody = nil
	}
	if c.Authorize != nil {
		value, err := c.Authorize(ctx, fresh)
		if err != nil {
			return nil, &permanentError{err}
		}
		req.Header.Set("Authorization", value)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		var unknown x509.UnknownAuthorityError
		var host x509.HostnameError
		var invalid x509.CertificateInvalidError
		if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) {
			return nil, &permanentError{fmt.Errorf("%s: the server's certificate is not trusted: %w", c.Base.Host, err)}
		}
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: the answer ends too early: %w", r.Method, c.shown(r.Path), err)
	}
	if len(body) > maxBody {
		return nil, &permanentError{fmt.Errorf("%s %s: the answer has more than %d bytes", r.Method, c.shown(r.Path), maxBody)}
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// unsent reports whether a request certainly did not reach the server.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// retryAfter is what a server asks to wait: a number of seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// shown is a request's URL without its query, which may be long.
func (c *Client) shown(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return c.Base.Scheme + "://" + c.Base.Host + c.Base.Path + path
}

// clean takes secrets out of an error's text.
func (c *Client) clean(err error) error {
	if text := err.Error(); c.redact(text) != text {
		return errors.New(c.redact(text))
	}
	return err
}

func (c *Client) redact(text string) string {
	for _, s := range c.Secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
			text = strings.ReplaceAll(text, url.QueryEscape(s), "***")
		}
	}
	return text
}

// oneLine is a text of bounded length whose control characters do nothing.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}
