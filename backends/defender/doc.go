// Package defender compiles hunts to advanced-hunting queries of Microsoft
// Defender XDR, in the Kusto query language, and reads such queries back.
//
// Compile goes four steps: schema.Resolve names Defender's tables and columns;
// Plan rewrites the query, still as IR, until every node has an exact
// counterpart in Kusto, or refuses it; Lower is then purely structural, and
// Lift is its inverse. The differences between the two-valued predicates of
// the IR and Kusto's three-valued ones are settled in Plan (predicate.go).
package defender
