package eval

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Event is one event in Sigma's field names.
type Event struct {
	// Row has its fields; it is numbered.
	Row Row
	// N is its number, from 0, and Line its line in the file, from 1.
	N, Line int
	// Class says of which logsources it is.
	Class *Class

	also Row // in the names of the logsource that Class.also tells
}

// Time is when the event happened.
func (e Event) Time() (time.Time, bool) { return timestamp(e.Row) }

// As is the event in the names of the fields that a rule on the logsource uses:
// Row, but for an event that two logsources speak of in different names.
func (e Event) As(l ir.Logsource) Row {
	if e.Class.Also(l) {
		return e.also
	}
	return e.Row
}

// AsOf is the event in the names of the fields of a dataset.
func (e Event) AsOf(ds *schema.Dataset) Row {
	if e.Class.also != nil && named(ds, e.Class.also.Category) {
		return e.also
	}
	return e.Row
}

// In reports whether the event is one of the dataset's: any dataset may have an
// event of which nothing tells what it is, and one that names only a part of its
// logsource may be of all that agree with that.
func (e Event) In(ds *schema.Dataset) bool {
	if e.Class.known && !slices.Contains(e.Class.datasets, ds) && !e.Class.mayBe(ds) {
		return false
	}
	if ds.When == nil {
		return true
	}
	v := e.Row.Get(ds.When.Field)
	return v != nil && slices.ContainsFunc(ds.When.In, func(s string) bool { return strings.EqualFold(s, text(v)) })
}

// Class is a kind of events: the logsources that they belong to.
type Class struct {
	known      bool
	categories []string
	products   []string
	services   []string
	datasets   []*schema.Dataset // sorted by name
	said       bool              // by the event itself: what is not said may be anything
	also       *alsoEvents       // other names of fields; nil for none
	key        string
}

// Also reports whether a rule on the logsource looks at the events by names of
// fields that are not their own, as Event.As has them.
func (c *Class) Also(l ir.Logsource) bool {
	return c.also != nil && strings.EqualFold(c.also.Category, l.Category)
}

// HasAlso reports whether Also holds for some logsource.
func (c *Class) HasAlso() bool { return c.also != nil }

// Known reports whether something tells what the events are: their channel, or
// what stands under the key logsource. If nothing does, they may be anything.
func (c *Class) Known() bool { return c.known }

// Datasets are those that the events may be of, sorted by name; nil if they may
// be of any. Event.In says whether one is.
func (c *Class) Datasets() []*schema.Dataset { return c.datasets }

// Key is the same for classes of the same logsources.
func (c *Class) Key() string { return c.key }

// Sees reports whether a rule on the logsource looks at the events.
func (c *Class) Sees(l ir.Logsource) bool {
	if !c.known {
		return true
	}
	if c.said && len(c.services) == 0 && len(c.categories) > 0 && l.Category == "" && l.Service != "" {
		return false // what a category is about is no matter of a service's rules
	}
	return c.fits(c.categories, l.Category) && c.fits(c.products, l.Product) && c.fits(c.services, l.Service)
}

// fits is has, but that an event which says what it is may be anything that it
// leaves open.
func (c *Class) fits(list []string, key string) bool {
	return has(list, key) || c.said && len(list) == 0
}

// mayBe reports whether what the events say of themselves leaves open that they
// are the dataset's.
func (c *Class) mayBe(ds *schema.Dataset) bool {
	return c.said && slices.ContainsFunc(ds.Logsources, func(l schema.Logsource) bool {
		open := func(key string) string { return strings.TrimPrefix(key, "-") }
		return c.Sees(ir.Logsource{Category: open(l.Category), Product: open(l.Product), Service: open(l.Service)})
	})
}

// has reports whether a logsource's key fits: one that is not named does.
func has(list []string, key string) bool {
	return key == "" || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, key) })
}

// eventData is data/events.yml.
type eventData struct {
	Prefixes []string          `yaml:"prefixes"`
	Names    map[string]string `yaml:"names"`
	Drop     []string          `yaml:"drop"`
	Times    []string          `yaml:"times"`
	Also     []*alsoEvents     `yaml:"also"`
}

// alsoEvents are events that another logsource speaks of as well.
type alsoEvents struct {
	Channel  string      `yaml:"channel"`
	Events   []string    `yaml:"events"`
	Category string      `yaml:"category"`
	Fields   []alsoField `yaml:"fields"`
}

