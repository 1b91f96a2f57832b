package kql

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// Expressions are read by one function for each level of Kusto's grammar,
// lowest first. As there, comparisons and string operators do not chain, and a
// string operator binds tighter than arithmetic.

// parseExpr reads an expression.
func parseExpr(lex *lexer.PeekingLexer) (Expr, error) { return parseLogic(lex, Or, parseAnd) }

func parseAnd(lex *lexer.PeekingLexer) (Expr, error) { return parseLogic(lex, And, parseEquality) }

// parseLogic reads arguments joined by op into one flat Logic.
func parseLogic(lex *lexer.PeekingLexer, op string, arg func(*lexer.PeekingLexer) (Expr, error)) (Expr, error) {
	start := lex.Peek().Pos
	x, err := arg(lex)
	if err != nil || !isWord(lex, op) {
		return x, err
	}
	args := flatten(nil, op, x)
	for isWord(lex, op) {
		lex.Next()
		x, err := arg(lex)
		if err != nil {
			return nil, err
		}
		args = flatten(args, op, x)
	}
	return &Logic{Span: spanFrom(start, lex), Op: op, Args: args}, nil
}

func flatten(args []Expr, op string, x Expr) []Expr {
	if l, ok := x.(*Logic); ok && l.Op == op {
		return append(args, l.Args...)
	}
	return append(args, x)
}

func isWord(lex *lexer.PeekingLexer, word string) bool {
	t := lex.Peek()
	return t.Type == tokenIdent && t.Value == word
}

func parseEquality(lex *lexer.PeekingLexer) (Expr, error) {
	start := lex.Peek().Pos
	x, err := parseRelation(lex)
	if err != nil {
		return nil, err
	}
	switch t := lex.Peek(); t.Value {
	case "==", "!=", "<>":
		lex.Next()
		op := t.Value
		if op == "<>" {
			op = "!="
		}
		r, err := parseRelation(lex)
		if err != nil {
			return nil, err
		}
		return &Binary{Span: spanFrom(start, lex), Op: op, L: x, R: r}, nil
	case "in", "in~", "!in", "!in~", "has_any", "has_all", "!has_any", "!has_all":
		lex.Next()
		values, err := parseListOrQuery(lex)
		if err != nil {
			return nil, err
		}
		span := spanFrom(start, lex)
		if len(values) == 0 {
			return nil, errorAt(span, "write false, or true for a negated list", "the list of %s is empty", t.Value)
		}
		return &In{Span: span, Op: t.Value, X: x, Values: values}, nil
	case "between", "!between":
		lex.Next()
		open := lex.Peek()
		if open.Value != "(" {
			return nil, expected("( and a range A .. B", open)
		}
		lex.Next()
		a, err := parseAdd(lex)
		if err != nil {
			return nil, err
		}
		if dots := lex.Next(); dots.Value != ".." {
			return nil, expected(".. and the end of the range", dots)
		}
		b, err := parseAdd(lex)
		if err != nil {
			return nil, err
		}
		if err := closed(lex, open, ")"); err != nil {
			return nil, err
		}
		return &Between{Span: spanFrom(start, lex), Negated: t.Value == "!between", X: x, A: a, B: b}, nil
	}
	return x, nil
}

func parseRelation(lex *lexer.PeekingLexer) (Expr, error) {
	start := lex.Peek().Pos
	x, err := parseAdd(lex)
	if err != nil {
		return nil, err
	}
	switch op := lex.Peek().Value; op {
	case "<", "<=", ">", ">=":
		lex.Next()
		r, err := parseAdd(lex)
		if err != nil {
			return nil, err
		}
		return &Binary{Span: spanFrom(start, lex), Op: op, L: x, R: r}, nil
	}
	return x, nil
}

func parseAdd(lex *lexer.PeekingLexer) (Expr, error) {
	return parseChain(lex, levelAdd, parseMultiply)
}

func parseMultiply(lex *lexer.PeekingLexer) (Expr, error) {
	return parseChain(lex, levelMultiply, parseText)
}

// parseChain reads operators of one level, leaning left.
func parseChain(lex *lexer.PeekingLexer, at level, arg func(*lexer.PeekingLexer) (Expr, error)) (Expr, error) {
	start := lex.Peek().Pos
	x, err := arg(lex)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		t := lex.Peek()
		if t.Type != tokenPunct || binaryLevels[t.Value] != at {
			return x, nil
		}
		if n == maxChain {
			return nil, tooLong(t)
		}
		lex.Next()
		r, err := arg(lex)
		if err != nil {
			return nil, err
		}
		x = &Binary{Span: spanFrom(start, lex), Op: t.Value, L: x, R: r}
	}
}

