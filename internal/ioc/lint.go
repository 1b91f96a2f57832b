package ioc

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
)

//go:embed lint.yaml
var lintSource []byte

type set map[string]bool

// UnmarshalYAML reads words between spaces.
func (s *set) UnmarshalYAML(n *yaml.Node) error {
	*s = set{}
	for _, w := range strings.Fields(n.Value) {
		(*s)[w] = true
	}
	return nil
}

// lintFile is lint.yaml as written.
type lintFile struct {
	CodeSamples       set `yaml:"code_samples"`
	Products          set `yaml:"products"`
	CodeObjects       set `yaml:"code_objects"`
	CodeMembers       set `yaml:"code_members"`
	Interpreters      set `yaml:"interpreters"`
	ReservedAddresses []struct {
		Net    netip.Prefix `yaml:"net"`
		Source string       `yaml:"source"`
	} `yaml:"reserved_addresses"`
	ReservedDomains         set               `yaml:"reserved_domains"`
	PlaceholderDomains      set               `yaml:"placeholder_domains"`
	InfrastructureAddresses set               `yaml:"infrastructure_addresses"`
	PlaceholderAddresses    set               `yaml:"placeholder_addresses"`
	ObjectIdentifiers       set               `yaml:"object_identifiers"`
	Publishers              set               `yaml:"publishers"`
	Vendors                 set               `yaml:"vendors"`
	SharedHosts             set               `yaml:"shared_hosts"`
	PlaceholderTexts        []string          `yaml:"placeholder_texts"`
	PlaceholderHashes       map[string]string `yaml:"placeholder_hashes"`
	FileEnds                set               `yaml:"file_ends"`
	FileTLDs                set               `yaml:"file_tlds"`
	ProseFileTLDs           set               `yaml:"prose_file_tlds"`
	CountrySeconds          set               `yaml:"country_seconds"`
	SoldSuffixes            set               `yaml:"sold_suffixes"`
	GenericTLDs             set               `yaml:"generic_tlds"`
	SystemPrograms          set               `yaml:"system_programs"`
	SystemPorts             set               `yaml:"system_ports"`
	SystemFolders           set               `yaml:"system_folders"`
	SystemFiles             set               `yaml:"system_files"`
	SystemKeys              set               `yaml:"system_keys"`
}

// lintTables is lint.yaml, made ready.
type lintTables struct {
	lintFile
	fileEnds, fileTLDs, countrySeconds, soldSuffixes set
	digests                                          map[string]string // digest -> what it is of
}

// tables reads lint.yaml once. It is part of the program: that it is well
// formed is for a test to say.
var tables = sync.OnceValue(func() *lintTables {
	var f lintFile
	dec := yaml.NewDecoder(strings.NewReader(string(lintSource)))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		panic("ioc: lint.yaml: " + err.Error())
	}
	t := &lintTables{lintFile: f, fileEnds: f.FileEnds, fileTLDs: f.FileTLDs, countrySeconds: f.CountrySeconds, soldSuffixes: f.SoldSuffixes,
		digests: map[string]string{}}
	for _, text := range f.PlaceholderTexts {
		what := "the digest of the text " + strconv.Quote(text)
		if text == "" {
			what = "the digest of an empty file"
		}
		m, s1, s2 := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text))
		t.digests[hex.EncodeToString(m[:])] = what
		t.digests[hex.EncodeToString(s1[:])] = what
		t.digests[hex.EncodeToString(s2[:])] = what
	}
	for h, what := range f.PlaceholderHashes {
		t.digests[h] = what
	}
	return t
})

// reservedBy names the RFC that sets an address apart.
func reservedBy(a netip.Addr) (source string, yes bool) {
	a = a.Unmap()
	for _, r := range tables().ReservedAddresses {
		if r.Net.Contains(a) {
			return r.Source, true
		}
	}
	return "", false
}

