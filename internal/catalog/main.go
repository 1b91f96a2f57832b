// Command catalog writes schema/catalog from descriptions of Splunk's CIM and
// of Defender XDR's advanced-hunting tables. Run it from the repository root
// when either changes:
//
//	go run ./internal/catalog cim.json xdr.json
//
// cim.json maps "Model.Dataset" to {prefix, fields: {name: {type, expr,
// nullable_in_by, multivalue, since, kind}}}; xdr.json maps a table to
// {column: type}.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/huntc/huntc/schema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/catalog CIM.json XDR.json")
		os.Exit(2)
	}
	if err := cmp.Or(writeCIM(os.Args[1]), writeXDR(os.Args[2])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type cimField struct {
	Type       string `json:"type"`
	Expr       string `json:"expr"`
	Kind       string `json:"kind"`
	Qualified  string `json:"qualified"`
	Nullable   bool   `json:"nullable_in_by"`
	Multivalue bool   `json:"multivalue"`
	Since      string `json:"since"`
}

type cimDataset struct {
	Prefix string              `json:"prefix"`
	Fields map[string]cimField `json:"fields"`
}

var (
	fillUnknown = regexp.MustCompile(`"unknown"`)
	fillNumber  = regexp.MustCompile(`^if\(isnum\(\w+\),\w+,(\d+)\)$`)
	ownName     = regexp.MustCompile(`^if\(isnull\(\w+\) OR \w+=""`)
)

// longExpr are calculated fields whose expression is so long that descriptions
// of the model cut it off before its end, which is 1=1,"unknown" in the model
// that Splunk ships.
var longExpr = map[string]bool{"Endpoint.Processes.parent_process_name": true}

func writeCIM(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "_") || strings.HasPrefix(name, "Splunk_CIM_Validation") {
			continue
		}
		var ds cimDataset
		if err := json.Unmarshal(all[name], &ds); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		table := schema.Table{Name: name, Columns: map[string]schema.ColumnInfo{}}
		for field, f := range ds.Fields {
			if f.Kind == "observed-only" || strings.ContainsAny(field, " `*") {
				continue
			}
			info := schema.ColumnInfo{Type: f.Type, Nullable: f.Nullable, MultiValue: f.Multivalue, Since: f.Since, Qualified: f.Qualified}
			switch {
			case fillUnknown.MatchString(f.Expr), longExpr[name+"."+field]:
				info.Fill = "unknown"
			case fillNumber.MatchString(f.Expr):
				info.Fill = fillNumber.FindStringSubmatch(f.Expr)[1]
			case ownName.MatchString(f.Expr) && !strings.HasSuffix(f.Expr, "null())"):
				info.Fill = schema.FillOther
			}
			info.Lower = strings.Contains(f.Expr, "lower("+field+")") || name == "Endpoint.Processes" && field == "process_integrity_level"
			table.Columns[field] = info
		}
		if err := write("cim", table); err != nil {
			return err
		}
	}
	return nil
}

func writeXDR(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		table := schema.Table{Name: name, Columns: map[string]schema.ColumnInfo{}}
		for column, typ := range all[name] {
			if strings.ContainsAny(column, " `*") {
				continue
			}
			if typ == "boolean" {
				typ = "bool"
			}
			table.Columns[column] = schema.ColumnInfo{Type: typ}
		}
		if err := write("xdr", table); err != nil {
			return err
		}
	}
	return nil
}

func write(view string, table schema.Table) error {
	out, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("schema", "catalog", view, table.Name+".json"), append(out, '\n'), 0o644)
}
