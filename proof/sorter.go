package proof

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// Sorter sorts results by hunt, then events, then text. What does not fit into
// memory waits in temporary files, so it may be any number of results.
type Sorter struct {
	idents []string
	rank   map[string]int
	held   []sorted
	size   int
	runs   []*os.File
	limit  int
}

// sorted is a result in a form that can be compared and written.
type sorted struct {
	rank   int
	events []int
	text   string
}

func (a sorted) compare(b sorted) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), slices.Compare(a.events, b.events), cmp.Compare(a.text, b.text))
}

// sorterMemory is how much the texts of the results that are held may take.
const sorterMemory = 64 << 20

// NewSorter makes a sorter for results of hunts of these names.
func NewSorter(idents []string) *Sorter {
	s := &Sorter{rank: map[string]int{}, limit: sorterMemory}
	s.idents = slices.Compact(slices.Sorted(slices.Values(idents)))
	for i, ident := range s.idents {
		s.rank[ident] = i
	}
	return s
}

// Add adds a result. The error is about the temporary files.
func (s *Sorter) Add(ident string, events []int, text string) error {
	s.held = append(s.held, sorted{s.rank[ident], events, text})
	s.size += 64 + 8*len(events) + len(text)
	if s.size < s.limit {
		return nil
	}
	s.sort()
	file, err := os.CreateTemp("", "huntc-results-*")
	if err != nil {
		return err
	}
	s.runs = append(s.runs, file)
	w := bufio.NewWriterSize(file, 1<<20)
	var buf []byte
	for _, r := range s.held {
		buf = binary.AppendUvarint(buf[:0], uint64(r.rank))
		buf = binary.AppendUvarint(buf, uint64(len(r.events)))
		for _, e := range r.events {
			buf = binary.AppendUvarint(buf, uint64(e))
		}
		buf = binary.AppendUvarint(buf, uint64(len(r.text)))
		buf = append(buf, r.text...)
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	s.held, s.size = s.held[:0], 0
	clear(s.held[:cap(s.held)])
	return w.Flush()
}

func (s *Sorter) sort() { slices.SortFunc(s.held, sorted.compare) }

// Each calls f for each result in order, and forgets them.
func (s *Sorter) Each(f func(ident string, events []int, text string) error) error {
	s.sort()
	h := &merge{}
	if len(s.held) > 0 {
		h.runs = append(h.runs, &run{held: s.held})
	}
	for _, file := range s.runs {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		h.runs = append(h.runs, &run{in: bufio.NewReaderSize(file, 1<<18)})
	}
	for _, r := range slices.Clone(h.runs) {
		if err := h.advance(r); err != nil {
			return err
		}
	}
	heap.Init(h)
	for len(h.runs) > 0 {
		r := h.runs[0]
		if err := f(s.idents[r.top.rank], r.top.events, r.top.text); err != nil {
			return err
		}
		n := len(h.runs)
		if err := h.advance(r); err != nil {
			return err
		}
		if len(h.runs) == n {
			heap.Fix(h, 0)
		} else {
			heap.Init(h)
		}
	}
	s.held, s.size = nil, 0
	return nil
}

// Close removes the temporary files.
func (s *Sorter) Close() error {
	var errs []error
	for _, file := range s.runs {
		errs = append(errs, file.Close(), os.Remove(file.Name()))
	}
	s.runs = nil
	return errors.Join(errs...)
}

// run is a sorted list: held, or in a file.
type run struct {
	held []sorted
	in   *bufio.Reader
	top  sorted
}

// merge is the runs that have a result left, a heap by it.
type merge struct{ runs []*run }

func (m *merge) Len() int           { return len(m.runs) }
func (m *merge) Less(i, j int) bool { return m.runs[i].top.compare(m.runs[j].top) < 0 }
func (m *merge) Swap(i, j int)      { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }
func (m *merge) Push(x any)         { m.runs = append(m.runs, x.(*run)) }
func (m *merge) Pop() any {
	last := m.runs[len(m.runs)-1]
	m.runs = m.runs[:len(m.runs)-1]
	return last
}

// advance takes the next result of a run; a run without one is dropped.
func (m *merge) advance(r *run) error {
	ok, err := r.next()
	if err == nil && !ok {
		m.runs = slices.DeleteFunc(m.runs, func(o *run) bool { return o == r })
	}
	return err
}

func (r *run) next() (bool, error) {
	if r.in == nil {
		if len(r.held) == 0 {
			return false, nil
		}
		r.top, r.held = r.held[0], r.held[1:]
		return true, nil
	}
	rank, err := binary.ReadUvarint(r.in)
	if err == io.EOF {
		return false, nil
	}
	n, err2 := binary.ReadUvarint(r.in)
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	r.top = sorted{rank: int(rank), events: make([]int, n)}
	for i := range r.top.events {
		e, err := binary.ReadUvarint(r.in)
		if err != nil {
			return false, err
		}
		r.top.events[i] = int(e)
	}
	size, err := binary.ReadUvarint(r.in)
	if err != nil {
		return false, err
	}
	text := make([]byte, size)
	_, err = io.ReadFull(r.in, text)
	r.top.text = string(text)
	return true, err
}
