package schema

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/ir"
)

//go:embed data
var dataFiles embed.FS

// Schema is the catalogue of datasets with the mappings of all views. It is
// safe for concurrent use.
type Schema struct {
	datasets []*Dataset // sorted by name
	tables   tables
	readers  readers
	// cimVersion is the newest CIM version whose fields may be used.
	cimVersion string
}

// New reads the heads of the embedded datasets (their bodies are read when they
// are first needed) and lays overlay, the "datasets" section of a huntc.yaml,
// over them: fields, columns and logsources are added or replaced one by one,
// and a dataset of a new name is added. A zero overlay changes nothing. The
// error names the dataset and the key.
func New(overlay yaml.Node) (*Schema, error) {
	byName := map[string]*Dataset{}
	err := fs.WalkDir(dataFiles, "data", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
			return err
		}
		raw, err := dataFiles.ReadFile(path)
		if err != nil {
			return err
		}
		return readHeads(byName, path, raw)
	})
	if err != nil {
		return nil, err
	}
	if err := overlayDatasets(byName, overlay); err != nil {
		return nil, err
	}
	if err := linkBases(byName); err != nil {
		return nil, err
	}
	s := &Schema{cimVersion: newestCIM}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		s.datasets = append(s.datasets, byName[name])
	}
	return s, nil
}

// newestCIM is the version of CIM that the catalogue describes.
const newestCIM = "8.5.0"

// WithCIM is the same schema for data models of an older version of CIM:
// fields that came later count as absent.
func (s *Schema) WithCIM(version string) *Schema {
	return &Schema{datasets: s.datasets, cimVersion: version}
}

// overlayDatasets decodes each entry of the overlay on top of the dataset of
// that name. yaml.v3 merges into maps that are already there, key by key, so
// a column is added or replaced as a whole and everything else stays.
func overlayDatasets(byName map[string]*Dataset, overlay yaml.Node) error {
	if overlay.Kind == 0 {
		return nil
	}
	if overlay.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: \"datasets\" is a map from the name of a dataset to what changes in it", overlay.Line)
	}
	for i := 0; i+1 < len(overlay.Content); i += 2 {
		name, body := overlay.Content[i].Value, overlay.Content[i+1]
		ds := byName[name]
		if ds == nil {
			ds = &Dataset{Name: name}
			byName[name] = ds
		}
		ds.readBody()
		own := ds.Logsources
		if err := decodeStrict(body, ds); err != nil {
			return fmt.Errorf("dataset %q: %w", name, err)
		}
		ds.Name = name
		if len(own) > 0 && !slices.Equal(own, ds.Logsources) {
			ds.Logsources = append(ds.Logsources, own...)
		}
	}
	return nil
}

// decodeStrict decodes a node and refuses unknown keys, which Node.Decode
// alone lets pass.
func decodeStrict(n *yaml.Node, into any) error {
	raw, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// UnmarshalYAML lets a column that holds the value as it is be written as its
// name alone. It refuses unknown keys itself: the decoder's own refusal does not
// reach below a method like this.
func (c *Column) UnmarshalYAML(n *yaml.Node) error {
	*c = Column{}
	if n.Kind == yaml.ScalarNode {
		c.Name = n.Value
		return nil
	}
	if err := knownKeys(n, columnKeys); err != nil {
		return err
	}
	type plain Column
	if err := n.Decode((*plain)(c)); err != nil {
		return err
	}
	if c.Kind == "device" && c.Differs == nil {
		c.Differs = byName
	}
	return nil
}

// byName is how a device's name differs from the identifier that it stands for.
var byName = &Difference{Effect: string(ir.Mixed), Why: "Splunk tells devices apart by their names, Defender by identifiers of its own."}

// UnmarshalYAML refuses unknown keys.
func (d *Difference) UnmarshalYAML(n *yaml.Node) error {
	if err := knownKeys(n, differenceKeys); err != nil {
		return err
	}
	type plain Difference
	return n.Decode((*plain)(d))
}

var (
	columnKeys     = yamlKeys(reflect.TypeFor[Column]())
	differenceKeys = yamlKeys(reflect.TypeFor[Difference]())
)

// yamlKeys are the keys that a struct's fields are read from.
func yamlKeys(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("yaml")
	}
	return keys
}

