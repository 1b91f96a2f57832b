package spl

import (
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2/lexer"
)

// How text splits into tokens depends on the command: * and - are operators in
// eval and letters in a search. So the lexer has a state for each family of
// commands. A state that meets | or ] returns to the one below it; Root (the
// text) and Sub (a subsearch) hold the bars. Every state ends in a catch-all,
// so lexing never fails: what is wrong becomes a token that no grammar takes,
// and is reported in its place.
var lexRules = sync.OnceValue(func() lexer.Rules {
	space := []lexer.Rule{
		{Name: "Space", Pattern: `\s+`},
	}
	quoted := []lexer.Rule{
		{Name: "String", Pattern: `"(?:[^"\\]|\\(?s:.))*"`},
		{Name: "BadString", Pattern: `"(?s:.*)`},
		{Name: "BadTicks", Pattern: "````+"},
		{Name: "Comment", Pattern: "```(?s:.*?)```"},
		{Name: "BadComment", Pattern: "```(?s:.*)"},
		{Name: "Macro", Pattern: "`(?:[^`\"]|\"(?:[^\"\\\\]|\\\\(?s:.))*\")+`"},
		{Name: "BadMacro", Pattern: "`(?s:.*)"},
		{Name: "SubOpen", Pattern: `\[`, Action: lexer.Push("Sub")},
	}
	rest := []lexer.Rule{
		{Name: "Bad", Pattern: `[^|\]]`},
		lexer.Return(),
	}
	names := []lexer.Rule{
		{Name: "LongName", Pattern: "(?i:search|where|eval|tstats)[^\\s\\w\"`()\\[\\]|][^\\s\"`()\\[\\]|]*", Action: lexer.Push("Args")},
		{Name: "SearchName", Pattern: `(?i:search)\b`, Action: lexer.Push("Search")},
		{Name: "EvalName", Pattern: `(?i:where|eval)\b`, Action: lexer.Push("Eval")},
		{Name: "TstatsName", Pattern: `(?i:tstats)\b`, Action: lexer.Push("Tstats")},
		{Name: "Name", Pattern: `[A-Za-z0-9_.:/@-]+`, Action: lexer.Push("Args")},
		{Name: "BadTicks", Pattern: "````+"},
		{Name: "Comment", Pattern: "```(?s:.*?)```"},
		{Name: "BadComment", Pattern: "```(?s:.*)"},
		{Name: "MacroName", Pattern: "`(?:[^`\"]|\"(?:[^\"\\\\]|\\\\(?s:.))*\")+`", Action: lexer.Push("Args")},
	}
	pipe := lexer.Rule{Name: "Pipe", Pattern: `\|`, Action: lexer.Push("Command")}
	search := []lexer.Rule{
		{Name: "TermOpen", Pattern: `(?:TERM|CASE)\(`, Action: lexer.Push("Term")},
		{Name: "SearchWord", Pattern: "(?:\\\\\\S|[^\\s\"`()=<>!,|\\[\\]\\\\]|![^=\\s\"`()<>!,|\\[\\]\\\\])+"},
		{Name: "SearchOp", Pattern: `!=|<=|>=|=|<|>`},
		{Name: "SearchPunct", Pattern: `[(),]`},
	}
	args := []lexer.Rule{
		{Name: "As", Pattern: `(?i:as)\s`},
		{Name: "By", Pattern: `(?i:(?:group)?by)\s`},
		{Name: "EvalOpen", Pattern: `(?i:eval)\(`, Action: lexer.Push("EvalParen")},
		{Name: "ArgWord", Pattern: "(?:\\\\\\S|[^\\s\"`(),=!|\\[\\]\\\\])+"},
		{Name: "ArgPunct", Pattern: `!=|[=(),]`},
	}
	eval := []lexer.Rule{
		{Name: "EvalIdent", Pattern: `[A-Za-z_][A-Za-z0-9_]*`},
		{Name: "EvalNumber", Pattern: `[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?`},
		{Name: "EvalField", Pattern: `'[^'\n]*'`},
		{Name: "EvalOp", Pattern: `!=|<=|>=|==|[-=<>+*/%.]`},
	}
	join := func(parts ...[]lexer.Rule) (out []lexer.Rule) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	one := func(r lexer.Rule) []lexer.Rule { return []lexer.Rule{r} }
	return lexer.Rules{
		"Root":    join(space, one(pipe), search, quoted, one(lexer.Rule{Name: "BadRoot", Pattern: `(?s:.)`})),
		"Command": join(space, names, one(lexer.Return())),
		"Sub": join(space, one(pipe), one(lexer.Rule{Name: "SubClose", Pattern: `\]`, Action: lexer.Pop()}),
			names, one(lexer.Rule{Name: "BadRoot", Pattern: `(?s:.)`})),
		"Search": join(space, search, quoted, rest),
		"Term": join(space, quoted, []lexer.Rule{
			{Name: "TermText", Pattern: "[^()\"`|\\[\\]\\s]+"},
			{Name: "TermClose", Pattern: `\)`, Action: lexer.Pop()}}, rest),
		"Args": join(space, args, quoted, rest),
		"Tstats": join(space, []lexer.Rule{
			{Name: "From", Pattern: `(?i:from)\s`},
			{Name: "WhereWord", Pattern: `(?i:where)[.:{}@*-][A-Za-z0-9_.:{}@*-]*`},
			{Name: "Where", Pattern: `(?i:where)\b`, Action: lexer.Push("TstatsWhere")}}, args, quoted, rest),
		"TstatsWhere": join(space, one(lexer.Rule{Name: "By", Pattern: `(?i:(?:group)?by)\s`, Action: lexer.Pop()}),
			search, quoted, rest),
		"Eval": join(space, eval, one(lexer.Rule{Name: "EvalPunct", Pattern: `[(),]`}), quoted, rest),
		"EvalParen": join(space, eval, []lexer.Rule{
			{Name: "EvalParenOpen", Pattern: `\(`, Action: lexer.Push("EvalParen")},
			{Name: "EvalParenClose", Pattern: `\)`, Action: lexer.Pop()},
			{Name: "EvalComma", Pattern: `,`}}, quoted, rest),
	}
})

