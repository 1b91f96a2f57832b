package sigma

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/huntc/huntc/ir"
)

// scalar is a value of a document before it is quoted.
type scalar struct {
	text string
	// plain: a number, true, false or null, which quotes would make a text.
	plain bool
}

// test is one entry of a selection: a field with modifiers, and values. A
// keyword without modifiers has no key.
type test struct {
	field string
	mods  string
	// values are alternatives; with all, each of them has to match.
	values []scalar
	all    bool
	// lone: the values cannot be a list with those of another test.
	lone bool
}

func (t *test) key() string {
	k := t.field
	if t.mods != "" {
		k += "|" + t.mods
	}
	if t.all {
		k += "|all"
	}
	return k
}

// bare reports whether the test is a keyword that needs no key.
func (t *test) bare() bool { return t.field == "" && t.mods == "" && !t.all }

// search is a selection: maps of tests, any of which is enough.
type search struct {
	maps  [][]test
	group string
	name  string
}

// detectionWriter lays a predicate out as selections and a condition.
type detectionWriter struct {
	iocs     []ir.Indicators
	searches []*search // in order of first use
	groups   map[string]int
}

// clause is a node of the condition.
type clause struct {
	op   condOp // condOpAnd, condOpOr, condOpNot, or condOpName
	args []*clause
	of   *search
}

// detectionOf lays out a predicate, or says what of it a detection cannot say.
func detectionOf(pred ir.Expr, iocs []ir.Indicators) (w *detectionWriter, root *clause, bad *unsayable) {
	w = &detectionWriter{iocs: iocs, groups: map[string]int{}}
	bad = try(func() { root = w.clause(pred, false, true) })
	if bad == nil {
		w.giveNames()
	}
	return w, root, bad
}

// clause lays out a predicate; negated says that a "not" stands before it.
func (w *detectionWriter) clause(e ir.Expr, negated, top bool) *clause {
	if alts, ok := w.alternatives(e); ok {
		return w.use(alts, negated)
	}
	if ts, ok := w.one(e); ok && !w.mixed(e) {
		return w.use([][]test{ts}, negated)
	}
	switch e := e.(type) {
	case *ir.Not:
		return &clause{op: condOpNot, args: []*clause{w.clause(e.X, !negated, false)}}
	case *ir.Logic:
		if len(e.Args) == 0 {
			cannot(e, "", "a condition that does not depend on the event")
		}
		if len(e.Args) == 1 {
			return w.clause(e.Args[0], negated, top)
		}
		if e.Op == ir.And {
			return w.and(e, negated)
		}
		return w.or(e, negated, top)
	}
	panic(unsayable{Span: e.At(), what: nameOf(e) + " in a detection", general: true})
}

// mixed reports whether a conjunction tests a field for patterns of several
// forms, which read best as a selection of their own.
func (w *detectionWriter) mixed(e ir.Expr) bool {
	l, ok := e.(*ir.Logic)
	return ok && l.Op == ir.And && slices.ContainsFunc(l.Args, func(a ir.Expr) bool {
		_, several := w.alternatives(a)
		return several
	})
}

// nameOf says what an expression is, for messages.
func nameOf(e ir.Expr) string {
	switch e := e.(type) {
	case *ir.Compare:
		return fmt.Sprintf("the comparison %q", string(e.Op)) + " of these values"
	case *ir.Match, *ir.Regexp, *ir.InCIDR:
		return "a test of a computed value"
	case *ir.Call:
		return "the function " + string(e.Func)
	case *ir.Foreign:
		return "an expression in a target's own language"
	}
	return "a value"
}

// and puts the tests of a conjunction together into maps.
func (w *detectionWriter) and(e *ir.Logic, negated bool) *clause {
	var ts []test
	var rest []*clause
	var keywords []test
	for _, a := range e.Args {
		t, ok := w.test(a)
		switch _, several := w.alternatives(a); {
		case !ok || several:
		case t.bare():
			keywords = append(keywords, t)
		default:
			ts = append(ts, t)
		}
	}
	ts = append(ts, allKeywords(keywords)...)
	c := &clause{op: condOpAnd}
	for _, m := range maps(ts) {
		c.args = append(c.args, w.use([][]test{m}, negated))
	}
	for _, a := range e.Args {
		_, ok := w.test(a)
		if _, several := w.alternatives(a); !ok || several {
			rest = append(rest, w.clause(a, negated, false))
		}
	}
	// What has to hold stands before what must not.
	for _, not := range []bool{false, true} {
		for _, r := range rest {
			if (r.op == condOpNot) == not {
				c.args = append(c.args, r)
			}
		}
	}
	if len(c.args) == 1 {
		return c.args[0]
	}
	return c
}

