package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
)

// configName is the project file's name.
const configName = "huntc.yaml"

// Config is a huntc.yaml: what a content project changes about huntc.
type Config struct {
	Path string // "" if there is none
	// Home is the project's folder of detections: "detections" beside the
	// settings. Outputs mirror what is below it, wherever a build starts.
	Home string
	raw  []byte // what it and the files that it names say, for the cache's key

	Datasets     yaml.Node // overlay for schema.New
	Placeholders []Placeholder
	Splunk       splunk.Config
	// Lookups are the lists that a pipeline can join with.
	Lookups []sigma.Lookup
	CIM     string // version of Splunk's data models; "" for the newest
	// Allow are departures from exactness that the project accepts in every
	// document: properties of its data rather than of a detection.
	Allow []diag.Code
	// Deploy says what is deployed to where.
	Deploy Deploy
}

// Placeholder is a name with the values that "|expand" puts in its place.
type Placeholder struct {
	Name   string
	Values []string
}

var (
	configKeys = []string{"allow", "datasets", "deploy", "lookups", "placeholders", "splunk"}
	splunkKeys = []string{"cim", "summariesonly"}
)

// cimVersion is a version of Splunk_SA_CIM.
var cimVersion = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

// macroName is what Splunk accepts as the name of a search macro.
var macroName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// FindConfig looks for a huntc.yaml beside a path and in the folders above
// it, but not above the root of a git work tree: settings of a stranger's
// folder never apply. It returns "" where there is none, and a name that is
// short from where one stands.
func FindConfig(path string) (string, error) {
	name, err := findConfig(path)
	if name == "" || err != nil {
		return "", err
	}
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, name); err == nil {
			return rel, nil
		}
	}
	return name, nil
}

