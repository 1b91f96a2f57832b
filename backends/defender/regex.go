package defender

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// maxGroups is how many capturing groups Kusto allows in one expression.
const maxGroups = 16

// kustoRegexp rewrites a regular expression so that Kusto's engine, which has
// the syntax of Rust's regex crate, means by it what RE2 does:
//
//   - \d \w \s and their negations are Unicode there and ASCII in RE2, so they
//     are spelt out;
//   - [ && -- ~~ in a class are set operators there, \< and \> are word
//     boundaries, { is always a repetition, \Q...\E does not exist;
//   - more than 16 capturing groups are refused, so where there are more they
//     do not capture: what a predicate or the whole match does not need.
//
// \b stays: rustBoundaries deals with it. What the author wrote otherwise
// stays as it is. The error is a sentence without its subject; hint says what
// to do.
func kustoRegexp(src string) (out, hint string, err error) {
	parsed, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		why, hint := explainRegexp(err)
		return "", hint, errors.New(why)
	}
	r := regexpRewriter{in: src, groups: parsed.MaxCap() <= maxGroups}
	r.run()
	return r.out.String(), "", nil
}

// explainRegexp puts an error of Go's parser into the terms of an author who
// writes Perl-like expressions.
func explainRegexp(err error) (why, hint string) {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error(), "Mend the expression."
	}
	look := func() bool {
		return strings.HasPrefix(e.Expr, "(?=") || strings.HasPrefix(e.Expr, "(?!") || strings.HasPrefix(e.Expr, "(?<")
	}
	switch {
	case (e.Code == syntax.ErrInvalidPerlOp || e.Code == syntax.ErrInvalidNamedCapture || e.Code == syntax.ErrMissingParen) && look():
		return "looks ahead or behind (" + e.Expr + "), which Kusto's regular expressions cannot",
			"Say what must not be there in a selection of its own, and negate it in the condition."
	case e.Code == syntax.ErrInvalidPerlOp && strings.HasPrefix(e.Expr, "(?>"):
		return "has an atomic group, which Kusto's regular expressions lack", "Use a plain group: (?:...)."
	case e.Code == syntax.ErrInvalidEscape && len(e.Expr) == 2 && e.Expr[1] >= '1' && e.Expr[1] <= '9':
		return "refers back to a group (" + e.Expr + "), which Kusto's regular expressions cannot",
			"Spell out the alternatives that the group can hold."
	case e.Code == syntax.ErrInvalidRepeatOp:
		return "has two repetitions in a row (" + e.Expr + "); possessive repetition does not exist in Kusto",
			"Leave the second one out."
	case e.Code == syntax.ErrInvalidRepeatSize:
		return "repeats too often (" + e.Expr + "): 1000 times is the limit", "Lower the number."
	}
	return "is not valid: " + string(e.Code) + " in " + strconv.Quote(e.Expr), "Mend the expression."
}

type regexpRewriter struct {
	in     string
	i      int
	out    strings.Builder
	groups bool // capturing groups may stay
}

// rest is the input that is left.
func (r *regexpRewriter) rest() string { return r.in[r.i:] }

// copy moves n bytes of input to the output.
func (r *regexpRewriter) copy(n int) {
	r.out.WriteString(r.in[r.i : r.i+n])
	r.i += n
}

// put writes s in place of n bytes of input.
func (r *regexpRewriter) put(n int, s string) {
	r.out.WriteString(s)
	r.i += n
}

// The classes of RE2's \d, \s and \w, as they stand inside brackets.
const (
	digitSet = `0-9`
	spaceSet = `\t\n\f\r `
	wordSet  = `0-9A-Za-z_`
)

func perlSet(c byte) string {
	switch c {
	case 'd', 'D':
		return digitSet
	case 's', 'S':
		return spaceSet
	case 'w', 'W':
		return wordSet
	}
	return ""
}

func (r *regexpRewriter) run() {
	for r.i < len(r.in) {
		switch c := r.in[r.i]; c {
		case '\\':
			r.escape()
		case '[':
			r.class()
		case '{':
			if n := repetition(r.rest()); n > 0 {
				r.copy(n)
			} else {
				r.put(1, `\{`)
			}
		case '(':
			r.group()
		default:
			r.copy(1)
		}
	}
}

