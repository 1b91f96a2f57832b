package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/huntc/huntc/diag"
)

// MaxEvent is how long a line may be: a multiple of what devices write.
const MaxEvent = 4 << 20

// maxBadLines is how many bad lines are told of one by one.
const maxBadLines = 100

// EventLine is a line that should be an event.
type EventLine struct {
	Text    []byte
	N       int // the number of the event, from 0
	Line    int // from 1
	TooLong bool
}

// EventBlocks cuts a file into blocks of lines. Blank lines and lines that begin
// with # are no events; any other line has a number, whether it is an event or
// not, so that the numbers of the others do not depend on it.
type EventBlocks struct {
	in      io.Reader
	rest    []byte // of the last read: a line without its end
	skip    bool   // the rest of the line is too long
	n, line int
	err     error
	free    sync.Pool // of *[]byte: buffers of blocks that are done
}

// Block is some lines of a file.
type Block struct {
	Lines []EventLine
	buf   *[]byte
}

// Done gives back the memory of a block, whose lines must not be used any more.
func (b *EventBlocks) Done(block Block) { b.free.Put(block.buf) }

// NewEventBlocks reads a file of events.
func NewEventBlocks(in io.Reader) *EventBlocks { return &EventBlocks{in: in} }

const blockSize = 256 << 10

// Next is the next block with at least one line. The error is io.EOF after the
// last.
func (b *EventBlocks) Next() (Block, error) {
	var out []EventLine
	var whole *[]byte
	for len(out) == 0 {
		if b.err != nil {
			return Block{}, b.err
		}
		whole, _ = b.free.Get().(*[]byte)
		if whole == nil {
			whole = new([]byte)
		}
		if need := len(b.rest) + blockSize; cap(*whole) < need {
			*whole = make([]byte, need)
		}
		buf := (*whole)[:len(b.rest)+blockSize]
		copy(buf, b.rest)
		n, err := io.ReadFull(b.in, buf[len(b.rest):])
		buf = buf[:len(b.rest)+n]
		b.rest = b.rest[:0]
		if err != nil {
			b.err = err
			if errors.Is(err, io.ErrUnexpectedEOF) {
				b.err = io.EOF
			}
		}
		for len(buf) > 0 {
			end := bytes.IndexByte(buf, '\n')
			if end < 0 && b.err == nil {
				if len(buf) > MaxEvent {
					b.skip, buf = true, nil
				}
				b.rest = append(b.rest, buf...) // the buffer is the block's
				break
			}
			text := buf
			if end >= 0 {
				text, buf = buf[:end], buf[end+1:]
			} else {
				buf = nil
			}
			b.line++
			if b.line == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			long := b.skip || len(text) > MaxEvent
			b.skip = false
			if long {
				text = nil
			} else if i := blanks(text, 0); i == len(text) || text[i] == '#' {
				continue
			}
			out = append(out, EventLine{Text: text, N: b.n, Line: b.line, TooLong: long})
			b.n++
		}
		if b.err == io.EOF && b.skip {
			b.line++
			out = append(out, EventLine{N: b.n, Line: b.line, TooLong: true})
			b.n, b.skip = b.n+1, false
		}
	}
	return Block{out, whole}, nil
}

// EventParser makes events of lines. It is for one goroutine.
type EventParser struct {
	c       *Classifier
	scan    scanner
	shapes  map[string]*shape
	plans   map[*shape]*reshaping
	classes map[classKey]*Class
}

// NewEventParser makes a parser.
func NewEventParser(c *Classifier) *EventParser {
	p := &EventParser{c: c, scan: scanner{c: c}, classes: map[classKey]*Class{}}
	p.forget()
	return p
}

func (p *EventParser) forget() {
	p.shapes, p.plans = map[string]*shape{}, map[*shape]*reshaping{}
}

// BadEvent says why a line is no event.
type BadEvent struct {
	Code          diag.Code
	Column        int // in bytes, from 1
	Message, Hint string

	key string // where Column is to be
}

// placed gives an error of finish its column.
func placed(e Event, err error, line []byte) (Event, error) {
	var bad *BadEvent
	if errors.As(err, &bad) {
		bad.Column = 1
		name := []byte(`"` + bad.key + `"`)
		for at := 0; ; at++ {
			i := bytes.Index(line[at:], name)
			if i < 0 {
				break
			}
			at += i
			if end := blanks(line, at+len(name)); end < len(line) && line[end] == ':' {
				bad.Column = at + 1
				break
			}
		}
	}
	return e, err
}

func (e *BadEvent) Error() string { return e.Message }

// Parse makes an event of a line, whose text is not kept. Its row is not numbered.
// The error is a *BadEvent.
func (p *EventParser) Parse(line EventLine) (Event, error) {
	e, err := p.parse(line)
	e.N, e.Line = line.N, line.Line
	return e, err
}

