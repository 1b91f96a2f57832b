package compiler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Languages are the query languages that are lifted.
func Languages() []string { return []string{"spl", "kql"} }

// language is a query language: how its texts are read, and the target that
// runs them.
type language struct {
	name    string
	view    schema.View
	backend backends.Backend
	lift    func(name, text string) backends.Lifted
	// own is the inverse of lowering, for texts that huntc wrote.
	own func(name, text string) (ir.Query, diag.List)
	// print writes a query that lift has read.
	print func(ir.Query) (string, error)
	// between stands between two statements of a text.
	between string
}

// Lifter reads queries that people wrote. It is safe for concurrent use.
type Lifter struct {
	schema    *schema.Schema
	languages []language
}

// NewLifter makes a lifter with the project's settings; nil for none.
func NewLifter(c *Config) (*Lifter, error) {
	if c == nil {
		c = &Config{}
	}
	s, err := schema.New(c.Datasets)
	if err != nil {
		return nil, fmt.Errorf("%s: datasets: %w", c.Path, err)
	}
	if c.CIM != "" {
		s = s.WithCIM(c.CIM)
	}
	sp, de := splunk.New(s, c.Splunk), defender.New(s)
	return &Lifter{schema: s, languages: []language{
		{"spl", schema.CIM, sp, sp.LiftText, func(name, text string) (ir.Query, diag.List) {
			parsed, diags := spl.Parse(name, text)
			if diags.HasErrors() {
				return nil, diags
			}
			return sp.Lift(parsed)
		}, sp.LowerText, "\n\n"},
		{"kql", schema.XDR, de, de.LiftText, func(name, text string) (ir.Query, diag.List) {
			parsed, diags := kql.Parse(name, text)
			if diags.HasErrors() {
				return nil, diags
			}
			return de.Lift(parsed)
		}, func(q ir.Query) (string, error) { return kql.Print(de.Lower(q)), nil }, ";\n\n"},
	}}, nil
}

// LiftStatus says how far a text was read.
type LiftStatus string

const (
	LiftOK          LiftStatus = "ok"          // in full, but for macros that only their names are known of
	LiftUnsupported LiftStatus = "unsupported" // some part is not understood, and a diagnostic names it
	LiftError       LiftStatus = "error"       // the text is not of the language
)

// Lifting is what became of one text.
type Lifting struct {
	Status LiftStatus
	// Queries are physical, one for each statement; nil entries are statements
	// that are not understood.
	Queries     []ir.Query
	Opaque      []string // macros and functions that only their names are known of
	Diagnostics diag.List
	// Lost is what of the text the hunt that was made of it does not say as it is.
	// The diagnostics are among Diagnostics too.
	Lost []Loss
}

// Loss is a part of a text that its logical form does not say as it is.
type Loss struct {
	diag.Diagnostic
	More bool // the text may find what the form does not
	Less bool // the text may not find all that the form does
}

// lossOf reads a diagnostic of raising as a loss. What is only shown is none, nor
// is what is wrong with the text itself; any other warning is one, whatever it is
// about.
func lossOf(d diag.Diagnostic) (Loss, bool) {
	if _, faulty := FaultOf(d.Code); faulty || d.Severity == diag.Info || d.Code == codeNotThere {
		return Loss{}, false
	}
	// The form of a text that no dataset has all rows of asks for fewer rows.
	return Loss{d, true, d.Code != codeNarrower}, true
}

// Lift reads a text of a language. Positions are those in the text, and name
// names it.
func (l *Lifter) Lift(from, name, text string) (*Lifting, error) {
	lang, err := l.language(from)
	if err != nil {
		return nil, err
	}
	return lang.read(name, text), nil
}

// LiftOwn reads a text that huntc wrote itself, as the inverse of writing it: it
// knows forms again, such as sessions, that are functions of the target to Lift.
// False, if it is no such text.
func (l *Lifter) LiftOwn(from, name, text string) (q ir.Query, ok bool) {
	lang, err := l.language(from)
	if err != nil {
		return nil, false
	}
	defer func() {
		if recover() != nil {
			q, ok = nil, false
		}
	}()
	q, diags := lang.own(name, text)
	return q, q != nil && !diags.HasErrors()
}

