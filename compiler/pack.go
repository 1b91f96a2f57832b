package compiler

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The cache is one file for each project and set of targets: reading three
// thousand small files costs more than compiling them. It holds, for each
// document file, its facts and its results under a digest of everything that
// they depend on, and it is written anew when any of them changed, so it
// never holds more than one build. It is only ever a saving: a pack that is
// missing, unreadable or damaged is an empty one, and failing to write one is
// no failure of the build.

// packMagic changes whenever the layout of a pack does.
const packMagic = "huntc-pack-3\n"

// packAge is how long a pack stays that no build uses.
const packAge = 30 * 24 * time.Hour

type key [sha256.Size]byte

// hasher digests a sequence of texts so that no two sequences give the same
// bytes.
type hasher struct{ h hash.Hash }

func newHasher() hasher { return hasher{sha256.New()} }

func (h hasher) bytes(b []byte) {
	var n [binary.MaxVarintLen64]byte
	h.h.Write(n[:binary.PutUvarint(n[:], uint64(len(b)))])
	h.h.Write(b)
}

func (h hasher) str(s string) { h.bytes([]byte(s)) }

func (h hasher) strs(list []string) {
	h.str(fmt.Sprint(len(list)))
	for _, s := range list {
		h.str(s)
	}
}

func (h hasher) key(k key) { h.h.Write(k[:]) }

func (h hasher) sum() (k key) {
	h.h.Sum(k[:0])
	return k
}

// buildID tells this build of huntc from any other. The version and the
// commit are not enough for one built from a changed work tree, so the
// executable's size and time count as well.
func buildID() string {
	var b strings.Builder
	if info, ok := debug.ReadBuildInfo(); ok {
		b.WriteString(info.String())
	}
	if exe, err := os.Executable(); err == nil {
		if st, err := os.Stat(exe); err == nil {
			fmt.Fprintf(&b, "%s %d %d", exe, st.Size(), st.ModTime().UnixNano())
		}
	}
	return b.String()
}

// envKey digests what is the same for every file of a build.
func envKey(opts Options, targets []target) key {
	h := newHasher()
	h.str(packMagic)
	h.str(buildID())
	for _, t := range targets {
		h.str(t.name)
	}
	h.str(fmt.Sprint(opts.RequireExact))
	if c := opts.Config; c != nil {
		h.str(c.Path)
		h.bytes(c.raw)
	}
	return h.sum()
}

func (b *builder) fileKey(s source, src []byte) key {
	h := newHasher()
	h.key(b.env)
	h.str(s.path)
	h.str(s.rel)
	h.bytes(src)
	return h.sum()
}

// pack is an opened cache; nil is an empty one.
type pack struct {
	path    string
	entries map[key]entry
}

// entry is one file's place in a pack; its parts are decoded when asked for.
type entry struct {
	links  key
	facts  string
	result string
	whole  string // the entry as it stands in the pack
}

// packPath names the pack of a project in a cache folder.
func packPath(opts Options, targets []target) string {
	h := newHasher()
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	h.str(dir)
	h.strs(opts.Paths)
	for _, t := range targets {
		h.str(t.name)
	}
	sum := h.sum()
	return filepath.Join(opts.CacheDir, hex.EncodeToString(sum[:8])+".pack")
}

func openPack(path string) *pack {
	if path == "" {
		return nil
	}
	p := &pack{path: path, entries: map[key]entry{}}
	body, ok := readPack(path)
	if !ok {
		return p
	}
	d := &decoder{rest: body}
	for d.rest != "" && !d.bad {
		start := d.rest
		k := d.key()
		e := entry{links: d.key(), facts: d.str(), result: d.str()}
		e.whole = start[:len(start)-len(d.rest)]
		p.entries[k] = e
	}
	if d.bad {
		p.entries = map[key]entry{}
	}
	return p
}

