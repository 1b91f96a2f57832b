// Package spl is the syntax of Splunk's search language, SPL: nodes, a parser
// and one printer with one quoting rule and one precedence rule for each of
// the two languages inside SPL, search expressions and eval expressions.
// Parse(Print(x)) is x.
//
// It knows nothing of hunts, data models or what a command does.
//
// # Quoting
//
// Between double quotes SPL reads \\ as a backslash and \" as a quote, and
// leaves a backslash before anything else alone (in eval strings \t is a tab).
// The printer therefore doubles every backslash, and escapes every quote; only
// a regular expression (regex, rex, the pattern of match and replace) keeps
// \d, \. and the like as they are, which both readings agree on, and writes a
// literal backslash as \\\\. Sources: Splunk Search Manual, "Backslashes",
// "SPL and regular expressions", "Types of expressions".
//
// Inside double quotes these are plain characters: | [ ] ( ) , = ' and a
// backtick (macros.conf.spec: a macro is not expanded inside a quoted value).
// A $ is plain in a search and in a saved search; whoever pastes the text into
// a dashboard or into the definition of a macro with arguments doubles it.
// Text beyond ASCII is written as it is, in UTF-8.
//
// These cannot be written, and Expressible refuses them:
//
//   - control characters, newline and tab among them: there is no escape for
//     them that all commands share, a conf file ends a value at a newline and
//     adds a space to a continued one, and a reader cannot see them. A caller
//     that needs one writes a regular expression with \x0a.
//   - three backticks in a row: they open a comment, and no source says that
//     quotes protect them; four are refused by Splunk's own content tool.
//   - bytes that are not UTF-8.
//   - * in a search expression: it is always a wildcard there, and a backslash
//     does not escape it ("Backslashes").
//
// # Lines
//
// No printed line ends in a backslash, because a conf file reads that as a
// continuation.
package spl
