package eval

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// Index finds which of many predicates hold for a row, without a look at each of
// them: for a predicate it knows some texts of which a row must have one for the
// predicate to be true, and evaluates it only where one is there. What it finds
// is what evaluating all of them would find. It is safe for concurrent use; each
// goroutine has a Matcher of its own.
type Index struct {
	preds  []Pred
	always []int32 // of which no necessary text is known
	fields map[string]*fieldIndex
	// whole are the texts that may stand in any field.
	whole *automaton
	// slots are the predicates behind each atom.
	slots [][]int32
}

// fieldIndex is what is looked for in one field.
type fieldIndex struct {
	exact   map[string]int32 // atom by folded text
	numbers map[float64]int32
	starts  *trie
	ends    *trie
	parts   *automaton
	exists  int32 // atom, -1 for none
}

type atomKind uint8

const (
	atContains atomKind = iota
	atPrefix
	atSuffix
	atExact
	atNumber
	atExists
	atAnywhere // a text in any field
)

// atom is something that a row has or has not, and that is found fast.
type atom struct {
	kind  atomKind
	field string
	text  string // folded
	num   float64
}

// Index compiles predicates to an index. A predicate that cannot be compiled has
// an error in its place, a *NotEvaluable, and never holds. The rows of the sample
// tell which texts are rare; they decide about speed and nothing else.
func (r Runner) Index(preds []ir.Expr, sample []Row) (*Index, []error) {
	ix := &Index{preds: make([]Pred, len(preds))}
	errs := make([]error, len(preds))
	env := r.environment()
	b := indexBuilder{env: env, ids: map[atom]int32{}}
	needs := make([]need, len(preds))
	for i, e := range preds {
		if e == nil {
			ix.preds[i] = func(Row) bool { return true }
			continue
		}
		if ix.preds[i], errs[i] = env.pred(e); errs[i] == nil {
			needs[i] = b.need(e)
		}
	}
	// How often each atom is there decides which of those that a predicate offers
	// are looked for.
	b.cost = make([]float64, len(b.atoms))
	for i, a := range b.atoms {
		b.cost[i] = a.guess()
	}
	if len(sample) > 0 {
		all := &Index{}
		ids := make([]int32, len(b.atoms))
		for i := range ids {
			ids[i] = int32(i)
		}
		all.build(b.atoms, ids)
		m := &Matcher{ix: all}
		for _, row := range sample {
			m.scan(row, func(id int32) { b.cost[id]++ })
		}
	}
	slot := map[int32]int32{}
	var atoms []atom
	for i, n := range needs {
		if errs[i] != nil {
			continue
		}
		chosen, _, ok := b.choose(n)
		if !ok {
			ix.always = append(ix.always, int32(i))
			continue
		}
		for _, id := range chosen {
			s, ok := slot[id]
			if !ok {
				s = int32(len(ix.slots))
				slot[id] = s
				ix.slots = append(ix.slots, nil)
				atoms = append(atoms, b.atoms[id])
			}
			if l := ix.slots[s]; len(l) == 0 || l[len(l)-1] != int32(i) {
				ix.slots[s] = append(l, int32(i))
			}
		}
	}
	ids := make([]int32, len(atoms))
	for i := range ids {
		ids[i] = int32(i)
	}
	ix.build(atoms, ids)
	return ix, errs
}

// build makes the fields of an index.
func (ix *Index) build(atoms []atom, ids []int32) {
	ix.fields = map[string]*fieldIndex{}
	type builders struct{ starts, ends, parts *acBuilder }
	texts := map[string]builders{}
	whole := newACBuilder()
	for i, a := range atoms {
		if a.kind == atAnywhere {
			whole.add(a.text, ids[i])
			continue
		}
		f := ix.fields[a.field]
		if f == nil {
			f = &fieldIndex{exists: -1}
			ix.fields[a.field] = f
			texts[a.field] = builders{newACBuilder(), newACBuilder(), newACBuilder()}
		}
		switch a.kind {
		case atExact:
			if f.exact == nil {
				f.exact = map[string]int32{}
			}
			f.exact[a.text] = ids[i]
		case atNumber:
			if f.numbers == nil {
				f.numbers = map[float64]int32{}
			}
			f.numbers[a.num] = ids[i]
		case atExists:
			f.exists = ids[i]
		case atPrefix:
			texts[a.field].starts.add(a.text, ids[i])
		case atSuffix:
			texts[a.field].ends.add(backwards(a.text), ids[i])
		default:
			texts[a.field].parts.add(a.text, ids[i])
		}
	}
	for name, f := range ix.fields {
		t := texts[name]
		f.starts, f.ends, f.parts = t.starts.trie(), t.ends.trie(), t.parts.build()
	}
	ix.whole = whole.build()
}

