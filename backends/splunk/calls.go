package splunk

import (
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// call plans a function of the hunt, whose arguments are planned: it is checked
// against the table, and brought into the one form of those that are written
// alike.
func (p *planner) call(c *ir.Call) ir.Expr {
	f := ir.FuncOf(c.Func)
	if !f.Takes(len(c.Args)) && !(c.Func == ir.If && len(c.Args) == 2) {
		p.diags.Errorf(codeUnsayable, c, "", "%s has %d arguments, which it does not take", c.Func, len(c.Args))
		return c
	}
	for i, a := range c.Args {
		switch f.Param(i) {
		case ir.TextValue:
			c.Args[i] = asText(a)
		case ir.TextConst, ir.TextConstOrEmpty, ir.RegexConst:
			l, ok := a.(*ir.Lit)
			if s, isText := "", false; ok {
				if s, isText = l.Value.(string); isText && (s != "" || f.Param(i) == ir.TextConstOrEmpty) {
					continue
				}
			}
			p.diags.Errorf(codeUnsayable, c, "Write it as a text in quotes.", "argument %d of %s has to be a constant", i+1, c.Func)
			return c
		case ir.CountConst, ir.SizeConst, ir.PlaceConst:
			if !isNumber(a) {
				p.diags.Errorf(codeUnsayable, c, "Write it as a number or a length of time.", "argument %d of %s has to be a constant", i+1, c.Func)
				return c
			}
		}
	}
	switch c.Func {
	case ir.If:
		if ir.IsTrue(c.Args[0]) {
			return c.Args[1]
		}
	case ir.Day, ir.Week, ir.Month, ir.Year:
		p.timeZoneReason(c, "The "+string(c.Func)+" of a time")
	case ir.Mul:
		return asBin(c)
	case ir.Div:
		// How many seconds a length of time has: it is a number of seconds.
		if n, ok := c.Args[1].(*ir.Lit); ok && n.Value == int64(1) && ir.TypeOf(c.Args[0]) == ir.Duration {
			return c.Args[0]
		}
	case ir.Tuple:
		if len(c.Args) == 1 {
			return c.Args[0]
		}
	case ir.Concat:
		return flatConcat(c)
	case ir.Replace:
		p.writable(c, c.Args[2], false)
		p.writable(c, c.Args[1], plainReplacement(c.Args[2].(*ir.Lit).Value.(string)))
	case ir.Split, ir.Parts, ir.Joined:
		p.writable(c, c.Args[1], false)
	case ir.Extract:
		return p.extract(c)
	case ir.Prop, ir.At, ir.Item:
		if x, ok := c.Args[0].(*ir.Call); c.Func == ir.Item && (!ok || x.Func != ir.Json && x.Func != ir.Prop && x.Func != ir.At) {
			break
		}
		if c.Func == ir.Item {
			// A value of a list of JSON is its text.
			c = &ir.Call{Span: c.Span, Func: ir.At, Args: slices.Clone(c.Args)}
		}
		if c.Func == ir.Prop {
			p.writable(c, c.Args[1], false)
		}
		// The functions of JSON read its text.
		if x, ok := c.Args[0].(*ir.Call); ok && x.Func == ir.Json {
			c.Args[0] = x.Args[0]
		}
		if n, ok := c.Args[1].(*ir.Lit); ok && c.Func == ir.At && numberText(n.Value)[0] == '-' {
			p.diags.Errorf(codeUnsayable, c, "Count from the beginning, where it is 0.", "Splunk does not count the values of JSON from the end")
		}
	case ir.URL:
		p.diags.Errorf(codeUnsayable, c, `Use "extract" with a regular expression.`, "Splunk has no function that takes a web address apart")
	case ir.Place:
		p.diags.Errorf(codeUnsayable, c, "Use iplocation in native text.", "where an address is, no function of Splunk says: a command does")
	case ir.ToInt, ir.ToLong:
		if ir.TypeOf(c.Args[0]) == ir.Int {
			return c.Args[0]
		}
		p.diags.Errorf(codeUnsayable, c, `Use "tonumber".`, "Splunk has no whole numbers, which %s makes", c.Func)
	case ir.Instant:
		return p.instant(c)
	case ir.DateDiff:
		return p.dateDiff(c)
	}
	return c
}

// instant is a literal time as the number of seconds since 1970.
func (p *planner) instant(c *ir.Call) ir.Expr {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339Nano} {
		if t, err := time.Parse(layout, c.Args[0].(*ir.Lit).Value.(string)); err == nil {
			if t.Nanosecond() == 0 {
				return &ir.Lit{Span: c.Span, Value: t.Unix()}
			}
			return &ir.Lit{Span: c.Span, Value: float64(t.UnixMicro()) / 1e6}
		}
	}
	p.diags.Errorf(codeUnsayable, c, "Write it as 2026-03-05 or 2026-03-05T04:32:00Z.", "%s spells no time", ir.FormatExpr(c.Args[0]))
	return c
}