// language is the lexer with the types of its tokens.
type language struct {
	def *lexer.StatefulDefinition

	space, comment, str, macro, subOpen, subClose, pipe,
	searchName, evalName, tstatsName, name, longName, macroName,
	termOpen, termText, searchWord, searchOp,
	argWord, whereWord,
	evalIdent, evalNumber, evalField, evalOp,
	badString, badMacro, badComment, badTicks lexer.TokenType
}

var spl = sync.OnceValue(func() *language {
	def := lexer.MustStateful(lexRules())
	t := def.Symbols()
	return &language{
		def:   def,
		space: t["Space"], comment: t["Comment"], str: t["String"], macro: t["Macro"],
		subOpen: t["SubOpen"], subClose: t["SubClose"], pipe: t["Pipe"],
		searchName: t["SearchName"], evalName: t["EvalName"], tstatsName: t["TstatsName"],
		name: t["Name"], longName: t["LongName"], macroName: t["MacroName"],
		termOpen: t["TermOpen"], termText: t["TermText"], searchWord: t["SearchWord"], searchOp: t["SearchOp"],
		argWord: t["ArgWord"], whereWord: t["WhereWord"],
		evalIdent: t["EvalIdent"], evalNumber: t["EvalNumber"], evalField: t["EvalField"], evalOp: t["EvalOp"],
		badString: t["BadString"], badMacro: t["BadMacro"], badComment: t["BadComment"], badTicks: t["BadTicks"],
	}
})

// tokens lexes a text. The first skip bytes are a prefix that the caller put
// before it; positions do not count them.
func (l *language) tokens(filename, text string, skip int) (*lexer.PeekingLexer, error) {
	bytes, columns := skip, skip
	if rest, ok := strings.CutPrefix(text[skip:], byteOrderMark); ok {
		text = text[:skip] + rest
		bytes, columns = bytes-len(byteOrderMark), columns-1
	}
	lex, err := l.def.LexString(filename, text)
	if err != nil {
		return nil, err
	}
	return lexer.Upgrade(&shifted{lex, bytes, columns}, l.space, l.comment)
}

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\ufeff"

// shifted moves the positions of a lexer back by so many bytes, and columns of
// its first line.
type shifted struct {
	lexer.Lexer
	bytes, columns int
}

func (s *shifted) Next() (lexer.Token, error) {
	t, err := s.Lexer.Next()
	t.Pos.Offset -= s.bytes
	if t.Pos.Line == 1 {
		t.Pos.Column -= s.columns
	}
	return t, err
}
