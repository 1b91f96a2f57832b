package splunk

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// The functions of texts in eval. Sources: Search Reference, "Text functions"
// (len counts code points; substr counts from 1 and has SQLite's semantics, so
// it is empty past the end; replace takes a PCRE and \1 to \9 in what it puts
// there) and "Multivalue eval functions" (split cuts at a text; mvindex counts
// from 0 and is null past the end; mvjoin).

// substring is substr, which counts from 1.
func substring(args []spl.Expr) spl.Expr {
	out := slices.Clone(args)
	if n, ok := args[1].(*spl.NumberLit); ok {
		from, _ := strconv.ParseInt(n.Text, 10, 64)
		out[1] = number(from + 1)
	}
	return &spl.CallExpr{Name: "substr", Args: out}
}

func unsubstring(e spl.Expr) []spl.Expr {
	args := uncallAny("substr")(e)
	if len(args) < 2 {
		return nil
	}
	n, ok := args[1].(*spl.NumberLit)
	if !ok {
		return nil
	}
	from, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil || from < 1 {
		return nil
	}
	out := slices.Clone(args)
	out[1] = number(from - 1)
	return out
}

// split is a part of a text cut at each place of another.
func split(args []spl.Expr) spl.Expr {
	parts := &spl.CallExpr{Name: "split", Args: args[:2]}
	return &spl.CallExpr{Name: "mvindex", Args: []spl.Expr{parts, args[2]}}
}

func unsplit(e spl.Expr) []spl.Expr {
	outer := uncall("mvindex", 2)(e)
	if outer == nil {
		return nil
	}
	parts := uncall("split", 2)(outer[0])
	if parts == nil {
		return nil
	}
	return []spl.Expr{parts[0], parts[1], outer[1]}
}

// replace is replace with the old text as a regular expression. What a
// backslash or a $ means in the new text is documented for \1 only, so there
// the text is cut at the old one and joined by the new one, both of which are
// taken as they are.
func replace(args []spl.Expr) spl.Expr {
	old, by := args[1].(*spl.StringLit).Value, args[2].(*spl.StringLit).Value
	if !plainReplacement(by) {
		return &spl.CallExpr{Name: "mvjoin", Args: []spl.Expr{&spl.CallExpr{Name: "split", Args: args[:2]}, args[2]}}
	}
	return &spl.CallExpr{Name: "replace", Args: []spl.Expr{args[0], &spl.StringLit{Value: quoted(old)}, args[2]}}
}

func plainReplacement(s string) bool { return !strings.ContainsAny(s, `\$`) }

func unreplace(e spl.Expr) []spl.Expr {
	if outer := uncall("mvjoin", 2)(e); outer != nil {
		parts := uncall("split", 2)(outer[0])
		by, ok := outer[1].(*spl.StringLit)
		if parts == nil || !ok || plainReplacement(by.Value) {
			return nil
		}
		if _, ok := parts[1].(*spl.StringLit); !ok {
			return nil
		}
		return []spl.Expr{parts[0], parts[1], by}
	}
	args := uncall("replace", 3)(e)
	if args == nil {
		return nil
	}
	source, ok1 := args[1].(*spl.StringLit)
	by, ok2 := args[2].(*spl.StringLit)
	if !ok1 || !ok2 || !plainReplacement(by.Value) {
		return nil
	}
	old, ok := unquoted(source.Value)
	if !ok {
		return nil
	}
	return []spl.Expr{args[0], &spl.StringLit{Span: source.Span, Value: old}, by}
}

// quoted is the regular expression that matches one text.
func quoted(s string) string {
	var b strings.Builder
	quoteText(&b, s)
	return b.String()
}

// unquoted is the text that a regular expression made by quoted matches.
func unquoted(source string) (string, bool) {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil || re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 {
		return "", false
	}
	s := string(re.Rune)
	return s, quoted(s) == source
}