// dateDiff counts units of time that have one length: the others lie as the
// searcher's time zone has them.
func (p *planner) dateDiff(c *ir.Call) ir.Expr {
	var unit float64
	switch strings.ToLower(c.Args[0].(*ir.Lit).Value.(string)) {
	case "millisecond":
		unit = 0.001
	case "second":
		unit = 1
	case "minute":
		unit = 60
	case "hour":
		unit = 3600
	case "day":
		unit = 86400
	default:
		p.diags.Errorf(codeUnsayable, c, "Count seconds, minutes, hours or days.", "Splunk does not count the borders of %s between two times", ir.FormatExpr(c.Args[0]))
		return c
	}
	count := func(x ir.Expr) ir.Expr {
		div := &ir.Call{Span: c.Span, Func: ir.Div, Args: []ir.Expr{x, &ir.Lit{Span: c.Span, Value: unit}}}
		return &ir.Call{Span: c.Span, Func: ir.Floor, Args: []ir.Expr{div}}
	}
	return &ir.Call{Span: c.Span, Func: ir.Sub, Args: []ir.Expr{count(c.Args[1]), count(c.Args[2])}}
}

// asText is the text of a number that eval has computed; the fields of an
// event are texts.
func asText(e ir.Expr) ir.Expr {
	if t := ir.TypeOf(e); !t.Numeric() && t != ir.Time && t != ir.Duration {
		return e
	}
	return &ir.Call{Span: e.At(), Func: ir.ToString, Args: []ir.Expr{e}}
}

// writable reports a constant that SPL cannot write; inRegex says that it is
// written as a regular expression, which has escapes for control characters.
func (p *planner) writable(c *ir.Call, arg ir.Expr, inRegex bool) {
	s := arg.(*ir.Lit).Value.(string)
	text := s
	if inRegex {
		text = quoted(s)
	}
	if spl.Expressible(text) != nil || !utf8.ValidString(s) {
		hint := "Use \"extract\" with a regular expression, which has escapes for control characters, as \\x09."
		if c.Func == ir.Joined || c.Func == ir.Prop {
			hint = "Take a text without control characters."
		}
		p.diags.Errorf(codeValue, arg, hint, "the text %q of %s cannot be written in SPL", s, c.Func)
	}
}

// asBin reads floor(x / n) * n as the bin that it is.
func asBin(c *ir.Call) ir.Expr {
	floor, ok := c.Args[0].(*ir.Call)
	if !ok || floor.Func != ir.Floor {
		return c
	}
	div, ok := floor.Args[0].(*ir.Call)
	if !ok || div.Func != ir.Div || !isNumber(div.Args[1]) || !isNumber(c.Args[1]) {
		return c
	}
	n := numberText(c.Args[1].(*ir.Lit).Value)
	if numberText(div.Args[1].(*ir.Lit).Value) != n {
		return c
	}
	return &ir.Call{Span: c.Span, Func: ir.Bin, Args: []ir.Expr{div.Args[0], c.Args[1]}}
}

