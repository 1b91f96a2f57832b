package kql

import "testing"

// benchQuery is of the size and shape of a converted rule.
func benchQuery() *Query {
	names := []Expr{str("powershell.exe"), str("cmd.exe"), str("rundll32.exe"), str("regsvr32.exe"), str("mshta.exe"), str("wscript.exe")}
	columns := []string{"Timestamp", "DeviceId", "DeviceName", "ReportId", "AccountName", "FileName", "FolderPath", "ProcessCommandLine", "InitiatingProcessFileName"}
	project := &Project{}
	for _, c := range columns {
		project.Cols = append(project.Cols, NamedExpr{X: col(c)})
	}
	return from("DeviceProcessEvents",
		where(bin(col("Timestamp"), ">", call("ago", span("7d")))),
		where(and(
			in(col("FileName"), "in~", names...),
			or(bin(col("ProcessCommandLine"), "contains", str(`\AppData\Local\Temp\`)), bin(col("ProcessCommandLine"), "contains", str(` -enc "`)),
				bin(col("FolderPath"), "startswith", str(`C:\Users\Public\`))),
			call("not", or(bin(col("InitiatingProcessFolderPath"), "endswith", str(`\msiexec.exe`)), call("isempty", col("AccountName")))),
		)),
		project,
	)
}

func BenchmarkPrint(b *testing.B) {
	q := benchQuery()
	buf := Append(nil, q)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], q)
	}
}

func BenchmarkParse(b *testing.B) {
	text := Print(benchQuery())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Parse("", text); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}

func BenchmarkParseExpr(b *testing.B) {
	const text = `tostring(parse_json(AdditionalFields).PipeName)`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseExpr(text); err != nil {
			b.Fatal(err)
		}
	}
}
