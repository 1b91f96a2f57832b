package diff_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
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
	const md5 = "0123456789abcdef0123456789abcdef"
	const base = "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|contains: x}\n    condition: a\n"
	for _, tt := range []struct {
		name                string
		left, right         string
		leftPipe, rightPipe string
		want                string
		leftBack, rightBack time.Duration
	}{
		{name: "the same in other words", left: base, right: "    a: {CommandLine|contains: X}\n    b: {Image|endswith: '\\B.exe'}\n    c: {Image|endswith: '\\a.exe'}\n    condition: a and (b or c)\n", want: "equal"},
		{name: "the same parts, otherwise combined", left: base, right: "    a: {CommandLine|contains: x}\n    b: {Image|endswith: ['\\a.exe', '\\b.exe']}\n    condition: a or b\n", want: "narrower, left strictly: combination"},
		{name: "a value more on each side", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\c.exe'], CommandLine|contains: x}\n    condition: a\n",
			want: "overlapping: value (only left: file name of Image = b.exe | only right: file name of Image = c.exe)"},
		{name: "a value more on one side", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe', '\\c.exe'], CommandLine|contains: x}\n    condition: a\n",
			want: "narrower, left strictly: value (only right: file name of Image = c.exe)"},
		{name: "another condition on one side", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|contains|all: [x, y]}\n    condition: a\n",
			want: "narrower, right strictly: value (only right: CommandLine contains y)"},
		{name: "another operator", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|startswith: x}\n    condition: a\n",
			want: "narrower, right strictly: operator (left: CommandLine contains x | right: CommandLine startswith x)"},
		{name: "a whole term", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe']}\n    condition: a\n", rightPipe: "        where CommandLine has 'x'\n",
			want: "alike, right strictly: operator (left: CommandLine contains x | right: CommandLine has x)"},
		{name: "a text that is a whole term wherever it stands", left: "    a: {Image: b, CommandLine|contains: '-a-'}\n    condition: a\n", right: "    a: {Image: b}\n    condition: a\n", rightPipe: "        where CommandLine has '-a-'\n", want: "equal"},
		{name: "case", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], CommandLine|contains|cased: x}\n    condition: a\n",
			want: "alike, right strictly: operator (left: CommandLine contains x | right: CommandLine contains (case counts) x)"},
		{name: "a field that has to be there", left: base, right: base, rightPipe: "        where exists(User)\n", want: "alike, right strictly: presence (only right: User exists)"},
		{name: "another field", left: base, right: "    a: {Image|endswith: ['\\a.exe', '\\b.exe'], ParentCommandLine|contains: x}\n    condition: a\n",
			want: "overlapping: field (left: CommandLine contains x | right: ParentCommandLine contains x)"},
		{name: "an exclusion", left: base, right: base[:len(base)-len("    condition: a\n")] + "    f: {User|startswith: svc}\n    condition: a and not f\n",
			want: "narrower, right strictly: exclusion (only right: not User startswith svc)"},
		{name: "an account and its domain", left: "    a: {Image: b}\n    f: {User|endswith: '$'}\n    condition: a and not f\n", right: "    a: {Image: b}\n    f: {User|endswith: '\\\\*$'}\n    condition: a and not f\n", want: "equal"},
		{name: "a path and its file name", left: "    a: {Image|endswith: '\\a.exe'}\n    condition: a\n", right: "    a: {Image|endswith: ['\\a.exe', '/a.exe']}\n    condition: a\n", want: "equal"},
		{name: "a path with more than its file name", left: "    a: {Image|endswith: '\\b\\a.exe'}\n    condition: a\n", right: "    a: {Image|endswith: '\\a.exe'}\n    condition: a\n",
			want: "narrower, left strictly: value (only left: Image endswith \\b\\a.exe | only right: file name of Image = a.exe)"},
		{name: "a hash in one column or in several", left: "    a: {Hashes|contains: 'MD5=" + md5 + "'}\n    condition: a\n", right: "    a: {md5: " + md5 + "}\n    condition: a\n", want: "equal"},
		{name: "an expression that is a list", left: "    a: {CommandLine|re|i: '(a|bc)d'}\n    condition: a\n", right: "    a: {CommandLine|contains: [ad, bcd]}\n    condition: a\n", want: "equal"},
		{name: "an expression of which a part is a list", left: "    a: {CommandLine|re|i: '(ab|c[|]|d\\s+e|f\\|)'}\n    condition: a\n", right: "    a: {CommandLine|contains: [ab, 'd e', 'c|', 'f|']}\n    condition: a\n",
			want: `overlapping: value (only left: CommandLine matches regex "(?i)d\\s+e" | only right: CommandLine contains d e)`},
		{name: "an expression that is a list but for line breaks", left: "    a: {CommandLine|re: 'a.*b'}\n    condition: a\n", right: "    a: {CommandLine|contains: 'a*b'}\n    condition: a\n",
			want: `alike: value (only left: CommandLine matches regex "a.*b" | only right: CommandLine like *a*b*)`},
		{name: "nothing in common", left: base, right: "    a: {Image|endswith: '\\d.exe'}\n    condition: a\n",
			want: "apart: value (only left: CommandLine contains x; file name of Image = a.exe; file name of Image = b.exe | only right: file name of Image = d.exe)"},
		{name: "a threshold and its groups", left: base, right: base, leftPipe: "        summarize n = count() by Computer\n        where n > 5\n", rightPipe: "        summarize c = count() by Computer, User\n        where c > 9\n",
			want: "overlapping: threshold (only left: count() > 5 | only right: count() > 9); group (only right: User)"},
		{name: "what is summed up in two stages", left: base, right: base, leftPipe: "        summarize n = count(), f = min(Timestamp) by Computer, User\n        summarize c = sum(n), g = min(f) by Computer\n        where c > 9 and g > ago(1d)\n", rightPipe: "        summarize c = count(), g = min(Timestamp) by Computer\n        where c > 9 and g > ago(1d)\n", want: "equal"},
		{name: "a condition on a key is one on events", left: base, right: base, leftPipe: "        summarize n = count() by who = Computer\n        where who = 'a'\n", rightPipe: "        where Computer = 'a'\n", want: "equal"},
		{name: "names of columns do not matter", left: base, right: base, leftPipe: "        summarize n = count() by Computer\n        where n > 5\n", rightPipe: "        extend host = Computer\n        summarize c = count() by host\n        where c > 5\n", want: "equal"},
		{name: "how rows are shown does not matter", left: base, right: base, leftPipe: "        project Computer, Image\n        sort by Image asc\n", want: "equal"},
		{name: "the time", left: base, right: base, leftBack: 24 * time.Hour, rightBack: 7 * 24 * time.Hour, want: "narrower, left strictly: time (only left: 1d | only right: 7d)"},
		{name: "a time that one leaves open", left: base, right: base, rightBack: 7 * 24 * time.Hour, want: "equal: time (only left: not said | only right: 7d)"},
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
				}), nil)
			}
			c := diff.Compare(side(tt.left, tt.leftPipe, tt.leftBack), side(tt.right, tt.rightPipe, tt.rightBack))
			got := comparisonText(c)
			if got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// What the form of a hunt does not say of its text keeps that from being proved
