package sigma

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// yamlText collects the lines of a document in the layout that Format keeps.
type yamlText struct {
	lines []string
}

const indentWidth = 4

func indentation(depth int) string { return strings.Repeat(" ", depth*indentWidth) }

func (y *yamlText) line(depth int, s string) {
	if s != "" {
		s = indentation(depth) + s
	}
	y.lines = append(y.lines, s)
}

func (y *yamlText) raw(depth int, lines []string) {
	for _, l := range lines {
		y.line(depth, l)
	}
}

// text writes a key with a text, if there is one; one of several lines is a
// literal block.
func (y *yamlText) text(depth int, key, v string) {
	if v == "" {
		return
	}
	if strings.Contains(v, "\n") && blockSafe(v) {
		y.block(depth, key, v)
		return
	}
	y.line(depth, key+": "+yamlScalar(v, false))
}

// block writes a literal block.
func (y *yamlText) block(depth int, key, v string) {
	head := "|"
	body := strings.TrimSuffix(v, "\n")
	switch {
	case body == v:
		head = "|-"
	case strings.HasSuffix(body, "\n"):
		head = "|+"
	}
	y.line(depth, key+": "+head)
	y.raw(depth+1, strings.Split(body, "\n"))
}

// list writes a key with a list, one entry a line.
func (y *yamlText) list(depth int, key string, values []string) {
	if len(values) == 0 {
		return
	}
	y.line(depth, key+":")
	for _, v := range values {
		y.line(depth+1, "- "+yamlScalar(v, false))
	}
}

// lineWidth is how long a list on one line gets before it is broken.
const lineWidth = 110

// row writes a key with a list on the same line, if it is short.
func (y *yamlText) row(depth int, key string, values []string) {
	if len(values) == 0 {
		return
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = yamlScalar(v, true)
	}
	s := key + ": [" + strings.Join(out, ", ") + "]"
	if utf8.RuneCountInString(s)+depth*indentWidth > lineWidth {
		y.list(depth, key, values)
		return
	}
	y.line(depth, s)
}

// blockSafe reports whether a literal block keeps the text as it is.
func blockSafe(v string) bool {
	if strings.TrimSpace(v) == "" || v[0] == ' ' || v[0] == '\n' || v[0] == '\t' {
		return false
	}
	for _, l := range strings.Split(v, "\n") {
		if l != "" && strings.TrimSpace(l) == "" || needsEscape(l) {
			return false
		}
	}
	return true
}

// needsEscape reports whether a line holds what only double quotes can.
func needsEscape(s string) bool { return strings.ContainsFunc(s, escaped) }

func escaped(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff
}

var (
	// plainValue is a value of a detection that is written without quotes.
	plainValue = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./ -]*$`)
	// yamlWords are texts that some reader of YAML takes for something else.
	yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
)

// isPlain reports whether a text needs no quotes in a block.
func isPlain(s string) bool {
	if s == "" || s != strings.TrimSpace(s) || strings.ContainsAny(s, "\n\t") || needsEscape(s) || !utf8.ValidString(s) ||
		strings.ContainsRune("-?:,[]{}#&*!|>'\"%@`=<", rune(s[0])) ||
		strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") || strings.HasPrefix(s, "...") ||
		slices.Contains(yamlWords, strings.ToLower(s)) {
		return false
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(s), &n); err != nil || len(n.Content) != 1 {
		return false
	}
	v := n.Content[0]
	return v.Kind == yaml.ScalarNode && v.Style == 0 && v.Anchor == "" && v.Value == s && v.ShortTag() == "!!str"
}

// yamlScalar writes a text in a block, or within a list on one line or as a key.
func yamlScalar(s string, inFlow bool) string {
	if isPlain(s) && !(inFlow && strings.ContainsAny(s, ",[]{}:#")) {
		return s
	}
	return quoted(s)
}

// quoted writes a text in quotes: single ones unless it needs escapes.
func quoted(s string) string {
	if !utf8.ValidString(s) {
		cannot(nil, "", "the text %q, which is not UTF-8", s)
	}
	if !needsEscape(s) && !strings.Contains(s, "\n") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case escaped(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case escaped(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// QuoteScalar writes a text as a YAML value of a block, with quotes where it
// needs them.
func QuoteScalar(s string) string { return yamlScalar(s, false) }
