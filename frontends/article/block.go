package article

import (
	"sort"
	"strings"
)

// blockKind says what a block of text is.
type blockKind int

const (
	prose blockKind = iota
	heading
	item // of a list
	row  // of a table
	code
)

// block is a stretch of text between two breaks: its text without marks, and
// where each part of it stands in the file.
type block struct {
	kind     blockKind
	level    int // of a heading
	text     string
	pieces   []piece
	literals []run  // written as code
	links    []link // in the order of their text
	section  string
	listing  bool // the section lists indicators
	rejected bool // the section lists what is none
	lead     string
	head     string // of a row: the first row of its table
}

// run is a stretch of a block's text.
type run struct{ from, to int }

// link is a reference to another page.
type link struct {
	run             // its text
	target   string // refers to
	src, end int    // of the target in the file
}

// piece is a part of a block's text that stands together in the file: byte for
// byte if n equals srcN, else as a whole.
type piece struct{ at, n, src, srcN int }

// builder puts a block's text together.
type builder struct {
	buf    strings.Builder
	pieces []piece
}

func (b *builder) verbatim(s string, src int) { b.add(s, src, len(s)) }

func (b *builder) add(s string, src, srcN int) {
	if s == "" {
		return
	}
	at := b.buf.Len()
	b.buf.WriteString(s)
	if n := len(b.pieces); n > 0 && len(s) == srcN {
		if p := &b.pieces[n-1]; p.n == p.srcN && p.src+p.srcN == src {
			p.n += len(s)
			p.srcN += srcN
			return
		}
	}
	b.pieces = append(b.pieces, piece{at, len(s), src, srcN})
}

func (b *builder) len() int { return b.buf.Len() }

// offsets gives the place in the file of a stretch of a block's text.
func (b *block) offsets(from, to int) (int, int) {
	if len(b.pieces) == 0 {
		return 0, 0
	}
	find := func(off int) piece {
		i := sort.Search(len(b.pieces), func(i int) bool { return b.pieces[i].at > off })
		return b.pieces[max(0, i-1)]
	}
	p := find(from)
	start := p.src
	if p.n == p.srcN {
		start += min(from-p.at, p.n)
	}
	if to <= from {
		return start, start
	}
	p = find(to - 1)
	end := p.src + p.srcN
	if p.n == p.srcN {
		end = p.src + min(to-p.at, p.n)
	}
	return start, max(start, end)
}