// alsoField is a field in that logsource's name.
type alsoField struct {
	Name string `yaml:"name"`
	// From are the fields that it is taken from; "-" is no value. Of several lists
	// the first counts whose last field has one; the others are put before that,
	// with backslashes between.
	From [][]string `yaml:"from"`
	// Number says that the event may write the number in hexadecimal, with 0x.
	Number bool `yaml:"number"`
}

//go:embed data/events.yml
var eventYAML []byte

var readEventData = sync.OnceValue(func() *eventData {
	d := &eventData{}
	dec := yaml.NewDecoder(bytes.NewReader(eventYAML))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil {
		panic("eval: data/events.yml: " + err.Error())
	}
	return d
})

// Classifier tells of which logsources events are. It is safe for concurrent use.
type Classifier struct {
	data     *eventData
	datasets []*schema.Dataset
	channels []channel

	mu      sync.Mutex
	classes map[classKey]*Class
}

// channel is what a dataset's raw view says about where Windows, or Sysmon,
// writes its events; an empty list stands for any.
type channel struct {
	ds      *schema.Dataset
	product string
	names   []string // folded, in which * stands for any text
	codes   []string
	types   []string // folded
}

// classKey is all that the class of an event depends on.
type classKey struct {
	channel, code, typ         string
	category, product, service string
}

// The terms of a raw view's definition that tell a channel; a definition with
// anything else in it is not about one.
var (
	termOfChannel = regexp.MustCompile(`source="(XmlWinEventLog|Syslog):([^"]+)"`)
	termOfCode    = regexp.MustCompile(`EventCode=([0-9]+)`)
	termOfType    = regexp.MustCompile(`EventType=(\w+)`)
	termOfRest    = regexp.MustCompile(`\bOR\b|[()\s]`)
)

// NewClassifier makes a classifier for the datasets of a schema.
func NewClassifier(s *schema.Schema) *Classifier {
	c := &Classifier{data: readEventData(), datasets: s.Datasets(), classes: map[classKey]*Class{}}
	for _, ds := range c.datasets {
		if ds.Raw == nil || ds.Raw.Definition == "" {
			continue
		}
		ch := channel{ds: ds}
		rest := ds.Raw.Definition
		for _, m := range termOfChannel.FindAllStringSubmatch(rest, -1) {
			ch.names = append(ch.names, fold(m[2]))
		}
		for _, m := range termOfCode.FindAllStringSubmatch(rest, -1) {
			ch.codes = append(ch.codes, m[1])
		}
		for _, m := range termOfType.FindAllStringSubmatch(rest, -1) {
			ch.types = append(ch.types, fold(m[1]))
		}
		for _, term := range []*regexp.Regexp{termOfChannel, termOfCode, termOfType, termOfRest} {
			rest = term.ReplaceAllString(rest, "")
		}
		if rest == "" && len(ch.names) > 0 {
			c.channels = append(c.channels, ch)
		}
	}
	return c
}

// reshaping is how rows of a shape become events: where the value of each column
// comes from.
type reshaping struct {
	to   *shape
	from []int // for each column of to, the column it is taken from; -1 for none
	// the columns of to in which these stand, -1 for none
	channel, code, typ, time int
	times                    []int  // columns of the row that may tell the time
	logsource                [3]int // columns of the row: category, product, service
	// bad, if not nil, is what is wrong with events of the shape; told is the column
	// of the row that is huntc's own name of the time, -1 for none.
	bad  *BadEvent
	told int
}

func (c *Classifier) plan(s *shape) *reshaping {
	p := &reshaping{channel: -1, code: -1, typ: -1, time: -1, told: -1, logsource: [3]int{-1, -1, -1}}
	type column struct {
		name string
		rank int // of the prefix
		at   int
	}
	var cols []column
	if s == nil {
		s = newShape(nil)
	}
	for i, name := range s.names {
		if key, ok := strings.CutPrefix(name, "logsource."); ok || name == "logsource" {
			if k := slices.Index(logsourceKeys, key); ok && k >= 0 {
				p.logsource[k] = i
			} else if p.bad == nil && ok {
				p.bad = badLogsource(key)
			} else if p.bad == nil {
				p.bad = badLogsource("")
			}
			continue
		}
		short, rank := c.data.short(name)
		if short == "" {
			continue
		}
		if j := slices.IndexFunc(cols, func(o column) bool { return o.name == short }); j >= 0 {
			if rank < cols[j].rank {
				cols[j].rank, cols[j].at = rank, i
			}
			continue
		}
		cols = append(cols, column{short, rank, i})
	}
	var names []string
	for _, col := range cols {
		names = append(names, col.name)
		p.from = append(p.from, col.at)
	}
	for _, name := range c.data.Times {
		if i := slices.Index(names, name); i >= 0 {
			p.times = append(p.times, p.from[i])
			if name == ir.Timestamp {
				p.told = p.from[i]
			}
		}
	}
	if len(p.times) > 0 && !slices.Contains(names, ir.Timestamp) {
		names = append(names, ir.Timestamp)
		p.from = append(p.from, -1)
	}
	p.to = newShape(names)
	at := func(name string) int {
		if i, ok := p.to.index[name]; ok {
			return i
		}
		return -1
	}
	p.channel, p.code, p.typ, p.time = at("Channel"), at("EventID"), at("EventType"), at(ir.Timestamp)
	return p
}

