// Package backends is what the compiler sees of a target: the interface and
// the artifact, nothing else.
package backends
