package sigma

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Options are the settings of a content repository that documents refer to.
// The zero value has none. A value is read only, and safe to share.
type Options struct {
	// Placeholders fill %name% in values with the modifier "expand". A list in
	// the document's own hunt.iocs comes first.
	Placeholders []Placeholder
	// Lookups are the lists that a pipeline can join with.
	Lookups []Lookup
}

// Placeholder is a named list of values. They are written as in a rule: * and
// ? are wildcards.
type Placeholder struct {
	Name   string
	Values []string
}

// File is what one file holds.
type File struct {
	Path    string
	Hunts   []*ir.Hunt // documents without an error, in their order
	Filters []*Filter
	// Broken are detection and correlation documents with errors: what they say
	// of themselves, for reports. They have no Query.
	Broken []*ir.Hunt
	// Documents counts the documents in the file, of every sort.
	Documents int

	entries []entry // one for each of Hunts and Broken
}

// entry is what Link needs to know of a document.
type entry struct {
	hunt     *ir.Hunt
	broken   bool
	id, name diag.Span
	sources  []detectionSource
	// after, if not nil, is what the document does with the rows of its
	// correlation.
	after func(ir.Query) (ir.Query, diag.List)
	// meant are the rows of a correlation as another one counts them, where
	// hunt.Query only stands in for them; nil where it does not.
	meant ir.Query
	at    []extent // the document, and the filters added to it
	// counts are the documents that a correlation names, also one with an error.
	counts   []ir.CorrelationRef
	generate bool
}

// detectionSource is one detection: where a filter is put in.
type detectionSource struct {
	logsource ir.Logsource
	filter    *ir.Filter
}

// Filter is a Sigma filter document.
type Filter struct {
	diag.Span
	Path      string
	Meta      ir.Meta
	Logsource ir.Logsource
	Rules     []ir.CorrelationRef // ids or names of documents
	Any       bool                // applies to every rule of its logsource
	Pred      ir.Expr             // added to each rule with "and"
	Broken    bool                // Link found an error in it

	at       extent
	id, name diag.Span
}

// Load reads one file. It never fails as a whole: every problem is in the
// list, and a document with an error is not among the hunts. Path is used in
// positions only. Load is safe for concurrent use.
func Load(path string, src []byte, opts *Options) (*File, diag.List) {
	if opts == nil {
		opts = &Options{}
	}
	l := &loader{opts: opts, file: &File{Path: path}}
	if checkText(path, src, &l.diags) {
		l.src = newSource(path, string(src))
		if docs, ok := l.decode(src); ok {
			if len(docs) == 0 {
				l.diags.Errorf(codeEmpty, l.src.cut(0, 0), "Remove the file, or write a document into it.", "the file holds no document")
			}
			for _, root := range docs {
				l.document(root)
			}
		}
	}
	l.diags.Sort()
	return l.file, l.diags
}

// loader reads one file.
type loader struct {
	opts  *Options
	src   *source
	file  *File
	diags diag.List
	// afterGlobal: a document of the file leans on "action", and those after it
	// make no sense by themselves.
	afterGlobal bool
}

// errors counts the errors so far.
func (l *loader) errors() int {
	n := 0
	for i := range l.diags {
		if l.diags[i].Severity == diag.Error {
			n++
		}
	}
	return n
}

// document is one YAML document, its known keys laid out.
type document struct {
	*loader
	root *yaml.Node
	span diag.Span
	// keys are the values of the known top-level keys, in the order of topKeys;
	// nil where absent.
	keys [len(topKeys)]pair

	hunt  *ir.Hunt
	entry entry
	iocs  []iocList
	// template, if not nil, is where the detections come from.
	template *template
	// windowing is what hunt.windows says.
	windowing ir.Windowing
	// conditions are those of the last detection read.
	conditions []*cond
}

// get is the value of a known top-level key, or nil.
func (d *document) get(k topKey) *yaml.Node { return d.keys[k].value }

func (l *loader) document(root *yaml.Node) {
	l.file.Documents++
	before := l.errors()
	d := &document{loader: l, root: root, span: l.src.span(root)}
	if root.Kind != yaml.MappingNode {
		l.diags.Errorf(codeNotAMap, d.span, "A Sigma document starts with \"title: …\".", "a document is a map of keys, and this is %s", kindOf(root))
		return
	}
	d.hunt = &ir.Hunt{Span: d.span, Path: l.file.Path, Kind: ir.KindRule}
	d.entry.hunt = d.hunt
	d.layOut()
	if d.obsoleteAction() {
		d.entry.broken = true
		l.file.Broken = append(l.file.Broken, d.hunt)
		l.file.entries = append(l.file.entries, d.entry)
		return
	}
	d.meta()
	switch {
	case d.get(keyCorrelation) != nil:
		d.hunt.Kind = ir.KindCorrelation
		d.correlation()
		if c := d.hunt.Correlation; c != nil {
			d.entry.counts, d.entry.generate = c.Rules, c.Generate
		}
	case d.get(keyFilter) != nil:
		f := d.filter()
		if l.errors() == before {
			l.file.Filters = append(l.file.Filters, f)
		}
		return
	default:
		d.detectionDocument()
	}
	if l.errors() > before {
		d.hunt.Query, d.hunt.Correlation = nil, nil
		d.entry.broken, d.entry.sources = true, nil
		l.file.Broken = append(l.file.Broken, d.hunt)
	} else {
		l.file.Hunts = append(l.file.Hunts, d.hunt)
	}
	l.file.entries = append(l.file.entries, d.entry)
}