// guess is how often an atom may be there, of one event, if nothing is known.
func (a atom) guess() float64 {
	switch a.kind {
	case atExists:
		return 1
	case atNumber:
		return 0.2
	case atExact:
		return 0.05
	}
	switch n := len(a.text); {
	case n <= 1:
		return 1
	case n == 2:
		return 0.5
	case n == 3:
		return 0.3
	case n == 4:
		return 0.15
	}
	return 0.02 + 0.3/float64(len(a.text))
}

// need says what a row must have for a predicate to hold: one of the atoms; or,
// where all is set, what each of them needs; or one of any. The zero need is
// nothing that is known.
type need struct {
	atoms []int32
	all   []need // each is needed
	any   []need // one of them is
}

func (n need) none() bool { return n.atoms == nil && n.all == nil && n.any == nil }

type indexBuilder struct {
	env   environment
	ids   map[atom]int32
	atoms []atom
	cost  []float64
}

func (b *indexBuilder) id(a atom) int32 {
	id, ok := b.ids[a]
	if !ok {
		id = int32(len(b.atoms))
		b.ids[a] = id
		b.atoms = append(b.atoms, a)
	}
	return id
}

// choose takes, of what is needed together, what is rarest.
func (b *indexBuilder) choose(n need) (atoms []int32, cost float64, ok bool) {
	switch {
	case n.all != nil:
		for _, in := range n.all {
			if a, c, found := b.choose(in); found && (!ok || c < cost) {
				atoms, cost, ok = a, c, true
			}
		}
		return atoms, cost, ok
	case n.any != nil:
		for _, in := range n.any {
			a, c, found := b.choose(in)
			if !found {
				return nil, 0, false
			}
			atoms = append(atoms, a...)
			cost += c
		}
		return atoms, cost, true
	case n.atoms != nil:
		for _, id := range n.atoms {
			cost += b.cost[id]
		}
		return n.atoms, cost, true
	}
	return nil, 0, false
}

func (b *indexBuilder) need(e ir.Expr) need {
	switch e := e.(type) {
	case *ir.Logic:
		if e.Op == ir.And {
			var all []need
			for _, a := range e.Args {
				if n := b.need(a); !n.none() {
					all = append(all, n)
				}
			}
			return need{all: all}
		}
		var any []need
		for _, a := range e.Args {
			n := b.need(a)
			if n.none() {
				return need{}
			}
			any = append(any, n)
		}
		return need{any: any}
	case *ir.Match:
		return b.patterns(e.X, e.Any)
	case *ir.Term:
		f, ok := e.X.(*ir.Field)
		if !ok {
			return need{}
		}
		var out need
		for _, p := range e.Any {
			text := longestText(p)
			if text == "" {
				return need{}
			}
			out.atoms = append(out.atoms, b.id(atom{kind: atContains, field: f.Name, text: text}))
		}
		return out
	case *ir.Keyword:
		if text := longestText(e.Pattern); text != "" {
			return need{atoms: []int32{b.id(atom{kind: atAnywhere, text: text})}}
		}
	case *ir.Regexp:
		f, ok := e.X.(*ir.Field)
		if !ok {
			return need{}
		}
		re, err := syntax.Parse(e.Source, syntax.Perl)
		if err != nil {
			return need{}
		}
		var out need
		for _, s := range literalsOf(re.Simplify()) {
			out.atoms = append(out.atoms, b.id(atom{kind: atContains, field: f.Name, text: fold(s)}))
		}
		return out
	case *ir.Compare:
		f, ok := e.L.(*ir.Field)
		lit, isLit := e.R.(*ir.Lit)
		if !ok || !isLit {
			return need{}
		}
		return b.compare(f, e.Op, normal(lit.Value))
	case *ir.Exists:
		return need{atoms: []int32{b.id(atom{kind: atExists, field: e.X.Name})}}
	case *ir.FieldMatch:
		if b.env.empty == EmptyIsText {
			return need{all: []need{
				{atoms: []int32{b.id(atom{kind: atExists, field: e.X.Name})}},
				{atoms: []int32{b.id(atom{kind: atExists, field: e.Y.Name})}},
			}}
		}
	case *ir.InCIDR:
		if f, ok := e.X.(*ir.Field); ok {
			return need{atoms: []int32{b.id(atom{kind: atExists, field: f.Name})}}
		}
	}
	return need{}
}

