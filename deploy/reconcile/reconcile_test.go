package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/deploy/reconcile"
)

// server is a Remote in memory.
type server struct {
	mu      sync.Mutex
	held    map[string]reconcile.Held
	next    int
	renames bool
	// fail decides before a change whether it fails, and whether it is done all
	// the same, as when an answer is lost.
	fail func(what string) (err error, done bool)
	// changed counts what was done.
	changed int
}

func newServer(renames bool) *server {
	return &server{held: map[string]reconcile.Held{}, renames: renames}
}

func (s *server) Renames() bool { return s.renames }

func (s *server) List(context.Context) ([]reconcile.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []reconcile.Held
	for _, h := range s.held {
		out = append(out, h) // in no order
	}
	return out, nil
}

func (s *server) Get(_ context.Context, key string) (*reconcile.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[key]
	if !ok {
		return nil, nil
	}
	return &h, nil
}

func (s *server) change(what string, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err, done := s.fail(what); err != nil {
			if done {
				_ = f()
			}
			return err
		}
	}
	s.changed++
	return f()
}

func (s *server) Create(_ context.Context, o reconcile.Object, m reconcile.Mark) error {
	return s.change("create", func() error {
		for _, h := range s.held {
			if strings.EqualFold(h.Name, o.Name) {
				return fmt.Errorf("409: %q exists", o.Name)
			}
		}
		s.next++
		key := fmt.Sprint(s.next)
		s.held[key] = reconcile.Held{Key: key, Name: o.Name, Mark: &m, Fields: slices.Clone(o.Fields)}
		return nil
	})
}

func (s *server) Find(_ context.Context, _ reconcile.Object, m reconcile.Mark) (*reconcile.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.Mark != nil && *h.Mark == m {
			return &h, nil
		}
	}
	return nil, nil
}

func (s *server) Update(_ context.Context, key string, o reconcile.Object, fields []reconcile.Field, m reconcile.Mark) error {
	return s.change("update", func() error {
		h, ok := s.held[key]
		if !ok {
			return errors.New("404")
		}
		if s.renames {
			h.Name = o.Name
		}
		h.Mark = &m
		h.Fields = slices.Clone(h.Fields)
		for _, f := range fields {
			h.Fields = slices.DeleteFunc(h.Fields, func(g reconcile.Field) bool { return g.Key == f.Key })
			h.Fields = append(h.Fields, f)
		}
		s.held[key] = h
		return nil
	})
}

func (s *server) Delete(_ context.Context, key string) error {
	return s.change("delete", func() error {
		delete(s.held, key)
		return nil
	})
}

func (s *server) Validate(_ context.Context, o reconcile.Object) error {
	for _, f := range o.Fields {
		if strings.Contains(f.Value, "syntax error") {
			return errors.New("400: the query does not parse")
		}
	}
	return nil
}

func (s *server) edit(name, key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, h := range s.held {
		if h.Name == name {
			h.Fields = slices.Clone(h.Fields)
			for i := range h.Fields {
				if h.Fields[i].Key == key {
					h.Fields[i].Value = value
				}
			}
			s.held[k] = h
		}
	}
}

func object(id, name, search string) reconcile.Object {
	return reconcile.Object{ID: id, Name: name, Spare: name + " (" + id + ")", Source: id + ".yml:1",
		Fields: []reconcile.Field{{Key: "cron", Value: "0 * * * *"}, {Key: "label", Value: name}, {Key: "search", Value: search}}}
}

var options = reconcile.Options{Target: "splunk", Place: "https://splunk/app", Project: "soc", MaxPrune: 10, MaxShare: 0.5}

