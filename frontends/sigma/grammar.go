package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar of one stage of a pipeline. Positions are relative to the text
// of the stage. Names are keywords only where the grammar expects one, so a
// column may be called count or top.
type (
	stage struct {
		Pos, EndPos lexer.Position
		Where       *stageWhere     `parser:"  'where' @@"`
		Extend      []*namedExpr    `parser:"| 'extend' @@ (',' @@)*"`
		Summarize   *stageSummarize `parser:"| 'summarize' @@"`
		Gaps        *stageGaps      `parser:"| 'gaps' @@"`
		Sessions    *stageSessions  `parser:"| 'sessions' @@"`
		Prev        *stagePrev      `parser:"| 'prev' @@"`
		Rank        *stageRank      `parser:"| 'rank' @@"`
		Sort        []*sortKey      `parser:"| 'sort' 'by' @@ (',' @@)*"`
		Top         *stageTop       `parser:"| 'top' @@"`
		Limit       *number         `parser:"| 'limit' @@"`
		Distinct    []*name         `parser:"| 'distinct' @@ (',' @@)*"`
		Project     []*namedExpr    `parser:"| 'project' @@ (',' @@)*"`
		Union       []*name         `parser:"| 'union' @@ (',' @@)*"`
		Join        *stageJoin      `parser:"| 'join' @@"`
	}
	stageWhere struct {
		Pred *exprOr `parser:"@@"`
	}
	stageSummarize struct {
		Aggs []*namedCall `parser:"@@ (',' @@)*"`
		By   []*namedExpr `parser:"('by' @@ (',' @@)*)?"`
	}
	stageGaps struct {
		Of   *name   `parser:"'of' @@"`
		As   *name   `parser:"'as' @@"`
		By   []*name `parser:"('by' @@ (',' @@)*)?"`
		Back *number `parser:"('back' @@)?"`
	}
	stageSessions struct {
		Of  *name   `parser:"'of' @@"`
		As  *name   `parser:"'as' @@"`
		By  []*name `parser:"('by' @@ (',' @@)*)?"`
		Gap *span   `parser:"'gap' @@"`
	}
	stagePrev struct {
		Of    *name   `parser:"'of' @@"`
		As    *name   `parser:"'as' @@"`
		By    []*name `parser:"('by' @@ (',' @@)*)?"`
		Along *name   `parser:"('along' @@)?"`
	}
	stageRank struct {
		As   *name      `parser:"'as' @@"`
		Keys []*sortKey `parser:"'by' @@ (',' @@)*"`
		Per  []*name    `parser:"('per' @@ (',' @@)*)?"`
	}
	stageTop struct {
		N    *number    `parser:"@@"`
		Keys []*sortKey `parser:"'by' @@ (',' @@)*"`
		Per  []*name    `parser:"('per' @@ (',' @@)*)?"`
	}
	stageJoin struct {
		Kind   *name   `parser:"'kind' '=' @@"`
		Branch *name   `parser:"@@"`
		On     []*name `parser:"'on' @@ (',' @@)*"`
		Within *within `parser:"@@?"`
	}
	within struct {
		Pos, EndPos lexer.Position
		Time        string `parser:"'within' @Duration"`
		Side        string `parser:"@('before' | 'after')?"`
	}
	sortKey struct {
		Pos, EndPos lexer.Position
		Of          *name  `parser:"@@"`
		Dir         string `parser:"@('asc' | 'desc')"`
	}
	name struct {
		Pos, EndPos lexer.Position
		Text        string `parser:"@(Ident | Quoted)"`
	}
	number struct {
		Pos, EndPos lexer.Position
		Text        string `parser:"@Number"`
	}
	namedExpr struct {
		Pos, EndPos lexer.Position
		As          *name    `parser:"(?= (Ident | Quoted) '=' ) @@ '='"`
		X           *exprSum `parser:"@@"`
		Bare        *exprSum `parser:"| @@"`
	}
	namedCall struct {
		Pos, EndPos lexer.Position
		As          *name     `parser:"((?= (Ident | Quoted) '=' ) @@ '=')?"`
		Func        *name     `parser:"@@"`
		Args        []*exprOr `parser:"'(' (@@ (',' @@)*)? ')'"`
	}

	exprOr struct {
		Pos, EndPos lexer.Position
		Terms       []*exprAnd `parser:"@@ ('or' @@)*"`
	}
	exprAnd struct {
		Pos, EndPos lexer.Position
		Terms       []*exprNot `parser:"@@ ('and' @@)*"`
	}
	exprNot struct {
		Pos, EndPos lexer.Position
		Nots        []string `parser:"@'not'*"`
		X           *exprCmp `parser:"@@"`
	}
	exprCmp struct {
		Pos, EndPos lexer.Position
		L           *exprSum   `parser:"@@"`
		Op          string     `parser:"( @('=' | '==' | '!=' | '!==' | '<=' | '>=' | '<' | '>')"`
		R           *exprSum   `parser:"  @@"`
		Low         *exprSum   `parser:"| 'between' @@"`
		High        *exprSum   `parser:"  'and' @@"`
		InWord      string     `parser:"| @('in' | 'in_cs')"`
		In          []*exprSum `parser:"  '(' @@ (',' @@)* ')'"`
		Place       string     `parser:"| @('contains' | 'startswith' | 'endswith' | 'contains_cs' | 'startswith_cs' | 'endswith_cs')"`
		Text        *text      `parser:"  @@"`
		HasWord     string     `parser:"| @('has' | 'has_cs')"`
		Has         *text      `parser:"  @@"`
		HasAny      []*text    `parser:"| 'has_any' '(' @@ (',' @@)* ')'"`
		LikeWord    string     `parser:"| @('like' | 'like_cs')"`
		Like        *text      `parser:"  @@"`
		Regex       *text      `parser:"| 'matches' 'regex' @@ )?"`
	}
	// text is a constant, or a column where Column is set.
	text struct {
		Pos, EndPos lexer.Position
		Value       string `parser:"  @String"`
		Column      *name  `parser:"| @@"`
	}
	span struct {
		Pos, EndPos lexer.Position
		Text        string `parser:"@Duration"`
	}
	exprSum struct {
		Pos, EndPos lexer.Position
		First       *exprProd  `parser:"@@"`
		Rest        []*sumTail `parser:"@@*"`
	}
	sumTail struct {
		Op string    `parser:"@('+' | '-')"`
		X  *exprProd `parser:"@@"`
	}
	exprProd struct {
		Pos, EndPos lexer.Position
		First       *exprAtom   `parser:"@@"`
		Rest        []*prodTail `parser:"@@*"`
	}
	prodTail struct {
		Op string    `parser:"@('*' | '/')"`
		X  *exprAtom `parser:"@@"`
	}
	exprAtom struct {
		Pos, EndPos lexer.Position
		Group       *exprOr   `parser:"  '(' @@ ')'"`
		Str         *string   `parser:"| @String"`
		Dur         *string   `parser:"| @('-'? Duration)"`
		Num         *string   `parser:"| @('-'? Number)"`
		Bool        *string   `parser:"| @('true' | 'false')"`
		Name        *name     `parser:"| @@"`
		Call        *callArgs `parser:"  @@?"`
	}
	callArgs struct {
		Open string    `parser:"@'('"`
		Args []*exprOr `parser:"(@@ (',' @@)*)? ')'"`
	}
)

