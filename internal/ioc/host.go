package ioc

import (
	"net/url"
	"strings"
)

// URLHost is the host of a URL, with or without its scheme, in lower case; "" if
// it has none.
func URLHost(text string) string {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// HostOf is the domain or the address of a URL, as an indicator; "" for what is
// no URL, and for hosts that are none: those that many use for good.
func HostOf(kind Kind, value string) (Kind, string) {
	if kind != URL {
		return "", ""
	}
	v, ok := Classify(URLHost(value))
	if !ok || v.Kind != Domain && v.Kind != IPv4 && v.Kind != IPv6 {
		return "", ""
	}
	if _, no := Lint(v.Kind, v.Value); no {
		return "", ""
	}
	return v.Kind, v.Value
}
