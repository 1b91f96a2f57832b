package sigma

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// maxVariants limits what windash and expand make of one value.
const maxVariants = 5 * 5 * 5 * 5 * 5

// itemContext is the left side of an entry.
type itemContext struct {
	field *ir.Field // nil for keywords
	key   diag.Span
	chain *chain
	list  bool // the values are written as a list
}

// itemValues reads the values of an entry and joins them.
func (d *detection) itemValues(c *itemContext, at *yaml.Node, nodes []*yaml.Node) ir.Expr {
	ch := c.chain
	span := c.key
	if ch.all && len(nodes) < 2 {
		d.diags.Errorf(codeAllSingle, c.key, "Remove \"all\", or give more values.", "\"all\" joins several values, and there is one")
		return nil
	}
	if c.field == nil && !d.keywordAllowed(c) {
		return nil
	}
	var args []ir.Expr
	var patterns []ir.Pattern
	cased := ch.cased || ch.encoded
	flush := func(end diag.Pos) {
		if len(patterns) == 0 {
			return
		}
		at := diag.Span{Pos: patterns[0].Pos, EndPos: end}
		if c.field == nil {
			for _, p := range patterns {
				args = append(args, &ir.Keyword{Span: p.Span, Pattern: p, Cased: cased})
			}
		} else {
			args = append(args, &ir.Match{Span: at, X: c.field, Any: patterns, Cased: cased})
		}
		patterns = nil
	}
	ok := true
	for _, n := range nodes {
		n = resolve(n)
		vspan := d.src.span(n)
		span.EndPos = vspan.EndPos
		if n.Kind != yaml.ScalarNode {
			d.diags.Errorf(codeValueShape, vspan, "Write the values as one list.", "a list of values cannot hold %s", kindOf(n))
			ok = false
			continue
		}
		switch tag := n.ShortTag(); tag {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
		default:
			d.diags.Errorf(codeValueType, vspan, "Remove the tag and write the value as text or number.", "the YAML tag %q has no meaning for a value", tag)
			ok = false
			continue
		}
		if ch.kind == modText && isStringValue(c, n) {
			if patterns == nil && !ch.all {
				patterns = make([]ir.Pattern, 0, len(nodes))
			}
			before := len(patterns)
			out, good := d.patterns(c, n, vspan, patterns)
			if !good {
				ok = false
				continue
			}
			patterns = out
			if ch.all {
				if c.field == nil {
					variants := make([]ir.Expr, 0, len(patterns))
					for _, p := range patterns {
						variants = append(variants, &ir.Keyword{Span: p.Span, Pattern: p, Cased: cased})
					}
					args = append(args, ir.NewLogic(vspan, ir.Or, variants...))
					patterns = nil
				} else {
					flush(vspan.EndPos)
				}
			} else if len(patterns) == before && before == 0 {
				patterns = nil // a template's list without entries
			}
			continue
		}
		flushed := d.value(c, n, vspan)
		if flushed == nil {
			ok = false
			continue
		}
		flush(vspan.Pos)
		args = append(args, flushed)
	}
	flush(span.EndPos)
	if !ok {
		return nil
	}
	op := ir.Or
	if ch.all {
		op = ir.And
	}
	if len(args) == 1 && len(nodes) > 0 {
		if m, isMatch := args[0].(*ir.Match); isMatch {
			m.Span = span
		}
	}
	x := ir.NewLogic(span, op, args...)
	if ch.neq {
		x = &ir.Not{Span: span, X: x}
	}
	return x
}

// keywordAllowed refuses modifiers that need a field.
func (d *detection) keywordAllowed(c *itemContext) bool {
	if c.chain.kind != modText {
		d.diags.Errorf(codeKeyword, c.key, "Name the field to look into.", "%q needs a field; keywords look through the whole event", c.chain.kindName())
		return false
	}
	for _, s := range c.chain.steps {
		if s == opStartsWith || s == opEndsWith {
			d.diags.Errorf(codeKeyword, c.key, "Name the field to look into, or remove the modifier.", "a keyword is looked for anywhere in the event; it has no start and no end to stand at")
			return false
		}
	}
	return true
}

// isStringValue reports whether a scalar is compared as text: a string, or
// anything but null where a modifier works on text or the whole event is searched.
func isStringValue(c *itemContext, n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!null":
		return false
	case "!!bool":
		return c.field == nil
	case "!!int", "!!float":
		return c.field == nil || len(c.chain.steps) > 0
	}
	return true
}

