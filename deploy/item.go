package deploy

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Item is a compiled hunt for one target.
type Item struct {
	Hunt   *ir.Hunt
	Target string
	// File is where a build writes the query, below the folder of the target
	// and without its extension: unique among the items of a target.
	File string
	// Query is the text exactly as it was compiled, without the comment that
	// a file has before it.
	Query string
	Form  string
	Rows  Rows
	// Detection is the query as a custom detection runs it; nil but for
	// Defender.
	Detection *Detection
	// Analytic is the query as an analytics rule of Sentinel runs it.
	Analytic *Detection
}

// ID is what identifies the item on a server: the document's id in small
// letters; "" if it has none.
func (it *Item) ID() string { return strings.ToLower(it.Hunt.Meta.ID) }

// Rows says which columns the rows of a query have; see backends.Rows.
type Rows struct {
	Known   bool
	Columns []string
	Of      func(name string) []string
}

// Has reports whether the rows have a column.
func (r Rows) Has(column string) bool { return slices.Contains(r.Columns, column) }

// Column is the column that shows what a document calls name; "" if the rows
// have none. Of native text that is not understood every name is a column.
func (r Rows) Column(name string) string {
	if !r.Known {
		return name
	}
	if cols := r.Of(name); len(cols) > 0 {
		return cols[0]
	}
	return ""
}

// Detection is a hunt's query as a service runs it that decides itself which
// events are looked at.
type Detection struct {
	Query   string
	Columns []string
	Known   bool // whether Columns are all
	Tables  []string
	// LookBack is how far back the query itself looks; 0 if it leaves that to
	// the service.
	LookBack time.Duration
	// Single says that each row is decided by one event, whatever is around it.
	Single bool
	// Stage is where the rows stop being events; the zero Span if they are.
	Stage diag.Span
	// Native text is the author's own.
	Native bool
}

// Object is what a server holds of one item.
type Object struct {
	ID   string // of the document
	Name string // by which the server knows the object
	// Fields are the keys that huntc owns, in a fixed order, with their values
	// in the form in which they are compared.
	Fields []Field
}

// Field is a key of an object with its value.
type Field struct{ Key, Value string }

// Get is the value of a key; "" if the object does not have it.
func (o *Object) Get(key string) string {
	for _, f := range o.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Set adds a field, or replaces its value.
func (o *Object) Set(key, value string) {
	for i, f := range o.Fields {
		if f.Key == key {
			o.Fields[i].Value = value
			return
		}
	}
	o.Fields = append(o.Fields, Field{key, value})
}

// OneLine is a text as one line without control characters and without
// characters that only some programs show, cut at so many characters; 0 is no
// limit.
func OneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf, unicode.Co, unicode.Cs) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if limit > 0 && utf8.RuneCountInString(s) > limit {
		s = strings.TrimRight(string([]rune(s)[:limit]), " ")
	}
	return s
}

// Prose is a text of several lines without control characters; white space at
// the ends of lines is gone.
func Prose(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(strings.ToValidUTF8(s, " "), "\n")
	for i, l := range lines {
		l = strings.Map(func(r rune) rune {
			if r != '\t' && unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) || r == utf8.RuneError || r == '\ufeff' {
				return ' '
			}
			return r
		}, l)
		lines[i] = strings.TrimRightFunc(l, unicode.IsSpace)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Names gives each item a name of its own, by which a server knows it, of at
// most limit characters. Where two would have the same name, or where a title
// has to be cut, the start of the document's id stands behind it, and as much of
// it as tells them apart. Servers compare names without regard to case.
func Names(items []*Item, name func(title string) string, limit int) []string {
	out := make([]string, len(items))
	for i, it := range items {
		if out[i] = name(it.Hunt.Meta.Title); utf8.RuneCountInString(out[i]) > limit {
			out[i] = tagged(it, name, limit, idStarts[0])
		}
	}
	for _, n := range idStarts {
		count := map[string]int{}
		for _, s := range out {
			count[strings.ToLower(s)]++
		}
		for i, it := range items {
			if count[strings.ToLower(out[i])] > 1 {
				out[i] = tagged(it, name, limit, n)
			}
		}
	}
	return out
}

// idStarts are how much of an id is shown: up to one of its hyphens.
var idStarts = []int{8, 13, 18, 23, 36}

// tagged is the name of an item with the first n characters of its id.
func tagged(it *Item, name func(title string) string, limit, n int) string {
	tag := " (" + it.ID()[:min(n, len(it.ID()))] + ")"
	title := []rune(OneLine(it.Hunt.Meta.Title, 0))
	for {
		out := name(strings.TrimRight(string(title), " ") + tag)
		over := utf8.RuneCountInString(out) - limit
		if over <= 0 || len(title) == 0 {
			return out
		}
		title = title[:max(0, len(title)-over)]
	}
}
