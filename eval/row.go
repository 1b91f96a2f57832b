package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// Row is one event or one row of a result: columns in order, each with a
// value. A value is a string, int64, float64, bool, time.Time, time.Duration,
// a []any of these (a field with several values), or nil for a missing one. A
// column that the row does not have is missing too. Rows are never changed
// once built, so they may be shared.
type Row struct {
	shape *shape
	vals  []any
	// folded are texts without case, by column, as far as they are known: "" for
	// one that is not. Nil keeps none.
	folded []string
	// events are the numbers of the events that the row stands for, ascending;
	// the rows of a result share them.
	events []int
}

// Of says which event the row is.
func (r Row) Of(event int) Row {
	r.events = []int{event}
	return r
}

// Events are the numbers of the events that the row stands for, ascending: of
// what has become of rows that Of has numbered. An aggregated row stands for
// those of its group, a joined one for those of both sides, the interval or the
// neighbour of a row for the row before as well, and one of several equal rows
// for all of them. They must not be changed.
func (r Row) Events() []int { return r.events }

// together are the events of rows, ascending and once each.
func together(rows ...Row) []int {
	if len(rows) == 1 {
		return rows[0].events
	}
	n, sorted, last := 0, true, -1
	for _, r := range rows {
		for _, e := range r.events {
			sorted = sorted && e > last
			last = e
		}
		n += len(r.events)
	}
	if n == 0 {
		return nil
	}
	out := make([]int, 0, n)
	for _, r := range rows {
		out = append(out, r.events...)
	}
	if !sorted {
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// shape is a list of columns, shared by the rows that have the same.
type shape struct {
	names []string
	index map[string]int
}

func newShape(names []string) *shape {
	s := &shape{names: names, index: make(map[string]int, len(names))}
	for i, n := range names {
		s.index[n] = i
	}
	return s
}

// NewRow makes a row. Whole numbers and strings of other Go types are
// converted; anything that is no value of a row is a panic, since only a
// program and no document can ask for it.
func NewRow(names []string, vals ...any) Row {
	return NewTable(names, vals)[0]
}

// NewTable makes rows of the same columns.
func NewTable(names []string, rows ...[]any) []Row {
	s := newShape(names)
	out := make([]Row, len(rows))
	for i, vals := range rows {
		if len(vals) != len(names) || len(s.index) != len(names) {
			panic(fmt.Sprintf("eval: %d values for %d columns of %d names", len(vals), len(names), len(s.index)))
		}
		own := make([]any, len(vals))
		for j, v := range vals {
			own[j] = normal(v)
		}
		out[i] = Row{shape: s, vals: own}
	}
	return out
}

// normal brings a value into the few types that a Row holds.
func normal(v any) any {
	switch v := v.(type) {
	case nil, string, int64, bool, time.Duration:
		return v
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case time.Time:
		return v.UTC()
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return normal(list)
	case []any:
		var list []any
		for _, x := range v {
			switch x := normal(x).(type) {
			case nil:
			case []any:
				list = append(list, x...)
			default:
				list = append(list, x)
			}
		}
		switch len(list) {
		case 0:
			return nil
		case 1:
			return list[0]
		}
		return list
	}
	panic(fmt.Sprintf("eval: %T is no value of a row", v))
}

// WithColumn returns the rows with one more column, or another value in it:
// value gives that of each row by its index.
func WithColumn(rows []Row, name string, value func(i int) any) []Row {
	widen := widener([]string{name})
	out := make([]Row, len(rows))
	for i, r := range rows {
		out[i] = widen(r)
		out[i].vals[out[i].shape.index[name]] = normal(value(i))
	}
	return out
}

// With returns the row with another value in a column that it has; a column that
// it does not have is not added.
func (r Row) With(name string, v any) Row {
	if r.shape == nil {
		return r
	}
	i, ok := r.shape.index[name]
	if !ok {
		return r
	}
	r.vals = slices.Clone(r.vals)
	r.vals[i] = normal(v)
	r.folded = nil
	return r
}

// Narrowed returns a function that keeps some columns of rows, and none of the
// memory of the others: of a text only itself, not the line that it was read from.
func Narrowed(names []string) func(Row) Row {
	s := newShape(names)
	return func(r Row) Row {
		vals := make([]any, len(s.names))
		for i, name := range s.names {
			vals[i] = owned(r.Get(name))
		}
		return Row{shape: s, vals: vals, events: r.events}
	}
}

// owned is a value with memory of its own.
func owned(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Clone(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = owned(x)
		}
		return out
	}
	return v
}

// WithoutBlanks returns the row with empty texts taken for missing values, as
// EmptyIsMissing and MissingIsEmpty want it.
func (r Row) WithoutBlanks() Row {
	own := false
	for i, v := range r.vals {
		if v != "" {
			continue
		}
		if !own {
			r.vals, own = slices.Clone(r.vals), true
		}
		r.vals[i] = nil
	}
	return r
}

// Get is the value of a column, nil if it is missing.
func (r Row) Get(name string) any {
	if r.shape == nil {
		return nil
	}
	if i, ok := r.shape.index[name]; ok {
		return r.vals[i]
	}
	return nil
}

// Columns are the names of the columns in order, those without a value too.
func (r Row) Columns() []string {
	if r.shape == nil {
		return nil
	}
	return r.shape.names
}

// Prepare returns the same row with its texts kept without case as well. It
// pays where many predicates look at one row.
func (r Row) Prepare() Row {
	if r.folded != nil {
		return r
	}
	r.folded = make([]string, len(r.vals))
	for i, v := range r.vals {
		if _, list := v.([]any); v != nil && !list {
			r.folded[i] = fold(text(v))
		}
	}
	return r
}

// foldedText is the text of a column without case; it keeps what it had to fold.
func (r Row) foldedText(i int) string {
	s := r.folded[i]
	if s == "" {
		if s = fold(text(r.vals[i])); s != "" { // a prepared row, which may be shared, is not written to
			r.folded[i] = s
		}
	}
	return s
}

// String shows the row as its JSON text.
func (r Row) String() string {
	b, err := r.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// MarshalJSON writes the row as an object, columns in order, missing ones
// left out. Instants are RFC 3339 in UTC, lengths of time are seconds.
func (r Row) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 64*len(r.vals)), '{')
	for i, name := range r.Columns() {
		if r.vals[i] == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, name); err != nil {
			return nil, err
		}
		if b, err = appendJSON(append(b, ':'), jsonValue(r.vals[i])); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendJSON appends a value as encoding/json writes it, without its care for HTML.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case string:
		start := len(b)
		b = append(b, '"')
		for i := range len(v) {
			switch c := v[i]; {
			case plain[c]:
				b = append(b, c)
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			default:
				return appendAnyJSON(b[:start], v)
			}
		}
		return append(b, '"'), nil
	}
	return appendAnyJSON(b, v)
}

