package ioc

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Kind is the type of a value.
type Kind string

const (
	CVE    Kind = "cve"
	IPv4   Kind = "ipv4"
	IPv6   Kind = "ipv6"
	Domain Kind = "domain"
	URL    Kind = "url"
	SHA256 Kind = "sha256"
	SHA1   Kind = "sha1"
	MD5    Kind = "md5"
	// Email and File are not what Classify gives: a domain and a path can be
	// told from them only by who knows where the value stood.
	Email Kind = "email"
	File  Kind = "file" // the name or the path of a file
)

// Name is what a message calls a kind.
func (k Kind) Name() string {
	switch k {
	case CVE:
		return "CVE"
	case IPv4:
		return "IPv4 address"
	case IPv6:
		return "IPv6 address"
	case URL:
		return "URL"
	case SHA256:
		return "SHA256"
	case SHA1:
		return "SHA1"
	case MD5:
		return "MD5"
	case Email:
		return "e-mail address"
	}
	return string(k)
}

// Reason says why a value must not be used as an indicator.
type Reason string

const (
	ReasonAuthor         Reason = "author"         // the text says so: DO NOT block, a false positive
	ReasonMention        Reason = "mention"        // free text names it, nothing says that it is an indicator
	ReasonLink           Reason = "link"           // the target of a link: a reference
	ReasonCommit         Reason = "commit"         // a git commit id
	ReasonReserved       Reason = "reserved"       // an address or a name that nobody can own
	ReasonInfrastructure Reason = "infrastructure" // everybody's: vendors, publishers, resolvers, hosting
	ReasonVersion        Reason = "version"        // a version number that is shaped like an address
	ReasonPlaceholder    Reason = "placeholder"    // stands for any value: 1.2.3.4, the digest of nothing
	ReasonCodeSample     Reason = "code sample"    // a file that every sample has, or the name of a product
	ReasonInterpreter    Reason = "interpreter"    // a shebang's path
	ReasonFileName       Reason = "file name"      // shaped like a domain
	ReasonSuffix         Reason = "suffix"         // a public suffix: everybody's
	ReasonMalformed      Reason = "malformed"      // of no kind that is known
)

// Value is one spelling, read.
type Value struct {
	Kind Kind // "" only for values that are malformed
	// Value is refanged and in the spelling that data has: hashes, domains in
	// lower case, CVE in upper. An address may have a prefix length.
	Value    string
	Raw      string
	Port     int    // of an address or domain that was written with one, else 0
	Wildcard bool   // "*.domain": the value is the domain
	Reason   Reason // why it cannot be an indicator, as far as its shape says
	Doubt    string // why a value that can be one may be wrong
}

// fangs undoes the ways of writing an address so that nobody clicks on it.
var fangs = strings.NewReplacer(
	"[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".", "[DOT]", ".", "[.", ".", ".]", ".",
	"[:]", ":", "[://]", "://", "[/]", "/", "[@]", "@", "[at]", "@",
	`\.`, ".",
)

// Refang gives the value that a defanged spelling stands for.
func Refang(raw string) string {
	v := fangs.Replace(strings.TrimSpace(raw))
	for _, p := range []struct{ from, to string }{{"hxxp", "http"}, {"h**p", "http"}, {"fxp", "ftp"}} {
		if len(v) > len(p.from) && strings.EqualFold(v[:len(p.from)], p.from) && strings.Contains(v, "://") {
			v = p.to + v[len(p.from):]
		}
	}
	return v
}

// Defanged reports whether a spelling was made so that nobody clicks on it.
func Defanged(raw string) bool { return Refang(raw) != strings.TrimSpace(raw) }

