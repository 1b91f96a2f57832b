// Package schema is the catalogue: which logical dataset a Sigma logsource
// names, which fields it has, and how each target stores them. All of it is
// data (data/*.yml, one file a dataset; catalog/ has the physical tables), so
// a new field, dataset or table needs no Go; a content repository extends or
// overrides it from its huntc.yaml.
//
// Resolve turns a logical query into a physical one. The package knows what
// targets store, never how their languages say it.
package schema
