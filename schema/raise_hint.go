package schema

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
)

// columnHint says what an author who named a column that a table does not have
// may have meant. Nothing is repaired: which of them is meant, if any, only the
// author knows.
func (s *Schema) columnHint(v View, table, name string) string {
	t := s.Table(v, table)
	bare := name[strings.LastIndexByte(name, '.')+1:]
	if info, ok := t.columns()[bare]; ok {
		return "Write " + cmp.Or(info.Qualified, bare) + "."
	}
	for _, col := range sortedKeys(t.columns()) {
		if strings.EqualFold(col, bare) {
			return "Names are told apart by case: write " + col + "."
		}
	}
	// The name that the same thing has in the logs that the table comes from.
	for _, ds := range s.Datasets() {
		if m := ds.Mapping(v); m != nil && m.Table == table && m.Columns[bare] != nil && m.Columns[bare].Name != "" && m.Columns[bare].Kind != "computed" {
			return "Did you mean " + m.Columns[bare].Name + "? It holds here what other logs call " + bare + "."
		}
	}
	if like := alike(t, bare); len(like) > 0 {
		hint := "Did you mean " + orList(like) + "?"
		if strings.HasPrefix(like[0], actor) {
			hint += " What starts with " + actor + " is of the process that acted."
		}
		return hint
	}
	if near := diag.Closest(bare, sortedKeys(t.columns())); near != "" {
		return "Did you mean " + near + "?"
	}
	if others := s.tablesWith(v, bare); len(others) > 0 {
		return bare + " is a column of " + orList(others) + "."
	}
	return "Known are: " + strings.Join(sortedKeys(t.columns()), ", ") + "."
}

// actor is what Defender puts before columns about the process that acted.
const actor = "InitiatingProcess"

// alike are the columns of which the words of a name are the last ones, or that
// are the first or last words of the name; at most three.
func alike(t *Table, name string) []string {
	var out []string
	for _, col := range sortedKeys(t.columns()) {
		if endsInWords(col, name) {
			out = append(out, col)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		of := func(c string) int {
			if strings.HasPrefix(c, actor) {
				return 0
			}
			return 1
		}
		return cmp.Or(of(a)-of(b), len(a)-len(b))
	})
	if len(out) == 0 {
		for _, col := range sortedKeys(t.columns()) {
			if endsInWords(name, col) || strings.HasPrefix(name, col+"_") {
				out = append(out, col)
			}
		}
		slices.SortStableFunc(out, func(a, b string) int { return len(b) - len(a) })
		out = out[:min(len(out), 1)]
	}
	return out[:min(len(out), 3)]
}

// endsInWords reports whether the last words of a longer name are a shorter one:
// InitiatingProcessAccountName and AccountName, http_user_agent and user_agent.
func endsInWords(long, short string) bool {
	rest, ok := strings.CutSuffix(long, short)
	if !ok || rest == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(short)
	return strings.HasSuffix(rest, "_") || unicode.IsUpper(first)
}

// tablesWith are tables that have a column of that name; none if many do.
func (s *Schema) tablesWith(v View, name string) []string {
	const most = 3
	var out []string
	for _, table := range Tables(v) {
		if _, ok := s.Column(v, table, name); ok {
			out = append(out, table)
		}
	}
	if v == CIM {
		// Those that rules are about before the parts of a model.
		slices.SortStableFunc(out, func(a, b string) int { return s.mapped(b) - s.mapped(a) })
		out = slices.DeleteFunc(out, func(table string) bool { return s.mapped(table) == 0 })
	}
	if len(out) > most {
		out = out[:most]
	}
	return out
}

// mapped is 1 for a data model's table that a dataset is mapped to.
func (s *Schema) mapped(table string) int {
	for _, ds := range s.Datasets() {
		if ds.CIM != nil && ds.CIM.Table == table {
			return 1
		}
	}
	return 0
}

// orList is a list in words.
func orList(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