// which it touches.
func TestCompareLosses(t *testing.T) {
	const wide = "    a: {Image|endswith: ['\\a.exe', '\\b.exe']}\n    condition: a\n"
	const narrow = "    a: {Image|endswith: '\\a.exe'}\n    condition: a\n"
	more, less, both := diff.Loss{Item: diff.Item{Text: "l"}, More: true}, diff.Loss{Item: diff.Item{Text: "l"}, Less: true}, diff.Loss{Item: diff.Item{Text: "l"}, More: true, Less: true}
	for _, tt := range []struct {
		left, right, pipe string
		lost, lostRight   []diff.Loss
		want              string
	}{
		{wide, wide, "", nil, nil, "equal"},
		{wide, wide, "", []diff.Loss{more}, nil, "narrower, right strictly: unsaid (left: l)"},
		{wide, wide, "", []diff.Loss{less}, nil, "narrower, left strictly: unsaid (left: l)"},
		{wide, wide, "", []diff.Loss{both}, nil, "overlapping: unsaid (left: l)"},
		{wide, wide, "", []diff.Loss{more}, []diff.Loss{more}, "overlapping: unsaid (left: l | right: l)"},
		{wide, wide, "", []diff.Loss{more}, []diff.Loss{less}, "narrower, right strictly: unsaid (left: l | right: l)"},
		{narrow, wide, "", nil, []diff.Loss{more}, "narrower, left strictly: value (only right: file name of Image = b.exe); unsaid (right: l)"},
		{narrow, wide, "", []diff.Loss{more}, nil, "overlapping: value (only right: file name of Image = b.exe); unsaid (left: l)"},
		{wide, wide, "        summarize n = count() by Computer\n        where n > 5\n", []diff.Loss{more}, nil, "overlapping: unsaid (left: l)"},
	} {
		side := func(detection string, lost []diff.Loss) *diff.Facts {
			f := diff.FactsOf(query(t, detection, tt.pipe), nil)
			for _, l := range lost {
				f.Lose(l)
			}
			return diff.Together(f)
		}
		if got := comparisonText(diff.Compare(side(tt.left, tt.lost), side(tt.right, tt.lostRight))); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

func comparisonText(c diff.Comparison) string {
	got := string(c.Verdict)
	if c.Within != "" {
		got += ", " + string(c.Within)
	}
	if c.Strict {
		got += " strictly"
	}
	for i, d := range c.Differences {
		got += []string{": ", "; "}[min(i, 1)] + d.Text("left", "right")
	}
	return got
}

// The kinds of fields that comparisons know are those of the schema.
func TestFieldKinds(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]string{}
	for _, d := range s.Datasets() {
		for _, m := range []*schema.Mapping{d.CIM, d.Raw, d.XDR} {
			if m == nil {
				continue
			}
			for name, c := range m.Columns {
				if c != nil && !slices.Contains(kinds[c.Kind], name) {
					kinds[c.Kind] = append(kinds[c.Kind], name)
				}
			}
		}
	}
	for kind, known := range map[string][]string{"path": diff.PathFields, "account": diff.AccountFields} {
		slices.Sort(kinds[kind])
		if d := cmp.Diff(kinds[kind], known); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

// Whatever a hunt is, it is equal to itself, and the verdict on two does not
// depend on which is the left one.
func TestCompareAnyHunts(t *testing.T) {
	counts := map[diff.Verdict]int{}
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 2))
		fields := irgen.Fields()
		p, q := irgen.Query(r, fields), irgen.Query(r, fields)
		left, right := diff.FactsOf(p, nil), diff.FactsOf(q, nil)
		if c := diff.Compare(left, diff.FactsOf(p, nil)); c.Verdict != diff.Equal || len(c.Differences) > 0 {
			t.Fatalf("%s is not equal to itself: %v\n%s", c.Verdict, c.Differences, ir.Format(p))
		}
		a, b := diff.Compare(left, right), diff.Compare(right, left)
		turned := map[diff.Side]diff.Side{diff.Left: diff.Right, diff.Right: diff.Left}
		if a.Verdict != b.Verdict || a.Within != turned[b.Within] || a.Strict != b.Strict || len(a.Differences) != len(b.Differences) {
			t.Fatalf("%v\nand the other way round\n%v\n%s\n%s", a, b, ir.Format(p), ir.Format(q))
		}
		if together := diff.Together(left, left); diff.Compare(left, together).Verdict != diff.Equal {
			t.Fatalf("a hunt together with itself is another one:\n%s", ir.Format(p))
		}
		counts[a.Verdict]++
	}
	t.Log(counts)
}

