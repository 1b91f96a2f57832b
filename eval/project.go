package eval

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Projector writes events in Sigma's field names as the rows that a target
// would hold of them, by the schema's mapping of a dataset: the opposite
// direction of schema.Resolve, and written without a look at it. It is not safe
// for concurrent use.
type Projector struct {
	view schema.View
	ds   *schema.Dataset
	m    *schema.Mapping
	// columns are those of the table, sorted, and infos what is known of them.
	columns []string
	infos   map[string]schema.ColumnInfo
	shapes  map[string]*shape // by the names of the columns beside those
	forms   map[*schema.Column]*computedForm
	always  map[string]string // what columns hold in every row
	texts   map[string]bool   // columns of which some field is a text
}

// NewProjector projects events to a dataset's table; nil if the view does not
// hold the dataset.
func NewProjector(s *schema.Schema, ds *schema.Dataset, v schema.View) *Projector {
	m := ds.Mapping(v)
	if m == nil {
		return nil
	}
	p := &Projector{view: v, ds: ds, m: m, shapes: map[string]*shape{}, forms: map[*schema.Column]*computedForm{}}
	p.texts = map[string]bool{}
	for field, c := range m.Columns {
		switch ds.Fields[field].Type {
		case "int", "float":
		default:
			p.texts[c.Name] = true
		}
	}
	for _, a := range readColumnData().Always {
		if a.View == v && a.Dataset == ds.Name {
			p.always = a.Columns
		}
	}
	if t := s.Table(v, m.Table); t != nil {
		p.infos = t.Columns
		p.columns = slices.Sorted(maps.Keys(t.Columns))
	}
	return p
}

// Derived is the name under which a row keeps the value of a column that the
// target computes by an expression of its own language: what Projector.Derived
// finds again.
func Derived(as string) string { return hidden + as }

// hidden begins the names of columns that no target has.
const hidden = "\x00"

// Visible is the row without the columns that no target has.
func (r Row) Visible() Row {
	if !slices.ContainsFunc(r.Columns(), func(n string) bool { return strings.HasPrefix(n, hidden) }) {
		return r
	}
	var names []string
	var vals []any
	for i, n := range r.Columns() {
		if !strings.HasPrefix(n, hidden) {
			names, vals = append(names, n), append(vals, r.vals[i])
		}
	}
	return Row{shape: newShape(names), vals: vals, events: r.events}
}

// rawColumn is Splunk's name for the text of an event. What stands between
// the values in it is nobody's business: here a line break.
const rawColumn = "_raw"

// Derived is the ForeignFunc for the rows that a Projector writes: the value of
// a computed column is that of the logical field which it stands for. Where
// that is missing, Kusto's tostring() gives the empty text and Splunk null.
func (p *Projector) Derived(as string, f *ir.Foreign, row Row) (any, error) {
	v := row.Get(Derived(as))
	if v == nil && p.view == schema.XDR && (f.T == ir.String || f.T == ir.Unknown) {
		return "", nil
	}
	return v, nil
}

// Rows are the rows that may stand for the event: several where the target
// writes one value in several ways, none where an event like this cannot
// stand in the table, since it has a value that the table cannot hold or
// belongs to another dataset of it.
func (p *Projector) Rows(event Row) []Row {
	w := &rowWriter{p: p, events: event.events}
	for _, name := range slices.Sorted(maps.Keys(p.m.Where)) {
		if values := p.m.Where[name]; slices.ContainsFunc(values, func(s string) bool { return strings.Contains(s, "*") }) {
			w.patterns = append(w.patterns, property{column: name, value: values})
		} else {
			w.choices(name, values)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.always)) {
		w.put(name, p.always[name])
	}
	var raw []string
	for i, field := range event.Columns() {
		if v := event.vals[i]; v != nil {
			w.value(field, v, event)
			raw = append(raw, text(v))
		}
	}
	w.finish()
	if p.view == schema.Raw {
		w.put(rawColumn, strings.Join(raw, "\n"))
	}
	if w.impossible {
		return nil
	}
	return w.rows()
}

// rowWriter collects the values of one row: for each column the ways in which
// its value may be written.
type rowWriter struct {
	p     *Projector
	names []string
	vals  [][]any
	// parts are the columns of which nothing but parts is known.
	parts []string
	// properties, later and stars are what computed columns are computed from, and
	// patterns what columns have to match.
	properties, later, stars, patterns []property
	impossible                         bool
	events                             []int // of the event
}

// put gives a column its value, written in one of several ways. Where two
// fields speak of one column, it holds what both allow.
func (w *rowWriter) put(name string, ways ...any) {
	if name == "" {
		return
	}
	i := slices.Index(w.names, name)
	if i < 0 {
		w.names = append(w.names, name)
		w.vals = append(w.vals, ways)
		return
	}
	var both []any
	for _, a := range w.vals[i] {
		if slices.ContainsFunc(ways, func(b any) bool { return text(a) == text(b) }) {
			both = append(both, a)
		}
	}
	w.vals[i] = both
	w.impossible = w.impossible || len(both) == 0
}

