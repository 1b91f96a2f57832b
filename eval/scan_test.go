package eval

import (
	"bytes"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/schema"
)

// FuzzScan: what the scanner takes, it reads as Reader does.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":"x\\y\"\u0041\n","b":-0,"c":1.5e3,"d":null,"e":true,"f":false}`,
		`{"Event":{"System":{"Channel":"Security","EventID":4688,"Provider":{"#attributes":{"Name":"p"}}},"EventData":{"a":"b"}}}`,
		`{"a":{"b":{}},"c":{"d":{"e":"x"}}}`, `{"a":1,"a":2}`, `{"a.b":1,"a":{"b":2}}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":12345678901234567890}`,
		`{"a":[1,2]}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", "{\"a\":\"é\u2028\"}", `{"a":1}x`, `{"a":1`, `{,}`, `{"a":1,}`, `{"a" 1}`, `[]`, `"a"`, `{"a":nul}`, "{\"a\":\"\t\"}",
		`{"Timestamp":"2026-01-02T03:04:05.123456Z","UtcTime":"2026-01-02 03:04:05.999"}`, `{"UtcTime":"2026-02-30 00:00:00"}`, `{"logsource":{"category":"x","product":1}}`, `{"a":1e999}`, `{"a":-0}`,
	} {
		f.Add([]byte(s))
	}
	s, err := schema.New(yaml.Node{})
	if err != nil {
		f.Fatal(err)
	}
	c := NewClassifier(s)
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") {
			return
		}
		fast := NewEventParser(c)
		if _, ok := fast.scan.scan(line); !ok {
			return
		}
		got, gotErr := fast.Parse(EventLine{Text: line})
		in := NewReader(bytes.NewReader(line))
		row, err := in.Read()
		if err != nil {
			t.Fatalf("%q is taken, but: %v", line, err)
		}
		want, wantErr := c.finish(c.plan(row.shape), func(i int) any { return row.vals[i] }, c.class)
		if gotErr != nil || wantErr != nil {
			if gotErr == nil || wantErr == nil || gotErr.Error() != wantErr.Error() {
				t.Fatalf("%q: %v, want %v", line, gotErr, wantErr)
			}
			return
		}
		if got.Row.String() != want.Row.String() || got.Class != want.Class {
			t.Fatalf("%q is\n%s\nwant\n%s", line, got.Row, want.Row)
		}
		for i, v := range got.Row.vals {
			if w := want.Row.vals[i]; v != w {
				t.Fatalf("%q: %s is %#v, want %#v", line, got.Row.shape.names[i], v, w)
			}
		}
	})
}

// FuzzUsualTime: what usualTime reads, the layouts read alike.
func FuzzUsualTime(f *testing.F) {
	for _, s := range []string{"2026-01-02 03:04:05", "2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05.5Z", "2026-01-02T03:04:05.Z", "2026-13-02 03:04:05", "0000-01-01 00:00:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := usualTime(s)
		if !ok {
			return
		}
		for _, layout := range timeLayouts {
			if want, err := time.Parse(layout, s); err == nil {
				if !got.Equal(want) {
					t.Fatalf("%q is %v, want %v", s, got, want)
				}
				return
			}
		}
		t.Fatalf("%q is %v, but no layout reads it", s, got)
	})
}

// FuzzAppendJSON: a text is written as encoding/json writes it.
func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{"", `C:\a "b" <c>`, "\x7f\x00\b\f\n\r\t", "é\u2028\xff", "a\x1f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := appendJSON(nil, s)
		want, err2 := appendAnyJSON(nil, s)
		if err != nil || err2 != nil || string(got) != string(want) {
			t.Fatalf("%q is %s, want %s (%v, %v)", s, got, want, err, err2)
		}
	})
}