// layOut sorts the top-level keys. Keys that Sigma does not know are custom
// attributes, which it allows; only one that looks like a slip of the pen is
// worth a word.
func (d *document) layOut() {
	for _, p := range d.pairs(d.root) {
		i := slices.Index(topKeys[:], p.key.Value)
		if i < 0 {
			if near := nearest(p.key.Value, topKeys[:]); near != "" {
				d.diags.Warnf(codeMisspeltKey, d.src.span(p.key), "Did you mean \""+near+"\"? Otherwise give the attribute a name that is less like it.",
					"%q is taken for a custom attribute, which does nothing", p.key.Value)
			}
			d.duplicates(p.value, 0)
			d.hunt.Meta.Custom = append(d.hunt.Meta.Custom, ir.Attribute{Span: d.src.span(p.key), Name: p.key.Value})
			continue
		}
		d.keys[i] = p
	}
}

// duplicates looks for repeated keys below a custom attribute.
func (l *loader) duplicates(n *yaml.Node, depth int) {
	if depth > 100 || n.Kind == yaml.AliasNode || n.Kind == yaml.ScalarNode {
		return
	}
	if n.Kind == yaml.MappingNode {
		l.pairs(n)
	}
	for _, c := range n.Content {
		l.duplicates(c, depth+1)
	}
}

// detectionDocument reads a plain Sigma rule or a hunt.
func (d *document) detectionDocument() {
	h := d.huntBlock()
	src := d.get(keyLogsource)
	det := d.get(keyDetection)
	if h.templated {
		if h.template != nil {
			d.fromTemplate(h)
		}
		return
	}
	if det == nil && src == nil && len(d.hunt.Natives) > 0 {
		return
	}
	if src == nil {
		d.diags.Errorf(codeMissingKey, d.span, "Say which events it reads, for example: logsource: {category: process_creation, product: windows}.", "the document has no \"logsource\"")
	}
	if det == nil {
		d.diags.Errorf(codeNoDetection, d.span, "A rule has \"logsource\" and \"detection\"; a correlation has \"correlation\"; a filter has \"filter\".", "the document has no \"detection\"")
	}
	if src == nil || det == nil {
		return
	}
	if main := d.source("detection", src, det); main != nil {
		d.hunt.Query = d.assemble(h, main)
	}
}

// source reads a logsource and a detection into Filter(Scan).
func (d *document) source(block string, src, det *yaml.Node) *ir.Filter {
	logsource := d.logsource(src)
	pred := d.detection(block, det)
	if pred == nil {
		return nil
	}
	at := diag.Span{Pos: d.src.nodePos(det)}
	f := &ir.Filter{Span: at, Input: &ir.Scan{Span: logsource.Span, Source: logsource}, Pred: pred}
	d.entry.sources = append(d.entry.sources, detectionSource{logsource, f})
	return f
}

// logsource reads which events a detection looks at.
func (l *loader) logsource(n *yaml.Node) ir.Logsource {
	out := ir.Logsource{Span: l.src.span(n)}
	if !l.isMap("logsource", n) {
		return out
	}
	for _, p := range l.pairs(n) {
		var to *string
		switch p.key.Value {
		case "category":
			to = &out.Category
		case "product":
			to = &out.Product
		case "service":
			to = &out.Service
		case "definition":
			continue // prose
		default:
			if nearest(p.key.Value, logsourceKeys) != "" {
				l.unknownKey("logsource", p.key, logsourceKeys)
				continue
			}
			l.diags.Warnf(codeLogsourceKey, l.src.span(p.key), "If it narrows which events the rule reads, say the same in the detection.",
				"the logsource key %q selects no events here", p.key.Value)
			continue
		}
		if v, ok := l.textOf(p.key.Value, p.value); ok {
			*to = v
		}
	}
	if out.Category == "" && out.Product == "" && out.Service == "" {
		l.diags.Errorf(codeLogsource, out.Span, "Give at least one of category, product and service.", "the logsource names no events")
	}
	return out
}
