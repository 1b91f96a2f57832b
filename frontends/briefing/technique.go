package briefing

import (
	"regexp"
	"strings"
)

var (
	techniqueID   = regexp.MustCompile(`\bT[0-9]{4}(?:\.[0-9]{3})?\b`)
	techniqueLead = regexp.MustCompile(`^[*_` + "`" + `\[]*T[0-9]{4}(?:\.[0-9]{3})?(?:[*_` + "`" + `\]]*\s*[/,&]\s*[*_` + "`" + `\[]*T[0-9]{4}(?:\.[0-9]{3})?)*[*_` + "`" + `\]]*(?:\([^)\s]*\))?\s*(?:—|–|--|-|:)?\s*`)
)

// tactics are the names of ATT&CK Enterprise's tactics.
var tactics = []string{
	"reconnaissance", "resource development", "initial access", "execution", "persistence", "privilege escalation",
	"defense evasion", "credential access", "discovery", "lateral movement", "collection", "command and control",
	"exfiltration", "impact",
}

func tacticOf(text string) string {
	t := strings.ToLower(strings.TrimSpace(text))
	t = strings.ReplaceAll(strings.ReplaceAll(t, "defence", "defense"), "-", " ")
	for _, name := range tactics {
		if t == name {
			return name
		}
	}
	return ""
}

// technique reads one line of the section of techniques: a bullet, or a row of
// a table.
func (p *parser) technique(i int, text string) {
	body := strings.TrimSpace(text)
	if body == "" {
		return
	}
	start := p.src.lines[i].start
	ids := techniqueID.FindAllStringIndex(text, -1)
	if len(ids) == 0 {
		plain := strings.TrimLeft(body, "-*+ ")
		if strings.HasPrefix(plain, "_") && strings.HasSuffix(plain, "_") || strings.HasPrefix(body, "|") {
			return // a note that there is none, or the head of a table
		}
		p.list.Infof(codeTechnique, p.src.lineSpan(i), "A technique has the form **T1059.001** — PowerShell.", "This line names no technique")
		return
	}
	var name, tactic, note string
	if strings.HasPrefix(body, "|") {
		for _, cell := range strings.Split(strings.Trim(body, "|"), "|") {
			cell = strings.Trim(strings.TrimSpace(cell), "*`")
			switch t := tacticOf(cell); {
			case techniqueID.MatchString(cell) && techniqueLead.ReplaceAllString(cell, "") == "":
			case t != "" && tactic == "":
				tactic = t
			case name == "":
				name = techniqueLead.ReplaceAllString(cell, "")
			case note == "":
				note = cell
			}
		}
	} else {
		_, at, _ := bullet(text)
		name, tactic, note = techniqueName(strings.TrimSpace(text[at:]))
	}
	for _, m := range ids {
		p.doc.Techniques = append(p.doc.Techniques, Technique{
			Span: p.src.span(start+m[0], start+m[1]), ID: text[m[0]:m[1]], Name: name, Tactic: tactic, Note: note,
		})
	}
}

// techniqueName reads what stands behind the ids: a name and in parentheses a
// tactic or a remark.
func techniqueName(body string) (name, tactic, note string) {
	rest := body
	if m := techniqueLead.FindStringIndex(body); m != nil {
		rest = body[m[1]:]
	} else if m := techniqueID.FindStringIndex(body); m != nil {
		rest = strings.TrimRight(body[:m[0]], " (-—–*`[:")
	}
	name = strings.TrimSpace(rest)
	if i := strings.LastIndexByte(name, '('); i > 0 && strings.HasSuffix(name, ")") {
		note = strings.TrimSpace(name[i+1 : len(name)-1])
		name = strings.TrimSpace(name[:i])
		if tactic = tacticOf(note); tactic != "" {
			note = ""
		}
	}
	name = strings.TrimSpace(strings.Trim(name, "*`"))
	if left, right, ok := strings.Cut(name, "** "); ok {
		name = strings.TrimSpace(left)
		if note == "" {
			note = strings.TrimSpace(right)
		}
	}
	if tactic == "" {
		tactic = tacticOf(name) // some give the tactic in the place of the name
	}
	return name, tactic, note
}
