package spl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// maxSize is the size in bytes of the largest text that Parse reads.
const maxSize = 1 << 20

// Parse reads a search. Every command is read by itself: one whose arguments
// are not understood is reported and becomes *Unknown, and the rest is still
// read. A command that this package does not know becomes *Unknown without a
// diagnostic. The search is nil only if nothing could be read. If there is no
// error, Print writes the search back to a text that parses to the same tree.
//
// Comments are skipped. A search without a bar in front begins with the search
// command.
func Parse(filename, text string) (*Search, diag.List) {
	lex, err := tokens(filename, "", text)
	if err != nil {
		return nil, toList(err)
	}
	p := pipeline{lex: lex}
	s := p.parse()
	if s != nil && !p.diags.HasErrors() {
		if n := deepest(s, 0); n != nil {
			p.diags = append(p.diags, toList(tooDeep(n.At()))...)
		}
	}
	p.diags.Sort()
	return s, p.diags
}

// Knows reports whether Parse takes the arguments of a command apart. It has
// reported an error for one that is *Unknown nevertheless.
func Knows(command string) bool {
	_, ok := readers()[command]
	return ok
}

// ParseExpr reads an eval expression. The error says the place in the text.
func ParseExpr(text string) (Expr, error) {
	// The lexer reads eval behind where; the prefix does not count.
	lex, err := tokens("", "|where ", text)
	if err != nil {
		return nil, inText(err)
	}
	lex.Next()
	lex.Next()
	e, err := parseExpr(lex)
	return e, inText(atEnd(lex, err))
}

// ParseSearchExpr reads a search expression. The error says the place in the
// text.
func ParseSearchExpr(text string) (SearchExpr, error) {
	lex, err := tokens("", "|search ", text)
	if err != nil {
		return nil, inText(err)
	}
	lex.Next()
	lex.Next()
	e, err := parseSearchExpr(lex)
	return e, inText(atEnd(lex, err))
}

func atEnd(lex *lexer.PeekingLexer, err error) error {
	if err == nil && !lex.Peek().EOF() {
		err = unexpected(lex.Peek(), "")
	}
	return err
}

func inText(err error) error {
	if err == nil {
		return nil
	}
	d := toList(err)[0]
	return fmt.Errorf("%d:%d: %s", d.Pos.Line, d.Pos.Column, d.Message)
}

// toList words an error of the grammar as a diagnostic.
func toList(err error) diag.List {
	d := diag.Diagnostic{Severity: diag.Error, Code: codeArguments}
	var ours *syntaxError
	var theirs *participle.UnexpectedTokenError
	var any participle.Error
	switch {
	case errors.As(err, &ours):
	case errors.As(err, &theirs):
		ours = unexpected(&theirs.Unexpected, "").(*syntaxError)
	case errors.As(err, &any):
		d.Pos, d.Message = diag.Pos(any.Position()), any.Message()
	default:
		d.Message = err.Error()
	}
	if ours != nil {
		d.Span, d.Code, d.Message, d.Hint = ours.span, ours.code, ours.msg, ours.hint
	}
	return diag.List{d}
}

// tokens lexes prefix+text and checks what has to be known before parsing.
func tokens(filename, prefix, text string) (*lexer.PeekingLexer, error) {
	start := diag.Span{Pos: diag.Pos{Filename: filename, Line: 1, Column: 1}}
	if len(text) > maxSize {
		return nil, &syntaxError{span: start, code: codeTooLarge,
			msg:  fmt.Sprintf("the search has %d bytes; at most %d are read", len(text), maxSize),
			hint: "A search of that size is likely a list of values: keep it in a lookup."}
	}
	lex, err := spl().tokens(filename, prefix+text, len(prefix))
	if err != nil {
		return nil, err
	}
	depth := 0
	for check := *lex; !check.Peek().EOF(); check.Next() {
		switch t := check.Peek(); t.Value {
		case "(", "[":
			if depth++; depth > maxDepth {
				return nil, &syntaxError{span: tokenSpan(t), code: codeTooDeep,
					msg:  fmt.Sprintf("more than %d parentheses and brackets are open here", maxDepth),
					hint: "Remove the parentheses that are not needed."}
			}
		case ")", "]":
			depth = max(0, depth-1)
		}
	}
	return lex, nil
}

// pipeline reads commands up to the end of the text or, for a subsearch, up to
// its closing bracket.
type pipeline struct {
	lex   *lexer.PeekingLexer
	sub   bool
	diags diag.List
}

func (p *pipeline) parse() *Search {
	l := spl()
	s := &Search{Span: from(p.lex)}
	if p.sub && p.lex.Peek().Type == l.pipe {
		p.lex.Next()
	}
	for first := true; ; first = false {
		if first && !p.sub && p.lex.Peek().Type != l.pipe {
			if p.lex.Peek().EOF() {
				p.diags.Errorf(codePipeline, s, "Begin with a command, for example | tstats count from datamodel=...", "the search is empty")
				return nil
			}
			s.Commands = append(s.Commands, p.implicit())
		} else {
			if !first || !p.sub {
				p.lex.Next() // the bar
			}
			if c := p.stage(); c != nil {
				s.Commands = append(s.Commands, c)
			}
		}
		if n := len(s.Commands); n > 0 {
			s.EndPos = s.Commands[n-1].At().EndPos
		}
		t := p.lex.Peek()
		if t.Type != l.pipe && !p.end(t) {
			p.report(unexpected(t, "| or the end of the search"), "")
			p.skip()
		}
		if p.lex.Peek().Type != l.pipe {
			return s
		}
	}
}

