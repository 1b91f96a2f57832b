package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
)

// Limits on input. Nothing that people write comes near them.
const (
	maxAliased = 100_000 // YAML nodes after every alias is written out
	maxSearch  = 8 << 20 // bytes times lines, for finding the line of a syntax error
)

// checkText refuses what is not text before the YAML decoder sees it, and
// reports whether to go on.
func checkText(path string, src []byte, diags *diag.List) bool {
	first := diag.Span{Pos: diag.Pos{Filename: path, Line: 1, Column: 1}}
	if bytes.HasPrefix(src, []byte{0xff, 0xfe}) || bytes.HasPrefix(src, []byte{0xfe, 0xff}) {
		diags.Errorf(codeNotUTF8, first, "Save the file as UTF-8.", "the file is encoded in UTF-16")
		return false
	}
	for i, c := range src {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			diags.Errorf(codeBinary, bytePlace(path, src, i), "If the value needs this character, write it as an escape in double quotes, such as \"\\x00\".",
				"the control character 0x%02x cannot stand in a document; is this a binary file?", c)
			return false
		}
	}
	if !utf8.Valid(src) {
		i := 0
		for {
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			i += n
		}
		diags.Errorf(codeNotUTF8, bytePlace(path, src, i), "Save the file as UTF-8.", "the byte 0x%02x is not UTF-8", src[i])
		return false
	}
	return true
}

// bytePlace is the place of a byte in text that need not be UTF-8.
func bytePlace(path string, src []byte, i int) diag.Span {
	start := bytes.LastIndexByte(src[:i], '\n') + 1
	return diag.Span{Pos: diag.Pos{Filename: path, Offset: i,
		Line: 1 + bytes.Count(src[:i], []byte{'\n'}), Column: 1 + utf8.RuneCount(src[start:i])}}
}

// decode splits the file into documents. Empty documents are left out.
func (l *loader) decode(src []byte) (docs []*yaml.Node, ok bool) {
	docs, err := decodeAll(src)
	if err != nil {
		l.syntaxError(src, err)
		return nil, false
	}
	if bytes.IndexByte(src, '&') >= 0 && bytes.IndexByte(src, '*') >= 0 {
		sizes := map[*yaml.Node]int{}
		for _, doc := range docs {
			if size, at := l.expanded(doc, sizes); size > maxAliased {
				hint := "Write the values out."
				if at.Kind == yaml.AliasNode {
					l.diags.Errorf(codeAliases, l.src.span(at), hint, "the alias *%s makes the document too large once every alias is written out", at.Value)
				} else {
					l.diags.Errorf(codeAliases, l.src.span(at), hint, "the document is too large once every alias is written out")
				}
				return nil, false
			}
		}
	}
	return docs, true
}

func decodeAll(src []byte) (docs []*yaml.Node, err error) {
	// yaml.v3 panics on some malformed input.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(src))
	for {
		n := &yaml.Node{}
		switch err := dec.Decode(n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			if root := n.Content[0]; root.Kind != yaml.ScalarNode || root.ShortTag() != "!!null" || root.Value != "" {
				docs = append(docs, root)
			}
		}
	}
}

// expanded counts the nodes below n with aliases written out, up to a little
// over the limit, and names the node that broke it. A cycle breaks it too.
func (l *loader) expanded(n *yaml.Node, sizes map[*yaml.Node]int) (int, *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		size, known := sizes[n.Alias]
		switch {
		case known && size == 0: // within itself
			return maxAliased + 1, n
		case !known:
			size, _ = l.expanded(n.Alias, sizes)
		}
		return size, n
	}
	if n.Anchor != "" {
		sizes[n] = 0
	}
	total, worst := 1, n
	for _, c := range n.Content {
		size, at := l.expanded(c, sizes)
		total += size
		if total > maxAliased {
			total, worst = maxAliased+1, at
			break
		}
	}
	if n.Anchor != "" {
		sizes[n] = total
	}
	return total, worst
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// yamlHints words the problems that people run into.
var yamlHints = []struct{ problem, message, hint string }{
	{"found character that cannot start any token", "this character cannot start a value", "A tab cannot indent YAML: use spaces. A value that starts with %, @ or ` needs quotes."},
	{"found a tab character", "a tab stands where YAML wants spaces", "Indent with spaces."},
	{"did not find expected key", "this line does not fit the block above it", "Look at the indentation, and quote values that hold a colon, a quote or a bracket."},
	{"did not find expected '-' indicator", "this line does not fit the list above it", "Every entry of a list starts with \"- \" at the same indentation."},
	{"mapping values are not allowed in this context", "a second \"key: value\" on one line, or a wrong indentation", "Quote the value if it holds \": \"; else look at the indentation."},
	{"could not find expected ':'", "this line is no \"key: value\"", "A key ends with a colon and a space; text that goes on over several lines needs quotes or a block (|)."},
	{"found unexpected end of stream", "the file ends within quotes that open here", "Close the quotes. A quote inside single quotes is written twice; a backslash inside double quotes too."},
	{"found unknown escape character", "this backslash starts no escape that YAML knows", "Paths and patterns stand best in single quotes, where a backslash is just a backslash."},
	{"did not find expected ',' or", "a bracket that opens here is not closed", "Close it, or quote the value."},
	{"did not find expected node content", "a value is missing here", ""},
	{"did not find expected alphabetic or numeric character", "a value cannot start with * or & unless it is quoted", "Quote the value: YAML takes * and & for aliases and anchors."},
	{"unknown anchor", "this alias has no anchor", "Quote the value: YAML takes a leading * for an alias."},
	{"exceeded max depth", "the document is nested too deeply", ""},
	{"block sequence entries are not allowed in this context", "a list cannot start here", "Put it on its own line, indented."},
}

