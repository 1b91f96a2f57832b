package eval

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
)

// scanner reads the usual line fast: an object in UTF-8 without the same key
// twice. What it does not take, Reader decides about, which is the authority on
// what a line means; the two agree on every line that both take.
type scanner struct {
	c     *Classifier
	root  *layout
	nodes int
	text  []byte // of all strings of the line, one after the other
	toks  []token
}

// token is a value of a line.
type token struct {
	kind     tokenKind
	from, to int // of a string in scanner.text
	i        int64
	f        float64
}

type tokenKind uint8

const (
	isNull tokenKind = iota
	isTrue
	isFalse
	isString
	isInt
	isFloat
)

// layout is a place in a line: the keys that were read to get there. Lines with
// the same keys in the same order go the same way, and end in the same place,
// which knows what becomes of their values.
type layout struct {
	up     *layout
	key    string
	kind   layoutKind
	next   []*layout
	prefix string   // of the keys of the object that is being read
	outer  []string // the prefixes of the objects around
	name   string   // of a value
	count  int      // values so far
	double bool     // a name has come twice
	plan   *reshaping
}

type layoutKind uint8

const (
	aValue layoutKind = iota
	anObject
	anEnd
)

// maxLayouts bounds what is kept of the layouts of lines.
const maxLayouts = 1 << 16

func (s *scanner) step(at *layout, key []byte, kind layoutKind) *layout {
	for _, n := range at.next {
		if n.kind == kind && n.key == string(key) {
			return n
		}
	}
	if s.nodes >= maxLayouts {
		return nil
	}
	s.nodes++
	n := &layout{up: at, key: string(key), kind: kind, prefix: at.prefix, outer: at.outer, count: at.count, double: at.double}
	switch kind {
	case aValue:
		n.name = at.prefix + n.key
		n.count++
		for o := at; o != nil; o = o.up {
			if o.kind == aValue && o.up != nil && o.name == n.name {
				n.double = true
			}
		}
	case anObject:
		n.outer = append(at.outer[:len(at.outer):len(at.outer)], at.prefix)
		n.prefix = at.prefix + n.key + "."
	case anEnd:
		n.prefix = at.outer[len(at.outer)-1]
		n.outer = at.outer[:len(at.outer)-1]
	}
	at.next = append(at.next, n)
	return n
}

// shapeOf is the shape of rows that end here.
func (l *layout) shapeOf() *shape {
	names := make([]string, l.count)
	for at := l; at != nil; at = at.up {
		if at.kind == aValue && at.up != nil {
			names[at.count-1] = at.name
		}
	}
	return newShape(names)
}

// scan reads a line; false leaves it to Reader.
func (s *scanner) scan(line []byte) (*reshaping, bool) {
	if s.root == nil || s.nodes >= maxLayouts {
		s.root, s.nodes = &layout{}, 0
	}
	s.text, s.toks = s.text[:0], s.toks[:0]
	i := blanks(line, 0)
	if i >= len(line) || line[i] != '{' {
		return nil, false
	}
	i++
	at, depth, first := s.root, 0, true
	for {
		i = blanks(line, i)
		if i >= len(line) {
			return nil, false
		}
		if line[i] == '}' {
			i++
			first = false
			if depth == 0 {
				break
			}
			depth--
			if at = s.step(at, nil, anEnd); at == nil {
				return nil, false
			}
			continue
		}
		if !first {
			if line[i] != ',' {
				return nil, false
			}
			i = blanks(line, i+1)
		}
		first = false
		if i >= len(line) || line[i] != '"' {
			return nil, false
		}
		end := bytes.IndexByte(line[i+1:], '"')
		if end < 0 {
			return nil, false
		}
		key := line[i+1 : i+1+end]
		for _, c := range key {
			if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
				return nil, false
			}
		}
		i = blanks(line, i+end+2)
		if i >= len(line) || line[i] != ':' {
			return nil, false
		}
		i = blanks(line, i+1)
		if i >= len(line) {
			return nil, false
		}
		kind := aValue
		if line[i] == '{' {
			kind = anObject
		}
		if at = s.step(at, key, kind); at == nil {
			return nil, false
		}
		if kind == anObject {
			if depth++; depth > 100 {
				return nil, false
			}
			first = true
			i++
			continue
		}
		t, n, ok := s.value(line, i)
		if !ok {
			return nil, false
		}
		s.toks = append(s.toks, t)
		i = n
	}
	if at.double || blanks(line, i) != len(line) {
		return nil, false
	}
	if at.plan == nil {
		at.plan = s.c.plan(at.shapeOf())
	}
	return at.plan, true
}