// allKeywords are keywords that all have to stand in the event.
func allKeywords(keywords []test) []test {
	if len(keywords) < 2 {
		return keywords
	}
	t := keywords[0]
	t.values, t.all = nil, true
	for _, k := range keywords {
		if len(k.values) != 1 {
			return keywords
		}
		t.values = append(t.values, k.values[0])
	}
	return []test{t}
}

// maps puts tests that all have to hold into maps, in which a key stands once.
// Single values of one key become one test with "all".
func maps(ts []test) [][]test {
	var joined []test
	for _, t := range ts {
		i := slices.IndexFunc(joined, func(o test) bool {
			return !t.lone && !o.lone && o.field == t.field && o.mods == t.mods && (o.all || len(o.values) == 1) && len(t.values) == 1 && !t.bare()
		})
		if i < 0 {
			joined = append(joined, t)
			continue
		}
		joined[i].all = true
		joined[i].values = append(slices.Clone(joined[i].values), t.values...)
	}
	var out [][]test
	for _, t := range joined {
		i := slices.IndexFunc(out, func(m []test) bool {
			return !t.bare() && !m[0].bare() && !slices.ContainsFunc(m, func(o test) bool { return o.key() == t.key() })
		})
		if i < 0 {
			out = append(out, []test{t})
			continue
		}
		out[i] = append(out[i], t)
	}
	return out
}

// one is a predicate as one map of tests.
func (w *detectionWriter) one(e ir.Expr) ([]test, bool) {
	if t, ok := w.test(e); ok {
		return []test{t}, true
	}
	l, ok := e.(*ir.Logic)
	if !ok || l.Op != ir.And || len(l.Args) < 2 {
		return nil, false
	}
	var ts []test
	for _, a := range l.Args {
		t, ok := w.test(a)
		if !ok {
			return nil, false
		}
		ts = append(ts, t)
	}
	if !slices.ContainsFunc(ts, func(t test) bool { return !t.bare() }) {
		ts = allKeywords(ts)
	}
	ms := maps(ts)
	if len(ms) != 1 {
		return nil, false
	}
	return ms[0], true
}

// maxVariantsNamed is how many alternatives of several fields are selections
// of their own; more are a list.
const maxVariantsNamed = 8

// or lays out alternatives: one list of maps, or selections of a common prefix.
func (w *detectionWriter) or(e *ir.Logic, negated, top bool) *clause {
	var alts [][]test
	var rest []ir.Expr
	for _, a := range e.Args {
		switch ts, ok := w.alternatives(a); {
		case ok:
			alts = append(alts, ts...)
		default:
			if m, ok := w.one(a); ok {
				alts = append(alts, m)
			} else {
				rest = append(rest, a)
			}
		}
	}
	alts = joinAlternatives(alts)
	c := &clause{op: condOpOr}
	single := !slices.ContainsFunc(alts, func(m []test) bool { return len(m) > 1 })
	switch {
	case len(alts) == 0:
	case single || len(alts) > maxVariantsNamed || len(alts) == 1 || len(rest) > 0:
		c.args = append(c.args, w.use(alts, negated))
	default:
		group := w.newGroup(negated, top)
		for _, m := range alts {
			c.args = append(c.args, w.add([][]test{m}, group))
		}
	}
	for _, a := range rest {
		c.args = append(c.args, w.clause(a, negated, false))
	}
	if len(c.args) == 1 {
		return c.args[0]
	}
	return c
}

// alternatives are the patterns of a Match by their form, each a test of its
// own.
func (w *detectionWriter) alternatives(e ir.Expr) ([][]test, bool) {
	m, ok := e.(*ir.Match)
	if !ok {
		return nil, false
	}
	f, ok := m.X.(*ir.Field)
	if !ok {
		return nil, false
	}
	byForm := map[textOp][]ir.Pattern{}
	var order []textOp
	for _, p := range m.Any {
		op := formOf(p)
		if byForm[op] == nil {
			order = append(order, op)
		}
		byForm[op] = append(byForm[op], p)
	}
	if len(order) < 2 {
		return nil, false
	}
	var out [][]test
	for _, op := range order {
		t, ok := w.matchTest(&ir.Match{Span: m.Span, X: f, Any: byForm[op], Cased: m.Cased})
		if !ok {
			return nil, false
		}
		out = append(out, []test{t})
	}
	return out, true
}