func findConfig(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	for {
		name := filepath.Join(dir, configName)
		if _, err := os.Stat(name); err == nil {
			return name, nil
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return "", fmt.Errorf("cannot read %s: %w", name, rootCause(err))
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return "", nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// LoadConfig reads a project file; "" is an empty one. Diagnostics name it
// as path does.
func LoadConfig(path string) (*Config, diag.List, error) {
	c := &Config{Path: path, Deploy: defaultDeploy}
	home, err := filepath.Abs(filepath.Join(filepath.Dir(path), "detections"))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot find the folder that %s is in: %w", path, err)
	}
	c.Home = home
	if path == "" {
		return c, nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", path, rootCause(err))
	}
	c.raw = raw
	diags := c.parse()
	return c, diags, nil
}

// yamlLine is where yaml.v3 says that a syntax error is. It does not name the
// first line.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (c *Config) parse() diag.List {
	var diags diag.List
	at := func(n *yaml.Node) diag.Span {
		name := filepath.ToSlash(c.Path)
		return diag.Span{
			Pos:    diag.Pos{Filename: name, Line: n.Line, Column: n.Column},
			EndPos: diag.Pos{Filename: name, Line: n.Line, Column: n.Column + len([]rune(n.Value))},
		}
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(c.raw))
	if err := dec.Decode(&doc); err == io.EOF {
		return nil
	} else if err != nil {
		where, what := place(c.Path), err.Error()
		if m := yamlLine.FindStringSubmatch(what); m != nil {
			where.Pos.Line, where.Pos.Column, what = 1, 1, m[2]
			if m[1] != "" {
				where.Pos.Line, _ = strconv.Atoi(m[1]) // digits
			}
		}
		diags.Errorf(codeConfigYAML, where, "Mend the YAML; nothing is compiled without the project's settings.", "not YAML: %s", what)
		return diags
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Tag != "!!null" {
			diags.Errorf(codeConfigYAML, at(root), diag.DidYouMean("", configKeys), "the settings are a map from keys to values")
		}
		return diags
	}
	if err := dec.Decode(&yaml.Node{}); err != io.EOF {
		diags.Errorf(codeConfigYAML, place(c.Path), "Keep everything in one document, without a line ---.", "there is more than one YAML document")
		return diags
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], deref(root.Content[i+1])
		if line := seen[key.Value]; line > 0 {
			diags.Errorf(codeConfigKey, at(key), "Keep one of the two.", "%q stands in line %d already", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		switch key.Value {
		case "allow":
			c.allow(val, at, &diags)
		case "datasets":
			c.Datasets = *val
			c.checkDatasets(at, &diags)
		case "deploy":
			c.deploy(val, at, &diags)
		case "lookups":
			c.lookups(val, at, &diags)
		case "placeholders":
			c.placeholders(val, at, &diags)
		case "splunk":
			c.splunk(val, at, &diags)
		default:
			diags.Errorf(codeConfigKey, at(key), diag.DidYouMean(key.Value, configKeys), "huntc.yaml has no key %q", key.Value)
		}
	}
	return diags
}

func (c *Config) allow(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List) {
	const hint = "Write a list of codes, such as [HC0310]."
	if n.Kind != yaml.SequenceNode {
		diags.Errorf(codeConfigValue, at(n), hint, "\"allow\" is a list of the codes of accepted departures from exactness")
		return
	}
	for _, v := range n.Content {
		v = deref(v)
		code := diag.Code(v.Value)
		if _, known := diag.Explain(code); v.Kind != yaml.ScalarNode || !known {
			diags.Errorf(codeConfigValue, at(v), hint, "there is no code %q", v.Value)
			continue
		}
		if !canAllow(code) {
			diags.Errorf(codeConfigValue, at(v), "Only departures from exactness can be accepted: HC0310 and others that say how a query differs from its document.",
				"%s is not a departure from exactness, so it cannot be accepted", code)
			continue
		}
		c.Allow = append(c.Allow, code)
	}
}

func (c *Config) placeholders(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List) {
	const hint = "Write name: [value, value]."
	if n.Kind != yaml.MappingNode {
		diags.Errorf(codeConfigValue, at(n), hint, "\"placeholders\" is a map from the name of a placeholder to its values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], deref(n.Content[i+1])
		p := Placeholder{Name: key.Value}
		values := []*yaml.Node{val}
		if val.Kind == yaml.SequenceNode {
			values = val.Content
		}
		for _, v := range values {
			v = deref(v)
			if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
				diags.Errorf(codeConfigValue, at(v), hint, "the placeholder %q has a value that is not a text or a number", key.Value)
				continue
			}
			p.Values = append(p.Values, v.Value)
		}
		c.Placeholders = append(c.Placeholders, p)
	}
}

// lookupName is what a lookup may be called: it becomes part of a file name.
var lookupName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// lookups reads the lists that documents join with, each in a CSV file beside
// or below the settings.
func (c *Config) lookups(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List) {
	const hint = "Write name: path/to/file.csv."
	if n.Kind != yaml.MappingNode {
		diags.Errorf(codeConfigValue, at(n), hint, "\"lookups\" is a map from the name of a lookup to its CSV file")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], deref(n.Content[i+1])
		if !lookupName.MatchString(key.Value) {
			diags.Errorf(codeConfigValue, at(key), "Use at most 64 letters, digits and underscores, and start with a letter.", "%q cannot be the name of a lookup", key.Value)
			continue
		}
		if val.Kind != yaml.ScalarNode || !filepath.IsLocal(filepath.FromSlash(val.Value)) {
			diags.Errorf(codeConfigValue, at(val), hint, "the lookup %q is a file beside or below huntc.yaml", key.Value)
			continue
		}
		name := filepath.Join(filepath.Dir(c.Path), filepath.FromSlash(val.Value))
		text, err := os.ReadFile(name)
		if err != nil {
			diags.Errorf(codeConfigValue, at(val), "Check the path, which starts at the folder of huntc.yaml.", "the file of the lookup %q cannot be read: %v", key.Value, rootCause(err))
			continue
		}
		c.raw = append(append(c.raw, 0), text...)
		l, line, message, help := sigma.ReadLookup(key.Value, text)
		if message != "" {
			where := place(name)
			if line > 0 {
				where.Pos.Line, where.Pos.Column = line, 1
			}
			diags.Errorf(codeConfigValue, where, help, "%s", message)
			continue
		}
		c.Lookups = append(c.Lookups, l)
	}
}

func (c *Config) splunk(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List) {
	if n.Kind != yaml.MappingNode {
		diags.Errorf(codeConfigValue, at(n), diag.DidYouMean("", splunkKeys), "\"splunk\" is a map of settings")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], deref(n.Content[i+1])
		ok := val.Kind == yaml.ScalarNode
		switch key.Value {
		case "cim":
			if c.CIM = val.Value; !ok || !cimVersion.MatchString(c.CIM) {
				diags.Errorf(codeConfigValue, at(val), "Write it as Splunk does: cim: \"8.5.0\".", "this is not a version of the Common Information Model")
			}
		case "summariesonly":
			if c.Splunk.SummariesOnly = val.Value; !ok || !macroName.MatchString(val.Value) {
				diags.Errorf(codeConfigValue, at(val), "Use letters, digits, _ and -, without backticks.", "this is not the name of a Splunk macro")
			}
		default:
			diags.Errorf(codeConfigKey, at(key), diag.DidYouMean(key.Value, splunkKeys), "\"splunk\" has no key %q", key.Value)
		}
	}
}

// deref is the node that an alias stands for.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