// readPack returns what stands between the magic and the checksum of a pack.
func readPack(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < int64(len(packMagic)+crc32.Size) {
		return "", false
	}
	magic := make([]byte, len(packMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != packMagic {
		return "", false
	}
	size := info.Size() - int64(len(magic)) - crc32.Size
	var body strings.Builder
	body.Grow(int(size))
	sum := crc32.New(castagnoli)
	if n, err := io.Copy(io.MultiWriter(&body, sum), io.LimitReader(f, size)); err != nil || n != size {
		return "", false
	}
	end := make([]byte, crc32.Size)
	if _, err := io.ReadFull(f, end); err != nil || binary.LittleEndian.Uint32(end) != sum.Sum32() {
		return "", false
	}
	return body.String(), true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (p *pack) facts(k key) *facts {
	if p == nil {
		return nil
	}
	e, ok := p.entries[k]
	if !ok {
		return nil
	}
	d := &decoder{rest: e.facts}
	f := &facts{names: d.strs(), refs: d.strs(), special: d.bool()}
	if d.bad {
		return nil
	}
	return f
}

func (p *pack) result(k, links key) *fileResult {
	if p == nil {
		return nil
	}
	e, ok := p.entries[k]
	if !ok || e.links != links {
		return nil
	}
	d := &decoder{rest: e.result}
	r := d.fileResult()
	if d.bad {
		return nil
	}
	r.kept = true
	return r
}

// save writes the pack anew if this build has anything that it lacks, or lacks
// anything that it has.
func (b *builder) save(units []*unit) {
	if b.pack == nil {
		return
	}
	kept := 0
	have := units[:0:0]
	for _, u := range units {
		if u.key == (key{}) || u.links == (key{}) {
			continue // unreadable, or changed under the build
		}
		have = append(have, u)
		if b.pack.has(u) {
			kept++
		}
	}
	if kept == len(have) && kept == len(b.pack.entries) {
		return
	}
	dir := filepath.Dir(b.pack.path)
	if os.MkdirAll(dir, 0o700) != nil || WriteFile(b.pack.path, func(w io.Writer) error { return b.writePack(w, have) }) != nil {
		return
	}
	dropOldPacks(dir)
}

func (b *builder) writePack(w io.Writer, units []*unit) error {
	if _, err := io.WriteString(w, packMagic); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	body := io.MultiWriter(w, sum)
	for _, u := range units {
		whole := b.pack.entries[u.key].whole
		if !b.pack.has(u) {
			var f, r, e encoder
			f.strs(u.facts.names)
			f.strs(u.facts.refs)
			f.bool(u.facts.special)
			r.fileResult(u.result)
			e.key(u.key)
			e.key(u.links)
			e.str(string(f.buf))
			e.str(string(r.buf))
			whole = string(e.buf)
		}
		if _, err := io.WriteString(body, whole); err != nil {
			return err
		}
	}
	return binary.Write(w, binary.LittleEndian, sum.Sum32())
}

// has reports whether the pack holds the unit's result as it is.
func (p *pack) has(u *unit) bool {
	e, ok := p.entries[u.key]
	return ok && e.links == u.links
}

func dropOldPacks(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".pack") && !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > packAge {
			_ = os.Remove(filepath.Join(dir, e.Name())) // an old pack does no harm
		}
	}
}

// encoder writes values one after the other; decoder reads them back in the
// same order.
type encoder struct{ buf []byte }

func (e *encoder) int(n int) { e.buf = binary.AppendVarint(e.buf, int64(n)) }

func (e *encoder) bool(v bool) {
	n := 0
	if v {
		n = 1
	}
	e.int(n)
}

func (e *encoder) str(s string) {
	e.int(len(s))
	e.buf = append(e.buf, s...)
}

func (e *encoder) strs(list []string) {
	e.int(len(list))
	for _, s := range list {
		e.str(s)
	}
}

func (e *encoder) key(k key) { e.buf = append(e.buf, k[:]...) }

func (e *encoder) pos(p diag.Pos) {
	e.str(p.Filename)
	e.int(p.Offset)
	e.int(p.Line)
	e.int(p.Column)
}

func (e *encoder) diags(list diag.List) {
	e.int(len(list))
	for _, d := range list {
		e.pos(d.Pos)
		e.pos(d.EndPos)
		e.int(int(d.Severity))
		e.str(string(d.Code))
		e.str(d.Message)
		e.str(d.Hint)
	}
}

func (e *encoder) fileResult(r *fileResult) {
	e.int(r.documents)
	e.bool(r.broken)
	e.int(r.lost)
	e.diags(r.diags)
	e.int(len(r.hunts))
	for _, h := range r.hunts {
		e.str(h.Path)
		e.int(h.Line)
		e.str(h.ID)
		e.str(h.Name)
		e.str(h.Title)
		e.str(string(h.Kind))
		e.bool(h.Counted)
		e.str(h.rel)
		e.int(len(h.Outputs))
		for _, o := range h.Outputs {
			e.str(o.Target)
			e.str(string(o.Status))
			e.str(string(o.Fidelity))
			e.str(string(o.Form))
			e.str(o.FormReason)
			e.str(o.Header)
			e.str(o.Query)
			e.diags(o.Diagnostics)
		}
	}
}

// decoder reads what encoder wrote. Strings are parts of the input, not
// copies. After the first thing that does not fit, bad is set and everything
// else is zero.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) int() int {
	// binary.Varint wants bytes; ten of them are enough for any number.
	var b [binary.MaxVarintLen64]byte
	n := copy(b[:], d.rest)
	v, used := binary.Varint(b[:n])
	if used <= 0 {
		d.bad, d.rest = true, ""
		return 0
	}
	d.rest = d.rest[used:]
	return int(v)
}