// joinAlternatives makes one list of the values of tests with the same key.
func joinAlternatives(alts [][]test) [][]test {
	var out [][]test
	for _, m := range alts {
		i := -1
		if len(m) == 1 && !m[0].all && !m[0].lone {
			i = slices.IndexFunc(out, func(o []test) bool {
				return len(o) == 1 && !o[0].all && !o[0].lone && o[0].field == m[0].field && o[0].mods == m[0].mods
			})
		}
		if i < 0 {
			out = append(out, slices.Clone(m))
			continue
		}
		out[i][0].values = append(slices.Clone(out[i][0].values), m[0].values...)
	}
	return out
}

// use is a clause that names a selection with these maps.
func (w *detectionWriter) use(ms [][]test, negated bool) *clause {
	group := "selection"
	if negated {
		group = "filter"
	}
	return w.add(ms, group)
}

func (w *detectionWriter) add(ms [][]test, group string) *clause {
	s := &search{maps: ms, group: group}
	text := strings.Join(s.lines(), "\n")
	for _, o := range w.searches {
		if strings.Join(o.lines(), "\n") == text {
			return &clause{op: condOpName, of: o}
		}
	}
	w.searches = append(w.searches, s)
	return &clause{op: condOpName, of: s}
}

// Groups of selections that are alternatives, after the first.
var (
	optionGroups = []string{"option", "alternative"}
	filterGroups = []string{"filter_main", "filter_optional"}
)

// newGroup is the common prefix of alternatives.
func (w *detectionWriter) newGroup(negated, top bool) string {
	if top && !negated {
		return "selection"
	}
	names := optionGroups
	if negated {
		names = filterGroups
	}
	n := w.groups[names[0]]
	w.groups[names[0]]++
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("%s%d", names[0], n)
}

// giveNames names the selections after what they hold.
func (w *detectionWriter) giveNames() {
	// A group of exceptions that is the only one needs no further word.
	if w.groups[filterGroups[0]] == 1 && !slices.ContainsFunc(w.searches, func(s *search) bool { return s.group == "filter" }) {
		for _, s := range w.searches {
			if s.group == filterGroups[0] {
				s.group = "filter"
			}
		}
	}
	size := map[string]int{}
	for _, s := range w.searches {
		size[s.group]++
	}
	used := map[string]bool{}
	for _, s := range w.searches {
		if size[s.group] == 1 && !strings.HasPrefix(s.group, "filter_") {
			s.name = s.group
			if s.keywordsOnly() && s.group == "selection" {
				s.name = "keywords"
			}
			used[s.name] = true
			continue
		}
		for n := 0; ; n++ {
			s.name = s.group + "_" + s.content(n)
			if !used[s.name] {
				break
			}
		}
		used[s.name] = true
	}
}

func (s *search) keywordsOnly() bool {
	for _, m := range s.maps {
		for _, t := range m {
			if t.field != "" {
				return false
			}
		}
	}
	return true
}

// content is a word for what the selection holds; n counts the attempts to
// find one that is free.
func (s *search) content(n int) string {
	var fields []string
	for _, m := range s.maps {
		for _, t := range m {
			f := snake(t.field)
			if t.field == "" {
				f = "keywords"
			}
			if f != "" && !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	word := "events"
	if len(fields) > 0 {
		word = fields[0]
	}
	value := s.valueWord()
	switch {
	case n == 0 && value != "":
		return value
	case n == 0:
		return word
	case n == 1 && len(fields) > 1:
		return strings.Join(fields[:2], "_and_")
	}
	if value != "" {
		word = value
	}
	return fmt.Sprintf("%s_%d", word, n+1)
}

// Fields whose value names a program or file.
var fileFields = []string{"Image", "ParentImage", "OriginalFileName", "TargetFilename", "ImageLoaded", "SourceImage", "TargetImage", "ProcessName"}

// valueWord is the name of the program or file that the selection is about;
// "" if it is not about one.
func (s *search) valueWord() string {
	if len(s.maps) != 1 || len(s.maps[0]) == 0 {
		return ""
	}
	t := s.maps[0][0]
	if !slices.Contains(fileFields, t.field) || len(t.values) != 1 || t.values[0].plain {
		return ""
	}
	v := t.values[0].text
	v = strings.Trim(v[strings.LastIndexAny(strings.TrimRight(v, `\/`), `\/`)+1:], `\/`)
	if i := strings.LastIndexByte(v, '.'); i > 0 {
		v = v[:i]
	}
	if w := snake(v); len(w) >= 3 && len(w) <= 24 && !strings.ContainsAny(v, "*?") {
		return w
	}
	return ""
}

// snake writes a name in small letters with underscores: ParentCommandLine is
// parent_command_line.
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
		case unicode.IsUpper(r):
			before := i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]))
			within := i > 0 && i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1])
			if (before || within) && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return strings.Trim(b.String(), "_")
}

