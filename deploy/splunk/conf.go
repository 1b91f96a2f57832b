package splunk

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/deploy"
)

// stanza is a section of a .conf file.
type stanza struct {
	name   string
	fields []deploy.Field
}

// writeConf writes a .conf file. How Splunk reads one: a line that ends in a
// backslash goes on in the next line, and the line break stays in the value; a
// line that starts with # is a comment, one that starts with [ a stanza,
// unless it goes on another one; white space at the start and the end of a value
// is dropped. So a value with a backslash at the end of one of its lines
// cannot be said, and is an error, as is a character that no .conf file holds.
func writeConf(comment string, stanzas []stanza) (string, error) {
	var b strings.Builder
	for _, line := range strings.Split(deploy.Prose(comment), "\n") {
		b.WriteString(strings.TrimRight("# "+plainEnd(line), " ") + "\n")
	}
	for _, s := range stanzas {
		if why := badStanza(s.name); why != "" {
			return "", fmt.Errorf("the stanza %q cannot be written: %s", s.name, why)
		}
		b.WriteString("\n[" + s.name + "]\n")
		for _, f := range s.fields {
			if why := badKey(f.Key); why != "" {
				return "", fmt.Errorf("the key %q of %q cannot be written: %s", f.Key, s.name, why)
			}
			if why := badValue(f.Value); why != "" {
				return "", fmt.Errorf("the key %s of %q cannot be written: %s", f.Key, s.name, why)
			}
			b.WriteString(strings.TrimRight(f.Key+" = "+strings.ReplaceAll(f.Value, "\n", "\\\n"), " ") + "\n")
		}
	}
	return b.String(), nil
}

func badStanza(s string) string {
	switch {
	case s == "" || strings.TrimSpace(s) != s:
		return "it is empty, or has white space around it"
	case strings.ContainsAny(s, "[]"):
		return "it holds a bracket"
	case badRune(s, false) >= 0:
		return "it holds a character that no .conf file holds"
	}
	return ""
}

func badKey(s string) string {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return "it holds other characters than letters, digits, dots, hyphens and underscores"
		}
	}
	if s == "" {
		return "it is empty"
	}
	return ""
}

// badValue says why a .conf file cannot hold a value as it is; "" if it can.
func badValue(s string) string {
	if strings.TrimFunc(s, unicode.IsSpace) != s {
		return "it has white space around it, which Splunk drops"
	}
	if i := badRune(s, true); i >= 0 {
		return fmt.Sprintf("line %d holds a character that no .conf file holds", 1+strings.Count(s[:i], "\n"))
	}
	for i, line := range strings.Split(s, "\n") {
		if strings.HasSuffix(line, `\`) {
			return fmt.Sprintf("line %d ends in a backslash, which would swallow the line after it", i+1)
		}
	}
	return ""
}

// badRune is where the first character stands that no .conf file holds; -1 if
// there is none.
func badRune(s string, lines bool) int {
	for i, r := range s {
		switch {
		case r == '\n' && lines, r == '\t':
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n <= 1 {
				return i
			}
		case unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			return i
		}
	}
	return -1
}

// plainEnd keeps the backslashes at the end of a line of prose from joining the
// next line to it.
func plainEnd(line string) string {
	if strings.HasSuffix(line, `\`) {
		return line + " ."
	}
	return line
}

// prose is a text as the value of a key: without control characters, and with
// no line that ends in a backslash.
func prose(s string) string {
	lines := strings.Split(deploy.Prose(s), "\n")
	for i, l := range lines {
		lines[i] = plainEnd(l)
	}
	return strings.TrimFunc(strings.Join(lines, "\n"), unicode.IsSpace)
}

// searchText is a search as a .conf file can hold it. Line breaks of other
// systems are white space, as the one that it uses is.
func searchText(s string) string {
	return strings.TrimFunc(strings.ReplaceAll(s, "\r\n", "\n"), unicode.IsSpace)
}