// hole is a part of a pattern that a placeholder fills; Text is its name.
const hole ir.Wild = 0xff

// patterns appends what one text value looks for.
func (d *detection) patterns(c *itemContext, n *yaml.Node, span diag.Span, to []ir.Pattern) ([]ir.Pattern, bool) {
	ch := c.chain
	if c.field == nil && n.Value == "" {
		d.diags.Errorf(codeKeyword, span, "Say what to look for.", "an empty keyword is in every event")
		return to, false
	}
	if len(ch.steps) == 0 || len(ch.steps) == 1 && ch.steps[0] <= opEndsWith {
		op := opNone
		if len(ch.steps) == 1 && c.field != nil {
			op = ch.steps[0]
		}
		return append(to, ir.Pattern{Span: span, Parts: placed(op, n.Value)}), true
	}
	values := [][]ir.Part{sigmaParts(nil, n.Value, ch.expand)}
	for _, step := range ch.steps {
		var ok bool
		if values, ok = d.step(c, step, values, span); !ok {
			return to, false
		}
	}
	for _, v := range values {
		to = append(to, ir.Pattern{Span: span, Parts: v})
	}
	return to, true
}

// placed parses a value and puts wildcards around it.
func placed(op textOp, v string) []ir.Part {
	p := ir.Pattern{Parts: make([]ir.Part, 0, 3)}
	if op == opContains || op == opEndsWith {
		p.Append(ir.Part{Wild: ir.Many})
	}
	p.Parts = sigmaParts(p.Parts, v, false)
	if op == opContains || op == opStartsWith {
		p.Append(ir.Part{Wild: ir.Many})
	}
	if len(p.Parts) == 0 {
		return nil
	}
	return p.Parts
}

// sigmaParts appends the parts of a Sigma string: * and ? are wildcards; a
// backslash takes its meaning from * and ?, and a pair of backslashes is one.
// With expand, %name% is a hole and \% a percent sign.
func sigmaParts(to []ir.Part, v string, expand bool) []ir.Part {
	p := ir.Pattern{Parts: to}
	if !expand && strings.IndexByte(v, '*') < 0 && strings.IndexByte(v, '?') < 0 && !strings.Contains(v, `\\`) {
		p.Append(ir.Part{Text: v})
		return p.Parts
	}
	var text strings.Builder
	flush := func() {
		p.Append(ir.Part{Text: text.String()})
		text.Reset()
	}
	for i := 0; i < len(v); i++ {
		switch b := v[i]; {
		case b == '\\' && i+1 < len(v) && (v[i+1] == '\\' || v[i+1] == '*' || v[i+1] == '?' || expand && v[i+1] == '%'):
			i++
			text.WriteByte(v[i])
		case b == '*':
			flush()
			p.Append(ir.Part{Wild: ir.Many})
		case b == '?':
			flush()
			p.Append(ir.Part{Wild: ir.One})
		case b == '%' && expand:
			end := i + 1
			for end < len(v) && isNameByte(v[end]) {
				end++
			}
			if end == i+1 || end == len(v) || v[end] != '%' {
				text.WriteByte(b)
				break
			}
			flush()
			p.Parts = append(p.Parts, ir.Part{Wild: hole, Text: v[i+1 : end]})
			i = end
		default:
			text.WriteByte(b)
		}
	}
	flush()
	return p.Parts
}

