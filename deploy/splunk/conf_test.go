package splunk

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/deploy"
)

// readConf reads a .conf file as Splunk does (admin manual, "How to edit a
// configuration file"): a backslash at the end of a line joins the next line to
// it, whatever that line starts with, and the line break belongs to the value.
// Other lines that start with # are comments, those in brackets start a stanza,
// and the rest are a key, an equals sign and a value, around which white space
// is dropped.
func readConf(text string) ([]stanza, error) {
	var out []stanza
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i := 0; i < len(lines); i++ {
		start := i + 1
		line := strings.TrimSuffix(lines[i], "\r")
		if strings.HasPrefix(line, "#") {
			continue
		}
		whole := line
		for strings.HasSuffix(whole, `\`) && i+1 < len(lines) {
			i++
			whole = whole[:len(whole)-1] + "\n" + strings.TrimSuffix(lines[i], "\r")
		}
		t := strings.TrimFunc(whole, unicode.IsSpace)
		switch {
		case t == "":
		case strings.HasPrefix(t, "["):
			end := strings.IndexByte(t, ']')
			if end < 0 || t[end+1:] != "" {
				return nil, fmt.Errorf("line %d: a stanza that is not closed, or text behind it: %q", start, t)
			}
			out = append(out, stanza{name: t[1:end]})
		default:
			key, value, ok := strings.Cut(t, "=")
			if !ok {
				return nil, fmt.Errorf("line %d: neither a stanza nor a key: %q", start, t)
			}
			if len(out) == 0 {
				return nil, fmt.Errorf("line %d: a key outside of any stanza", start)
			}
			s := &out[len(out)-1]
			s.fields = append(s.fields, deploy.Field{Key: strings.TrimFunc(key, unicode.IsSpace), Value: strings.TrimFunc(value, unicode.IsSpace)})
		}
	}
	return out, nil
}

// roundTrip writes stanzas, if they can be written, and reads them back.
func roundTrip(t *testing.T, comment string, in []stanza) bool {
	t.Helper()
	text, err := writeConf(comment, in)
	if err != nil {
		return false
	}
	back, err := readConf(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if d := cmp.Diff(in, back, cmp.AllowUnexported(stanza{})); d != "" {
		t.Fatalf("(-written +read)\n%s\n%s", d, text)
	}
	return true
}

func TestConf(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		ok          bool
	}{
		{"plain", "index=main", true},
		{"lines", "index=main\n| stats count\n    by x", true},
		{"a line that starts a stanza", "search x\n[evil]\nsearch = y", true},
		{"a comment", "search x\n# y\n\n| z", true},
		{"empty lines", "a\n\n\nb", true},
		{"equals signs", "a = b = c", true},
		{"a backslash within", `C:\x\ y`, true},
		{"a backslash and a space at the end of a line", "a \\ \nb", true},
		{"empty", "", true},
		{"other scripts", "名前 é 🙂", true},
		{"a backslash at the end", `index=main "C:\`, false},
		{"two backslashes at the end", `x\\`, false},
		{"a backslash at the end of a line", "a\\\nb", false},
		{"a carriage return", "a\rb", false},
		{"a zero byte", "a\x00b", false},
		{"another control character", "a\x1bb", false},
		{"a line separator", "a\u2028b", false},
		{"bytes that are not UTF-8", "a\xffb", false},
		{"white space before", " a", false},
		{"a line break behind", "a\n", false},
	} {
		in := []stanza{{"one", []deploy.Field{{Key: "search", Value: tt.value}, {Key: "next", Value: "1"}}}, {"two", []deploy.Field{{Key: "k", Value: "v"}}}}
		if got := roundTrip(t, "comment", in); got != tt.ok {
			t.Errorf("%s: written %t, want %t", tt.name, got, tt.ok)
		}
	}
	for _, name := range []string{"", " a", "a]b", "[a", "a\nb", "a\rb", "a\x00", "\xff"} {
		if roundTrip(t, "", []stanza{{name, nil}}) {
			t.Errorf("the stanza %q was written", name)
		}
	}
	for _, key := range []string{"", "a b", "a=b", "a\nb", "[a", "#a", "é"} {
		if roundTrip(t, "", []stanza{{"s", []deploy.Field{{Key: key, Value: "v"}}}}) {
			t.Errorf("the key %q was written", key)
		}
	}
}

func FuzzConf(f *testing.F) {
	for _, s := range []string{"", "a", "a\\", "\\\n[x]\ny = z", "#", "]", "[", "a\r\nb", "\xff\\", "a \\ \n b", "\\\\\n", "a\n\n\\"} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, comment, name, title, search string) {
		// What the writer takes, it keeps.
		roundTrip(t, comment, []stanza{{name, []deploy.Field{{Key: "search", Value: search}, {Key: "next", Value: title}}}, {"end", nil}})
		// Prose and names are taken whatever they hold.
		in := []stanza{{stanzaName("Label", title), []deploy.Field{{Key: "description", Value: prose(title)}, {Key: "next", Value: prose(search)}, {Key: "last", Value: "1"}}}, {"end", nil}}
		if !roundTrip(t, comment, in) {
			_, err := writeConf(comment, in)
			t.Fatalf("refused: %v", err)
		}
	})
}