func knownKeys(n *yaml.Node, keys []string) error {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if key := n.Content[i].Value; !slices.Contains(keys, key) {
			return fmt.Errorf("line %d: there is no key %q here; the keys are %s", n.Content[i].Line, key, strings.Join(keys, ", "))
		}
	}
	return nil
}

// Datasets lists all datasets, sorted by name. It reads all that has not been
// read, which takes some milliseconds; Dataset reads one.
func (s *Schema) Datasets() []*Dataset {
	for _, d := range s.datasets {
		d.ready()
	}
	return s.datasets
}

// Dataset is the dataset of that name, or nil.
func (s *Schema) Dataset(name string) *Dataset {
	i, ok := slices.BinarySearchFunc(s.datasets, name, func(d *Dataset, name string) int {
		return strings.Compare(d.Name, name)
	})
	if !ok {
		return nil
	}
	return s.datasets[i].ready()
}

// Mapping is the dataset's mapping for a view, or nil.
func (d *Dataset) Mapping(v View) *Mapping {
	switch v {
	case CIM:
		return d.CIM
	case Raw:
		return d.Raw
	case XDR:
		return d.XDR
	}
	return nil
}

// candidates are the datasets that a rule on this logsource may read, best
// first: those whose When the predicate implies, then by how closely they name
// the logsource.
func (s *Schema) candidates(l ir.Logsource, pred ir.Expr) []*Dataset {
	var found []scored
	for _, c := range s.readers.of(s, l) {
		if c.ds.When != nil {
			if pred == nil || !implies(pred, c.ds.When) {
				continue
			}
			c.score += 10
		}
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b scored) int { return b.score - a.score })
	out := make([]*Dataset, len(found))
	for i, f := range found {
		out[i] = f.ds.ready()
	}
	return out
}

// scored is a dataset that a logsource may mean, and how closely it names it.
type scored struct {
	ds    *Dataset
	score int
}

// readers remembers which datasets cover a logsource: rules name the same few
// over and over.
type readers struct {
	mu       sync.RWMutex
	bySource map[Logsource][]scored
}

func (r *readers) of(s *Schema, l ir.Logsource) []scored {
	key := Logsource{Category: l.Category, Product: l.Product, Service: l.Service}
	r.mu.RLock()
	found, ok := r.bySource[key]
	r.mu.RUnlock()
	if ok {
		return found
	}
	for _, ds := range s.datasets {
		best := -1
		for _, ls := range ds.Logsources {
			if n, ok := ls.covers(l); ok {
				best = max(best, n)
			}
		}
		if best >= 0 {
			found = append(found, scored{ds, best})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bySource == nil {
		r.bySource = map[Logsource][]scored{}
	}
	r.bySource[key] = found
	return found
}

// unnamed as a key of an entry wants a rule that does not name that key, so
// that "product: linux" alone does not catch categories that nobody knows.
const unnamed = "-"

// covers reports whether the entry names the logsource, and how closely: an
// entry that names the rule's category is closer than any that does not, then
// one that names its service.
func (e Logsource) covers(l ir.Logsource) (int, bool) {
	n := 0
	for _, key := range []struct {
		entry, rule string
		weight      int
	}{{e.Category, l.Category, 4}, {e.Service, l.Service, 2}, {e.Product, l.Product, 1}} {
		if key.entry == "" || key.entry == unnamed && key.rule == "" {
			continue
		}
		if !strings.EqualFold(key.entry, key.rule) {
			return 0, false
		}
		n += key.weight
	}
	return n, true
}
