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

// Check looks whether the server is still as the plan saw it, or as the plan
// leaves it, wherever the plan has a step. It gives the steps that are left to
// do, in order, and a MovedError for the first object that is neither.
func (p *Plan) Check(held []Held, kept func(key string) bool, renames bool) ([]Step, error) {
	byID, byKey, byName := map[string][]Held{}, map[string]Held{}, map[string]Held{}
	for _, h := range held {
		byKey[h.Key], byName[nameKey(h.Name)] = h, h
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
			if _, taken := byName[nameKey(s.Name)]; taken {
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

// reached reports whether the server's object is as the step leaves it.
func (s Step) reached(h Held, kept func(key string) bool, renames bool) bool {
	return h.Mark != nil && h.Mark.ID == s.ID && h.Mark.Hash == s.Object.Hash() &&
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

// Apply does what is left of a plan: creates, then updates, then deletes, so
// that no detection is missing in between. It refuses a plan with conflicts,
// and one that the server has moved under before anything is changed. A step
// that fails does not stop the others of its kind; those of later kinds are
// skipped.
func (p *Plan) Apply(ctx context.Context, r Remote, opt ApplyOptions) (*Applied, error) {
	if c := p.Conflicts(); len(c) > 0 {
		return nil, &ConflictError{c}
	}
	held, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	left, err := p.Check(held, opt.Kept, r.Renames())
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
	var failed bool
	for _, kind := range [][]Action{{Create}, {Update, Drift}, {Delete}} {
		var steps []Step
		for _, s := range left {
			if slices.Contains(kind, s.Action) {
				steps = append(steps, s)
			}
		}
		if failed {
			for _, s := range steps {
				out.Results[at[s.place()]].Outcome = Skipped
			}
			continue
		}
		for _, res := range p.each(ctx, r, steps, opt) {
			out.Results[at[res.place()]] = res
			failed = failed || res.Outcome != Done && res.Outcome != Already
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
		return ended(s, create(ctx, r, *s.Object, p.mark(s)))
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

// create makes an object. Where the answer is lost, it looks whether the object
// is there before it tries again: there must not be two.
func create(ctx context.Context, r Remote, o Object, m Mark) error {
	for try := 1; ; try++ {
		err := r.Create(ctx, o, m)
		var lost *LostError
		if !errors.As(err, &lost) {
			return err
		}
		switch h, findErr := r.Find(ctx, o, m); {
		case findErr != nil:
			return findErr
		case h != nil:
			return nil
		case try >= createTries:
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
