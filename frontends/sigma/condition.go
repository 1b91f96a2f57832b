package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Limits on one condition.
const (
	maxCondition = 16 << 10 // bytes
	maxDepth     = 100      // nested parentheses
	maxTerms     = 100_000  // selections named, patterns written out
)

// The grammar of conditions. Positions are relative to the condition's text.
type (
	condOr struct {
		Pos, EndPos lexer.Position
		Terms       []*condAnd `parser:"@@ ('or' @@)*"`
	}
	condAnd struct {
		Pos, EndPos lexer.Position
		Terms       []*condNot `parser:"@@ ('and' @@)*"`
	}
	condNot struct {
		Pos, EndPos lexer.Position
		Nots        []string  `parser:"@'not'*"`
		Atom        *condAtom `parser:"@@"`
	}
	condAtom struct {
		Pos, EndPos lexer.Position
		Group       *condOr `parser:"  '(' @@ ')'"`
		All         *condOf `parser:"| 'all' @@"`
		Any         *condOf `parser:"| 'any' @@"`
		Name        string  `parser:"| @Word"`
		Of          *condOf `parser:"  @@?"`
	}
	condOf struct {
		Pos, EndPos lexer.Position
		Them        bool   `parser:"'of' ( @'them'"`
		Pattern     string `parser:"     | @Word )"`
	}
)

// A word is split from its neighbours by what cannot stand in a name, and only
// then told from a keyword: all-in-one is a name, All is a keyword.
var condLexer = lexer.MustStateful(lexer.Rules{"Root": {
	{Name: "Word", Pattern: `[\pL\pN_.*?-]+`},
	{Name: "Keyword", Pattern: `\x00`}, // given to words by condKeyword
	{Name: "Punct", Pattern: `[()|,]`},
	{Name: "Space", Pattern: `\s+`},
	{Name: "Other", Pattern: `.`},
}})

var condKeywords = map[string]bool{"and": true, "or": true, "not": true, "of": true, "them": true, "all": true, "any": true}

func condKeyword(t lexer.Token) (lexer.Token, error) {
	if len(t.Value) <= 4 {
		if low := strings.ToLower(t.Value); condKeywords[low] {
			t.Type, t.Value = condLexer.Symbols()["Keyword"], low
		}
	}
	return t, nil
}

var condParser = sync.OnceValue(func() *participle.Parser[condOr] {
	return participle.MustBuild[condOr](participle.Lexer(condLexer), participle.Map(condKeyword, "Word"), participle.Elide("Space"))
})

// cond is a parsed condition. It knows places in its own text only, so that
// one serves all documents with the same condition.
type cond struct {
	op       condOp
	from, to int // offsets in the text
	args     []*cond
	name     string // a selection, or a pattern of names
	all      bool   // "all of", else "1 of"
}

type condOp uint8

const (
	condOpOr condOp = iota
	condOpAnd
	condOpNot
	condOpName
	condOpOf // name "" is them
)

// condError is what is wrong with a condition.
type condError struct {
	code          diag.Code
	from, to      int
	message, hint string
}

type condResult struct {
	root *cond
	err  *condError
}

// Most rules share a few hundred conditions, and parsing one costs more than
// reading the YAML around it.
var (
	condCache sync.Map
	condCount atomic.Int32
)

const maxCondCache = 4096

func parseCondition(text string) condResult {
	if r, ok := condCache.Load(text); ok {
		return r.(condResult)
	}
	r := parseConditionText(text)
	if len(text) <= 1024 && condCount.Load() < maxCondCache {
		condCount.Add(1)
		condCache.Store(strings.Clone(text), r)
	}
	return r
}

func parseConditionText(text string) condResult {
	if err := obsoleteCondition(text); err != nil {
		return condResult{err: err}
	}
	if len(text) > maxCondition {
		return condResult{err: &condError{codeConditionSize, 0, 0,
			fmt.Sprintf("the condition has %d bytes; the limit is %d", len(text), maxCondition), "Give selections a common prefix and write \"1 of prefix_*\"."}}
	}
	if at := tooDeep(text); at >= 0 {
		return condResult{err: &condError{codeConditionSize, at, at + 1,
			fmt.Sprintf("parentheses nest more than %d deep", maxDepth), "Remove the parentheses that change nothing."}}
	}
	tree, err := condParser().ParseString("", text)
	if err != nil {
		return condResult{err: conditionError(text, err)}
	}
	root, bad := tree.lower()
	if bad != nil {
		return condResult{err: bad}
	}
	return condResult{root: root}
}

// tooDeep is the place of the parenthesis that nests too deeply, or -1.
func tooDeep(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(':
			if depth++; depth > maxDepth {
				return i
			}
		case ')':
			depth--
		}
	}
	return -1
}

func (o *condOr) lower() (*cond, *condError) {
	return lowerTerms(condOpOr, o.Terms, o.Pos, o.EndPos, (*condAnd).lower)
}

