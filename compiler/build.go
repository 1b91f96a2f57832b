package compiler

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Options say what to build.
type Options struct {
	// Paths are files and folders with documents.
	Paths []string
	// Config is the project's settings; nil for none.
	Config *Config
	// Targets are the names of targets; nil for all.
	Targets []string
	// RequireExact turns every departure from exactness that the document
	// does not allow into an error.
	RequireExact bool
	// Jobs is the number of workers; 0 for one a processor.
	Jobs int
	// CacheDir is where work is kept between builds; "" for nowhere.
	CacheDir string
	// Deployable says what keeps a hunt from being a detection on its target; it
	// is asked about documents that say how they are deployed. It may be nil.
	Deployable func(it *deploy.Item) diag.List
	// Logical asks for Hunt.Logical, which no cache has: CacheDir is not used.
	Logical bool
}

// Result is what became of the documents. Everything in it is sorted.
type Result struct {
	Targets   []string // names
	Documents int      // that were read, whether they make sense or not
	Files     []string
	Hunts     []*Hunt
	// Diagnostics are those about documents as such; what a target has to
	// say of a hunt stands with the hunt.
	Diagnostics diag.List
	// Reused counts the files whose results were kept from an earlier build.
	Reused int

	texts   map[string][]byte // of files, as far as they were kept
	config  *Config
	targets []target
	sources []source
	scopes  []scope
	broken  []source // files with a document of which nothing is known
	lost    int      // documents in error that are not among Hunts
}

// Hunt is a document that was read, with what became of it on each target.
type Hunt struct {
	Path  string
	Line  int
	ID    string
	Name  string
	Title string
	Kind  ir.HuntKind
	// Counted: the document is there for a correlation, and its queries are
	// compiled for what there is to say of them, but not written.
	Counted bool
	Outputs []Output // in the order of Result.Targets
	// Logical is what the targets were given; nil unless Options.Logical asks for
	// it, and for a document with an error.
	Logical *ir.Hunt

	// Stem is what the hunt's files are called, below the folder of their kind
	// and without an ending.
	Stem string

	rel string // of the file, see source
}

// Status says what became of a hunt on one target.
type Status string

const (
	OK          Status = "ok"
	Unsupported Status = "unsupported" // the target cannot say it
	Failed      Status = "error"       // the document is wrong, or huntc is
)

// Output is a hunt on one target. Query is empty unless Status is OK.
type Output struct {
	Target      string
	Status      Status
	Fidelity    ir.Fidelity
	Form        backends.Form
	FormReason  string
	Header      string // the comment that goes before Query in a file
	Query       string
	Diagnostics diag.List
	File        string // of the query, below the folder of outputs; "" if it is not written

	item *deploy.Item // if the build keeps them
	// Reasons are why the fidelity is not exact; only with Options.Logical.
	Reasons []ir.Reason
}

// Text is what the output's file holds.
func (o *Output) Text() string {
	return o.Header + strings.TrimSuffix(o.Query, "\n") + "\n"
}

// All is every diagnostic of the build, sorted.
func (r *Result) All() diag.List {
	all := slices.Clone(r.Diagnostics)
	for _, h := range r.Hunts {
		for _, o := range h.Outputs {
			all = append(all, o.Diagnostics...)
		}
	}
	all.Sort()
	return all
}

// Source gives the text of a file as the build read it: it is what diagnostics
// are shown with.
func (r *Result) Source(name string) ([]byte, bool) {
	if text, ok := r.texts[name]; ok {
		return text, true
	}
	var buf bytes.Buffer
	size, err := readInto(&buf, filepath.FromSlash(name))
	return buf.Bytes(), err == nil && size <= maxFile
}

// Run builds. The error is about the environment: a path that is not there, a
// target that does not exist, settings that the schema refuses. All that is
// wrong with documents is in the result.
func Run(opts Options) (*Result, error) {
	b, err := newBuilder(opts)
	if err != nil {
		return nil, err
	}
	return b.run()
}