func (p *pipeline) end(t *lexer.Token) bool {
	return t.EOF() || p.sub && t.Type == spl().subClose
}

// report adds an error about a command's arguments.
func (p *pipeline) report(err error, name string) {
	list := toList(err)
	r, known := readers()[name]
	for i := range list {
		if list[i].Code != codeArguments {
			continue
		}
		if name != "" {
			list[i].Message = "cannot read " + name + ": " + list[i].Message
		}
		if list[i].Hint == "" && known {
			list[i].Hint = "It is read in the form " + r.usage + "."
		}
	}
	p.diags = append(p.diags, list...)
}

// implicit reads the search command whose name is left out, or written without
// a bar.
func (p *pipeline) implicit() Command {
	span, start := from(p.lex), p.lex.MakeCheckpoint()
	if t := p.lex.Peek(); t.Type == spl().searchWord && strings.EqualFold(t.Value, "search") {
		p.lex.Next()
		start = p.lex.MakeCheckpoint()
	}
	return p.known("search", span, start)
}

// stage reads one command from its name on.
func (p *pipeline) stage() Command {
	l, t, span := spl(), p.lex.Peek(), from(p.lex)
	switch t.Type {
	case l.macroName:
		p.lex.Next()
		return p.macro(t, span)
	case l.searchName, l.evalName, l.tstatsName, l.name, l.longName:
		p.lex.Next()
		name, start := strings.ToLower(t.Value), p.lex.MakeCheckpoint()
		if _, ok := readers()[name]; ok {
			return p.known(name, span, start)
		}
		return p.unknown(name, span, start, true)
	}
	p.report(&syntaxError{span: tokenSpan(t), code: codePipeline,
		msg: "a command has to stand here, not " + describe(t), hint: "Remove the | or write a command after it."}, "")
	p.skip()
	return nil
}

// known reads the arguments of a command in the table, from start on. If that
// fails, or leaves something over, the whole stage is reported and kept as
// text.
func (p *pipeline) known(name string, span diag.Span, start lexer.Checkpoint) Command {
	c, inner, err := readers()[name].read(p.lex, span)
	if t := p.lex.Peek(); err == nil && t.Type != spl().pipe && !p.end(t) {
		err = unexpected(t, "")
	}
	p.diags = append(p.diags, inner...)
	if err != nil {
		p.report(unread(name, p.arguments(start), err), name)
		return p.unknown(name, span, start, false)
	}
	return c
}

// arguments are the tokens of a command from start on, without the space.
func (p *pipeline) arguments(start lexer.Checkpoint) []lexer.Token {
	p.lex.LoadCheckpoint(start)
	from := p.lex.RawCursor()
	p.skip()
	l := spl()
	return slices.DeleteFunc(slices.Clone(p.lex.Range(from, p.lex.RawCursor())), func(t lexer.Token) bool { return t.Type == l.space || t.Type == l.comment })
}

func (p *pipeline) macro(t *lexer.Token, span diag.Span) Command {
	start := p.lex.MakeCheckpoint()
	m, err := macroOf(t)
	if err != nil {
		p.report(err, "")
	}
	if next := p.lex.Peek(); next.Type != spl().pipe && !p.end(next) {
		return p.unknown(t.Value, span, start, true)
	}
	return &MacroCmd{Span: to(p.lex, span), Macro: m}
}

// unknown takes everything from start up to the next bar as text.
func (p *pipeline) unknown(name string, span diag.Span, start lexer.Checkpoint, check bool) Command {
	p.lex.LoadCheckpoint(start)
	from := p.lex.RawCursor()
	p.skip()
	c := &Unknown{Span: to(p.lex, span), Name: name}
	tokens := p.lex.Range(from, p.lex.RawCursor())
	var raw strings.Builder
	for _, t := range tokens {
		raw.WriteString(t.Value)
	}
	c.Raw = trim(raw.String())
	if len(tokens) > 0 {
		// The last token may have a space in it that is not in Raw.
		end := tokens[0].Pos
		end.Advance(strings.TrimRight(raw.String(), space))
		c.EndPos = diag.Pos(end)
	}
	if !check {
		return c
	}
	if err := badUnknown(c); err != nil {
		p.report(&syntaxError{span: c.Span, code: codeArguments, msg: err.Reason,
			hint: "Close every quote, backtick and bracket before the next |, and end no line in a backslash."}, name)
	}
	return c
}

// skip moves to the next bar or the end of this pipeline.
func (p *pipeline) skip() {
	l, depth := spl(), 0
	for t := p.lex.Peek(); !t.EOF(); t = p.lex.Peek() {
		switch {
		case t.Type == l.subOpen:
			depth++
		case t.Type == l.subClose && depth > 0:
			depth--
		case depth == 0 && (t.Type == l.pipe || p.end(t)):
			return
		}
		p.lex.Next()
	}
}
