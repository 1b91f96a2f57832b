package schema

import (
	"maps"
	"slices"
)

// inherit fills a dataset with what its base has and it does not say itself. The
// overlay of a huntc.yaml lies over both before, so that a dataset there may have
// a base, and changing a base there changes all that inherit from it.
func (d *Dataset) inherit(base *Dataset) {
	d.Fields = under(d.Fields, base.Fields)
	if d.Output == nil {
		d.Output = base.Output
	}
	d.CIM = d.inheritMapping(CIM, d.CIM, base.CIM)
	d.Raw = d.inheritMapping(Raw, d.Raw, base.Raw)
	d.XDR = d.inheritMapping(XDR, d.XDR, base.XDR)
	for view, why := range base.Without {
		if d.Mapping(view) == nil && d.Without[view] == "" {
			if d.Without == nil {
				d.Without = map[View]string{}
			}
			d.Without[view] = why
		}
	}
}

// inheritMapping lays own over the base's mapping of the view. A dataset that
// says why it has no mapping gets none, a field that it says to have no column
// gets none, and the columns of another CIM dataset or Defender table are of no
// use to it.
func (d *Dataset) inheritMapping(v View, own, base *Mapping) *Mapping {
	if base == nil || d.Without[v] != "" {
		return own
	}
	if v != Raw && own != nil && own.Table != "" && own.Table != base.Table {
		return own
	}
	m := *base
	if own != nil {
		m = *own
	}
	if m.Table == "" {
		m.Table = base.Table
	}
	if m.Table == base.Table && m.Definition == "" {
		m.Definition = base.Definition
	}
	if m.Where == nil {
		m.Where = base.Where
	}
	if m.Output == nil {
		m.Output = base.Output
	}
	if m.Differs == nil && own == nil {
		m.Differs = base.Differs
	}
	m.Where = maps.Clone(m.Where)
	m.Columns = maps.Clone(m.Columns)
	m.Without = maps.Clone(m.Without)
	for _, f := range slices.Sorted(maps.Keys(base.Columns)) {
		if m.Columns[f] == nil && m.Without[f] == "" {
			if m.Columns == nil {
				m.Columns = map[string]*Column{}
			}
			m.Columns[f] = base.Columns[f]
		}
	}
	for _, f := range slices.Sorted(maps.Keys(base.Without)) {
		if m.Columns[f] == nil && m.Without[f] == "" {
			if m.Without == nil {
				m.Without = map[string]string{}
			}
			m.Without[f] = base.Without[f]
		}
	}
	m.Closed = m.Closed || base.Closed
	m.Borrowed = m.Borrowed || base.Borrowed && m.Table == base.Table
	m.Unaccelerated = m.Unaccelerated || base.Unaccelerated
	return &m
}

// under is own with the entries of base that it lacks.
func under[V any](own, base map[string]V) map[string]V {
	all := maps.Clone(base)
	if all == nil {
		return own
	}
	maps.Copy(all, own)
	return all
}