// inside finds the longest name of a set that a host is or is below.
func (s set) inside(host string) string {
	for host != "" {
		if s[host] {
			return host
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return ""
}

func (t *lintTables) reservedDomain(host string) bool { return t.ReservedDomains.inside(host) != "" }

// Exclusion says why a value is no indicator.
type Exclusion struct {
	Reason  Reason
	Code    diag.Code
	Message string // a sentence, as of a diagnostic
	Hint    string // what to do; may be empty
}

// Lint says whether a value is shaped like an indicator and is none. The value
// may be given as it was written: one that somebody made harmless to click on
// was meant to be read as an address, which is the word against it being the
// name of a file or a page that is only referred to.
//
// A value of a kind that the lint does not know is never excluded.
func Lint(kind Kind, value string) (Exclusion, bool) { return LintIn(kind, value, "", "") }

// LintIn is Lint for a value of a text; before and after are what stands around
// it in its sentence. Only the text can tell a version number from an address
// and a commit id from the digest of a file.
func LintIn(kind Kind, value, before, after string) (Exclusion, bool) {
	before, after = tail(before, maxContext), head(after, maxContext)
	switch kind {
	case File:
		return lintFileName(value)
	case Email:
		if _, host, ok := strings.Cut(Refang(value), "@"); ok {
			return lintHost(strings.ToLower(host), value)
		}
		return Exclusion{}, false
	}
	v, ok := Classify(value)
	if !ok || v.Kind != kind {
		return Exclusion{}, false
	}
	switch kind {
	case MD5, SHA1, SHA256:
		return lintHash(v, before)
	case IPv4, IPv6:
		return lintAddress(v, before, after)
	case Domain:
		return lintHost(v.Value, value)
	case URL:
		return lintURL(v)
	}
	return Exclusion{}, false
}

// maxContext is how much of a sentence on either side of a value is read.
const maxContext = 200

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
func head(s string, n int) string { return s[:min(len(s), n)] }

func lintFileName(value string) (Exclusion, bool) {
	t := tables()
	path := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(value), "#!")))
	program, _, _ := strings.Cut(path, " ")
	if t.Interpreters[program] {
		return Exclusion{ReasonInterpreter, codeInterpreter,
			fmt.Sprintf("%q is a path that scripts name in their first line, and is on every machine", program),
			"Look for what the script does, or for its own name."}, true
	}
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	first, ext, _ := strings.Cut(name, ".")
	switch {
	case name == path && t.CodeObjects[first] && (ext == "env" || ext == "log" || ext == "class" || ext == "node"):
		return Exclusion{ReasonCodeSample, codeCodeSample, fmt.Sprintf("%q is a member of an object in code and not a file", value), ""}, true
	case t.Products[name] && name == path:
		return Exclusion{ReasonCodeSample, codeCodeSample, fmt.Sprintf("%q is the name of a product", value), ""}, true
	case t.CodeSamples[name] && shallow(path):
		return Exclusion{ReasonCodeSample, codeCodeSample, fmt.Sprintf("%q is the name of a file that code samples and packages have everywhere", value),
			"Use it together with a folder or a program that only the attack has."}, true
	}
	return Exclusion{}, false
}

