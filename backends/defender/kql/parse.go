package kql

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// MaxSize is how many bytes of a text Parse reads.
const MaxSize = maxSize

// Bounds on what is read, so that no text can take the parser's time or stack.
const (
	maxSize  = 1 << 20 // bytes of a text
	maxDepth = 200     // nested brackets
	maxBars  = 5_000   // operators of a text of people
	maxChain = 400     // operators that lean left, one on another
)

// Parse reads one query, and the let statements in front of it. Each operator of the outer pipe is read by itself, so
// that an error in one does not hide the next: an operator that cannot be read
// stands in the query as an Unknown and in the list as an error. An operator
// that this package does not know is an Unknown and a warning. The query is nil
// where the text is no sequence of tokens or does not start as a query.
//
// Spans count from the start of text; filename only labels them.
func Parse(filename, text string) (*Query, diag.List) {
	lex, diags := tokens(filename, text)
	if lex == nil {
		return nil, diags
	}
	q := &Query{}
	start := lex.Peek().Pos
	err := q.lets(lex)
	if err == nil {
		err = q.pipeline(lex, &diags)
	}
	if err != nil {
		diags = append(diags, diagnose(err, ""))
		return nil, diags
	}
	q.Span = spanFrom(start, lex)
	if t := lex.Peek(); t.Value == ";" {
		lex.Next()
		if next := lex.Peek(); !next.EOF() {
			diags = append(diags, unexpected(next, "a query is one statement; split the others off").d)
		}
	} else if !t.EOF() {
		diags = append(diags, unexpected(t, "").d)
	}
	diags = append(diags, slips(q, diag.Error)...)
	Walk(q, func(n diag.Node) bool {
		if u, ok := n.(*Unknown); ok && !opReaders[u.Name] {
			diags.Warnf(codeUnknownOperator, u, "check how it is spelled; operators are written in lower case",
				"the operator %s is not read; its text is kept as it is", u.Name)
		}
		return true
	})
	diags.Sort()
	return q, diags
}

// slips are the operators in q that Kusto does not have, and that can only mean
// the negation of one that it has.
func slips(n diag.Node, severity diag.Severity) diag.List {
	var diags diag.List
	Walk(n, func(n diag.Node) bool {
		if in, ok := n.(*In); ok {
			if op, negated := strings.CutPrefix(in.Op, "!has"); negated {
				d := errorAt(in.Span, "write not(X has"+op+" (...))", "Kusto has no operator %s", in.Op).d
				if d.Severity = severity; severity == diag.Warning {
					d.Code, d.Message = codeRepaired, d.Message+"; it is taken for the negation"
				}
				diags = append(diags, d)
			}
		}
		return true
	})
	return diags
}

// ParseExpr reads one expression. The error, if any, has the place in its text.
func ParseExpr(text string) (Expr, error) {
	lex, diags := tokens("", text)
	if lex == nil {
		return nil, &syntaxError{diags[0]}
	}
	x, err := parseExpr(lex)
	if err != nil {
		return nil, err
	}
	if t := lex.Peek(); !t.EOF() {
		return nil, unexpected(t, "")
	}
	return x, nil
}

// tokens lexes a text and holds it against the bounds. The lexer is nil if
// there are diagnostics.
func tokens(filename, text string) (*lexer.PeekingLexer, diag.List) {
	return tokensOf(filename, text, false)
}

// repairedTokens is tokens for texts of people, in which slips are read.
func repairedTokens(filename, text string) (*lexer.PeekingLexer, diag.List) {
	return tokensOf(filename, text, true)
}

