package eval

import "slices"

// automaton finds which of many texts stand in a text, in one walk over it
// (Aho and Corasick, Efficient String Matching, 1975). The states near the
// root, in which a walk is nearly always, have all their transitions in a table;
// those further down have their own edges, and fall back. Bytes that no text has
// are one class, so that the table is small.
//
// A transition is the number of a state, and its complement where some text ends
// in that state.
type automaton struct {
	class   [256]uint16
	classes int32
	table   []int32 // of the first states, a row of classes each
	dense   int32   // how many states have a row
	states  []acState
	edges   []acEdge
	lists   [][]int32 // what ends in a state, by acState.out
}

type acState struct {
	edge, n int32 // its edges
	fail    int32
	out     int32 // the list of what ends here, -1 for nothing
	next    int32 // the nearest state by fail in which something ends, -1 for none
}

type acEdge struct {
	c  uint16 // class
	to int32  // transition
}

type acBuilder struct {
	states []acNode
	lists  [][]int32
}

// acNode is a state while texts are added; 0 stands for no child and no sibling.
type acNode struct {
	c              byte
	child, sibling int32
	out            int32
}

func newACBuilder() *acBuilder { return &acBuilder{states: []acNode{{out: -1}}} }

func (b *acBuilder) add(s string, id int32) {
	at := int32(0)
	for i := range len(s) {
		to := b.states[at].child
		for to != 0 && b.states[to].c != s[i] {
			to = b.states[to].sibling
		}
		if to == 0 {
			to = int32(len(b.states))
			b.states = append(b.states, acNode{c: s[i], sibling: b.states[at].child, out: -1})
			b.states[at].child = to
		}
		at = to
	}
	n := &b.states[at]
	if n.out < 0 {
		n.out = int32(len(b.lists))
		b.lists = append(b.lists, nil)
	}
	b.lists[n.out] = append(b.lists[n.out], id)
}

// build numbers the states by their depth, so that those with a table come
// first.
func (b *acBuilder) build() *automaton {
	if len(b.lists) == 0 {
		return nil
	}
	a := &automaton{lists: b.lists, states: make([]acState, 0, len(b.states)), edges: make([]acEdge, 0, len(b.states)-1)}
	a.classes = 1
	for _, n := range b.states[1:] {
		if a.class[n.c] == 0 {
			a.class[n.c] = uint16(a.classes)
			a.classes++
		}
	}
	queue := make([]int32, 1, len(b.states)) // states of the builder, in the order of the automaton
	for at := 0; at < len(queue); at++ {
		n := b.states[queue[at]]
		s := acState{edge: int32(len(a.edges)), out: n.out, next: -1}
		for to := n.child; to != 0; to = b.states[to].sibling {
			a.edges = append(a.edges, acEdge{a.class[b.states[to].c], int32(len(queue))})
			queue = append(queue, to)
			s.n++
		}
		a.states = append(a.states, s)
	}
	root := a.states[0]
	a.dense = max(1+root.n, min(int32(len(a.states)), maxTable/a.classes))
	a.table = make([]int32, a.dense*a.classes)
	for _, e := range a.edges[root.edge : root.edge+root.n] {
		a.table[e.c] = e.to
	}
	for i := range a.states {
		s := a.states[i]
		for j := s.edge; j < s.edge+s.n; j++ {
			e := &a.edges[j]
			to := &a.states[e.to]
			if i > 0 {
				to.fail = plainState(a.step(s.fail, e.c))
			}
			if f := a.states[to.fail]; f.out >= 0 {
				to.next = to.fail
			} else {
				to.next = f.next
			}
			if to.out >= 0 || to.next >= 0 {
				e.to = ^e.to
			}
		}
		if int32(i) < a.dense {
			row := a.table[int32(i)*a.classes:][:a.classes]
			copy(row, a.table[s.fail*a.classes:])
			for _, e := range a.edges[s.edge : s.edge+s.n] {
				row[e.c] = e.to
			}
		}
	}
	return a
}

// maxTable bounds the entries of a table, so that it stays in a processor's cache.
const maxTable = 128 << 10

func plainState(transition int32) int32 {
	if transition < 0 {
		return ^transition
	}
	return transition
}

// step is the transition from a state by a class.
func (a *automaton) step(at int32, c uint16) int32 {
	for at >= a.dense {
		s := &a.states[at]
		for _, e := range a.edges[s.edge : s.edge+s.n] {
			if e.c == c {
				return e.to
			}
		}
		at = s.fail
	}
	return a.table[at*a.classes+int32(c)]
}

// find calls found for each text that stands in s, as often as it does.
func (a *automaton) find(s []byte, found func(id int32)) {
	at := int32(0)
	for _, b := range s {
		c := a.class[b]
		if at < a.dense {
			at = a.table[at*a.classes+int32(c)]
		} else {
			at = a.step(at, c)
		}
		if at >= 0 {
			continue
		}
		at = ^at
		for st := at; st >= 0; {
			state := &a.states[st]
			if state.out >= 0 {
				for _, id := range a.lists[state.out] {
					found(id)
				}
			}
			st = state.next
		}
	}
}

// trie finds which of many texts a text begins with, or ends with if they were
// added backwards.
type trie struct {
	root  [256]int32
	nodes []acNode
	lists [][]int32
}

func (b *acBuilder) trie() *trie {
	if len(b.lists) == 0 {
		return nil
	}
	t := &trie{nodes: b.states, lists: b.lists}
	for to := b.states[0].child; to != 0; to = b.states[to].sibling {
		t.root[b.states[to].c] = to
	}
	return t
}

// find calls found for each text that s begins with, or ends with.
func (t *trie) find(s []byte, backwards bool, found func(id int32)) {
	at := int32(0)
	for i := range s {
		c := s[i]
		if backwards {
			c = s[len(s)-1-i]
		}
		if i == 0 {
			at = t.root[c]
		} else {
			at = t.nodes[at].child
			for at != 0 && t.nodes[at].c != c {
				at = t.nodes[at].sibling
			}
		}
		if at == 0 {
			return
		}
		if out := t.nodes[at].out; out >= 0 {
			for _, id := range t.lists[out] {
				found(id)
			}
		}
	}
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
