package compiler

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
)

// Deploy are the settings of what is deployed to where. They hold no secrets:
// those come from the environment.
type Deploy struct {
	// Project is what the content repository calls itself on the servers: only
	// objects with that name in their mark are its own.
	Project string
	// Kept are what the servers decide themselves, once an object is there:
	// "enabled", "schedule".
	Kept []string
	// PruneMax and PruneShare bound how many objects are deleted at once: their
	// number, and their share of all objects of the project (0 to 1).
	PruneMax   int
	PruneShare float64

	Splunk   SplunkServer
	Defender GraphServer
}

// SplunkServer is a search head.
type SplunkServer struct {
	URL, App, Label string
	CA              string // file with the certificates that are trusted besides
}

// GraphServer is Microsoft Graph, and the server that gives out its tokens.
type GraphServer struct {
	URL, Login, API string
}

// defaultDeploy are the settings where huntc.yaml has none.
var defaultDeploy = Deploy{
	Project: "huntc", PruneMax: 10, PruneShare: 0.2,
	Splunk:   SplunkServer{App: "huntc_detections", Label: "huntc"},
	Defender: GraphServer{URL: "https://graph.microsoft.com", Login: "https://login.microsoftonline.com", API: "beta"},
}

var (
	deployKeys   = []string{"defender", "kept", "project", "prune", "splunk"}
	splunkDeploy = []string{"app", "ca", "label", "url"}
	graphDeploy  = []string{"api", "login", "url"}
	pruneKeys    = []string{"max", "share"}
	keptWords    = []string{"enabled", "schedule"}
)

var (
	projectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$`)
	appName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,79}$`)
	serverURL   = regexp.MustCompile(`^https?://[^/?#@\s]+(/[^?#\s]*)?$`)
	apiVersion  = regexp.MustCompile(`^[A-Za-z0-9.]+$`)
	share       = regexp.MustCompile(`^([0-9]{1,3}) ?%$`)
)

// deployPart reads one map of the settings of deploying.
func deployPart(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List, name string, keys []string, f func(key string, key0, val *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		diags.Errorf(codeConfigValue, at(n), diag.DidYouMean("", keys), "%q is a map of settings", name)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], deref(n.Content[i+1])
		if !slices.Contains(keys, key.Value) {
			hint := diag.DidYouMean(key.Value, keys)
			if w := strings.ToLower(key.Value); strings.Contains(w, "token") || strings.Contains(w, "secret") || strings.Contains(w, "password") {
				hint = "Secrets come from the environment alone: HUNTC_SPLUNK_TOKEN, HUNTC_GRAPH_TOKEN, HUNTC_GRAPH_CLIENT_SECRET. Take it out of the file, and out of use if it was committed."
			}
			diags.Errorf(codeConfigKey, at(key), hint, "%q has no key %q", name, key.Value)
			continue
		}
		f(key.Value, key, val)
	}
}

func (c *Config) deploy(n *yaml.Node, at func(*yaml.Node) diag.Span, diags *diag.List) {
	text := func(val *yaml.Node, into *string, form *regexp.Regexp, hint, what string) {
		if val.Kind != yaml.ScalarNode || !form.MatchString(val.Value) {
			diags.Errorf(codeConfigValue, at(val), hint, "this is not %s", what)
			return
		}
		*into = val.Value
	}
	const urlHint = "Write it like https://splunk.example.com:8089, without a user, a token or a query."
	d := &c.Deploy
	deployPart(n, at, diags, "deploy", deployKeys, func(key string, _, val *yaml.Node) {
		switch key {
		case "project":
			text(val, &d.Project, projectName, "Use at most 64 letters, digits, blanks, _, . and -.", "a name of a project")
		case "kept":
			if val.Kind != yaml.SequenceNode {
				diags.Errorf(codeConfigValue, at(val), "Write a list, such as [enabled, schedule].", "\"kept\" is a list of what the servers decide themselves")
				return
			}
			for _, v := range val.Content {
				if v = deref(v); !slices.Contains(keptWords, v.Value) {
					diags.Errorf(codeConfigValue, at(v), diag.DidYouMean(v.Value, keptWords), "a server cannot decide %q itself", v.Value)
					continue
				}
				d.Kept = append(d.Kept, v.Value)
			}
		case "prune":
			deployPart(val, at, diags, "prune", pruneKeys, func(key string, _, val *yaml.Node) {
				if key == "max" {
					max, err := strconv.Atoi(val.Value)
					if err != nil || max < 0 {
						diags.Errorf(codeConfigValue, at(val), "Write a whole number, such as 10.", "this is no number of objects")
						return
					}
					d.PruneMax = max
					return
				}
				m := share.FindStringSubmatch(val.Value)
				percent := 101
				if m != nil {
					percent, _ = strconv.Atoi(m[1]) // digits
				}
				if percent > 100 {
					diags.Errorf(codeConfigValue, at(val), "Write a share of all objects of the project, such as 20%.", "this is no share")
					return
				}
				d.PruneShare = float64(percent) / 100
			})
		case "splunk":
			deployPart(val, at, diags, "splunk", splunkDeploy, func(key string, _, val *yaml.Node) {
				switch key {
				case "url":
					text(val, &d.Splunk.URL, serverURL, urlHint, "the URL of a server")
				case "app":
					text(val, &d.Splunk.App, appName, "Use letters, digits, _, . and -, and start with a letter.", "the id of a Splunk app")
				case "label":
					text(val, &d.Splunk.Label, projectName, "Use at most 64 letters, digits, blanks, _, . and -.", "a label of an app")
				case "ca":
					text(val, &d.Splunk.CA, regexp.MustCompile(`.`), "Write the path of a file with certificates in PEM form.", "a file")
				}
			})
		case "defender":
			deployPart(val, at, diags, "defender", graphDeploy, func(key string, _, val *yaml.Node) {
				switch key {
				case "url":
					text(val, &d.Defender.URL, serverURL, urlHint, "the URL of a server")
				case "login":
					text(val, &d.Defender.Login, serverURL, urlHint, "the URL of a server")
				case "api":
					text(val, &d.Defender.API, apiVersion, "Write beta, or the version that holds the custom detections.", "a version of Microsoft Graph")
				}
			})
		}
	})
}
