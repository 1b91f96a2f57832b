package spl

import (
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// maxDepth bounds nesting: of parentheses and brackets in a text, and of nodes
// in a tree, where a chain of one operator counts once.
const maxDepth = 100

// syntaxError is a participle.Error in our own words.
type syntaxError struct {
	span diag.Span
	code diag.Code
	msg  string
	hint string
}

func (e *syntaxError) Error() string            { return e.msg }
func (e *syntaxError) Message() string          { return e.msg }
func (e *syntaxError) Position() lexer.Position { return lexer.Position(e.span.Pos) }

var _ participle.Error = (*syntaxError)(nil)

func tokenSpan(t *lexer.Token) diag.Span {
	end := t.Pos
	end.Advance(t.Value)
	return diag.Span{Pos: diag.Pos(t.Pos), EndPos: diag.Pos(end)}
}

func errorAt(t *lexer.Token, msg string) error {
	return &syntaxError{span: tokenSpan(t), code: codeArguments, msg: msg}
}

// unexpected words a token that no rule takes; want may be empty.
func unexpected(t *lexer.Token, want string) error {
	msg := "unexpected " + describe(t)
	switch l := spl(); t.Type {
	case l.badString, l.badMacro, l.badComment, l.badTicks:
		msg = describe(t)
		want = ""
	}
	if want != "" {
		msg += ", expected " + want
	}
	return errorAt(t, msg)
}

func describe(t *lexer.Token) string {
	switch l := spl(); t.Type {
	case lexer.EOF:
		return "end of the search"
	case l.badString:
		return "a string that is not closed"
	case l.badMacro:
		return "a macro without its closing backtick"
	case l.badComment:
		return "a comment that is not closed"
	case l.badTicks:
		return "four backticks in a row, which Splunk does not accept"
	}
	text := trim(t.Value)
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "..."
	}
	return quoteForMessage(text)
}

// quoteForMessage puts a text in quotes that differ from those inside it.
func quoteForMessage(s string) string {
	if strings.Contains(s, `"`) {
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// unwritable turns an InexpressibleError into an error at a token.
func unwritable(t *lexer.Token, err error) error {
	return &syntaxError{span: tokenSpan(t), code: codeUnwritable, msg: err.Error(),
		hint: "Write the character as an escape of a regular expression, for example \\x0a in match() or regex, or leave it out."}
}

// from starts a span at the next token; to ends it after the last one taken.
func from(lex *lexer.PeekingLexer) diag.Span { return diag.Span{Pos: diag.Pos(lex.Peek().Pos)} }

func to(lex *lexer.PeekingLexer, s diag.Span) diag.Span {
	s.EndPos = diag.Pos(lex.RawPeek().Pos)
	return s
}

// unescape reads what stands between the quotes of a string: \\ and \" lose
// their backslash, anything else keeps it.
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '"') {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// searchParts is unescape for a value of a search expression, split at its
// wildcards.
func searchParts(s string) []string {
	var parts []string
	var b []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '"'):
			i++
			b = append(b, s[i])
		case s[i] == '*':
			parts, b = append(parts, string(b)), b[:0]
		default:
			b = append(b, s[i])
		}
	}
	return append(parts, string(b))
}

func unquoted(t *lexer.Token) (string, bool) {
	if t.Type == spl().str {
		return t.Value[1 : len(t.Value)-1], true
	}
	return t.Value, false
}

func searchValue(t *lexer.Token) (SearchValue, error) {
	text, quoted := unquoted(t)
	v := SearchValue{Parts: searchParts(text), Number: !quoted && isNumber(text)}
	for _, part := range v.Parts {
		if err := ExpressibleSearch(part); err != nil {
			return v, unwritable(t, err)
		}
	}
	return v, nil
}

// fieldName reads a name outside eval.
func fieldName(t *lexer.Token, star bool) (string, error) {
	text, quoted := unquoted(t)
	if quoted {
		text = unescape(text)
	} else if text[0] == '-' || text[0] == '+' {
		return "", errorAt(t, "unexpected "+quoteForMessage(text)+", expected the name of a field")
	}
	if e := badName(text, star); e != nil {
		return "", unwritable(t, e)
	}
	return text, nil
}