// An expression is found where one of its alternatives is.
func TestAlternatives(t *testing.T) {
	fixed := []string{"a|b", "(a|b)c", "(?:a|b)", "(?i)(a|b|)", "(a)|(b)", "(a|b)|(c|d)", "(a|b)+", `\(a|b\)`, `[(|]a|b`, `[]|]|a`, `[^]|]b|a`, `a\|b|c`, "(a(b|c))", "(?P<n>a|b)"}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 3))
		source := irgen.Regexp(r)
		if int(seed) < len(fixed) {
			source = fixed[seed]
		}
		whole := regexp.MustCompile(source)
		for range 20 {
			s := irgen.Text(r)
			if r.IntN(2) == 0 {
				s = []string{"a", "b", "c", "ac", "ab", "abc", "(a", "b)", "|", "]a", "a|b", "A", "B", ""}[r.IntN(14)]
			}
			found := false
			for _, a := range diff.Alternatives(source) {
				found = found || regexp.MustCompile(a).MatchString(s)
			}
			if found != whole.MatchString(s) {
				t.Fatalf("%q: %q in %q", source, diff.Alternatives(source), s)
			}
		}
	}
	for source, want := range map[string]int{"a|b": 2, "(?i)(a|b|c)": 3, "(a|b)c": 1, "(a|b)(c|d)": 1, "(a|b)|c": 2, "(?:a|b)": 2, "(a|b)+": 1} {
		if got := diff.Alternatives(source); len(got) != want {
			t.Errorf("%q has the alternatives %q", source, got)
		}
	}
}

// What is proved holds for every event: of random conditions, few of which are
// within each other by chance, many are made to be.
func TestWithinHolds(t *testing.T) {
	proved, refuted := 0, 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 1))
		fields := irgen.Fields()
		a := irgen.Pred(r, fields)
		b := irgen.Pred(r, fields)
		switch r.IntN(4) {
		case 0:
			b = ir.NewLogic(diag.Span{}, ir.Or, b, a)
		case 1:
			a = ir.NewLogic(diag.Span{}, ir.And, b, a)
		case 2:
			a, b = &ir.Not{X: ir.NewLogic(diag.Span{}, ir.Or, a, b)}, &ir.Not{X: b}
		}
		if !diff.Within(a, b) {
			continue
		}
		proved++
		pa, err := eval.CompilePred(a)
		pb, err2 := eval.CompilePred(b)
		if err != nil || err2 != nil {
			continue
		}
		for _, row := range irgen.Rows(r, fields, 60) {
			if pa(row) && !pb(row) {
				refuted++
				t.Errorf("%s\nis not within\n%s\nas %v shows", ir.FormatExpr(a), ir.FormatExpr(b), row)
				break
			}
		}
		if refuted > 3 {
			t.FailNow()
		}
	}
	t.Logf("%d proved", proved)
	if proved < 1000 {
		t.Errorf("only %d are proved", proved)
	}
}