// escape handles a backslash outside of brackets.
func (r *regexpRewriter) escape() {
	if r.i+1 >= len(r.in) {
		r.copy(1)
		return
	}
	switch c := r.in[r.i+1]; {
	case c == 'Q':
		text := r.in[r.i+2:]
		n := strings.Index(text, `\E`)
		if n < 0 {
			r.put(2+len(text), regexp.QuoteMeta(text))
			return
		}
		r.put(2+n+2, regexp.QuoteMeta(text[:n]))
	case perlSet(c) != "" && c >= 'a':
		r.put(2, "["+perlSet(c)+"]")
	case perlSet(c) != "":
		r.put(2, "[^"+perlSet(c)+"]")
	default:
		n, text := r.plainEscape()
		r.put(n, text)
	}
}

// plainEscape is the escape at the current place that means the same inside
// and outside of brackets: its length, and how Kusto spells it.
func (r *regexpRewriter) plainEscape() (int, string) {
	s := r.rest()
	switch c := s[1]; {
	case c == '<' || c == '>':
		return 2, s[1:2]
	case c == 'p' || c == 'P':
		if len(s) > 2 && s[2] == '{' {
			n := strings.IndexByte(s, '}') + 1
			if name, ok := strings.CutPrefix(s[3:n-1], "^"); ok {
				return n, `\` + string(c^('p'^'P')) + `{` + name + `}`
			}
			return n, s[:n]
		}
		_, size := utf8.DecodeRuneInString(s[2:])
		return 2 + size, s[:2+size]
	case c == 'x':
		if strings.HasPrefix(s, `\x{`) {
			n := strings.IndexByte(s, '}') + 1
			return n, s[:n]
		}
		return 4, s[:4]
	case c >= '0' && c <= '7':
		n := 2
		for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[1:n], 8, 32)
		return n, `\x{` + strconv.FormatUint(v, 16) + `}`
	}
	_, size := utf8.DecodeRuneInString(s[1:])
	return 1 + size, s[:1+size]
}

// group handles an opening parenthesis.
func (r *regexpRewriter) group() {
	s := r.rest()
	named := strings.HasPrefix(s, "(?P<") || strings.HasPrefix(s, "(?<")
	switch {
	case named:
		open := strings.IndexByte(s, '<')
		end := strings.IndexByte(s, '>') + 1
		switch {
		case !r.groups:
			r.put(end, "(?:")
		case isDigit(s[open+1]):
			r.put(end, "(") // which keeps its number, and loses its name
		default:
			r.copy(end)
		}
	case !r.groups && !strings.HasPrefix(s, "(?"):
		r.put(1, "(?:")
	default:
		r.copy(1)
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// repetition is the length of a {n}, {n,} or {n,m} at the start of s, or 0.
func repetition(s string) int {
	i := 1
	number := func() bool {
		j := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		// RE2 takes a number with a leading zero for text.
		return i > j && (i-j == 1 || s[j] != '0')
	}
	if !number() {
		return 0
	}
	if i < len(s) && s[i] == ',' {
		i++
		if i < len(s) && s[i] != '}' && !number() {
			return 0
		}
	}
	if i < len(s) && s[i] == '}' {
		return i + 1
	}
	return 0
}

// class handles a bracketed class.
func (r *regexpRewriter) class() {
	end, negatedSet := classEnd(r.rest())
	if negatedSet {
		// A negated set inside brackets has no spelling that RE2 and Rust
		// share: list the ranges.
		r.put(end, spellClass(r.in[r.i:r.i+end]))
		return
	}
	stop := r.i + end - 1
	r.copy(1)
	if r.in[r.i] == '^' {
		r.copy(1)
	}
	for first := true; r.i < stop; first = false {
		s := r.rest()
		switch {
		case posixName(s) > 0:
			r.copy(posixName(s))
			continue
		case s[0] == '-' && !first && r.i+1 < stop:
			// A hyphen that is no range: RE2 reads [a-c-e] so only at the ends.
			r.put(1, `\-`)
			continue
		case s[0] == '-':
			if first && r.i+1 < stop && s[1] == '-' {
				break // a range that starts at the hyphen
			}
			r.put(1, `\-`)
			continue
		case s[0] == '\\' && perlSet(s[1]) != "":
			r.put(2, perlSet(s[1]))
			continue
		}
		r.member()
		if r.i+1 < stop && r.in[r.i] == '-' {
			r.copy(1)
			r.member()
		}
	}
	r.copy(1)
}

// member writes one character of a class, or an end of a range.
func (r *regexpRewriter) member() {
	switch s := r.rest(); s[0] {
	case '\\':
		n, text := r.plainEscape()
		r.put(n, text)
	case '[', ']', '&', '~', '-', '^':
		r.put(1, `\`+s[:1])
	default:
		_, size := utf8.DecodeRuneInString(s)
		r.copy(size)
	}
}

// posixName is the length of a [:name:] at the start of s, or 0.
func posixName(s string) int {
	if !strings.HasPrefix(s, "[:") {
		return 0
	}
	n := strings.Index(s[2:], ":]")
	if n < 0 {
		return 0
	}
	name := strings.TrimPrefix(s[2:2+n], "^")
	for i := 0; i < len(name); i++ {
		if name[i] < 'a' || name[i] > 'z' {
			return 0
		}
	}
	return n + 4
}

// classEnd is the length of the class at the start of s, and whether \D, \S or
// \W stands in it. The class is known to be valid.
func classEnd(s string) (length int, negatedSet bool) {
	i := 1
	if i < len(s) && s[i] == '^' {
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == ']' && !first:
			return i + 1, negatedSet
		case s[i] == '\\' && i+1 < len(s):
			switch s[i+1] {
			case 'D', 'S', 'W':
				negatedSet = true
			}
			i += 2
		case posixName(s[i:]) > 0:
			i += posixName(s[i:])
		default:
			i++
		}
	}
	return len(s), negatedSet
}

// spellClass lists the characters of a class as ranges.
func spellClass(class string) string {
	re, err := syntax.Parse(class, syntax.Perl)
	if err != nil {
		return class // cannot be: the whole expression has been parsed
	}
	switch re.Op {
	case syntax.OpAnyChar:
		return `(?s:.)`
	case syntax.OpLiteral:
		return regexp.QuoteMeta(string(re.Rune))
	case syntax.OpNoMatch:
		return `[^\x{0}-\x{10ffff}]`
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i+1 < len(re.Rune); i += 2 {
		b.WriteString(`\x{` + strconv.FormatInt(int64(re.Rune[i]), 16) + `}`)
		if re.Rune[i] != re.Rune[i+1] {
			b.WriteString(`-\x{` + strconv.FormatInt(int64(re.Rune[i+1]), 16) + `}`)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// Word boundaries are Unicode in Kusto and ASCII in RE2. (?-u:\b) is the form
// that Microsoft's page on regular expressions gives for the ASCII one.
const rustBoundary, rustNoBoundary = `(?-u:\b)`, `(?-u:\B)`

// rustBoundaries writes word boundaries as Kusto's ASCII ones.
func rustBoundaries(src string) string {
	if !strings.Contains(src, `\b`) && !strings.Contains(src, `\B`) {
		return src
	}
	var b strings.Builder
	for i := 0; i < len(src); {
		switch {
		case strings.HasPrefix(src[i:], `\b`):
			b.WriteString(rustBoundary)
			i += 2
		case strings.HasPrefix(src[i:], `\B`):
			b.WriteString(rustNoBoundary)
			i += 2
		case src[i] == '\\' && i+1 < len(src):
			b.WriteString(src[i : i+2])
			i += 2
		default:
			b.WriteByte(src[i])
			i++
		}
	}
	return b.String()
}

// goBoundaries is the inverse of rustBoundaries.
func goBoundaries(src string) string {
	if !strings.Contains(src, "(?-u:") {
		return src
	}
	var b strings.Builder
	for i := 0; i < len(src); {
		switch {
		case strings.HasPrefix(src[i:], rustBoundary):
			b.WriteString(`\b`)
			i += len(rustBoundary)
		case strings.HasPrefix(src[i:], rustNoBoundary):
			b.WriteString(`\B`)
			i += len(rustNoBoundary)
		case src[i] == '\\' && i+1 < len(src):
			b.WriteString(src[i : i+2])
			i += 2
		default:
			b.WriteByte(src[i])
			i++
		}
	}
	return b.String()
}

// globRegexp is the regular expression that matches what the pattern matches.
func globRegexp(p ir.Pattern, cased bool) string {
	parts := p.Parts
	open := len(parts) > 0 && parts[0].Wild == ir.Many
	closed := len(parts) > 1 && parts[len(parts)-1].Wild == ir.Many
	if open {
		parts = parts[1:]
	}
	if closed {
		parts = parts[:len(parts)-1]
	}
	var b strings.Builder
	flags := "s"
	if !cased {
		flags = "is"
	}
	// Without a wildcard left in it nothing depends on whether . is a newline.
	if len(parts) == 1 && parts[0].Wild == ir.Text {
		flags = strings.TrimSuffix(flags, "s")
	}
	if flags != "" {
		b.WriteString("(?" + flags + ")")
	}
	if !open {
		b.WriteByte('^')
	}
	for _, part := range parts {
		switch part.Wild {
		case ir.One:
			b.WriteByte('.')
		case ir.Many:
			b.WriteString(".*")
		default:
			b.WriteString(regexp.QuoteMeta(part.Text))
		}
	}
	if !closed {
		b.WriteByte('$')
	}
	return b.String()
}