// builder is one run of the compiler.
type builder struct {
	opts     Options
	frontend frontend
	targets  []target
	// schema is what the backends were made with; nil before, and in tests.
	schema *schema.Schema
	// backends makes one backend a target. It is called when the first hunt
	// has to be compiled: a build whose results are all kept reads no schema.
	backends func() ([]backends.Backend, error)
	// keepItems makes an item to deploy of every output.
	keepItems bool
	env       key // digest of all that is the same for every file
	pack      *pack
}

// unit is one file on its way.
type unit struct {
	source
	src    []byte // if it has to be loaded and there is room to keep it
	key    key    // digest of the file, its name and the environment
	facts  *facts
	links  key // digest of all that its results depend on in other files
	doc    *document
	diags  diag.List // about documents
	result *fileResult
}

// fileResult is what is kept of a file.
type fileResult struct {
	kept      bool // from an earlier build
	documents int
	broken    bool // has a document that is neither a hunt nor a filter
	lost      int  // documents in error that are not among the hunts
	hunts     []*Hunt
	diags     diag.List
}

func (b *builder) run() (*Result, error) {
	home := ""
	if b.opts.Config != nil {
		home = b.opts.Config.Home
	}
	var opening sync.WaitGroup
	if b.opts.CacheDir != "" && !b.opts.Logical {
		opening.Go(func() { b.pack = openPack(packPath(b.opts, b.targets)) })
	}
	sources, scopes, diags, err := find(b.opts.Paths, home)
	opening.Wait()
	if err != nil {
		return nil, err
	}
	units := make([]*unit, len(sources))
	for i, s := range sources {
		units[i] = &unit{source: s}
	}
	if err := b.open(units); err != nil {
		return nil, err
	}
	links := newLinker(units)
	each(b.opts.Jobs, len(units), func(i int) { b.settle(units[i], links) })
	out := &Result{texts: map[string][]byte{}, Diagnostics: diags, config: b.opts.Config, targets: b.targets, sources: sources, scopes: scopes}
	for _, d := range diags {
		if d.Severity == diag.Error { // a document that was not read
			out.Documents++
			out.lost++
		}
	}
	for _, t := range b.targets {
		out.Targets = append(out.Targets, t.name)
	}
	if err := b.compile(units, links); err != nil {
		return nil, err
	}
	for _, u := range units {
		if u.result.kept {
			out.Reused++
		}
		out.Files = append(out.Files, u.path)
		if u.src != nil {
			out.texts[u.path] = u.src
		}
		out.Documents += u.result.documents
		out.Hunts = append(out.Hunts, u.result.hunts...)
		out.Diagnostics = append(out.Diagnostics, u.result.diags...)
		out.lost += u.result.lost
		if u.result.broken {
			out.broken = append(out.broken, u.source)
		}
	}
	out.Diagnostics.Sort()
	out.assignFiles()
	b.save(units)
	return out, nil
}

