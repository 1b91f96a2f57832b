// Package diag holds positions and diagnostics: what is wrong, where in the
// author's own file, and what to do about it.
//
// It is the leaf of the import graph. It knows nothing of Sigma, SPL or KQL;
// whoever finds a problem words it.
package diag