func plan(t *testing.T, s *server, opt reconcile.Options, wanted ...reconcile.Object) *reconcile.Plan {
	t.Helper()
	held, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opt.Renames = s.renames
	p, err := reconcile.Make(wanted, held, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// steps are a plan's, each as action, id and the keys that change.
func steps(p *reconcile.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		line := string(s.Action) + " " + s.ID
		if s.Action != reconcile.Create {
			for _, c := range s.Changes {
				line += " " + c.Key
			}
		}
		if strings.Contains(s.Why, "on the server too") {
			line += " (too)"
		}
		out = append(out, line)
	}
	return out
}

func apply(t *testing.T, s *server, p *reconcile.Plan) *reconcile.Applied {
	t.Helper()
	src, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	saved, err := reconcile.Decode(src) // as apply reads it
	if err != nil {
		t.Fatal(err)
	}
	a, err := saved.Apply(t.Context(), s, reconcile.ApplyOptions{Jobs: 4})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPlan(t *testing.T) {
	a, b := object("a", "Alpha", "one"), object("b", "Beta", "two")
	renamed := object("a", "Alpha two", "one")
	changed := object("a", "Alpha", "three")
	cases := []struct {
		name    string
		renames bool
		edit    func(s *server)
		opt     func(o *reconcile.Options)
		wanted  []reconcile.Object
		want    []string
	}{
		{name: "nothing", wanted: []reconcile.Object{b, a}},
		{name: "another query", wanted: []reconcile.Object{changed, b}, want: []string{"update a search"}},
		{name: "another name", renames: true, wanted: []reconcile.Object{renamed, b}, want: []string{"update a label"}},
		{name: "another name that the server cannot give", wanted: []reconcile.Object{renamed, b}, want: []string{"update a label"}},
		{name: "edited by hand", edit: func(s *server) { s.edit("Alpha", "search", "mine") }, wanted: []reconcile.Object{a, b}, want: []string{"drift a search"}},
		{name: "edited, and the document too", edit: func(s *server) { s.edit("Alpha", "cron", "mine") }, wanted: []reconcile.Object{changed, b}, want: []string{"update a cron search (too)"}},
		{name: "a property that the server may decide", edit: func(s *server) { s.edit("Alpha", "cron", "mine") }, opt: func(o *reconcile.Options) { o.Kept = func(k string) bool { return k == "cron" } },
			wanted: []reconcile.Object{a, b}, want: []string{"kept a cron"}},
		{name: "document gone", wanted: []reconcile.Object{b}, want: []string{"leftover a"}},
		{name: "document gone, pruned", opt: func(o *reconcile.Options) { o.Prune = true }, wanted: []reconcile.Object{b}, want: []string{"delete a"}},
		{name: "another project's", opt: func(o *reconcile.Options) { o.Prune, o.Project = true, "other" }, wanted: nil},
		{name: "another project's name", opt: func(o *reconcile.Options) { o.Project = "other" }, wanted: []reconcile.Object{a}, want: []string{"conflict a"}},
		{name: "mark taken off by hand", edit: func(s *server) {
			for k, h := range s.held {
				if h.Name == "Alpha" {
					h.Mark = nil
					s.held[k] = h
				}
			}
		}, wanted: []reconcile.Object{a, b}, want: []string{"conflict a"}},
		{name: "copied by hand", edit: func(s *server) {
			for _, h := range s.held {
				if h.Name == "Alpha" {
					h.Key, h.Name = "copy", "Alpha copy"
					s.held["copy"] = h
				}
			}
		}, wanted: []reconcile.Object{a, b}, want: []string{"conflict a"}},
		{name: "edited, another property than the document", edit: func(s *server) { s.edit("Alpha", "cron", "mine") }, wanted: []reconcile.Object{changed, b}, want: []string{"update a cron search (too)"}},
		{name: "name that another gives up", renames: true, wanted: []reconcile.Object{object("a", "beta", "one"), object("b", "Gamma", "two")}, want: []string{"update a label", "update b label"}},
		{name: "new document with a name that another gives up", renames: true, wanted: []reconcile.Object{object("a", "Gamma", "one"), b, object("c", "Alpha", "x")}, want: []string{"update a label", "create c"}},
		{name: "new document with a name that another keeps on the server", wanted: []reconcile.Object{object("a", "Gamma", "one"), b, object("c", "Alpha", "x")}, want: []string{"update a label", "create c"}},
		{name: "another id with the same name, pruned", renames: true, opt: func(o *reconcile.Options) { o.Prune = true }, wanted: []reconcile.Object{object("c", "Alpha", "one"), b}, want: []string{"delete a", "create c"}},
		{name: "another id with the same name, pruned where names are kept", opt: func(o *reconcile.Options) { o.Prune = true }, wanted: []reconcile.Object{object("c", "Alpha", "one"), b}, want: []string{"delete a", "create c"}},
		{name: "another id with the same name", renames: true, wanted: []reconcile.Object{object("c", "Alpha", "one"), b}, want: []string{"leftover a", "conflict c"}},
		{name: "names that are swapped", renames: true, wanted: []reconcile.Object{object("a", "Beta", "one"), object("b", "Alpha", "two")}, want: []string{"conflict a label", "conflict b label"}},
		{name: "moved elsewhere", edit: func(s *server) {
			for k, h := range s.held {
				if h.Name == "Alpha" {
					h.Elsewhere = "in the app other"
					s.held[k] = h
				}
			}
		}, wanted: []reconcile.Object{a, b}, want: []string{"conflict a"}},
		{name: "document in error", opt: func(o *reconcile.Options) { o.Broken = map[string]bool{"a": true} }, wanted: []reconcile.Object{b}, want: []string{"leftover a"}},
		{name: "deleted by hand", edit: func(s *server) {
			for k, h := range s.held {
				if h.Name == "Alpha" {
					delete(s.held, k)
				}
			}
		}, wanted: []reconcile.Object{a, b}, want: []string{"create a"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(c.renames)
			if a := apply(t, s, plan(t, s, options, a, b)); !a.Complete() {
				t.Fatal(a)
			}
			if p := plan(t, s, options, a, b); !p.Empty() || len(p.Steps) > 0 {
				t.Fatalf("a plan after its application has steps: %v", steps(p))
			}
			if c.edit != nil {
				c.edit(s)
			}
			opt := options
			if c.opt != nil {
				c.opt(&opt)
			}
			p := plan(t, s, opt, c.wanted...)
			if d := cmp.Diff(c.want, steps(p)); d != "" {
				t.Fatal(d)
			}
			if len(p.Conflicts()) > 0 {
				if _, err := p.Apply(t.Context(), s, reconcile.ApplyOptions{}); err == nil {
					t.Error("a plan with a conflict is applied")
				}
				return
			}
			if a, err := p.Apply(t.Context(), s, reconcile.ApplyOptions{Jobs: 2, Kept: opt.Kept}); err != nil || !a.Complete() {
				t.Fatal(a, err)
			}
			if p := plan(t, s, opt, c.wanted...); !p.Empty() {
				t.Errorf("a plan after its application has steps: %v", steps(p))
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	s := newServer(false)
	var all []reconcile.Object
	for i := range 8 {
		all = append(all, object(fmt.Sprint(i), fmt.Sprint("Hunt ", i), "x"))
	}
	apply(t, s, plan(t, s, options, all...))
	held, _ := s.List(t.Context())
	prune := options
	prune.Prune = true
	var limit *reconcile.PruneError
	if _, err := reconcile.Make(all[:3], held, prune); !errors.As(err, &limit) {
		t.Errorf("5 of 8 objects are deleted: %v", err)
	}
	if _, err := reconcile.Make(all[:4], held, prune); err != nil {
		t.Error(err)
	}
	prune.MaxPrune = 3
	if _, err := reconcile.Make(all[:4], held, prune); !errors.As(err, &limit) {
		t.Errorf("4 objects are deleted: %v", err)
	}
	for _, bad := range [][]reconcile.Object{
		{object("", "No id", "x")},
		{object("1", "One", "x"), object("1", "Two", "x")},
		{object("1", "One", "x"), object("2", "ONE", "x")},
	} {
		if _, err := reconcile.Make(bad, nil, options); err == nil {
			t.Errorf("%v is planned", bad)
		}
	}
}

// TestConfirm alters saved plans: what the file says alone is not done.
func TestConfirm(t *testing.T) {
	a, b, c := object("a", "Alpha", "one"), object("b", "Beta", "two"), object("c", "Gamma", "three")
	changed := object("a", "Alpha", "changed")
	for name, alter := range map[string]func(p *reconcile.Plan){
		"another value": func(p *reconcile.Plan) { p.Steps[0].Object.Fields[2].Value = "evil" },
		"another name":  func(p *reconcile.Plan) { p.Steps[1].Object.Name = "evil" },
		"a delete": func(p *reconcile.Plan) {
			p.Steps[0].Action, p.Steps[0].Object = reconcile.Delete, nil
		},
		"a delete of another": func(p *reconcile.Plan) {
			p.Steps = append(p.Steps, reconcile.Step{Action: reconcile.Delete, ID: "b", Name: "Beta", Key: "2", Seen: p.Steps[0].Seen})
		},
		"a step less": func(p *reconcile.Plan) { p.Steps = p.Steps[:1] },
		"no steps":    func(p *reconcile.Plan) { p.Steps = nil },
		"another key": func(p *reconcile.Plan) { p.Steps[0].Key = "2" },
		"a document more": func(p *reconcile.Plan) {
			s := p.Steps[1]
			o := object("d", "Delta", "evil")
			s.ID, s.Name, s.Object = "d", "Delta", &o
			p.Steps = append(p.Steps, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(true)
			apply(t, s, plan(t, s, options, a, b))
			p := plan(t, s, options, changed, b, c)
			held, _ := s.List(t.Context())
			opt := options
			opt.Renames = true
			if err := p.Confirm([]reconcile.Object{changed, b, c}, held, opt); err != nil {
				t.Fatalf("the plan as it was saved: %v", err)
			}
			src, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if p, err = reconcile.Decode(src); err != nil {
				t.Fatal(err)
			}
			alter(p)
			if err := p.Confirm([]reconcile.Object{changed, b, c}, held, opt); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

// TestMoved changes the server between plan and apply: nothing may happen.
func TestMoved(t *testing.T) {
	a, b := object("a", "Alpha", "one"), object("b", "Beta", "two")
	for name, move := range map[string]func(s *server){
		"edited":  func(s *server) { s.edit("Alpha", "search", "by hand") },
		"deleted": func(s *server) { clear(s.held) },
		"name taken": func(s *server) {
			s.held["x"] = reconcile.Held{Key: "x", Name: "beta"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(true)
			apply(t, s, plan(t, s, options, a))
			p := plan(t, s, options, object("a", "Alpha", "changed"), b)
			move(s)
			s.changed = 0
			_, err := p.Apply(t.Context(), s, reconcile.ApplyOptions{Jobs: 2})
			var moved *reconcile.MovedError
			if !errors.As(err, &moved) || s.changed > 0 {
				t.Errorf("%d changes, %v", s.changed, err)
			}
		})
	}
}

// TestConverges runs random plans against a server that fails at random, answers
// that get lost among them, and holds that applying a plan again and again ends
// with what it wants, and that what is not huntc's is never touched.
func TestConverges(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := newServer(seed%2 == 0)
		theirs := reconcile.Held{Key: "theirs", Name: "Theirs", Fields: []reconcile.Field{{Key: "search", Value: "index=*"}}}
		s.held["theirs"] = theirs
		some := func() (out []reconcile.Object) {
			for i := range 12 {
				if r.IntN(3) > 0 {
					out = append(out, object(fmt.Sprint("id", i), fmt.Sprintf("Hunt %d", i), fmt.Sprint("search ", r.IntN(4))))
				}
			}
			return out
		}
		opt := options
		opt.Prune, opt.MaxPrune, opt.MaxShare = true, 100, 1
		for range 4 {
			wanted := some()
			p := plan(t, s, opt, wanted...)
			s.fail = func(string) (error, bool) {
				switch r.IntN(6) {
				case 0:
					return errors.New("503"), false
				case 1:
					return errors.New("broken"), true
				case 2:
					return &reconcile.LostError{Err: errors.New("lost")}, r.IntN(2) == 0
				}
				return nil, false
			}
			var a *reconcile.Applied
			var err error
			for tries := 0; a == nil || !a.Complete(); tries++ {
				if tries > 60 {
					t.Fatalf("seed %d: no end: %+v %v", seed, a, err)
				}
				held, _ := s.List(t.Context())
				o := opt
				o.Renames = s.renames
				if err := p.Confirm(wanted, held, o); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if a, err = p.Apply(t.Context(), s, reconcile.ApplyOptions{Jobs: 3}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			s.fail = nil
			if q := plan(t, s, opt, wanted...); len(q.Steps) > 0 || q.Same != len(wanted) || q.Foreign != 1 {
				t.Fatalf("seed %d: left are %v", seed, steps(q))
			}
			if d := cmp.Diff(theirs, s.held["theirs"]); d != "" {
				t.Fatal(d)
			}
		}
	}
}

// TestCancelled stops in the middle: what was not begun is skipped, and the same
// plan goes on from there.
func TestCancelled(t *testing.T) {
	s := newServer(false)
	var all []reconcile.Object
	for i := range 20 {
		all = append(all, object(fmt.Sprint(i), fmt.Sprint("Hunt ", i), "x"))
	}
	p := plan(t, s, options, all...)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	a, err := p.Apply(ctx, s, reconcile.ApplyOptions{Jobs: 1, Log: func(reconcile.Result) {
		if n++; n == 7 {
			cancel()
		}
	}})
	if err != nil || a.Complete() || a.Count(reconcile.Done) != 7 || a.Count(reconcile.Skipped) != 13 {
		t.Fatal(a, err)
	}
	if a := apply(t, s, p); !a.Complete() || a.Count(reconcile.Done) != 13 || a.Count(reconcile.Already) != 7 {
		t.Error(a)
	}
}

func TestValidate(t *testing.T) {
	s := newServer(false)
	p := plan(t, s, options, object("a", "Alpha", "fine"), object("b", "Beta", "syntax error"))
	bad := p.Validate(t.Context(), s, 2)
	if len(bad) != 1 || bad[0].Object.ID != "b" || s.changed > 0 {
		t.Error(bad)
	}
}

// TestRender shows a plan whose texts try to break out of their place.
func TestRender(t *testing.T) {
	s := newServer(true)
	evil := object("a", "x | y\n| z <script>`", "one\ntwo\nthree")
	apply(t, s, plan(t, s, options, evil, object("b", "Beta", "q")))
	evil.Fields = slices.Clone(evil.Fields)
	evil.Fields[2].Value = "one\n```\n\x1b[2Jtwo\nthree"
	p := plan(t, s, options, evil, object("c", "Gamma", "new"))
	var text, md bytes.Buffer
	if err := p.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := p.Markdown(&md); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), md.String()} {
		if strings.ContainsRune(out, '\x1b') {
			t.Errorf("a control character reaches the terminal:\n%s", out)
		}
		if !strings.Contains(out, "1 create, 1 update, 1 leftover") {
			t.Errorf("no summary:\n%s", out)
		}
	}
	if strings.Contains(md.String(), "<script>") || !strings.Contains(md.String(), "````diff") {
		t.Errorf("%s", md.String())
	}
	for line := range strings.Lines(md.String()) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("a title breaks the table: %s", line)
		}
	}
}