func tokensOf(filename, text string, repair bool) (*lexer.PeekingLexer, diag.List) {
	var diags diag.List
	if len(text) > maxSize {
		at := diag.Span{Pos: diag.Pos{Filename: filename, Line: 1, Column: 1}}
		diags.Errorf(codeTooLong, at, "keep long lists of indicators out of the query", "the query is %d bytes long; at most %d are read", len(text), maxSize)
		return nil, diags
	}
	toks, diags := lexText(filename, text, repair)
	if diags.HasErrors() {
		return nil, diags
	}
	depth, bars := 0, 0
	for i := range toks {
		switch toks[i].Value {
		case "|":
			if bars++; repair && bars > maxBars {
				diags.Errorf(codeTooLong, spanOf(&toks[i]), "put several conditions into one where", "the query has more than %d operators", maxBars)
				return nil, diags
			}
		case "(", "[", "{":
			if depth++; depth > maxDepth {
				diags.Errorf(codeTooDeep, spanOf(&toks[i]), "write long alternatives as one flat list, or with in~ (...)", "brackets nest more than %d deep here", maxDepth)
				return nil, diags
			}
		case ")", "]", "}":
			depth--
		}
	}
	peeking, err := lexer.Upgrade(&tokenSource{toks}, tokenSpace)
	if err != nil {
		panic(err) // a tokenSource has no errors
	}
	return peeking, diags
}

// syntaxError carries a diagnostic through participle.
type syntaxError struct{ d diag.Diagnostic }

// Error implements error; the place is line:column.
func (e *syntaxError) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.d.Pos.Line, e.d.Pos.Column, e.d.Message)
	if e.d.Hint != "" {
		s += " (" + e.d.Hint + ")"
	}
	return s
}

