package reconcile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Action is what happens to one object.
type Action string

const (
	// Create: the server has no object of the document.
	Create Action = "create"
	// Update: the document says something else than when it was last applied.
	Update Action = "update"
	// Drift: the document says what was last applied, and the server something
	// else. Applying the plan puts the document's values back.
	Drift Action = "drift"
	// Delete: the object's document is gone.
	Delete Action = "delete"
	// Leftover: the same, where nobody asked to delete such objects. Nothing
	// happens to it.
	Leftover Action = "leftover"
	// Kept: all that differs is the server's own to decide. Nothing happens to it.
	Kept Action = "kept"
	// Conflict: huntc must not do what the document asks for. Nothing happens to
	// the object.
	Conflict Action = "conflict"
)

// Change is a property whose value on the server is not the wanted one.
type Change struct {
	Key string `json:"key"`
	// Before is nil for a property that the server does not have.
	Before *string `json:"before,omitempty"`
	After  string  `json:"after"`
	// Kept: the property is the server's own to decide; it is shown, and keeps
	// its value.
	Kept bool `json:"kept,omitempty"`
}

// Step is what happens to one object.
type Step struct {
	Action Action `json:"action"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	// Was is the object's name on the server, where it gets another; There is its
	// name where it keeps another.
	Was   string `json:"was,omitempty"`
	There string `json:"there,omitempty"`
	// Why says what stands against a conflict, and what was seen besides.
	Why     string   `json:"why,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// Object is what the server is to hold; nil for delete
	// and leftover.
	Object *Object `json:"object,omitempty"`
	// Key and Seen are the server's object, and its state when the plan was made.
	Key  string `json:"key,omitempty"`
	Seen string `json:"seen,omitempty"`
	// After is the key of the object that has the wanted name and gives it up in
	// a step of its own.
	After string `json:"after,omitempty"`
}

// Plan is the difference between documents and a server.
type Plan struct {
	Version int `json:"version"`
	// Target and Place are what the plan is for: an apply for another refuses it.
	Target  string `json:"target"`
	Place   string `json:"place"`
	Project string `json:"project"`
	// Wanted is a hash of all objects that the documents ask for.
	Wanted string `json:"wanted"`
	// Steps are in the order of the objects' ids.
	Steps []Step `json:"steps"`
	// Same is the number of objects that are as they should be.
	Same int `json:"same"`
	// Foreign is the number of objects on the server that are not huntc's, or
	// another project's.
	Foreign int `json:"foreign"`
}

// PlanVersion is that of the form in which a Plan is saved.
const PlanVersion = 1

// Options of a plan.
type Options struct {
	Target, Place, Project string
	// Broken are the ids of documents that ask for nothing because of an error.
	Broken map[string]bool
	// Partial: the objects that are wanted are not all of the project, so that
	// nothing is known of the others.
	Partial bool
	// Prune deletes objects whose documents are gone, at most MaxPrune of them
	// and at most a share of MaxShare (0 to 1) of all objects of the project.
	Prune    bool
	MaxPrune int
	MaxShare float64
	// Kept reports whether a property is the server's own to decide once the
	// object exists.
	Kept func(key string) bool
	// Renames is the Remote's.
	Renames bool
}

// PruneError says that a plan would delete more than it may.
type PruneError struct {
	N, Of, Max int
	Share      float64
}

func (e *PruneError) Error() string {
	return fmt.Sprintf("%d of %d objects have no document any more, and at most %d, and %.0f %% of all, are deleted at once; if they are to go, raise \"prune\" in the settings",
		e.N, e.Of, e.Max, 100*e.Share)
}

// Make plans. Two objects of one id or name are an error, as is a plan that
// would delete more than the options allow.
func Make(wanted []Object, held []Held, opt Options) (*Plan, error) {
	wanted = slices.Clone(wanted)
	slices.SortStableFunc(wanted, func(a, b Object) int { return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Name, b.Name)) })
	if err := distinct(wanted); err != nil {
		return nil, err
	}
	p := &Plan{Version: PlanVersion, Target: opt.Target, Place: opt.Place, Project: opt.Project, Wanted: Hash(wanted), Steps: []Step{}}
	w := newWorld(wanted, held, opt)
	p.Foreign = w.foreign
	for _, o := range wanted {
		step := w.plan(o)
		if step == nil {
			p.Same++
			continue
		}
		p.Steps = append(p.Steps, *step)
	}
	gone := 0
	for _, h := range w.held {
		if !w.ours(h) || opt.Partial || w.wanted[h.Mark.ID] != "" {
			continue
		}
		s := Step{Action: Leftover, ID: h.Mark.ID, Name: h.Name, Key: h.Key, Seen: fingerprint(h), Why: "no document has its id; --prune deletes it"}
		switch {
		case opt.Broken[h.Mark.ID]:
			s.Why = "its document has an error"
		case h.Elsewhere != "":
			s.Why = "no document has its id, and it is " + h.Elsewhere + "; delete it there"
		case opt.Prune:
			s.Action, s.Why = Delete, "no document has its id"
			gone++
		}
		p.Steps = append(p.Steps, s)
	}
	if gone > 0 && (gone > opt.MaxPrune || float64(gone) > opt.MaxShare*float64(w.own)) {
		return nil, &PruneError{N: gone, Of: w.own, Max: opt.MaxPrune, Share: opt.MaxShare}
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Key, b.Key)) })
	p.untangle()
	return p, nil
}