func macroOf(t *lexer.Token) (Macro, error) {
	text := t.Value[1 : len(t.Value)-1]
	name, rest, call := strings.Cut(text, "(")
	m := Macro{Name: trim(name)}
	bad := func(why string) (Macro, error) {
		return m, &syntaxError{span: tokenSpan(t), code: codeArguments, msg: "the macro " + t.Value + " " + why,
			hint: "A macro is written `name` or `name(argument, argument)`."}
	}
	if !macroName(m.Name) {
		return bad("has no name that Splunk accepts")
	}
	if !call {
		return m, nil
	}
	rest = trim(rest)
	if !strings.HasSuffix(rest, ")") {
		return bad("does not end in a closing parenthesis")
	}
	rest = trim(rest[:len(rest)-1])
	if rest == "" {
		return m, nil
	}
	start, quoted := 0, false
	for i := 0; i <= len(rest); i++ {
		switch {
		case i == len(rest) || rest[i] == ',' && !quoted:
			arg := trim(rest[start:i])
			if err := badMacroArg(arg); err != nil {
				return m, unwritable(t, err)
			}
			m.Args = append(m.Args, arg)
			start = i + 1
		case rest[i] == '\\' && quoted:
			i++
		case rest[i] == '"':
			quoted = !quoted
		}
	}
	return m, nil
}

// parseSearchExpr reads a search expression, in which OR binds tighter than
// AND and AND may be left out.
func parseSearchExpr(lex *lexer.PeekingLexer) (SearchExpr, error) {
	e, err := searchAnd(lex)
	if err == nil && searchDepth(e) > maxDepth {
		return nil, tooDeep(e.At())
	}
	return e, err
}

func tooDeep(s diag.Span) error {
	return &syntaxError{span: s, code: codeTooDeep, msg: "the expression is nested more than 100 levels deep",
		hint: "Write it flatter: a chain of AND or of OR counts as one level."}
}

func isSearchWord(t *lexer.Token, word string) bool {
	return t.Type == spl().searchWord && t.Value == word
}

// searchStarts reports whether a token can begin an operand.
func searchStarts(t *lexer.Token) bool {
	switch l := spl(); t.Type {
	case l.searchWord:
		return t.Value != "OR" && t.Value != "AND"
	case l.str, l.macro, l.termOpen:
		return true
	}
	return t.Value == "("
}

func searchAnd(lex *lexer.PeekingLexer) (SearchExpr, error) {
	span := from(lex)
	var args []SearchExpr
	for {
		e, err := searchOr(lex)
		if err != nil {
			return nil, err
		}
		args = append(args, e)
		if isSearchWord(lex.Peek(), "AND") {
			lex.Next()
		} else if !searchStarts(lex.Peek()) {
			break
		}
	}
	if len(args) == 1 {
		return args[0], nil
	}
	return &SearchLogic{Span: to(lex, span), Args: args}, nil
}

