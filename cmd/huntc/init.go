package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
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
is there already is written over.

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

// release is a version that "go install" finds.
var release = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$`)

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
	v := "latest"
	if info, ok := debug.ReadBuildInfo(); ok && release.MatchString(info.Main.Version) {
		v = info.Main.Version
	}
	files, err := scaffold.Files(scaffold.Values{Project: project, Version: v})
	if err != nil {
		return err
	}
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Name))); err == nil {
			there = append(there, f.Name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot look for %s: %w", f.Name, pathCause(err))
		}
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
	_, err = fmt.Fprintf(a.out, "%s is ready: %s of a new content repository, and its goldens.\nRun ci/check.sh there, then read its README.md; before the first deployment, fill in \"deploy\" in huntc.yaml.\n", dir, count(len(files), "file"))
	return err
}