// short is the name of a field without what it is nested in, and the rank of the
// prefix that was taken off; "" for what is no field.
func (d *eventData) short(name string) (string, int) {
	rank := len(d.Prefixes)
	for i, p := range d.Prefixes {
		if rest, ok := cutKeys(name, p); ok {
			name, rank = rest, i
			break
		}
	}
	if as, ok := d.Names[name]; ok {
		return as, rank
	}
	if slices.ContainsFunc(d.Drop, func(p string) bool { return starMatch(p, name) }) {
		return "", rank
	}
	return name, rank
}

// cutKeys cuts a prefix of keys, of which * is any one.
func cutKeys(name, prefix string) (string, bool) {
	for prefix != "" {
		key, rest, _ := strings.Cut(prefix, ".")
		have, below, ok := strings.Cut(name, ".")
		if !ok || key != "*" && key != have {
			return "", false
		}
		name, prefix = below, rest
	}
	return name, true
}

// starMatch matches a text with a pattern in which * stands for any text.
func starMatch(pattern, s string) bool {
	p := ir.Pattern{}
	for i, part := range strings.Split(pattern, "*") {
		if i > 0 {
			p.Append(ir.Part{Wild: ir.Many})
		}
		p.Append(ir.Part{Text: part})
	}
	return newMatcher([]ir.Pattern{p}, true).match(s)
}

// logsourceKeys are those of a logsource.
var logsourceKeys = []string{"category", "product", "service"}

// badLogsource says what is wrong with a key logsource, or with a key below it. The
// column is where the event has that.
func badLogsource(key string) *BadEvent {
	hint := `Say what the event is as a rule does: "logsource": {"category": "process_creation", "product": "windows"}.`
	if key == "" {
		return &BadEvent{Code: codeBadEvent, key: "logsource", Message: "logsource is no object with the keys category, product and service", Hint: hint}
	}
	first, _, _ := strings.Cut(key, ".")
	if slices.Contains(logsourceKeys, first) {
		return &BadEvent{Code: codeBadEvent, key: first, Message: "the logsource's " + first + " is not a text", Hint: hint}
	}
	return &BadEvent{Code: codeBadEvent, key: first, Message: fmt.Sprintf("a logsource has no key %q", key), Hint: diag.DidYouMean(key, logsourceKeys)}
}

// finish fills a planned row: column gives the values of the row that was read. The
// error is a *BadEvent that knows a key and not yet its column.
func (c *Classifier) finish(p *reshaping, column func(i int) any, class func(classKey) *Class) (Event, error) {
	if p.bad != nil {
		bad := *p.bad
		return Event{}, &bad
	}
	vals := make([]any, len(p.to.names))
	for i, from := range p.from {
		if from >= 0 {
			vals[i] = column(from)
		}
	}
	for _, i := range p.times {
		if t, ok := toInstant(column(i)); ok {
			vals[p.time] = t
			break
		}
		if v := column(i); i == p.told && v != nil && v != "" {
			return Event{}, &BadEvent{Code: codeBadEvent, key: ir.Timestamp, Message: fmt.Sprintf("Timestamp is no time: %q", text(v)),
				Hint: "Write a time as 2026-01-31T10:00:00Z."}
		}
	}
	var key classKey
	if p.channel >= 0 {
		if key.channel = text(vals[p.channel]); key.channel != "" {
			if p.code >= 0 {
				key.code = text(vals[p.code])
			}
			if p.typ >= 0 {
				key.typ = text(vals[p.typ])
			}
		}
	}
	for k, into := range []*string{&key.category, &key.product, &key.service} {
		if i := p.logsource[k]; i >= 0 {
			v := column(i)
			if _, ok := v.(string); !ok && v != nil {
				return Event{}, badLogsource(logsourceKeys[k] + ".")
			}
			*into = text(v)
		}
	}
	out := Event{Row: Row{shape: p.to, vals: vals}, Class: class(key)}
	if out.Class.also != nil {
		out.also = out.Class.also.row(out.Row)
	}
	return out, nil
}

