package splunk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
)

// App is what an app says of itself, and what it holds beside the searches.
type App struct {
	ID      string // its folder
	Label   string // people see it, and the names of the searches start with it
	Version string // three numbers
	Author  string
	// Project is what the content repository calls itself in the marks of its
	// searches.
	Project string
	// Macros are those that the app may bring; it brings the ones that its
	// searches call.
	Macros []Macro
	// Lookups are the files of the lookups.
	Lookups []File
}

// File is a file of an app by its path in it, with forward slashes.
type File struct {
	Name string
	Text []byte
}

var (
	appID      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,79}$`)
	appLabel   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,28}[A-Za-z0-9]$|^[A-Za-z0-9]$`)
	appVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$`)
)

// Check says what is wrong with what the app is called.
func (a App) Check() error {
	switch {
	case !appID.MatchString(a.ID):
		return fmt.Errorf("%q cannot be the id of an app: use letters, digits, _ and -, and start with a letter", a.ID)
	case !appLabel.MatchString(a.Label):
		return fmt.Errorf("%q cannot be the label of an app: use at most 30 letters, digits, spaces, dots, _ and -", a.Label)
	case !appVersion.MatchString(a.Version):
		return fmt.Errorf("%q is no version: write three numbers, such as 1.4.0", a.Version)
	}
	return nil
}

// Files are the files of an app with the saved searches of items, sorted by
// name.
func (a App) Files(items []*deploy.Item) ([]File, diag.List) {
	objects, diags := Searches(items, a.Label)
	macros, more := usedMacros(objects, items, a.Macros)
	diags = append(diags, more...)
	var out []File
	conf := func(name, comment string, stanzas []stanza) {
		text, err := writeConf(comment, stanzas)
		if err != nil {
			// What documents say has been checked or made fit; this is a setting.
			diags.Errorf(codeConf, diag.Span{}, "Mend the project's settings.", "%s: %v", name, err)
			return
		}
		out = append(out, File{name, []byte(text)})
	}
	var searches, definitions, lookups []stanza
	for _, o := range objects {
		searches = append(searches, stanza{o.Name, confFields(o, a.Project)})
	}
	for _, m := range macros {
		s := stanza{name: m.stanza()}
		if m.Args != "" {
			s.fields = append(s.fields, deploy.Field{Key: "args", Value: m.Args})
		}
		s.fields = append(s.fields, deploy.Field{Key: "definition", Value: searchText(m.Definition)}, deploy.Field{Key: "description", Value: deploy.OneLine(m.Doc, 0)}, deploy.Field{Key: "iseval", Value: "0"})
		definitions = append(definitions, s)
	}
	for _, f := range a.Lookups {
		// Searches name the file itself; the definition is for people who look into
		// the list, and says what the searches mean: values are compared with case.
		lookups = append(lookups, stanza{strings.TrimSuffix(f.Name, ".csv"), []deploy.Field{{Key: "filename", Value: f.Name}, {Key: "case_sensitive_match", Value: "1"}}})
		out = append(out, File{"lookups/" + f.Name, f.Text})
	}
	const written = "Written by huntc. Changes made here are lost with the next build:\nchange the detections, or put your own values into local/."
	conf("default/app.conf", written, []stanza{
		{"install", []deploy.Field{{Key: "is_configured", Value: "1"}, {Key: "build", Value: "1"}}},
		{"ui", []deploy.Field{{Key: "is_visible", Value: "0"}, {Key: "label", Value: a.Label}}},
		{"launcher", []deploy.Field{{Key: "author", Value: prose(deploy.OneLine(a.Author, 0))}, {Key: "description", Value: "Detections compiled by huntc"}, {Key: "version", Value: a.Version}}},
		{"package", []deploy.Field{{Key: "id", Value: a.ID}, {Key: "check_for_updates", Value: "0"}}},
		{"id", []deploy.Field{{Key: "name", Value: a.ID}, {Key: "version", Value: a.Version}}},
	})
	conf("default/savedsearches.conf", written, searches)
	conf("default/macros.conf", written, definitions)
	if len(lookups) > 0 {
		conf("default/transforms.conf", written, lookups)
	}
	// Enterprise Security runs searches in its own context, so all is shared.
	access := []deploy.Field{{Key: "access", Value: "read : [ * ], write : [ admin ]"}, {Key: "export", Value: "system"}}
	meta, err := writeMeta(access)
	if err != nil {
		diags.Errorf(codeConf, diag.Span{}, "", "metadata/default.meta: %v", err)
	}
	out = append(out, File{"metadata/default.meta", []byte(meta)}, File{"app.manifest", []byte(a.manifest())}, File{"README.md", []byte(a.readme(len(objects), macros))})
	slices.SortFunc(out, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	diags.Sort()
	return out, diags
}

// writeMeta writes metadata/default.meta, whose first stanza has no name: it
// stands for everything in the app.
func writeMeta(fields []deploy.Field) (string, error) {
	text, err := writeConf("Written by huntc.", []stanza{{"all", fields}})
	return strings.Replace(text, "[all]", "[]", 1), err
}

type (
	manifest struct {
		Schema string       `json:"schemaVersion"`
		Info   manifestInfo `json:"info"`
	}
	manifestInfo struct {
		Title       string           `json:"title"`
		ID          manifestID       `json:"id"`
		Author      []manifestAuthor `json:"author"`
		Description string           `json:"description"`
	}
	manifestID struct {
		Group   *string `json:"group"`
		Name    string  `json:"name"`
		Version string  `json:"version"`
	}
	manifestAuthor struct {
		Name    string  `json:"name"`
		Email   *string `json:"email"`
		Company *string `json:"company"`
	}
)

func (a App) manifest() string {
	m := manifest{Schema: "2.0.0", Info: manifestInfo{Title: a.Label, ID: manifestID{Name: a.ID, Version: a.Version},
		Author: []manifestAuthor{{Name: deploy.OneLine(a.Author, 0)}}, Description: "Detections compiled by huntc"}}
	var b bytes.Buffer
	writeIndented(&b, m)
	return b.String()
}

func (a App) readme(searches int, macros []Macro) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\nDetections compiled by huntc: saved searches for Splunk, with the keys of Enterprise Security.\nThere are %d.\n", a.Label, a.Version, searches)
	b.WriteString("\nInstall it on the search head. Searches over data models need Splunk_SA_CIM with the models accelerated.\n")
	if len(macros) > 0 {
		b.WriteString("\nThe searches call these macros. Those of raw events say where Splunk finds the events: set your own\nindexes in `local/macros.conf`.\n\n| macro | definition | |\n|---|---|---|\n")
		for _, m := range macros {
			cell := strings.NewReplacer("|", `\|`, "\n", " ").Replace
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", m.stanza(), cell(strings.ReplaceAll(m.Definition, "`", "'")), cell(deploy.OneLine(m.Doc, 0)))
		}
	}
	return b.String()
}

// epoch is the time of all files of an archive. The first that zip and old tar
// programs can say is 1980.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Archive writes the files of an app as a .tar.gz with one folder on top: the
// same bytes for the same files.
func (a App) Archive(w io.Writer, files []File) error {
	gz, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(gz)
	made := map[string]bool{}
	folder := func(name string) error {
		if made[name] {
			return nil
		}
		made[name] = true
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: epoch, Format: tar.FormatUSTAR})
	}
	if err := folder(a.ID); err != nil {
		return err
	}
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	for _, f := range sorted {
		if dir, _, ok := strings.Cut(f.Name, "/"); ok {
			if err := folder(a.ID + "/" + dir); err != nil {
				return err
			}
		}
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: a.ID + "/" + f.Name, Mode: 0o644, Size: int64(len(f.Text)), ModTime: epoch, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := t.Write(f.Text); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return gz.Close()
}
