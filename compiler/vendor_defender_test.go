package compiler_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// kustoTables are the tables T and S of the examples, over tables of Defender,
// so that their columns have types: texts a, b, c and d, whole numbers n, m and
// k, instants t and u, and the truth value y.
const kustoTables = `let T = DeviceNetworkEvents | project a = DeviceName, b = ActionType, c = RemoteUrl, n = RemotePort, m = LocalPort, t = Timestamp, u = InitiatingProcessCreationTime, y = IsInitiatingProcessRemoteSession;
let S = DeviceProcessEvents | project a = DeviceName, d = FileName, k = ProcessId;
`

var kustoNames = map[string]string{"a": "DeviceName", "b": "ActionType", "c": "RemoteUrl", "n": "RemotePort", "m": "LocalPort", "t": "Timestamp",
	"u": "InitiatingProcessCreationTime", "y": "IsInitiatingProcessRemoteSession", "d": "FileName", "k": "ProcessId"}

// kustoExamples are from MicrosoftDocs/dataexplorer-docs, data-explorer/kusto/query.
var kustoExamples = []vendorExample{
	{source: "datatypes-string-operators.md", name: "== has case", query: `T | where a == "aBc"`, rows: "a=aBc\na=abc", want: "a=aBc"},
	{source: "datatypes-string-operators.md", name: "!= has case", query: `T | where a != "ABC"`, rows: "a=abc\na=ABC", want: "a=abc"},
	{source: "datatypes-string-operators.md", name: "=~ has none", query: `T | where a =~ "ABC"`, rows: "a=abc\na=ABC\na=abcd", want: "a=abc\na=ABC"},
	{source: "datatypes-string-operators.md", name: "!~ has none", query: `T | where a !~ "xyz"`, rows: "a=aBc\na=XYZ", want: "a=aBc"},
	{source: "datatypes-string-operators.md", name: "has is a whole term", query: `T | where a has "america"`, rows: "a=North America\na=NorthAmerica\na=Americas", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "!has", query: `T | where a !has "amer"`, rows: "a=North America\na=north-amer", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "has_cs", query: `T | where a has_cs "America"`, rows: "a=North America\na=north america", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "!has_cs", query: `T | where a !has_cs "amer"`, rows: "a=North America\na=amer", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "hasprefix", query: `T | where a hasprefix "ame"`, rows: "a=North America\na=NorthAmerica", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "!hasprefix", query: `T | where a !hasprefix "mer"`, rows: "a=North America\na=Mercury", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "hasprefix_cs", query: `T | where a hasprefix_cs "Ame"`, rows: "a=North America\na=north america", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "!hasprefix_cs", query: `T | where a !hasprefix_cs "CA"`, rows: "a=North America\na=North CAN", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "hassuffix", query: `T | where a hassuffix "ica"`, rows: "a=North America\na=North Americas", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "!hassuffix", query: `T | where a !hassuffix "americ"`, rows: "a=North America\na=Americ", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "hassuffix_cs", query: `T | where a hassuffix_cs "ica"`, rows: "a=North America\na=NORTH AMERICA", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "contains", query: `T | where a contains "BRik"`, rows: "a=FabriKam\na=Fabriam", want: "a=FabriKam"},
	{source: "datatypes-string-operators.md", name: "contains_cs", query: `T | where a contains_cs "Kam"`, rows: "a=FabriKam\na=Fabrikam", want: "a=FabriKam"},
	{source: "datatypes-string-operators.md", name: "!contains", query: `T | where a !contains "xyz"`, rows: "a=Fabrikam\na=aXYZ\na=", want: "a=Fabrikam\na="},
	{source: "datatypes-string-operators.md", name: "!contains_cs", query: `T | where a !contains_cs "Kam"`, rows: "a=Fabrikam\na=FabriKam", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "startswith", query: `T | where a startswith "fab"`, rows: "a=Fabrikam\na=xFab", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "!startswith", query: `T | where a !startswith "kam"`, rows: "a=Fabrikam\na=Kamera", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "startswith_cs, and its negation", query: `T | where a startswith_cs "Fab" and a !startswith_cs "fab"`, rows: "a=Fabrikam\na=fabrikam", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "endswith", query: `T | where a endswith "Kam"`, rows: "a=Fabrikam\na=Fabrikams", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "!endswith, !endswith_cs", query: `T | where a !endswith "brik" and a !endswith_cs "KAM"`, rows: "a=Fabrikam\na=FaBRIK\na=FabriKAM", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "matches regex is not anchored, and has case", query: `T | where a matches regex "b.*k"`, rows: "a=Fabrikam\na=FABRIKAM", want: "a=Fabrikam"},
	{source: "datatypes-string-operators.md", name: "in", query: `T | where a in ("123", "345", "abc")`, rows: "a=abc\na=ABC\na=12", want: "a=abc"},
	{source: "datatypes-string-operators.md", name: "!in", query: `T | where a !in ("123", "345", "abc")`, rows: "a=bca\na=abc\na=ABC", want: "a=bca\na=ABC"},
	{source: "datatypes-string-operators.md", name: "in~", query: `T | where a in~ ("123", "345", "ABC")`, rows: "a=abc\na=ABC\na=ab", want: "a=abc\na=ABC"},
	{source: "datatypes-string-operators.md", name: "!in~", query: `T | where a !in~ ("123", "345", "ABC")`, rows: "a=bca\na=abc", want: "a=bca"},
	{source: "datatypes-string-operators.md", name: "has_any", query: `T | where a has_any ("south", "north")`, rows: "a=North America\na=Northern", want: "a=North America"},
	{source: "datatypes-string-operators.md", name: "what a term is", query: `T | extend p = a has "c1db", q = a has "williamgates3rd", r = a has "Gates", s = a contains "Gates" | project p, q, r, s`,
		rows: "a=Kusto:  ad67d136-c1db-4f9f-88ef-d94f3b6b0b5a,,WilliamGates3rd", want: "p=true; q=true; r=false; s=true"},
	{source: "has-operator.md", name: "a term is not a part of a word", query: `T | where a has "Explorer"`, rows: "a=KustoExplorerQueryRun\na=Kusto Explorer", want: "a=Kusto Explorer"},
	{source: "has-all-operator.md", name: "has_all asks for each", query: `T | where a has_all ("cold", "strong", "hail")`, rows: "a=Strong and COLD hail\na=cold, strong", want: "a=Strong and COLD hail"},
	{source: "has-any-operator.md", name: "has_any of a list that is defined", query: `let areas = dynamic(["south", "north"]); T | where a has_any (areas) | summarize count() by a`,
		rows: "a=NORTH CAROLINA\na=NORTH CAROLINA\na=ATLANTIC SOUTH\na=TEXAS", want: "a=NORTH CAROLINA; count_=2\na=ATLANTIC SOUTH; count_=1"},

	{source: "scalar-data-types/null-values.md", name: "an order with null is null", query: `T | where n > 3 | project n`, rows: "n=5\nm=1", want: "n=5"},
	{source: "scalar-data-types/null-values.md", name: "or isnull", query: `T | where n > 3 or isnull(n) | project n`, rows: "n=5\nm=1\nn=2", want: "n=5\nn="},
	{source: "scalar-data-types/null-values.md", name: "calculation with null is null", query: `T | project n, s = n + 10, p = n * 10`, rows: "n=5\nm=1", want: "n=5; s=15; p=50\nn=; s=; p="},
	{source: "scalar-data-types/null-values.md", name: "a text is never null", query: `T | project a, e = isempty(a), l = strlen(a), o = isnull(n)`, rows: "a=\na=x; n=1", want: "a=; e=true; l=0; o=true\na=x; e=false; l=1; o=false"},
	{source: "scalar-data-types/null-values.md", name: "null != a value", query: `T | where n != 5 | project m`, rows: "n=5; m=1\nn=6; m=2\nm=3", want: "m=2\nm=3"},
	{source: "scalar-data-types/null-values.md", name: "null == a value is false, not null", query: `T | where not(n == 5) | project m`, rows: "n=5; m=1\nn=6; m=2\nm=3", want: "m=2\nm=3"},
	{source: "scalar-data-types/null-values.md", name: "the negation of null is null", query: `T | where not(n > 5) | project m`, rows: "n=5; m=1\nn=6; m=2\nm=3", want: "m=1"},
	{source: "scalar-data-types/null-values.md", name: "in is several ==", query: `T | where n in (5, 7) | project m`, rows: "n=5; m=1\nn=6; m=2\nm=3", want: "m=1"},
	{source: "scalar-data-types/null-values.md", name: "!in is several !=", query: `T | where n !in (5, 7) | project m`, rows: "n=5; m=1\nn=6; m=2\nm=3", want: "m=2\nm=3"},
	{source: "scalar-data-types/null-values.md", name: "null == null is null", query: `T | where n == m | project a`, rows: "a=p; n=1; m=1\na=q; n=1\na=r", want: "a=p"},
	{source: "scalar-data-types/null-values.md", name: "null != null is null", query: `T | where n != m | project a`, rows: "a=p; n=1; m=1\na=q; n=1\na=r\na=s; n=1; m=2", want: "a=q\na=s"},
	{source: "logical-operators.md", name: "a condition that is null chooses the other branch", query: `T | project p = iff(n > 3, "more", "other")`, rows: "n=5\nn=1\nm=1", want: "p=more\np=other\np=other"},
	{source: "isempty-function.md", name: "isempty of a text and of a number", query: `T | project e = isempty(a), f = isnotempty(a), g = isempty(n)`, rows: "a=; n=1\na=x", want: "e=true; f=false; g=false\ne=false; f=true; g=true"},
	{source: "isnull-function.md", name: "isnull", query: `T | where isnull(n) and isnull(m) | project a`, rows: "a=p; n=1\na=q\na=r; m=1", want: "a=q"},

	{source: "summarize-operator.md", name: "nothing, without keys", query: `T | summarize p = count(), q = countif(n > 0), r = dcount(n), s = sum(n), mn = min(n), mx = max(n)`, rows: "", want: "p=0; q=0; r=0; s=0; mn=; mx="},
	{source: "summarize-operator.md", name: "the average of nothing is no number, and passes no order", query: `T | summarize p = avg(n) | where p > 0 or p <= 0 | count`, rows: "", want: "Count=0"},
	{source: "summarize-operator.md", name: "the deviation of nothing", query: `T | summarize p = stdev(n)`, rows: "", want: "p=0"},
	{source: "summarize-operator.md", name: "nothing, with a key", query: `T | summarize count() by a`, rows: "", want: ""},
	{source: "summarize-operator.md", name: "the set and the list of nothing", query: `T | summarize p = array_length(make_set(n)), q = array_length(make_list(n))`, rows: "", want: "p=0; q=0"},
	{source: "summarize-operator.md", name: "nulls are no part of a sum or an average", query: `T | summarize s = sum(n), v = avg(n)`, rows: "m=1\nn=5\nn=5\nn=5", want: "s=15; v=5"},
	{source: "summarize-operator.md", name: "count has rows with nulls", query: `T | summarize count()`, rows: "m=1\nn=5", want: "count_=2"},
	{source: "summarize-operator.md", name: "a set has no nulls", query: `T | summarize p = make_set(n)`, rows: "m=1\nn=5\nn=5", want: "p=5"},
	{source: "summarize-operator.md", name: "the name of a second set", query: `T | summarize make_set(n), make_set(n)`, rows: "m=1\nn=5", want: "set_n=5; set_n1=5"},
	{source: "summarize-operator.md", name: "keys alone", query: `T | where n > 0 | summarize by a, b`, rows: "a=TEXAS; b=Flood; n=1\na=TEXAS; b=Flood; n=2\na=TEXAS; b=Hail; n=1\na=OHIO; b=Hail", want: "a=TEXAS; b=Flood\na=TEXAS; b=Hail"},
	{source: "summarize-operator.md", name: "the least and the largest length of time", query: `T | project d = t - u | summarize p = min(d), q = max(d)`,
		rows: "t=2007-01-01T01:08:00Z; u=2007-01-01T00:00:00Z\nt=2007-01-01T11:55:00Z; u=2007-01-01T00:00:00Z", want: "p=1h8m0s; q=11h55m0s"},
	{source: "summarize-operator.md", name: "groups of lengths of time", query: `T | project a, d = t - u | where d > 1d | summarize n = count() by a, l = bin(d, 1d)`,
		rows: "a=Heat; t=2007-01-03T01:00:00Z; u=2007-01-01T00:00:00Z\na=Heat; t=2007-01-03T23:00:00Z; u=2007-01-01T00:00:00Z\na=Flood; t=2007-01-01T01:00:00Z; u=2007-01-01T00:00:00Z", want: "a=Heat; l=48h0m0s; n=2"},
	{source: "countif-aggregation-function.md", name: "countif", query: `T | summarize countif(strlen(a) > 4)`, rows: "a=John\na=Paul\na=George\na=Ringo", want: "countif_=2"},
	{source: "count-distinct-aggregation-function.md", name: "count_distinct is exact", query: `T | summarize p = count_distinct(a) by b`, rows: "b=x; a=p\nb=x; a=p\nb=x; a=q\nb=y; a=p", want: "b=x; p=2\nb=y; p=1"},
	{source: "dcount-aggregation-function.md", name: "dcount of a few values", query: `T | summarize p = dcount(a) by b`, rows: "b=x; a=p\nb=x; a=p\nb=x; a=q\nb=y; a=p", want: "b=x; p=2\nb=y; p=1"},
	{source: "avg-aggregation-function.md", name: "avg leaves nulls out", query: `T | summarize p = avg(n)`, rows: "n=1\nn=2\nm=4", want: "p=1.5"},
	{source: "percentiles-aggregation-function.md", name: "nearest rank", query: `T | summarize p = percentile(n, 50)`, rows: "n=15\nn=20\nn=35\nn=40\nn=50", want: "p=35"},
	{source: "take-any-aggregation-function.md", name: "a value that is not empty, if there is one", query: `T | summarize p = take_any(a) by b`, rows: "b=x; a=\nb=x; a=p\nb=y; a=", want: "b=x; p=p\nb=y; p="},
	{source: "arg-max-aggregation-function.md", name: "nulls are not the largest", query: `T | summarize arg_max(n, b) by a`,
		rows: "a=Apple; b=Red; n=1\na=Apple; b=Green\na=Pear; b=Brown; n=1\na=Pear; b=Green; n=2", want: "a=Apple; n=1; b=Red\na=Pear; n=2; b=Green"},
	{source: "arg-max-aggregation-function.md", name: "a group of nulls has a row", query: `T | summarize arg_max(n, b) by a`, rows: "a=Banana; b=Yellow", want: "a=Banana; n=; b=Yellow"},
	{source: "arg-max-aggregation-function.md", name: "all columns", query: `T | project a, b, n | summarize arg_max(n, *) by a`,
		rows: "a=Apple; b=Red; n=1\na=Apple; b=Green\na=Banana; b=Yellow\na=Pear; b=Brown; n=1\na=Pear; b=Green; n=2", want: "a=Apple; n=1; b=Red\na=Banana; n=; b=Yellow\na=Pear; n=2; b=Green"},
	{source: "distinct-operator.md", name: "distinct", query: `T | distinct a, b`, rows: "a=x; b=1; n=1\na=x; b=1; n=2\na=y; b=1", want: "a=x; b=1\na=y; b=1"},
	{source: "count-operator.md", name: "count", query: `T | where a startswith "x" | count`, rows: "a=x\na=xy\na=y", want: "Count=2"},

	{source: "join-innerunique.md", name: "the default has one row of the left side for a key", query: `T | project a, n | join (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40", want: "a=b; n=2; a1=b; k=10\na=c; n=4; a1=c; k=20\na=c; n=4; a1=c; k=30"},
	{source: "join-innerunique.md", name: "how many rows the default has of equal keys", query: `T | project a | join kind=innerunique (S | project a, k) on a | summarize n = count() by a`,
		rows: "a=b; n=2\na=b; n=3", right: "a=b; k=10\na=b; k=20", want: "a=b; n=2"},
	{source: "join-inner.md", name: "inner", query: `T | project a, n | join kind=inner (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=k; n=5\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40\na=k; k=50",
		want: "a=b; n=3; a1=b; k=10\na=b; n=2; a1=b; k=10\na=c; n=4; a1=c; k=20\na=c; n=4; a1=c; k=30\na=k; n=5; a1=k; k=50"},
	{source: "join-leftouter.md", name: "leftouter", query: `T | project a, n | join kind=leftouter (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40",
		want: "a=a; n=1; a1=; k=\na=b; n=2; a1=b; k=10\na=b; n=3; a1=b; k=10\na=c; n=4; a1=c; k=20\na=c; n=4; a1=c; k=30"},
	{source: "join-leftanti.md", name: "leftanti", query: `T | project a, n | join kind=leftanti (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40", want: "a=a; n=1"},
	{source: "join-leftsemi.md", name: "leftsemi", query: `T | project a, n | join kind=leftsemi (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40", want: "a=b; n=2\na=b; n=3\na=c; n=4"},
	{source: "join-rightanti.md", name: "rightanti", query: `T | project a, n | join kind=rightanti (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40", want: "a=d; k=40"},
	{source: "join-rightsemi.md", name: "rightsemi", query: `T | project a, n | join kind=rightsemi (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40", want: "a=b; k=10\na=c; k=20\na=c; k=30"},
	{source: "join-rightouter.md", name: "rightouter", query: `T | project a, n | join kind=rightouter (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40",
		want: "a=b; n=2; a1=b; k=10\na=b; n=3; a1=b; k=10\na=c; n=4; a1=c; k=20\na=c; n=4; a1=c; k=30\na=; n=; a1=d; k=40"},
	{source: "join-fullouter.md", name: "fullouter", query: `T | project a, n | join kind=fullouter (S | project a, k) on a`,
		rows: "a=a; n=1\na=b; n=2\na=b; n=3\na=c; n=4", right: "a=b; k=10\na=c; k=20\na=c; k=30\na=d; k=40",
		want: "a=a; n=1; a1=; k=\na=b; n=2; a1=b; k=10\na=b; n=3; a1=b; k=10\na=c; n=4; a1=c; k=20\na=c; n=4; a1=c; k=30\na=; n=; a1=d; k=40"},
	{source: "lookup-operator.md", name: "lookup does not repeat the key", query: `T | project a, n | lookup kind=leftouter (S | project a, d) on a`,
		rows: "a=Gates; n=1\na=Cook; n=5\na=Other; n=6", right: "a=Gates; d=billg\na=Cook; d=timc", want: "a=Gates; n=1; d=billg; a1=\na=Cook; n=5; d=timc; a1=\na=Other; n=6; d=; a1="},
	{source: "union-operator.md", name: "a column that one input lacks", query: `union (T | project a, n), (S | project a, k)`, rows: "a=x; n=1", right: "a=y; k=2", want: "a=x; n=1; k=\na=y; n=; k=2"},
	{source: "union-operator.md", name: "rows that are equal stay", query: `T | project a | union (S | project a) | count`, rows: "a=x", right: "a=x\na=x", want: "Count=3"},
	{source: "in-operator.md", name: "a list that is rows", query: `T | where a in ((S | where k > 1 | project a)) | project a, n`, rows: "a=x; n=1\na=y; n=2", right: "a=x; k=1\na=y; k=2", want: "a=y; n=2"},

	{source: "sort-operator.md", name: "the default is from the largest, nulls last", query: `T | sort by n | project n, m`, rows: "n=1\nm=9\nn=3\nn=2", want: "n=3\nn=2\nn=1\nn=", ordered: true},
	{source: "sort-operator.md", name: "ascending, nulls first", query: `T | sort by n asc | project n`, rows: "n=1\nm=9\nn=3\nn=2", want: "n=\nn=1\nn=2\nn=3", ordered: true},
	{source: "sort-operator.md", name: "ascending, nulls last", query: `T | sort by n asc nulls last | project n`, rows: "n=1\nm=9\nn=3\nn=2", want: "n=1\nn=2\nn=3\nn=", ordered: true, unread: true},
	{source: "sort-operator.md", name: "two keys", query: `T | sort by a asc, n desc | project a, n`, rows: "a=b; n=1\na=a; n=1\na=a; n=2", want: "a=a; n=2\na=a; n=1\na=b; n=1", ordered: true},
	{source: "top-operator.md", name: "top", query: `T | top 2 by n | project n`, rows: "n=1\nm=9\nn=3\nn=2", want: "n=3\nn=2", ordered: true},
	{source: "top-operator.md", name: "top of the smallest has nulls first", query: `T | top 2 by n asc | project n`, rows: "n=1\nm=9\nn=3\nn=2", want: "n=\nn=1", ordered: true},
	{source: "take-operator.md", name: "take", query: `T | take 2 | count`, rows: "n=1\nn=2\nn=3", want: "Count=2"},

	{source: "between-operator.md", name: "between has both ends", query: `T | where n between (50 .. 55) | project n`, rows: "n=49\nn=50\nn=53\nn=55\nn=56\nm=1", want: "n=50\nn=53\nn=55"},
	{source: "between-operator.md", name: "between an instant and a length of time", query: `T | where t between (datetime(2007-07-27) .. 3d) | project n`,
		rows: "n=1; t=2007-07-26T23:59:59Z\nn=2; t=2007-07-27T00:00:00Z\nn=3; t=2007-07-30T00:00:00Z\nn=4; t=2007-07-30T00:00:01Z", want: "n=2\nn=3"},
	{source: "not-between-operator.md", name: "!between", query: `T | where n !between (5 .. 9) | project n`, rows: "n=4\nn=5\nn=9\nn=10\nm=1", want: "n=4\nn=10"},
	{source: "bin-function.md", name: "bin of a number", query: `T | project p = bin(n, 2), q = bin(n / 2.0, 1)`, rows: "n=9\nm=1", want: "p=8; q=4\np=; q="},
	{source: "bin-function.md", name: "bin of an instant", query: `T | project p = bin(t, 1d)`, rows: "t=1970-05-11T13:45:07Z", want: "p=1970-05-11T00:00:00Z"},
	{source: "bin-function.md", name: "bin of a length of time", query: `T | project p = bin(t - u, 7d)`, rows: "t=2007-01-17T00:00:00Z; u=2007-01-01T00:00:00Z", want: "p=336h0m0s"},
	{source: "bin-function.md", name: "days as groups", query: `T | summarize s = sum(n) by t = bin(t, 1d)`, rows: "t=2007-04-08T01:00:00Z; n=1000\nt=2007-04-08T23:00:00Z; n=2000\nt=2007-04-11T00:00:00Z; n=1000", want: "t=2007-04-08T00:00:00Z; s=3000\nt=2007-04-11T00:00:00Z; s=1000"},
	{source: "datetime-part-function.md", name: "parts of a date", query: `T | project p = datetime_part("year", t), q = datetime_part("month", t), r = datetime_part("week_of_year", t), s = datetime_part("day", t), v = datetime_part("hour", t), w = datetime_part("minute", t)`,
		rows: "t=2017-10-30T01:02:03Z", want: "p=2017; q=10; r=44; s=30; v=1; w=2"},
	{source: "dayofweek-function.md", name: "the day of the week is a length of time since Sunday", query: `T | project p = dayofweek(t)`, rows: "t=1947-11-30T10:00:05Z\nt=1970-05-11T00:00:00Z", want: "p=0s\np=24h0m0s"},
	{source: "ago-function.md", name: "the past hour", query: `T | where t > ago(1h) | project n`, rows: "n=1; t=now-30m\nn=2; t=now-90m", want: "n=1"},
	{source: "prev-function.md", name: "the row before; none before the first", query: `T | sort by t asc | extend p = prev(a) | project a, p`, rows: "a=Keynote; t=2019-05-06T08:30:00Z\na=Expo; t=2019-05-06T13:20:00Z\na=Breakout; t=2019-05-06T16:00:00Z", want: "a=Keynote; p=\na=Expo; p=Keynote\na=Breakout; p=Expo"},
	{source: "row-window-session-function.md", name: "sessions", query: `T | sort by a asc, t asc | extend p = row_window_session(t, 1h, 5m, a != prev(a)) | project a, t, p`,
		rows: "a=1; t=2024-04-11T10:00:00Z\na=2; t=2024-04-11T10:18:00Z\na=1; t=2024-04-11T11:00:00Z\na=3; t=2024-04-11T11:30:00Z\na=2; t=2024-04-11T13:30:00Z\na=2; t=2024-04-11T10:16:00Z",
		want: "a=1; t=2024-04-11T10:00:00Z; p=2024-04-11T10:00:00Z\na=1; t=2024-04-11T11:00:00Z; p=2024-04-11T11:00:00Z\na=2; t=2024-04-11T10:16:00Z; p=2024-04-11T10:16:00Z\na=2; t=2024-04-11T10:18:00Z; p=2024-04-11T10:16:00Z\na=2; t=2024-04-11T13:30:00Z; p=2024-04-11T13:30:00Z\na=3; t=2024-04-11T11:30:00Z; p=2024-04-11T11:30:00Z"},
	{source: "row-number-function.md", name: "places in each group", query: `T | sort by a asc, n desc | extend p = row_number(1, prev(a) != a) | project a, b, p`,
		rows: "a=TLV; b=LH; n=1\na=TLV; b=LY; n=100\na=SEA; b=LH; n=1\na=SEA; b=BA; n=2\na=SEA; b=LY; n=0", want: "a=SEA; b=BA; p=1\na=SEA; b=LH; p=2\na=SEA; b=LY; p=3\na=TLV; b=LY; p=1\na=TLV; b=LH; p=2"},

	{source: "coalesce-function.md", name: "the first that is not null", query: `T | project p = coalesce(tolong(a), tolong(b), 33)`, rows: "a=not a number; b=42\na=x; b=y", want: "p=42\np=33"},
	{source: "coalesce-function.md", name: "the first text that is not empty", query: `T | project p = coalesce(a, b, "-")`, rows: "a=; b=x\na=y; b=x\na=; b=", want: "p=x\np=y\np=-"},
	{source: "case-function.md", name: "the first condition that holds", query: `T | project n, p = case(n <= 3, "Small", n <= 10, "Medium", "Large")`, rows: "n=1\nn=3\nn=5\nn=11\nm=1", want: "n=1; p=Small\nn=3; p=Small\nn=5; p=Medium\nn=11; p=Large\nn=; p=Large"},
	{source: "iff-function.md", name: "iff", query: `T | project a, p = iff(a in ("Heavy Rain", "Flood"), "Rain event", "Not rain event")`, rows: "a=Tornado\na=Flood", want: "a=Tornado; p=Not rain event\na=Flood; p=Rain event"},
	{source: "extract-function.md", name: "a group of the match", query: `T | project p = extract("User: ([^,]+)", 1, a)`, rows: "a=User: JohnDoe, Age: 29\na=Nobody", want: "p=JohnDoe\np="},
	{source: "extract-function.md", name: "a group that is converted", query: `T | project p = extract(@"-(\d{2})-", 1, a, typeof(int))`, rows: "a=15-12-2024\na=21-07-2023\na=x", want: "p=12\np=7\np=", unread: true},
	{source: "split-function.md", name: "split", query: `T | project p = split(a, "_")`, rows: "a=aa_bb\na=a__b\na=ab", want: "p=[aa,bb]\np=[a,,b]\np=ab"},
	{source: "split-function.md", name: "one part", query: `T | project p = tostring(split(a, "_")[1])`, rows: "a=aaa_bbb_ccc\na=a__b\na=ab", want: "p=bbb\np=\np="},
	{source: "substring-function.md", name: "substring", query: `T | project p = substring(a, 1), q = substring(a, 2, 2), r = substring(a, 0, 2)`, rows: "a=123456\na=ABCD\na=A", want: "p=23456; q=34; r=12\np=BCD; q=CD; r=AB\np=; q=; r=A"},
	{source: "substring-function.md", name: "from the end", query: `T | project p = substring(a, -2, 2)`, rows: "a=123456", want: "p=56"},
	{source: "replace-string-function.md", name: "replace_string", query: `T | project p = replace_string(strcat("Number is ", tostring(n)), "is", "was")`, rows: "n=1\nn=2", want: "p=Number was 1\np=Number was 2"},
	{source: "strcat-function.md", name: "strcat", query: `T | project p = strcat(a, " ", b)`, rows: "a=hello; b=world\na=; b=world", want: "p=hello world\np=world"},
	{source: "toupper-function.md", name: "toupper and tolower", query: `T | where toupper(a) == "HELLO" and tolower(a) == "hello" | project a`, rows: "a=Hello\na=hell", want: "a=Hello"},
	{source: "strlen-function.md", name: "characters, not bytes", query: `T | project p = strlen(a)`, rows: "a=hello\na=⒦⒰⒮⒯⒪", want: "p=5\np=5"},
	{source: "tostring-function.md", name: "the text of null is empty", query: `T | project p = tostring(n), q = isempty(tostring(n))`, rows: "n=123\nm=1", want: "p=123; q=false\np=; q=true"},
	{source: "todouble-function.md", name: "a number of a text", query: `T | project p = todouble(a)`, rows: "a=123.4\na=x", want: "p=123.4\np="},
	{source: "tolong-function.md", name: "a whole number of a text", query: `T | project p = tolong(a), q = isnull(tolong(a))`, rows: "a=123\na=x", want: "p=123; q=false\np=; q=true"},
	{source: "ipv4-is-in-range-function.md", name: "an address in a network", query: `T | extend p = ipv4_is_in_range(a, "192.168.1.0/24") | project a, p`, rows: "a=192.168.1.1\na=10.0.0.1\na=x", want: "a=192.168.1.1; p=true\na=10.0.0.1; p=false\na=x; p="},
	{source: "ipv4-is-in-range-function.md", name: "an address that is none is neither in a network nor out of it", query: `T | where not(ipv4_is_in_range(a, "192.168.1.0/24")) | project a`, rows: "a=192.168.1.1\na=10.0.0.1\na=x", want: "a=10.0.0.1"},
	{source: "numerical-operators.md", name: "whole numbers divide to whole numbers", query: `T | project p = n / 2, q = n / 2.0, r = n % 2`, rows: "n=5", want: "p=2; q=2.5; r=1"},
	{source: "regex.md", name: "a flag for case, and anchors", query: `T | where a matches regex "(?i)^fab.*am$"`, rows: "a=Fabrikam\na=xFabrikam", want: "a=Fabrikam"},
	{source: "extend-operator.md", name: "columns made beside each other do not see each other", query: `T | extend n = n + 1, p = n | project n, p`, rows: "n=1", want: "n=2; p=1"},
}

// kustoCells makes a row of a line: numbers for n, m and k, instants for t and u,
// a truth value for y, and texts for the others, which are never null.
func kustoCells(t *testing.T, line string, texts []string, all bool) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, name := range texts {
		if all {
			out[kustoNames[name]] = ""
		}
	}
	names, values := cells(line)
	for i, name := range names {
		var v any
		var err error
		switch s := values[i]; {
		case strings.ContainsAny(name, "nmk"):
			v, err = strconv.ParseInt(s, 10, 64)
		case name == "y":
			v, err = strconv.ParseBool(s)
		case strings.HasPrefix(s, "now-"):
			var d time.Duration
			d, err = time.ParseDuration(strings.TrimPrefix(s, "now-"))
			v = kustoNow.Add(-d)
		case name == "t" || name == "u":
			v, err = time.Parse(time.RFC3339, s)
		case s == "" && !all:
			continue
		default:
			v = s
		}
		if err != nil || kustoNames[name] == "" {
			t.Fatalf("%s: %v", line, err)
		}
		out[kustoNames[name]] = v
	}
	return out
}

// TestVendorExamplesOfKusto holds what is read of Kusto's language, and the model
// of it in these tests, to the examples of Microsoft's documentation.
func TestVendorExamplesOfKusto(t *testing.T) {
	b, _ := defenderBackend(t)
	var tally vendorTally
	for _, e := range kustoExamples {
		t.Run(e.name, func(t *testing.T) {
			tally.examples++
			text := kustoTables + e.query
			rows := func(all bool) map[string][]map[string]any {
				out := map[string][]map[string]any{}
				for _, line := range vendorLines(e.rows) {
					out["DeviceNetworkEvents"] = append(out["DeviceNetworkEvents"], kustoCells(t, line, []string{"a", "b", "c"}, all))
				}
				for _, line := range vendorLines(e.right) {
					out["DeviceProcessEvents"] = append(out["DeviceProcessEvents"], kustoCells(t, line, []string{"a", "d"}, all))
				}
				return out
			}
			e.holdLifted(t, &tally, b.LiftText("example", text), eval.Runner{Now: kustoNow, Empty: eval.MissingIsEmpty, Source: func(s *ir.Scan) ([]eval.Row, error) {
				var out []eval.Row
				for _, m := range rows(false)[s.Physical.Table] {
					var names []string
					var vals []any
					for n, v := range m {
						names, vals = append(names, n), append(vals, v)
					}
					out = append(out, eval.NewRow(names, vals...))
				}
				return out, nil
			}})
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if s := fmt.Sprint(v); strings.HasPrefix(s, "not ") {
					t.Logf("beyond the model: %v", v)
					tally.unmodelled++
					return
				}
				t.Errorf("the model: %v\n%s", v, e.query)
			}()
			parsed, diags := kql.Parse("", text)
			if diags.HasErrors() {
				t.Logf("beyond the parser of queries that are emitted: %v", diags)
				tally.unmodelled++
				return
			}
			tables := rows(true)
			texts := map[string]any{}
			for _, name := range []string{"a", "b", "c", "d", "a1", "p"} {
				texts[name] = true
			}
			tables[kustoTexts] = []map[string]any{texts}
			got := kustoTable(parsed, tables)
			tally.modelled++
			e.hold(t, "by the model", len(got), func(i int, name string) any { return got[i][name] })
		})
	}
	t.Log(tally)
	if tally.run < 60 || tally.modelled < 60 {
		t.Errorf("too few examples: %s", tally)
	}
}
