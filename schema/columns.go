package schema

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// stored is a column of the table under its own name.
func (b *base) stored(at diag.Span, name string) *ir.Field {
	if b.r.view == Raw {
		return &ir.Field{Span: at, Name: name, T: b.rawType(name)}
	}
	return &ir.Field{Span: at, Name: name, T: irType(b.info(name).Type)}
}

// info is what the target says of a column of the table; nothing for raw events
// and for columns that the query computes.
func (b *base) info(name string) ColumnInfo {
	if b.table == nil {
		return ColumnInfo{}
	}
	return b.table.Columns[name]
}

// rawType is the declared type of a raw field if it is a number; everything
// else in raw events is text whose kind is seen only when it is compared.
func (b *base) rawType(name string) ir.Type {
	if name == "_time" {
		return ir.Time
	}
	if t := ir.Type(b.ds.Fields[name].Type); t.Numeric() {
		return t
	}
	return ir.Unknown
}

// irType translates the catalogue's names of types.
func irType(t string) ir.Type {
	switch t {
	case "int", "long":
		return ir.Int
	case "real", "number", "float":
		return ir.Float
	case "bool":
		return ir.Bool
	case "datetime", "timestamp", "time":
		return ir.Time
	case "dynamic":
		return ir.Dynamic
	}
	return ir.String
}

// time is the column of the event time; nil if the table has none.
func (b *base) time(at diag.Span) *ir.Field {
	name := "_time"
	if b.r.view == XDR {
		name = "Timestamp"
		if b.info(name).Type == "" {
			return nil
		}
	}
	return &ir.Field{Span: at, Name: name, T: ir.Time}
}

// column finds how the view stores a field. It reports why it does not.
func (b *base) column(f *ir.Field) (*Column, bool) {
	if c, ok := b.m.Columns[f.Name]; ok {
		if missing := b.newerThanModel(c); missing != "" {
			b.r.diags.Errorf(codeNoColumn, f, "Raise splunk.cim in huntc.yaml if your data models are newer.",
				"%s has %s only since CIM %s", b.m.Table, missing, b.since(missing))
			return nil, false
		}
		b.noteSince(f, c)
		return c, true
	}
	if why, ok := b.m.Without[f.Name]; ok {
		b.r.diags.Errorf(codeNoColumn, f, why+b.remedy(f.Name), "%s has no column for %s", b.where(), f.Name)
		return nil, false
	}
	if c := b.bound(f.Name); c != nil {
		b.noteBound(f)
		return c, true
	}
	if b.r.view == Raw && !b.m.Closed {
		if b.foreignName(f.Name) {
			b.r.diags.Errorf(codeNoColumn, f, strings.TrimPrefix(b.remedy(f.Name), " "), "%s has no column for %s, which is Defender's name of a column", b.where(), f.Name)
			return nil, false
		}
		b.suspect(f)
		return &Column{Name: f.Name}, true
	}
	if _, known := b.ds.Fields[f.Name]; !known {
		hint := "Name its column" + strings.TrimPrefix(b.remedy(f.Name), " Name its column")
		if near := diag.Closest(f.Name, sortedKeys(b.ds.Fields)); near != "" {
			hint = fmt.Sprintf("Did you mean %s? If not: name its column%s", near, strings.TrimPrefix(b.remedy(f.Name), " Name its column"))
		}
		b.r.diags.Errorf(codeNoField, f, hint, "%s has no column for %s, which is not a known field of %s", b.where(), f.Name, b.ds.Name)
		return nil, false
	}
	b.r.diags.Errorf(codeNoColumn, f, strings.TrimPrefix(b.remedy(f.Name), " "), "%s has no column for %s", b.where(), f.Name)
	return nil, false
}

// lookup is column without a report: nil where the view does not store the field.
func (b *base) lookup(name string) *Column {
	c, ok := b.m.Columns[name]
	if !ok {
		if _, no := b.m.Without[name]; no {
			return nil
		}
		if c := b.bound(name); c != nil {
			return c
		}
		if b.r.view != Raw || b.m.Closed || b.foreignName(name) {
			return nil
		}
		return &Column{Name: name}
	}
	if b.newerThanModel(c) != "" {
		return nil
	}
	return c
}

