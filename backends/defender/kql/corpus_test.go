package kql

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/internal/sharedtest"
)

// publishedQueries are the KQL blocks of the briefings, each text once.
func publishedQueries(t *testing.T) []string {
	t.Helper()
	var texts []string
	seen := map[string]bool{}
	err := filepath.WalkDir(sharedtest.Path(t, "corpus", "briefings"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, part := range strings.Split(string(data), "\n```kql\n")[1:] {
			text, _, _ := strings.Cut(part, "\n```\n")
			if !seen[text] {
				seen[text] = true
				texts = append(texts, text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestPublishedQueries reads queries that people wrote. What is read without an
// error survives the round trip, the nodes' places fit, and Microsoft's parser
// takes both the text and ours; what Microsoft's parser refuses, we refuse.
func TestPublishedQueries(t *testing.T) {
	texts := publishedQueries(t)
	var queries []kustotest.Query
	read := map[string]bool{}
	for _, text := range texts {
		q, diags := Parse("", text)
		queries = append(queries, kustotest.Query{ID: "published", Text: text, SyntaxOnly: true})
		if q != nil {
			checkSpans(t, text, q)
		}
		if diags.HasErrors() {
			continue
		}
		read[text] = true
		queries = append(queries, kustotest.Query{ID: "printed", Text: roundTrip(t, q), SyntaxOnly: true})
	}
	refused := map[string]bool{}
	for _, f := range kustotest.Check(t, queries) {
		refused[f.Query.Text] = true
		if f.Query.ID == "printed" || read[f.Query.Text] {
			t.Errorf("%s\n%s", f, f.Query.Text)
		}
	}
	t.Logf("%d published queries: %d read, %d refused by Microsoft's parser", len(texts), len(read), len(refused))
}
