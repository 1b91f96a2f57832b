// Package sigma reads documents: Sigma 2.1 detection, filter and correlation
// documents, and huntc's own "hunt" block, from YAML into the IR.
//
// Load reads one file, Link joins files: filters with the rules they name,
// correlations with the rules they count. Names of fields stay Sigma's own;
// the package knows neither schemas nor targets. docs/language.md describes
// the language.
package sigma