// conditionText writes the condition.
func (w *detectionWriter) conditionText(c *clause, least int) string {
	switch c.op {
	case condOpName:
		return c.of.name
	case condOpNot:
		return "not " + w.conditionText(c.args[0], 2)
	}
	own, word, quantifier := 0, " or ", "1 of "
	if c.op == condOpAnd {
		own, word, quantifier = 1, " and ", "all of "
	}
	var parts []string
	done := map[*clause]bool{}
	for _, a := range c.args {
		switch {
		case done[a]:
			continue
		case a.op == condOpName:
			if group, ok := w.whole(c, a.of.group); ok {
				for _, b := range c.args {
					done[b] = done[b] || b.op == condOpName && b.of.group == group
				}
				parts = append(parts, quantifier+group+"_*")
				continue
			}
		}
		parts = append(parts, w.conditionText(a, own))
	}
	s := strings.Join(parts, word)
	if len(parts) > 1 && own < least {
		return "(" + s + ")"
	}
	return s
}

// whole reports whether the arguments of a clause are, among others, exactly
// the selections that the pattern of a group matches.
func (w *detectionWriter) whole(c *clause, group string) (string, bool) {
	n := 0
	for _, s := range w.searches {
		if !strings.HasPrefix(s.name, group+"_") {
			if s.group == group {
				return "", false
			}
			continue
		}
		n++
		if s.group != group || !slices.ContainsFunc(c.args, func(a *clause) bool { return a.op == condOpName && a.of == s }) {
			return "", false
		}
	}
	return group, n > 1
}

// test is a predicate that is one entry of a map, or a keyword.
func (w *detectionWriter) test(e ir.Expr) (test, bool) {
	switch e := e.(type) {
	case *ir.Match:
		return w.matchTest(e)
	case *ir.Compare:
		return compareTest(e)
	case *ir.Regexp:
		f, ok := e.X.(*ir.Field)
		if !ok {
			return test{}, false
		}
		flags, source := regexFlags(e.Source)
		mods := "re"
		for _, c := range flags {
			mods += "|" + string(c)
		}
		return test{field: fieldOf(f), mods: mods, values: []scalar{{text: source}}}, true
	case *ir.InCIDR:
		f, ok := e.X.(*ir.Field)
		if !ok {
			return test{}, false
		}
		return test{field: fieldOf(f), mods: "cidr", values: []scalar{{text: e.Prefix.String()}}}, true
	case *ir.FieldMatch:
		return test{field: fieldOf(e.X), mods: "fieldref|" + string(e.Kind) + casedMod(e.Cased), values: []scalar{{text: fieldOf(e.Y)}}}, true
	case *ir.Exists:
		return test{field: fieldOf(e.X), mods: "exists", values: []scalar{{"true", true}}, lone: true}, true
	case *ir.Not:
		if x, ok := e.X.(*ir.Exists); ok {
			return test{field: fieldOf(x.X), values: []scalar{{"null", true}}, lone: true}, true
		}
	case *ir.Keyword:
		text := patternText(e.Pattern)
		if text == "" {
			cannot(e, "", "an empty keyword")
		}
		return test{mods: strings.TrimPrefix(casedMod(e.Cased), "|"), values: []scalar{{text: text}}}, true
	case *ir.Logic:
		return w.listTest(e)
	}
	return test{}, false
}

// listTest is a disjunction whose arguments are values of one key.
func (w *detectionWriter) listTest(e *ir.Logic) (test, bool) {
	if e.Op != ir.Or || len(e.Args) < 2 {
		return test{}, false
	}
	var out test
	for i, a := range e.Args {
		if _, nested := a.(*ir.Logic); nested {
			return test{}, false
		}
		t, ok := w.test(a)
		if !ok || t.lone || t.all {
			return test{}, false
		}
		if i == 0 {
			out = t
			continue
		}
		if t.field != out.field || t.mods != out.mods {
			return test{}, false
		}
		out.values = append(slices.Clone(out.values), t.values...)
	}
	return out, true
}

