package eval

// automaton finds which of many texts stand in a text, in one walk over it
// (Aho and Corasick, Efficient String Matching, 1975). The states near the
// root, in which a walk is nearly always, have all their transitions in a table;
// those further down have their own edges, and fall back.
type automaton struct {
	dense  [][256]int32 // of the first states: the root and those below it
	states []acState
	edges  []acEdge
	lists  [][]literal // what ends in a state, by acState.out
}

type acState struct {
	edge, n int32 // its edges
	fail    int32
	out     int32 // the list of what ends here, -1 for nothing
	next    int32 // the nearest state by fail in which something ends, -1 for none
}

type acEdge struct {
	c  byte
	to int32
}

// literal is a text that is looked for: anywhere, at the start or at the end.
type literal struct {
	kind atomKind
	n    int32 // its length
	id   int32
}

type acBuilder struct {
	states []acNode
	lists  [][]literal
}

// acNode is a state while texts are added; 0 stands for no child and no sibling.
type acNode struct {
	c              byte
	child, sibling int32
	out            int32
}

func newACBuilder() *acBuilder { return &acBuilder{states: []acNode{{out: -1}}} }

func (b *acBuilder) add(s string, kind atomKind, id int32) {
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
	b.lists[n.out] = append(b.lists[n.out], literal{kind, int32(len(s)), id})
}

// build numbers the states by their depth, so that those with a table come
// first.
func (b *acBuilder) build() *automaton {
	if len(b.lists) == 0 {
		return nil
	}
	a := &automaton{lists: b.lists, states: make([]acState, 0, len(b.states)), edges: make([]acEdge, 0, len(b.states)-1)}
	queue := make([]int32, 1, len(b.states)) // states of the builder, in the order of the automaton
	for at := 0; at < len(queue); at++ {
		n := b.states[queue[at]]
		s := acState{edge: int32(len(a.edges)), out: n.out, next: -1}
		for to := n.child; to != 0; to = b.states[to].sibling {
			a.edges = append(a.edges, acEdge{b.states[to].c, int32(len(queue))})
			queue = append(queue, to)
			s.n++
		}
		a.states = append(a.states, s)
	}
	root := &a.states[0]
	a.dense = make([][256]int32, 1+root.n)
	for _, e := range a.edges[root.edge : root.edge+root.n] {
		a.dense[0][e.c] = e.to
	}
	for i := range a.states {
		s := &a.states[i]
		for _, e := range a.edges[s.edge : s.edge+s.n] {
			to := &a.states[e.to]
			if i > 0 {
				to.fail = a.step(s.fail, e.c)
			}
			if f := a.states[to.fail]; f.out >= 0 {
				to.next = to.fail
			} else {
				to.next = f.next
			}
		}
		if i > 0 && i < len(a.dense) {
			a.dense[i] = a.dense[0]
			for _, e := range a.edges[s.edge : s.edge+s.n] {
				a.dense[i][e.c] = e.to
			}
		}
	}
	return a
}

// step is the state after one more byte.
func (a *automaton) step(at int32, c byte) int32 {
	for int(at) >= len(a.dense) {
		s := &a.states[at]
		for _, e := range a.edges[s.edge : s.edge+s.n] {
			if e.c == c {
				return e.to
			}
		}
		at = s.fail
	}
	return a.dense[at][c]
}

// find calls found for each literal that stands in s as it has to.
func (a *automaton) find(s []byte, found func(id int32)) {
	at := int32(0)
	for i, c := range s {
		if int(at) < len(a.dense) {
			at = a.dense[at][c]
		} else {
			at = a.step(at, c)
		}
		end := &a.states[at]
		if end.out < 0 && end.next < 0 {
			continue
		}
		for st := at; st >= 0; {
			state := &a.states[st]
			if state.out >= 0 {
				for _, l := range a.lists[state.out] {
					switch l.kind {
					case atPrefix:
						if int(l.n) != i+1 {
							continue
						}
					case atSuffix:
						if i+1 != len(s) {
							continue
						}
					}
					found(l.id)
				}
			}
			st = state.next
		}
	}
}
