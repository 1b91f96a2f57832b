// Package compiler takes documents from files to compiled queries: it finds
// them, loads and links them, hands each hunt to every backend, and compares
// or writes the results. It knows which frontends and backends there are, and
// nothing of what they read or write.
//
// The work of a build that can be kept is kept in a cache (pack.go); nothing
// that a build prints or writes depends on the cache, on the number of
// workers, or on the order in which files were found.
package compiler
