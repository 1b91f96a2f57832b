package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Outcome is what became of a step.
type Outcome string

const (
	Done    Outcome = "done"
	Already Outcome = "already" // the server held it as the step leaves it
	Failed  Outcome = "failed"
	Moved   Outcome = "moved" // the server holds neither what the plan saw nor what it wants
	Skipped Outcome = "skipped"
)

// Result is what became of one step.
type Result struct {
	Step
	Outcome Outcome
	Err     error // of Failed and Moved
}

// MovedError says that an object is not as the plan saw it.
type MovedError struct{ Name string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("%q is no longer on the server as the plan saw it; plan again", e.Name)
}

// ConflictError says that a plan asks for what huntc must not do.
type ConflictError struct{ Steps []Step }

func (e *ConflictError) Error() string {
	s := e.Steps[0]
	text := fmt.Sprintf("%q: %s", s.Name, s.Why)
	if n := len(e.Steps) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more conflicts)", n)
	}
	return text
}

// Applied is what became of a plan, step by step in the plan's order.
type Applied struct{ Results []Result }

// Count is the number of steps with an outcome.
func (a *Applied) Count(o Outcome) int {
	n := 0
	for _, r := range a.Results {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// Complete reports whether the server holds all that the plan wants.
func (a *Applied) Complete() bool {
	return !slices.ContainsFunc(a.Results, func(r Result) bool { return r.Outcome != Done && r.Outcome != Already })
}

// Conflicts are the steps that stand against applying a plan.
func (p *Plan) Conflicts() []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.Action == Conflict {
			out = append(out, s)
		}
	}
	return out
}

// TamperedError says that a saved plan is not one that documents and server give.
type TamperedError struct{ Name, Why string }

func (e *TamperedError) Error() string {
	return fmt.Sprintf("the saved plan is not what the documents and the server give: %q %s; plan again", e.Name, e.Why)
}

// Confirm holds a saved plan against the documents and the server as they are
// now, so that nothing is applied on the word of the file alone: whatever is left
// to do has to be in the plan, and is done with what the documents say. What the
// plan has and is done already stays in it.
func (p *Plan) Confirm(wanted []Object, held []Held, opt Options) error {
	if c := p.Conflicts(); len(c) > 0 {
		return &ConflictError{c}
	}
	opt.Prune = opt.Prune || p.Count(Delete) > 0
	fresh, err := Make(wanted, held, opt)
	if err != nil {
		return err
	}
	if c := fresh.Conflicts(); len(c) > 0 {
		return &MovedError{c[0].Name}
	}
	byID := map[string]Object{}
	for _, o := range wanted {
		byID[o.ID] = o
	}
	at := map[string]Step{}
	for _, s := range p.Steps {
		at[s.ID+"\x00"+s.Key] = s
	}
	left := map[string]bool{}
	for _, f := range fresh.Steps {
		if f.Action == Leftover || f.Action == Kept {
			continue
		}
		left[f.ID] = true
		s, planned := at[f.ID+"\x00"+f.Key]
		switch {
		case !planned:
			if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.ID == f.ID }) {
				return &MovedError{f.Name}
			}
			if f.Action == Create || f.Action == Update {
				return &TamperedError{f.Name, "is to be changed, and has no step in it"}
			}
			return &MovedError{f.Name} // by hand, since the plan was made
		case s.Action != f.Action || s.Seen != f.Seen:
			return &MovedError{f.Name}
		case f.Object != nil && (s.Object.Hash() != f.Object.Hash() || s.Object.Name != f.Object.Name):
			return &TamperedError{f.Name, "would get other values than its document has"}
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		o, known := byID[s.ID]
		switch s.Action {
		case Create, Update, Drift:
			if !known {
				return &TamperedError{s.Name, "has no document"}
			}
			s.Object = &o
		case Delete:
			if known {
				return &TamperedError{s.Name, "would be deleted, and has a document"}
			}
			if !left[s.ID] && slices.ContainsFunc(held, func(h Held) bool { return h.Key == s.Key }) {
				return &TamperedError{s.Name, "would be deleted, and is not the project's"}
			}
		}
	}
	return nil
}

