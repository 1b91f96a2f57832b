package kql

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// Script is a text as people publish it: statements one after another.
type Script struct {
	diag.Span
	Statements []Statement
}

// Statement is a part of a Script. It is sealed; its members are *Define and
// *Query.
type Statement interface {
	diag.Node
	isStatement()
}

func (*Define) isStatement() {}
func (*Query) isStatement()  {}

// Define is "let NAME = ...": a value, rows, or a function of Params. One of
// Value and Query is set; a name alone is a Value, also where it names rows.
// Lets are what the body of a function defines for itself.
type Define struct {
	diag.Span
	Name     string
	Function bool
	Params   []FunctionParam
	Lets     []*Define
	Value    Expr
	Query    *Query
}

// FunctionParam is NAME: TYPE, or NAME: (...) for rows. Default is nil if the
// parameter has none.
type FunctionParam struct {
	diag.Span
	Name    string
	Rows    bool
	Default Expr
}

// ParseScript reads the statements of a text, which may be several queries. It
// takes more than Parse: let of any kind, queries that only an empty line keeps
// apart, and slips that Kusto refuses and that have one reading only. Each
// of these is a warning. An operator that is not known is an Unknown, about which
// nothing is said. Where a statement cannot be read the error says
// so, and those after the next semicolon or empty line are read nevertheless;
// the operators of a query are read one by one as in Parse.
func ParseScript(filename, text string) (*Script, diag.List) {
	lex, diags := repairedTokens(filename, text)
	if lex == nil {
		return nil, diags
	}
	s := &Script{}
	start := lex.Peek().Pos
	for {
		for lex.Peek().Value == ";" {
			lex.Next()
		}
		t := lex.Peek()
		if t.EOF() {
			break
		}
		stmt, err := statement(lex, &diags)
		if err != nil {
			diags = append(diags, diagnose(err, ""))
			skipStatement(lex)
			continue
		}
		s.Statements = append(s.Statements, stmt)
		next := lex.Peek()
		switch {
		case next.EOF() || next.Value == ";":
		case startsLine(lex):
			diags.Warnf(codeRunTogether, spanOf(next), "Run it by itself, or put a semicolon between definitions and their query.",
				"another statement starts here without a semicolon before it; Kusto refuses the text as a whole, so each is read by itself")
		default:
			diags = append(diags, unexpected(next, "").d)
			skipStatement(lex)
		}
	}
	s.Span = spanFrom(start, lex)
	for _, stmt := range s.Statements {
		WalkStatement(stmt, func(n diag.Node) bool {
			diags = append(diags, slips(n, diag.Warning)...)
			return false
		})
	}
	diags.Sort()
	return s, diags
}

// WalkStatement calls f for the nodes of a statement as Walk does.
func WalkStatement(s Statement, f func(diag.Node) bool) {
	switch s := s.(type) {
	case *Query:
		Walk(s, f)
	case *Define:
		for _, l := range s.Lets {
			WalkStatement(l, f)
		}
		for _, p := range s.Params {
			if p.Default != nil {
				Walk(p.Default, f)
			}
		}
		if s.Query != nil {
			Walk(s.Query, f)
		} else if s.Value != nil {
			Walk(s.Value, f)
		}
	}
}

// startsLine reports whether the next token is a word, or an opening bracket,
// and the first of its line.
func startsLine(lex *lexer.PeekingLexer) bool {
	t := lex.Peek()
	if t.Type != tokenIdent && t.Value != "(" {
		return false
	}
	return t.Pos.Line > lex.RawPeek().Pos.Line
}

// startsQuery reports whether the next token looks like the start of another
// statement: a let at the start of a line, or a name at its very start with a
// pipe behind it.
func startsQuery(lex *lexer.PeekingLexer) bool {
	t := lex.Peek()
	if t.Type != tokenIdent || !startsLine(lex) {
		return false
	}
	if t.Value == "let" {
		return true
	}
	mark := lex.MakeCheckpoint()
	lex.Next()
	next := lex.Peek().Value
	lex.LoadCheckpoint(mark)
	return t.Pos.Column == 1 && next == "|"
}

// skipStatement moves on to the next semicolon, or to a word that starts a line
// and a query.
func skipStatement(lex *lexer.PeekingLexer) {
	for first := true; !lex.Peek().EOF() && lex.Peek().Value != ";"; first = false {
		if !first && startsQuery(lex) {
			return
		}
		lex.Next()
	}
}

