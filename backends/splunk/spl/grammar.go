package spl

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
)

// The grammar of each command's arguments, behind its name. A type here is
// what participle fills; its command method makes the node of it and reports
// what a grammar cannot say. Lookahead is two tokens: a word, then = or not.

// word is a bare word or a quoted string where a command expects a name or a
// value.
type word struct{ Token lexer.Token }

// Parse makes word a participle.Parseable: a Token captured by participle
// itself would be the space before it.
func (w *word) Parse(lex *lexer.PeekingLexer) error {
	l := spl()
	return take(lex, &w.Token, l.argWord, l.whereWord, l.str)
}

// bareWord is a word without quotes.
type bareWord struct{ Token lexer.Token }

func (w *bareWord) Parse(lex *lexer.PeekingLexer) error { return take(lex, &w.Token, spl().argWord) }

// quoted is a string.
type quoted struct{ Token lexer.Token }

func (q *quoted) Parse(lex *lexer.PeekingLexer) error { return take(lex, &q.Token, spl().str) }

func take(lex *lexer.PeekingLexer, into *lexer.Token, types ...lexer.TokenType) error {
	t := lex.Peek()
	if !slices.Contains(types, t.Type) {
		return participle.NextMatch
	}
	*into = *lex.Next()
	return nil
}

func (w *word) name() (string, error)     { return fieldName(&w.Token, false) }
func (w *word) starName() (string, error) { return fieldName(&w.Token, true) }

func (w *word) bare(s string) bool { return strings.EqualFold(w.Token.Value, s) }

func (w *word) value() (string, error) {
	text, quoted := unquoted(&w.Token)
	if quoted {
		text = unescape(text)
	}
	if err := Expressible(text); err != nil {
		return "", unwritable(&w.Token, err)
	}
	return text, nil
}

// integer reads a count.
func (w *word) integer() (int, error) {
	n, err := strconv.Atoi(w.Token.Value)
	if err != nil || n < 0 || !all(w.Token.Value, inDigit) {
		return 0, unexpected(&w.Token, "a count")
	}
	return n, nil
}

type options []*option

type option struct {
	Name  bareWord `parser:"@@ '='"`
	Value *word    `parser:"@@"`
}

func (o *option) option() (Option, error) {
	if !isIdent(o.Name.Token.Value) || reserved(o.Name.Token.Value) {
		return Option{}, unexpected(&o.Name.Token, "the name of an option")
	}
	v, err := o.Value.value()
	return Option{o.Name.Token.Value, v}, err
}

type aggregate struct {
	diag.Span
	Func bareWord       `parser:"@@"`
	Call *aggregateCall `parser:"@@?"`
	As   *word          `parser:"( As @@ )?"`
}

type aggregateCall struct {
	Open string `parser:"@'('"`
	Eval Expr   `parser:"( EvalOpen @@ ')'"`
	Arg  *word  `parser:"| @@ )? ')'"`
}

func (a *aggregate) agg() (g Agg, err error) {
	g = Agg{Span: a.Span, Func: strings.ToLower(a.Func.Token.Value)}
	if !aggName(g.Func) {
		return g, unexpected(&a.Func.Token, "the name of an aggregate function")
	}
	if a.Call != nil {
		g.Eval = a.Call.Eval
		if a.Call.Arg != nil {
			if g.Arg, err = a.Call.Arg.starName(); err != nil {
				return g, err
			}
		}
	}
	if a.As != nil {
		g.As, err = a.As.starName()
	}
	return g, err
}

// item is what many commands mix in any order: options, aggregates, macros.
type statItem struct {
	Macro  *macroToken `parser:"  @@"`
	Option *option     `parser:"| @@"`
	Agg    *aggregate  `parser:"| @@"`
}

type macroToken struct{ Token lexer.Token }

func (m *macroToken) Parse(lex *lexer.PeekingLexer) error { return take(lex, &m.Token, spl().macro) }

func statItems(items []*statItem) (macros []Macro, opts []Option, aggs []Agg, err error) {
	for _, it := range items {
		switch {
		case it.Macro != nil:
			m, err := macroOf(&it.Macro.Token)
			if err != nil {
				return nil, nil, nil, err
			}
			macros = append(macros, m)
		case it.Option != nil:
			o, err := it.Option.option()
			if err != nil {
				return nil, nil, nil, err
			}
			opts = append(opts, o)
		default:
			a, err := it.Agg.agg()
			if err != nil {
				return nil, nil, nil, err
			}
			aggs = append(aggs, a)
		}
	}
	return macros, opts, aggs, nil
}

