// Package briefing reads threat briefings: Markdown files that hold indicators,
// ATT&CK techniques and hunts in SPL and KQL.
//
// It takes a file apart and keeps where each piece stood. It knows nothing of
// the languages of the queries: their texts go to whoever lifts them, with a
// map from each byte back to its place in the file. What a briefing holds and
// this package does not hand on as an indicator or a query has a finding.
package briefing
