// Package splunk writes compiled hunts as saved searches: the correlation
// searches of Enterprise Security, with findings and risk, as the keys of
// savedsearches.conf, and as an app that can be installed. The same keys go
// over Splunk's REST interface.
package splunk