func (a *condAnd) lower() (*cond, *condError) {
	return lowerTerms(condOpAnd, a.Terms, a.Pos, a.EndPos, (*condNot).lower)
}

func lowerTerms[T any](op condOp, terms []T, pos, end lexer.Position, lower func(T) (*cond, *condError)) (*cond, *condError) {
	c := &cond{op: op, from: pos.Offset, to: end.Offset, args: make([]*cond, 0, len(terms))}
	for _, t := range terms {
		arg, err := lower(t)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	if len(c.args) == 1 {
		return c.args[0], nil
	}
	return c, nil
}

func (n *condNot) lower() (*cond, *condError) {
	c, err := n.Atom.lower()
	if err != nil {
		return nil, err
	}
	for range n.Nots {
		c = &cond{op: condOpNot, from: n.Pos.Offset, to: n.EndPos.Offset, args: []*cond{c}}
	}
	return c, nil
}

func (a *condAtom) lower() (*cond, *condError) {
	of := a.Of
	if a.Group != nil {
		return a.Group.lower()
	}
	from, to := a.Pos.Offset, a.EndPos.Offset
	all := a.All != nil
	switch {
	case all:
		of = a.All
	case a.Any != nil:
		of = a.Any
	case of == nil:
		if strings.ContainsAny(a.Name, "*?") {
			return nil, &condError{codeCondition, from, to, fmt.Sprintf("the pattern %q needs a quantifier", a.Name),
				fmt.Sprintf("Write \"1 of %s\" or \"all of %[1]s\".", a.Name)}
		}
		return &cond{op: condOpName, from: from, to: to, name: a.Name}, nil
	case a.Name != "1":
		end := from + len(a.Name)
		if isDigits(a.Name) {
			return nil, &condError{codeQuantifier, from, end, fmt.Sprintf("Sigma has no \"%s of\": only 1, any and all", a.Name),
				"Write the combinations out: (a and b) or (a and c) or (b and c)."}
		}
		return nil, &condError{codeCondition, from, end, fmt.Sprintf("%q is no quantifier", a.Name), "Write 1, any or all in front of \"of\"."}
	}
	return &cond{op: condOpOf, from: from, to: to, name: of.Pattern, all: all}, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// conditionError words what participle found, without the names of grammar types.
func conditionError(text string, err error) *condError {
	var perr participle.Error
	if !errors.As(err, &perr) {
		return &condError{codeCondition, 0, len(text), "the condition cannot be read", ""}
	}
	from := pastOperators(text, min(perr.Position().Offset, len(text)))
	rest := text[from:]
	token := condToken.FindString(rest)
	if strings.TrimSpace(rest) == "" {
		from = len(strings.TrimRight(text, " \t\r\n"))
		message, hint := "the condition ends too early", "A selection is missing after the last word."
		if strings.Count(text, "(") > strings.Count(text, ")") {
			hint = "A closing parenthesis is missing."
		}
		if from == 0 {
			message, hint = "the condition is empty", "Name a selection, for example \"selection and not filter\"."
		}
		return &condError{codeCondition, from, from, message, hint}
	}
	c := &condError{codeCondition, from, from + len(token), fmt.Sprintf("unexpected %q in the condition", token), ""}
	switch low := strings.ToLower(token); {
	case token == ")":
		c.hint = "Nothing was opened that this closes, or a selection is missing before it."
	case low == "and" || low == "or":
		c.hint = "A selection is missing before it."
	case token == "&" || token == "&&":
		c.hint = "Write \"and\"."
	case token == "!":
		c.hint = "Write \"not\"."
	case condWord.MatchString(token) && !condKeywords[low]:
		c.hint = "Put \"and\" or \"or\" between two selections."
	default:
		c.hint = "A condition is made of selections, and, or, not, 1 of, all of, them and parentheses."
	}
	return c
}

// pastOperators moves from an operator behind a complete term to what comes
// after it: participle goes back to the operator when its right side fails.
func pastOperators(text string, from int) int {
	for {
		low := strings.ToLower(condToken.FindString(text[from:]))
		before := strings.TrimRight(text[:from], " \t\r\n")
		term := strings.HasSuffix(before, ")") || before != "" && condWordByte(before[len(before)-1]) && !condKeywords[strings.ToLower(lastWord(before))]
		if (low == "and" || low == "or") && !term || !condKeywords[low] || low == "of" || low == "them" || low == "all" || low == "any" {
			return from
		}
		next := from + len(low)
		from = next + len(text[next:]) - len(strings.TrimLeft(text[next:], " \t\r\n"))
	}
}

func condWordByte(b byte) bool { return b >= 0x80 || isNameByte(b) || b == '*' || b == '?' }

func lastWord(s string) string {
	i := len(s)
	for i > 0 && condWordByte(s[i-1]) {
		i--
	}
	return s[i:]
}

var (
	condToken = regexp.MustCompile(`^(?:[\pL\pN_.*?-]+|&&|.)`)
	condWord  = regexp.MustCompile(`^[\pL\pN_.*?-]+$`)
	aggregate = regexp.MustCompile(`^\|\s*(count|min|max|avg|sum)\s*\(\s*([^)]*?)\s*\)(?:\s+by\s+([^<>=!]+?))?\s*(>=|<=|==|=|>|<)\s*(\d+)\s*$`)
)

// obsoleteCondition recognises the aggregations of Sigma v1 and says how
// Sigma 2 writes the same.
func obsoleteCondition(text string) *condError {
	bar := strings.IndexByte(text, '|')
	if bar < 0 {
		return nil
	}
	to := len(strings.TrimRight(text, " \t\r\n"))
	tail := text[bar:to]
	if strings.HasPrefix(strings.ToLower(strings.TrimLeft(tail[1:], " \t\n")), "near") {
		return &condError{codeNear, bar, to, "\"near\" is gone from Sigma since version 2",
			"Write each search as a document with a name of its own, and a correlation document beside them: correlation: {type: temporal, rules: [first, second], group-by: [Computer], timespan: 5m}."}
	}
	e := &condError{codeAggregation, bar, to, "aggregation after \"|\" in the condition is gone from Sigma since version 2",
		"End the condition before \"|\" and write a correlation document beside it, for example correlation: {type: event_count, rules: [its name], group-by: [field], timespan: 5m, condition: {gt: 10}}."}
	if m := aggregate.FindStringSubmatch(tail); m != nil {
		op := map[string]string{">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "==": "eq"}[m[4]]
		typ := map[string]string{"count": "event_count", "sum": "value_sum", "avg": "value_avg"}[m[1]]
		field := ""
		if m[2] != "" && m[2] != "*" {
			field = "field: " + m[2] + ", "
			if m[1] == "count" {
				typ = "value_count"
			}
		}
		if typ != "" {
			e.hint = fmt.Sprintf("End the condition before \"|\" and write a correlation document beside it: correlation: {type: %s, rules: [its name], group-by: [%s], timespan: 5m, condition: {%s%s: %s}}.",
				typ, strings.TrimSpace(m[3]), field, op, m[5])
		}
	}
	return e
}

// lowering turns a condition into an expression over the selections.
type lowering struct {
	d     *detection
	at    *textMap
	terms int
}

func (l *lowering) expr(c *cond) ir.Expr {
	span := l.at.span(c.from, c.to)
	switch c.op {
	case condOpName:
		return l.name(c, span)
	case condOpOf:
		return l.of(c, span)
	case condOpNot:
		x := l.expr(c.args[0])
		if x == nil {
			return nil
		}
		return &ir.Not{Span: span, X: x}
	}
	op := ir.Or
	if c.op == condOpAnd {
		op = ir.And
	}
	args := make([]ir.Expr, 0, len(c.args))
	for _, a := range c.args {
		if x := l.expr(a); x != nil {
			args = append(args, x)
		}
	}
	return l.logic(span, op, args)
}

// logic joins terms, and stops conditions that explode.
func (l *lowering) logic(span diag.Span, op ir.LogicOp, args []ir.Expr) ir.Expr {
	for _, a := range args {
		if inner, ok := a.(*ir.Logic); ok && inner.Op == op {
			l.terms += len(inner.Args)
		} else {
			l.terms++
		}
	}
	if l.terms > maxTerms {
		if l.d.tooLarge {
			return nil
		}
		l.d.tooLarge = true
		l.d.diags.Errorf(codeConditionSize, span, "Join selections into lists of values.", "the condition has more than %d terms once its patterns are written out", maxTerms)
		return nil
	}
	return ir.NewLogic(span, op, args...)
}

func (l *lowering) name(c *cond, span diag.Span) ir.Expr {
	for i := range l.d.selections {
		if s := &l.d.selections[i]; s.name == c.name {
			s.used = true
			return s.expr
		}
	}
	l.d.noSelection(c.name, span)
	return nil
}

func (l *lowering) of(c *cond, span diag.Span) ir.Expr {
	op := ir.Or
	if c.all {
		op = ir.And
	}
	var args []ir.Expr
	found := false
	for i := range l.d.selections {
		s := &l.d.selections[i]
		if strings.HasPrefix(s.name, "_") && !strings.HasPrefix(c.name, "_") || c.name != "" && !globMatch(c.name, s.name) {
			continue
		}
		found, s.used = true, true
		if s.expr != nil {
			args = append(args, s.expr)
		}
	}
	if !found {
		what := "\"them\""
		if c.name != "" {
			what = fmt.Sprintf("the pattern %q", c.name)
		}
		hint := ""
		if near := nearest(strings.TrimRight(c.name, "*"), l.d.prefixes()); near != "" {
			hint = fmt.Sprintf("Did you mean \"%s*\"?", near)
		}
		l.d.diags.Errorf(codeEmptyPattern, span, hint, "%s matches no selection", what)
		return nil
	}
	return l.logic(span, op, args)
}

// globMatch matches a name against a pattern with * for any run; a ? stands
// for one character. The whole name has to match.
func globMatch(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*':
			p, n = p+1, n+1
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