// suspect warns of a field that raw events may well have, but whose name is
// almost that of one that they are known to have.
func (b *base) suspect(f *ir.Field) {
	if _, known := b.ds.Fields[f.Name]; known || slices.Contains(b.r.suspected, f.Name) {
		return
	}
	near := diag.Closest(f.Name, sortedKeys(b.ds.Fields))
	if near == "" || strings.EqualFold(near, f.Name) || len(f.Name) < 6 {
		return
	}
	b.r.suspected = append(b.r.suspected, f.Name)
	b.r.diags.Warnf(codeNoField, f, fmt.Sprintf("Did you mean %s? If not, name %s in huntc.yaml under datasets.%s.fields.", near, f.Name, b.ds.Name),
		"%s is not a known field of %s; events without it never match", f.Name, b.ds.Name)
}

func (b *base) remedy(field string) string {
	return fmt.Sprintf(" Name its column in huntc.yaml under datasets.%s.%s.columns.%s if your data has one.", b.ds.Name, b.r.view, field)
}

// where names the table for messages.
func (b *base) where() string {
	switch b.r.view {
	case CIM:
		return "the data model " + b.m.Table
	case XDR:
		return "Defender's table " + b.m.Table
	}
	return "the raw data behind `" + b.m.Table + "`"
}

// newerThanModel names the first column of c that the configured version of
// CIM does not have yet; "" if there is none.
func (b *base) newerThanModel(c *Column) string {
	for name := range b.cimFields(c) {
		if newer(b.since(name), b.r.schema.cimVersion) {
			return name
		}
	}
	return ""
}

// noteSince tells that a query needs a model newer than the oldest one: on an
// older one a comparison with the field matches nothing.
func (b *base) noteSince(f *ir.Field, c *Column) {
	for name := range b.cimFields(c) {
		if v := b.since(name); v != "" && !slices.Contains(b.r.newer, b.m.Table+"."+name) {
			b.r.newer = append(b.r.newer, b.m.Table+"."+name)
			b.r.diags.Infof(codeSince, f, "On older data models set splunk.cim in huntc.yaml: then the search reads raw events instead.",
				"%s has the field %s since CIM %s", b.m.Table, name, v)
		}
	}
}

// cimFields are the fields of a data model that a column reads.
func (b *base) cimFields(c *Column) iter.Seq[string] {
	return func(yield func(string) bool) {
		if b.r.view != CIM {
			return
		}
		for _, n := range c.Needs {
			if !yield(n) {
				return
			}
		}
		if c.Kind == "computed" {
			return
		}
		for _, n := range [...]string{c.Name, c.File, c.Domain, c.Key, c.Value} {
			if n != "" && !yield(n) {
				return
			}
		}
	}
}

func (b *base) since(name string) string { return b.info(name).Since }

// newer compares dotted versions; an empty one is older than all.
func newer(a, b string) bool {
	if a == "" {
		return false
	}
	for a != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		v, _ := strconv.Atoi(x)
		w, _ := strconv.Atoi(y)
		if v != w {
			return v > w
		}
	}
	return false
}

// value implements scope.
func (b *base) value(f *ir.Field) ir.Expr {
	if f.Name == ir.Timestamp {
		if t := b.time(f.Span); t != nil {
			return t
		}
		b.r.diags.Errorf(codeNoTime, f, "Take the time out of the pipeline: the table holds the present state, not events.", "%s has no time of an event", b.where())
		return nil
	}
	c, ok := b.column(f)
	if !ok {
		return nil
	}
	if c.Kind == "hashes" && c.Name == "" && len(c.Algorithms) > 0 {
		return b.hashesText(f, c)
	}
	return b.whole(f, c)
}