func blanks(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n') {
		i++
	}
	return i
}

// value reads a value that is no object.
func (s *scanner) value(line []byte, i int) (token, int, bool) {
	switch c := line[i]; {
	case c == '"':
		from := len(s.text)
		n, ok := s.string(line, i+1)
		return token{kind: isString, from: from, to: len(s.text)}, n, ok
	case c == 'n' && bytes.HasPrefix(line[i:], []byte("null")):
		return token{}, i + 4, true
	case c == 't' && bytes.HasPrefix(line[i:], []byte("true")):
		return token{kind: isTrue}, i + 4, true
	case c == 'f' && bytes.HasPrefix(line[i:], []byte("false")):
		return token{kind: isFalse}, i + 5, true
	case c == '-' || '0' <= c && c <= '9':
		return number10(line, i)
	}
	return token{}, 0, false // a list as well: Reader knows what becomes of it
}

// number10 reads a number as JSON spells it.
func number10(line []byte, i int) (token, int, bool) {
	from := i
	digits := func() bool {
		start := i
		for i < len(line) && '0' <= line[i] && line[i] <= '9' {
			i++
		}
		return i > start
	}
	if line[i] == '-' {
		i++
	}
	zero := i < len(line) && line[i] == '0'
	start := i
	if !digits() || zero && i > start+1 {
		return token{}, 0, false
	}
	if i == len(line) || line[i] != '.' && line[i] != 'e' && line[i] != 'E' {
		if i-from > 18 {
			return token{}, 0, false
		}
		var n int64
		for _, c := range line[start:i] {
			n = n*10 + int64(c-'0')
		}
		if line[from] == '-' {
			n = -n
		}
		return token{kind: isInt, i: n}, i, true
	}
	if line[i] == '.' {
		i++
		if !digits() {
			return token{}, 0, false
		}
	}
	if i < len(line) && (line[i] == 'e' || line[i] == 'E') {
		i++
		if i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		if !digits() {
			return token{}, 0, false
		}
	}
	f, err := strconv.ParseFloat(string(line[from:i]), 64)
	return token{kind: isFloat, f: f}, i, err == nil && !math.IsInf(f, 0)
}

// string reads the rest of a string into text.
func (s *scanner) string(line []byte, i int) (int, bool) {
	for {
		start := i
		for i < len(line) && plain[line[i]] {
			i++
		}
		s.text = append(s.text, line[start:i]...)
		if i >= len(line) {
			return 0, false
		}
		switch c := line[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			if i+1 >= len(line) {
				return 0, false
			}
			switch line[i+1] {
			case '"', '\\', '/':
				s.text = append(s.text, line[i+1])
			case 'n':
				s.text = append(s.text, '\n')
			case 't':
				s.text = append(s.text, '\t')
			case 'r':
				s.text = append(s.text, '\r')
			case 'b':
				s.text = append(s.text, '\b')
			case 'f':
				s.text = append(s.text, '\f')
			case 'u':
				if i+6 > len(line) {
					return 0, false
				}
				r, err := strconv.ParseUint(string(line[i+2:i+6]), 16, 32)
				if err != nil || 0xD800 <= r && r <= 0xDFFF {
					return 0, false
				}
				s.text = utf8.AppendRune(s.text, rune(r))
				i += 4
			default:
				return 0, false
			}
			i += 2
		case c < ' ':
			return 0, false
		default:
			r, n := utf8.DecodeRune(line[i:])
			if r == utf8.RuneError && n == 1 {
				return 0, false
			}
			s.text = append(s.text, line[i:i+n]...)
			i += n
		}
	}
}

// plain are the bytes of a string that stand for themselves.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// column is the value of a column of the line.
func (s *scanner) column(text string, i int) any {
	switch t := s.toks[i]; t.kind {
	case isTrue:
		return true
	case isFalse:
		return false
	case isString:
		return text[t.from:t.to]
	case isInt:
		return t.i
	case isFloat:
		return t.f
	}
	return nil
}