func (d *decoder) bool() bool { return d.int() == 1 }

func (d *decoder) take(n int) string {
	if n < 0 || n > len(d.rest) {
		d.bad, d.rest = true, ""
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) str() string { return d.take(d.int()) }

// count reads the length of a list. Every element takes a byte or more, so a
// larger number is damage, and is not to be allocated.
func (d *decoder) count() int {
	n := d.int()
	if n < 0 || n > len(d.rest) {
		d.bad, d.rest = true, ""
		return 0
	}
	return n
}

func (d *decoder) strs() []string {
	n := d.count()
	list := make([]string, n)
	for i := range list {
		list[i] = d.str()
	}
	return list
}

func (d *decoder) key() (k key) {
	copy(k[:], d.take(len(k)))
	return k
}

func (d *decoder) pos() diag.Pos {
	return diag.Pos{Filename: d.str(), Offset: d.int(), Line: d.int(), Column: d.int()}
}

func (d *decoder) diags() diag.List {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make(diag.List, n)
	for i := range list {
		span := diag.Span{Pos: d.pos(), EndPos: d.pos()}
		list[i] = diag.Diagnostic{Span: span, Severity: diag.Severity(d.int()), Code: diag.Code(d.str()), Message: d.str(), Hint: d.str()}
	}
	return list
}

func (d *decoder) fileResult() *fileResult {
	r := &fileResult{documents: d.int(), broken: d.bool(), lost: d.int(), diags: d.diags()}
	r.hunts = make([]*Hunt, d.count())
	for i := range r.hunts {
		h := &Hunt{Path: d.str(), Line: d.int(), ID: d.str(), Name: d.str(), Title: d.str(), Kind: ir.HuntKind(d.str()), Counted: d.bool(), rel: d.str()}
		h.Outputs = make([]Output, d.count())
		for j := range h.Outputs {
			h.Outputs[j] = Output{
				Target: d.str(), Status: Status(d.str()), Fidelity: ir.Fidelity(d.str()), Form: backends.Form(d.str()),
				FormReason: d.str(), Header: d.str(), Query: d.str(), Diagnostics: d.diags(),
			}
		}
		r.hunts[i] = h
	}
	return r
}
