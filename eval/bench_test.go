package eval_test

import (
	"fmt"
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// BenchmarkPred is one event against one predicate of the size of a usual
// rule: two suffixes and a list of words on the command line.
func BenchmarkPred(b *testing.B) {
	suffix := func(f, s string) *ir.Match {
		var p ir.Pattern
		p.Append(ir.Part{Wild: ir.Many})
		p.Append(ir.Part{Text: s})
		return &ir.Match{X: field(f), Any: []ir.Pattern{p}}
	}
	words := &ir.Match{X: field("CommandLine")}
	for _, s := range []string{" -enc", "downloadstring", "frombase64string", "iex(", "bypass"} {
		words.Any = append(words.Any, contains("", s).Any...)
	}
	image := suffix("Image", `\powershell.exe`)
	image.Any = append(image.Any, suffix("", `\pwsh.exe`).Any...)
	rule := ir.NewLogic(image.Span, ir.And, image, words, &ir.Not{X: is("User", `NT AUTHORITY\SYSTEM`)})
	hit := eval.NewRow([]string{"EventID", "Image", "CommandLine", "ParentImage", "User"}, 1,
		`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\temp\a.ps1`, `C:\Windows\explorer.exe`, `LAB\ann`)
	miss := eval.NewRow([]string{"EventID", "Image", "CommandLine", "ParentImage", "User"}, 1,
		`C:\Windows\System32\notepad.exe`, `notepad.exe C:\temp\a.txt`, `C:\Windows\explorer.exe`, `LAB\ann`)
	pred := compile(b, rule)
	for _, c := range []struct {
		name string
		row  eval.Row
	}{{"hit", hit}, {"miss", miss}, {"prepared hit", hit.Prepare()}, {"prepared miss", miss.Prepare()}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pred(c.row)
			}
		})
	}
}

// BenchmarkList is a value against a list: of texts, which is a set, and of
// parts of texts, which is a walk.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{10, 1000} {
		exact, part := &ir.Match{X: field("f")}, &ir.Match{X: field("f")}
		for i := range n {
			s := fmt.Sprintf("value-%d.example", i)
			exact.Any = append(exact.Any, is("", s).Any...)
			part.Any = append(part.Any, contains("", s).Any...)
		}
		row := eval.NewRow([]string{"f"}, "no such value").Prepare()
		for _, c := range []struct {
			name string
			m    *ir.Match
		}{{"texts", exact}, {"parts", part}} {
			p := compile(b, c.m)
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				for b.Loop() {
					p(row)
				}
			})
		}
	}
}