func names(words []*word) ([]string, error) {
	var out []string
	for _, w := range words {
		n, err := w.name()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func starNames(words []*word) ([]string, error) {
	var out []string
	for _, w := range words {
		n, err := w.starName()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

type tstatsArgs struct {
	Items []*statItem `parser:"( @@ ','? )+"`
	Model *word       `parser:"( From 'datamodel' '=' @@ )?"`
	Where SearchExpr  `parser:"( Where @@ )?"`
	By    []*byItem   `parser:"( By ( @@ ','? )+ )?"`
}

type byItem struct {
	Field *word `parser:"@@"`
	Span  *word `parser:"( 'span' '=' @@ )?"`
}

func (a *tstatsArgs) command(span diag.Span) (Command, error) {
	c := &Tstats{Span: span, Where: a.Where}
	var err error
	if c.Macros, c.Options, c.Aggs, err = statItems(a.Items); err != nil {
		return nil, err
	}
	if len(c.Aggs) == 0 {
		return nil, &syntaxError{span: span, code: codeArguments, msg: "tstats has no aggregate"}
	}
	if a.Model != nil {
		if c.Model, err = modelName(a.Model); err != nil {
			return nil, err
		}
	}
	time := false
	for _, b := range a.By {
		n, err := b.Field.name()
		if err != nil {
			return nil, err
		}
		time = time || n == "_time"
		c.By = append(c.By, n)
		if b.Span == nil {
			continue
		}
		if c.BySpan != "" {
			return nil, unexpected(&b.Span.Token, "one span")
		}
		if c.BySpan, err = b.Span.value(); err != nil {
			return nil, err
		}
		if c.BySpan == "" {
			return nil, unexpected(&b.Span.Token, "a time span")
		}
	}
	if c.BySpan != "" && !time {
		return nil, &syntaxError{span: span, code: codeArguments, msg: "tstats has a span without _time among its by fields"}
	}
	if c.BySpan != "" && strings.Count("\x00"+strings.Join(c.By, "\x00")+"\x00", "\x00_time\x00") > 1 {
		return nil, &syntaxError{span: span, code: codeArguments, msg: "tstats groups by _time twice"}
	}
	return c, nil
}

func modelName(w *word) (string, error) {
	m, _ := unquoted(&w.Token)
	if !isModel(m) {
		return "", unexpected(&w.Token, "the name of a data model")
	}
	return m, nil
}

type fromArgs struct {
	Source bareWord `parser:"@@"`
	Quoted *word    `parser:"@@?"`
}

func (a *fromArgs) command(span diag.Span) (Command, error) {
	kind, model, ok := strings.Cut(a.Source.Token.Value, ":")
	if !ok || !strings.EqualFold(kind, "datamodel") || (model == "") != (a.Quoted != nil) {
		return nil, unexpected(&a.Source.Token, "datamodel:NAME")
	}
	if a.Quoted != nil {
		model, _ = unquoted(&a.Quoted.Token)
	}
	if !isModel(model) {
		return nil, unexpected(&a.Source.Token, "datamodel:NAME")
	}
	return &From{Span: span, Model: model}, nil
}

type searchArgs struct {
	Expr SearchExpr `parser:"@@"`
}

func (a *searchArgs) command(span diag.Span) (Command, error) {
	return &SearchCmd{Span: span, Expr: a.Expr}, nil
}

type whereArgs struct {
	Expr Expr `parser:"@@"`
}

func (a *whereArgs) command(span diag.Span) (Command, error) {
	return &Where{Span: span, Expr: a.Expr}, nil
}

type regexArgs struct {
	Field   *word  `parser:"( @@"`
	Op      string `parser:"@( '=' | '!=' ) )?"`
	Pattern quoted `parser:"@@"`
}

func pattern(t *lexer.Token) (string, error) {
	raw, _ := unquoted(t)
	s := unescape(raw)
	if err := Expressible(s); err != nil {
		return "", unwritable(t, err)
	}
	return s, nil
}

func (a *regexArgs) command(span diag.Span) (Command, error) {
	c := &Regex{Span: span, Negated: a.Op == "!="}
	var err error
	if a.Field != nil {
		if c.Field, err = a.Field.name(); err != nil {
			return nil, err
		}
	}
	c.Pattern, err = pattern(&a.Pattern.Token)
	return c, err
}

type evalArgs struct {
	Assign []*assignment `parser:"@@ ( ',' @@ )*"`
}

// target is the name that eval assigns to, up to its first dot.
type target struct{ Token lexer.Token }

func (t *target) Parse(lex *lexer.PeekingLexer) error {
	return take(lex, &t.Token, spl().evalIdent, spl().str)
}

type assignment struct {
	diag.Span
	First target   `parser:"@@"`
	Rest  []string `parser:"( '.' @EvalIdent )*"`
	Expr  Expr     `parser:"'=' @@"`
}

func (a *evalArgs) command(span diag.Span) (Command, error) {
	c := &Eval{Span: span}
	for _, s := range a.Assign {
		name, err := fieldName(&s.First.Token, false)
		if err != nil {
			return nil, err
		}
		for _, part := range s.Rest {
			name += "." + part
		}
		c.Assign = append(c.Assign, Assign{Span: s.Span, Name: name, Expr: s.Expr})
	}
	return c, nil
}

type statsArgs struct {
	Aggs []*aggregate `parser:"( @@ ','? )+"`
	By   []*word      `parser:"( By ( @@ ','? )+ )?"`
}

func (a *statsArgs) stats(span diag.Span, event bool) (Command, error) {
	c := &Stats{Span: span, Event: event}
	for _, g := range a.Aggs {
		agg, err := g.agg()
		if err != nil {
			return nil, err
		}
		c.Aggs = append(c.Aggs, agg)
	}
	var err error
	c.By, err = names(a.By)
	return c, err
}

func (a *statsArgs) command(span diag.Span) (Command, error) { return a.stats(span, false) }

type eventstatsArgs struct{ statsArgs }

func (a *eventstatsArgs) command(span diag.Span) (Command, error) { return a.stats(span, true) }

type streamstatsArgs struct {
	Items []*streamItem `parser:"( @@ ','? )+"`
	By    []*word       `parser:"( By ( @@ ','? )+ )?"`
}

type streamItem struct {
	Option *option    `parser:"  @@"`
	Agg    *aggregate `parser:"| @@"`
}

func streamItems(items []*streamItem) ([]Option, []Agg, error) {
	all := make([]*statItem, len(items))
	for i, it := range items {
		all[i] = &statItem{Option: it.Option, Agg: it.Agg}
	}
	_, opts, aggs, err := statItems(all)
	return opts, aggs, err
}

func (a *streamstatsArgs) command(span diag.Span) (Command, error) {
	c := &Streamstats{Span: span}
	var err error
	if c.Options, c.Aggs, err = streamItems(a.Items); err != nil {
		return nil, err
	}
	if len(c.Aggs) == 0 {
		return nil, &syntaxError{span: span, code: codeArguments, msg: "streamstats has no aggregate"}
	}
	c.By, err = names(a.By)
	return c, err
}

type convertArgs struct {
	Items []*streamItem `parser:"( @@ ','? )+"`
}

func (a *convertArgs) command(span diag.Span) (Command, error) {
	c := &Convert{Span: span}
	var err error
	if c.Options, c.Funcs, err = streamItems(a.Items); err == nil && len(c.Funcs) == 0 {
		err = &syntaxError{span: span, code: codeArguments, msg: "convert has no function"}
	}
	return c, err
}

type renameArgs struct {
	Pairs []*renamePair `parser:"( @@ ','? )+"`
}

type renamePair struct {
	From *word `parser:"@@ As"`
	To   *word `parser:"@@"`
}

func (a *renameArgs) command(span diag.Span) (Command, error) {
	c := &Rename{Span: span}
	for _, p := range a.Pairs {
		from, err := p.From.starName()
		if err != nil {
			return nil, err
		}
		to, err := p.To.starName()
		if err != nil {
			return nil, err
		}
		c.Pairs = append(c.Pairs, RenamePair{from, to})
	}
	return c, nil
}

type nameArgs struct {
	Names []*word `parser:"( @@ ','? )+"`
}

type fieldsArgs struct{ nameArgs }

func (a *fieldsArgs) command(span diag.Span) (Command, error) {
	c := &Fields{Span: span}
	words := a.Names
	if first := words[0]; len(words) > 1 && (first.bare("-") || first.bare("+")) {
		c.Remove = first.bare("-")
		words = words[1:]
	}
	var err error
	c.Names, err = starNames(words)
	return c, err
}

type tableArgs struct{ nameArgs }

func (a *tableArgs) command(span diag.Span) (Command, error) {
	n, err := starNames(a.Names)
	return &Table{Span: span, Names: n}, err
}

type dedupArgs struct{ nameArgs }

func (a *dedupArgs) command(span diag.Span) (Command, error) {
	words := a.Names
	if len(words) > 1 && words[0].Token.Value == "1" { // which it is without a number
		words = words[1:]
	}
	for i, w := range words {
		if i == 0 && all(w.Token.Value, inDigit) || w.bare("sortby") {
			return nil, unexpected(&w.Token, "the name of a field")
		}
	}
	n, err := names(words)
	return &Dedup{Span: span, Names: n}, err
}

type sortArgs struct {
	Limit *word `parser:"( 'limit' '=' @@ )?"`
	nameArgs
}

func (a *sortArgs) command(span diag.Span) (Command, error) {
	c := &Sort{Span: span, Limit: -1}
	words := a.Names
	if a.Limit != nil {
		n, err := a.Limit.integer()
		if err != nil {
			return nil, err
		}
		c.Limit = n
	} else if first := words[0]; all(first.Token.Value, inDigit) {
		n, err := first.integer()
		if err != nil {
			return nil, err
		}
		c.Limit, words = n, words[1:]
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		key := SortKey{}
		if v := w.Token.Value; v[0] == '-' || v[0] == '+' {
			key.Desc = v[0] == '-'
			if v = v[1:]; v != "" {
				w = &word{Token: w.Token}
				w.Token.Value = v
				w.Token.Pos.Advance("-")
			} else if i++; i < len(words) {
				w = words[i]
			} else {
				return nil, unexpected(&w.Token, "the name of a field after it")
			}
		} else if (w.bare("desc") || w.bare("d")) && i > 0 && i == len(words)-1 {
			return nil, unexpected(&w.Token, "a sign before each field instead")
		}
		var err error
		if key.Field, err = w.name(); err != nil {
			return nil, err
		}
		c.Keys = append(c.Keys, key)
	}
	if len(c.Keys) == 0 {
		return nil, &syntaxError{span: span, code: codeArguments, msg: "sort has no field"}
	}
	return c, nil
}

type headArgs struct {
	N *word `parser:"( ( 'limit' '=' )? @@ )?"`
}

func (a *headArgs) command(span diag.Span) (Command, error) {
	c := &Head{Span: span, N: 10}
	var err error
	if a.N != nil {
		c.N, err = a.N.integer()
	}
	return c, err
}

// subsearch is what stands between the brackets of append and join. It is read
// command by command like the text itself.
type subsearch struct {
	search *Search
	diags  diag.List
}

// Parse makes subsearch a participle.Parseable.
func (s *subsearch) Parse(lex *lexer.PeekingLexer) error {
	p := pipeline{lex: lex, sub: true}
	s.search = p.parse()
	s.diags = p.diags
	return nil
}

type appendArgs struct {
	Options options    `parser:"@@*"`
	Search  *subsearch `parser:"'[' @@ ']'"`
}

func (a *appendArgs) command(span diag.Span) (Command, error) {
	c := &Append{Span: span, Search: a.Search.search}
	for _, o := range a.Options {
		opt, err := o.option()
		if err != nil {
			return nil, err
		}
		c.Options = append(c.Options, opt)
	}
	return c, nil
}

func (a *appendArgs) inner() diag.List { return a.Search.diags }

type joinArgs struct {
	Items  []*nameItem `parser:"( @@ ','? )*"`
	Search *subsearch  `parser:"'[' @@ ']'"`
}

type nameItem struct {
	Option *option `parser:"  @@"`
	Name   *word   `parser:"| @@"`
}

func nameItems(items []*nameItem) (opts []Option, names []string, err error) {
	for _, it := range items {
		if it.Option != nil {
			o, err := it.Option.option()
			if err != nil {
				return nil, nil, err
			}
			opts = append(opts, o)
			continue
		}
		n, err := it.Name.name()
		if err != nil {
			return nil, nil, err
		}
		names = append(names, n)
	}
	return opts, names, nil
}

func (a *joinArgs) command(span diag.Span) (Command, error) {
	opts, on, err := nameItems(a.Items)
	return &Join{Span: span, Options: opts, On: on, Search: a.Search.search}, err
}

func (a *joinArgs) inner() diag.List { return a.Search.diags }

type lookupArgs struct {
	Options options       `parser:"@@*"`
	Table   *word         `parser:"@@"`
	Keys    []*lookupPair `parser:"( @@ ','? )+"`
	Output  *lookupOutput `parser:"@@?"`
}

type lookupPair struct {
	From lookupName `parser:"@@"`
	To   *word      `parser:"( As @@ )?"`
}

// lookupName is a word that does not begin what is to be put out.
type lookupName struct{ word }

// Parse makes lookupName a participle.Parseable.
func (n *lookupName) Parse(lex *lexer.PeekingLexer) error {
	if outputWord(lex.Peek().Value) {
		return participle.NextMatch
	}
	return n.word.Parse(lex)
}

func outputWord(s string) bool {
	return strings.EqualFold(s, "output") || strings.EqualFold(s, "outputnew")
}

type lookupOutput struct {
	Word  bareWord      `parser:"@@"`
	Pairs []*lookupPair `parser:"( @@ ','? )+"`
}

func (a *lookupArgs) command(span diag.Span) (Command, error) {
	c := &Lookup{Span: span}
	for _, o := range a.Options {
		opt, err := o.option()
		if err != nil {
			return nil, err
		}
		c.Options = append(c.Options, opt)
	}
	if c.Table, _ = unquoted(&a.Table.Token); !lookupTable(c.Table) {
		return nil, unexpected(&a.Table.Token, "the name of a lookup")
	}
	pairs := func(in []*lookupPair) (out []RenamePair, err error) {
		for _, p := range in {
			var pair RenamePair
			if pair.From, err = p.From.name(); err != nil {
				return nil, err
			}
			pair.To = pair.From
			if p.To != nil {
				if pair.To, err = p.To.name(); err != nil {
					return nil, err
				}
			}
			out = append(out, pair)
		}
		return out, nil
	}
	var err error
	if c.Keys, err = pairs(a.Keys); err != nil || a.Output == nil {
		return c, err
	}
	if !outputWord(a.Output.Word.Token.Value) {
		return nil, unexpected(&a.Output.Word.Token, "output")
	}
	c.New = strings.EqualFold(a.Output.Word.Token.Value, "outputnew")
	c.Output, err = pairs(a.Output.Pairs)
	return c, err
}

type filldownArgs struct{ nameArgs }

func (a *filldownArgs) command(span diag.Span) (Command, error) {
	n, err := names(a.Names)
	return &Filldown{Span: span, Names: n}, err
}

type fillnullArgs struct {
	Items []*nameItem `parser:"( @@ ','? )*"`
}

func (a *fillnullArgs) command(span diag.Span) (Command, error) {
	opts, names, err := nameItems(a.Items)
	if err != nil {
		return nil, err
	}
	c := &Fillnull{Span: span, Value: "0", Names: names}
	for i, o := range opts {
		if o.Name != "value" || i > 0 {
			return nil, &syntaxError{span: span, code: codeArguments, msg: "fillnull takes one option, value"}
		}
		c.Value = o.Value
	}
	return c, nil
}

type rexArgs struct {
	Before  options `parser:"@@*"`
	Pattern quoted  `parser:"@@"`
	After   options `parser:"@@*"`
}

func (a *rexArgs) command(span diag.Span) (Command, error) {
	c := &Rex{Span: span}
	var err error
	if c.Pattern, err = pattern(&a.Pattern.Token); err != nil {
		return nil, err
	}
	for _, o := range append(a.Before, a.After...) {
		opt, err := o.option()
		if err != nil {
			return nil, err
		}
		if opt.Name != "field" {
			c.Options = append(c.Options, opt)
			continue
		}
		if c.Field != "" {
			return nil, unexpected(&o.Name.Token, "one field")
		}
		if c.Field, err = o.Value.name(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type binArgs struct {
	Before options `parser:"@@*"`
	Field  *word   `parser:"@@"`
	After  options `parser:"@@*"`
	As     *word   `parser:"( As @@ )?"`
	Last   options `parser:"@@*"`
}

func (a *binArgs) command(span diag.Span) (Command, error) {
	c := &Bin{Span: span}
	var err error
	if c.Field, err = a.Field.name(); err != nil {
		return nil, err
	}
	for _, o := range append(append(a.Before, a.After...), a.Last...) {
		opt, err := o.option()
		if err != nil {
			return nil, err
		}
		c.Options = append(c.Options, opt)
	}
	if a.As != nil {
		c.As, err = a.As.name()
	}
	return c, err
}

type mvexpandArgs struct {
	Field *word `parser:"@@"`
	Limit *word `parser:"( 'limit' '=' @@ )?"`
}

func (a *mvexpandArgs) command(span diag.Span) (Command, error) {
	c := &Mvexpand{Span: span}
	var err error
	if c.Field, err = a.Field.name(); err == nil && a.Limit != nil {
		c.Limit, err = a.Limit.integer()
	}
	return c, err
}

// grammarCommand is implemented by the pointer to each grammar above.
type grammarCommand[T any] interface {
	*T
	command(diag.Span) (Command, error)
}

// hasSearch is implemented by the grammars with a subsearch.
type hasSearch interface{ inner() diag.List }

// reader reads the arguments of one command; usage is what they look like.
type reader struct {
	read  func(lex *lexer.PeekingLexer, span diag.Span) (Command, diag.List, error)
	usage string
}

// grammar builds the reader of one command.
func grammar[T any, P grammarCommand[T]](usage string) reader {
	parser := participle.MustBuild[T](
		participle.Lexer(spl().def),
		participle.Elide("Space", "Comment"),
		participle.UseLookahead(2),
		participle.ParseTypeWith(parseSearchExpr),
		participle.ParseTypeWith(parseExpr),
	)
	return reader{usage: usage, read: func(lex *lexer.PeekingLexer, span diag.Span) (Command, diag.List, error) {
		args, err := parser.ParseFromLexer(lex, participle.AllowTrailing(true))
		if err != nil {
			return nil, nil, err
		}
		var inner diag.List
		if s, ok := any(P(args)).(hasSearch); ok {
			inner = s.inner()
		}
		c, err := P(args).command(to(lex, span))
		return c, inner, err
	}}
}

// readers is the table of the commands that this package knows.
var readers = sync.OnceValue(func() map[string]reader {
	bin := grammar[binArgs]("bin FIELD span=5m [as NAME]")
	return map[string]reader{
		"tstats":      grammar[tstatsArgs]("tstats [OPTION=VALUE ...] count [FUNC(FIELD) as NAME ...] [from datamodel=MODEL] [where ...] [by FIELD, ...]"),
		"from":        grammar[fromArgs]("from datamodel:MODEL"),
		"search":      grammar[searchArgs]("search FIELD=VALUE ..."),
		"where":       grammar[whereArgs]("where EXPRESSION"),
		"regex":       grammar[regexArgs](`regex FIELD="PATTERN"`),
		"eval":        grammar[evalArgs]("eval NAME=EXPRESSION, ..."),
		"stats":       grammar[statsArgs]("stats FUNC(FIELD) [as NAME] ... [by FIELD, ...]"),
		"eventstats":  grammar[eventstatsArgs]("eventstats FUNC(FIELD) [as NAME] ... [by FIELD, ...]"),
		"streamstats": grammar[streamstatsArgs]("streamstats [OPTION=VALUE ...] FUNC(FIELD) [as NAME] ... [by FIELD, ...]"),
		"rename":      grammar[renameArgs]("rename FIELD as NAME, ..."),
		"fields":      grammar[fieldsArgs]("fields [-] FIELD, ..."),
		"table":       grammar[tableArgs]("table FIELD, ..."),
		"sort":        grammar[sortArgs]("sort [COUNT] [-|+] FIELD, ..."),
		"head":        grammar[headArgs]("head COUNT"),
		"dedup":       grammar[dedupArgs]("dedup FIELD, ..."),
		"append":      grammar[appendArgs]("append [ SEARCH ]"),
		"join":        grammar[joinArgs]("join [OPTION=VALUE ...] FIELD, ... [ SEARCH ]"),
		"lookup":      grammar[lookupArgs]("lookup [OPTION=VALUE ...] TABLE FIELD [as NAME] ... [output FIELD [as NAME] ...]"),
		"fillnull":    grammar[fillnullArgs]("fillnull value=VALUE FIELD, ..."),
		"filldown":    grammar[filldownArgs]("filldown FIELD, ..."),
		"rex":         grammar[rexArgs](`rex field=FIELD "PATTERN"`),
		"bin":         bin,
		"bucket":      bin,
		"convert":     grammar[convertArgs]("convert [timeformat=FORMAT] ctime(FIELD) ..."),
		"mvexpand":    grammar[mvexpandArgs]("mvexpand FIELD [limit=COUNT]"),
	}
})
