package schema

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"gopkg.in/yaml.v3"
)

// Reading all datasets takes longer than compiling a rule, and a rule needs one
// or two of them: at first only the head of each document is read, the keys that
// tell which dataset a logsource means. In a file they stand first.

// lazy is what a dataset still has to do before it can be used.
type lazy struct {
	once sync.Once
	path string
	body []byte // what follows the head, not yet decoded
	base *Dataset
}

// separator stands between the documents of a file.
var separator = []byte("\n---\n")

// bodyKeys are the keys of a dataset that do not belong to its head.
var bodyKeys = [][]byte{[]byte("fields:"), []byte("output:"), []byte("cim:"), []byte("raw:"), []byte("xdr:"), []byte("without:")}

// headEnd is where the head of a document ends: at the first line that begins
// with a key of the body.
func headEnd(doc []byte) int {
	end := len(doc)
	for _, key := range bodyKeys {
		if i := bytes.Index(doc[:end], append([]byte{'\n'}, key...)); i >= 0 {
			end = i + 1
		}
	}
	return end
}

// readHeads reads the heads of a file's documents.
func readHeads(byName map[string]*Dataset, path string, raw []byte) error {
	docs := bytes.Split(raw, separator)
	heads := make([][]byte, len(docs))
	for i, doc := range docs {
		end := headEnd(doc)
		heads[i], docs[i] = doc[:end], doc[end:]
	}
	dec := yaml.NewDecoder(bytes.NewReader(bytes.Join(heads, separator)))
	dec.KnownFields(true)
	for _, body := range docs {
		d := &Dataset{}
		if err := dec.Decode(d); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if d.Name == "" || byName[d.Name] != nil {
			return fmt.Errorf("%s: dataset %q has no name or one that is taken", path, d.Name)
		}
		d.lazy.path, d.lazy.body = path, body
		byName[d.Name] = d
	}
	return nil
}

// readBody decodes the rest of an embedded dataset.
func (d *Dataset) readBody() {
	if len(d.lazy.body) == 0 {
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(d.lazy.body))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil && err != io.EOF {
		panic(fmt.Sprintf("schema: %s: dataset %s: %v", d.lazy.path, d.Name, err))
	}
	d.lazy.body = nil
}

// ready makes a dataset fit for use. It is safe for concurrent use.
func (d *Dataset) ready() *Dataset {
	d.lazy.once.Do(func() {
		d.readBody()
		if d.lazy.base != nil {
			d.inherit(d.lazy.base.ready())
		}
	})
	return d
}

// linkBases finds the base of each dataset that names one.
func linkBases(byName map[string]*Dataset) error {
	for _, name := range sortedKeys(byName) {
		d := byName[name]
		if d.Base == "" {
			continue
		}
		if d.lazy.base = byName[d.Base]; d.lazy.base == nil {
			return fmt.Errorf("dataset %q: there is no dataset %q to be its base", name, d.Base)
		}
		seen := []string{name}
		for b := d; b.Base != ""; b = byName[b.Base] {
			if slices.Contains(seen, b.Base) {
				return fmt.Errorf("dataset %q: its base leads back to itself", name)
			}
			if seen = append(seen, b.Base); byName[b.Base] == nil {
				break // reported for that one
			}
		}
	}
	return nil
}
