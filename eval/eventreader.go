package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/huntc/huntc/diag"
)

// MaxEvent is how long a line may be: a multiple of what devices write.
const MaxEvent = 4 << 20

// maxBadLines is how many bad lines are told of one by one.
const maxBadLines = 100

// EventReader reads events from JSON lines: one object a line, in Sigma's field
// names or as Windows' own event logs are written. Blank lines and lines that
// begin with # are no events.
type EventReader struct {
	// Diagnostics are about the lines that are no events, in their order. Each of
	// them has a number all the same, so that the numbers of the others do not
	// depend on it.
	Diagnostics diag.List

	c      *Classifier
	name   string
	in     *bufio.Reader
	n      int // number of the next event
	line   int // lines read
	bad    int
	shapes map[string]*shape
	plans  map[*shape]*reshaping
	buf    []byte
}

// NewEventReader reads the events of a file; name is what diagnostics call it.
func NewEventReader(c *Classifier, name string, in io.Reader) *EventReader {
	return &EventReader{c: c, name: name, in: bufio.NewReaderSize(in, 1<<16), shapes: map[string]*shape{}, plans: map[*shape]*reshaping{}}
}

// Read returns the next event, and io.EOF after the last; any other error is one
// of the file's.
func (r *EventReader) Read() (Event, error) {
	for {
		line, tooLong, err := r.next()
		if err != nil {
			return Event{}, err
		}
		if tooLong {
			r.fail(codeLongEvent, 1, "Take it out; an event of a device is not so long.", fmt.Sprintf("the line is longer than %d MiB", MaxEvent>>20))
			continue
		}
		event, ok := r.parse(line)
		if ok {
			return event, nil
		}
	}
}

// next is the next line with an event. The slice is good until the next call.
func (r *EventReader) next() (line []byte, tooLong bool, err error) {
	for {
		r.buf, tooLong = r.buf[:0], false
		for {
			part, err := r.in.ReadSlice('\n')
			if len(r.buf)+len(part) > MaxEvent {
				tooLong = true
			} else {
				r.buf = append(r.buf, part...)
			}
			if err == nil {
				break
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err == io.EOF && (len(r.buf) > 0 || tooLong) {
				break
			}
			return nil, false, err
		}
		r.line++
		if r.line == 1 {
			r.buf = bytes.TrimPrefix(r.buf, []byte("\ufeff"))
		}
		text := bytes.TrimSpace(r.buf)
		if !tooLong && (len(text) == 0 || text[0] == '#') {
			continue
		}
		r.n++
		return bytes.TrimRight(r.buf, "\r\n"), tooLong, nil
	}
}

// parse makes an event of a line, or a diagnostic.
func (r *EventReader) parse(line []byte) (Event, bool) {
	in := NewReader(bytes.NewReader(line))
	in.shapes = r.shapes
	row, err := in.Read()
	if err == nil {
		if rest := bytes.TrimSpace(line[in.dec.InputOffset():]); len(rest) > 0 {
			r.fail(codeBadEvent, len(line)-len(rest)+1, "Write one object a line.", "there is more behind the object")
			return Event{}, false
		}
		plan := r.plans[row.shape]
		if plan == nil {
			plan = r.c.plan(row.shape)
			r.plans[row.shape] = plan
		}
		return r.c.event(plan, row, r.n-1, r.line), true
	}
	r.fail(codeBadEvent, int(in.dec.InputOffset())+1, "Write each event as one JSON object on one line.", "the line is not a JSON object")
	return Event{}, false
}

func (r *EventReader) fail(code diag.Code, col int, hint, message string) {
	at := diag.Span{Pos: diag.Pos{Filename: r.name, Line: r.line, Column: col}}
	switch r.bad++; {
	case r.bad <= maxBadLines:
		r.Diagnostics.Errorf(code, at, hint, "%s", message)
	case r.bad == maxBadLines+1:
		r.Diagnostics.Errorf(code, at, hint, "%s; more lines are bad after this one, and not listed", message)
	}
}