// check gives the steps that are left to do, in order, and a MovedError for the
// first object that is neither as the plan saw it nor as the plan leaves it.
func (p *Plan) check(held []Held, kept func(key string) bool, renames bool) ([]Step, error) {
	byID, byKey, byName := map[string][]Held{}, map[string]Held{}, map[string]Held{}
	for _, h := range held {
		byKey[h.Key] = h
		if h.Elsewhere == "" {
			byName[nameKey(h.Name)] = h
		}
		if h.Mark != nil && h.Mark.Project == p.Project {
			byID[h.Mark.ID] = append(byID[h.Mark.ID], h)
		}
	}
	var left []Step
	for _, s := range p.Steps {
		switch s.Action {
		case Create:
			if mine := byID[s.ID]; len(mine) > 0 {
				if len(mine) > 1 || !s.reached(mine[0], kept, renames) {
					return nil, &MovedError{s.Name}
				}
				continue
			}
			if h, taken := byName[nameKey(s.serverName())]; taken && (s.After == "" || h.Key != s.After) {
				return nil, &MovedError{s.Name}
			}
			left = append(left, s)
		case Update, Drift:
			h, there := byKey[s.Key]
			if !there {
				return nil, &MovedError{s.Name}
			}
			if s.reached(h, kept, renames) {
				continue
			}
			if fingerprint(h) != s.Seen {
				return nil, &MovedError{s.Name}
			}
			left = append(left, s)
		case Delete:
			h, there := byKey[s.Key]
			if !there {
				continue
			}
			if fingerprint(h) != s.Seen {
				return nil, &MovedError{s.Name}
			}
			left = append(left, s)
		}
	}
	return left, nil
}

// serverName is what the server calls an object that a step makes.
func (s Step) serverName() string {
	if s.There != "" {
		return s.There
	}
	return s.Name
}

// reached reports whether the server's object is as the step leaves it.
func (s Step) reached(h Held, kept func(key string) bool, renames bool) bool {
	return h.Mark != nil && h.Mark.ID == s.ID && h.Elsewhere == "" && h.Mark.Hash == s.Object.Hash() &&
		(!renames || h.Name == s.Object.Name) &&
		!slices.ContainsFunc(changes(*s.Object, h, Options{Kept: kept}), func(c Change) bool { return !c.Kept })
}

// ApplyOptions say how a plan is applied.
type ApplyOptions struct {
	// Jobs is how many requests run at once; at least one.
	Jobs int
	// Kept is that of the plan.
	Kept func(key string) bool
	// Log gets each result as it comes, from one goroutine at a time; nil for none.
	Log func(Result)
}

// Apply does what is left of a plan: updates, then creates, then deletes, so that
// no detection is missing in between; a step that waits for a name comes after
// the one that gives it up. It refuses a plan with conflicts, and one that the
// server has moved under, before anything is changed. A step that fails does not
// stop those beside it; those of later kinds are skipped.
func (p *Plan) Apply(ctx context.Context, r Remote, opt ApplyOptions) (*Applied, error) {
	if c := p.Conflicts(); len(c) > 0 {
		return nil, &ConflictError{c}
	}
	held, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	left, err := p.check(held, opt.Kept, r.Renames())
	if err != nil {
		return nil, err
	}
	out := &Applied{}
	at := map[string]int{} // by the step's action, id and key
	for _, s := range p.Steps {
		if s.Action == Leftover || s.Action == Kept {
			continue
		}
		at[s.place()] = len(out.Results)
		out.Results = append(out.Results, Result{Step: s, Outcome: Already})
	}
	waited := map[string]bool{} // keys whose names others wait for
	for _, s := range left {
		waited[s.After] = true
	}
	kind := func(s Step) int {
		switch {
		case s.Action == Update || s.Action == Drift || s.Action == Delete && waited[s.Key]:
			return 0
		case s.Action == Create:
			return 1
		}
		return 2
	}
	failed := false
	for k := range 3 {
		var steps []Step
		for _, s := range left {
			if kind(s) == k {
				steps = append(steps, s)
			}
		}
		// Those that wait for a name of this kind come in a later round.
		for len(steps) > 0 {
			var now, later []Step
			for _, s := range steps {
				if s.After != "" && slices.ContainsFunc(steps, func(o Step) bool { return o.Key == s.After }) {
					later = append(later, s)
				} else {
					now = append(now, s)
				}
			}
			if failed {
				for _, s := range now {
					out.Results[at[s.place()]].Outcome = Skipped
				}
			} else {
				bad := false
				for _, res := range p.each(ctx, r, now, opt) {
					out.Results[at[res.place()]] = res
					bad = bad || res.Outcome != Done && res.Outcome != Already
				}
				failed = bad
			}
			steps = later
		}
	}
	return out, nil
}

