package spl

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// unread finds what Splunk takes and this package does not in the arguments of
// a command, which have been refused with err: an error that names it, else
// err. tokens are the arguments.
func unread(command string, tokens []lexer.Token, err error) error {
	var at participle.Error
	if !errors.As(err, &at) {
		return err
	}
	i := slices.IndexFunc(tokens, func(t lexer.Token) bool { return t.Pos.Offset == at.Position().Offset })
	if i < 0 {
		return err
	}
	word := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToLower(tokens[i].Value)
	}
	refuse := func(what, hint string) error {
		return &syntaxError{span: tokenSpan(&tokens[i]), code: codeNoForm, msg: what + " is not read", hint: hint}
	}
	if command == "tstats" && word(i) == "where" && word(i+1) == "[" {
		i++
	}
	if word(i) == "[" && closed(tokens[i:]) {
		return refuse("a search in brackets in the place of values, whose rows "+command+" looks for,", "Write the values out, or join with the search.")
	}
	switch command {
	case "dedup":
		switch {
		case word(i) == "sortby" && i+1 < len(tokens):
			return refuse("dedup with sortby", "Sort the rows before: | sort 0 FIELD | dedup FIELD.")
		case i == 0 && all(word(i), inDigit) && len(tokens) > 1:
			return refuse("dedup that keeps more than one row of each", "Number the rows with streamstats count by FIELD, and keep the first.")
		case word(i) == "=" && slices.Contains([]string{"keepevents", "keepempty", "consecutive"}, word(i-1)) && i+1 < len(tokens):
			return refuse("dedup with "+word(i-1), "Leave the option out, if it makes no difference here.")
		}
	case "sort":
		switch {
		case word(i) == "(" && slices.Contains([]string{"auto", "ip", "num", "str"}, strings.TrimLeft(word(i-1), "+-")):
			return refuse("sort by "+strings.TrimLeft(word(i-1), "+-")+"(FIELD)", "Sort by the field itself: numbers are in the order of numbers.")
		case (word(i) == "desc" || word(i) == "d") && i == len(tokens)-1 && i > 0:
			return refuse("sort with "+word(i)+", which turns the whole order around,", "Put a - before each field instead.")
		}
	case "head":
		switch {
		case word(i) == "(" && len(tokens) > i+1:
			return refuse("head with a condition", "Say how many rows, or filter them with where.")
		case word(i) == "=" && (word(i-1) == "keeplast" || word(i-1) == "null"):
			return refuse("head with "+word(i-1), "Leave the option out, if it makes no difference here.")
		}
	}
	return err
}

// closed reports whether the bracket that the tokens begin with is closed.
func closed(tokens []lexer.Token) bool {
	depth := 0
	for _, t := range tokens {
		switch t.Value {
		case "[":
			depth++
		case "]":
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}
