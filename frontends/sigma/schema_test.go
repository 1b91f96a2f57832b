package sigma

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/ir"
)

// jsonSchema is as much of a JSON Schema as the comparison needs.
type jsonSchema struct {
	Enum          []string               `json:"enum"`
	AnyOf         []*jsonSchema          `json:"anyOf"`
	Properties    map[string]*jsonSchema `json:"properties"`
	Definitions   map[string]*jsonSchema `json:"definitions"`
	PropertyNames *jsonSchema            `json:"propertyNames"`
	Pattern       string                 `json:"pattern"`
	Additional    json.RawMessage        `json:"additionalProperties"`
	MaxLength     int                    `json:"maxLength"`
}

func (s *jsonSchema) keys() []string {
	var out []string
	for k := range s.Properties {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func sorted(lists ...[]string) []string {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return out
}

// TestSchemaMatchesLoader: the JSON Schema for editors has exactly the keys
// and words that the loader takes.
func TestSchemaMatchesLoader(t *testing.T) {
	raw, err := os.ReadFile("../../docs/huntc.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s jsonSchema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	def := s.Definitions
	top := slices.DeleteFunc(slices.Clone(topKeys[:]), func(k string) bool { return k == topKeys[keyAction] }) // refused
	for _, tt := range []struct {
		name       string
		have, want []string
	}{
		{"document", s.keys(), sorted(top)},
		{"hunt", def["hunt"].keys(), sorted(huntKeys)},
		{"article", def["article"].keys(), sorted(articleKeys)},
		{"branch", def["branch"].keys(), sorted(branchKeys)},
		{"correlation", def["correlation"].keys(), sorted(correlationKeys)},
		{"condition of a correlation", def["correlationCondition"].keys(), sorted(corrCondKeys)},
		{"related", def["related"].keys(), sorted(relatedKeys)},
		{"test", def["test"].keys(), sorted(testKeys)},
		{"schedule", def["schedule"].keys(), sorted(scheduleKeys)},
		{"throttle", def["throttle"].keys(), sorted(throttleKeys)},
		{"finding", def["finding"].keys(), sorted(findingKeys)},
		{"risk", def["risk"].keys(), sorted(riskKeys)},
		{"risk object", def["riskObject"].keys(), sorted(objectKeys)},
		{"threat object", def["threatObject"].keys(), sorted(threatKeys)},
		{"entity", def["entity"].keys(), sorted(entityKeys)},
		{"response", def["response"].keys(), sorted(responseKeys)},
		{"frequency", def["schedule"].Properties["every"].Enum, ir.Frequencies},
		{"domain", def["finding"].Properties["domain"].Enum, ir.SecurityDomains},
		{"type of a risk object", def["riskObject"].Properties["type"].Enum, ir.RiskObjectTypes},
		{"type of a threat object", def["threatObject"].Properties["type"].Enum, ir.ThreatObjectTypes},
		{"type of an entity", def["entity"].Properties["type"].Enum, ir.EntityTypes},
		{"action", def["response"].Properties["actions"].AnyOf[0].Enum, ir.ResponseActions},
		{"filter", def["filter"].keys(), []string{"condition", "rules"}},
		{"detection", def["detection"].keys(), []string{"condition"}},
		{"logsource", def["logsource"].keys(), sorted(logsourceKeys)},
		{"native", def["hunt"].Properties["native"].keys(), sorted(targets)},
		{"target", def["target"].Enum, targets},
		{"status", s.Properties["status"].Enum, statuses},
		{"level", s.Properties["level"].Enum, levels},
		{"taxonomy", s.Properties["taxonomy"].Enum, []string{"sigma", "huntc"}},
		{"type of a relation", def["related"].Properties["type"].Enum, relatedTypes},
		{"phase", def["hunt"].Properties["phase"].Enum, phases},
		{"confidence", def["hunt"].Properties["confidence"].Enum, confidences},
		{"template", def["hunt"].Properties["template"].Enum, Templates()},
		{"type of a correlation", def["correlation"].Properties["type"].Enum, correlationTypeNames()},
	} {
		if diff := cmp.Diff(tt.want, tt.have); diff != "" {
			t.Errorf("%s: (-loader +schema)\n%s", tt.name, diff)
		}
	}
	for _, closed := range []string{"hunt", "article", "branch", "correlation", "correlationCondition", "related", "test",
		"schedule", "throttle", "finding", "risk", "riskObject", "threatObject", "entity", "response"} {
		if string(def[closed].Additional) != "false" {
			t.Errorf("%s takes other keys in the schema, and not in the loader", closed)
		}
	}
	if want := `^[^|]*(\|(` + strings.Join(modifierNames(), "|") + `))*$`; def["items"].PropertyNames.Pattern != want {
		t.Errorf("modifiers:\nhave %s\nwant %s", def["items"].PropertyNames.Pattern, want)
	}
	if s.Properties["title"].MaxLength != maxTitle || s.Properties["description"].MaxLength != maxDescription {
		t.Error("the lengths of title and description differ")
	}
}

// TestLanguageNamesEverything: docs/language.md mentions every key, word,
// modifier, stage and function.
func TestLanguageNamesEverything(t *testing.T) {
	raw, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	code := func(word string) bool {
		return strings.Contains(doc, "`"+word+"`") || strings.Contains(doc, "`"+word+" ") || strings.Contains(doc, "`"+word+"(")
	}
	top := slices.DeleteFunc(slices.Clone(topKeys[:]), func(k string) bool { return k == topKeys[keyAction] })
	for _, w := range slices.Concat(top, huntKeys, articleKeys, branchKeys, correlationKeys, corrCondKeys, relatedKeys, testKeys,
		scheduleKeys, throttleKeys, findingKeys, riskKeys, objectKeys, entityKeys, responseKeys,
		modifierNames(), stageNames, functionNames(), aggregateNames(), Templates()) {
		if !code(w) {
			t.Errorf("docs/language.md does not mention `%s`", w)
		}
	}
	for _, f := range functions {
		if !strings.Contains(doc, "`"+f.usage+"`") {
			t.Errorf("docs/language.md does not show `%s`", f.usage)
		}
	}
	for _, f := range aggregateFuncs {
		if !strings.Contains(doc, "`"+f.usage+"`") {
			t.Errorf("docs/language.md does not show `%s`", f.usage)
		}
	}
	for _, w := range slices.Concat(statuses, levels, phases, confidences, relatedTypes, correlationTypeNames(), targets) {
		if !strings.Contains(doc, w) {
			t.Errorf("docs/language.md does not mention %s", w)
		}
	}
	for name := range stageForms {
		if !slices.Contains(stageNames, name) {
			t.Errorf("an example of a stage %q that there is not", name)
		}
	}
}

// TestStageForms: the examples that messages give are right.
func TestStageForms(t *testing.T) {
	for _, name := range stageNames {
		if _, _, _, message, _ := parseStage(stageForms[name]); message != "" || firstWord(stageForms[name]) != name {
			t.Errorf("%s: %q: %s", name, stageForms[name], message)
		}
	}
}

// TestLanguageExamples: the documents in docs/language.md are right.
func TestLanguageExamples(t *testing.T) {
	raw, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, block := range strings.Split(string(raw), "```yaml\n")[1:] {
		src, _, _ := strings.Cut(block, "```")
		if !strings.HasPrefix(src, "title:") {
			continue
		}
		examples++
		if _, diags := Load("language.md", []byte(src), nil); len(diags) > 0 {
			t.Errorf("%v\n%s", diags, src)
		}
	}
	if examples < 4 {
		t.Errorf("only %d examples", examples)
	}
}

// TestOwnDetections: the shipped detections load without a word.
func TestOwnDetections(t *testing.T) {
	paths, err := filepath.Glob("../../detections/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no detections", err)
	}
	var files []*File
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, diags := Load(p, src, nil)
		files = append(files, f)
		if len(diags) > 0 {
			t.Errorf("%s: %v", p, diags)
		}
	}
	if diags := Link(files); len(diags) > 0 {
		t.Error(diags)
	}
}