// extract puts a group of the first match in the place of the whole text:
// eval has no function for it, and rex makes a column and nothing else.
// Nothing before the match is longer than it has to be, and whatever follows
// it passes, so the match is the one that a search would find first.
// A text without a match would come back as it is, hence the test; a group
// that took no part comes back empty.
func extract(args []spl.Expr) spl.Expr {
	source, group := args[1].(*spl.StringLit).Value, args[2].(*spl.NumberLit).Text
	n, _ := strconv.Atoi(group)
	out := spl.Expr(&spl.CallExpr{Name: "replace", Args: []spl.Expr{args[0],
		&spl.StringLit{Value: `^(?s:.*?)(?:` + source + `)(?s:.*)\z`}, &spl.StringLit{Value: `\` + group}}})
	if always, _ := groupFacts(source, n); !always {
		out = &spl.CallExpr{Name: "nullif", Args: []spl.Expr{out, &spl.StringLit{}}}
	}
	return &spl.CallExpr{Name: "if", Args: []spl.Expr{&spl.CallExpr{Name: "match", Args: args[:2]}, out, &spl.CallExpr{Name: "null"}}}
}

func unextract(e spl.Expr) []spl.Expr {
	outer := uncall("if", 3)(e)
	if outer == nil {
		return nil
	}
	test := uncall("match", 2)(outer[0])
	value := outer[1]
	if inner := uncall("nullif", 2)(value); inner != nil {
		value = inner[0]
	}
	put := uncall("replace", 3)(value)
	if test == nil || put == nil {
		return nil
	}
	group, ok := put[2].(*spl.StringLit)
	if _, isText := test[1].(*spl.StringLit); !ok || !isText || len(group.Value) != 2 {
		return nil
	}
	args := []spl.Expr{test[0], test[1], &spl.NumberLit{Span: group.Span, Text: group.Value[1:]}}
	if n := group.Value[1]; n < '1' || n > '9' || spl.PrintExpr(extract(args)) != spl.PrintExpr(e) {
		return nil
	}
	return args
}

// maxGroup is the last group that can be named in what replace puts in the
// place of a match.
const maxGroup = 9

// groupFacts says of a group of a regular expression whether it takes part in
// every match, and whether what it matches may be empty.
func groupFacts(source string, group int) (always, mayBeEmpty bool) {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return false, true
	}
	var find func(re *syntax.Regexp, sure bool) bool
	find = func(re *syntax.Regexp, sure bool) bool {
		switch re.Op {
		case syntax.OpCapture:
			if re.Cap == group {
				always, mayBeEmpty = sure, minLength(re.Sub[0]) == 0
				return true
			}
		case syntax.OpStar, syntax.OpQuest:
			sure = false
		case syntax.OpRepeat:
			sure = sure && re.Min > 0
		case syntax.OpAlternate:
			sure = sure && len(re.Sub) == 1
		}
		for _, sub := range re.Sub {
			if find(sub, sure) {
				return true
			}
		}
		return false
	}
	if !find(re, true) {
		return false, true
	}
	return always, mayBeEmpty
}

// minLength is the least number of characters that re matches.
func minLength(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = 1
	case syntax.OpCapture, syntax.OpPlus:
		n = minLength(re.Sub[0])
	case syntax.OpRepeat:
		n = re.Min * minLength(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n += minLength(sub)
		}
	case syntax.OpAlternate:
		n = minLength(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, minLength(sub))
		}
	}
	return n
}

// wholeGroup writes the regular expression so that the group asked for is one
// that can be named, and no other has a name: the whole match becomes a group.
func wholeGroup(source string, group int64) (string, int64) {
	source = groupsOnly(source)
	if group > 0 {
		return source, group
	}
	flags := ""
	if end := strings.IndexByte(source, ')'); strings.HasPrefix(source, "(?") && end > 2 && strings.Trim(source[2:end], "imsU") == "" {
		flags, source = source[:end+1], source[end+1:]
	}
	return flags + "(" + source + ")", 1
}

// groupsOnly takes the names off the groups of a regular expression.
func groupsOnly(source string) string {
	var b strings.Builder
	last := 0
	for _, g := range captures(source) {
		if g.open > 1 {
			b.WriteString(source[last:g.at] + "(")
			last = g.at + g.open
		}
	}
	return b.String() + source[last:]
}

// capture is where a group that captures opens, and how long that is: "(" or
// "(?P<name>".
type capture struct{ at, open int }

// captures finds the groups of a regular expression that capture, in order.
func captures(source string) []capture {
	var out []capture
	class := false
	for i := 0; i < len(source); i++ {
		rest := source[i:]
		switch c := source[i]; {
		case c == '\\' && strings.HasPrefix(rest, `\Q`) && !class: // up to \E, all is text
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return out
			}
			i += end + 1
		case c == '\\':
			i++
		case class && strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			i += strings.Index(rest, ":]") + 1
		case class:
			class = c != ']'
		case c == '[':
			class = true
			// A bracket right behind the first one, or behind ^, is a character.
			if strings.HasPrefix(rest, "[^]") {
				i += 2
			} else if strings.HasPrefix(rest, "[]") {
				i++
			}
		case c == '(' && !strings.HasPrefix(rest, "(?"):
			out = append(out, capture{i, 1})
		case c == '(':
			for _, open := range []string{"(?P<", "(?<"} {
				name, ok := strings.CutPrefix(rest, open)
				if end := strings.IndexByte(name, '>'); ok && end > 0 && name[0] != '=' && name[0] != '!' {
					out = append(out, capture{i, len(open) + end + 1})
					break
				}
			}
		}
	}
	return out
}

// rex writes a column that is extracted from a field as the command rex, if
// that comes to the same: rex leaves a column alone that it has no value for,
// so the column has to be new, which it is known to be of rows of tstats; and
// what rex makes of an empty group is not documented.
func rex(c *ir.Col) *spl.Rex {
	x, ok := c.X.(*ir.Call)
	if !ok || x.Func != ir.Extract || !groupName(c.As) {
		return nil
	}
	f, ok := x.Args[0].(*ir.Field)
	source, n := x.Args[1].(*ir.Lit).Value.(string), x.Args[2].(*ir.Lit).Value.(int64)
	all := captures(source)
	if always, mayBeEmpty := groupFacts(source, int(n)); !ok || f.Name == c.As || !always || mayBeEmpty || int(n) > len(all) {
		return nil
	}
	g := all[n-1]
	return &spl.Rex{Field: f.Name, Pattern: source[:g.at] + "(?<" + c.As + ">" + source[g.at+g.open:]}
}

// groupName reports whether a group can have the name: PCRE takes 32 letters,
// digits and underscores.
func groupName(s string) bool {
	return len(s) <= 32 && macroName(s) && s[0] != '_'
}

// liftRex reads such a command; nil if it is another.
func liftRex(c *spl.Rex) *ir.Col {
	re, err := syntax.Parse(c.Pattern, syntax.Perl)
	if err != nil || c.Field == "" || len(c.Options) > 0 {
		return nil
	}
	for i, name := range re.CapNames() {
		if name == "" {
			continue
		}
		col := &ir.Col{Span: c.Span, As: name, X: &ir.Call{Span: c.Span, Func: ir.Extract, Args: []ir.Expr{&ir.Field{Span: c.Span, Name: c.Field},
			&ir.Lit{Span: c.Span, Value: groupsOnly(c.Pattern)}, &ir.Lit{Span: c.Span, Value: int64(i)}}}}
		if again := rex(col); again != nil && again.Pattern == c.Pattern {
			return col
		}
		return nil
	}
	return nil
}

// hasCall reports whether an expression calls one of the functions.
func hasCall(e ir.Expr, funcs ...ir.FuncID) bool {
	found := false
	ir.WalkExpr(e, func(x ir.Expr) bool {
		if c, ok := x.(*ir.Call); ok {
			found = found || slices.Contains(funcs, c.Func)
		}
		return !found
	})
	return found
}