func statement(lex *lexer.PeekingLexer, diags *diag.List) (Statement, error) {
	if isWord(lex, "let") {
		return define(lex, diags)
	}
	q := &Query{}
	if err := q.pipes(lex, diags, true); err != nil {
		return nil, err
	}
	return q, nil
}

// define reads let NAME = VALUE, without the semicolon.
func define(lex *lexer.PeekingLexer, diags *diag.List) (*Define, error) {
	start := lex.Next().Pos
	name, err := parseName(lex, "a name")
	if err != nil {
		return nil, err
	}
	if t := lex.Next(); t.Value != "=" {
		return nil, expected("=", t)
	}
	d := &Define{Name: name.Name}
	mark := lex.MakeCheckpoint()
	if isWord(lex, "view") {
		lex.Next() // view () { ... } is a function that a union of * sees
	}
	if ok, err := d.function(lex, diags); err != nil {
		return nil, err
	} else if ok {
		d.Span = spanFrom(start, lex)
		return d, nil
	}
	lex.LoadCheckpoint(mark)
	if err := d.body(lex, diags, ";"); err != nil {
		return nil, err
	}
	d.Span = spanFrom(start, lex)
	return d, nil
}

// body reads a value or rows that end at the token end.
func (d *Define) body(lex *lexer.PeekingLexer, diags *diag.List, end string) error {
	mark := lex.MakeCheckpoint()
	if x, err := parseExpr(lex); err == nil {
		t := lex.Peek()
		if t.Value == end || t.EOF() || t.Value != "|" && startsLine(lex) {
			d.Value = x
			return nil
		}
		if _, ok := x.(*Column); !ok && t.Value != "|" && t.Value != "(" {
			return unexpected(t, "")
		}
	} else if t := lex.Peek(); t.Type == tokenPunct && t.Value != "|" && t.Value != "(" && !isRowsStart(lex, mark) {
		return err
	}
	lex.LoadCheckpoint(mark)
	d.Query = &Query{}
	return d.Query.pipes(lex, diags, true)
}

// isRowsStart reports whether a name or a bracket stands at the checkpoint, as
// in front of rows.
func isRowsStart(lex *lexer.PeekingLexer, mark lexer.Checkpoint) bool {
	here := lex.MakeCheckpoint()
	lex.LoadCheckpoint(mark)
	t := lex.Peek()
	lex.LoadCheckpoint(here)
	return t.Value == "(" || t.Type == tokenIdent && t.Value != "dynamic"
}

// function reads (PARAMETERS) { BODY }; it is false, with nothing said, where
// something else stands.
func (d *Define) function(lex *lexer.PeekingLexer, diags *diag.List) (bool, error) {
	if lex.Peek().Value != "(" {
		return false, nil
	}
	lex.Next()
	for lex.Peek().Value != ")" {
		start := lex.Peek().Pos
		name, err := parseName(lex, "a parameter")
		if err != nil || lex.Peek().Value != ":" {
			return false, nil
		}
		lex.Next()
		p := FunctionParam{Name: name.Name}
		if lex.Peek().Value == "(" {
			p.Rows = true
			for depth := 0; ; {
				t := lex.Next()
				if t.EOF() {
					return false, nil
				}
				if t.Value == "(" {
					depth++
				} else if t.Value == ")" {
					if depth--; depth == 0 {
						break
					}
				}
			}
		} else if _, ok := columnType(lex.Peek().Value); ok {
			lex.Next()
		} else {
			return false, nil
		}
		if lex.Peek().Value == "=" {
			lex.Next()
			if p.Default, err = parseConstant(lex); err != nil {
				return false, err
			}
		}
		p.Span = spanFrom(start, lex)
		d.Params = append(d.Params, p)
		if lex.Peek().Value != "," {
			break
		}
		lex.Next()
	}
	if lex.Next().Value != ")" || lex.Peek().Value != "{" {
		d.Params = nil
		return false, nil
	}
	open := lex.Next()
	d.Function = true
	for isWord(lex, "let") {
		l, err := define(lex, diags)
		if err != nil {
			return false, err
		}
		if t := lex.Next(); t.Value != ";" {
			return false, expected("; after the let statement", t)
		}
		d.Lets = append(d.Lets, l)
	}
	if err := d.body(lex, nil, "}"); err != nil {
		return false, err
	}
	if lex.Peek().Value == ";" {
		lex.Next()
	}
	return true, closed(lex, open, "}")
}
