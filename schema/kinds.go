package schema

import (
	"cmp"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/ir"
)

// path sends patterns that are about the file name to the column of the file
// name, the others to that of the path.
func (l *leaf) path(patterns []ir.Pattern) ir.Expr {
	var files, paths []ir.Pattern
	for _, p := range patterns {
		if file, ok := fileName(p); ok && l.c.File != "" {
			files = append(files, file)
			continue
		}
		if l.c.Name == "" {
			l.drop(p, codePart, l.where()+" keeps only the file name, not its folder",
				`Compare with the file name alone: |endswith: '\name.exe'.`)
			continue
		}
		paths = append(paths, p)
	}
	var any []ir.Expr
	if len(files) > 0 {
		any = append(any, l.plain(l.stored(l.f.Span, l.c.File), files))
	}
	if len(paths) > 0 {
		any = append(any, l.plain(l.stored(l.f.Span, l.c.Name), paths))
	}
	return or(l, any)
}

func or(l *leaf, any []ir.Expr) ir.Expr {
	any = slices.DeleteFunc(any, func(e ir.Expr) bool { return e == nil })
	if len(any) == 0 {
		return nil
	}
	return ir.NewLogic(l.at, ir.Or, any...)
}

// account compares DOMAIN\name with the columns of its halves.
func (l *leaf) account(patterns []ir.Pattern) ir.Expr {
	var names, domains []ir.Pattern
	var any []ir.Expr
	name := l.stored(l.f.Span, l.c.Name)
	if !l.domains() {
		return l.plain(name, patterns)
	}
	for _, p := range patterns {
		split := slices.DeleteFunc(splitLast(p, '\\'), func(h halves) bool { return hasText(h.left, `\`) })
		if len(split) == 0 {
			names = append(names, p)
			if s, literal := p.Literal(); !(literal && (s == "" || s == "-")) {
				l.r.reason(p, codeHalf, ir.Over, l.neg, "", "%s names an account without its domain, so accounts of that name in any domain are compared", l.f.Name)
			}
			continue
		}
		for _, h := range split {
			switch {
			case isAny(h.left):
				names = append(names, h.right)
			case l.c.Domain == "" && isAny(h.right):
				l.drop(p, codePart, l.where()+" keeps only the name of an account, not its domain",
					"Compare with the name behind the backslash.")
			case l.c.Domain == "":
				names = append(names, h.right)
				l.r.reason(p, codeHalf, ir.Over, l.neg, "", "%s keeps only the name of an account, so the domain of %s is not compared", l.where(), l.f.Name)
			case isAny(h.right):
				domains = append(domains, h.left)
			default:
				any = append(any, ir.NewLogic(p.Span, ir.And,
					&ir.Match{Span: p.Span, X: l.note(l.stored(l.f.Span, l.c.Domain)), Any: []ir.Pattern{h.left}, Cased: l.cased},
					l.plain(name, []ir.Pattern{h.right})))
			}
		}
	}
	if len(names) > 0 {
		any = append(any, l.plain(name, names))
	}
	if len(domains) > 0 {
		any = append(any, l.plain(l.stored(l.f.Span, l.c.Domain), domains))
	}
	return or(l, any)
}

// domains reports whether accounts are DOMAIN\name: those of Linux and macOS
// are names alone.
func (b *base) domains() bool {
	return b.scan.Source.Product != "linux" && b.scan.Source.Product != "macos"
}

func hasText(p ir.Pattern, s string) bool {
	return slices.ContainsFunc(p.Parts, func(part ir.Part) bool { return part.Wild == ir.Text && strings.Contains(part.Text, s) })
}

// defaultValue is Sysmon's name for the value of a key that has no name.
// Defender's column is empty for it, or has the same name.
const defaultValue = "(Default)"

// registry compares key\value with the columns of its halves.
func (l *leaf) registry(patterns []ir.Pattern) ir.Expr {
	key, value := l.stored(l.f.Span, l.c.Key), l.stored(l.f.Span, l.c.Value)
	var keys, values []ir.Pattern
	var any []ir.Expr
	on := func(f *ir.Field, list []ir.Pattern) ir.Expr {
		return &ir.Match{Span: l.at, X: l.note(f), Any: dedupe(list, l.cased), Cased: l.cased}
	}
	for _, p := range patterns {
		keyAlone := l.c.KeyAlone
		for _, h := range splitLast(p, '\\') {
			lefts := l.respell([]ir.Pattern{h.left})
			rights := []ir.Pattern{h.right}
			if matches(h.right, defaultValue) && !isAny(h.right) {
				// Published queries look for both; Microsoft documents neither.
				rights = append(rights, ir.TextPattern(p.Span, ""))
				if l.c.KeyAlone {
					l.r.reason(p, codeColumn, ir.Over, l.neg, "", "%s is empty for the nameless value of a key and for the key itself, so both are compared", l.c.Value)
				}
			}
			switch {
			case isAny(h.right) && isAny(h.left):
				return ir.True(l.at)
			case isAny(h.right):
				keys = append(keys, lefts...)
				keyAlone = keyAlone && !h.left.Equal(p)
			case isAny(h.left):
				values = append(values, rights...)
			default:
				any = append(any, ir.NewLogic(p.Span, ir.And, on(key, lefts), on(value, rights)))
			}
		}
		if keyAlone {
			whole := l.respell([]ir.Pattern{p})
			any = append(any, ir.NewLogic(p.Span, ir.And, on(key, whole), on(value, []ir.Pattern{ir.TextPattern(p.Span, "")})))
		}
	}
	if len(keys) > 0 {
		any = append(any, on(key, keys))
	}
	if len(values) > 0 {
		any = append(any, on(value, values))
	}
	if len(any) == 0 {
		// Nothing splits: a key or value name without a backslash.
		return ir.False(l.at)
	}
	return or(l, merge(l, any))
}

// merge joins the pairs key x value that share one half:
// (K1 and V) or (K2 and V) is (K1 or K2) and V.
func merge(l *leaf, any []ir.Expr) []ir.Expr {
	type pair struct{ k, v *ir.Match }
	var pairs []pair
	var rest []ir.Expr
	for _, e := range any {
		if and, ok := e.(*ir.Logic); ok && and.Op == ir.And && len(and.Args) == 2 {
			k, kok := and.Args[0].(*ir.Match)
			v, vok := and.Args[1].(*ir.Match)
			if kok && vok {
				pairs = append(pairs, pair{k, v})
				continue
			}
		}
		rest = append(rest, e)
	}
	join := func(a, b *ir.Match) *ir.Match {
		return &ir.Match{Span: l.at, X: a.X, Any: dedupe(slices.Concat(a.Any, b.Any), a.Cased), Cased: a.Cased}
	}
	same := func(a, b *ir.Match) bool { return ir.FormatExpr(a) == ir.FormatExpr(b) }
	var out []pair
	for _, p := range pairs {
		i := slices.IndexFunc(out, func(o pair) bool { return same(o.k, p.k) })
		if i >= 0 {
			out[i].v = join(out[i].v, p.v)
			continue
		}
		out = append(out, p)
	}
	pairs, out = out, nil
	for _, p := range pairs {
		i := slices.IndexFunc(out, func(o pair) bool { return same(o.v, p.v) })
		if i >= 0 {
			out[i].k = join(out[i].k, p.k)
			continue
		}
		out = append(out, p)
	}
	merged := make([]ir.Expr, 0, len(out)+len(rest))
	for _, p := range out {
		merged = append(merged, ir.NewLogic(l.at, ir.And, p.k, p.v))
	}
	return append(merged, rest...)
}

var (
	// Sysmon: DWORD (0x00000001), QWORD (0x00000000-0x00000001).
	dword = regexp.MustCompile(`(?i)^(?:DWORD )?\(?0x([0-9a-f]{8})\)?$`)
	// notationPart is a part of that notation, which cannot be translated.
	notationPart = regexp.MustCompile(`(?i)^\**[DQ]WORD|BINARY DATA|\(0x|0x[0-9a-f]{4,7}\W*$|0x[0-9a-f]{0,7}\*`)
	qword        = regexp.MustCompile(`(?i)^(?:QWORD )?\(?0x([0-9a-f]{8})-0x([0-9a-f]{8})\)?$`)
)

// registryData translates Sysmon's notation of numbers into the column's.
func (l *leaf) registryData(patterns []ir.Pattern) ir.Expr {
	var out, texts []ir.Pattern
	var any []ir.Expr
	for _, p := range patterns {
		shape, s := p.Shape()
		if shape == ir.ShapeGlob {
			s = p.String()
		}
		var value string
		whole := shape == ir.ShapeExact || strings.Contains(strings.ToUpper(s), "WORD")
		if l.c.Notation == "hex" && !whole {
			// A part of a text that the column holds as it is.
		} else if m := dword.FindStringSubmatch(s); m != nil && shape != ir.ShapeGlob {
			value = l.notation("0x"+strings.ToLower(m[1]), m[1])
		} else if m := qword.FindStringSubmatch(s); m != nil && shape != ir.ShapeGlob {
			value = l.notation("0x"+strings.ToLower(m[1])+"-0x"+strings.ToLower(m[2]), m[1]+m[2])
		} else if typ := dataType(shape, s); typ != "" && l.c.ValueType != "" {
			any = append(any, &ir.Match{Span: p.Span, X: l.note(l.stored(p.Span, l.c.ValueType)), Any: []ir.Pattern{ir.TextPattern(p.Span, typ)}})
			continue
		} else if notationPart.MatchString(s) && (whole || l.c.Notation != "hex") {
			l.drop(p, codeNotation, "Sysmon's notation "+strconv.Quote(p.String())+" is not what "+l.c.Name+" holds",
				"Compare with a whole value, such as DWORD (0x00000001).")
			continue
		}
		if value != "" && !whole {
			l.r.reason(p, codeNotation, ir.Under, l.neg, "Compare with the whole value, such as DWORD (0x00000001).",
				"%s holds numbers without Sysmon's notation, so %q is taken for the number alone", l.c.Name, p.String())
		}
		if value == "" {
			sysmon, stored := l.matchesNumbers(p)
			switch {
			case stored && !sysmon && l.c.ValueType != "":
				texts = append(texts, p)
				continue
			case stored || sysmon:
				effect := ir.Mixed
				if !stored {
					effect = ir.Under
				} else if !sysmon {
					effect = ir.Over
				}
				l.r.reason(p, codeNotation, effect, l.neg, "Compare with a whole value, such as DWORD (0x00000001).",
					"%s holds numbers without Sysmon's notation, of which %q may match a part", l.c.Name, p.String())
			}
			out = append(out, p)
			continue
		}
		out = append(out, ir.TextPattern(p.Span, value))
	}
	// What matches the column's numbers, and not Sysmon's, is about texts.
	texts = slices.DeleteFunc(texts, func(p ir.Pattern) bool { return slices.ContainsFunc(out, p.Equal) })
	if len(texts) > 0 {
		any = append(any, ir.NewLogic(l.at, ir.And, l.plain(l.stored(l.f.Span, l.c.Name), texts), &ir.Not{Span: l.at, X: &ir.Match{
			Span: l.at, X: l.note(l.stored(l.at, l.c.ValueType)),
			Any: []ir.Pattern{ir.TextPattern(l.at, "Dword"), ir.TextPattern(l.at, "Qword")}}}))
	}
	if len(out) > 0 {
		any = append(any, l.plain(l.stored(l.f.Span, l.c.Name), out))
	}
	return or(l, any)
}

// numberForms are numbers in the registry as Sysmon and as a column of each
// notation writes them: 9 stands for any digit, and F for a hexadecimal one.
var numberForms = map[string][]string{
	"":        {"DWORD (0xFFFFFFFF)", "QWORD (0xFFFFFFFF-0xFFFFFFFF)"},
	"hex":     {"0xFFFFFFFF", "0xFFFFFFFF-0xFFFFFFFF"},
	"decimal": decimals(20),
}

func decimals(most int) []string {
	out := make([]string, most)
	for i := range out {
		out[i] = strings.Repeat("9", i+1)
	}
	return out
}

// fitsForm reports whether a character can stand where the form of a number has
// another.
func fitsForm(c, form rune) bool {
	digit := '0' <= c && c <= '9'
	switch form {
	case '9':
		return digit
	case 'F':
		return digit || 'a' <= c|0x20 && c|0x20 <= 'f'
	}
	return sameLetter(c, form)
}

// matchesNumbers reports whether a pattern matches some number as Sysmon writes
// it, and some number as the column does. It is neither for a pattern that
// matches the one where it matches the other.
func (l *leaf) matchesNumbers(p ir.Pattern) (sysmon, stored bool) {
	shape, s := p.Shape()
	if l.c.Notation == "hex" && shape == ir.ShapeContains && !strings.EqualFold(s, "d") && strings.Trim(s, "0123456789abcdefABCDEFxX-") == "" {
		return false, false // what Sysmon writes around it is D, W, O, R, Q, space, ( and )
	}
	some := func(notation string) bool {
		return slices.ContainsFunc(numberForms[notation], func(form string) bool { return matchesBy(p, form, fitsForm) })
	}
	return some(""), some(cmp.Or(l.c.Notation, "decimal"))
}

// dataType recognises patterns that ask for the type of the data only: DWORD*,
// *Binary Data*. It is "" for others.
func dataType(shape ir.Shape, s string) string {
	if shape == ir.ShapeGlob || shape == ir.ShapeSuffix {
		return ""
	}
	switch strings.ToUpper(s) {
	case "BINARY DATA":
		return "Binary"
	case "DWORD", "DWORD ", "DWORD (", "DWORD (0X":
		if shape != ir.ShapeExact {
			return "Dword"
		}
	case "QWORD", "QWORD ", "QWORD (", "QWORD (0X":
		if shape != ir.ShapeExact {
			return "Qword"
		}
	}
	return ""
}

func (l *leaf) notation(hexadecimal, digits string) string {
	if l.c.Notation == "hex" {
		return hexadecimal
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return ""
	}
	var n uint64
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return strconv.FormatUint(n, 10)
}

var (
	hashPair = regexp.MustCompile(`(?i)^,?\s*(MD5|SHA1|SHA256|IMPHASH)=([0-9a-f]*),?$`)
	bareHash = regexp.MustCompile(`(?i)^[0-9a-f]+$`)
	// hashLength is the number of hexadecimal digits of each algorithm.
	hashLength = map[string]int{"MD5": 32, "SHA1": 40, "SHA256": 64, "IMPHASH": 32}
)

// hashes compares ALG=hex with the column of the algorithm.
func (l *leaf) hashes(patterns []ir.Pattern) ir.Expr {
	if len(l.c.Algorithms) == 0 {
		return l.plain(l.stored(l.f.Span, l.c.Name), patterns)
	}
	byAlgorithm := map[string][]ir.Pattern{}
	for _, p := range patterns {
		shape, s := p.Shape()
		alg, digits := "", ""
		if m := hashPair.FindStringSubmatch(s); m != nil && shape != ir.ShapeGlob {
			alg, digits = strings.ToUpper(m[1]), m[2]
		} else if bareHash.MatchString(s) && shape != ir.ShapeGlob {
			for _, a := range []string{"MD5", "SHA1", "SHA256"} {
				if len(s) == hashLength[a] {
					alg, digits = a, s
				}
			}
			if alg == "MD5" && l.c.Algorithms["IMPHASH"] == "" {
				l.r.reason(p, codeColumn, ir.Under, l.neg, "", "a hash of 32 digits may also be an import hash, which %s does not record", l.where())
			}
		}
		column := l.c.Algorithms[alg]
		switch {
		case alg == "":
			l.drop(p, codeNoValue, strconv.Quote(p.String())+" is not a hash with its algorithm, such as SHA256=...",
				"Write the algorithm, an equals sign and the digits.")
		case column == "":
			l.drop(p, codeNoColumn, l.where()+" has no "+alg, "Add a hash of another algorithm of the same file: MD5, SHA1 or SHA256.")
		case len(digits) == hashLength[alg]:
			byAlgorithm[alg] = append(byAlgorithm[alg], ir.TextPattern(p.Span, digits))
		default:
			q := ir.TextPattern(p.Span, digits)
			q.Append(ir.Part{Wild: ir.Many})
			byAlgorithm[alg] = append(byAlgorithm[alg], q)
		}
	}
	var any []ir.Expr
	for _, alg := range sortedKeys(byAlgorithm) {
		any = append(any, l.plain(l.stored(l.f.Span, l.c.Algorithms[alg]), byAlgorithm[alg]))
	}
	return or(l, any)
}

// within adds to a match on a computed value that the stored column which it is
// a part of has the value somewhere: it follows, and an index can look it up.
func (l *leaf) within(x ir.Expr, patterns []ir.Pattern) ir.Expr {
	if x == nil || l.c.Within == "" {
		return x
	}
	found := &ir.Match{Span: l.at, X: l.stored(l.f.Span, l.c.Within)}
	for _, p := range patterns {
		if len(p.Parts) == 0 {
			return x
		}
		q := ir.Pattern{Span: p.Span}
		q.Append(ir.Part{Wild: ir.Many})
		for _, part := range p.Parts {
			q.Append(part)
		}
		q.Append(ir.Part{Wild: ir.Many})
		found.Any = append(found.Any, q)
	}
	return ir.NewLogic(l.at, ir.And, found, x)
}
