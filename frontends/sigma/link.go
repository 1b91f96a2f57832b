package sigma

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// linker joins the documents of several files.
type linker struct {
	diags  diag.List
	byName map[string]*entry // ids in lower case, and names
}

// Link looks at all files together: it adds filters to the rules that they
// name, checks what correlations refer to, and finds ids and names that two
// documents share: the first by path and line keeps it, the other is in error.
// It changes the hunts in place, so it is called once for a
// set of files; the order of the files does not matter. A document with an
// error moves from Hunts to Broken.
func Link(files []*File) diag.List {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	n := 0
	for _, f := range files {
		n += len(f.entries)
	}
	l := &linker{byName: make(map[string]*entry, n)}
	correlations := false
	for _, f := range files {
		f.extents()
		for i := range f.entries {
			e := &f.entries[i]
			l.register(e, e.hunt.Meta.ID, e.id)
			l.register(e, e.hunt.Meta.Name, e.name)
			correlations = correlations || e.hunt.Kind == ir.KindCorrelation
		}
	}
	for _, f := range files {
		for _, filter := range f.Filters {
			before := len(l.diags)
			l.apply(filter, files)
			filter.Broken = l.diags[before:].HasErrors()
		}
	}
	if correlations {
		l.counted(files)
		for _, f := range files {
			l.correlations(f)
		}
		for _, f := range files {
			for i := range f.entries {
				if e := &f.entries[i]; e.hunt.Kind == ir.KindCorrelation {
					l.correlate(e)
				}
			}
		}
	}
	for _, f := range files {
		f.dropBroken()
	}
	l.diags.Sort()
	return l.diags
}

func (l *linker) register(e *entry, name string, at diag.Span) {
	if name == "" {
		return
	}
	key := strings.ToLower(name)
	if first := l.byName[key]; first != nil && first != e {
		l.diags.Errorf(codeDuplicateName, at, "Give each document an id and a name of its own.", "%s:%d has the same id or name, %q",
			first.hunt.Path, first.hunt.Pos.Line, name)
		e.broken = true
		return
	}
	l.byName[key] = e
}

// unknown says that no document has a name, with a hint at a similar one.
func (l *linker) unknown(code diag.Code, what string, ref ir.CorrelationRef) {
	names := make([]string, 0, len(l.byName))
	for _, e := range l.byName {
		if e.hunt.Meta.Name != "" {
			names = append(names, e.hunt.Meta.Name)
		}
	}
	slices.Sort(names)
	hint := "Give the id or the name of a document that is compiled along with it."
	if near := nearest(ref.Name, names); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	l.diags.Errorf(code, ref, hint, "the %s refers to %q, and no document has that id or name", what, ref.Name)
}

// apply adds a filter to its rules.
func (l *linker) apply(f *Filter, files []*File) {
	if f.Any {
		found := false
		for _, file := range files {
			for i := range file.entries {
				found = f.addTo(&file.entries[i]) || found
			}
		}
		if !found {
			l.diags.Warnf(codeFilterSource, f.Logsource, "Look at the logsource, or remove the filter.", "no rule reads the logsource of this filter")
		}
		return
	}
	for _, ref := range f.Rules {
		e := l.byName[strings.ToLower(ref.Name)]
		switch {
		case e == nil:
			l.unknown(codeFilterRule, "filter", ref)
		case e.broken:
		case e.hunt.Kind == ir.KindCorrelation:
			l.diags.Errorf(codeFilterTarget, ref, "Filter the rules that the correlation counts.", "%q is a correlation, which a filter cannot change", ref.Name)
		case len(e.sources) == 0:
			l.diags.Errorf(codeFilterTarget, ref, "Put the exception into the query.", "%q has only native text, which a filter cannot change", ref.Name)
		case !f.addTo(e):
			l.diags.Errorf(codeFilterSource, ref, "Give the filter the logsource of the rule, or fewer of its keys.", "%q does not read the logsource of this filter", ref.Name)
		}
	}
}

// addTo adds the filter to each detection of a document that reads the
// filter's logsource, and reports whether there is one.
func (f *Filter) addTo(e *entry) bool {
	found := false
	for _, s := range e.sources {
		if !covers(f.Logsource, s.logsource) {
			continue
		}
		found = true
		s.filter.Pred = ir.NewLogic(s.filter.Pred.At(), ir.And, s.filter.Pred, f.Pred)
	}
	if found {
		e.at = append(e.at, f.at)
	}
	return found
}

