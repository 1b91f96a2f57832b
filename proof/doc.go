// Package proof runs compiled hunts on events: the hunt itself, and what each
// target makes of it, in process and offline.
//
// The program of a target is the text that the compiler emits, read back. It
// runs over the rows that the target would hold of the events, and with the
// target's semantics; docs/semantics.md has them.
package proof
