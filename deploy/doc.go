// Package deploy knows what a hunt needs to run as a detection, on any target:
// what its document says about it and the defaults where it says nothing, the
// columns that texts and entities name, and the objects that a server holds.
// The packages below it write these objects for one product each. None of them
// opens a connection.
package deploy
