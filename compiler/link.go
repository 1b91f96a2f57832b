package compiler

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/ir"
)

// facts are what other files can depend on of a file. They are kept from
// build to build, so that a file that did not change need not be loaded to
// know whom it concerns.
type facts struct {
	names   []string // ids and names of its hunts, in lower case, as references find them
	refs    []string // ids and names that its correlations count, likewise
	special bool     // it has filters or correlations: its text concerns others
}

func factsOf(d *document) *facts {
	f := &facts{special: d.filters > 0}
	for _, h := range d.hunts {
		for _, n := range []string{h.Meta.ID, h.Meta.Name} {
			if n != "" {
				f.names = append(f.names, strings.ToLower(n))
			}
		}
		if h.Kind == ir.KindCorrelation {
			f.special = true
			if h.Correlation == nil {
				continue // in error: it counts nothing
			}
			for _, r := range h.Correlation.Rules {
				f.refs = append(f.refs, strings.ToLower(r.Name))
			}
		}
	}
	return f
}

// linker knows which files depend on which.
type linker struct {
	owners   map[string][]*unit // by id and name, in the order of paths
	special  key                // digest of all special files
	everyone key                // digest of who is called what
}

func newLinker(units []*unit) *linker {
	l := &linker{owners: map[string][]*unit{}}
	special, everyone := newHasher(), newHasher()
	for _, u := range units {
		if u.facts.special {
			special.key(u.key)
		}
		everyone.str(u.path)
		everyone.strs(u.facts.names)
		for _, n := range u.facts.names {
			l.owners[n] = append(l.owners[n], u)
		}
	}
	l.special, l.everyone = special.sum(), everyone.sum()
	return l
}

// digest covers what the results of u depend on in other files: every filter
// and correlation, and the files that use one of its names. A special file
// depends on who is called what, and on the text of the rules that it counts,
// also by way of other correlations.
func (l *linker) digest(u *unit) key {
	h := newHasher()
	h.key(l.special)
	for _, n := range u.facts.names {
		if owners := l.owners[n]; len(owners) > 1 {
			for _, o := range owners {
				h.key(o.key)
			}
		}
	}
	if u.facts.special {
		h.key(l.everyone)
		seen := map[*unit]bool{u: true}
		var counted func(*unit)
		counted = func(u *unit) {
			for _, r := range u.facts.refs {
				for _, o := range l.owners[r] {
					if !seen[o] {
						seen[o] = true
						h.key(o.key)
						counted(o)
					}
				}
			}
		}
		counted(u)
	}
	return h.sum()
}

// closure is need and all units that have to be loaded beside it, so that
// linking finds everything that concerns need, in the order of paths. What
// linking then says about units outside of need is not to be believed.
func (l *linker) closure(units []*unit, need map[*unit]bool) []*unit {
	all := false
	for u := range need {
		all = all || u.facts.special
	}
	in := map[*unit]bool{}
	for _, u := range units {
		if !all && !need[u] && !u.facts.special {
			continue
		}
		in[u] = true
		for _, n := range slices.Concat(u.facts.names, u.facts.refs) {
			for _, o := range l.owners[n] {
				in[o] = true
			}
		}
	}
	var out []*unit
	for _, u := range units {
		if in[u] {
			out = append(out, u)
		}
	}
	return out
}
