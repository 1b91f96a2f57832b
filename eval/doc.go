// Package eval runs the IR over events and rows in memory: it is the meaning
// of a hunt, against which the emitted queries are held.
//
// Predicates are compiled once to closures. The semantics are those that
// package ir documents; docs/semantics.md has the truth table, and says what
// was decided where ir leaves a choice open.
package eval
