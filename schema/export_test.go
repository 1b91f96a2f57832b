package schema

// NormKey is the canonical form of a predicate without patterns that another
// covers.
var NormKey = normKey