// Number with a unit is a length of time; a name may hold dots, and anything
// at all within [' '].
var stageLexer = lexer.MustStateful(lexer.Rules{"Root": {
	{Name: "Comment", Pattern: `//[^\n]*`},
	{Name: "Duration", Pattern: `[0-9]+(?:ms|[smhdw])\b`},
	{Name: "Number", Pattern: `[0-9]+(?:\.[0-9]+)?\b`},
	{Name: "String", Pattern: `"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'`},
	{Name: "Quoted", Pattern: `\['(?:[^'\\\n]|\\.)*'\]`},
	{Name: "Ident", Pattern: `[A-Za-z_@][A-Za-z0-9_@]*(?:\.[A-Za-z0-9_@]+)*`},
	{Name: "Op", Pattern: `!==|==|!=|<=|>=|[-=<>+*/(),|]`},
	{Name: "Space", Pattern: `\s+`},
	{Name: "Other", Pattern: `.`},
}})

var stageParser = sync.OnceValue(func() *participle.Parser[stage] {
	return participle.MustBuild[stage](participle.Lexer(stageLexer), participle.Elide("Space", "Comment"))
})

// stageNames are the words that a stage begins with.
var stageNames = []string{"where", "extend", "summarize", "gaps", "sessions", "prev", "rank", "sort", "top", "limit", "distinct", "project", "union", "join"}