// fieldOf is the name of a field, if a key can hold it.
func fieldOf(f *ir.Field) string {
	if strings.Contains(f.Name, "|") || strings.TrimSpace(f.Name) == "" || strings.ContainsFunc(f.Name, unicode.IsControl) || len(f.Name) > 512 {
		cannot(f, "Rename the column.", "the field %q", f.Name)
	}
	return f.Name
}

func casedMod(cased bool) string {
	if cased {
		return "|cased"
	}
	return ""
}

// regexFlags splits the flags that have modifiers from a regular expression.
func regexFlags(source string) (flags, rest string) {
	end := strings.IndexByte(source, ')')
	if !strings.HasPrefix(source, "(?") || end < 3 {
		return "", source
	}
	flags = source[2:end]
	sorted := []byte(flags)
	slices.Sort(sorted)
	if strings.Trim(flags, "ims") != "" || string(sorted) != flags || len(slices.Compact(sorted)) != len(flags) || end+1 == len(source) {
		return "", source
	}
	return flags, source[end+1:]
}

// formOf is the modifier that says where the text of a pattern stands.
func formOf(p ir.Pattern) textOp {
	n := len(p.Parts)
	if n < 2 {
		return opNone
	}
	first, last := p.Parts[0].Wild == ir.Many, p.Parts[n-1].Wild == ir.Many
	switch {
	case first && last && n > 2:
		return opContains
	case first && !last:
		return opEndsWith
	case last && !first:
		return opStartsWith
	}
	return opNone
}

var formNames = map[textOp]string{opContains: "contains", opEndsWith: "endswith", opStartsWith: "startswith"}

// matchTest is a Match as one test; patterns of different forms are written
// with their wildcards.
func (w *detectionWriter) matchTest(m *ir.Match) (test, bool) {
	f, ok := m.X.(*ir.Field)
	if !ok {
		return test{}, false
	}
	if len(m.Any) == 0 {
		cannot(m, "", "a comparison with no value")
	}
	form := formOf(m.Any[0])
	for _, p := range m.Any {
		if formOf(p) != form {
			form = opNone
		}
	}
	t := test{field: fieldOf(f)}
	if form != opNone {
		t.mods = formNames[form]
	}
	any := make([]ir.Pattern, len(m.Any))
	for i, p := range m.Any {
		any[i] = inner(p, form)
	}
	switch list, short := w.indicators(any), undash(any); {
	case list != "":
		t.mods = strings.TrimPrefix(t.mods+"|expand", "|")
		t.values = []scalar{{text: "%" + list + "%"}}
		t.lone = true
	case short != nil:
		t.mods = strings.TrimPrefix(t.mods+"|windash", "|")
		any = short
	}
	t.mods = strings.TrimPrefix(t.mods+casedMod(m.Cased), "|")
	if t.values == nil {
		for _, p := range any {
			t.values = append(t.values, scalar{text: patternText(p)})
		}
	}
	return t, true
}

// inner is a pattern without the wildcards that the modifier puts around it.
func inner(p ir.Pattern, form textOp) ir.Pattern {
	parts := p.Parts
	if form == opContains || form == opEndsWith {
		parts = parts[1:]
	}
	if form == opContains || form == opStartsWith {
		parts = parts[:len(parts)-1]
	}
	return ir.Pattern{Span: p.Span, Parts: parts}
}

// indicators is the name of the document's list that the patterns are; "" if
// they are none.
func (w *detectionWriter) indicators(any []ir.Pattern) string {
	if len(any) < 2 {
		return ""
	}
	for _, list := range w.iocs {
		same := len(list.Values) == len(any)
		for i := 0; same && i < len(any); i++ {
			text, literal := any[i].Literal()
			same = literal && text == list.Values[i]
		}
		if same {
			return list.Name
		}
	}
	return ""
}

// undash finds patterns that "windash" makes of fewer; nil if there are none.
func undash(any []ir.Pattern) []ir.Pattern {
	var out []ir.Pattern
	found := false
	for i := 0; i < len(any); {
		variants, ok := windash(any[i].Parts)
		if !ok || i+len(variants) > len(any) {
			return nil
		}
		for j, v := range variants {
			if !slices.Equal(v, any[i+j].Parts) {
				return nil
			}
		}
		found = found || len(variants) > 1
		out = append(out, any[i])
		i += len(variants)
	}
	if !found {
		return nil
	}
	return out
}