// tooLong is the error for a chain that would make a tree too deep.
func tooLong(t *lexer.Token) *syntaxError {
	err := errorAt(spanOf(t), "split it with extend", "more than %d operators follow one another here", maxChain)
	err.d.Code = codeTooDeep
	return err
}

func parseText(lex *lexer.PeekingLexer) (Expr, error) {
	start := lex.Peek().Pos
	x, err := parseUnary(lex)
	if err != nil {
		return nil, err
	}
	t := lex.Peek()
	op := t.Value
	if op == "matches" {
		op = "matches regex"
	}
	if binaryLevels[op] != levelText {
		return x, nil
	}
	lex.Next()
	if t.Value == "matches" {
		if r := lex.Next(); r.Value != "regex" {
			return nil, expected("regex after matches", r)
		}
	}
	r, err := parseUnary(lex)
	if err != nil {
		return nil, err
	}
	return &Binary{Span: spanFrom(start, lex), Op: op, L: x, R: r}, nil
}

func parseUnary(lex *lexer.PeekingLexer) (Expr, error) {
	start := lex.Peek().Pos
	switch lex.Peek().Value {
	case "-":
		lex.Next()
		x, err := parseAccess(lex)
		if err != nil {
			return nil, err
		}
		return &Neg{Span: spanFrom(start, lex), X: x}, nil
	case "+":
		lex.Next()
	}
	return parseAccess(lex)
}

// parseAccess reads X, X.NAME, X[I].
func parseAccess(lex *lexer.PeekingLexer) (Expr, error) {
	start := lex.Peek().Pos
	x, err := parsePrimary(lex)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		t := lex.Peek()
		if t.Value != "." && t.Value != "[" {
			return x, nil
		}
		if n == maxChain {
			return nil, tooLong(t)
		}
		lex.Next()
		if t.Value == "." {
			name, err := parseName(lex, "a property's name")
			if err != nil {
				return nil, err
			}
			x = &Path{Span: spanFrom(start, lex), X: x, Name: name.Name}
			continue
		}
		i, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		if err := closed(lex, t, "]"); err != nil {
			return nil, err
		}
		x = &Index{Span: spanFrom(start, lex), X: x, I: i}
	}
}

func parsePrimary(lex *lexer.PeekingLexer) (Expr, error) {
	t := lex.Peek()
	switch t.Type {
	case tokenString:
		return parseString(lex), nil
	case tokenNumber:
		lex.Next()
		return &Number{Span: spanOf(t), Text: t.Value}, nil
	case tokenTimespan:
		lex.Next()
		return &Timespan{Span: spanOf(t), Text: t.Value}, nil
	case tokenLiteral:
		lex.Next()
		return literal(t), nil
	case tokenIdent:
		switch t.Value {
		case "true", "false":
			lex.Next()
			return &Bool{Span: spanOf(t), Value: t.Value == "true"}, nil
		}
		return parseColumnOrCall(lex)
	}
	switch t.Value {
	case "[":
		return parseColumnOrCall(lex)
	case "*":
		lex.Next()
		return &Star{Span: spanOf(t)}, nil
	case "(":
		lex.Next()
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		return x, closed(lex, t, ")")
	}
	return nil, expected("an expression", t)
}

// parseString reads a string literal and those that follow it: Kusto puts
// neighbours together.
func parseString(lex *lexer.PeekingLexer) *String {
	t := lex.Next()
	value := unquote(t.Value)
	if lex.Peek().Type == tokenString {
		var all strings.Builder
		all.WriteString(value)
		for lex.Peek().Type == tokenString {
			all.WriteString(unquote(lex.Next().Value))
		}
		value = all.String()
	}
	return &String{Span: spanFrom(t.Pos, lex), Value: value}
}

// literal reads TYPE(TEXT).
func literal(t *lexer.Token) Expr {
	typ, text, _ := strings.Cut(strings.TrimSuffix(t.Value, ")"), "(")
	typ, text = strings.TrimRight(typ, " \t"), strings.Trim(text, " \t")
	span := spanOf(t)
	switch typ {
	case "datetime", "date":
		return &Datetime{Span: span, Text: text}
	case "timespan", "time":
		return &Timespan{Span: span, Text: text}
	}
	return &Typed{Span: span, Type: typ, Text: text}
}