// compare is what a comparison of a field with a value needs: for equality with a
// number the number, in whatever way the event spells it, and else that the
// field is there.
func (b *indexBuilder) compare(f *ir.Field, op ir.CmpOp, v any) need {
	exists := need{atoms: []int32{b.id(atom{kind: atExists, field: f.Name})}}
	switch v := v.(type) {
	case int64:
		if op == ir.Eq && v < 1<<53 && v > -1<<53 {
			return need{atoms: []int32{b.id(atom{kind: atNumber, field: f.Name, num: float64(v)})}}
		}
		return exists
	case float64, bool:
		return exists
	case string:
		if b.env.empty == MissingIsEmpty {
			return need{} // a missing text is compared as an empty one
		}
		return exists
	}
	return exists
}

func (b *indexBuilder) patterns(x ir.Expr, patterns []ir.Pattern) need {
	f, ok := x.(*ir.Field)
	if !ok {
		return need{}
	}
	out := need{atoms: []int32{}}
	for _, p := range patterns {
		p = foldPattern(p)
		a := atom{field: f.Name}
		shape, s := p.Shape()
		switch shape {
		case ir.ShapeExact:
			a.kind, a.text = atExact, s
		case ir.ShapePrefix:
			a.kind, a.text = atPrefix, s
		case ir.ShapeSuffix:
			a.kind, a.text = atSuffix, s
		case ir.ShapeContains:
			a.kind, a.text = atContains, s
		default:
			a.kind, a.text = atContains, longestText(p)
		}
		if a.text == "" {
			if b.env.empty == MissingIsEmpty {
				return need{}
			}
			a = atom{kind: atExists, field: f.Name}
		}
		out.atoms = append(out.atoms, b.id(a))
	}
	if len(out.atoms) == 0 {
		return need{}
	}
	return out
}

// longestText is the longest text between the wildcards of a pattern, folded.
func longestText(p ir.Pattern) string {
	longest := ""
	for _, part := range p.Parts {
		if s := fold(part.Text); part.Wild == ir.Text && len(s) > len(longest) {
			longest = s
		}
	}
	return longest
}

// literalsOf are texts of which one stands, in some case, in every text that the
// expression matches; nil if none are known.
func literalsOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, utf8.RuneError) {
			return nil // it stands for any byte that is not UTF-8
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return literalsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literalsOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if l := literalsOf(sub); l != nil && (best == nil || rarer(l, best)) {
				best = l
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			l := literalsOf(sub)
			if l == nil {
				return nil
			}
			all = append(all, l...)
		}
		if len(all) <= 64 {
			return all
		}
	}
	return nil
}

// rarer guesses which of two lists is less often met: that whose shortest text is
// longer.
func rarer(a, b []string) bool {
	shortest := func(l []string) int {
		return len(slices.MinFunc(l, func(x, y string) int { return cmp.Compare(len(x), len(y)) }))
	}
	return shortest(a) > shortest(b)
}

// Matcher matches rows one after the other. It is for one goroutine.
type Matcher struct {
	ix     *Index
	shapes map[*shape][]matchField
	caches map[*fieldIndex]*valueCache
	buf    []byte
	folded []string
	seen   []uint32 // by predicate: the number of the row for which it was a candidate
	row    uint32
	found  []int32
	ids    []int32
	// Candidates counts the predicates that were evaluated.
	Candidates int
}

// matchField is a column of a shape: what is looked for in it, nil for nothing, and
// what was found.
type matchField struct {
	index *fieldIndex
	cache *valueCache // nil where looking is as fast as remembering
}

// valueCache remembers what was found in the texts of a field, as far as they come
// again: programs, users and hosts do, command lines with a number in them do not.
type valueCache struct {
	found         map[string][]int32
	lookups, hits int
	off           bool
}

const (
	cachedText   = 512  // bytes of a text that is remembered
	cachedValues = 4096 // texts of a field
)

// get is what was found in a text, if that is known.
func (c *valueCache) get(s string) ([]int32, bool) {
	if c.off || len(s) > cachedText {
		return nil, false
	}
	if c.lookups++; c.lookups == 4*cachedValues {
		c.off = c.hits < c.lookups/2
		c.lookups, c.hits = 0, 0
		if c.off {
			c.found = nil
			return nil, false
		}
	}
	found, ok := c.found[s]
	if ok {
		c.hits++
	}
	return found, ok
}

func (c *valueCache) put(s string, found []int32) {
	if c.off || len(s) > cachedText {
		return
	}
	if len(c.found) >= cachedValues {
		clear(c.found)
	}
	c.found[strings.Clone(s)] = found // the text of a whole event is not kept for it
}

