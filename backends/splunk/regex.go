package splunk

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// patternsRegexp is the regular expression that matches what one of the
// patterns matches as a whole. The end is \z, because $ also stands before a
// newline that ends the text.
func patternsRegexp(any []ir.Pattern, cased bool) string {
	var b strings.Builder
	dotAll := false
	for i, p := range any {
		if i > 0 {
			b.WriteByte('|')
		}
		dotAll = writePattern(&b, p) || dotAll
	}
	flags := ""
	if !cased {
		flags = "i"
	}
	if dotAll {
		flags += "s"
	}
	if flags == "" {
		return b.String()
	}
	return "(?" + flags + ")" + b.String()
}

// writePattern reports whether it wrote a dot, which has to match newlines.
func writePattern(b *strings.Builder, p ir.Pattern) (dot bool) {
	parts := p.Parts
	open := len(parts) > 0 && parts[0].Wild == ir.Many
	if open {
		parts = parts[1:]
	} else {
		b.WriteByte('^')
	}
	closed := true
	if n := len(parts); n > 0 && parts[n-1].Wild == ir.Many {
		parts, closed = parts[:n-1], false
	} else if open && n == 0 {
		closed = false // the pattern is a lone *
	}
	for _, part := range parts {
		switch part.Wild {
		case ir.Many:
			b.WriteString(".*")
			dot = true
		case ir.One:
			b.WriteByte('.')
			dot = true
		default:
			quoteText(b, part.Text)
		}
	}
	if closed {
		b.WriteString(`\z`)
	}
	return dot
}

// quoteText writes a text for a regular expression. What spl cannot put into a
// string is written as a hexadecimal escape.
func quoteText(b *strings.Builder, s string) {
	for _, r := range s {
		switch {
		case strings.ContainsRune(`\.+*?()|[]{}^$`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '`' || unicode.IsControl(r):
			writeHex(b, r)
		default:
			b.WriteRune(r)
		}
	}
}

func writeHex(b *strings.Builder, r rune) {
	if r > 0xff {
		fmt.Fprintf(b, `\x{%x}`, r)
		return
	}
	fmt.Fprintf(b, `\x%02x`, r)
}

// portable rewrites a regular expression so that spl can write it: control
// characters and runs of backticks become escapes. It reports false where it
// cannot.
func portable(source string) (string, bool) {
	if spl.Expressible(source) == nil {
		return source, true
	}
	if !utf8.ValidString(source) || strings.Contains(source, `\Q`) {
		return "", false
	}
	var b strings.Builder
	escaped := false
	for _, r := range source {
		if unicode.IsControl(r) || r == '`' {
			if escaped {
				// the backslash before it is already written and makes the escape
				fmt.Fprintf(&b, `x%02x`, r)
				escaped = false
				continue
			}
			writeHex(&b, r)
			continue
		}
		escaped = r == '\\' && !escaped
		b.WriteRune(r)
	}
	return b.String(), true
}

// minLiteral is the length from which a text that a regular expression implies
// is worth a wildcard term in front of it.
const minLiteral = 3

// implied are texts of which every match of the regular expression holds one,
// ignoring case; none if nothing useful is known.
func implied(source string) []string {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	texts := literals(re.Simplify())
	for _, s := range texts {
		if len(s) < minLiteral {
			return nil
		}
	}
	if len(texts) > 20 {
		return nil
	}
	return texts
}

// literals finds the alternatives for re; nil if re may match without any.
func literals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		s := strings.ToLower(string(re.Rune))
		for _, r := range s {
			// Beyond ASCII, Splunk's notion of case may differ from a regular
			// expression's: K (U+212A) folds to k.
			if r >= utf8.RuneSelf || r < ' ' || r == '*' || r == '`' {
				return nil
			}
		}
		if re.Flags&syntax.FoldCase != 0 && strings.ContainsAny(s, "sk") {
			// (?i)s also matches U+017F and (?i)k U+212A.
			return longestWithout(s, "sk")
		}
		return []string{s}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if l := literals(sub); l != nil && (best == nil || shortest(l) > shortest(best)) {
				best = l
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			l := literals(sub)
			if l == nil {
				return nil
			}
			all = append(all, l...)
		}
		return all
	}
	return nil
}

func longestWithout(s, cut string) []string {
	best := ""
	for _, piece := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(cut, r) }) {
		if len(piece) > len(best) {
			best = piece
		}
	}
	if best == "" {
		return nil
	}
	return []string{best}
}

func shortest(list []string) int {
	n := len(list[0])
	for _, s := range list[1:] {
		n = min(n, len(s))
	}
	return n
}