// hashesText puts the columns of the algorithms together to the text that the
// field is elsewhere, to be shown or told apart by.
func (b *base) hashesText(f *ir.Field, c *Column) ir.Expr {
	b.r.reason(f, codeColumn, ir.Mixed, false, "Take the hash of one algorithm: sha256, sha1 or md5.",
		"%s keeps each algorithm of %s in a column of its own; here they are put together, which other sources do in other orders", b.where(), f.Name)
	out := &ir.Call{Span: f.Span, Func: ir.Concat}
	for i, alg := range sortedKeys(c.Algorithms) {
		lead := alg + "="
		if i > 0 {
			lead = "," + lead
		}
		hash := &ir.Call{Span: f.Span, Func: ir.Coalesce, Args: []ir.Expr{b.stored(f.Span, c.Algorithms[alg]), &ir.Lit{Span: f.Span, Value: ""}}}
		out.Args = append(out.Args, &ir.Lit{Span: f.Span, Value: lead}, hash)
	}
	return out
}

// whole is the value of a column as one expression.
func (b *base) whole(f *ir.Field, c *Column) ir.Expr {
	switch c.Kind {
	case "computed":
		return b.derive(f.Span, c.Name, &ir.Foreign{Span: f.Span, Text: c.Expr, Needs: c.Needs, T: irType(c.Type)})
	case "registry":
		if c.Name == "" {
			return b.derive(f.Span, f.Name, &ir.Foreign{Span: f.Span, Text: c.Whole, Needs: []string{c.Key, c.Value}, T: ir.String})
		}
	case "account":
		if c.Domain != "" && b.domains() {
			domain := b.stored(f.Span, c.Domain)
			lead := []ir.Expr{domain, &ir.Lit{Span: f.Span, Value: `\`}}
			if b.r.view == XDR {
				// An account without a domain is its name alone.
				lead = []ir.Expr{&ir.Call{Span: f.Span, Func: ir.Coalesce, Args: []ir.Expr{
					&ir.Call{Span: f.Span, Func: ir.Concat, Args: lead}, &ir.Lit{Span: f.Span, Value: ""}}}}
			}
			return &ir.Call{Span: f.Span, Func: ir.Concat, Args: append(lead, b.stored(f.Span, c.Name))}
		}
	case "path":
		if c.Name == "" {
			b.r.diags.Errorf(codePart, f, "Compare the end of the path with a file name instead: |endswith: '\\name.exe'.",
				"%s keeps only the file name of %s, not its folder", b.where(), f.Name)
			return nil
		}
	case "hashes":
		if c.Name == "" {
			b.r.diags.Errorf(codePart, f, "Compare a single algorithm: Hashes|contains: 'SHA256=...'.",
				"%s keeps each algorithm of %s in a column of its own", b.where(), f.Name)
			return nil
		}
	}
	return b.stored(f.Span, c.Name)
}

// derive adds a column right above the Scan and returns it.
func (b *base) derive(at diag.Span, name string, x ir.Expr) *ir.Field {
	if !slices.ContainsFunc(b.extend.Cols, func(c *ir.Col) bool { return c.As == name }) {
		b.extend.Cols = append(b.extend.Cols, &ir.Col{Span: at, As: name, X: x})
	}
	return &ir.Field{Span: at, Name: name, T: ir.TypeOf(x)}
}

// show implements scope: it never reports anything.
func (b *base) show(name string) []*ir.Field {
	if name == ir.Timestamp {
		if t := b.time(b.scan.Span); t != nil {
			return []*ir.Field{t}
		}
		return nil
	}
	c := b.lookup(name)
	if c == nil {
		return nil
	}
	names := append(make([]string, 0, 8), c.Name)
	switch c.Kind {
	case "path":
		names = append(names, c.File)
	case "account":
		names = append(names, c.Domain)
	case "registry":
		names = append(names, c.Key, c.Value)
	case "hashes":
		for _, alg := range sortedKeys(c.Algorithms) {
			names = append(names, c.Algorithms[alg])
		}
	case "computed":
		return []*ir.Field{b.derive(b.scan.Span, c.Name, &ir.Foreign{Span: b.scan.Span, Text: c.Expr, Needs: c.Needs, T: irType(c.Type)})}
	}
	out := make([]*ir.Field, 0, len(names))
	for _, n := range names {
		if n == "" {
			continue
		}
		if i := slices.IndexFunc(b.shown, func(f *ir.Field) bool { return f.Name == n }); i >= 0 {
			out = append(out, b.shown[i])
		} else {
			out = append(out, b.stored(b.scan.Span, n))
		}
	}
	return out
}