// patternText writes a pattern so that the loader reads the same: a backslash
// is doubled only where it would mean something.
func patternText(p ir.Pattern) string {
	var b strings.Builder
	for i, part := range p.Parts {
		switch part.Wild {
		case ir.One:
			b.WriteByte('?')
		case ir.Many:
			b.WriteByte('*')
		default:
			escapeSigma(&b, part.Text, i+1 < len(p.Parts))
		}
	}
	return b.String()
}

func escapeSigma(b *strings.Builder, s string, wildcardFollows bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '*', '?':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\\':
			n := i
			for n < len(s) && s[n] == '\\' {
				n++
			}
			run := n - i
			special := n < len(s) && (s[n] == '*' || s[n] == '?') || n == len(s) && wildcardFollows
			if run == 1 && !special {
				b.WriteByte('\\')
			} else {
				b.WriteString(strings.Repeat(`\\`, run))
			}
			i = n - 1
		default:
			b.WriteByte(c)
		}
	}
}

var compareMods = map[ir.CmpOp]string{ir.Lt: "lt", ir.Le: "lte", ir.Gt: "gt", ir.Ge: "gte"}

// compareTest is a comparison of a field with a number, true, false or another
// field, or of a part of a date with a number.
func compareTest(c *ir.Compare) (test, bool) {
	f, ok := c.L.(*ir.Field)
	part := ""
	if call, isCall := c.L.(*ir.Call); isCall && len(call.Args) == 1 {
		f, ok = call.Args[0].(*ir.Field)
		r, known := partRange[call.Func]
		lit, isLit := c.R.(*ir.Lit)
		if !ok || !known || !isLit {
			return test{}, false
		}
		if n, whole := lit.Value.(int64); !whole || n < r[0] || n > r[1] {
			return test{}, false
		}
		part = string(call.Func)
	}
	if !ok {
		return test{}, false
	}
	if y, ok := c.R.(*ir.Field); ok {
		if c.Op != ir.Eq {
			return test{}, false
		}
		return test{field: fieldOf(f), mods: "fieldref" + casedMod(c.Cased), values: []scalar{{text: fieldOf(y)}}}, true
	}
	lit, ok := c.R.(*ir.Lit)
	if !ok || c.Cased {
		return test{}, false
	}
	t := test{field: fieldOf(f), mods: part}
	switch v := lit.Value.(type) {
	case int64:
		t.values = []scalar{{strconv.FormatInt(v, 10), true}}
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if math.IsNaN(v) || math.IsInf(v, 0) || !strings.Contains(s, ".") {
			return test{}, false // a whole number would be read as one
		}
		t.values = []scalar{{s, true}}
	case bool:
		if c.Op != ir.Eq {
			return test{}, false
		}
		t.values = []scalar{{strconv.FormatBool(v), true}}
	default:
		return test{}, false
	}
	switch c.Op {
	case ir.Eq:
	case ir.Ne:
		return test{}, false
	default:
		t.mods = strings.TrimPrefix(part+"|"+compareMods[c.Op], "|")
		t.lone = true
	}
	return t, true
}

// lines are the selection in YAML, at no indentation: a map, a list of maps,
// a list of keywords. The first line may have to stand on the line of the key.
func (s *search) lines() []string {
	if len(s.maps) == 1 && !s.maps[0][0].bare() {
		return mapLines(s.maps[0])
	}
	var out []string
	for _, m := range s.maps {
		if m[0].bare() {
			for _, v := range scalars(m[0].values) {
				out = append(out, "- "+v)
			}
			continue
		}
		for i, line := range mapLines(m) {
			if i == 0 {
				out = append(out, "- "+line)
			} else {
				out = append(out, "  "+line)
			}
		}
	}
	return out
}

func mapLines(m []test) []string {
	var out []string
	for _, t := range m {
		key := yamlScalar(t.key(), true)
		values := scalars(t.values)
		if len(values) == 1 {
			out = append(out, key+": "+values[0])
			continue
		}
		out = append(out, key+":")
		for _, v := range values {
			out = append(out, "    - "+v)
		}
	}
	return out
}

// scalars quotes the values of one list alike: all, if one of them needs it.
func scalars(values []scalar) []string {
	quote := slices.ContainsFunc(values, func(v scalar) bool { return !v.plain && !plainValue.MatchString(v.text) })
	out := make([]string, len(values))
	for i, v := range values {
		switch {
		case v.plain:
			out[i] = v.text
		case quote || !isPlain(v.text):
			out[i] = quoted(v.text)
		default:
			out[i] = v.text
		}
	}
	return out
}
