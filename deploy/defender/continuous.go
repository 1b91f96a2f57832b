package defender

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
)

// checkContinuous reports what keeps a query from running on each event as it
// comes in: it may read one table of those that are streamed, row by row,
// without a comment.
func checkContinuous(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, diags *diag.List) {
	const rare = "Write \"every: 1h\" or rarer."
	at := diag.Node(s.EveryAt)
	refuse := func(hint, format string, args ...any) { diags.Errorf(codeContinuous, at, hint, format, args...) }
	if plainCode(d.Query) != codeAndStrings(d.Query) {
		refuse("Remove the comments from the native query, or write \"every: 1h\".", "a continuous detection has no comments, and the query has one")
		return
	}
	q, found := kql.Parse("query", d.Query)
	if q == nil || found.HasErrors() {
		refuse(rare, "the query is not understood in full, so it is not known whether it can run continuously")
		return
	}
	if len(d.Tables) > 1 {
		refuse(rare, "a continuous detection reads one table, and the query reads %s", strings.Join(d.Tables, " and "))
		return
	}
	if len(d.Tables) == 1 && !slices.Contains(tables().Continuous, d.Tables[0]) {
		refuse(rare, "no continuous detection can read %s", d.Tables[0])
		return
	}
	var outside []string
	note := func(name string) {
		if !slices.Contains(outside, name) {
			outside = append(outside, name)
		}
	}
	var bad []string
	kql.Walk(q, func(n diag.Node) bool {
		switch n := n.(type) {
		case *kql.Query:
			for _, op := range n.Ops {
				if word := multiRow(op); word != "" && !slices.Contains(bad, word) {
					bad = append(bad, word)
				}
			}
		case *kql.UnionSource:
			bad = append(bad, "union")
		case *kql.Datatable, *kql.Apply, *kql.SubQuery:
			bad = append(bad, "a query within the query")
		case *kql.Call:
			if !slices.Contains(tables().Functions, n.Name) {
				note(n.Name + "()")
			}
		case *kql.In:
			if n.Op != "in" && n.Op != "!in" {
				note(n.Op)
			}
		case *kql.Between:
			note("between")
		}
		return true
	})
	if len(bad) > 0 {
		refuse(rare, "a continuous detection looks at one row at a time, and the query uses %s", strings.Join(bad, ", "))
		return
	}
	if len(outside) > 0 {
		slices.Sort(outside)
		diags.Warnf(codeOutside, at, "Try it: the service says at once if it does not take the query. Otherwise write \"every: 1h\".",
			"continuous detections are documented to have the functions and operators of data collection transformations, and %s %s not among them", strings.Join(outside, ", "), isAre(outside))
	}
}

func isAre(list []string) string {
	if len(list) == 1 {
		return "is"
	}
	return "are"
}

// multiRow names an operator that a transformation does not have; "" for one
// that it has.
func multiRow(op kql.Op) string {
	switch op := op.(type) {
	case *kql.Where, *kql.Extend, *kql.Project, *kql.ProjectAway, *kql.ProjectRename:
		return ""
	case *kql.Unknown:
		if op.Name == "parse" {
			return ""
		}
		return op.Name
	case *kql.Summarize:
		return "summarize"
	case *kql.Distinct:
		return "distinct"
	case *kql.Sort:
		return "sort"
	case *kql.Top:
		return "top"
	case *kql.Take:
		return "take"
	case *kql.Serialize:
		return "serialize"
	case *kql.JoinOp:
		return "join"
	case *kql.Lookup:
		return "lookup"
	case *kql.UnionOp:
		return "union"
	case *kql.ProjectKeep:
		return "project-keep"
	case *kql.ProjectReorder:
		return "project-reorder"
	}
	return "an operator of its own"
}

// plainCode is a query without its comments, each text replaced by "".
func plainCode(q string) string { return scan(q, false) }

// codeAndStrings is a query with its comments, each text replaced by "".
func codeAndStrings(q string) string { return scan(q, true) }

// scan takes the texts, and the comments unless they are kept, out of a query.
// Texts are "…" and '…' with backslashes, @"…" with doubled quotes, and ```…```.
func scan(q string, comments bool) string {
	var b strings.Builder
	for i := 0; i < len(q); {
		rest := q[i:]
		n := 0
		switch {
		case strings.HasPrefix(rest, "//"):
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				n = len(rest)
			}
			if comments {
				b.WriteString(rest[:n])
			}
			i += n
			continue
		case strings.HasPrefix(rest, "```"), strings.HasPrefix(rest, "~~~"):
			if end := strings.Index(rest[3:], rest[:3]); end >= 0 {
				n = 3 + end + 3
			}
		case rest[0] == '@' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
			n = verbatimLength(rest)
		case rest[0] == '"' || rest[0] == '\'':
			n = quotedLength(rest)
		}
		if n == 0 {
			b.WriteByte(rest[0])
			i++
			continue
		}
		b.WriteString(`""`)
		i += n
	}
	return b.String()
}

func verbatimLength(s string) int {
	for i := 2; i < len(s); i++ {
		if s[i] == s[1] {
			if i+1 < len(s) && s[i+1] == s[1] {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(s)
}

func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		case '\n':
			return i
		}
	}
	return len(s)
}
