package diff_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

func query(t *testing.T, detection, pipeline string) ir.Query {
	t.Helper()
	src := "title: T\ntaxonomy: huntc\nlogsource: {category: process_creation, product: windows}\ndetection:\n" + detection
	if pipeline != "" {
		src += "hunt:\n    pipeline: |\n" + pipeline
	}
	f, diags := sigma.Load("t.yml", []byte(src), nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return f.Hunts[0].Query
}

func TestCompare(t *testing.T) {
	const base = "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|contains: x}\n    condition: a\n"
	for _, tt := range []struct {
		name                string
		left, right         string
		leftPipe, rightPipe string
		verdict             diff.Verdict
		want                []string
		leftBack, rightBack time.Duration
	}{
		{name: "the same in other words", left: base, right: "    a: {CommandLine|contains: X}\n    b: {Image|endswith: '\\B.exe'}\n    c: {Image|endswith: '\\a.exe'}\n    condition: a and (b or c)\n", verdict: diff.Equal},
		{name: "the same parts, otherwise combined", left: base, right: "    a: {CommandLine|contains: x}\n    b: {Image|endswith: ['\\a.exe', '\\b.exe']}\n    condition: a or b\n", verdict: diff.Alike},
		{name: "a value more", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\c.exe'], CommandLine|contains: x}\n    condition: a\n", verdict: diff.Different,
			want: []string{`value (only left: Image endswith \b.exe | only right: Image endswith \c.exe)`}},
		{name: "another operator", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|startswith: x}\n    condition: a\n", verdict: diff.Different,
			want: []string{"operator (left: CommandLine contains x | right: CommandLine startswith x)"}},
		{name: "another field", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], ParentCommandLine|contains: x}\n    condition: a\n", verdict: diff.Different,
			want: []string{"field (left: CommandLine contains x | right: ParentCommandLine contains x)"}},
		{name: "an exclusion", left: base, right: base[:len(base)-len("    condition: a\n")] + "    f: {User|startswith: svc}\n    condition: a and not f\n", verdict: diff.Different,
			want: []string{"exclusion (only right: not User startswith svc)"}},
		{name: "a threshold and its groups", left: base, right: base, leftPipe: "        summarize n = count() by Computer\n        where n > 5\n", rightPipe: "        summarize c = count() by Computer, User\n        where c > 9\n", verdict: diff.Different,
			want: []string{"threshold (only left: count() > 5 | only right: count() > 9)", "group (only right: User)"}},
		{name: "names of columns do not matter", left: base, right: base, leftPipe: "        summarize n = count() by Computer\n        where n > 5\n", rightPipe: "        extend host = Computer\n        summarize c = count() by host\n        where c > 5\n", verdict: diff.Equal},
		{name: "how rows are shown does not matter", left: base, right: base, leftPipe: "        project Computer, Image\n        sort by Image asc\n", verdict: diff.Equal},
		{name: "the time", left: base, right: base, leftBack: 24 * time.Hour, rightBack: 7 * 24 * time.Hour, verdict: diff.Different,
			want: []string{"time (only left: 1d | only right: 7d)"}},
		{name: "a time that one leaves open", left: base, right: base, rightBack: 7 * 24 * time.Hour, verdict: diff.Equal,
			want: []string{"time (only left: not said | only right: 7d)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			side := func(detection, pipe string, back time.Duration) *diff.Facts {
				return diff.FactsOf(ir.MapQuery(query(t, detection, pipe), func(q ir.Query) ir.Query {
					if s, ok := q.(*ir.Scan); ok {
						c := *s
						c.LookBack = back
						return &c
					}
					return q
				}))
			}
			c := diff.Compare(side(tt.left, tt.leftPipe, tt.leftBack), side(tt.right, tt.rightPipe, tt.rightBack))
			var got []string
			for _, d := range c.Differences {
				got = append(got, d.String())
			}
			if c.Verdict != tt.verdict {
				t.Errorf("%s, want %s", c.Verdict, tt.verdict)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
