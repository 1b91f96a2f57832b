package article

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortened are words whose full stop ends no sentence.
var shortened = map[string]bool{}

func init() {
	for _, w := range strings.Fields("e.g i.e etc vs mr mrs ms dr inc ltd corp co fig figs no nos al cf approx dept est v ver vol jan feb mar apr jun jul aug sep sept oct nov dec st resp incl u.s u.k") {
		shortened[w] = true
	}
}

// sentences cuts a block into sentences; each byte is in one. Code has one a
// line. There is always one.
func sentences(b *block) []run {
	var out []run
	start := 0
	end := func(at int) {
		if at > start {
			out = append(out, run{start, at})
			start = at
		}
	}
	next := 0
	for i := 0; i < len(b.text); i++ {
		for next < len(b.literals) && b.literals[next].to <= i {
			next++
		}
		if next < len(b.literals) && b.literals[next].from <= i {
			i = b.literals[next].to - 1
			continue
		}
		switch c := b.text[i]; {
		case c == '\n':
			end(i + 1)
		case b.kind == code:
		case c == '.' || c == '!' || c == '?':
			j := i + 1
			for j < len(b.text) && strings.IndexByte(`)"']*`, b.text[j]) >= 0 {
				j++
			}
			if strings.HasPrefix(b.text[j:], "”") || strings.HasPrefix(b.text[j:], "’") {
				j += len("”")
			}
			if j >= len(b.text) || !isSpace(b.text[j]) {
				continue
			}
			k := j
			for k < len(b.text) && isSpace(b.text[k]) {
				k++
			}
			if k >= len(b.text) {
				continue
			}
			r, _ := utf8.DecodeRuneInString(b.text[k:])
			if unicode.IsLower(r) {
				continue
			}
			if c == '.' && !endsSentence(b.text[start:i]) {
				continue
			}
			end(k)
			i = k - 1
		}
	}
	end(len(b.text))
	if out == nil {
		out = []run{{0, len(b.text)}}
	}
	return out
}

// endsSentence reports whether the word before a full stop can be the last.
func endsSentence(text string) bool {
	text = text[max(0, len(text)-24):]
	word := text[strings.LastIndexAny(text, " \t\n(")+1:]
	return !(len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z') && !shortened[strings.ToLower(word)]
}

// literal is text that stands as it is meant: code, or words in quotes.
type literal struct {
	run
	code bool
}

// maxQuoted is how long words in quotes are, at most.
const maxQuoted = 400

// quoted lists a block's literals in order: its code, and what stands in
// quotes between.
func quoted(b *block) []literal {
	if b.kind == code {
		return nil
	}
	var out []literal
	next := 0
	text := b.text
	for i := 0; i < len(text); {
		if next < len(b.literals) && b.literals[next].from <= i {
			l := b.literals[next]
			next++
			out = append(out, literal{l, true})
			i = max(i+1, l.to)
			continue
		}
		limit := len(text)
		if next < len(b.literals) {
			limit = b.literals[next].from
		}
		limit = min(limit, i+maxQuoted)
		open, closer := 0, ""
		switch {
		case text[i] == '"':
			open, closer = 1, `"`
		case strings.HasPrefix(text[i:], "“"):
			open, closer = len("“"), "”"
		case strings.HasPrefix(text[i:], "‘"):
			open, closer = len("‘"), "’"
		case text[i] == '\'' && (i == 0 || !isWord(text[i-1])):
			open, closer = 1, "'"
		}
		if open == 0 || i+open >= limit {
			i++
			continue
		}
		j := strings.Index(text[i+open:limit], closer)
		for closer == "'" && j >= 0 && i+open+j+1 < len(text) && isWord(text[i+open+j+1]) { // an apostrophe
			k := strings.Index(text[i+open+j+1:limit], closer)
			if k < 0 {
				j = -1
				break
			}
			j += 1 + k
		}
		if j <= 0 {
			i += open
			continue
		}
		out = append(out, literal{run{i + open, i + open + j}, false})
		i += open + j + len(closer)
	}
	return out
}