// part makes sure that a column has a text somewhere in it: beside others of
// which it is known that they are parts, else in what the column holds.
func (w *rowWriter) part(name, s string) {
	i := slices.Index(w.names, name)
	switch {
	case name == "":
	case i < 0:
		w.put(name, s)
		w.parts = append(w.parts, name)
	case slices.Contains(w.parts, name):
		w.vals[i] = []any{text(w.vals[i][0]) + "," + s}
	default:
		w.vals[i] = slices.DeleteFunc(slices.Clone(w.vals[i]), func(v any) bool {
			return !strings.Contains(strings.ToLower(text(v)), strings.ToLower(s))
		})
		w.impossible = w.impossible || len(w.vals[i]) == 0
	}
}

func (w *rowWriter) choices(name string, values []string) {
	ways := make([]any, len(values))
	for i, v := range values {
		ways[i] = v
	}
	w.put(name, ways...)
}

// value writes a field with one value or several, which a column has then too.
func (w *rowWriter) value(field string, v any, event Row) {
	list, ok := v.([]any)
	if !ok {
		w.field(field, v, event)
		return
	}
	var names []string
	columns := map[string][][]any{} // for each value the ways
	for _, x := range list {
		one := &rowWriter{p: w.p}
		one.field(field, x, event)
		w.impossible = w.impossible || one.impossible
		w.properties = append(w.properties, one.properties...)
		w.later, w.stars = append(w.later, one.later...), append(w.stars, one.stars...)
		for i, name := range one.names {
			if columns[name] == nil {
				names = append(names, name)
			}
			columns[name] = append(columns[name], one.vals[i])
		}
	}
	for _, name := range names {
		n := 0
		for _, ways := range columns[name] {
			n = max(n, len(ways))
		}
		all := make([]any, n)
		for k := range all {
			var values []any
			for _, ways := range columns[name] {
				if len(ways) > 0 {
					values = append(values, ways[k%len(ways)])
				}
			}
			all[k] = normal(values)
		}
		w.put(name, all...)
	}
}

func (w *rowWriter) field(field string, v any, event Row) {
	p := w.p
	if field == ir.Timestamp {
		if p.view == schema.XDR {
			w.put("Timestamp", v)
		} else {
			w.put("_time", v)
		}
		return
	}
	c := p.m.Columns[field]
	if c == nil {
		if _, no := p.m.Without[field]; p.view == schema.Raw && !p.m.Closed && !no {
			w.put(field, v)
		}
		return
	}
	s := text(v)
	switch c.Kind {
	case "computed":
		w.put(Derived(c.Name), v)
		w.computed(c, s)
	case "path":
		w.put(c.Name, w.spellings(c, s)...)
		w.put(c.File, s[strings.LastIndexAny(s, `\/`)+1:])
	case "account":
		name := s
		if i := strings.LastIndexByte(s, '\\'); i >= 0 {
			w.put(c.Domain, s[:i])
			name = s[i+1:]
		}
		w.put(c.Name, w.spellings(c, name)...)
	case "registry":
		w.registry(field, c, s, event)
	case "regdata":
		data, typ := registryData(s, c.Notation)
		w.put(c.ValueType, typ)
		if typ != "Binary" { // of which Sysmon does not say what it is
			w.put(c.Name, w.spellings(c, data)...)
		}
	case "hashes":
		if len(c.Algorithms) == 0 {
			w.put(c.Name, w.spellings(c, s)...)
			return
		}
		for pair := range strings.SplitSeq(s, ",") {
			if alg, digits, ok := strings.Cut(pair, "="); ok {
				w.put(c.Algorithms[strings.ToUpper(strings.TrimSpace(alg))], digits)
			}
		}
	default:
		ways := w.spellings(c, s)
		// Defender writes an IPv4 address of a dual-stack socket in IPv6 form.
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() && p.view == schema.XDR && p.ds.Fields[field].Type == "ip" {
			ways = append(ways, "::ffff:"+s)
		}
		w.put(c.Name, ways...)
	}
}

// registry writes key\value into two columns. An event about a key alone has
// no value, and Sysmon's (Default) is the value without a name.
func (w *rowWriter) registry(field string, c *schema.Column, s string, event Row) {
	w.put(c.Name, s)
	if c.Whole != "" {
		w.put(Derived(field), s)
	}
	key, value := s, ""
	aboutKey := c.KeyAlone && strings.HasSuffix(text(event.Get("EventType")), "Key")
	if i := strings.LastIndexByte(s, '\\'); i >= 0 && !aboutKey {
		key, value = s[:i], s[i+1:]
		if strings.EqualFold(value, "(Default)") {
			value = ""
		}
	}
	w.put(c.Key, w.spellings(c, key)...)
	w.put(c.Value, value)
}

var registryNumber = regexp.MustCompile(`(?i)^[DQ]WORD \((0x[0-9a-f]{8})(?:-0x([0-9a-f]{8}))?\)$`)

