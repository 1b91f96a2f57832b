package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/scaffold"
)

func initCommand(a *app) *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a content repository that builds, tests and deploys",
		Long: `Write a new content repository to DIR, by default the current folder: settings, a
detection with its fixtures and goldens, the script that continuous integration runs
(ci/check.sh), pipelines for GitHub and GitLab, and a hook for pre-commit. Nothing that
is there already is written over: README.md, .gitignore and .gitattributes are left as
they are, and any other file in the way is an error. The pipelines install the version
of huntc that made them.

Exit code 0: the repository is there. 2: wrong usage, or a file is in the way.`,
		Example: "  huntc init acme-detections",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(dir, project)
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "what the repository calls itself (default: the name of its folder)")
	return cmd
}

var (
	// fixed is a version that "go install" finds and that never moves: a release,
	// or the version that Go makes up of a commit.
	fixed  = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$`)
	commit = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// pinned is the version of huntc, as "go install" takes it, and what is to be said
// of it; "latest" if a build does not know its own.
func pinned(info *debug.BuildInfo) (version, warning string) {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if fixed.MatchString(info.Main.Version) {
		return info.Main.Version, ""
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			if commit.MatchString(s.Value) {
				version = s.Value
			}
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	switch {
	case version == "":
		return "latest", "This huntc does not know its version, so the pipelines install the latest: write a version or a commit into HUNTC_VERSION before they have secrets."
	case modified:
		return version, "This huntc has been built with changes that no commit has: the pipelines install " + version + " without them."
	}
	return version, ""
}

// keeps are files that a new repository may have already: they are left as they
// are.
var keeps = []string{".gitattributes", ".gitignore", "README.md"}

// notPlain is what does not belong into the name of a project.
var notPlain = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

func (a *app) init(dir, project string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("cannot find the folder %s: %w", dir, pathCause(err))
	}
	if project == "" {
		if project = strings.Trim(notPlain.ReplaceAllString(filepath.Base(abs), "-"), "-._"); project == "" {
			project = "detections"
		}
	} else if notPlain.MatchString(project) {
		return fmt.Errorf("--project %q: use letters, digits, _, . and -", project)
	}
	info, _ := debug.ReadBuildInfo()
	v, warning := pinned(info)
	files, err := scaffold.Files(scaffold.Values{Project: project, Version: v})
	if err != nil {
		return err
	}
	var there, kept, advice []string
	isThere := func(name string) bool {
		_, e := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = fmt.Errorf("cannot look for %s: %w", name, pathCause(e))
		}
		return e == nil
	}
	files = slices.DeleteFunc(files, func(f scaffold.File) bool {
		if !isThere(f.Name) {
			return false
		}
		if !slices.Contains(keeps, f.Name) {
			there = append(there, f.Name)
			return false
		}
		kept = append(kept, f.Name)
		if lacks := missingLines(filepath.Join(dir, f.Name), f); len(lacks) > 0 {
			advice = append(advice, fmt.Sprintf("Add to %s: %s", f.Name, strings.Join(lacks, " and ")))
		}
		return true
	})
	if isThere("golden") {
		there = append(there, "golden")
	}
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("nothing was written to %s, where a new repository would write over %s", dir, strings.Join(there, ", "))
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(name), pathCause(err))
		}
		mode := fs.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := os.WriteFile(name, f.Text, mode); err != nil {
			return fmt.Errorf("cannot write %s: %w", name, pathCause(err))
		}
	}
	opts, err := a.options(common{config: filepath.Join(dir, "huntc.yaml"), noCache: true}, []string{filepath.Join(dir, "detections")})
	if err != nil {
		return err
	}
	res, err := compiler.Run(opts)
	if err != nil {
		return err
	}
	if err := res.Update(filepath.Join(dir, "golden"), 0); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is ready: %s of a new content repository, and its goldens.\n", dir, count(len(files), "file"))
	if len(kept) > 0 {
		fmt.Fprintf(&b, "Left as they were: %s.\n", strings.Join(kept, ", "))
	}
	for _, l := range advice {
		b.WriteString(l + ".\n")
	}
	if warning != "" {
		b.WriteString(warning + "\n")
	}
	b.WriteString("Run ci/check.sh there. Before the first deployment:\n" +
		"  1. make the environment \"production\" with reviewers, for GitHub makes one that nobody has to approve where there is none;\n" +
		"  2. put the secrets that may write into it alone;\n" +
		"  3. fill in \"deploy\" in huntc.yaml.\n")
	_, err = io.WriteString(a.out, b.String())
	return err
}

// missingLines are the lines of a file of lists, such as .gitignore, that one that
// is there already lacks; none of other files.
func missingLines(name string, f scaffold.File) []string {
	if f.Name == "README.md" {
		return nil
	}
	have, _ := os.ReadFile(name) // one that cannot be read lacks all
	var out []string
	for _, l := range strings.Split(string(f.Text), "\n") {
		if l != "" && !strings.HasPrefix(l, "#") && !slices.Contains(strings.Split(strings.ReplaceAll(string(have), "\r\n", "\n"), "\n"), l) {
			out = append(out, l)
		}
	}
	return out
}