func appendAnyJSON(b []byte, v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return append(b, buf.Bytes()[:buf.Len()-1]...), nil // Encode ends in a newline
}

func jsonValue(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case time.Duration:
		return v.Seconds()
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = jsonValue(x)
		}
		return out
	}
	return v
}

// Reader reads events from JSON lines: one object a line, blank lines between
// are allowed. Objects inside are flattened, their keys joined by a dot. A
// number without fraction that fits is an int64. The text of a Timestamp that
// spells an instant becomes one.
type Reader struct {
	dec    *json.Decoder
	shapes map[string]*shape
	n      int
}

// NewReader reads events from r.
func NewReader(r io.Reader) *Reader {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	return &Reader{dec: dec, shapes: map[string]*shape{}}
}

// Read returns the next event, and io.EOF after the last. Any other error
// names the event by its number, counted from 1.
func (r *Reader) Read() (Row, error) {
	tok, err := r.dec.Token()
	if err == io.EOF {
		return Row{}, io.EOF
	}
	r.n++
	if err != nil {
		return Row{}, fmt.Errorf("event %d: %w", r.n, err)
	}
	if tok != json.Delim('{') {
		return Row{}, fmt.Errorf("event %d is not a JSON object", r.n)
	}
	b := builder{index: map[string]int{}}
	if err := b.object(r.dec, ""); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Row{}, fmt.Errorf("event %d: %w", r.n, err)
	}
	key := strings.Join(b.names, "\x00")
	s := r.shapes[key]
	if s == nil {
		s = &shape{names: b.names, index: b.index}
		r.shapes[key] = s
	}
	return Row{shape: s, vals: b.vals}, nil
}

// ReadAll reads all events of r.
func ReadAll(r io.Reader) ([]Row, error) {
	var rows []Row
	for in := NewReader(r); ; {
		row, err := in.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// builder collects the columns of one event.
type builder struct {
	depth int // of objects and lists around
	names []string
	vals  []any
	index map[string]int
}

func (b *builder) set(name string, v any) {
	if s, ok := v.(string); ok && name == ir.Timestamp {
		if t, ok := parseTime(s); ok {
			v = t
		}
	}
	v = normal(v)
	if i, ok := b.index[name]; ok {
		b.vals[i] = v
		return
	}
	b.index[name] = len(b.names)
	b.names = append(b.names, name)
	b.vals = append(b.vals, v)
}

// maxDepth is how deep objects and lists may be nested in an event.
const maxDepth = 100

var errTooDeep = fmt.Errorf("objects and lists are nested more than %d deep", maxDepth)

// object reads the rest of an object whose opening brace has been read.
func (b *builder) object(dec *json.Decoder, prefix string) error {
	if b.depth++; b.depth > maxDepth {
		return errTooDeep
	}
	defer func() { b.depth-- }()
	for {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		if tok == json.Delim('}') {
			return nil
		}
		name := prefix + tok.(string) // the decoder lets nothing else stand for a key
		tok, err = dec.Token()
		if err != nil {
			return err
		}
		if tok == json.Delim('{') {
			if err := b.object(dec, name+"."); err != nil {
				return err
			}
			continue
		}
		v, err := jsonToken(dec, tok, b.depth)
		if err != nil {
			return err
		}
		b.set(name, v)
	}
}

// jsonToken is the value that begins with tok. An object inside a list is
// kept as its JSON text: no field can name what is in it.
func jsonToken(dec *json.Decoder, tok json.Token, depth int) (any, error) {
	switch tok := tok.(type) {
	case json.Number:
		if i, err := tok.Int64(); err == nil {
			return i, nil
		}
		return tok.Float64()
	case json.Delim:
		if tok == '{' {
			return jsonObject(dec, depth)
		}
		if depth++; depth > maxDepth {
			return nil, errTooDeep
		}
		var list []any
		for dec.More() {
			t, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := jsonToken(dec, t, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return tok, nil
}

// jsonObject is the rest of an object as text.
func jsonObject(dec *json.Decoder, depth int) (any, error) {
	b := builder{depth: depth}
	b.index = map[string]int{}
	if err := b.object(dec, ""); err != nil {
		return nil, err
	}
	text, err := Row{shape: &shape{names: b.names, index: b.index}, vals: b.vals}.MarshalJSON()
	return string(text), err
}
