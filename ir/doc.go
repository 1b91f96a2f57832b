// Package ir is the typed, backend-neutral form of a hunt: relational nodes
// over scalar expressions, every node with its span in the author's file.
//
// Case sensitivity, wildcards and the meaning of a missing value are decided
// here, once; docs/semantics.md has the truth table. The package knows neither
// YAML nor any target language, and holds no Go map, so that nothing built
// from it depends on map order.
package ir