// extent is where a document stands.
type extent struct {
	path     string
	from, to int // lines; to is the first behind it, 0 at the end of the file
}

// extents notes of each document of a file where it ends.
func (f *File) extents() {
	var starts []int
	for i := range f.entries {
		starts = append(starts, f.entries[i].hunt.Pos.Line)
	}
	for _, filter := range f.Filters {
		starts = append(starts, filter.Pos.Line)
	}
	slices.Sort(starts)
	of := func(from int) extent {
		x := extent{path: f.Path, from: from}
		if i, _ := slices.BinarySearch(starts, from+1); i < len(starts) {
			x.to = starts[i]
		}
		return x
	}
	for i := range f.entries {
		f.entries[i].at = []extent{of(f.entries[i].hunt.Pos.Line)}
	}
	for _, filter := range f.Filters {
		filter.at = of(filter.Pos.Line)
	}
}

// inherit takes over what the documents that a correlation counts allow, for
// their own lines. Where the correlation does not grow with its events, what
// is too many of them for a rule may be too few groups, which nobody allowed;
// so it is where it counts another correlation, whose windows move in time as
// there are more events in them.
func (e *entry) inherit(rules []*entry) {
	if !ir.Grows(e.hunt.Query) {
		return
	}
	for _, rule := range rules {
		for _, a := range rule.hunt.Allow {
			for _, x := range rule.at {
				e.hunt.Inherited = append(e.hunt.Inherited, ir.Inherited{Code: a.Code, Path: x.path, From: x.from, To: x.to})
			}
		}
	}
}

// counted marks the documents that stand for nothing by themselves: those that
// correlations name, unless one of these says "generate". It makes no
// difference whether the correlation is right: a slip in it must not turn what
// it counts into alerts.
func (l *linker) counted(files []*File) {
	generated := map[*entry]bool{}
	for _, f := range files {
		for i := range f.entries {
			e := &f.entries[i]
			for _, ref := range e.counts {
				rule := l.byName[strings.ToLower(ref.Name)]
				switch {
				case rule == nil || rule == e:
				case e.generate:
					generated[rule] = true
				case rule.hunt.CountedBy == "":
					rule.hunt.CountedBy = cmp.Or(e.hunt.Meta.Title, e.hunt.Meta.Name, "without a title")
				}
			}
		}
	}
	for _, f := range files {
		for i := range f.entries {
			if generated[&f.entries[i]] {
				f.entries[i].hunt.CountedBy = ""
			}
		}
	}
}

func (l *linker) correlations(f *File) {
	for i := range f.entries {
		e := &f.entries[i]
		if e.broken || e.hunt.Kind != ir.KindCorrelation {
			continue
		}
		before := len(l.diags)
		for _, ref := range e.hunt.Correlation.Rules {
			if l.byName[strings.ToLower(ref.Name)] == nil {
				l.unknown(codeCorrRule, "correlation", ref)
			}
		}
		if len(l.diags) == before && l.cyclic(e, e, map[*entry]bool{}) {
			l.diags.Errorf(codeCorrCycle, e.hunt.Correlation, "Break the circle.", "the correlation counts itself, by way of the rules that it names")
		}
		if len(l.diags) > before {
			e.broken = true
		}
	}
}

// dropBroken moves hunts that have turned out to be in error to Broken.
func (f *File) dropBroken() {
	for i := range f.entries {
		e := &f.entries[i]
		if e.broken && slices.Contains(f.Hunts, e.hunt) {
			f.Hunts = slices.DeleteFunc(slices.Clone(f.Hunts), func(h *ir.Hunt) bool { return h == e.hunt })
			f.Broken = append(f.Broken, e.hunt)
		}
	}
}

// cyclic reports whether the documents below at lead back to start.
func (l *linker) cyclic(start, at *entry, seen map[*entry]bool) bool {
	if at.hunt.Correlation == nil {
		return false
	}
	for _, ref := range at.hunt.Correlation.Rules {
		next := l.byName[strings.ToLower(ref.Name)]
		if next == start {
			return true
		}
		if next != nil && !seen[next] {
			seen[next] = true
			if l.cyclic(start, next, seen) {
				return true
			}
		}
	}
	return false
}

// covers reports whether every key that the filter's logsource gives has the
// same value in the rule's.
func covers(filter, rule ir.Logsource) bool {
	return (filter.Category == "" || filter.Category == rule.Category) &&
		(filter.Product == "" || filter.Product == rule.Product) &&
		(filter.Service == "" || filter.Service == rule.Service)
}