func isNameByte(b byte) bool {
	return b == '_' || b == '-' || b == '.' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// step applies one modifier to all variants of a value.
func (d *detection) step(c *itemContext, step textOp, values [][]ir.Part, span diag.Span) ([][]ir.Part, bool) {
	switch step {
	case opContains, opStartsWith, opEndsWith:
		if c.field == nil {
			return values, true // a keyword is looked for anywhere as it is
		}
		for i, v := range values {
			p := ir.Pattern{Parts: make([]ir.Part, 0, len(v)+2)}
			if step != opStartsWith {
				p.Append(ir.Part{Wild: ir.Many})
			}
			for _, part := range v {
				p.Append(part)
			}
			if step != opEndsWith {
				p.Append(ir.Part{Wild: ir.Many})
			}
			values[i] = p.Parts
		}
		return values, true
	case opWindash:
		var out [][]ir.Part
		for _, v := range values {
			variants, ok := windash(v)
			if !ok {
				return nil, d.tooMany(span, "windash")
			}
			out = append(out, variants...)
		}
		return out, true
	case opExpand:
		var out [][]ir.Part
		for _, v := range values {
			filled, ok := d.expand(v, span)
			if !ok {
				return nil, false
			}
			if out = append(out, filled...); len(out) > maxVariants {
				return nil, d.tooMany(span, "expand")
			}
		}
		return out, true
	}
	var out [][]ir.Part
	for _, v := range values {
		text, ok := (ir.Pattern{Parts: v}).Literal()
		if !ok {
			d.diags.Errorf(codeEncode, span, "Encode a text without wildcards; \\* and \\? stand for the characters themselves.", "a wildcard cannot be encoded")
			return nil, false
		}
		encoded, message := encode(step, text)
		if message != "" {
			d.diags.Errorf(codeEncode, span, "Look for a longer text.", "%s", message)
			return nil, false
		}
		for _, e := range encoded {
			out = append(out, ir.TextPattern(span, e).Parts)
		}
	}
	return out, true
}

func (d *detection) tooMany(span diag.Span, what string) bool {
	d.diags.Errorf(codeVariants, span, "Split the value into several, joined by \"all\".", "%q makes more than %d values of this one", what, maxVariants)
	return false
}

// dashes are the characters that Windows programs take for the start of a flag.
var dashes = []string{"-", "/", "\u2013", "\u2014", "\u2015"}

// windash writes a value with every dash in front of a word (and not within
// one) as each of the dashes, in all combinations.
func windash(v []ir.Part) ([][]ir.Part, bool) {
	// Cut the texts at the dashes: pieces[i] stands before the i-th dash.
	var pieces [][]ir.Part
	cur := ir.Pattern{}
	for _, part := range v {
		if part.Wild != ir.Text {
			cur.Parts = append(cur.Parts, part)
			continue
		}
		from := 0
		prev := ' '
		for i, r := range part.Text {
			n := utf8.RuneLen(r)
			next, _ := utf8.DecodeRuneInString(part.Text[i+n:])
			if slices.Contains(dashes, string(r)) && !isWord(prev) && i+n < len(part.Text) && isWord(next) {
				cur.Append(ir.Part{Text: part.Text[from:i]})
				pieces = append(pieces, cur.Parts)
				cur, from = ir.Pattern{}, i+n
			}
			prev = r
		}
		cur.Append(ir.Part{Text: part.Text[from:]})
	}
	total := 1
	for range pieces {
		if total *= len(dashes); total > maxVariants {
			return nil, false
		}
	}
	out := make([][]ir.Part, 0, total)
	for i := range total {
		p := ir.Pattern{}
		div := total
		for _, piece := range pieces {
			div /= len(dashes)
			for _, part := range piece {
				p.Append(part)
			}
			p.Append(ir.Part{Text: dashes[i/div%len(dashes)]})
		}
		for _, part := range cur.Parts {
			p.Append(part)
		}
		out = append(out, p.Parts)
	}
	return out, true
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// encode is base64 and the encodings before it. The three variants of
// base64offset are what the value contributes to the base64 of a longer text,
// by its position modulo three: the characters that also depend on what
// stands before and behind are cut off.
func encode(step textOp, text string) (out []string, message string) {
	switch step {
	case opUTF16LE, opUTF16BE, opUTF16:
		var b []byte
		if step == opUTF16 {
			b = append(b, 0xff, 0xfe)
		}
		for _, u := range utf16.Encode([]rune(text)) {
			if step == opUTF16BE {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return []string{string(b)}, ""
	case opBase64:
		if text == "" {
			return nil, "an empty text has no base64"
		}
		return []string{base64.StdEncoding.EncodeToString([]byte(text))}, ""
	}
	head := [3]int{0, 2, 3}
	tail := [3]int{0, 3, 2}
	for i := range 3 {
		enc := base64.StdEncoding.EncodeToString([]byte("  "[:i] + text))
		from, to := head[i], len(enc)-tail[(len(text)+i)%3]
		if to <= from {
			return nil, "the text is too short to be recognised within base64"
		}
		out = append(out, enc[from:to])
	}
	return out, ""
}

// expand fills the holes of a value, in all combinations.
func (d *detection) expand(v []ir.Part, span diag.Span) ([][]ir.Part, bool) {
	out := [][]ir.Part{nil}
	for _, part := range v {
		fills := [][]ir.Part{{part}}
		if part.Wild == hole {
			var ok bool
			if fills, ok = d.placeholder(part.Text, span); !ok {
				return nil, false
			}
		}
		if len(out)*len(fills) > maxVariants {
			return nil, d.tooMany(span, "expand")
		}
		next := make([][]ir.Part, 0, len(out)*len(fills))
		for _, o := range out {
			for _, f := range fills {
				p := ir.Pattern{Parts: slices.Clone(o)}
				for _, part := range f {
					p.Append(part)
				}
				next = append(next, p.Parts)
			}
		}
		out = next
	}
	return out, true
}

// value reads one value that is not a text pattern.
func (d *detection) value(c *itemContext, n *yaml.Node, span diag.Span) ir.Expr {
	ch, tag := c.chain, n.ShortTag()
	at := diag.Span{Pos: c.key.Pos, EndPos: span.EndPos}
	wrong := func(want, hint string) ir.Expr {
		d.diags.Errorf(codeValueType, span, hint, "%s, and this is %s", want, kindOf(n))
		return nil
	}
	switch ch.kind {
	case modExists:
		if tag != "!!bool" || c.list {
			return wrong("\"exists\" takes true or false", "Write \"Field|exists: true\", without quotes.")
		}
		x := ir.Expr(&ir.Exists{Span: at, X: c.field})
		if !isTrue(n.Value) {
			x = &ir.Not{Span: at, X: x}
		}
		return x
	case modCompare, modPart:
		lit, ok := d.number(n, span)
		if !ok {
			return wrong("a comparison takes a number", "Write the number without quotes.")
		}
		x := ir.Expr(c.field)
		if ch.kind == modPart {
			whole, isInt := lit.Value.(int64)
			if !isInt || whole < partRange[ch.part][0] || whole > partRange[ch.part][1] {
				d.diags.Errorf(codeValueType, span, "", "a %s is a whole number from %d to %d", ch.part, partRange[ch.part][0], partRange[ch.part][1])
				return nil
			}
			x = &ir.Call{Span: c.field.Span, Func: ch.part, Args: []ir.Expr{c.field}}
		}
		return &ir.Compare{Span: at, Op: ch.op, L: x, R: lit}
	case modRegex:
		if tag == "!!null" || tag == "!!bool" {
			return wrong("a regular expression is text", "")
		}
		return d.regex(c, n, span)
	case modCIDR:
		if tag != "!!str" {
			return wrong("a network is text", "Write an address and a length, such as 10.0.0.0/8.")
		}
		return d.cidr(c, n, span)
	case modFieldRef:
		if tag != "!!str" || !d.checkField(n.Value, span) {
			return wrong("\"fieldref\" takes the name of a field", "")
		}
		y := &ir.Field{Span: span, Name: n.Value}
		for _, s := range ch.steps {
			kind := map[textOp]ir.FieldMatchKind{opContains: ir.FieldContains, opStartsWith: ir.FieldPrefix, opEndsWith: ir.FieldSuffix}[s]
			return &ir.FieldMatch{Span: at, X: c.field, Y: y, Kind: kind, Cased: ch.cased}
		}
		return &ir.Compare{Span: at, Op: ir.Eq, L: c.field, R: y, Cased: ch.cased}
	}
	switch tag {
	case "!!null":
		if c.field == nil {
			d.diags.Errorf(codeKeyword, span, "Say what to look for.", "a keyword cannot be null")
			return nil
		}
		if len(ch.steps) > 0 || ch.cased {
			return wrong("the modifiers of this field work on text", "\"Field: null\" without a modifier looks for events without the field.")
		}
		if c.list {
			d.diags.Infof(codeNullInList, span, "It is read as: the field is absent, or has one of the other values.", "Sigma has null alone, not in a list of values")
		}
		return &ir.Not{Span: at, X: &ir.Exists{Span: at, X: c.field}}
	case "!!bool":
		if len(ch.steps) > 0 {
			return wrong("the modifiers of this field work on text", "Quote the value if the text is meant.")
		}
		return &ir.Compare{Span: at, Op: ir.Eq, L: c.field, R: &ir.Lit{Span: span, Value: isTrue(n.Value)}}
	}
	lit, ok := d.number(n, span)
	if !ok {
		return &ir.Match{Span: at, X: c.field, Any: []ir.Pattern{ir.TextPattern(span, n.Value)}, Cased: ch.cased}
	}
	return &ir.Compare{Span: at, Op: ir.Eq, L: c.field, R: lit}
}

func isTrue(v string) bool { return strings.EqualFold(v, "true") }

// partRange is what the parts of a date range over.
var partRange = map[ir.FuncID][2]int64{
	ir.Minute: {0, 59}, ir.Hour: {0, 23}, ir.Day: {1, 31}, ir.Week: {1, 53}, ir.Month: {1, 12}, ir.Year: {1970, 9999},
}

// number reads a YAML number; not ok if it is none, or too large for one.
func (d *detection) number(n *yaml.Node, span diag.Span) (*ir.Lit, bool) {
	var value any
	var canonical string
	plain := strings.ReplaceAll(n.Value, "_", "")
	switch n.ShortTag() {
	case "!!int":
		i, err := strconv.ParseInt(plain, 0, 64)
		if err != nil {
			if len(n.Value) > 1 && (n.Value[0] == '0' || n.Value[0] == '-' || n.Value[0] == '+') {
				d.numberText(n, span)
			}
			return nil, false
		}
		value, canonical = i, strconv.FormatInt(i, 10)
	case "!!float":
		if isDigits(strings.TrimLeft(n.Value, "+-")) {
			return nil, false // too large a whole number; its text still says it
		}
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.numberText(n, span)
			return nil, false
		}
		value, canonical = f, strconv.FormatFloat(f, 'f', -1, 64)
	default:
		return nil, false
	}
	if canonical != n.Value {
		d.diags.Warnf(codeNumberText, span, "Quote the value if this very text is meant; otherwise write "+canonical+".",
			"YAML reads %s as the number %s", n.Value, canonical)
	}
	return &ir.Lit{Span: span, Value: value}, true
}

func (d *detection) numberText(n *yaml.Node, span diag.Span) {
	d.diags.Warnf(codeNumberText, span, "Quote the value.", "YAML takes %s for a number that cannot be kept; the text is compared instead", n.Value)
}

// cidr reads a network of either version of IP. An address alone is a network of one.
func (d *detection) cidr(c *itemContext, n *yaml.Node, span diag.Span) ir.Expr {
	texts := []string{n.Value}
	if c.chain.expand {
		values, ok := d.expand(sigmaParts(nil, n.Value, true), span)
		if !ok {
			return nil
		}
		texts = texts[:0]
		for _, v := range values {
			t, _ := (ir.Pattern{Parts: v}).Literal()
			texts = append(texts, t)
		}
	}
	args := make([]ir.Expr, 0, len(texts))
	for _, t := range texts {
		prefix, err := netip.ParsePrefix(t)
		if err != nil {
			addr, err := netip.ParseAddr(t)
			if err != nil || addr.Zone() != "" {
				d.diags.Errorf(codeCIDR, span, "Write an address and a length, such as 10.0.0.0/8 or 2001:db8::/32.", "%q is not a network", t)
				return nil
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix != prefix.Masked() {
			d.diags.Warnf(codeCIDRHost, span, "Write "+prefix.Masked().String()+", or a longer prefix if fewer addresses are meant.",
				"%s has bits set beyond its length; it is read as %s", t, prefix.Masked())
		}
		args = append(args, &ir.InCIDR{Span: diag.Span{Pos: c.key.Pos, EndPos: span.EndPos}, X: c.field, Prefix: prefix.Masked()})
	}
	return ir.NewLogic(span, ir.Or, args...)
}

// placeholder is what fills %name%: the document's own indicators, which are
// taken literally, else the repository's list, whose values are written as in
// a rule.
func (d *document) placeholder(name string, span diag.Span) ([][]ir.Part, bool) {
	for _, list := range d.iocs {
		if list.name == name {
			out := make([][]ir.Part, len(list.values))
			for i, v := range list.values {
				out[i] = ir.TextPattern(span, v.text).Parts
			}
			return out, true
		}
	}
	for _, p := range d.opts.Placeholders {
		if p.Name != name {
			continue
		}
		out := make([][]ir.Part, 0, len(p.Values))
		for _, v := range p.Values {
			out = append(out, sigmaParts(nil, v, false))
		}
		if len(out) == 0 {
			d.diags.Errorf(codePlaceholder, span, "Give it values in huntc.yaml.", "the placeholder %%%s%% has no values", name)
			return nil, false
		}
		return out, true
	}
	if d.template != nil {
		return nil, true // the template looks for nothing here
	}
	hint := fmt.Sprintf("Give it values: in huntc.yaml under \"placeholders\", or in the document, hunt: {iocs: {%s: […]}}.", name)
	var known []string
	for _, list := range d.iocs {
		known = append(known, list.name)
	}
	for _, p := range d.opts.Placeholders {
		known = append(known, p.Name)
	}
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf("Did you mean %%%s%%?", near)
	}
	d.diags.Errorf(codePlaceholder, span, hint, "the placeholder %%%s%% has no values", name)
	return nil, false
}