var (
	cveShape    = regexp.MustCompile(`^(?i:CVE)-[0-9]{4}-[0-9]{4,19}$`)
	hexShape    = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	domainShape = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$`)
	portShape   = regexp.MustCompile(`^(.+):([0-9]{1,5})$`)
)

// Classify gives the kind and the value of one spelling. ok is false where it
// is of no kind. A value that must not be used has its reason, one that may be
// wrong its doubt.
func Classify(raw string) (out Value, ok bool) {
	v := Refang(raw)
	out = Value{Raw: raw, Value: v}
	switch {
	case v == "" || len(v) > 2048 || strings.ContainsAny(v, " \t`"):
		return out, false
	case cveShape.MatchString(v):
		out.Kind, out.Value = CVE, strings.ToUpper(v)
		return out, true
	case hexShape.MatchString(v):
		switch len(v) {
		case 64:
			out.Kind = SHA256
		case 40:
			out.Kind = SHA1
		case 32:
			out.Kind = MD5
		default:
			return out, false
		}
		out.Value = strings.ToLower(v)
		if strings.Trim(out.Value, out.Value[:1]) == "" {
			out.Reason = ReasonReserved
		}
		return out, true
	case strings.Contains(v, "://"):
		return classifyURL(out)
	}
	if classifyAddress(&out) {
		return out, true
	}
	return classifyName(out)
}

func classifyURL(out Value) (Value, bool) {
	u, err := url.Parse(out.Value)
	if err != nil || u.Host == "" || u.Scheme == "" {
		return out, false
	}
	out.Kind = URL
	host, ok := Classify(u.Host)
	if ok && (host.Reason == ReasonReserved || host.Reason == ReasonSuffix) {
		out.Reason = host.Reason
	}
	return out, true
}

// classifyAddress reads an address, with a port or a prefix length or alone.
func classifyAddress(out *Value) bool {
	v := out.Value
	addr, err := netip.ParseAddr(strings.Trim(v, "[]"))
	if err != nil {
		if p, perr := netip.ParsePrefix(v); perr == nil {
			addr = p.Addr()
		} else if ap, aerr := netip.ParseAddrPort(v); aerr == nil {
			addr, out.Port = ap.Addr(), int(ap.Port())
			out.Value = addr.String()
		} else {
			return false
		}
	} else {
		out.Value = addr.String()
	}
	if addr.Zone() != "" {
		return false
	}
	out.Kind = IPv4
	if addr.Is6() {
		out.Kind = IPv6
	}
	switch {
	case reserved(addr):
		out.Reason = ReasonReserved
	case addr.Is4() && addr.As4()[3] == 0 && !strings.Contains(v, "/"):
		out.Doubt = "it ends in .0, as networks and version numbers do"
	}
	return true
}

func reserved(a netip.Addr) bool { _, yes := reservedBy(a); return yes }

// classifyName reads a domain, or an address on the web without its scheme.
func classifyName(out Value) (Value, bool) {
	v := strings.ToLower(out.Value)
	host, path, hasPath := strings.Cut(v, "/")
	if m := portShape.FindStringSubmatch(host); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil && n > 0 && n <= 65535 {
			host, out.Port = m[1], n
		}
	}
	host = strings.TrimSuffix(host, ".")
	if rest, found := strings.CutPrefix(host, "*."); found {
		host, out.Wildcard = rest, true
	}
	if len(host) > 253 || !domainShape.MatchString(host) {
		return out, false
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	t := tables()
	if hasPath && path != "" {
		if t.fileEnds[last] || t.fileTLDs[last] || out.Wildcard {
			return out, false // a path in a file system or a glob
		}
		out.Kind, out.Port = URL, 0
		return out, true
	}
	out.Kind, out.Value = Domain, host
	switch {
	case t.fileEnds[last]:
		out.Reason = ReasonFileName
	case t.reservedDomain(host):
		out.Reason = ReasonReserved
	case len(labels) == 2 && (t.soldSuffixes[host] || len(last) == 2 && t.countrySeconds[labels[0]]):
		out.Reason = ReasonSuffix
	case len(labels) == 2 && t.fileTLDs[last] && !Defanged(out.Raw):
		out.Doubt = "it may be the name of a file"
	}
	return out, true
}