// each calls f for 0 to n-1 on so many workers, or on one a processor.
func each(jobs, n int, f func(i int)) {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(jobs, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
}

// maxKept is how much text is kept for loading and for showing diagnostics;
// what does not fit is read again.
const maxKept = 32 << 20

// open reads every file and loads those that no earlier build knew. Loaded
// documents take much more memory than their results, so a file of plain
// rules is compiled at once where it seems that nothing in the others
// concerns it: settle finds out whether that was so.
func (b *builder) open(units []*unit) error {
	var kept atomic.Int64
	var special atomic.Bool
	each(b.opts.Jobs, len(units), func(i int) {
		u := units[i]
		diags := withFile(u.path, func(src []byte) {
			u.key = b.fileKey(u.source, src)
			if kept.Add(int64(len(src))) < maxKept {
				u.src = slices.Clone(src)
			}
			if u.facts = b.pack.facts(u.key); u.facts != nil {
				if u.facts.special {
					special.Store(true)
				}
				return
			}
			if seemsSpecial(src) {
				special.Store(true)
			}
		})
		if diags != nil {
			u.facts = &facts{}
			u.result = &fileResult{documents: 1, broken: true, lost: 1, diags: diags}
		}
	})
	var load []*unit
	for _, u := range units {
		if u.facts == nil {
			load = append(load, u)
		}
	}
	if len(load) == 0 {
		return nil
	}
	made, err := b.backends()
	if err != nil {
		return err
	}
	alone := newLinker(nil)
	each(b.opts.Jobs, len(load), func(i int) {
		u := load[i]
		b.load(u)
		if !special.Load() && !u.facts.special {
			diags, fault := b.linkAll([]*document{u.doc})
			b.finish(u, diags, fault, made)
			u.links = alone.digest(u)
		}
	})
	return nil
}

// seemsSpecial guesses from the text what facts.special will say.
func seemsSpecial(src []byte) bool {
	for _, key := range []string{"filter:", "correlation:"} {
		if bytes.HasPrefix(src, []byte(key)) || bytes.Contains(src, []byte("\n"+key)) {
			return true
		}
	}
	return false
}

// settle keeps a unit's result, or takes an earlier build's, if all that the
// result depends on is as it is now.
func (b *builder) settle(u *unit, links *linker) {
	if u.key == (key{}) {
		return // unreadable
	}
	now := links.digest(u)
	if u.result != nil && u.links == now {
		return
	}
	u.links = now
	u.result = b.pack.result(u.key, now)
}

// load reads a file again, if its text was not kept, and makes a document.
func (b *builder) load(u *unit) {
	if u.src != nil {
		b.parse(u, u.src)
		return
	}
	diags := withFile(u.path, func(src []byte) {
		if k := b.fileKey(u.source, src); k != u.key {
			// The file changed while the build ran. Its new text is compiled;
			// nothing of it is kept, for its links are those of the old.
			u.key = key{}
		}
		b.parse(u, src)
	})
	if diags != nil {
		u.key, u.doc, u.diags, u.facts = key{}, &document{}, diags, &facts{}
	}
}

func (b *builder) parse(u *unit, src []byte) {
	defer func() {
		if v := recover(); v != nil {
			u.doc, u.facts = &document{}, &facts{}
			u.diags = diag.List{defect(place(u.path), v)}
		}
	}()
	u.doc, u.diags = b.frontend.load(u.path, src)
	u.facts = factsOf(u.doc)
}

// compile brings every unit without a result to one.
func (b *builder) compile(units []*unit, links *linker) error {
	need := map[*unit]bool{}
	for _, u := range units {
		if u.result == nil {
			need[u] = true
		}
	}
	if len(need) == 0 {
		return nil
	}
	made, err := b.backends()
	if err != nil {
		return err
	}
	together := links.closure(units, need)
	each(b.opts.Jobs, len(together), func(i int) {
		if together[i].doc == nil {
			b.load(together[i])
		}
	})
	var docs []*document
	for _, u := range together {
		docs = append(docs, u.doc)
	}
	diags, fault := b.linkAll(docs)
	byFile := map[string]diag.List{}
	for _, d := range diags {
		byFile[d.Pos.Filename] = append(byFile[d.Pos.Filename], d)
	}
	each(b.opts.Jobs, len(together), func(i int) {
		if u := together[i]; need[u] {
			b.finish(u, byFile[u.path], fault, made)
		}
		together[i].doc = nil
	})
	return nil
}

// finish compiles the hunts of a loaded and linked unit. linkDiags are those
// of linking about the unit; fault, if not nil, is why linking itself failed:
// nothing is compiled then.
func (b *builder) finish(u *unit, linkDiags diag.List, fault *diag.Diagnostic, made []backends.Backend) {
	diags := slices.Concat(u.diags, linkDiags)
	if fault != nil && !diags.HasErrors() {
		about := *fault
		about.Span = place(u.path)
		diags = append(diags, about)
	}
	u.diags = diags
	hurt := blame(u)
	n := len(u.doc.hunts)
	r := &fileResult{documents: max(1, u.doc.documents), hunts: make([]*Hunt, n)}
	r.lost = r.documents - n - u.doc.filters
	r.broken = r.lost > 0
	r.lost += u.doc.badFilters
	for i, h := range u.doc.hunts {
		var about diag.List
		r.hunts[i], about = b.compileHunt(u.source, h, made, hurt[i] || fault != nil)
		diags = append(diags, about...)
	}
	diags.Sort()
	r.diags = diags
	u.result, u.doc, u.diags = r, nil, nil
}

// linkAll puts documents together. A panic there is a defect that concerns all
// of them, for which document it was about is not known.
func (b *builder) linkAll(docs []*document) (diags diag.List, fault *diag.Diagnostic) {
	defer func() {
		if v := recover(); v != nil {
			d := defect(diag.Span{}, v)
			d.Message = strings.Replace(d.Message, "on this document", "when it put the documents together", 1)
			diags, fault = nil, &d
		}
	}()
	return b.frontend.link(docs), nil
}

// blame tells which hunts of a file have an error of their own.
func blame(u *unit) []bool {
	hurt := make([]bool, len(u.doc.hunts))
	for i, h := range u.doc.hunts {
		hurt[i] = u.doc.broken[h]
	}
	return hurt
}

// compileHunt compiles one hunt to every target. The diagnostics are about
// the document; those of a target are with its output.
func (b *builder) compileHunt(s source, h *ir.Hunt, made []backends.Backend, hurt bool) (*Hunt, diag.List) {
	out := &Hunt{Path: h.Path, Line: max(h.Pos.Line, 1), ID: h.Meta.ID, Name: h.Meta.Name, Title: h.Meta.Title, Kind: h.Kind, Counted: h.CountedBy != "", rel: s.rel}
	var diags diag.List
	if b.schema != nil && !hurt {
		diags = checkSafely(b.schema, h)
		hurt = diags.HasErrors()
	}
	if b.opts.Logical && !hurt {
		out.Logical = h
	}
	occurs := make([]bool, len(h.Allow))
	judged := len(made) == len(allTargets) // else another target may have it
	for _, be := range made {
		o := Output{Target: be.Name(), Status: Failed, Fidelity: ir.Unsupported}
		switch {
		case hurt:
			judged = false
		case len(h.Targets) > 0 && !slices.Contains(h.Targets, be.Name()):
			o.Status = Unsupported
			o.Diagnostics.Infof(codeOtherTarget, h, "", "the document is for %s only: there is no %s query", strings.Join(h.Targets, ", "), be.Name())
		default:
			b.lower(&o, s, h, be, occurs)
			judged = judged && o.Status == OK
		}
		out.Outputs = append(out.Outputs, o)
	}
	if out.Counted {
		diags.Infof(codeCounted, h, "If it is to be an alert as well, write \"generate: true\" in a correlation that names it.",
			"the query is part of the correlation %q, and no file of its own is written for it", h.CountedBy)
	}
	for i, a := range h.Allow {
		if judged && !occurs[i] {
			diags.Warnf(codeUnusedAllow, a, "Remove it, so that it cannot hide a later one.", "%s is allowed, but does not occur on any target", a.Code)
		}
	}
	return out, diags
}

// checkSafely checks the types of a hunt; a defect of the check is a
// diagnostic.
func checkSafely(s *schema.Schema, h *ir.Hunt) (diags diag.List) {
	defer func() {
		if v := recover(); v != nil {
			diags = diag.List{defect(h.At(), v)}
		}
	}()
	return s.Check(h)
}

// lower compiles one hunt to one target and judges the result. A defect of a
// backend, or of huntc where it words the result, does not end the batch.
func (b *builder) lower(o *Output, s source, h *ir.Hunt, be backends.Backend, occurs []bool) {
	defer func() {
		if v := recover(); v != nil {
			*o = Output{Target: o.Target, Status: Failed, Fidelity: ir.Unsupported, Diagnostics: diag.List{defect(h.At(), v)}}
		}
	}()
	art := be.Compile(h)
	o.Diagnostics = art.Diagnostics
	for i, d := range o.Diagnostics {
		if d.Code == codeNoDataset {
			o.Diagnostics[i].Hint = b.sourceHint(h, d)
		}
	}
	if art.Diagnostics.HasErrors() {
		o.Status = Unsupported
		for _, d := range art.Diagnostics {
			if d.Severity == diag.Error && !strings.HasPrefix(string(d.Code), "HC03") {
				o.Status = Failed
			}
		}
		o.Diagnostics.Sort()
		return
	}
	o.Fidelity = ir.Verdict(art.Reasons)
	if b.opts.Logical {
		o.Reasons = art.Reasons
	}
	o.Form, o.FormReason = art.Form, art.FormReason
	o.Status = OK
	b.deployment(o, h, be, art)
	allowed := func(code diag.Code, at diag.Pos) bool {
		found := slices.ContainsFunc(h.Inherited, func(i ir.Inherited) bool { return i.Covers(code, at) })
		found = found || b.opts.Config != nil && slices.Contains(b.opts.Config.Allow, code)
		for i, a := range h.Allow {
			if a.Code == code {
				occurs[i] = true
				found = true
			}
		}
		return found
	}
	for i, d := range o.Diagnostics {
		if d.Severity == diag.Warning && allowed(d.Code, d.Pos) {
			o.Diagnostics[i].Severity, o.Diagnostics[i].Hint = diag.Info, isAllowed
		}
	}
	for _, r := range art.Reasons {
		severity := diag.Warning
		switch {
		case allowed(r.Code, r.Pos):
			severity = diag.Info
		case b.opts.RequireExact:
			severity = diag.Error
		}
		if severity == diag.Error {
			o.Status = Failed
		}
		hint := cmp.Or(r.Hint, fmt.Sprintf("If that is acceptable, write allow: [%s] in the document's hunt block.", r.Code))
		if severity == diag.Info {
			hint = isAllowed
		}
		o.Diagnostics = append(o.Diagnostics, diag.Diagnostic{Span: r.Span, Severity: severity, Code: r.Code, Message: r.Message, Hint: hint})
	}
	o.Diagnostics.Sort()
	if o.Status == OK {
		o.Query = art.Query
		o.Header = be.Comment(header(s, h, o, art.Reasons))
	}
}

const isAllowed = "This is allowed, by the document's hunt block or the project's settings."

// header is what a compiled query's file says about where it comes from. It
// names no line of the document and no folder above the tree, so that the
// file changes only when the query or its verdict does.
func header(s source, h *ir.Hunt, o *Output, reasons []ir.Reason) []string {
	line := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	lines := []string{line(h.Meta.Title)}
	if h.Meta.ID != "" {
		lines = append(lines, "id: "+line(h.Meta.ID))
	}
	lines = append(lines, "source: "+s.rel)
	form := "form: " + string(o.Form)
	if o.FormReason != "" {
		form += " (" + line(o.FormReason) + ")"
	}
	lines = append(lines, form, "fidelity: "+string(o.Fidelity))
	var said []string
	for _, r := range reasons {
		text := fmt.Sprintf("  %s %s: %s", r.Code, r.Effect, line(r.Message))
		if !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	slices.Sort(said)
	return append(lines, said...)
}

const reportDefect = "This is a defect of huntc: please report it together with the document and the output of \"huntc version\"."

// defect turns a panic into a diagnostic. It names the place in huntc's own
// source, which is the same on every run, and not the stack, which is not.
func defect(at diag.Span, v any) diag.Diagnostic {
	where := ""
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			where = fmt.Sprintf(" (%s:%d)", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
			break
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			break
		}
	}
	var l diag.List
	l.Errorf(codeInternal, at, reportDefect, "huntc failed on this document: %v%s", v, where)
	return l[0]
}
