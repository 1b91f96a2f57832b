package article

import (
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
)

var (
	frontKey  = regexp.MustCompile(`^([A-Za-z][A-Za-z_ -]{1,30}):[ \t]*(.*?)[ \t]*$`)
	labelLine = regexp.MustCompile(`^(?:\*\*)?(Source|Publisher|Author|By|Published|Date|Article|URL|Link|Original|Title)(?:\*\*)?:(?:\*\*)?[ \t]*(\S.*?)[ \t]*$`)
	isoDate   = regexp.MustCompile(`\b((?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9])`)
	wordDate  = regexp.MustCompile(`(?i)\b([0-9]{1,2}(?:st|nd|rd|th)? [a-z]{3,9}\.?,? [0-9]{4}|[a-z]{3,9}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4})\b`)
	ordinal   = regexp.MustCompile(`([0-9])(?:st|nd|rd|th)\b`)
)

// dateOf reads a date, if a text has one.
func dateOf(text string) (string, bool) {
	if m := isoDate.FindString(text); m != "" {
		_, err := time.Parse("2006-01-02", m)
		return m, err == nil
	}
	m := ordinal.ReplaceAllString(strings.NewReplacer(",", "", ".", "").Replace(wordDate.FindString(text)), "$1")
	if m == "" {
		return "", false
	}
	for _, layout := range []string{"2 January 2006", "2 Jan 2006", "January 2 2006", "Jan 2 2006"} {
		if t, err := time.Parse(layout, m); err == nil {
			return t.Format("2006-01-02"), true
		}
	}
	return "", false
}

// say files a piece of metadata under the name that the article gives it. The
// first that is given counts.
func (r *reader) say(name string, at diag.Span, text string) {
	text = strings.Trim(strings.Join(strings.Fields(text), " "), `"'`)
	if text == "" {
		return
	}
	set := func(f *Fact, text string) {
		if f.Text == "" {
			*f = Fact{at, text}
		}
	}
	d := r.draft
	switch strings.ToLower(name) {
	case "title":
		set(&d.Title, text)
	case "publisher", "source", "site", "site_name", "site name":
		set(&d.Publisher, text)
	case "author", "by", "authors":
		set(&r.author, text)
	case "url", "link", "article", "canonical", "canonical_url", "original", "permalink", "source_url":
		if strings.Contains(text, "://") {
			set(&d.URL, strings.Trim(text, "<>`"))
		}
	case "date", "published", "pubdate", "publish_date", "published_time", "publishdate", "created":
		if date, ok := dateOf(text); ok {
			set(&d.Published, date)
		} else if d.Published.Text == "" {
			r.list.Infof(codeMetadata, at, "Write it as YYYY-MM-DD.", "%q is no date that can be read", cut(text, 80))
		}
	}
}

// frontMatter reads the lines between the marks at the start of the file; it
// gives the index of the line behind them.
func (r *reader) frontMatter(lines []line) int {
	if len(lines) == 0 || strings.TrimRight(lines[0].text, " \t") != "---" {
		return 0
	}
	for i := 1; i < len(lines); i++ {
		if t := strings.TrimRight(lines[i].text, " \t"); t == "---" || t == "..." {
			for _, l := range lines[1:i] {
				if m := frontKey.FindStringSubmatch(l.text); m != nil {
					r.say(m[1], r.src.span(l.at, l.at+len(l.text)), m[2])
				}
			}
			return i + 1
		}
	}
	return 0
}

// meta reads a tag of metadata.
func (r *reader) meta(t tag) {
	at := r.src.span(t.from, t.to)
	get := func(name string) string {
		v, _, _ := attr(t.attrs, name)
		return html.UnescapeString(v)
	}
	switch t.name {
	case "link":
		if strings.EqualFold(get("rel"), "canonical") {
			r.say("url", at, get("href"))
		}
	case "time":
		if v := get("datetime"); v != "" {
			if _, ok := dateOf(v); ok {
				r.say("date", at, v)
			}
		}
	case "meta":
		name := get("property") + get("name") + get("itemprop")
		content := get("content")
		switch strings.ToLower(name) {
		case "og:title", "twitter:title":
			r.say("title", at, content)
		case "og:site_name", "publisher", "application-name", "dc.publisher":
			r.say("publisher", at, content)
		case "author", "article:author", "dc.creator":
			r.say("author", at, content)
		case "og:url":
			r.say("url", at, content)
		case "article:published_time", "datepublished", "date", "dc.date", "pubdate", "publish-date":
			r.say("date", at, content)
		}
	}
}

// headLines is how many blocks at the start may hold lines of metadata.
const headLines = 12

// titles settles the metadata that several places give.
func (r *reader) titles() {
	n := 0
	for i := range r.blocks {
		b := &r.blocks[i]
		if r.draft.Format == HTML || n >= headLines {
			break
		}
		if b.kind == code {
			continue
		}
		n++
		// A block of lines such as "Source: x" was joined to one text.
		from, _ := b.offsets(0, 0)
		_, to := b.offsets(max(0, len(b.text)-1), len(b.text))
		for off := from; off < to; {
			end := strings.IndexByte(r.src.text[off:to], '\n')
			if end < 0 {
				end = to - off
			}
			l := strings.TrimSpace(r.src.text[off : off+end])
			if m := labelLine.FindStringSubmatch(l); m != nil && len(l) < 1000 {
				r.say(m[1], r.src.span(off, off+end), m[2])
			}
			off += end + 1
		}
	}
	d := r.draft
	for _, f := range []Fact{r.firstHeading, r.pageTitle} {
		if d.Title.Text == "" {
			d.Title = f
		}
	}
	if d.Title.Text == "" && len(r.blocks) > 0 && r.draft.Format != HTML {
		if b := &r.blocks[0]; b.kind == prose && len(b.text) <= 200 && !strings.HasSuffix(b.text, ".") && labelLine.FindString(b.text) == "" {
			from, to := b.offsets(0, len(b.text))
			d.Title = r.fact(from, to, b.text)
		}
	}
	if d.Publisher.Text == "" {
		d.Publisher = r.author
	}
}
