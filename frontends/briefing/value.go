package briefing

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// fangs undoes the ways of writing an address so that nobody clicks on it.
var fangs = strings.NewReplacer(
	"[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".", "[DOT]", ".", "[.", ".", ".]", ".",
	"[:]", ":", "[://]", "://", "[/]", "/", "[@]", "@", "[at]", "@",
	`\.`, ".",
)

// refang gives the value that a defanged spelling stands for.
func refang(raw string) string {
	v := fangs.Replace(strings.TrimSpace(raw))
	for _, p := range []struct{ from, to string }{{"hxxp", "http"}, {"h**p", "http"}, {"fxp", "ftp"}} {
		if len(v) > len(p.from) && strings.EqualFold(v[:len(p.from)], p.from) && strings.Contains(v, "://") {
			v = p.to + v[len(p.from):]
		}
	}
	return v
}

// defanged reports whether a spelling was made so that nobody clicks on it.
func defanged(raw string) bool { return refang(raw) != strings.TrimSpace(raw) }

var (
	cveShape    = regexp.MustCompile(`^(?i:CVE)-[0-9]{4}-[0-9]{4,19}$`)
	hexShape    = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	domainShape = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$`)
	portShape   = regexp.MustCompile(`^(.+):([0-9]{1,5})$`)
)

// fileEnds are the last labels of names that are files and never domains; the
// second table has those that are top-level domains too.
var (
	fileEnds = tableOf("js mjs cjs ts tsx jsx json yml yaml toml xml txt log csv md5 exe dll sys msi bat cmd ps1 psm1 psd1 vbs vbe wsf hta lnk scr jar class apk ipa dmg pkg plist gz tgz bz2 xz rar tar iso img bin elf deb rpm doc docx docm xls xlsx xlsm ppt pptx pdf rtf php asp aspx jsp html htm css png jpg jpeg gif svg ico rb lua pyc pyd node gguf npmrc env conf cfg ini lock whl swf war framework")
	fileTLDs = tableOf("sh py rs zip mov md ps")
	// Second levels under which everybody registers. Below a country code the
	// first table holds; the second has the names that a registrar sells.
	countrySeconds = tableOf("co com net org gov edu ac or ne go gob mil nom")
	soldSuffixes   = tableOf("br.com cn.com de.com eu.com gb.net hu.net in.net jp.net jpn.com mex.com ru.com sa.com se.net uk.com uk.net us.com za.com")
)

func tableOf(words string) map[string]bool {
	t := map[string]bool{}
	for _, w := range strings.Fields(words) {
		t[w] = true
	}
	return t
}

// classify gives the kind and the value of one spelling. ok is false where it
// is of no kind. A value that must not be used has its reason, one that may be
// wrong its doubt.
func classify(raw string) (ioc IOC, ok bool) {
	v := refang(raw)
	ioc = IOC{Raw: raw, Value: v}
	switch {
	case v == "" || len(v) > 2048 || strings.ContainsAny(v, " \t`"):
		return ioc, false
	case cveShape.MatchString(v):
		ioc.Kind, ioc.Value = CVE, strings.ToUpper(v)
		return ioc, true
	case hexShape.MatchString(v):
		switch len(v) {
		case 64:
			ioc.Kind = SHA256
		case 40:
			ioc.Kind = SHA1
		case 32:
			ioc.Kind = MD5
		default:
			return ioc, false
		}
		ioc.Value = strings.ToLower(v)
		if strings.Trim(ioc.Value, ioc.Value[:1]) == "" {
			ioc.Reason = ReasonReserved
		}
		return ioc, true
	case strings.Contains(v, "://"):
		return classifyURL(ioc)
	}
	if classifyAddress(&ioc) {
		return ioc, true
	}
	return classifyName(ioc)
}

func classifyURL(ioc IOC) (IOC, bool) {
	u, err := url.Parse(ioc.Value)
	if err != nil || u.Host == "" || u.Scheme == "" {
		return ioc, false
	}
	ioc.Kind = URL
	host, ok := classify(u.Host)
	if ok && (host.Reason == ReasonReserved || host.Reason == ReasonSuffix) {
		ioc.Reason = host.Reason
	}
	return ioc, true
}

// classifyAddress reads an address, with a port or a prefix length or alone.
func classifyAddress(ioc *IOC) bool {
	v := ioc.Value
	addr, err := netip.ParseAddr(strings.Trim(v, "[]"))
	if err != nil {
		if p, perr := netip.ParsePrefix(v); perr == nil {
			addr = p.Addr()
		} else if ap, aerr := netip.ParseAddrPort(v); aerr == nil {
			addr, ioc.Port = ap.Addr(), int(ap.Port())
			ioc.Value = addr.String()
		} else {
			return false
		}
	} else {
		ioc.Value = addr.String()
	}
	if addr.Zone() != "" {
		return false
	}
	ioc.Kind = IPv4
	if addr.Is6() {
		ioc.Kind = IPv6
	}
	switch {
	case reserved(addr):
		ioc.Reason = ReasonReserved
	case addr.Is4() && addr.As4()[3] == 0 && !strings.Contains(v, "/"):
		ioc.Doubt = "it ends in .0, as networks and version numbers do"
	}
	return true
}

// notPublic lists what RFC 5735, 5737, 6598 and 3849 set apart beyond what
// net/netip has methods for.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2001:db8::/32"),
}

func reserved(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// classifyName reads a domain, or an address on the web without its scheme.
func classifyName(ioc IOC) (IOC, bool) {
	v := strings.ToLower(ioc.Value)
	host, path, hasPath := strings.Cut(v, "/")
	if m := portShape.FindStringSubmatch(host); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil && n > 0 && n <= 65535 {
			host, ioc.Port = m[1], n
		}
	}
	host = strings.TrimSuffix(host, ".")
	if rest, found := strings.CutPrefix(host, "*."); found {
		host, ioc.Wildcard = rest, true
	}
	if len(host) > 253 || !domainShape.MatchString(host) {
		return ioc, false
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	if hasPath && path != "" {
		if fileEnds[last] || fileTLDs[last] || ioc.Wildcard {
			return ioc, false // a path in a file system or a glob
		}
		ioc.Kind, ioc.Port = URL, 0
		return ioc, true
	}
	ioc.Kind, ioc.Value = Domain, host
	switch {
	case fileEnds[last]:
		ioc.Reason = ReasonFileName
	case last == "example" || last == "invalid" || last == "test" || last == "localhost" || last == "local" || last == "arpa",
		len(labels) >= 2 && labels[len(labels)-2] == "example" && (last == "com" || last == "net" || last == "org"):
		ioc.Reason = ReasonReserved
	case len(labels) == 2 && (soldSuffixes[host] || len(last) == 2 && countrySeconds[labels[0]]):
		ioc.Reason = ReasonSuffix
	case len(labels) == 2 && fileTLDs[last] && !defanged(ioc.Raw):
		ioc.Doubt = "it may be the name of a file"
	}
	return ioc, true
}
