package scaffold

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type job struct {
	Needs   any
	If      string
	Outputs map[string]string
	Env     map[string]string
	Steps   []struct {
		Run, Uses, ID, If string
		Continue          any `yaml:"continue-on-error"`
	}
	Script      []string
	After       []string `yaml:"after_script"`
	Environment string
}

func fileOf(t *testing.T, name string) string {
	t.Helper()
	const version = "0123456789012345678901234567890123456789"
	files, err := Files(Values{Project: "acme", Version: version})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == name {
			return string(f.Text)
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
}

// checkShell holds a script to the grammar of shells.
func checkShell(t *testing.T, script string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	cmd := exec.Command(sh, "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, script)
	}
}

// TestGitHub: the job with the secrets of production runs a version that does not
// move, only where there is a plan, and fails where it cannot have it.
func TestGitHub(t *testing.T) {
	text := fileOf(t, ".github/workflows/huntc.yml")
	var w struct {
		Env  map[string]any
		Jobs map[string]job
	}
	decode(t, text, &w)
	if v, ok := w.Env["HUNTC_VERSION"].(string); !ok || len(v) != 40 {
		t.Errorf("HUNTC_VERSION is %v", w.Env["HUNTC_VERSION"])
	}
	check, apply := w.Jobs["check"], w.Jobs["apply"]
	if apply.If != "needs.check.outputs.has_plan == 'true'" || apply.Needs != "check" || apply.Environment != "production" || check.Outputs["has_plan"] != "${{ steps.plans.outputs.has_plan }}" {
		t.Errorf("%+v\n%+v", check, apply)
	}
	downloads := 0
	for _, j := range []job{check, apply} {
		for _, s := range j.Steps {
			if s.Continue != nil {
				t.Errorf("%s goes on after an error", s.Uses)
			}
			if strings.HasPrefix(s.Uses, "actions/download-artifact") && s.If == "" {
				downloads++
			}
			if s.Run != "" {
				checkShell(t, s.Run)
			}
			if strings.Contains(s.Run, "@") && !strings.Contains(s.Run, "@$HUNTC_VERSION") {
				t.Errorf("installs another version: %s", s.Run)
			}
		}
	}
	if downloads != 1 || !slices.ContainsFunc(check.Steps, func(s struct {
		Run, Uses, ID, If string
		Continue          any `yaml:"continue-on-error"`
	}) bool {
		return s.ID == "plans" && strings.Contains(s.Run, "has_plan=true")
	}) {
		t.Errorf("%d downloads\n%s", downloads, text)
	}
}

// TestGitLab: a merge request shows its plan, if there is a token for it.
func TestGitLab(t *testing.T) {
	var w struct {
		Variables map[string]any
		Check     job
		Apply     job
	}
	decode(t, fileOf(t, ".gitlab-ci.yml"), &w)
	if v, ok := w.Variables["HUNTC_VERSION"].(string); !ok || len(v) != 40 {
		t.Errorf("HUNTC_VERSION is %v", w.Variables["HUNTC_VERSION"])
	}
	note := strings.Join(w.Check.After, "\n")
	for _, want := range []string{`[ -n "${HUNTC_GITLAB_TOKEN:-}" ]`, `[ -n "${CI_MERGE_REQUEST_IID:-}" ]`, "$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes", "plan-splunk.md", "plan-defender.md"} {
		if !strings.Contains(note, want) {
			t.Errorf("the note lacks %s:\n%s", want, note)
		}
	}
	for _, s := range slices.Concat(w.Check.Script, w.Check.After, w.Apply.Script) {
		checkShell(t, s)
	}
	if w.Apply.Environment != "production" || !strings.Contains(w.Apply.Script[0], "there is no plan") {
		t.Errorf("%+v", w.Apply)
	}
}

// TestWords: the repository says what keeps a deployment from being unasked, and
// its check packages what it builds.
func TestWords(t *testing.T) {
	readme := fileOf(t, "README.md")
	for _, want := range []string{"environment `production`, with reviewers", "HUNTC_VERSION"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md does not say %s", want)
		}
	}
	check := fileOf(t, "ci/check.sh")
	checkShell(t, check)
	for _, want := range []string{"huntc package splunk --out", "huntc package defender --out", "trap "} {
		if !strings.Contains(check, want) {
			t.Errorf("ci/check.sh does not have %s", want)
		}
	}
}