// stageForms says how each stage is written, for messages.
var stageForms = map[string]string{
	"where":     "where n > 30 and avg_delta between 30s and 10m",
	"extend":    "extend minutes = delta / 1m",
	"summarize": "summarize n = count(), ports = values(DestinationPort) by SourceIp, DestinationIp",
	"gaps":      "gaps of Timestamp as delta by SourceIp, DestinationIp",
	"sessions":  "sessions of Timestamp as start by User gap 30m",
	"prev":      "prev of User as user_before by Computer",
	"rank":      "rank as place by n desc per Computer",
	"sort":      "sort by n desc, SourceIp asc",
	"top":       "top 10 by n desc",
	"limit":     "limit 100",
	"distinct":  "distinct Computer, User",
	"project":   "project Computer, n",
	"union":     "union other_branch",
	"join":      "join kind=inner other_branch on Computer",
}

// parseStage parses one stage; on an error, from and to are its place in the text.
func parseStage(src string) (s *stage, from, to int, message, hint string) {
	s, err := stageParser().ParseString("", src)
	if err == nil {
		return s, 0, 0, "", ""
	}
	var perr participle.Error
	if !errors.As(err, &perr) {
		return nil, 0, len(src), "the stage cannot be read", ""
	}
	word := firstWord(src)
	hint = "For example: " + stageForms[word]
	switch {
	case word == "sort" || word == "top" || word == "rank":
		hint = "Every key says asc or desc. " + hint
	case word == "join" && !strings.Contains(src, "="):
		hint = "A join says its kind: inner, left or anti. " + hint
	}
	from = min(perr.Position().Offset, len(src))
	if strings.TrimSpace(src[from:]) == "" {
		from = len(strings.TrimRight(src, " \t\r\n"))
		return nil, from, from, fmt.Sprintf("the stage %q ends too early", word), hint
	}
	token := stageToken(src[from:])
	to = from + len(token)
	escaped := escapedQuote(src[:from])
	if token == "'" || token == `"` {
		if escaped == "" {
			escaped = escapedQuote(src[from:])
		}
		return nil, from, len(src), "a string is not closed", cmp.Or(escaped, "Strings end on the line on which they start.")
	}
	hint = cmp.Or(escaped, hint)
	return nil, from, to, fmt.Sprintf("unexpected %q in the stage %q", token, word), hint
}

// escapedQuote is a hint for a text with an error behind it whose last string
// holds a quote after a backslash: most often a path that was to end there, and
// the string runs on to a quote that was to open the next one. It is "" where
// the last token is no such string. A string that does not end may stand alone.
func escapedQuote(src string) string {
	last := strings.TrimSpace(src)
	if lex, err := stageLexer.LexString("", src); err == nil {
		for {
			t, err := lex.Next()
			if err != nil || t.EOF() {
				break
			}
			if text := strings.TrimSpace(t.Value); text != "" {
				last = text
			}
			if t.Value == "'" || t.Value == `"` {
				last = src[t.Pos.Offset:]
				break
			}
		}
	}
	if last == "" || last[0] != '\'' && last[0] != '"' {
		return ""
	}
	quote := last[:1]
	i := strings.Index(last[1:], `\`+quote)
	if i < 0 {
		return ""
	}
	body := last[1 : i+1]
	return fmt.Sprintf("A backslash before a quote makes the quote a part of the text; a text that ends in a backslash is written %s%s\\\\%s.", quote, body, quote)
}

// stageToken is the first token of a text.
func stageToken(src string) string {
	lex, err := stageLexer.LexString("", src)
	if err != nil {
		return src[:1]
	}
	t, err := lex.Next()
	if err != nil || t.EOF() {
		return src[:1]
	}
	return t.Value
}

// firstWord is the word that a stage begins with.
func firstWord(src string) string {
	src = strings.TrimSpace(src)
	end := strings.IndexFunc(src, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && (r < '0' || r > '9')
	})
	if end < 0 {
		return src
	}
	return src[:end]
}

// unquote is the text of a string token. A backslash escapes a quote or a
// backslash; any other stands for itself, so that paths read well.
func unquote(token string) string {
	body := token[1 : len(token)-1]
	if strings.IndexByte(body, '\\') < 0 {
		return body
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] == '\\' && i+1 < len(body) {
			switch next := body[i+1]; next {
			case '\\', '"', '\'':
				b.WriteByte(next)
				i++
				continue
			}
		}
		b.WriteByte(body[i])
	}
	return b.String()
}