// flatConcat takes a Concat or a Tuple that a Concat begins with apart: the dots
// of both are one chain. A chain that is a Tuple's is one.
func flatConcat(c *ir.Call) ir.Expr {
	args := c.Args
	if first, ok := args[0].(*ir.Call); ok {
		switch first.Func {
		case ir.Concat:
			args = slices.Concat(first.Args, args[1:])
		case ir.Tuple:
			var parts []ir.Expr
			for _, a := range first.Args[:len(first.Args)-1] {
				parts = append(parts, &ir.Call{Span: c.Span, Func: ir.StrLen, Args: []ir.Expr{a}}, &ir.Lit{Span: c.Span, Value: ":"}, a)
			}
			args = slices.Concat(parts, first.Args[len(first.Args)-1:], args[1:])
		}
	}
	if len(args) >= 4 && len(args)%3 == 1 {
		var values []ir.Expr
		rest := args
		for ; len(rest) > 1; rest = rest[3:] {
			n, ok := rest[0].(*ir.Call)
			if colon, isLit := rest[1].(*ir.Lit); !ok || n.Func != ir.StrLen || !isLit || colon.Value != ":" || ir.FormatExpr(n.Args[0]) != ir.FormatExpr(rest[2]) {
				return &ir.Call{Span: c.Span, Func: ir.Concat, Args: args}
			}
			values = append(values, rest[2])
		}
		return &ir.Call{Span: c.Span, Func: ir.Tuple, Args: append(values, rest[0])}
	}
	return &ir.Call{Span: c.Span, Func: ir.Concat, Args: args}
}

// extract plans the extraction of a group.
func (p *planner) extract(c *ir.Call) ir.Expr {
	source := c.Args[1].(*ir.Lit).Value.(string)
	group, _ := c.Args[2].(*ir.Lit).Value.(int64)
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		p.diags.Errorf(codeUnsayable, c.Args[1], "Use the syntax of RE2: no look-around and no back-references.", "the regular expression %q is not known well enough to take a group of it", source)
		return c
	}
	if group < 0 || int(group) > re.MaxCap() {
		p.diags.Errorf(codeUnsayable, c.Args[2], "Groups are counted from 1, by their opening parentheses; 0 is the whole match.", "the regular expression %q has no group %d", source, group)
		return c
	}
	source, group = wholeGroup(source, group)
	if source, err = p.portable(c.Args[1], source); err != nil {
		return c
	}
	if group > maxGroup {
		p.diags.Errorf(codeUnsayable, c.Args[2], "Make groups that are only there for their parentheses (?:...).", "Splunk can name the groups 1 to %d, and this asks for group %d", maxGroup, group)
		return c
	}
	if always, mayBeEmpty := groupFacts(source, int(group)); !always && mayBeEmpty {
		p.diags.Errorf(codeUnsayable, c, "Let the group take part in every match, or let it match one character at least.",
			"group %d of %q may match nothing or take no part in the match, and Splunk does not tell the two apart", group, source)
		return c
	}
	return &ir.Call{Span: c.Span, Func: ir.Extract, Args: []ir.Expr{c.Args[0],
		&ir.Lit{Span: c.Args[1].At(), Value: source}, &ir.Lit{Span: c.Args[2].At(), Value: group}}}
}

// mayFail reports a function that may be null where its arguments are not, or
// the other way round.
func mayFail(c *ir.Call) bool {
	switch c.Func {
	case ir.ToNumber, ir.Div, ir.Split, ir.Extract, ir.Coalesce, ir.Item, ir.Prop, ir.At, ir.Place:
		return true
	case ir.Abs, ir.Floor, ir.Ceiling, ir.Add, ir.Sub, ir.Mul, ir.Bin:
		return slices.ContainsFunc(c.Args, func(a ir.Expr) bool { return !isNumeric(a) })
	}
	return false
}