func searchOr(lex *lexer.PeekingLexer) (SearchExpr, error) {
	span := from(lex)
	e, err := searchNot(lex)
	if err != nil || !isSearchWord(lex.Peek(), "OR") {
		return e, err
	}
	args := []SearchExpr{e}
	for isSearchWord(lex.Peek(), "OR") {
		lex.Next()
		e, err := searchNot(lex)
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	return &SearchLogic{Span: to(lex, span), Or: true, Args: args}, nil
}

func searchNot(lex *lexer.PeekingLexer) (SearchExpr, error) {
	var nots []diag.Span
	for isSearchWord(lex.Peek(), "NOT") {
		nots = append(nots, from(lex))
		lex.Next()
		if len(nots) > maxDepth {
			return nil, tooDeep(to(lex, nots[0]))
		}
	}
	e, err := searchPrimary(lex)
	if err != nil {
		return nil, err
	}
	for i := len(nots) - 1; i >= 0; i-- {
		e = &SearchNot{Span: to(lex, nots[i]), X: e}
	}
	return e, nil
}

func searchPrimary(lex *lexer.PeekingLexer) (SearchExpr, error) {
	l, span, t := spl(), from(lex), lex.Peek()
	if !searchStarts(t) {
		return nil, unexpected(t, "a term, a comparison or (")
	}
	lex.Next()
	switch t.Type {
	case l.macro:
		m, err := macroOf(t)
		return &SearchMacro{Span: to(lex, span), Macro: m}, err
	case l.termOpen:
		arg := lex.Peek()
		if arg.Type != l.str && arg.Type != l.termText {
			return nil, unexpected(arg, "a word")
		}
		lex.Next()
		v, err := searchValue(arg)
		if err != nil {
			return nil, err
		}
		if err := expect(lex, ")"); err != nil {
			return nil, err
		}
		return &SearchTerm{Span: to(lex, span), Func: strings.TrimSuffix(t.Value, "("), Value: v}, nil
	case l.searchWord, l.str:
	default:
		e, err := searchAnd(lex)
		if err != nil {
			return nil, err
		}
		return e, expect(lex, ")")
	}
	switch next := lex.Peek(); {
	case next.Type == l.searchOp:
		lex.Next()
		name, err := fieldName(t, false)
		if err != nil {
			return nil, err
		}
		arg := lex.Peek()
		if arg.Type != l.str && arg.Type != l.searchWord {
			return nil, unexpected(arg, "a value after "+name+next.Value)
		}
		lex.Next()
		v, err := searchValue(arg)
		return &SearchCompare{Span: to(lex, span), Field: name, Op: next.Value, Value: v}, err
	case isSearchWord(next, "IN"):
		lex.Next()
		name, err := fieldName(t, false)
		if err != nil {
			return nil, err
		}
		if err := expect(lex, "("); err != nil {
			return nil, err
		}
		e := &SearchIn{Field: name}
		for {
			arg := lex.Peek()
			if arg.Type != l.str && arg.Type != l.searchWord {
				return nil, unexpected(arg, "a value of IN")
			}
			lex.Next()
			v, err := searchValue(arg)
			if err != nil {
				return nil, err
			}
			e.Values = append(e.Values, v)
			if lex.Peek().Value != "," {
				break
			}
			lex.Next()
		}
		if err := expect(lex, ")"); err != nil {
			return nil, err
		}
		e.Span = to(lex, span)
		return e, nil
	}
	if next := lex.Peek(); t.Type == l.searchWord && next.Value == "(" && next.Pos.Offset == t.Pos.Offset+len(t.Value) && evalFunction(t.Value) {
		return nil, &syntaxError{span: tokenSpan(t), code: codeArguments,
			msg:  t.Value + "(...) is a function of eval, and a search expression has none",
			hint: "Put it into a | where behind this command."}
	}
	v, err := searchValue(t)
	return &SearchTerm{Span: to(lex, span), Value: v}, err
}

// evalFunction recognises the functions that people write where only a search
// expression can stand.
func evalFunction(word string) bool {
	switch strings.ToLower(word) {
	case "match", "cidrmatch", "like", "searchmatch", "isnull", "isnotnull", "coalesce", "if", "len", "lower", "upper", "mvcount", "relative_time", "now", "strptime":
		return true
	}
	return false
}

// expect takes a mark. The value decides, not the type: no string, macro or
// word has the value of a mark.
func expect(lex *lexer.PeekingLexer, mark string) error {
	if t := lex.Peek(); t.Value != mark {
		return unexpected(t, mark)
	}
	lex.Next()
	return nil
}

func searchDepth(e SearchExpr) int {
	deepest := 0
	switch e := e.(type) {
	case *SearchLogic:
		for _, a := range e.Args {
			deepest = max(deepest, searchDepth(a))
		}
	case *SearchNot:
		deepest = searchDepth(e.X)
	}
	return deepest + 1
}

// parseExpr reads an eval expression by precedence climbing.
func parseExpr(lex *lexer.PeekingLexer) (Expr, error) {
	e, err := climb(lex, levelXor, false)
	if err == nil && exprDepth(e) > maxDepth {
		return nil, tooDeep(e.At())
	}
	return e, err
}

// binaryOp is the operator that a token stands for, "" if none.
func binaryOp(t *lexer.Token) string {
	switch l := spl(); t.Type {
	case l.evalOp:
		return t.Value
	case l.evalIdent:
		switch op := strings.ToUpper(t.Value); op {
		case "AND", "OR", "XOR", "LIKE", "IN":
			return op
		}
	}
	return ""
}

// climb reads operators that bind at least as tightly as level. Comparisons
// do not chain. pattern says that a lone string is a regular expression.
func climb(lex *lexer.PeekingLexer, level int, pattern bool) (Expr, error) {
	span := from(lex)
	left, err := operand(lex, pattern)
	if err != nil {
		return nil, err
	}
	limit := levelPrimary
	for {
		op := binaryOp(lex.Peek())
		at := opLevel(op)
		if op == "IN" {
			at = levelCompare
		}
		if op == "" || at < level || at > limit {
			return left, nil
		}
		lex.Next()
		if op == "IN" {
			if err := expect(lex, "("); err != nil {
				return nil, err
			}
			values, err := exprArgs(lex, "")
			if err != nil {
				return nil, err
			}
			if len(values) == 0 {
				return nil, errorAt(lex.Peek(), "IN needs a value")
			}
			left = &InExpr{Span: to(lex, span), X: left, Values: values}
			limit = levelCompare - 1
			continue
		}
		right, err := climb(lex, at+1, false)
		if err != nil {
			return nil, err
		}
		left = &Binary{Span: to(lex, span), Op: op, L: left, R: right}
		limit = at
		if at == levelCompare {
			limit = levelCompare - 1
		}
	}
}

// operand reads an operand with its prefix operators. NOT applies to a whole
// comparison, - to one operand.
func operand(lex *lexer.PeekingLexer, pattern bool) (Expr, error) {
	l, span, t := spl(), from(lex), lex.Peek()
	switch {
	case t.Type == l.evalIdent && strings.EqualFold(t.Value, "NOT"):
		nots := []diag.Span{}
		for t.Type == l.evalIdent && strings.EqualFold(t.Value, "NOT") {
			nots = append(nots, from(lex))
			lex.Next()
			t = lex.Peek()
			if len(nots) > maxDepth {
				return nil, tooDeep(to(lex, nots[0]))
			}
		}
		x, err := climb(lex, levelCompare, false)
		if err != nil {
			return nil, err
		}
		for i := len(nots) - 1; i >= 0; i-- {
			x = &Unary{Span: to(lex, nots[i]), Op: "NOT", X: x}
		}
		return x, nil
	case t.Value == "-" && t.Type == l.evalOp:
		lex.Next()
		if n := lex.Peek(); n.Type == l.evalNumber {
			lex.Next()
			return &NumberLit{Span: to(lex, span), Text: "-" + n.Value}, nil
		}
		// A sign before a sign is written with parentheses.
		if n := lex.Peek(); n.Value == "-" && n.Type == l.evalOp {
			return nil, unexpected(n, "an operand after -")
		}
		x, err := primary(lex, false)
		return &Unary{Span: to(lex, span), Op: "-", X: x}, err
	}
	return primary(lex, pattern)
}

func primary(lex *lexer.PeekingLexer, pattern bool) (Expr, error) {
	l, span, t := spl(), from(lex), lex.Peek()
	switch t.Type {
	case l.str:
		lex.Next()
		raw, _ := unquoted(t)
		if !pattern {
			if i := controlEscape(raw); i >= 0 {
				return nil, &syntaxError{span: tokenSpan(t), code: codeUnwritable,
					msg:  "the string " + describe(t) + " holds " + raw[i:i+2] + ", which Splunk may read as a control character",
					hint: "Write " + `\` + raw[i:i+2] + " for a backslash and a letter."}
			}
		}
		s := unescape(raw)
		if err := Expressible(s); err != nil {
			return nil, unwritable(t, err)
		}
		return &StringLit{Span: to(lex, span), Value: s}, nil
	case l.evalNumber:
		lex.Next()
		return &NumberLit{Span: to(lex, span), Text: t.Value}, nil
	case l.evalField:
		lex.Next()
		name := t.Value[1 : len(t.Value)-1]
		if err := ExpressibleName(name); err != nil {
			return nil, unwritable(t, err)
		}
		return &FieldRef{Span: to(lex, span), Name: name}, nil
	case l.evalIdent:
		if !callName(t.Value) {
			break
		}
		lex.Next()
		if lex.Peek().Value == "(" {
			lex.Next()
			name := strings.ToLower(t.Value)
			args, err := exprArgs(lex, name)
			return &CallExpr{Span: to(lex, span), Name: name, Args: args}, err
		}
		switch name := strings.ToLower(t.Value); name {
		case "true", "false", "null":
			return &CallExpr{Span: to(lex, span), Name: name}, nil
		case "in", "like":
			return nil, unexpected(t, "an operand")
		}
		return &FieldRef{Span: to(lex, span), Name: t.Value}, nil
	}
	if t.Value == "(" {
		lex.Next()
		e, err := climb(lex, levelXor, false)
		if err != nil {
			return nil, err
		}
		return e, expect(lex, ")")
	}
	return nil, unexpected(t, "an operand")
}

// controlEscape finds \t, \n or \r between the quotes of a string; -1 if there
// is none.
func controlEscape(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '\\' {
			switch s[i+1] {
			case 't', 'n', 'r':
				return i
			}
			i++
		}
	}
	return -1
}

// exprArgs reads arguments and the closing parenthesis.
func exprArgs(lex *lexer.PeekingLexer, function string) ([]Expr, error) {
	var args []Expr
	if lex.Peek().Value == ")" {
		lex.Next()
		return nil, nil
	}
	for {
		e, err := climb(lex, levelXor, regexArg(function, len(args)))
		if err != nil {
			return nil, err
		}
		args = append(args, e)
		if lex.Peek().Value != "," {
			return args, expect(lex, ")")
		}
		lex.Next()
	}
}

// deepest finds an expression, or a subsearch, that is nested more than
// maxDepth levels deep; depth is the number of brackets around s. It returns
// nil if there is none. Print refuses what Parse refuses.
func deepest(s *Search, depth int) diag.Node {
	if depth > maxDepth {
		return s
	}
	for _, c := range s.Commands {
		var expr Expr
		var search SearchExpr
		var sub *Search
		var aggs []Agg
		switch c := c.(type) {
		case *Tstats:
			search, aggs = c.Where, c.Aggs
		case *SearchCmd:
			search = c.Expr
		case *Where:
			expr = c.Expr
		case *Eval:
			for _, a := range c.Assign {
				if depth+exprDepth(a.Expr) > maxDepth {
					return a.Expr
				}
			}
		case *Stats:
			aggs = c.Aggs
		case *Streamstats:
			aggs = c.Aggs
		case *Append:
			sub = c.Search
		case *Join:
			sub = c.Search
		}
		if expr != nil && depth+exprDepth(expr) > maxDepth {
			return expr
		}
		if search != nil && depth+searchDepth(search) > maxDepth {
			return search
		}
		for _, a := range aggs {
			// count(eval( opens two parentheses of its own.
			if a.Eval != nil && depth+2+exprDepth(a.Eval) > maxDepth {
				return a.Eval
			}
		}
		if sub != nil {
			if n := deepest(sub, depth+1); n != nil {
				return n
			}
		}
	}
	return nil
}

// exprDepth counts levels as the printer opens parentheses: a chain that leans
// left is one level.
func exprDepth(e Expr) int {
	deepest := 0
	switch e := e.(type) {
	case *Binary:
		var x Expr = e
		for {
			b, ok := x.(*Binary)
			if !ok || !sameChain(b.Op, e.Op) {
				break
			}
			deepest = max(deepest, exprDepth(b.R))
			x = b.L
		}
		deepest = max(deepest, exprDepth(x))
	case *Unary:
		deepest = exprDepth(e.X)
	case *CallExpr:
		for _, a := range e.Args {
			deepest = max(deepest, exprDepth(a))
		}
	case *InExpr:
		deepest = exprDepth(e.X)
		for _, v := range e.Values {
			deepest = max(deepest, exprDepth(v))
		}
	}
	return deepest + 1
}
