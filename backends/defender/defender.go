package defender

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Backend compiles hunts to advanced-hunting queries. It is safe for
// concurrent use.
type Backend struct {
	schema *schema.Schema
	cache  foreignCache
}

// New makes a backend over a schema.
func New(s *schema.Schema) *Backend { return &Backend{schema: s} }

// Name is the target as the command line names it.
func (b *Backend) Name() string { return "defender" }

// Ext is the extension of a compiled query's file.
func (b *Backend) Ext() string { return ".kql" }

func (b *Backend) foreign(text string) foreignExpr { return b.cache.get(text) }

// Compile lowers a hunt to a query of one statement.
func (b *Backend) Compile(h *ir.Hunt) backends.Artifact {
	for _, n := range h.Natives {
		if n.Target == b.Name() {
			return b.native(n)
		}
	}
	res := b.schema.Resolve(h, schema.XDR)
	art := backends.Artifact{Form: backends.Table, Reasons: res.Reasons, Diagnostics: res.Diagnostics}
	if res.Diagnostics.HasErrors() {
		return art
	}
	q, diags := b.Plan(res.Query, res.Fields)
	art.Diagnostics = append(art.Diagnostics, diags...)
	if diags.HasErrors() {
		return art
	}
	checkRetention(h, q, &art.Diagnostics)
	b.checkDeployable(q, &art.Diagnostics)
	text := kql.Print(b.Lower(q)) + "\n"
	if len(text) > kql.MaxSize {
		at, hint := longest(q)
		art.Diagnostics.Errorf(codeSize, at, hint, "the query is %d bytes long; huntc writes at most %d, which it reads again", len(text), kql.MaxSize)
		return art
	}
	art.Query = text
	return art
}

// retention is how long advanced hunting keeps events
// (learn.microsoft.com/defender-xdr/advanced-hunting-overview).
const retention = 30 * 24 * time.Hour

// checkRetention warns of a hunt that looks further back than there are events.
func checkRetention(h *ir.Hunt, q ir.Query, diags *diag.List) {
	back := h.LookBack
	for _, s := range ir.Scans(q) {
		back = max(back, s.LookBack)
	}
	if back > retention {
		diags.Warnf(codeRetention, h, "Shorten \"hunt: window\" to 30d, or run the query where the events are kept longer.",
			"the hunt looks back %d days, and advanced hunting keeps events for 30: what lies before is not seen", int(back/(24*time.Hour)))
	}
}

// longest is what makes a query long, and what to do about it.
func longest(q ir.Query) (at diag.Node, hint string) {
	at, hint = q, "Split the hunt, or shorten its lists of values."
	most := 0
	ir.WalkQuery(q, func(q ir.Query) {
		j, ok := q.(*ir.Join)
		if !ok {
			return
		}
		if t, ok := j.Right.(*ir.Table); ok && len(t.Rows) > most {
			most = len(t.Rows)
			at, hint = j, "Take rows or columns out of the lookup "+t.Name+": in a query its texts are longer than in the file, by what has to be escaped."
		}
	})
	return at, hint
}

// checkDeployable notes at which stage the result loses the columns by which a
// custom detection finds the event and the device of a row.
func (b *Backend) checkDeployable(q ir.Query, diags *diag.List) {
	has := func(q ir.Query, name string) bool {
		_, _, ok := b.column(q, name)
		return ok
	}
	var lost []string
	for _, name := range []string{timestamp, deviceID, reportID} {
		stored := slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool { return has(s, name) })
		if stored && !has(q, name) {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return
	}
	stage := q
	for {
		in := ir.Inputs(stage)
		if len(in) == 0 || !slices.ContainsFunc(lost, func(name string) bool { return !has(in[0], name) }) {
			break
		}
		stage = in[0]
	}
	diags.Infof(codeDeploy, stage, "A hunt needs nothing. A detection keeps "+strings.Join(lost, ", ")+" of one event in each row: it filters events, and does not summarize them.",
		"from here on there is no %s, so Defender runs the query but cannot make a custom detection of it", strings.Join(lost, ", no "))
}

// native takes the author's own text as it is.
func (b *Backend) native(n *ir.Native) backends.Artifact {
	art := backends.Artifact{Form: backends.NativeTxt, Reasons: []ir.Reason{{
		Span: n.Span, Code: codeNative, Effect: ir.Opaque,
		Message: "the query for Defender is the document's own text, so what it finds is not checked",
	}}}
	q, diags := kql.Parse(n.Span.Pos.Filename, n.Text)
	for _, d := range diags {
		if d.Severity == diag.Error {
			art.Diagnostics.Warnf(codeSyntax, n, d.Hint, "line %d of the native query: %s", d.Pos.Line, d.Message)
		}
	}
	if q != nil && !diags.HasErrors() {
		b.checkNames(n, q, &art.Diagnostics)
	}
	art.Query = strings.TrimRight(n.Text, " \t\r\n") + "\n"
	return art
}

// checkNames warns of tables and columns that Defender does not have, as far as
// the query is understood.
func (b *Backend) checkNames(n *ir.Native, q *kql.Query, diags *diag.List) {
	known := true
	let := func(name string) bool {
		return slices.ContainsFunc(q.Lets, func(l *kql.Let) bool { return l.Name == name })
	}
	kql.Walk(q, func(node diag.Node) bool {
		if t, ok := node.(*kql.Table); ok && !let(t.Name) && b.schema.Table(schema.XDR, t.Name) == nil {
			known = false
			diags.Warnf(codeNative, n, diag.DidYouMean(t.Name, schema.Tables(schema.XDR)),
				"line %d of the native query: Defender has no table %s", t.Pos.Line, t.Name)
		}
		return true
	})
	if !known {
		return
	}
	lifted, _ := b.Lift(q)
	if lifted == nil {
		return
	}
	_, found := b.Plan(lifted, nil)
	for _, d := range found {
		if d.Code == codeColumn {
			diags.Warnf(codeNative, n, d.Hint, "line %d of the native query: %s", d.Pos.Line, d.Message)
		}
	}
}

// Comment renders lines as a comment. Whatever could end a line or hide text
// becomes a space.
func (b *Backend) Comment(lines []string) string {
	var out strings.Builder
	out.Grow(512)
	for _, line := range lines {
		clean := strings.TrimRight(strings.Map(func(r rune) rune {
			if ' ' <= r && r < 0x7f {
				return r
			}
			if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf) || r == unicode.ReplacementChar {
				return ' '
			}
			return r
		}, line), " ")
		out.WriteString("//")
		if clean != "" {
			out.WriteString(" " + clean)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
