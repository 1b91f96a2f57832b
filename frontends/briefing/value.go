package briefing

import "github.com/huntc/huntc/internal/ioc"

// classify gives the kind and the value of one spelling. ok is false where it
// is of no kind. A value that must not be used has its reason, one that may be
// wrong its doubt.
func classify(raw string) (out IOC, ok bool) {
	v, ok := ioc.Classify(raw)
	return IOC{Kind: v.Kind, Value: v.Value, Raw: v.Raw, Port: v.Port, Wildcard: v.Wildcard, Reason: v.Reason, Doubt: v.Doubt}, ok
}