// untangle makes conflicts of steps that wait for each other in a ring.
func (p *Plan) untangle() {
	at := map[string]int{}
	for i, s := range p.Steps {
		if s.Key != "" && s.Action != Conflict {
			at[s.Key] = i
		}
	}
	for i := range p.Steps {
		j, n := i, 0
		for n <= len(p.Steps) && p.Steps[j].After != "" {
			next, waits := at[p.Steps[j].After]
			if !waits {
				break
			}
			j, n = next, n+1
		}
		if n > len(p.Steps) {
			s := &p.Steps[i]
			s.Action, s.Why = Conflict, "it wants the name of another object, which wants this one's, directly or by way of others; give one of them a name of its own first"
		}
	}
	for i := range p.Steps {
		if p.Steps[i].Action == Conflict {
			p.Steps[i].After = ""
		}
	}
}

// nameKey is equal for names that a server takes for the same.
func nameKey(name string) string { return strings.ToLower(name) }

func distinct(wanted []Object) error {
	names := map[string]Object{}
	for i, o := range wanted {
		if o.ID == "" {
			return fmt.Errorf("%s: a hunt that is deployed needs an id, for it is known by it on the server", o.Source)
		}
		if i > 0 && wanted[i-1].ID == o.ID {
			return fmt.Errorf("%s and %s have the same id %s", wanted[i-1].Source, o.Source, o.ID)
		}
		if other, taken := names[nameKey(o.Name)]; taken {
			return fmt.Errorf("%s and %s have the same name %q on the server", other.Source, o.Source, o.Name)
		}
		names[nameKey(o.Name)] = o
	}
	return nil
}

// world is what a plan is made of.
type world struct {
	opt     Options
	held    []Held
	byID    map[string][]Held // of the project
	names   map[string]Held
	wanted  map[string]string // name by id
	own     int               // objects of the project
	foreign int
}

func newWorld(wanted []Object, held []Held, opt Options) *world {
	w := &world{opt: opt, held: slices.Clone(held), byID: map[string][]Held{}, names: map[string]Held{}, wanted: map[string]string{}}
	slices.SortFunc(w.held, func(a, b Held) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key)) })
	for _, h := range w.held {
		if w.ours(h) {
			w.byID[h.Mark.ID] = append(w.byID[h.Mark.ID], h)
			w.own++
		} else {
			w.foreign++
		}
		if h.Elsewhere == "" {
			w.names[nameKey(h.Name)] = h
		}
	}
	for _, o := range wanted {
		w.wanted[o.ID] = o.Name
	}
	return w
}

func (w *world) ours(h Held) bool { return h.Mark != nil && h.Mark.Project == w.opt.Project }

// plan plans one object; nil if the server holds it as it should be.
func (w *world) plan(o Object) *Step {
	step := &Step{ID: o.ID, Name: o.Name, Object: &o}
	mine := w.byID[o.ID]
	switch {
	case len(mine) == 0:
		step.Action = Create
		if h, taken := w.names[nameKey(o.Name)]; taken && !w.yields(h, step) {
			return step
		}
		for _, f := range o.Fields {
			step.Changes = append(step.Changes, Change{Key: f.Key, After: f.Value})
		}
		return step
	case len(mine) > 1:
		var all []string
		for _, h := range mine {
			all = append(all, fmt.Sprintf("%q", h.Name))
		}
		step.Action = Conflict
		step.Why = fmt.Sprintf("%d objects carry the mark of this document: %s; one was copied by hand, take the mark out of the copy or delete it", len(mine), strings.Join(all, ", "))
		return step
	}
	h := mine[0]
	step.Key, step.Seen = h.Key, fingerprint(h)
	if h.Elsewhere != "" {
		step.Action, step.Why = Conflict, "its object is "+h.Elsewhere+"; move it back, or delete it there"
		return step
	}
	step.Changes = changes(o, h, w.opt)
	named := h.Name == o.Name || !w.opt.Renames
	switch {
	case !named:
		step.Was = h.Name
		if other, taken := w.names[nameKey(o.Name)]; taken && other.Key != h.Key {
			step.Action = Update
			if !w.yields(other, step) {
				return step
			}
		}
	case h.Name != o.Name:
		step.There = h.Name
	}
	differs := slices.ContainsFunc(step.Changes, func(c Change) bool { return !c.Kept })
	applied := h.Mark.Hash == o.Hash()
	switch {
	case named && !differs && applied && len(step.Changes) == 0:
		return nil
	case named && !differs && applied:
		step.Action = Kept
	case applied:
		step.Action, step.Why = Drift, "changed on the server since it was last applied"
	default:
		step.Action = Update
		if !untouched(o, h, w.opt) {
			step.Why = "it was changed on the server too since it was last applied, which this writes over"
		}
	}
	return step
}