// syntaxError reports what yaml.v3 could not read. Its line is that of the
// enclosing block as often as not, so the line is looked for: the first one
// from which on the text no longer parses.
func (l *loader) syntaxError(src []byte, err error) {
	m := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, _ := strconv.Atoi(m[1])
	problem := m[2]
	if len(src)*len(l.src.lines) <= maxSearch {
		line = len(l.src.lines)
		for line > 1 {
			if _, err := decodeAll(src[:l.src.lines[line-1]]); err == nil {
				break
			}
			line--
		}
	}
	line = min(max(line, 1), len(l.src.lines))
	from, to := l.src.lines[line-1], len(src)
	if line < len(l.src.lines) {
		to = l.src.lines[line]
	}
	text := l.src.text[from:to]
	skip := len(text) - len(strings.TrimLeft(text, " "))
	message, hint := "the file is not YAML: "+problem, ""
	for _, h := range yamlHints {
		if strings.Contains(problem, h.problem) {
			message, hint = "the file is not YAML: "+h.message, h.hint
			break
		}
	}
	l.diags.Errorf(codeYAML, l.src.cut(from+skip, from+len(strings.TrimRight(text, " \r\n"))), hint, "%s", message)
}

// resolve follows an alias to its node.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// pair is one entry of a mapping.
type pair struct{ key, value *yaml.Node }

// pairs lists the entries of a mapping in order, merge keys written out, and
// reports duplicate keys and keys that are not text.
func (l *loader) pairs(n *yaml.Node) []pair {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	out := make([]pair, 0, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := resolve(n.Content[i]), n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			l.diags.Errorf(codeKeyNotText, l.src.span(k), "Quote the key if it starts with { or [.", "a key has to be text")
			continue
		case k.Tag == "!!merge":
			merges = append(merges, v)
			continue
		}
		if first := findPair(out, k.Value); first != nil {
			l.diags.Errorf(codeDuplicateKey, l.src.span(n.Content[i]), "Remove one of the two, or join their values in one list.",
				"the key %q is there already, on line %d", k.Value, first.key.Line)
			continue
		}
		out = append(out, pair{n.Content[i], v})
	}
	own := len(out)
	for _, m := range merges {
		list := []*yaml.Node{m}
		if r := resolve(m); r.Kind == yaml.SequenceNode {
			list = r.Content
		}
		for _, m := range list {
			if resolve(m).Kind != yaml.MappingNode {
				l.diags.Errorf(codeWrongType, l.src.span(m), "Quote << if it is the name of a field.", "<< merges a mapping into this one; its value is not a mapping")
				continue
			}
			for _, p := range l.pairs(m) {
				if findPair(out[:own], p.key.Value) == nil && findPair(out[own:], p.key.Value) == nil {
					out = append(out, p)
				}
			}
		}
	}
	for i := range out {
		out[i].key = resolve(out[i].key)
	}
	return out
}

// findPair looks a key up. Mappings are short, as a rule; the map that a long
// one would need is not worth its price.
func findPair(pairs []pair, key string) *pair {
	for i := range pairs {
		if pairs[i].key.Value == key {
			return &pairs[i]
		}
	}
	return nil
}

// isText reports whether a node is a scalar that is not null.
func isText(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null"
}

// kindOf names what a node is, for messages.
func kindOf(n *yaml.Node) string {
	switch n = resolve(n); n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "text"
}

// textOf reads a scalar that is not null.
func (l *loader) textOf(key string, n *yaml.Node) (string, bool) {
	n = resolve(n)
	if !isText(n) {
		l.diags.Errorf(codeWrongType, l.src.span(n), "", "%q has to be text, and this is %s", key, kindOf(n))
		return "", false
	}
	return n.Value, true
}

// item is one text of a list, with its place.
type item struct {
	diag.Span
	text string
	node *yaml.Node
}

// texts reads a list of scalars; a scalar alone counts as a list of one where
// one is allowed.
func (l *loader) texts(key string, n *yaml.Node, single bool) []item {
	n = resolve(n)
	switch {
	case n.Kind == yaml.SequenceNode:
		out := make([]item, 0, len(n.Content))
		for _, e := range n.Content {
			if e = resolve(e); !isText(e) {
				l.diags.Errorf(codeWrongType, l.src.span(e), "", "%q is a list of texts, and this entry is %s", key, kindOf(e))
				continue
			}
			out = append(out, item{l.src.span(e), e.Value, e})
		}
		return out
	case single && isText(n):
		return []item{{l.src.span(n), n.Value, n}}
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return nil
	}
	l.diags.Errorf(codeWrongType, l.src.span(n), "Write one entry a line, each after \"- \".", "%q has to be a list, and this is %s", key, kindOf(n))
	return nil
}

// isMap reports whether the value of a key is a mapping, and says so if not.
func (l *loader) isMap(key string, n *yaml.Node) bool {
	if resolve(n).Kind == yaml.MappingNode {
		return true
	}
	l.diags.Errorf(codeWrongType, l.src.span(n), "", "%q has to be a map of keys, and this is %s", key, kindOf(n))
	return false
}

// unknownKey reports a key that a closed block does not know.
func (l *loader) unknownKey(block string, k *yaml.Node, known []string) {
	hint := "Known keys are " + strings.Join(known, ", ") + "."
	if near := nearest(k.Value, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	l.diags.Errorf(codeUnknownKey, l.src.span(k), hint, "%q has no key %q", block, k.Value)
}

// nearest is the known word that a misspelt one is likely to mean, or "".
func nearest(word string, known []string) string {
	if len(word) < 3 || len(word) > 64 {
		return ""
	}
	return diag.Closest(word, known)
}