// row is an event in the other logsource's names, beside its own where these do
// not mean another thing there. A field that has that name already is kept.
func (a *alsoEvents) row(r Row) Row {
	var names []string
	var vals []any
	for _, f := range a.Fields {
		v, own := f.value(r), r.Get(f.Name)
		if own == nil && v != nil || own != nil && a.renames(f.Name) {
			names, vals = append(names, f.Name), append(vals, v)
		}
	}
	out := widener(names)(r)
	for i, name := range names {
		out.vals[out.shape.index[name]] = vals[i]
	}
	return out
}

// renames reports whether a field of the event goes by another name.
func (a *alsoEvents) renames(name string) bool {
	return slices.ContainsFunc(a.Fields, func(f alsoField) bool {
		return slices.ContainsFunc(f.From, func(list []string) bool { return slices.Contains(list, name) })
	})
}

func (f alsoField) value(r Row) any {
	for _, list := range f.From {
		v := r.Get(list[len(list)-1])
		if s := text(v); v == nil || s == "" || s == "-" {
			continue
		}
		if f.Number {
			if n, err := strconv.ParseInt(text(v), 0, 64); err == nil {
				return n
			}
		}
		for _, name := range slices.Backward(list[:len(list)-1]) {
			if s := text(r.Get(name)); s != "" && s != "-" {
				v = s + `\` + text(v)
			}
		}
		return v
	}
	return nil
}

// maxClasses bounds how many classes are kept: a file decides how many it has.
const maxClasses = 4096

func (c *Classifier) class(k classKey) *Class {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.classes[k]; found != nil {
		return found
	}
	made := c.classify(k)
	made.key = fmt.Sprintf("%v %v %v %q %q %q", made.known, made.said, made.also != nil, made.categories, made.products, made.services)
	if len(c.classes) < maxClasses {
		c.classes[k] = made
	}
	return made
}

func (c *Classifier) classify(k classKey) *Class {
	out := &Class{}
	add := func(list *[]string, s string) {
		if s = strings.TrimPrefix(s, "-"); s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	name, typ := fold(k.channel), fold(k.typ)
	if name != "" {
		for _, ch := range c.channels {
			if !slices.ContainsFunc(ch.names, func(p string) bool { return starMatch(p, name) }) ||
				len(ch.codes) > 0 && !slices.Contains(ch.codes, k.code) || len(ch.types) > 0 && !slices.Contains(ch.types, typ) {
				continue
			}
			out.known = true
			out.datasets = append(out.datasets, ch.ds)
			for _, l := range ch.ds.Logsources {
				add(&out.categories, l.Category)
				add(&out.services, l.Service)
			}
		}
		for _, a := range c.data.Also {
			if fold(a.Channel) == name && slices.Contains(a.Events, k.code) {
				add(&out.categories, a.Category)
				out.also = a
				for _, ds := range c.datasets {
					if named(ds, a.Category) {
						out.datasets = append(out.datasets, ds)
					}
				}
			}
		}
		product := "windows"
		if strings.HasPrefix(name, "linux-") {
			product = "linux"
		}
		add(&out.products, product)
	}
	if k.category == "" && k.product == "" && k.service == "" {
		return out
	}
	// What the event itself says is what it is.
	out.known = true
	for _, key := range []struct {
		list  *[]string
		value string
	}{{&out.categories, k.category}, {&out.products, k.product}, {&out.services, k.service}} {
		if key.value != "" {
			*key.list = []string{key.value}
		}
	}
	out.said = true
	out.datasets = c.of(out.categories, out.products, out.services)
	if out.also != nil && !has(out.categories, out.also.Category) {
		out.also = nil
	}
	return out
}

// named reports whether a dataset is what a category means.
func named(ds *schema.Dataset, category string) bool {
	return slices.ContainsFunc(ds.Logsources, func(l schema.Logsource) bool { return strings.EqualFold(l.Category, category) })
}

// of are the datasets of logsources.
func (c *Classifier) of(categories, products, services []string) []*schema.Dataset {
	var out []*schema.Dataset
	for _, ds := range c.datasets {
		if slices.ContainsFunc(ds.Logsources, func(l schema.Logsource) bool {
			fits := func(list []string, key string) bool { return has(list, strings.TrimPrefix(key, "-")) }
			return (len(categories) == 0 || l.Category != "") && fits(categories, l.Category) && fits(services, l.Service) && (len(products) == 0 || fits(products, l.Product))
		}) {
			out = append(out, ds)
		}
	}
	return out
}