// registryData writes Sysmon's DWORD (0x00000001) as 0x00000001 or 1, and says
// what type the data has.
func registryData(s, notation string) (data, typ string) {
	m := registryNumber.FindStringSubmatch(s)
	if m == nil {
		if strings.EqualFold(s, "Binary Data") {
			return "", "Binary"
		}
		return s, "String"
	}
	typ = strings.ToUpper(s[:1]) + "word"
	if notation == "hex" {
		return s[strings.IndexByte(s, '(')+1 : len(s)-1], typ
	}
	n, err := strconv.ParseUint(m[1][2:]+m[2], 16, 64)
	if err != nil {
		return s, typ
	}
	return strconv.FormatUint(n, 10), typ
}

// spellings are the ways in which the column writes a value.
func (w *rowWriter) spellings(c *schema.Column, s string) []any {
	if len(c.Values) > 0 {
		for _, logical := range slices.Sorted(maps.Keys(c.Values)) {
			if strings.EqualFold(logical, s) {
				s := c.Values[logical]
				ways := make([]any, len(s))
				for i, v := range s {
					ways[i] = v
				}
				return ways
			}
		}
		if !c.Open {
			w.impossible = true
		}
	}
	starts := []string{s}
	for _, from := range slices.Sorted(maps.Keys(c.Prefixes)) {
		if hive := strings.TrimSuffix(from, `\`); strings.EqualFold(s, hive) {
			starts = nil
			for _, to := range c.Prefixes[from] {
				starts = append(starts, strings.TrimSuffix(to, `\`))
			}
			break
		}
		if len(s) >= len(from) && strings.EqualFold(s[:len(from)], from) {
			starts = nil
			for _, to := range c.Prefixes[from] {
				starts = append(starts, to+s[len(from):])
			}
			break
		}
	}
	var ways []any
	for _, s := range starts {
		done := false
		for _, from := range slices.Sorted(maps.Keys(c.Infixes)) {
			if i := strings.Index(strings.ToLower(s), strings.ToLower(from)); i >= 0 {
				for _, to := range c.Infixes[from] {
					ways = append(ways, s[:i]+to+s[i+len(from):])
				}
				done = true
				break
			}
		}
		if !done {
			ways = append(ways, s)
		}
	}
	return ways
}

// rows writes the row in as many ways as the column with the most ways has.
func (w *rowWriter) rows() []Row {
	var beside []string
	for _, n := range w.names {
		if _, found := slices.BinarySearch(w.p.columns, n); !found {
			beside = append(beside, n)
		}
	}
	key := strings.Join(beside, "\x01")
	s := w.p.shapes[key]
	if s == nil {
		s = newShape(slices.Concat(w.p.columns, beside))
		w.p.shapes[key] = s
	}
	variants := 1
	for _, ways := range w.vals {
		variants = max(variants, len(ways))
	}
	out := make([]Row, 0, variants)
	for k := range variants {
		vals := make([]any, len(s.names))
		for i, n := range w.names {
			ways := w.vals[i]
			v, ok := w.p.stored(n, ways[k%len(ways)])
			if !ok {
				return nil
			}
			vals[s.index[n]] = v
		}
		for i, n := range w.p.columns {
			vals[i] = w.p.filled(n, vals[i])
		}
		out = append(out, Row{shape: s, vals: vals, events: w.events})
	}
	return out
}

// stored is a value as the type of its column; false if it is none of that type.
func (p *Projector) stored(name string, v any) (any, bool) {
	if list, ok := v.([]any); ok {
		out := make([]any, len(list))
		for i, x := range list {
			if out[i], ok = p.stored(name, x); !ok {
				return nil, false
			}
		}
		return out, true
	}
	info, ok := p.infos[name]
	if !ok {
		return v, true
	}
	switch info.Type {
	case "int", "long", "real", "number":
		if n, ok := toNumber(v); ok {
			return n.value(), true
		}
		// What the event writes as a text may be hexadecimal; a number is not.
		if s := text(v); p.texts[name] && strings.HasPrefix(s, "0x") {
			n, err := strconv.ParseInt(s, 0, 64)
			return n, err == nil
		}
		return nil, false
	case "bool":
		b, err := strconv.ParseBool(text(v))
		return b, err == nil
	case "datetime", "timestamp":
		t, ok := toTime(v)
		return t, ok
	}
	if info.Lower || info.Type == "boolean" {
		return strings.ToLower(text(v)), true
	}
	return text(v), true
}

// filled is a value, or what the target puts where there is none.
func (p *Projector) filled(name string, v any) any {
	info, ok := p.infos[name]
	if !ok {
		return v
	}
	if p.view == schema.XDR {
		if v == nil && info.Type == "string" {
			return ""
		}
		return v
	}
	// CIM's calculated fields replace an empty text as well.
	if v != nil && v != "" || info.Fill == "" {
		return v
	}
	if info.Fill == schema.FillOther {
		return "(other)"
	}
	if n, ok := toNumber(info.Fill); ok && info.Type == "number" {
		return n.value()
	}
	return info.Fill
}