func (p *EventParser) parse(line EventLine) (Event, error) {
	if line.TooLong {
		return Event{}, &BadEvent{Code: codeLongEvent, Column: 1, Message: fmt.Sprintf("the line is longer than %d MiB", MaxEvent>>20), Hint: "Take it out; an event of a device is not so long."}
	}
	if plan, ok := p.scan.scan(line.Text); ok {
		text := string(p.scan.text)
		e, err := p.c.finish(plan, func(i int) any { return p.scan.column(text, i) }, p.class)
		return placed(e, err, line.Text)
	}
	in := NewReader(bytes.NewReader(line.Text))
	in.shapes = p.shapes
	row, err := in.Read()
	if err != nil {
		return Event{}, badEvent(line.Text, int(in.dec.InputOffset()), err)
	}
	if end := blanks(line.Text, int(in.dec.InputOffset())); end < len(line.Text) {
		return Event{}, &BadEvent{Code: codeBadEvent, Column: end + 1, Message: "something stands behind the object", Hint: "Write one object a line."}
	}
	plan := p.plans[row.shape]
	if plan == nil {
		if len(p.plans) >= maxShapes {
			p.forget()
		}
		plan = p.c.plan(row.shape)
		p.plans[row.shape] = plan
	}
	e, err := p.c.finish(plan, func(i int) any { return row.vals[i] }, p.class)
	return placed(e, err, line.Text)
}

func (p *EventParser) class(k classKey) *Class {
	c := p.classes[k]
	if c == nil {
		c = p.c.class(k)
		if len(p.classes) >= maxClasses {
			clear(p.classes)
		}
		p.classes[k] = c
	}
	return c
}

// badEvent says what is wrong at which place of a line that is no JSON object.
func badEvent(line []byte, at int, err error) *BadEvent {
	bad := &BadEvent{Code: codeBadEvent, Column: min(blanks(line, at)+1, len(line)), Message: "the line is not JSON", Hint: "Write each event as one JSON object on one line."}
	switch start := blanks(line, 0); {
	case start < len(line) && line[start] == '[':
		bad.Column = start + 1
		bad.Message, bad.Hint = "the line is a JSON array and not an object", "Write one object a line: jq -c '.[]' makes them of an array."
	case start < len(line) && line[start] != '{':
		bad.Column, bad.Message = start+1, "the line does not begin with {, as a JSON object does"
	case errors.Is(err, io.ErrUnexpectedEOF):
		bad.Message, bad.Hint = "the line ends within the object", "Write each event on one line: jq -c . makes lines of objects that are written over several."
	case errors.Is(err, errTooDeep):
		bad.Message, bad.Hint = errTooDeep.Error(), "Write what is nested deeper as text."
	default:
		var syntax *json.SyntaxError
		// A decoder of a stream does not say where in the text; this does.
		var whole json.RawMessage
		if errors.As(json.Unmarshal(line, &whole), &syntax) && 0 < syntax.Offset && int(syntax.Offset) <= len(line) {
			bad.Column, err = int(syntax.Offset), syntax
		}
		bad.Message = "the line is not JSON: " + jsonCause(err)
	}
	return bad
}

// jsonCause is what encoding/json says of a text, without the number of the event.
func jsonCause(err error) string {
	for {
		in := errors.Unwrap(err)
		if in == nil {
			return err.Error()
		}
		err = in
	}
}

// EventReader reads events one by one from JSON lines: one object a line, in
// Sigma's field names or as Windows' own event logs are written.
type EventReader struct {
	// Diagnostics are about the lines that are no events, in their order.
	Diagnostics diag.List

	bad    BadLines
	parser *EventParser
	blocks *EventBlocks
	lines  []EventLine
}

// NewEventReader reads the events of a file; name is what diagnostics call it.
func NewEventReader(c *Classifier, name string, in io.Reader) *EventReader {
	return &EventReader{bad: BadLines{Name: name}, parser: NewEventParser(c), blocks: NewEventBlocks(in)}
}

// Read returns the next event, its row numbered, and io.EOF after the last; any
// other error is one of the file's.
func (r *EventReader) Read() (Event, error) {
	for {
		if len(r.lines) == 0 {
			block, err := r.blocks.Next()
			if err != nil {
				return Event{}, err
			}
			r.lines = block.Lines
		}
		line := r.lines[0]
		r.lines = r.lines[1:]
		e, err := r.parser.Parse(line)
		if err == nil {
			e.Row, e.also = e.Row.Of(e.N), e.also.Of(e.N)
			return e, nil
		}
		r.bad.Add(line.Line, err)
		r.Diagnostics = r.bad.List
	}
}

// ReadAll reads all events that are left.
func (r *EventReader) ReadAll() ([]Event, error) {
	var out []Event
	for {
		e, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

// BadLines are the diagnostics about the bad lines of a file; after the first
// hundred it only counts.
type BadLines struct {
	Name string // of the file
	List diag.List
	N    int
}

// Add adds what Parse says of a line. Lines come in their order.
func (b *BadLines) Add(line int, err error) {
	var bad *BadEvent
	if !errors.As(err, &bad) {
		return
	}
	b.N++
	at := diag.Span{Pos: diag.Pos{Filename: b.Name, Line: line, Column: bad.Column}}
	switch {
	case b.N <= maxBadLines:
		b.List.Errorf(bad.Code, at, bad.Hint, "%s, so it was left out", bad.Message)
	case b.N == maxBadLines+1:
		b.List.Errorf(bad.Code, at, bad.Hint, "%s, so it was left out; bad lines after this one are not listed", bad.Message)
	}
}
