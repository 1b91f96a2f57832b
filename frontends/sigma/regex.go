package sigma

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

const maxRegex = 8 << 10 // bytes

// regex reads a regular expression. What RE2 and PCRE both refuse is an error
// here. What PCRE alone knows stays as it is: a target that has it can run it,
// another refuses it.
func (d *detection) regex(c *itemContext, n *yaml.Node, span diag.Span) ir.Expr {
	source := n.Value
	if len(source) > maxRegex {
		d.diags.Errorf(codeRegex, span, "Split it.", "the regular expression has %d bytes; the limit is %d", len(source), maxRegex)
		return nil
	}
	if message := checkRegex(source); message != "" {
		d.diags.Errorf(codeRegex, span, "Put a backslash before a character that stands for itself.", "the regular expression is not valid: %s", message)
		return nil
	}
	for _, s := range c.chain.steps {
		// The search is unanchored, so contains adds nothing.
		switch s {
		case opStartsWith:
			source = `\A(?:` + source + `)`
		case opEndsWith:
			source = `(?:` + source + `)\z`
		}
	}
	if flags := c.chain.flags; flags != "" {
		letters := []byte(flags)
		slices.Sort(letters)
		source = "(?" + string(letters) + ")" + source
	}
	return &ir.Regexp{Span: diag.Span{Pos: c.key.Pos, EndPos: span.EndPos}, X: c.field, Source: source}
}

// checkRegex says what is wrong with a regular expression in every dialect, or "".
func checkRegex(source string) string {
	_, err := syntax.Parse(source, syntax.Perl)
	if err == nil {
		return ""
	}
	relaxed := relaxPCRE(source)
	if relaxed != source {
		if _, again := syntax.Parse(relaxed, syntax.Perl); again == nil {
			return ""
		} else {
			err = again
		}
	}
	var serr *syntax.Error
	if !errors.As(err, &serr) {
		return err.Error()
	}
	switch serr.Code {
	case syntax.ErrInvalidRepeatSize, syntax.ErrLarge, syntax.ErrNestingDepth:
		// PCRE has other limits; the targets judge by their own.
		return ""
	case syntax.ErrMissingBracket:
		return fmt.Sprintf("the bracket that opens at %q is not closed", serr.Expr)
	case syntax.ErrMissingParen:
		return "a parenthesis is not closed"
	case syntax.ErrUnexpectedParen:
		return "a parenthesis closes that was not opened"
	case syntax.ErrMissingRepeatArgument:
		return fmt.Sprintf("there is nothing that %q could repeat", serr.Expr)
	case syntax.ErrTrailingBackslash:
		return "it ends in a backslash"
	}
	return fmt.Sprintf("%s: %q", serr.Code, serr.Expr)
}

// relaxPCRE replaces what PCRE has and RE2 has not by something of the same
// shape, so that the rest can be checked: looking around, atomic groups,
// possessive repeats, references back, and a few escapes.
func relaxPCRE(source string) string {
	var b strings.Builder
	class := false
	repeat := false // the last token was a repeat
	for i := 0; i < len(source); i++ {
		c := source[i]
		was := repeat
		repeat = false
		switch {
		case c == '\\' && i+1 < len(source):
			i++
			switch next := source[i]; {
			case strings.IndexByte("hHRXNGKeEZ", next) >= 0 || next >= '1' && next <= '9':
				if class {
					b.WriteString(`\t`)
				} else {
					b.WriteString(`(?:)`)
				}
			case next == 'c' && i+1 < len(source):
				i++
				b.WriteString(`\t`)
			case (next == 'k' || next == 'g') && i+1 < len(source) && strings.IndexByte("{<'", source[i+1]) >= 0:
				end := strings.IndexAny(source[i+2:], "}>'")
				if end < 0 {
					return source
				}
				i += 2 + end
				b.WriteString(`(?:)`)
			default:
				b.WriteByte('\\')
				b.WriteByte(next)
			}
		case class:
			class = c != ']'
			b.WriteByte(c)
		case c == '[':
			class = true
			b.WriteByte(c)
			// A bracket right after the opening is a member.
			if strings.HasPrefix(source[i+1:], "^") {
				i++
				b.WriteByte('^')
			}
			if strings.HasPrefix(source[i+1:], "]") {
				i++
				b.WriteByte(']')
			}
		case c == '(':
			head := ""
			for _, h := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?>", "(?|"} {
				if strings.HasPrefix(source[i:], h) {
					head = h
				}
			}
			if head == "" {
				b.WriteByte(c)
				break
			}
			b.WriteString("(?:")
			i += len(head) - 1
		case c == '+' && was:
			// possessive
		case c == '*' || c == '+' || c == '?' || c == '}':
			repeat = true
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// groupsOf is the number of groups in an expression that RE2 knows, else -1.
func groupsOf(source string) int {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return -1
	}
	return re.MaxCap()
}
