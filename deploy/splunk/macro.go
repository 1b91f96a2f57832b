package splunk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
)

// Macro is a search macro that an app brings.
type Macro struct {
	Name       string
	Args       string // the names of its arguments, with commas; "" if it has none
	Definition string
	Doc        string
}

// stanza is the macro's name in macros.conf: with the number of its arguments.
func (m Macro) stanza() string {
	if m.Args == "" {
		return m.Name
	}
	return fmt.Sprintf("%s(%d)", m.Name, 1+strings.Count(m.Args, ","))
}

// macrosOf lists the macros that a search calls as macros.conf names them, in
// the order of the text. Within quotes nothing is called, and what three
// backticks enclose is a comment.
func macrosOf(search string) []string {
	var out []string
	for i := 0; i < len(search); {
		rest := search[i:]
		switch {
		case strings.HasPrefix(rest, "```"):
			end := strings.Index(rest[3:], "```")
			if end < 0 {
				return out
			}
			i += 3 + end + 3
		case rest[0] == '"':
			i += quotedLength(rest)
		case rest[0] == '`':
			end := 1
			for end < len(rest) && rest[end] != '`' {
				if rest[end] == '"' {
					end += quotedLength(rest[end:])
					continue
				}
				end++
			}
			if end >= len(rest) {
				return out
			}
			if name := callName(rest[1:end]); !slices.Contains(out, name) {
				out = append(out, name)
			}
			i += end + 1
		default:
			i++
		}
	}
	return out
}

// quotedLength is how long the text in quotes at the start of s is.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// callName is the name of a called macro with the number of its arguments.
func callName(call string) string {
	call = strings.TrimSpace(call)
	name, args, ok := strings.Cut(call, "(")
	if !ok {
		return call
	}
	args = strings.TrimSpace(strings.TrimSuffix(args, ")"))
	if args == "" {
		return name
	}
	n := 1
	depth := 0
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case '"':
			i += quotedLength(args[i:]) - 1
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				n++
			}
		}
	}
	return fmt.Sprintf("%s(%d)", name, n)
}

// usedMacros are the macros among known that the searches call, and those that
// these call themselves, sorted. A search that calls another one is reported:
// Splunk refuses to run it where nobody defines that macro.
func usedMacros(objects []*deploy.Object, items []*deploy.Item, known []Macro) ([]Macro, diag.List) {
	var diags diag.List
	var out []Macro
	var add func(name string) bool
	add = func(name string) bool {
		if slices.ContainsFunc(out, func(m Macro) bool { return m.stanza() == name }) {
			return true
		}
		i := slices.IndexFunc(known, func(m Macro) bool { return m.stanza() == name && m.Definition != "" })
		if i < 0 {
			return false
		}
		out = append(out, known[i])
		for _, more := range macrosOf(known[i].Definition) {
			add(more) // one that is not there is the project's own affair, as is its definition
		}
		return true
	}
	for _, o := range objects {
		for _, name := range macrosOf(o.Get(keySearch)) {
			if !add(name) {
				at := diag.Node(diag.Span{})
				if i := slices.IndexFunc(items, func(it *deploy.Item) bool { return it.ID() == o.ID }); i >= 0 {
					at = nativeAt(items[i])
				}
				diags.Warnf(codeMacro, at, "Make sure that another app on the search head defines it and shares it with all apps, or give it a \"definition\" in huntc.yaml, under datasets.",
					"the search calls the macro `%s`, which the app does not bring", name)
			}
		}
	}
	slices.SortFunc(out, func(a, b Macro) int { return strings.Compare(a.stanza(), b.stanza()) })
	return out, diags
}