// parseColumnOrCall reads a name, or NAME(ARGS).
func parseColumnOrCall(lex *lexer.PeekingLexer) (Expr, error) {
	t := lex.Peek()
	mark := lex.MakeCheckpoint()
	lex.Next()
	if t.Type != tokenIdent || lex.Peek().Value != "(" {
		lex.LoadCheckpoint(mark)
		name, err := parseName(lex, "an expression")
		if err != nil {
			return nil, err
		}
		if t.Value == "not" {
			return nil, errorAt(name.Span, "write not(...)", "not is a function, and its argument stands in parentheses")
		}
		return name, nil
	}
	switch {
	case t.Value == "dynamic":
		return parseDynamic(lex, t)
	case isLiteralWord(t.Value):
		return nil, errorAt(spanOf(t), "convert a value with to"+t.Value+"(...)", "%s(...) holds a literal, not an expression", t.Value)
	case !isFunctionName(t.Value):
		return nil, expected("an expression", t)
	}
	args, err := parseArgs(lex)
	if t.Value == "toscalar" && err != nil {
		lex.LoadCheckpoint(mark)
		lex.Next()
		args, err = parseListOrQuery(lex)
	}
	if err != nil {
		return nil, err
	}
	return &Call{Span: spanFrom(t.Pos, lex), Name: t.Value, Args: args}, nil
}

// parseArgs reads ( A, B ), which may be empty.
func parseArgs(lex *lexer.PeekingLexer) ([]Expr, error) {
	open := lex.Peek()
	if open.Value != "(" {
		return nil, expected("a list in parentheses", open)
	}
	lex.Next()
	if lex.Peek().Value == ")" {
		lex.Next()
		return nil, nil
	}
	args, err := parseList(lex, parseExpr)
	if err != nil {
		return nil, err
	}
	return args, closed(lex, open, ")")
}

// parseListOrQuery reads ( A, B ), or ( QUERY ).
func parseListOrQuery(lex *lexer.PeekingLexer) ([]Expr, error) {
	mark := lex.MakeCheckpoint()
	args, err := parseArgs(lex)
	if err == nil {
		return args, nil
	}
	failed := lex.Peek().Pos.Offset
	lex.LoadCheckpoint(mark)
	q := &Query{}
	start := lex.Peek().Pos
	if lex.Peek().Value != "(" {
		return nil, err
	}
	if asQuery := q.parenthesised(lex); asQuery != nil {
		if lex.Peek().Pos.Offset > failed {
			err = asQuery
		}
		return nil, err
	}
	return []Expr{&SubQuery{Span: spanFrom(start, lex), Query: q}}, nil
}

func parseList(lex *lexer.PeekingLexer, item func(*lexer.PeekingLexer) (Expr, error)) ([]Expr, error) {
	var list []Expr
	for {
		x, err := item(lex)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if lex.Peek().Value != "," {
			return list, nil
		}
		lex.Next()
	}
}

// parseDynamic reads the rest of dynamic([A, B]).
func parseDynamic(lex *lexer.PeekingLexer, start *lexer.Token) (Expr, error) {
	open := lex.Next()
	bracket := lex.Peek()
	if bracket.Value != "[" {
		return nil, expected("a list in brackets", bracket)
	}
	lex.Next()
	var items []Expr
	if lex.Peek().Value != "]" {
		var err error
		if items, err = parseList(lex, parseDynamicItem); err != nil {
			return nil, err
		}
	}
	if err := closed(lex, bracket, "]"); err != nil {
		return nil, err
	}
	if err := closed(lex, open, ")"); err != nil {
		return nil, err
	}
	return &Dynamic{Span: spanFrom(start.Pos, lex), Items: items}, nil
}

// parseDynamicItem reads a string, a number or a truth value.
func parseDynamicItem(lex *lexer.PeekingLexer) (Expr, error) {
	t := lex.Peek()
	x, err := parseUnary(lex)
	if err != nil {
		return nil, err
	}
	switch v := x.(type) {
	case *String, *Number, *Bool:
		return x, nil
	case *Neg:
		if _, ok := v.X.(*Number); ok {
			return x, nil
		}
	}
	return nil, errorAt(diag.Span{Pos: diag.Pos(t.Pos), EndPos: x.At().EndPos}, "", "an element of dynamic([...]) has to be a string, a number, true or false")
}