// Matcher makes a matcher.
func (ix *Index) Matcher() *Matcher {
	return &Matcher{ix: ix, seen: make([]uint32, len(ix.preds))}
}

// Match lists the predicates that hold for a row, ascending. The list is good
// until the next call.
func (m *Matcher) Match(row Row) []int32 {
	m.row++
	if m.row == 0 {
		clear(m.seen)
		m.row = 1
	}
	m.found = append(m.found[:0], m.ix.always...)
	m.scan(row, func(id int32) {
		for _, p := range m.ix.slots[id] {
			if m.seen[p] != m.row {
				m.seen[p] = m.row
				m.found = append(m.found, p)
			}
		}
	})
	m.Candidates += len(m.found)
	if cap(m.folded) < len(row.vals) {
		m.folded = make([]string, len(row.vals), 2*len(row.vals))
	}
	m.folded = m.folded[:len(row.vals)]
	clear(m.folded)
	row.folded = m.folded
	n := 0
	for _, p := range m.found {
		if m.ix.preds[p](row) {
			m.found[n] = p
			n++
		}
	}
	m.found = m.found[:n]
	slices.Sort(m.found)
	return m.found
}

// scan calls found for each atom that the row has, perhaps more than once.
func (m *Matcher) scan(row Row, found func(id int32)) {
	if row.shape == nil {
		return
	}
	fields, ok := m.shapes[row.shape]
	if !ok {
		if len(m.shapes) >= maxShapes || m.shapes == nil {
			m.shapes, m.caches = map[*shape][]matchField{}, map[*fieldIndex]*valueCache{}
		}
		fields = make([]matchField, len(row.shape.names))
		for i, name := range row.shape.names {
			f := m.ix.fields[name]
			fields[i].index = f
			if f == nil || f.parts == nil {
				continue
			}
			if m.caches[f] == nil {
				m.caches[f] = &valueCache{found: map[string][]int32{}}
			}
			fields[i].cache = m.caches[f]
		}
		m.shapes[row.shape] = fields
	}
	for i, v := range row.vals {
		f := fields[i]
		if v == nil || f.index == nil && m.ix.whole == nil {
			continue
		}
		if list, ok := v.([]any); ok {
			for _, x := range list {
				m.value(f.index, x, found)
			}
			continue
		}
		s, ok := v.(string)
		if !ok || f.cache == nil {
			m.value(f.index, v, found)
			continue
		}
		ids, known := f.cache.get(s)
		if !known {
			m.ids = m.ids[:0]
			m.value(f.index, v, func(id int32) {
				if !slices.Contains(m.ids, id) {
					m.ids = append(m.ids, id)
				}
			})
			ids = slices.Clone(m.ids)
			f.cache.put(s, ids)
		}
		for _, id := range ids {
			found(id)
		}
	}
}

// maxShapes bounds what is kept of the shapes of rows.
const maxShapes = 4096

func (m *Matcher) value(f *fieldIndex, v any, found func(id int32)) {
	switch v := v.(type) {
	case string:
		m.buf = appendFolded(m.buf[:0], v)
		if f != nil && f.numbers != nil {
			if n, ok := spellsNumber(v); ok {
				if id, ok := f.numbers[n.float()]; ok {
					found(id)
				}
			}
		}
	case int64:
		m.buf = strconv.AppendInt(m.buf[:0], v, 10)
		if f != nil && f.numbers != nil {
			if id, ok := f.numbers[float64(v)]; ok {
				found(id)
			}
		}
	default:
		m.buf = appendFolded(m.buf[:0], text(v))
		if f != nil && f.numbers != nil {
			if n, ok := toNumber(v); ok {
				if id, ok := f.numbers[n.float()]; ok {
					found(id)
				}
			}
		}
	}
	if m.ix.whole != nil {
		m.ix.whole.find(m.buf, found)
	}
	if f == nil {
		return
	}
	if f.exists >= 0 {
		found(f.exists)
	}
	if f.exact != nil {
		if id, ok := f.exact[string(m.buf)]; ok {
			found(id)
		}
	}
	if f.starts != nil {
		f.starts.find(m.buf, false, found)
	}
	if f.ends != nil {
		f.ends.find(m.buf, true, found)
	}
	if f.parts != nil {
		f.parts.find(m.buf, found)
	}
}

// appendFolded appends fold(s).
func appendFolded(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(b, fold(s[i:])...)
		}
		b = append(b, lower[c])
	}
	return b
}

// lower maps ASCII letters to small ones.
var lower = func() (t [utf8.RuneSelf]byte) {
	for i := range t {
		t[i] = strings.ToLower(string(rune(i)))[0]
	}
	return t
}()