// untouched reports whether an object has what was last applied to it. What the
// server decides itself is taken for what the document says.
func untouched(o Object, h Held, opt Options) bool {
	fields := slices.Clone(h.Fields)
	for i, f := range fields {
		if opt.Kept != nil && opt.Kept(f.Key) {
			if at := slices.IndexFunc(o.Fields, func(g Field) bool { return g.Key == f.Key }); at >= 0 {
				fields[i] = o.Fields[at]
			}
		}
	}
	return hash("", fields) == h.Mark.Hash
}

// yields reports whether the step can have the name that h has: if h gives it up
// in this plan, or if the object can have another. Else the step is a conflict.
func (w *world) yields(h Held, step *Step) bool {
	if w.ours(h) {
		name, wanted := w.wanted[h.Mark.ID]
		switch {
		case !w.opt.Renames && step.Object.Spare != "":
			if _, taken := w.names[nameKey(step.Object.Spare)]; !taken {
				step.There = step.Object.Spare
				return true
			}
		case w.opt.Renames && wanted && nameKey(name) != nameKey(h.Name) && len(w.byID[h.Mark.ID]) == 1, !wanted && w.opt.Prune && !w.opt.Partial && !w.opt.Broken[h.Mark.ID]:
			step.After = h.Key
			return true
		}
	}
	step.Action, step.Key, step.Seen = Conflict, h.Key, fingerprint(h)
	switch {
	case h.Mark == nil:
		step.Why = "an object of that name is on the server, and huntc did not make it; rename the document or that object, or delete it"
	case !w.ours(h):
		step.Why = fmt.Sprintf("an object of that name is on the server, and belongs to the project %q; rename the document", h.Mark.Project)
	default:
		step.Why = fmt.Sprintf("an object of that name is on the server, and belongs to the document %s; rename one of the two, or delete the object with --prune if its document is gone", h.Mark.ID)
	}
	return false
}

func changes(o Object, h Held, opt Options) []Change {
	var out []Change
	for _, f := range o.Fields {
		before, has := h.value(f.Key)
		if before == f.Value { // one that is not there is empty
			continue
		}
		c := Change{Key: f.Key, After: f.Value, Kept: opt.Kept != nil && opt.Kept(f.Key)}
		if has {
			c.Before = &before
		}
		out = append(out, c)
	}
	return out
}

// Hash is of all objects that documents ask for, in whatever order.
func Hash(wanted []Object) string {
	wanted = slices.Clone(wanted)
	slices.SortStableFunc(wanted, func(a, b Object) int { return strings.Compare(a.ID, b.ID) })
	var all []Field
	for _, o := range wanted {
		all = append(all, Field{o.ID, o.Hash()})
	}
	return hash("", all)
}

// Count is the number of steps of an action.
func (p *Plan) Count(a Action) int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// Empty reports whether there is nothing to do, and nothing in the way.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Action != Leftover && s.Action != Kept })
}

// Encode is the plan as it is saved.
func (p *Plan) Encode() ([]byte, error) {
	out, err := json.MarshalIndent(p, "", "  ")
	return append(out, '\n'), err
}

// Decode reads a saved plan.
func Decode(src []byte) (*Plan, error) {
	p := &Plan{}
	if err := json.Unmarshal(src, p); err != nil {
		return nil, fmt.Errorf("this is no saved plan: %w", err)
	}
	if p.Version != PlanVersion {
		return nil, fmt.Errorf("the plan has the form %d, and this huntc reads %d: plan again", p.Version, PlanVersion)
	}
	for _, s := range p.Steps {
		switch s.Action {
		case Create, Update, Drift:
			if s.Object == nil || s.Object.ID != s.ID {
				return nil, fmt.Errorf("the step for %s does not say what the server is to hold: plan again", s.ID)
			}
		case Delete, Leftover, Kept, Conflict:
		default:
			return nil, fmt.Errorf("the plan has an unknown action %q: plan again", s.Action)
		}
	}
	return p, nil
}