func (l *Lifter) language(name string) (*language, error) {
	i := slices.IndexFunc(l.languages, func(g language) bool { return g.name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no language %q: %s", name, diag.DidYouMean(name, Languages()))
	}
	return &l.languages[i], nil
}

func (g *language) read(name, text string) (out *Lifting) {
	out = &Lifting{}
	defer func() {
		if v := recover(); v != nil {
			out = &Lifting{Status: LiftError, Diagnostics: diag.List{defect(place(name), v)}}
		}
	}()
	lifted := g.lift(name, text)
	out.Diagnostics = lifted.Diagnostics
	for _, q := range lifted.Queries {
		out.Queries = append(out.Queries, q.Query)
		for _, o := range q.Opaque {
			if !slices.Contains(out.Opaque, o.Name) {
				out.Opaque = append(out.Opaque, o.Name)
			}
		}
	}
	out.Status = LiftOK
	if !lifted.Full() {
		out.Status = LiftUnsupported
		for _, d := range lifted.Diagnostics {
			if d.Severity == diag.Error && !strings.HasPrefix(string(d.Code), "HC08") {
				out.Status = LiftError // of the parser
			}
		}
	}
	return out
}

// Hunt makes a hunt of a text, whose statements are read as the branches of
// one: what any of them finds. It is nil where the text is not understood in
// full, or has no logical form; the diagnostics say which.
func (l *Lifter) Hunt(from, name, text string, meta ir.Meta) (*ir.Hunt, *Lifting, error) {
	lang, err := l.language(from)
	if err != nil {
		return nil, nil, err
	}
	lifting := lang.read(name, text)
	if lifting.Status != LiftOK {
		return nil, lifting, nil
	}
	return l.raise(lang, lifting, meta), lifting, nil
}

func (l *Lifter) raise(lang *language, lifting *Lifting, meta ir.Meta) (h *ir.Hunt) {
	defer func() {
		if v := recover(); v != nil {
			lifting.Diagnostics = append(lifting.Diagnostics, defect(diag.Span{}, v))
			h = nil
		}
	}()
	var rows []ir.Query
	for _, q := range lifting.Queries {
		r := l.schema.Raise(q, lang.view)
		lifting.Diagnostics = append(lifting.Diagnostics, r.Diagnostics...)
		if r.Query == nil {
			return nil
		}
		for _, d := range r.Diagnostics {
			if loss, is := lossOf(d); is {
				lifting.Lost = append(lifting.Lost, loss)
			}
		}
		rows = append(rows, asWritten(l.schema, r.Query))
	}
	lifting.Diagnostics.Sort()
	h = &ir.Hunt{Kind: ir.KindHunt, Meta: meta, Query: rows[0]}
	if len(rows) > 1 {
		h.Query = &ir.Union{Inputs: rows}
	}
	hoistLookBack(h)
	return h
}

// hoistLookBack lets the hunt say how far back its sources look, where they
// all look equally far.
func hoistLookBack(h *ir.Hunt) {
	var backs []time.Duration
	for _, s := range ir.Scans(h.Query) {
		if !slices.Contains(backs, s.LookBack) {
			backs = append(backs, s.LookBack)
		}
	}
	if len(backs) != 1 || backs[0] == 0 {
		return
	}
	h.LookBack = backs[0]
	h.Query = ir.MapQuery(h.Query, func(q ir.Query) ir.Query {
		if s, ok := q.(*ir.Scan); ok {
			c := *s
			c.LookBack = 0
			return &c
		}
		return q
	})
}

// Reprint writes a text of a language in the way in which huntc writes queries:
// the same query, as reading it again shows. "" where the text is not read in
// full.
func (l *Lifter) Reprint(from, name, text string) (out string, lifting *Lifting, err error) {
	lang, err := l.language(from)
	if err != nil {
		return "", nil, err
	}
	lifting = lang.read(name, text)
	if lifting.Status != LiftOK {
		return "", lifting, nil
	}
	failed := func(v any) {
		lifting.Diagnostics = append(lifting.Diagnostics, defect(place(name), v))
		out = ""
	}
	defer func() {
		if v := recover(); v != nil {
			failed(v)
		}
	}()
	var parts []string
	for _, q := range lifting.Queries {
		part, err := lang.print(q)
		if err != nil {
			failed(err)
			return "", lifting, nil
		}
		parts = append(parts, part)
	}
	out = strings.Join(parts, lang.between) + "\n"
	again := lang.read(name, out)
	same := again.Status == LiftOK && slices.EqualFunc(lifting.Queries, again.Queries, func(a, b ir.Query) bool {
		return ir.Format(ir.Canonical(a)) == ir.Format(ir.Canonical(b))
	})
	if !same {
		failed("the text, written again, reads otherwise")
	}
	return out, lifting, nil
}

// Translation is a text of one language in another one.
type Translation struct {
	*Lifting
	Query    string // "" where Diagnostics has an error
	Fidelity ir.Fidelity
}

// Translate writes a text of a language in another one.
func (l *Lifter) Translate(from, to, name, text string) (*Translation, error) {
	target, err := l.language(to)
	if err != nil {
		return nil, err
	}
	h, lifting, err := l.Hunt(from, name, text, ir.Meta{Title: name})
	if err != nil {
		return nil, err
	}
	out := &Translation{Lifting: lifting, Fidelity: ir.Unsupported}
	if h == nil {
		return out, nil
	}
	h.Path = name
	art := compileSafely(target.backend, h)
	out.Diagnostics = append(out.Diagnostics, art.Diagnostics...)
	for _, r := range art.Reasons {
		out.Diagnostics = append(out.Diagnostics, diag.Diagnostic{Span: r.Span, Severity: diag.Warning, Code: r.Code, Message: r.Message, Hint: r.Hint})
	}
	if from != to {
		out.Diagnostics = refuseBound(out.Diagnostics)
	}
	out.Diagnostics.Sort()
	if out.Diagnostics.HasErrors() {
		return out, nil
	}
	out.Query, out.Fidelity = art.Query, ir.Verdict(art.Reasons)
	for _, loss := range out.Lost { // what is written is the text without them
		effect := ir.Mixed
		if !loss.Less {
			effect = ir.Under
		}
		out.Fidelity = out.Fidelity.Join(effect)
	}
	return out, nil
}

// refuseBound makes errors of the notes on columns that only the target of the
// text has. Raw events are read by whatever name a document gives, so their
// backend may take the name of a column that no event of theirs has; where it
// refuses the column too, that is said once.
func refuseBound(list diag.List) diag.List {
	var bound []diag.Pos
	for i := range list {
		if d := &list[i]; d.Code == codeBound {
			d.Severity = diag.Error
			d.Message += ", so the other target cannot be asked for it"
			d.Hint = "Take it out of the query, or give the dataset a field for it in huntc.yaml, with the column that each target has for it."
			bound = append(bound, d.Pos)
		}
	}
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool {
		return (d.Code == codeNoColumn || d.Code == codeNoField) && slices.Contains(bound, d.Pos)
	})
}

// compileSafely compiles a hunt; a defect of the backend is a diagnostic.
func compileSafely(b backends.Backend, h *ir.Hunt) (art backends.Artifact) {
	defer func() {
		if v := recover(); v != nil {
			art = backends.Artifact{Diagnostics: diag.List{defect(h.At(), v)}}
		}
	}()
	return b.Compile(h)
}

// Document writes a lifted hunt as a document. Where it is not quite what its text
// says, remarks at its top say so.
func Document(from string, h *ir.Hunt, lifting *Lifting) ([]byte, diag.List) {
	text, diags := sigma.Write(h)
	if remarks := whatItSays(strings.ToUpper(from), lifting.Diagnostics, lifting.Lost); text != nil && len(remarks) > 1 {
		text = append(remarked(remarks), text...)
	}
	return text, diags
}