func (s Step) place() string { return string(s.Action) + "\x00" + s.ID + "\x00" + s.Key }

// each does steps that do not depend on each other.
func (p *Plan) each(ctx context.Context, r Remote, steps []Step, opt ApplyOptions) []Result {
	out := make([]Result, len(steps))
	var log sync.Mutex
	parallel(len(steps), opt.Jobs, func(i int) {
		out[i] = p.do(ctx, r, steps[i], opt)
		if opt.Log != nil {
			log.Lock()
			defer log.Unlock()
			opt.Log(out[i])
		}
	})
	return out
}

// parallel calls f with 0 to n-1, some of them at once.
func parallel(n, jobs int, f func(i int)) {
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(max(jobs, 1), n) {
		wait.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

// do does one step.
func (p *Plan) do(ctx context.Context, r Remote, s Step, opt ApplyOptions) Result {
	if err := ctx.Err(); err != nil {
		return Result{s, Skipped, err}
	}
	if s.Action == Create {
		o := *s.Object
		o.Name = s.serverName()
		return ended(s, create(ctx, r, o, p.mark(s)))
	}
	// Some time may have passed since the list: a hand that was quicker is not
	// written over.
	h, err := r.Get(ctx, s.Key)
	if err != nil {
		return ended(s, err)
	}
	if h == nil || fingerprint(*h) != s.Seen {
		return Result{s, Moved, &MovedError{s.Name}}
	}
	if s.Action == Delete {
		return ended(s, r.Delete(ctx, s.Key))
	}
	var fields []Field
	for _, c := range changes(*s.Object, *h, Options{Kept: opt.Kept}) {
		if !c.Kept {
			fields = append(fields, Field{c.Key, c.After})
		}
	}
	return ended(s, r.Update(ctx, s.Key, *s.Object, fields, p.mark(s)))
}

// createTries is how often a create is tried whose answer is lost each time.
const createTries = 4

// create makes an object. Where that fails it looks whether the object is there,
// for the answer may have been lost, or somebody else may apply the same plan.
func create(ctx context.Context, r Remote, o Object, m Mark) error {
	for try := 1; ; try++ {
		err := r.Create(ctx, o, m)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var lost *LostError
		again := errors.As(err, &lost) && try < createTries
		switch h, findErr := r.Find(ctx, o, m); {
		case h != nil && findErr == nil:
			return nil
		case findErr != nil && again:
			return findErr
		case !again:
			return err
		}
	}
}

func ended(s Step, err error) Result {
	if err != nil {
		return Result{s, Failed, err}
	}
	return Result{s, Done, nil}
}

func (p *Plan) mark(s Step) Mark {
	return Mark{ID: s.ID, Project: p.Project, Hash: s.Object.Hash()}
}

// Validation is what a server says of one object.
type Validation struct {
	Object Object
	Err    error
}

// Validate asks the server of every object that the plan creates or changes
// whether it understands the query, and gives those that it does not.
func (p *Plan) Validate(ctx context.Context, r Remote, jobs int) []Validation {
	var steps []Step
	for _, s := range p.Steps {
		if s.Action == Create || s.Action == Update || s.Action == Drift {
			steps = append(steps, s)
		}
	}
	all := make([]Validation, len(steps))
	parallel(len(steps), jobs, func(i int) {
		all[i] = Validation{*steps[i].Object, r.Validate(ctx, *steps[i].Object)}
	})
	return slices.DeleteFunc(all, func(v Validation) bool { return v.Err == nil })
}