func errorAt(span diag.Span, hint, format string, args ...any) *syntaxError {
	return &syntaxError{diag.Diagnostic{Span: span, Severity: diag.Error, Code: codeSyntax, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

// expected says that something else should stand where t is.
func expected(what string, t *lexer.Token) *syntaxError {
	return errorAt(spanOf(t), hintFor(t), "expected %s, found %s", what, show(t))
}

func unexpected(t *lexer.Token, hint string) *syntaxError {
	if h := hintFor(t); h != "" {
		hint = h
	}
	if t.EOF() {
		return errorAt(spanOf(t), hint, "the query ends too early")
	}
	return errorAt(spanOf(t), hint, "%s is not expected here", show(t))
}

// hintFor is what to write instead of a token that Kusto does not have here.
func hintFor(t *lexer.Token) string {
	switch t.Value {
	case "AND", "And", "OR", "Or", "NOT", "Not", "IN", "In":
		return "operators are written in lower case: " + strings.ToLower(t.Value)
	case "=":
		return "equality is written == or =~"
	}
	return ""
}

// show names a token for a message.
func show(t *lexer.Token) string {
	switch {
	case t.EOF():
		return "the end of the query"
	case t.Type == tokenString:
		return "the string " + shorten(t.Value)
	}
	return shorten(t.Value)
}

func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

func spanOf(t *lexer.Token) diag.Span {
	return diag.Span{Pos: diag.Pos(t.Pos), EndPos: diag.Pos(advance(t.Pos, t.Value))}
}

// spanFrom is the span from a token's start to what has been read.
func spanFrom(start lexer.Position, lex *lexer.PeekingLexer) diag.Span {
	return diag.Span{Pos: diag.Pos(start), EndPos: diag.Pos(lex.RawPeek().Pos)}
}

// diagnose turns an error of participle into a diagnostic; usage says how the
// operator is written.
func diagnose(err error, usage string) diag.Diagnostic {
	var own *syntaxError
	if errors.As(err, &own) {
		return own.d
	}
	var token *participle.UnexpectedTokenError
	if errors.As(err, &token) {
		d := unexpected(&token.Unexpected, "").d
		if usage != "" && d.Hint == "" {
			d.Hint = "write " + usage
		}
		return d
	}
	panic(err) // the rest is a number, which reader sees to
}

// The grammar of each operator is in the tags of its node. Nothing looks
// further ahead than one token: once an alternative has taken a token, it is
// the one, so that errors are where the text goes wrong and time is linear.
var options []participle.Option

// An expression may hold a query, so that this cannot be said above.
func init() {
	options = []participle.Option{
		participle.Lexer(definition{}),
		participle.Elide("Space"),
		participle.UseLookahead(0),
		participle.ParseTypeWith(parseExpr),
	}
}

// reader reads one production after another from the tokens; it is built when
// it is first used.
func reader[T any](usage string) func(*lexer.PeekingLexer) (*T, error) {
	build := sync.OnceValue(func() *participle.Parser[T] { return participle.MustBuild[T](options...) })
	return func(lex *lexer.PeekingLexer) (*T, error) {
		mark := lex.MakeCheckpoint()
		v, err := build().ParseFromLexer(lex, participle.AllowTrailing(true))
		if err == nil {
			return v, nil
		}
		// An error that is not about a token is about the value of the one
		// number that an operator has.
		if number := (*strconv.NumError)(nil); errors.As(err, &number) {
			lex.LoadCheckpoint(mark)
			for lex.Peek().Type != tokenNumber {
				lex.Next()
			}
			t := lex.Peek()
			return nil, errorAt(spanOf(t), "write "+usage, "%s is not a whole number in range", show(t))
		}
		return nil, &syntaxError{diagnose(err, usage)}
	}
}

var (
	readWhere          = reader[Where]("where CONDITION")
	readExtend         = reader[Extend]("extend NAME = EXPRESSION, ...")
	readProject        = reader[Project]("project COLUMN, NAME = EXPRESSION, ...")
	readProjectAway    = reader[ProjectAway]("project-away COLUMN, ...")
	readProjectKeep    = reader[ProjectKeep]("project-keep COLUMN, ...")
	readProjectReorder = reader[ProjectReorder]("project-reorder COLUMN, ...")
	readProjectRename  = reader[ProjectRename]("project-rename NEW = OLD, ...")
	readSummarize      = reader[Summarize]("summarize NAME = AGGREGATE, ... by COLUMN, ...")
	readDistinct       = reader[Distinct]("distinct COLUMN, ...")
	readSort           = reader[Sort]("sort by COLUMN asc, COLUMN desc, ...")
	readTop            = reader[Top]("top NUMBER by COLUMN desc")
	readTake           = reader[Take]("take NUMBER")
	readSerialize      = reader[Serialize]("serialize, or serialize NAME = EXPRESSION, ...")
	readJoin           = reader[JoinOp]("join kind=inner (QUERY) on COLUMN, ...")
	readLookup         = reader[Lookup]("lookup kind=leftouter (QUERY) on COLUMN, ...")
	readUnionOp        = reader[UnionOp]("union TABLE, (QUERY), ...")
	readUnion          = reader[UnionSource]("union TABLE, (QUERY), ...")
)

// opReaders holds the names of the operators that readOp reads.
var opReaders = wordSet("where", "filter", "extend", "project", "project-away", "project-keep", "project-reorder", "project-rename", "summarize", "distinct", "sort", "order",
	"top", "take", "limit", "serialize", "join", "lookup", "union")

// readOp reads the operator whose name comes next.
func readOp(lex *lexer.PeekingLexer, script bool) (Op, error) {
	switch lex.Peek().Value {
	case "where", "filter":
		return op(readWhere(lex))
	case "extend":
		return op(readExtend(lex))
	case "project":
		return op(readProject(lex))
	case "project-away":
		return op(readProjectAway(lex))
	case "project-keep":
		return op(readProjectKeep(lex))
	case "project-reorder":
		return op(readProjectReorder(lex))
	case "project-rename":
		return op(readProjectRename(lex))
	case "summarize":
		s, err := readSummarize(lex)
		if err == nil && len(s.Aggs)+len(s.By) == 0 {
			if err := whyNot(lex); err != nil {
				return nil, err
			}
			err = errorAt(s.Span, "write summarize count() by COLUMN", "summarize has neither an aggregate nor a column after by")
		}
		return op(s, err)
	case "distinct":
		return op(readDistinct(lex))
	case "sort", "order":
		return op(readSort(lex))
	case "top":
		return op(readTop(lex))
	case "take", "limit":
		return op(readTake(lex))
	case "serialize":
		s, err := readSerialize(lex)
		if err == nil && len(s.Cols) == 0 {
			err = whyNot(lex)
		}
		return op(s, err)
	case "join":
		j, err := readJoin(lex)
		if err != nil {
			return nil, err
		}
		if j.Kind == "" {
			j.Kind = "innerunique"
		}
		if !joinKinds[j.Kind] {
			return nil, errorAt(j.Span, "the kinds are inner, innerunique, leftouter, rightouter, fullouter, leftsemi, rightsemi, leftanti and rightanti",
				"%s is no kind of join", j.Kind)
		}
		return j, nil
	case "lookup":
		l, err := readLookup(lex)
		if err != nil {
			return nil, err
		}
		if l.Kind == "" {
			l.Kind = "leftouter"
		}
		if !lookupKinds[l.Kind] {
			return nil, errorAt(l.Span, "the kinds are leftouter and inner", "%s is no kind of lookup", l.Kind)
		}
		return l, nil
	case "union":
		return op(readUnionOp(lex))
	}
	return skipOp(lex, script), nil
}

// whyNot is the error for a list of columns that was optional and did not
// start, or nil where the operator ends here.
func whyNot(lex *lexer.PeekingLexer) error {
	if endsOp(lex.Peek()) {
		return nil
	}
	return new(NamedExpr).Parse(lex)
}

// op keeps a nil pointer from becoming an Op.
func op[T Op](v T, err error) (Op, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// skipOp takes everything up to the end of the operator; in a script that may be
// where another query starts.
func skipOp(lex *lexer.PeekingLexer, script bool) *Unknown {
	name, first := lex.PeekAny(func(lexer.Token) bool { return false })
	depth := 0
	for t := lex.Peek(); !t.EOF(); t = lex.Peek() {
		switch t.Value {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth < 0 || depth == 0 && (t.Value == "|" || t.Value == ";" || script && startsQuery(lex)) {
			break
		}
		lex.Next()
	}
	u := &Unknown{Span: spanFrom(name.Pos, lex), Name: name.Value}
	var text strings.Builder
	if end := lex.RawCursor(); end > first { // else it ends before it begins
		for _, t := range lex.Range(first, end) {
			text.WriteString(t.Value)
		}
	}
	u.Text = text.String()
	return u
}

// lets reads the let statements that come next, each of which names rows.
func (q *Query) lets(lex *lexer.PeekingLexer) error {
	for isWord(lex, "let") {
		start := lex.Next().Pos
		name, err := parseName(lex, "a name")
		if err != nil {
			return err
		}
		if t := lex.Next(); t.Value != "=" {
			return expected("=", t)
		}
		l := &Let{Name: name.Name, Query: &Query{}}
		if t := lex.Peek(); t.Type != tokenIdent && t.Value != "(" && t.Value != "[" {
			return errorAt(spanOf(t), "write the value where it is used", "a let of anything but rows is not read")
		}
		if err := l.Query.pipeline(lex, nil); err != nil {
			return err
		}
		end := lex.Peek()
		if f, ok := l.Query.Source.(*Apply); ok && len(l.Query.Ops) == 0 {
			return errorAt(f.Span, "write the value where it is used", "a let of anything but rows is not read")
		}
		if end.Value != ";" {
			return expected("; after the let statement", end)
		}
		lex.Next()
		l.Span = spanFrom(start, lex)
		q.Lets = append(q.Lets, l)
	}
	return nil
}

// pipeline reads a source and its operators up to a ), a ; or the end. With
// diags it reports the errors of operators there and goes on after each;
// without, the first is returned.
func (q *Query) pipeline(lex *lexer.PeekingLexer, diags *diag.List) error {
	return q.pipes(lex, diags, false)
}

// pipes is pipeline; in a script a word that starts a line after a whole operator
// ends it as well.
func (q *Query) pipes(lex *lexer.PeekingLexer, diags *diag.List, script bool) error {
	start := lex.Peek().Pos
	if err := q.source(lex); err != nil {
		return err
	}
	for lex.Peek().Value == "|" {
		lex.Next()
		name := lex.Peek()
		if name.Type != tokenIdent {
			err := expected("the name of an operator", name)
			if name.Value == "|" {
				err.d.Hint = "the logical or is written or"
			}
			return err
		}
		mark := lex.MakeCheckpoint()
		op, err := readOp(lex, script)
		if err == nil && !endsOp(lex.Peek()) {
			if script && startsLine(lex) {
				q.Ops = append(q.Ops, op)
				break
			}
			err = trailing(lex)
		}
		if err != nil {
			if diags == nil {
				return err
			}
			*diags = append(*diags, diagnose(err, ""))
			lex.LoadCheckpoint(mark)
			op = skipOp(lex, script)
		}
		q.Ops = append(q.Ops, op)
	}
	q.Span = spanFrom(start, lex)
	return nil
}

func endsOp(t *lexer.Token) bool {
	return t.EOF() || t.Value == "|" || t.Value == ")" || t.Value == ";" || t.Value == "}"
}

// trailing is the error for a token after a whole operator. After a blank line
// it is most likely the next query of an article or a notebook.
func trailing(lex *lexer.PeekingLexer) *syntaxError {
	t := lex.Peek()
	between := lex.RawPeek()
	if t.Type == tokenIdent && t.Pos.Line > between.Pos.Line+1 {
		return unexpected(t, "if another query starts here, keep it apart: a query is one statement")
	}
	return unexpected(t, "")
}

// source reads what a query starts with. A query in parentheses is read as its
// own start: (A | where X) | take 5 is A | where X | take 5.
func (q *Query) source(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	switch {
	case t.Value == "(":
		inner := &Query{}
		if err := inner.parenthesised(lex); err != nil {
			return err
		}
		q.Source, q.Ops = inner.Source, inner.Ops
		return nil
	case t.Type == tokenIdent && t.Value == "union":
		u, err := readUnion(lex)
		if err != nil {
			return err
		}
		q.Source = u
		return nil
	case t.Type == tokenIdent && t.Value == "datatable":
		d, err := parseDatatable(lex)
		if err != nil {
			return err
		}
		q.Source = d
		return nil
	case t.Type == tokenIdent && t.Value == "materialize":
		lex.Next()
		inner := &Query{}
		if lex.Peek().Value != "(" {
			return expected("( and a query", lex.Peek())
		}
		if err := inner.parenthesised(lex); err != nil {
			return err
		}
		q.Source, q.Ops = inner.Source, inner.Ops
		return nil
	case t.Type == tokenIdent && startWords[t.Value]:
		err := errorAt(spanOf(t), "start with a table, and write values where they are used", "a query that starts with %s is not read", t.Value)
		if t.Value != "let" && t.Value != "evaluate" {
			err.d.Code = codeUnreadSource
		}
		return err
	}
	name, err := parseName(lex, "a table")
	if err != nil {
		return err
	}
	if lex.Peek().Value == "(" && isFunctionName(name.Name) {
		args, err := parseListOrQuery(lex)
		if err != nil {
			return err
		}
		q.Source = &Apply{Span: spanFrom(t.Pos, lex), Name: name.Name, Args: args}
		return nil
	}
	q.Source = &Table{Span: name.Span, Name: name.Name}
	return nil
}

// parseDatatable reads datatable(NAME: TYPE, ...) [VALUE, ...].
func parseDatatable(lex *lexer.PeekingLexer) (*Datatable, error) {
	start := lex.Next()
	open := lex.Next()
	if open.Value != "(" {
		return nil, expected("( and the columns", open)
	}
	d := &Datatable{}
	for {
		from := lex.Peek().Pos
		name, err := parseName(lex, "the name of a column")
		if err != nil {
			return nil, err
		}
		if t := lex.Next(); t.Value != ":" {
			return nil, expected(": and the type of the column", t)
		}
		t := lex.Peek()
		typ, ok := columnType(t.Value)
		if !ok {
			return nil, expected("a type, such as string", t)
		}
		lex.Next()
		d.Cols = append(d.Cols, ColumnDecl{Span: spanFrom(from, lex), Name: name.Name, Type: typ})
		if lex.Peek().Value != "," {
			break
		}
		lex.Next()
	}
	if err := closed(lex, open, ")"); err != nil {
		return nil, err
	}
	bracket := lex.Next()
	if bracket.Value != "[" {
		return nil, expected("[ and the values", bracket)
	}
	for lex.Peek().Value != "]" {
		v, err := parseConstant(lex)
		if err != nil {
			return nil, err
		}
		d.Values = append(d.Values, v)
		if lex.Peek().Value != "," {
			break
		}
		lex.Next() // one may also stand after the last value
	}
	if err := closed(lex, bracket, "]"); err != nil {
		return nil, err
	}
	d.Span = spanFrom(start.Pos, lex)
	if len(d.Values)%len(d.Cols) != 0 {
		return nil, errorAt(d.Span, "give each row a value for every column", "the datatable has %d columns and %d values, which makes no whole rows", len(d.Cols), len(d.Values))
	}
	return d, nil
}

// parseConstant reads a literal.
func parseConstant(lex *lexer.PeekingLexer) (Expr, error) {
	t := lex.Peek()
	x, err := parseUnary(lex)
	if err != nil {
		return nil, err
	}
	v := x
	if n, ok := x.(*Neg); ok {
		v = n.X
		switch v.(type) {
		case *Number, *Timespan:
			return x, nil
		}
		v = nil
	}
	switch v.(type) {
	case *String, *Number, *Bool, *Timespan, *Datetime, *Typed, *Dynamic:
		return x, nil
	}
	return nil, errorAt(diag.Span{Pos: diag.Pos(t.Pos), EndPos: x.At().EndPos}, "write the value out", "a value of a datatable has to be a literal")
}

// parenthesised reads ( QUERY ).
func (q *Query) parenthesised(lex *lexer.PeekingLexer) error {
	open := lex.Next()
	if err := q.pipeline(lex, nil); err != nil {
		return err
	}
	return closed(lex, open, ")")
}

// closed takes the closing bracket.
func closed(lex *lexer.PeekingLexer, open *lexer.Token, bracket string) error {
	t := lex.Peek()
	switch {
	case t.Value == bracket && t.Type == tokenPunct:
		lex.Next()
		return nil
	case t.EOF():
		return errorAt(spanOf(open), "", "the %s opened here is not closed", open.Value)
	}
	return errorAt(spanOf(t), hintFor(t), "expected %s to close the %s of line %d, found %s", bracket, open.Value, open.Pos.Line, show(t))
}

// Parse reads an input of join or union, a table or a query in parentheses. It
// implements participle.Parseable.
func (q *Query) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Value == "(" {
		return q.parenthesised(lex)
	}
	name, err := parseName(lex, "a table or a query in parentheses")
	if err != nil {
		return err
	}
	q.Span, q.Source = name.Span, &Table{Span: name.Span, Name: name.Name}
	return nil
}

// Parse reads a name. It implements participle.Parseable.
func (c *Column) Parse(lex *lexer.PeekingLexer) error {
	name, err := parseName(lex, "a column")
	if err != nil {
		return err
	}
	*c = *name
	return nil
}

// parseName reads a word or ['any text'].
func parseName(lex *lexer.PeekingLexer, what string) (*Column, error) {
	t := lex.Peek()
	switch {
	case t.Type == tokenIdent && !notNames[t.Value]:
		if keywords[t.Value] {
			return nil, errorAt(spanOf(t), "write ['"+t.Value+"']", "%s is a word of the language; as a name it stands in brackets", t.Value)
		}
		lex.Next()
		return &Column{Span: spanOf(t), Name: t.Value}, nil
	case t.Value == "[":
		lex.Next()
		s := lex.Peek()
		if s.Type != tokenString {
			return nil, expected("a name in quotes", s)
		}
		lex.Next()
		if err := closed(lex, t, "]"); err != nil {
			return nil, err
		}
		return &Column{Span: spanFrom(t.Pos, lex), Name: unquote(s.Value)}, nil
	}
	return nil, expected(what, t)
}

// Parse reads NAME = X, (NAME, NAME) = X or X. It implements
// participle.Parseable.
func (n *NamedExpr) Parse(lex *lexer.PeekingLexer) error {
	start := lex.Peek().Pos
	mark := lex.MakeCheckpoint()
	if names := parseNames(lex); names != nil {
		n.Names = names
	} else if name, err := parseName(lex, ""); err == nil && lex.Peek().Value == "=" {
		lex.Next()
		n.Name = name.Name
	} else {
		lex.LoadCheckpoint(mark)
	}
	x, err := parseExpr(lex)
	if err != nil {
		return err
	}
	n.X = x
	n.Span = spanFrom(start, lex)
	return nil
}

// parseNames reads (NAME, NAME) = or, where something else stands, nothing.
func parseNames(lex *lexer.PeekingLexer) []string {
	if lex.Peek().Value != "(" {
		return nil
	}
	mark := lex.MakeCheckpoint()
	var names []string
	for sep := lex.Next().Value; sep == "(" || sep == ","; sep = lex.Next().Value {
		name, err := parseName(lex, "")
		if err != nil {
			break
		}
		names = append(names, name.Name)
		if lex.Peek().Value == ")" {
			lex.Next()
			if lex.Peek().Value == "=" {
				lex.Next()
				return names
			}
			break
		}
	}
	lex.LoadCheckpoint(mark)
	return nil
}

// Parse reads X asc, X desc nulls last; the default is desc. It implements
// participle.Parseable.
func (k *SortKey) Parse(lex *lexer.PeekingLexer) error {
	start := lex.Peek().Pos
	x, err := parseExpr(lex)
	if err != nil {
		return err
	}
	k.X, k.Desc = x, true
	if t := lex.Peek(); t.Value == "asc" || t.Value == "desc" {
		lex.Next()
		k.Desc = t.Value == "desc"
	}
	if lex.Peek().Value == "nulls" {
		lex.Next()
		t := lex.Next()
		if t.Value != "first" && t.Value != "last" {
			return expected("first or last", t)
		}
		k.Nulls = t.Value
	}
	k.Span = spanFrom(start, lex)
	return nil
}

// Parse reads A or $left.A == $right.B. It implements participle.Parseable.
func (k *JoinKey) Parse(lex *lexer.PeekingLexer) error {
	start := lex.Peek().Pos
	if lex.Peek().Value != "$" {
		c, err := parseName(lex, "a column that both sides have")
		if err != nil {
			return err
		}
		if t := lex.Peek(); t.Value == "==" {
			return errorAt(spanOf(t), "write $left.A == $right.B", "a join compares columns by the side that they come from")
		}
		k.Span, k.Left, k.Right = c.Span, c, c
		return nil
	}
	side, a, err := sideColumn(lex)
	if err != nil {
		return err
	}
	if t := lex.Next(); t.Value != "==" {
		return expected("==", t)
	}
	other, b, err := sideColumn(lex)
	if err != nil {
		return err
	}
	if side == other {
		return errorAt(spanFrom(start, lex), "write $left.A == $right.B", "a join compares a column of one side with one of the other")
	}
	if side == "right" {
		a, b = b, a
	}
	k.Span, k.Left, k.Right = spanFrom(start, lex), a, b
	return nil
}

// sideColumn reads $left.A or $right.A.
func sideColumn(lex *lexer.PeekingLexer) (side string, c *Column, err error) {
	if t := lex.Next(); t.Value != "$" {
		return "", nil, expected("$left or $right", t)
	}
	t := lex.Next()
	if t.Value != "left" && t.Value != "right" {
		return "", nil, expected("left or right", t)
	}
	if dot := lex.Next(); dot.Value != "." {
		return "", nil, expected(". and a column", dot)
	}
	c, err = parseName(lex, "a column")
	return t.Value, c, err
}
