package schema

import (
	"embed"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// catalog/ holds one file per physical table. It is written by
// internal/catalog and never edited by hand.
//
//go:embed catalog
var catalogFiles embed.FS

// FillOther is the Fill of a column that is never missing because the data
// model puts some other value of the event in its place.
const FillOther = "\x00other"

// Table is a CIM dataset or a Defender table.
type Table struct {
	Name    string                `json:"name"`
	Columns map[string]ColumnInfo `json:"columns"`
}

// ColumnInfo is what a target says of one of its columns.
type ColumnInfo struct {
	// Type is string, number, boolean, timestamp (CIM), or string, int, long,
	// real, bool, datetime, dynamic (Defender).
	Type string `json:"type"`
	// Fill is what the column holds where the event has no value: "unknown"
	// or "0" by CIM's calculated fields, FillOther, or "" for nothing.
	Fill string `json:"fill,omitempty"`
	// Nullable columns drop rows from "tstats by" where they are null.
	Nullable bool `json:"nullable,omitempty"`
	// MultiValue columns may hold several values in one event.
	MultiValue bool `json:"multiValue,omitempty"`
	// Lower marks a column whose values the data model lower-cases.
	Lower bool `json:"lower,omitempty"`
	// Since is the CIM version that introduced the column, "" for the base.
	Since string `json:"since,omitempty"`
	// Qualified is the name to write in tstats: Processes.process_name.
	Qualified string `json:"qualified,omitempty"`
}

// tables caches what has been read of catalog/: most runs need five tables of
// the hundred and eighty.
type tables struct {
	mu     sync.RWMutex
	byName map[tableName]*Table
}

type tableName struct {
	view View
	name string
}

func (t *tables) get(view View, name string) *Table {
	key := tableName{view, name}
	t.mu.RLock()
	table, ok := t.byName[key]
	t.mu.RUnlock()
	if ok {
		return table
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if table, ok := t.byName[key]; ok {
		return table
	}
	dir := "cim"
	if view == XDR {
		dir = "xdr"
	}
	file := path.Join("catalog", dir, name+".json")
	if raw, err := catalogFiles.ReadFile(file); err == nil {
		table = &Table{}
		if err := json.Unmarshal(raw, table); err != nil {
			panic("schema: catalogue file " + file + ": " + err.Error())
		}
	}
	if t.byName == nil {
		t.byName = map[tableName]*Table{}
	}
	t.byName[key] = table
	return table
}

// Tables lists the names of all physical tables of a view, sorted.
func Tables(view View) []string {
	dir := "catalog/cim"
	if view == XDR {
		dir = "catalog/xdr"
	}
	entries, err := fs.ReadDir(catalogFiles, dir)
	if err != nil {
		panic("schema: " + err.Error())
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Table finds a physical table; nil if the target has none of that name, and
// always for the raw view.
func (s *Schema) Table(v View, name string) *Table {
	if v == Raw {
		return nil
	}
	return s.tables.get(v, name)
}

// Column finds a column of a physical table. Raw events have no catalogue:
// any name is a nullable string there.
func (s *Schema) Column(v View, table, name string) (ColumnInfo, bool) {
	if v == Raw {
		return ColumnInfo{Type: "string", Nullable: true}, true
	}
	t := s.Table(v, table)
	if t == nil {
		return ColumnInfo{}, false
	}
	info, ok := t.Columns[name]
	return info, ok
}

// Qualified is the name of a CIM field as tstats wants it; the bare name
// where the dataset has no such field.
func (s *Schema) Qualified(table, name string) string {
	if info, ok := s.Column(CIM, table, name); ok && info.Qualified != "" {
		return info.Qualified
	}
	return name
}