// shallow reports whether a path says no more than its last part: samples have
// src/index.js, an attack has a folder of its own.
func shallow(path string) bool {
	dir := strings.Trim(strings.ReplaceAll(path, `\`, "/"), "/")
	i := strings.LastIndexByte(dir, '/')
	if i < 0 {
		return true
	}
	switch strings.TrimPrefix(dir[:i], "./") {
	case ".", "..", "src", "lib", "dist", "test", "tests", "app", "examples":
		return true
	}
	return false
}

var (
	commitLead = regexp.MustCompile(`(?i)(?:\bcommits?\b[ /:=` + "`" + `"'(]{1,4}|\bcommits?(?: id| hash| sha)?(?: is| was|:)? ?[` + "`" + `"'(]{0,2}|@|/(?:commit|tree|blob|raw|archive)/|github(?:usercontent)?\.com/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/)$`)
	commitTalk = regexp.MustCompile(`(?i)\bcommit(?:s|ted)?\b`)
	hashTalk   = regexp.MustCompile(`(?i)\bsha-?1\b|\bhash(?:es)?\b|\bsamples?\b|\bchecksums?\b`)
)

// afterCommit reports whether a text ends as it does before a commit id.
func afterCommit(before string) bool { return commitLead.MatchString(tail(before, maxContext)) }

func lintHash(v Value, before string) (Exclusion, bool) {
	if what := tables().digests[v.Value]; what != "" {
		return Exclusion{ReasonPlaceholder, codePlaceholder, fmt.Sprintf("%s is %s", v.Value, what), "The report has it by mistake, or as a sample; leave it out."}, true
	}
	if period(v.Value) {
		return Exclusion{ReasonPlaceholder, codePlaceholder, v.Value + " is a made-up digest: its digits repeat or count up", ""}, true
	}
	if v.Kind == SHA1 && (afterCommit(before) || commitTalk.MatchString(before) && !hashTalk.MatchString(before)) {
		return Exclusion{ReasonCommit, codeCommit, v.Value + " is a git commit id, not the hash of a file",
			"A commit id matches no file; look for it in command lines and URLs."}, true
	}
	return Exclusion{}, false
}

// period reports whether a digest repeats one to sixteen digits throughout, or
// counts up as samples do. No digest of a file does.
func period(h string) bool {
	for _, n := range []int{1, 2, 4, 8, 10, 16} {
		if strings.HasPrefix(h[n:], h[:len(h)-n]) {
			return true
		}
	}
	return false
}

var (
	// versionLead ends a text behind which a version stands, with other
	// versions between them or none.
	versionLead = regexp.MustCompile(`(?i)(?:\b(?:versions?|ver\.?|build|release[sd]?|firmware|prior to|fixed in|patched in|upgraded? to|updated? to|(?:earlier|older|lower|newer|later) than|v)\b[ :=]*|[<>≤≥]=? ?|\bv)(?:[0-9][0-9.x]*(?:,? and|,? or|,|–|-| to| through)? ?)*$`)
	versionTail = regexp.MustCompile(`(?i)^\)? ?(?:and|or) (?:later|earlier|below|above|prior|older|newer)\b|^ ?(?:\(?build|release)\b|^\.[0-9]`)
	addressLead = regexp.MustCompile(`(?i)\b(?:ip|ips|ipv4|address(?:es)?|hosts?|servers?|c2|c&c|port)\b[^.;]{0,40}$`)
)

func lintAddress(v Value, before, after string) (Exclusion, bool) {
	host, _, isNet := strings.Cut(v.Value, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return Exclusion{}, false
	}
	t := tables()
	if source, yes := reservedBy(a); yes {
		return Exclusion{ReasonReserved, codeReserved, fmt.Sprintf("%s is reserved (%s): it points at nobody in particular", v.Value, source), ""}, true
	}
	if t.PlaceholderAddresses[host] {
		return Exclusion{ReasonPlaceholder, codePlaceholder, v.Value + " is an address that samples have", ""}, true
	}
	if t.InfrastructureAddresses[host] {
		return Exclusion{ReasonInfrastructure, CodeInfrastructure, v.Value + " is a public service that everybody uses", "Look for who uses it in an unusual way instead."}, true
	}
	if !a.Is4() || isNet || v.Port != 0 || Defanged(v.Raw) {
		return Exclusion{}, false
	}
	if t.ObjectIdentifiers[host] {
		return Exclusion{ReasonVersion, codeVersion, v.Value + " is the beginning of an object identifier, not an address", ""}, true
	}
	if versionTail.MatchString(after) || versionLead.MatchString(before) && !addressLead.MatchString(before) {
		return Exclusion{ReasonVersion, codeVersion, v.Value + " is the number of a version, not an address", ""}, true
	}
	if strings.HasSuffix(host, ".0.0") {
		return Exclusion{ReasonVersion, codeVersion, v.Value + " ends in .0.0, as versions do and addresses of hosts do not", "If a network is meant, write it with its prefix length."}, true
	}
	return Exclusion{}, false
}

func lintURL(v Value) (Exclusion, bool) {
	text := v.Value
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return Exclusion{}, false
	}
	host := strings.ToLower(u.Hostname())
	if a, err := netip.ParseAddr(host); err == nil {
		return lintAddress(Value{Kind: IPv4, Value: a.String(), Raw: v.Raw, Port: 1}, "", "")
	}
	if !strings.Contains(strings.Trim(host, "."), ".") && !tables().reservedDomain(host) {
		return Exclusion{ReasonPlaceholder, codePlaceholder, fmt.Sprintf("%q is a host of some network and none of the internet", host), ""}, true
	}
	ex, no := lintHost(host, v.Raw)
	if !no || ex.Reason == ReasonFileName && strings.Contains(v.Value, "://") {
		return Exclusion{}, false
	}
	if ex.Reason == ReasonInfrastructure && strings.Trim(u.Path, "/")+u.RawQuery != "" &&
		(Defanged(v.Raw) || tables().sharedHost(host)) {
		return Exclusion{}, false // a page of somebody's, on a host that is everybody's
	}
	return ex, true
}

// sharedHost reports whether what a host serves is put there by whoever likes.
func (t *lintTables) sharedHost(host string) bool {
	own := t.SharedHosts.inside(host)
	return own != "" && len(own) >= len(t.Vendors.inside(host))
}

func lintHost(host, raw string) (Exclusion, bool) {
	t := tables()
	if h, _, ok := strings.Cut(host, ":"); ok {
		host = h
	}
	host = strings.TrimPrefix(strings.TrimSuffix(host, "."), "*.")
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	shared, vendor, publisher := t.SharedHosts.inside(host), t.Vendors.inside(host), t.Publishers.inside(host)
	plain := !Defanged(raw)
	switch {
	case t.reservedDomain(host):
		return Exclusion{ReasonReserved, codeReserved, fmt.Sprintf("%q is reserved (RFC 2606, RFC 6761): nobody can register it", host), ""}, true
	case t.PlaceholderDomains.inside(host) != "":
		return Exclusion{ReasonPlaceholder, codePlaceholder, fmt.Sprintf("%q is a domain that samples have", host), ""}, true
	case t.Products[host] && plain:
		return Exclusion{ReasonCodeSample, codeCodeSample, fmt.Sprintf("%q is the name of a product", host), ""}, true
	case t.fileEnds[last], t.fileTLDs[last] && len(labels) == 2 && plain:
		return Exclusion{ReasonFileName, CodeFileName, fmt.Sprintf("%q is the name of a file and not a domain", host), "If it is a file to look for, write it as one."}, true
	case t.CodeObjects[labels[0]] && len(labels) == 2 && plain && t.CodeMembers[last]:
		return Exclusion{ReasonCodeSample, codeCodeSample, fmt.Sprintf("%q is a member of an object in code and not a domain", host), ""}, true
	case len(labels) == 2 && (t.soldSuffixes[host] || len(last) == 2 && t.countrySeconds[labels[0]]):
		return Exclusion{ReasonSuffix, codeSuffix, fmt.Sprintf("%q is a public suffix, under which everybody has domains", host), "The domain was probably cut off; look it up in the text."}, true
	case shared != "" && len(shared) >= len(vendor):
		if host != shared && host != "www."+shared {
			return Exclusion{}, false // somebody's own name below it
		}
		return Exclusion{ReasonInfrastructure, CodeInfrastructure, fmt.Sprintf("%q is shared by everybody who puts something there", host),
			"Use the whole address, or the name below it that the attack has."}, true
	case vendor != "":
		return Exclusion{ReasonInfrastructure, CodeInfrastructure, fmt.Sprintf("%q belongs to %s, which everybody uses", host, vendor), ""}, true
	case publisher != "":
		return Exclusion{ReasonInfrastructure, CodeInfrastructure, fmt.Sprintf("%q belongs to %s, which writes about attacks or keeps records of them", host, publisher), ""}, true
	}
	return Exclusion{}, false
}

// KnownTLD reports whether a name ends in a top-level domain that is frequent
// enough to be believed where the name is not defanged. Two letters are a
// country's.
func KnownTLD(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return len(last) == 2 || tables().GenericTLDs[last] || strings.HasPrefix(last, "xn--")
}

// ProseFile reports whether a name that stands in prose without being defanged
// is rather a file's.
func ProseFile(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return tables().ProseFileTLDs[last] && strings.Count(host, ".") == 1
}

// FileEnd reports whether a last label, in lower case without a full stop, is a
// file's, be it a top-level domain too or not.
func FileEnd(ext string) bool {
	t := tables()
	return t.fileEnds[ext] || t.fileTLDs[ext] || t.ProseFileTLDs[ext]
}

// SystemProgram reports whether every machine has a program of this name, with
// or without .exe.
func SystemProgram(name string) bool {
	n := strings.ToLower(name)
	return tables().SystemPrograms[n] || tables().SystemPrograms[n+".exe"]
}

// SystemPath reports whether every machine has a folder or file, given by its
// path without the drive: that it is written to says nothing.
func SystemPath(path string) bool {
	p := strings.Trim(strings.ReplaceAll(strings.ToLower(path), `\`, "/"), "/")
	if tables().SystemFolders["/"+strings.ReplaceAll(p, " ", "_")] {
		return true
	}
	name := p[strings.LastIndexByte(p, '/')+1:]
	return tables().SystemFiles[name] || strings.HasPrefix(p, "windows/") && tables().SystemPrograms[name]
}

// SystemKey reports whether so much writes below a key of the registry that
// the key alone says nothing.
func SystemKey(key string) bool {
	k := strings.Trim(strings.ReplaceAll(strings.ToLower(key), " ", "_"), `\`)
	_, k, ok := strings.Cut(k, `\`)
	return !ok || tables().SystemKeys[strings.ReplaceAll(k, "software\\wow6432node\\", "software\\")]
}

// SystemPort reports whether so much uses a port that its number alone says
// nothing.
func SystemPort(port int) bool { return tables().SystemPorts[strconv.Itoa(port)] }

var (
	authorExcludes = regexp.MustCompile(`(?i)\b(?:do|must|should)(?: not|n['’]t) (?:block|use|alert|hunt|be blocked)\b|\bdon['’]t (?:block|use|alert|hunt)\b|\b(?:never|avoid|cannot(?: be)?|not to(?: be)?) block(?:ed|ing)?\b|\bwhite-?listed\b|\bfalse[- ]positives?\b|\bnot (?:malicious|an? (?:ioc|indicator))\b`)
	notExcludes    = regexp.MustCompile(`(?i)\b(?:not|no|few|low|zero)(?: an?)? false[- ]positives?\b`)
	plainExcludes  = regexp.MustCompile(`(?i)\b(?:do|must|should)(?: not|n['’]t) (?:block|be blocked)\b|\bnever block\b|\b(?:is|are)(?: an?)? false[- ]positives?\b`)
)

// Rejects reports whether a text says that the values in it must not be used.
func Rejects(text string) bool {
	return authorExcludes.MatchString(notExcludes.ReplaceAllString(text, ""))
}

// RejectsPlainly is Rejects for prose, where only the plainest words count.
func RejectsPlainly(text string) bool {
	return plainExcludes.MatchString(text) && !notExcludes.MatchString(text)
}
