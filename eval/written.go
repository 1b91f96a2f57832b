package eval

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/schema"
)

// columnData is data/columns.yml.
type columnData struct {
	Computed []*computedForm `yaml:"computed"`
	Always   []struct {
		View    schema.View       `yaml:"view"`
		Dataset string            `yaml:"dataset"`
		Columns map[string]string `yaml:"columns"`
	} `yaml:"always"`
}

// computedForm is a form of expressions, and how the column that they read is
// written.
type computedForm struct {
	Expr     string `yaml:"expr"`
	Column   string `yaml:"column"`
	Property string `yaml:"property"` // of a JSON object in the column
	File     string `yaml:"file"`     // column of the last component of a path
	None     string `yaml:"none"`     // value of a field that stands for none
	Part     string `yaml:"part"`     // what stands before the value within the column
	Before   string `yaml:"before"`
	After    string `yaml:"after"`
	Number   bool   `yaml:"number"` // the field may have it in hexadecimal, with 0x
	Star     bool   `yaml:"star"`   // it is what * stands for in the column's value

	expr *regexp.Regexp
}

//go:embed data/columns.yml
var columnYAML []byte

var readColumnData = sync.OnceValue(func() *columnData {
	d := &columnData{}
	dec := yaml.NewDecoder(bytes.NewReader(columnYAML))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil {
		panic("eval: data/columns.yml: " + err.Error())
	}
	for _, f := range d.Computed {
		f.expr = regexp.MustCompile(`^(?:` + f.Expr + `)$`)
	}
	return d
})

// formOf is how the columns are written from which a column is computed; nil if
// that cannot be said.
func formOf(c *schema.Column) *computedForm {
	if c.Kind != "computed" {
		return nil
	}
	for _, f := range readColumnData().Computed {
		if at := f.expr.FindStringSubmatchIndex(c.Expr); at != nil {
			own := *f
			for _, s := range []*string{&own.Column, &own.Property, &own.File, &own.None, &own.Part} {
				*s = string(f.expr.ExpandString(nil, strings.ReplaceAll(*s, "$2=", "${2}="), c.Expr, at))
			}
			return &own
		}
	}
	return nil
}

// Written reports whether the rows of a Projector have what a computed column is
// computed from, so that its expression gives what Projector.Derived does.
func Written(c *schema.Column) bool { return formOf(c) != nil }

// computed writes what a column is computed from.
func (w *rowWriter) computed(c *schema.Column, s string) {
	f, known := w.p.forms[c]
	if !known {
		f = formOf(c)
		w.p.forms[c] = f
	}
	switch {
	case f == nil:
		w.part(c.Within, s)
	case f.None != "" && s == f.None:
	case f.Part != "":
		w.part(f.Column, f.Part+s)
	case f.Property != "":
		w.properties = append(w.properties, property{f.Column, f.Property, f.json(s)})
	case f.Star:
		w.stars = append(w.stars, property{column: f.Column, value: s})
	default:
		w.later = append(w.later, property{column: f.Column, value: f.Before + s + f.After})
		if f.File != "" {
			w.later = append(w.later, property{column: f.File, value: s[strings.LastIndexAny(s, `\/`)+1:]})
		}
	}
}

func (f *computedForm) json(s string) any {
	if f.Number {
		if n, err := strconv.ParseInt(s, 0, 64); err == nil {
			return n
		}
	}
	return f.Before + s + f.After
}

// property is what a column, or a property of an object in it, holds.
type property struct {
	column, name string
	value        any
}

// finish writes what has no say where the event itself has the column.
func (w *rowWriter) finish() {
	has := func(column string) bool { return slices.Contains(w.names, column) }
	objects := map[string]map[string]any{}
	var columns []string
	for _, p := range w.properties {
		if has(p.column) {
			continue
		}
		if objects[p.column] == nil {
			objects[p.column] = map[string]any{}
			columns = append(columns, p.column)
		}
		setProperty(objects[p.column], strings.Split(p.name, "."), p.value)
	}
	for _, column := range columns {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if enc.Encode(objects[column]) == nil { // texts and numbers, which JSON has
			w.put(column, strings.TrimSuffix(b.String(), "\n"))
		}
	}
	for _, p := range w.later {
		if !has(p.column) {
			w.put(p.column, p.value)
		}
	}
	for _, p := range w.patterns {
		w.matching(p.column, p.value.([]string))
	}
}

func setProperty(in map[string]any, path []string, v any) {
	for _, key := range path[:len(path)-1] {
		next, ok := in[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			in[key] = next
		}
		in = next
	}
	in[path[len(path)-1]] = v
}

// matching gives a column a value that one of the patterns matches: its own, or
// what the event has for the star.
func (w *rowWriter) matching(column string, patterns []string) {
	if i := slices.Index(w.names, column); i >= 0 {
		w.vals[i] = slices.DeleteFunc(slices.Clone(w.vals[i]), func(v any) bool {
			return !slices.ContainsFunc(patterns, func(p string) bool { return starMatch(p, text(v)) })
		})
		w.impossible = w.impossible || len(w.vals[i]) == 0
		return
	}
	star := ""
	for _, s := range w.stars {
		if s.column == column {
			star = text(s.value)
		}
	}
	ways := make([]any, len(patterns))
	for i, p := range patterns {
		ways[i] = strings.ReplaceAll(p, "*", star)
	}
	w.put(column, ways...)
}
