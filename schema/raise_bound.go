package schema

import (
	"slices"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// candidates are the datasets that a scan may read: the one that is chosen
// already, or those that its logsource means.
func (r *resolver) candidates(q *ir.Scan, pred ir.Expr) []*Dataset {
	if ds := r.pinned[q]; ds != nil {
		return []*Dataset{ds}
	}
	return r.schema.candidates(q.Source, pred)
}

// bound is the column of the table that a field names as the target does,
// where the dataset has no field of that name; nil if there is none.
func (b *base) bound(name string) *Column {
	if b.table == nil {
		return nil
	}
	if _, known := b.ds.Fields[name]; known {
		return nil
	}
	info, ok := b.table.Columns[name]
	if b.r.view == CIM && slices.Contains(baseEvent, name) {
		ok = true
	}
	if !ok || b.r.view == CIM && newer(info.Since, b.r.schema.cimVersion) {
		return nil
	}
	return &Column{Name: name}
}

// baseEvent are the fields that every dataset of a data model inherits, beside
// the time.
var baseEvent = []string{"host", "source", "sourcetype"}

// noteBound says, once a column, that the document names one of the target's own.
func (b *base) noteBound(f *ir.Field) {
	at := func(d diag.Diagnostic) bool { return d.Code == codeBound && d.Message == boundMessage(b, f.Name) }
	if !slices.ContainsFunc(b.r.diags, at) {
		b.r.diags.Infof(codeBound, f, boundHint, "%s", boundMessage(b, f.Name))
	}
}

const boundHint = "The hunt runs on this target only as long as it names the column; name a field that the dataset has if one will do."

func boundMessage(b *base, name string) string {
	return name + " is a column of " + b.where() + ", not a field of " + b.ds.Name
}

// foreignName reports whether raw events are asked for a field by the name that
// Defender's table has for a column, and the dataset for nothing: an event that
// Splunk indexes has none of that name.
func (b *base) foreignName(name string) bool {
	if b.r.view != Raw || b.ds.XDR == nil {
		return false
	}
	if _, known := b.ds.Fields[name]; known {
		return false
	}
	_, ok := b.r.schema.Column(XDR, b.ds.XDR.Table, name)
	return ok
}
