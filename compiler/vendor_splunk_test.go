package compiler_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/splmodel"
	"github.com/huntc/huntc/ir"
)

// splExamples are from Splunk's Search Reference and Search Manual. A query that
// begins with a bar reads events that have the fields of the rows.
var splExamples = []vendorExample{
	{source: "Comparison and Conditional functions: case", name: "no condition holds", query: `| eval d=case(status==200, "OK", status==404, "Not found", status==500, "Internal Server Error") | table status, d`,
		rows: "status=200\nstatus=408\nstatus=404\nstatus=500", want: "status=200; d=OK\nstatus=408; d=\nstatus=404; d=Not found\nstatus=500; d=Internal Server Error"},
	{source: "Comparison and Conditional functions: true", name: "a default", query: `| eval d=case(status==200, "OK", status==404, "Not found", true(), "Other") | table status, d`,
		rows: "status=200\nstatus=408\nstatus=404", want: "status=200; d=OK\nstatus=408; d=Other\nstatus=404; d=Not found"},
	{source: "Comparison and Conditional functions: case", name: "the first that holds", query: `| eval d=case(depth<=70, "Low", depth>70 AND depth<=300, "Mid", depth>300, "Deep") | stats count as n, min(mag) as least, max(mag) as most by d`,
		rows: "depth=70; mag=-0.6\ndepth=71; mag=0.8\ndepth=300; mag=6.3\ndepth=301; mag=4.1", want: "d=Low; n=1; least=-0.6; most=-0.6\nd=Mid; n=2; least=0.8; most=6.3\nd=Deep; n=1; least=4.1; most=4.1"},
	{source: "Comparison and Conditional functions: cidrmatch", name: "cidrmatch within if", query: `| eval l=if(cidrmatch("123.132.32.0/25", ip), "local", "not local") | table ip, l`,
		rows: "ip=123.132.32.9\nip=123.132.32.200", want: "ip=123.132.32.9; l=local\nip=123.132.32.200; l=not local"},
	{source: "Comparison and Conditional functions: cidrmatch", name: "cidrmatch within where", query: `| where cidrmatch("192.0.2.0/24", ip) | table ip`, rows: "ip=192.0.2.56\nip=192.0.3.0", want: "ip=192.0.2.56"},
	{source: "Comparison and Conditional functions: cidrmatch", name: "cidrmatch of IPv6", query: `| where cidrmatch("2001:db8:ffff:ffff:ffff:ffff:ffff:ff00/120", ip) | table ip`,
		rows: "ip=2001:0db8:ffff:ffff:ffff:ffff:ffff:ff99\nip=2001:0db8:ffff:ffff:ffff:ffff:ffff:fe99", want: "ip=2001:0db8:ffff:ffff:ffff:ffff:ffff:ff99"},
	{source: "Comparison and Conditional functions: cidrmatch", name: "a network in search", query: `| search ip="192.0.2.0/24" | table ip`, rows: "ip=192.0.2.56\nip=192.0.3.0", want: "ip=192.0.2.56"},
	{source: "Comparison and Conditional functions: coalesce", name: "the first that is not null", query: `| eval ip=coalesce(clientip, ipaddress) | table ip`,
		rows: "clientip=1.1.1.1; ipaddress=2.2.2.2\nipaddress=3.3.3.3\nclientip=4.4.4.4", want: "ip=1.1.1.1\nip=3.3.3.3\nip=4.4.4.4"},
	{source: "Comparison and Conditional functions: if", name: "if", query: `| eval e=if(error == 200, "OK", "Error") | table error, e`, rows: "error=200\nerror=404", want: "error=200; e=OK\nerror=404; e=Error"},
	{source: "Comparison and Conditional functions: if", name: "what is not true is otherwise", query: `| eval e=if(error == 200, "OK", "Error") | table e`, rows: "other=1", want: "e=Error"},
	{source: "Comparison and Conditional functions: in", name: "in compares numbers of events with texts", query: `| where status in("400", "401", "403", "404") | table status`, rows: "status=404\nstatus=200", want: "status=404"},
	{source: "Comparison and Conditional functions: in", name: "in within if", query: `| eval e=if(in(status, "error", "failure", "severe"), "true", "false") | stats count as n by e`,
		rows: "status=error\nstatus=ok\nstatus=severe", want: "e=true; n=2\ne=false; n=1"},
	{source: "Comparison and Conditional functions: in", name: "in has no wildcards", query: `| where in(a, "fo*") | table a`, rows: "a=foo\na=fo*", want: "a=fo*"},
	{source: "Comparison and Conditional functions: like", name: "like within if", query: `| eval f=if(like(a, "foo%"), "yes a foo", "not a foo") | table a, f`, rows: "a=foobar\na=barfoo", want: "a=foobar; f=yes a foo\na=barfoo; f=not a foo"},
	{source: "Comparison and Conditional functions: like", name: "like within where", query: `| where like(ip, "198.%") | table ip`, rows: "ip=198.1.2.3\nip=1.198.2.3", want: "ip=198.1.2.3"},
	{source: "eval: Operators that produce booleans", name: "LIKE with one character", query: `| where a LIKE "a%b_" | table a`, rows: "a=axxbc\na=abc\na=ab\na=axxbcd", want: "a=axxbc\na=abc"},
	{source: "Comparison and Conditional functions: match", name: "match of a whole text", query: `| eval n=if(match(a, "^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"), 1, 0) | table a, n`, rows: "a=10.0.0.1\na=x10.0.0.1", want: "a=10.0.0.1; n=1\na=x10.0.0.1; n=0"},
	{source: "Comparison and Conditional functions: match", name: "match finds a part", query: `| where match(a, "yes") | table a`, rows: "a=oh yes!\na=YES", want: "a=oh yes!"},
	{source: "Comparison and Conditional functions: match", name: "quotes in a regular expression", query: `| eval n=if(match(a, "\"yes\""), 1, 0) | table n`, rows: "a=\"yes\"\na=yes", want: "n=1\nn=0"},
	{source: "Comparison and Conditional functions: nullif", name: "nullif", query: `| eval c=nullif(a, b) | table a, c`, rows: "a=buttercup; b=mistmane\na=rarity; b=rarity", want: "a=buttercup; c=buttercup\na=rarity; c=", unread: true},
	{source: "Comparison and Conditional functions: searchmatch", name: "searchmatch", query: `| eval r=if(searchmatch("x=hi y=*"), "yes", "no") | table r`, rows: "x=hi; y=bye\nx=ho; y=bye\nx=hi", want: "r=yes\nr=no\nr=no"},
	{source: "Comparison and Conditional functions: null", name: "null clears a field", query: `| eval a=null() | where isnull(a) | table b`, rows: "a=x; b=1", want: "b=1"},
	{source: "Comparison and Conditional functions: validate", name: "validate", query: `| eval n=validate(port >= 1, "too small") | table n`, rows: "port=0", want: "n=too small", unread: true},

	{source: "where", name: "two fields", query: `| where ipaddress=clientip | table ipaddress`, rows: "ipaddress=a; clientip=a\nipaddress=a; clientip=b\nipaddress=c", want: "ipaddress=a"},
	{source: "where", name: "where has case", query: `| where host="www2" | table host`, rows: "host=www2\nhost=WWW2", want: "host=www2"},
	{source: "where", name: "a calculation", query: `| where distance/time > 100 | table distance`, rows: "distance=1000; time=2\ndistance=100; time=2\ndistance=5; time=0", want: "distance=1000"},
	{source: "where", name: "like or a network", query: `| where like(src, "10.9.165.%") OR cidrmatch("10.9.165.0/25", dst) | table src`, rows: "src=10.9.165.9; dst=1.1.1.1\nsrc=1.1.1.1; dst=10.9.165.1\nsrc=2.2.2.2; dst=10.9.165.200", want: "src=10.9.165.9\nsrc=1.1.1.1"},
	{source: "where: Boolean expressions", name: "AND comes before OR", query: `| where a=1 OR b=1 AND c=1 | table k`, rows: "k=1; a=1; b=0; c=0\nk=2; a=0; b=1; c=0\nk=3; a=0; b=1; c=1", want: "k=1\nk=3"},
	{source: "search: Boolean expressions", name: "OR comes before AND", query: `| search a=1 OR b=1 c=1 | table k`, rows: "k=1; a=1; b=0; c=0\nk=2; a=0; b=1; c=0\nk=3; a=0; b=1; c=1\nk=4; a=1; b=0; c=1", want: "k=3\nk=4"},
	{source: "where: Boolean expressions", name: "NOT comes first", query: `| where NOT a=1 AND b=1 | table k`, rows: "k=1; a=1; b=1\nk=2; a=0; b=1\nk=3; a=0; b=0", want: "k=2"},

	{source: "Use CASE() and TERM() to match phrases", name: "search has no case", query: `| search a=error | table a`, rows: "a=Error\na=error\na=ERROR\na=errors", want: "a=Error\na=error\na=ERROR"},
	{source: "Wildcards", name: "a star in search", query: `| search a="my*" | table a`, rows: "a=myhost1\na=myhost.ny.mydomain.com\na=amy", want: "a=myhost1\na=myhost.ny.mydomain.com"},
	{source: "search: IN", name: "IN with stars", query: `| search status IN (40*, 500) | table status`, rows: "status=404\nstatus=400\nstatus=500\nstatus=5000", want: "status=404\nstatus=400\nstatus=500"},
	{source: "NOT expressions", name: "!= asks for the field", query: `| search location!="Calaveras Farms" | table k`, rows: "k=1; location=Calaveras Farms\nk=2; location=Other\nk=3", want: "k=2"},
	{source: "NOT expressions", name: "NOT does not", query: `| search NOT location="Calaveras Farms" | table k`, rows: "k=1; location=Calaveras Farms\nk=2; location=Other\nk=3", want: "k=2\nk=3"},
	{source: "NOT expressions", name: "events without a field", query: `| search NOT location=* | table k`, rows: "k=1; location=x\nk=2", want: "k=2"},
	{source: "search: Comparison expressions", name: "numbers by size", query: `| search bytes>1000 | table bytes`, rows: "bytes=999\nbytes=1000\nbytes=2000\nk=1", want: "bytes=2000"},
	{source: "search: Comparison expressions", name: "the negation of an order has events without the field", query: `| search NOT bytes>1000 | table k`, rows: "k=1; bytes=2000\nk=2; bytes=1\nk=3", want: "k=2\nk=3"},
	{source: "search", name: "of several values one is enough", query: `| search a=y | table k`, rows: "k=1; a=x|y\nk=2; a=x|z", want: "k=1"},

	{source: "eval: Basic examples", name: "a quotient", query: `| eval v=distance/time | table v`, rows: "distance=10; time=4", want: "v=2.5"},
	{source: "eval: Numeric calculations", name: "division by zero is null", query: `| eval v=a/b | table k, v`, rows: "k=1; a=1; b=0\nk=2; a=1; b=2", want: "k=1; v=\nk=2; v=0.5"},
	{source: "eval: Basic examples", name: "texts one behind the other", query: `| eval f=first." ".last | table f`, rows: "first=Ann; last=Lee", want: "f=Ann Lee"},
	{source: "eval: Operators", name: "the dot reads numbers as texts", query: `| eval f=a.b | table f`, rows: "a=1; b=2", want: "f=12"},
	{source: "eval: Operators", name: "plus joins texts", query: `| eval f="server-"+a | table f`, rows: "a=x", want: "f=server-x"},
	{source: "eval: Description", name: "an assignment sees those before it", query: `| eval f=first." ".last, l=lower(f) | table l`, rows: "first=Ann; last=Lee", want: "l=ann lee"},
	{source: "eval: Description", name: "a field that is there is overwritten", query: `| eval a=b | table a`, rows: "a=1; b=2", want: "a=2"},

	{source: "Text functions: len", name: "len", query: `| eval l=len(a) | table a, l`, rows: "a=buttercup\na=rarity\na=日本", want: "a=buttercup; l=9\na=rarity; l=6\na=日本; l=2"},
	{source: "Text functions: lower, upper", name: "lower and upper", query: `| eval l=lower(a), u=upper(a) | table l, u`, rows: "a=AbC", want: "l=abc; u=ABC"},
	{source: "Text functions: replace", name: "replace with groups", query: `| eval n=replace(a, "^(\d{1,2})/(\d{1,2})/", "\2/\1/") | table n`, rows: "a=1/14/2023", want: "n=14/1/2023", unread: true},
	{source: "Text functions: replace", name: "every occurrence", query: `| eval n=replace(a, "-", "_") | table n`, rows: "a=a-b-c", want: "n=a_b_c"},
	{source: "Text functions: substr", name: "substr counts from 1", query: `| eval n=substr(a, 1, 3), m=substr(a, 2) | table n, m`, rows: "a=string", want: "n=str; m=tring"},
	{source: "Text functions: substr", name: "substr from the end", query: `| eval n=substr(a, 1, 3) + substr(a, -3) | table n`, rows: "a=string", want: "n=string", unread: true},
	{source: "Text functions: trim", name: "trim", query: `| eval n=trim(a, " Z") | table n`, rows: "a=ZZabcZ", want: "n=abc", unread: true},
	{source: "Conversion functions: tonumber", name: "a text that spells no number", query: `| eval n=tonumber(a) | table a, n`, rows: "a=32\na=x", want: "a=32; n=32\na=x; n="},
	{source: "Mathematical functions", name: "rounding", query: `| eval f=floor(a), c=ceiling(a), b=abs(a) | table f, c, b`, rows: "a=1.9\na=-2.5", want: "f=1; c=2; b=1.9\nf=-3; c=-2; b=2.5"},
	{source: "Mathematical functions: round", name: "round", query: `| eval r=round(a), s=round(b, 2) | table r, s`, rows: "a=3.5; b=2.556", want: "r=4; s=2.56"},
	{source: "Informational functions", name: "isnull and isnotnull", query: `| where isnull(a) AND isnotnull(b) | table k`, rows: "k=1; b=1\nk=2; a=1; b=1\nk=3", want: "k=1"},
	{source: "Date and Time functions: relative_time", name: "an hour ago", query: `| where _time > relative_time(now(), "-1h") | table k`, rows: "k=1; _time=now-1800\nk=2; _time=now-5400", want: "k=1"},

	{source: "Multivalue eval functions: mvcount", name: "mvcount", query: `| eval n=mvcount(a) | table k, n`, rows: "k=1; a=x|y|z\nk=2; a=x\nk=3", want: "k=1; n=3\nk=2; n=1\nk=3; n="},
	{source: "Multivalue eval functions: mvcount", name: "the values of split", query: `| eval n=mvcount(split(a, "@"))-1 | table n`, rows: "a=x@a.b,y@a.b\na=x", want: "n=2\nn=0"},
	{source: "Multivalue eval functions: mvindex", name: "mvindex counts from 0", query: `| eval n=mvindex(a, 2) | table k, n`, rows: "k=1; a=alex|celestino|claudia|david\nk=2; a=alex|wei", want: "k=1; n=claudia\nk=2; n="},
	{source: "Multivalue eval functions: mvindex", name: "mvindex from the end", query: `| eval n=mvindex(a, -1) | table n`, rows: "a=alex|wei", want: "n=wei"},
	{source: "Multivalue eval functions: mvjoin", name: "mvjoin", query: `| eval n=mvjoin(a, " OR ") | table n`, rows: "a=1|2|3\na=x", want: "n=1 OR 2 OR 3\nn=x"},
	{source: "Multivalue eval functions: split", name: "a part of a text", query: `| eval n=mvindex(split(a, "/"), 2) | table n`, rows: "a=http://a.b/c\na=x", want: "n=a.b\nn="},

	{source: "stats", name: "one row without by", query: `| stats count as n, sum(a) as s, max(a) as m`, rows: "", want: "n=0; s=; m="},
	{source: "stats", name: "no rows of nothing with by", query: `| stats count as n by a`, rows: "", want: ""},
	{source: "stats", name: "a row for each combination", query: `| stats count as n by status, host`, rows: "status=200; host=www1\nstatus=200; host=www2\nstatus=200; host=www1\nstatus=400; host=www1",
		want: "status=200; host=www1; n=2\nstatus=200; host=www2; n=1\nstatus=400; host=www1; n=1"},
	{source: "stats", name: "a row that lacks a field of by is in no group", query: `| stats count as n by status, user`, rows: "status=200; user=www1\nstatus=200\nuser=www1", want: "status=200; user=www1; n=1"},
	{source: "stats: Extended examples", name: "count of a condition", query: `| stats count(eval(method="GET")) as g, count(eval(method="POST")) as p by host`, rows: "host=www1; method=GET\nhost=www1; method=POST\nhost=www1; method=GET\nhost=www2; method=get", want: "host=www1; g=2; p=1\nhost=www2; g=0; p=0"},
	{source: "Aggregate functions: count", name: "count of a field has rows with it", query: `| stats count(a) as n, count as m`, rows: "a=1\nb=1\na=2", want: "n=2; m=3"},
	{source: "Aggregate functions: count", name: "count of a field by another", query: `| stats count(a) as n by b`, rows: "a=1; b=x\nb=x\nb=y", want: "b=x; n=1\nb=y; n=0"},
	{source: "Aggregate functions: distinct_count", name: "dc", query: `| stats dc(host) as n`, rows: "host=a\nhost=A\nhost=a\nk=1", want: "n=2"},
	{source: "Aggregate functions: avg, mean", name: "the average", query: `| stats avg(size) as a, mean(size) as m by host`, rows: "host=x; size=1\nhost=x; size=2\nhost=x", want: "host=x; a=1.5; m=1.5"},
	{source: "Aggregate functions: max, min", name: "numbers come before texts", query: `| stats min(a) as p, max(a) as q`, rows: "a=1\na=c\na=a\na=2\na=100\na=b\na=4\na=9", want: "p=1; q=c"},
	{source: "Aggregate functions: max, min", name: "numbers by size", query: `| stats min(a) as p, max(a) as q`, rows: "a=10\na=9\na=70\na=100", want: "p=9; q=100"},
	{source: "Aggregate functions: max, min", name: "upper case comes before lower case", query: `| stats min(a) as p, max(a) as q`, rows: "a=b\na=B\na=a", want: "p=B; q=b"},
	{source: "Aggregate functions: median", name: "the middle value", query: `| stats exactperc50(n) as p`, rows: "n=37\nn=58\nn=8\nn=34\nn=13\nn=74\nn=38", want: "p=37"},
	{source: "Aggregate functions: range", name: "range", query: `| stats range(n) as r by q`, rows: "q=1; n=1200\nq=1; n=1650\nq=2; n=5", want: "q=1; r=450\nq=2; r=0", unread: true},
	{source: "Aggregate functions: mean, extended example", name: "the deviation of one value", query: `| stats stdev(n) as s`, rows: "n=5", want: "s=0"},
	{source: "Aggregate functions: sum", name: "sum", query: `| stats sum(n) as s by q`, rows: "q=1; n=1200\nq=1; n=1650\nq=1", want: "q=1; s=2850"},
	{source: "Multivalue stats and chart functions: values", name: "values are distinct and in order", query: `| stats values(a) as v`, rows: "a=b\na=a\na=b\nk=1", want: "v=[a,b]"},
	{source: "Multivalue stats and chart functions: values", name: "the order of values is that of texts", query: `| stats values(a) as v | eval j=mvjoin(v, ",") | table j`, rows: "a=10\na=9\na=70\na=100", want: "j=10,100,70,9"},
	{source: "Time functions: earliest, latest", name: "by time, not by place", query: `| stats earliest(a) as p, latest(a) as q`, rows: "a=x; _time=20\na=y; _time=30\na=z; _time=10", want: "p=z; q=y"},
	{source: "Event order functions: first, last", name: "by place", query: `| sort 0 n | stats first(a) as p, last(a) as q`, rows: "a=x; n=2\na=y; n=3\na=z; n=1", want: "p=z; q=y"},

	{source: "dedup", name: "the first of each value", query: `| dedup host | stats count as n`, rows: "host=www1; k=1\nhost=www2; k=2\nhost=www1; k=3", want: "n=2"},
	{source: "dedup", name: "rows without the field are dropped", query: `| dedup user | table user`, rows: "user=www1\nk=2\nuser=www1", want: "user=www1"},
	{source: "dedup", name: "combinations", query: `| dedup host a | table host, a`, rows: "host=www1; a=x\nhost=www1; a=y\nhost=www1; a=x\nhost=www1", want: "host=www1; a=x\nhost=www1; a=y"},
	{source: "dedup", name: "filled before", query: `| fillnull value="MISSING" host | dedup host | table host`, rows: "host=www1\nk=2\nk=3", want: "host=www1\nhost=MISSING"},
	{source: "dedup", name: "some of each", query: `| dedup 3 source`, rows: "source=a", want: "", unread: true},
	{source: "fillnull", name: "fields that are named", query: `| fillnull value=unknown host kbps | table host, avg, kbps`, rows: "host=a; avg=1\navg=2; kbps=3\nhost=b; kbps=4", want: "host=a; avg=1; kbps=unknown\nhost=unknown; avg=2; kbps=3\nhost=b; avg=; kbps=4"},
	{source: "fillnull", name: "the default is 0", query: `| fillnull | table a, b`, rows: "a=5\nb=6", want: "a=5; b=0\na=0; b=6"},
	{source: "fillnull", name: "a field that is not there is made", query: `| fillnull value=unknown bytes | table a, bytes`, rows: "a=5", want: "a=5; bytes=unknown"},

	{source: "sort", name: "ascending, missing last", query: `| sort 0 n | table k, n`, rows: "k=1; n=2\nk=2\nk=3; n=1", want: "k=3; n=1\nk=1; n=2\nk=2; n=", ordered: true, shown: true},
	{source: "sort", name: "the last of an ascending order", query: `| sort 3 n | table k, n`, rows: "k=1; n=2\nk=2\nk=3; n=1\nk=4", want: "k=3; n=1\nk=1; n=2\nk=2; n="},
	{source: "sort", name: "places in an ascending order", query: `| sort 0 n | streamstats count as c | where c <= 2 | table k, c`, rows: "k=1; n=2\nk=2\nk=3; n=1", want: "k=3; c=1\nk=1; c=2"},
	{source: "sort", name: "descending, missing last", query: `| sort 0 - n | table k, n`, rows: "k=1; n=2\nk=2\nk=3; n=3", want: "k=3; n=3\nk=1; n=2\nk=2; n=", ordered: true},
	{source: "sort", name: "the first of an ascending order", query: `| sort 1 n | table k`, rows: "k=1; n=2\nk=2\nk=3; n=1", want: "k=3"},
	{source: "sort", name: "two keys", query: `| sort 0 _time, - host | table _time, host`, rows: "_time=2; host=a\n_time=1; host=a\n_time=1; host=b", want: "_time=1; host=b\n_time=1; host=a\n_time=2; host=a", ordered: true},
	{source: "sort", name: "numbers by size", query: `| sort 0 - n | table n`, rows: "n=9.1\nn=10.1", want: "n=10.1\nn=9.1", ordered: true},
	{source: "sort", name: "the most recent event", query: `| sort 1 - _time | table k`, rows: "k=1; _time=1\nk=2; _time=3\nk=3; _time=2", want: "k=2"},
	{source: "sort", name: "an order of one's own", query: `| eval w=lower(day) | eval s=case(w=="monday", 1, w=="tuesday", 2, w=="friday", 5) | sort 0 s | table day`, rows: "day=Friday\nday=Monday\nday=Tuesday", want: "day=Monday\nday=Tuesday\nday=Friday", ordered: true},
	{source: "head", name: "head", query: `| head 2 | stats count as n`, rows: "a=1\na=2\na=3", want: "n=2"},

	{source: "streamstats", name: "a running count", query: `| sort 0 _time | streamstats count as c | table _time, c`, rows: "_time=30\n_time=10\n_time=20", want: "_time=10; c=1\n_time=20; c=2\n_time=30; c=3"},
	{source: "streamstats", name: "a running count by a field", query: `| sort 0 host, _time | streamstats count as c by host | table host, _time, c`, rows: "host=x; _time=5\nhost=y; _time=4\nhost=x; _time=3\nhost=x; _time=2\nhost=y; _time=1",
		want: "host=x; _time=2; c=1\nhost=x; _time=3; c=2\nhost=x; _time=5; c=3\nhost=y; _time=1; c=1\nhost=y; _time=4; c=2"},
	{source: "streamstats", name: "the row before", query: `| sort 0 host, _time | streamstats current=f window=1 global=f last(a) as p by host | table host, a, p`, rows: "host=x; _time=1; a=p\nhost=x; _time=2; a=q\nhost=y; _time=1; a=r",
		want: "host=x; a=p; p=\nhost=x; a=q; p=p\nhost=y; a=r; p="},
	{source: "streamstats", name: "a running sum", query: `| sort 0 hour | streamstats sum(n) as s | table hour, s`, rows: "hour=8; n=0\nhour=9; n=212\nhour=10; n=367", want: "hour=8; s=0\nhour=9; s=212\nhour=10; s=579", unread: true},
	{source: "eventstats", name: "an aggregate beside each row", query: `| eventstats avg(n) as v by host | table host, n, v`, rows: "host=x; n=1\nhost=x; n=3\nhost=y; n=5", want: "host=x; n=1; v=2\nhost=x; n=3; v=2\nhost=y; n=5; v=5"},
	{source: "eventstats", name: "rows without the field of by stay", query: `| eventstats count as c by host | table k, c`, rows: "k=1; host=x\nk=2; host=x\nk=3", want: "k=1; c=2\nk=2; c=2\nk=3; c="},
	{source: "bin", name: "bin of times", query: `| bin _time span=5m | stats count as n by _time`, rows: "_time=299\n_time=300\n_time=301", want: "_time=0; n=1\n_time=300; n=2"},
	{source: "Aggregate functions: avg", name: "an average in each stretch of time", query: `| bin _time span=5m | stats avg(n) as v by _time, host`, rows: "_time=10; host=x; n=1\n_time=20; host=x; n=2\n_time=310; host=x; n=5", want: "_time=0; host=x; v=1.5\n_time=300; host=x; v=5"},

	{source: "rename", name: "rename", query: `| rename a as b | table b`, rows: "a=1", want: "b=1"},
	{source: "fields", name: "fields that go", query: `| fields - a | table b`, rows: "a=1; b=2", want: "b=2"},
	{source: "rex", name: "groups with names", query: `| rex field=a "from=<(?<from>.*)> to=<(?<to>.*)>" | table from, to`, rows: "a=x from=<p@q> to=<r@s>", want: "from=p@q; to=r@s"},
	{source: "rex", name: "no match", query: `| rex field=a "u=(?<user>\w+)" | table k, user`, rows: "k=1; a=u=ann\nk=2; a=x", want: "k=1; user=ann\nk=2; user="},
	{source: "regex", name: "regex keeps what matches", query: `| regex a="^10\." | table a`, rows: "a=10.1.1.1\na=110.1.1.1", want: "a=10.1.1.1"},

	{source: "join", name: "inner, and one partner at most", query: "| stats count as n by a | join a [search `right` | stats values(d) as d by a] | table a, n, d", rows: "a=x\na=x\na=y", right: "a=x; d=p\na=z; d=q", want: "a=x; n=2; d=p"},
	{source: "join", name: "left", query: "| stats count as n by a | join type=left a [search `right` | stats values(d) as d by a] | table a, n, d", rows: "a=x\na=y", right: "a=x; d=p\na=z; d=q", want: "a=x; n=1; d=p\na=y; n=1; d="},
	{source: "join", name: "a field of both is that of the subsearch", query: "| stats max(d) as d by a | join a [search `right` | stats max(d) as d by a] | table a, d", rows: "a=x; d=1", right: "a=x; d=2", want: "a=x; d=2"},
	{source: "append", name: "append", query: "| table a | append [search `right` | table a] | stats count as n", rows: "a=x\na=y", right: "a=x", want: "n=3"},

	{source: "tstats", name: "events without a key are left out", query: "| tstats count as n from datamodel=Endpoint.Processes by Processes.user, Processes.process_path", rows: "user=u; process_path=p\nuser=u", want: "Processes.user=u; Processes.process_path=p; n=1"},
	{source: "tstats", name: "fillnull_value", query: "| tstats fillnull_value=none count as n from datamodel=Endpoint.Processes by Processes.user, Processes.process_path", rows: "user=u; process_path=p\nuser=u", want: "Processes.user=u; Processes.process_path=p; n=1\nProcesses.user=u; Processes.process_path=none; n=1"},
	{source: "tstats", name: "where compares as search does", query: "| tstats count as n from datamodel=Endpoint.Processes where Processes.process_name=CMD* by Processes.process_name", rows: "process_name=cmd.exe\nprocess_name=xcmd.exe", want: "Processes.process_name=cmd.exe; n=1"},
	{source: "tstats", name: "IN with stars", query: "| tstats count as n from datamodel=Endpoint.Processes where Processes.process_name IN (cmd*, net.exe)", rows: "process_name=cmd.exe\nprocess_name=NET.exe\nprocess_name=net1.exe", want: "n=2"},
	{source: "tstats", name: "NOT in where", query: "| tstats count as n from datamodel=Endpoint.Processes where NOT Processes.process_path=p", rows: "process_path=p\nprocess_path=q\nuser=u", want: "n=2"},
	{source: "tstats", name: "stretches of time", query: "| tstats count as n from datamodel=Endpoint.Processes by _time span=5m", rows: "_time=299\n_time=300\n_time=301", want: "_time=0; n=1\n_time=300; n=2"},
}

// splNow is when the searches of the examples run, in seconds.
const splNow = 1_000_000

// splCells makes a row of a line: what spells a number is one, as it is in the
// fields of events.
func splCells(t *testing.T, line string) splmodel.Row {
	t.Helper()
	out := splmodel.Row{}
	// Every event has a time.
	if !strings.Contains(line, "_time") {
		out["_time"] = 1.0
	}
	one := func(s string) any {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
		return s
	}
	names, values := cells(line)
	for i, name := range names {
		switch s := values[i]; {
		case strings.HasPrefix(s, "now-"):
			back, err := strconv.ParseFloat(strings.TrimPrefix(s, "now-"), 64)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = splNow - back
		case strings.Contains(s, "|"):
			var list []any
			for _, part := range strings.Split(s, "|") {
				list = append(list, one(part))
			}
			out[name] = list
		default:
			out[name] = one(s)
		}
	}
	return out
}

// TestVendorExamplesOfSplunk holds what is read of SPL, and the model of it, to
// the examples of Splunk's documentation.
func TestVendorExamplesOfSplunk(t *testing.T) {
	b := splunkBackend(t)
	var tally vendorTally
	for _, e := range splExamples {
		t.Run(e.name, func(t *testing.T) {
			tally.examples++
			left, right := []splmodel.Row{}, []splmodel.Row{}
			names := []string{"_time"}
			for _, line := range vendorLines(e.rows) {
				left = append(left, splCells(t, line))
				n, _ := cells(line)
				for _, name := range n {
					if !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
			for _, line := range vendorLines(e.right) {
				right = append(right, splCells(t, line))
			}
			e := e
			if !strings.HasPrefix(e.query, "| tstats") {
				e.query = "`events` | table " + strings.Join(names, ", ") + " " + e.query
			}
			rows := func(source string) []splmodel.Row {
				if source == "right" {
					return right
				}
				return left
			}
			e.holdLifted(t, &tally, b.LiftText("example", e.query), eval.Runner{Now: time.Unix(splNow, 0), Seconds: true, Source: func(s *ir.Scan) ([]eval.Row, error) {
				var out []eval.Row
				for _, m := range rows(s.Physical.Table) {
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
				switch v := recover().(type) {
				case nil:
				case unmodelled:
					t.Logf("beyond the model: %v", v)
					tally.unmodelled++
				default:
					t.Errorf("the model: %v\n%s", v, e.query)
				}
			}()
			parsed, diags := spl.Parse("", e.query)
			if diags.HasErrors() {
				t.Logf("beyond the parser: %v", diags)
				tally.unmodelled++
				return
			}
			m := &splmodel.Model{T: modelTest{t}, Events: rows, Now: splNow}
			got := m.Run(parsed)
			tally.modelled++
			e.hold(t, "by the model", len(got), func(i int, name string) any { return got[i][name] }, fmt.Sprint(got))
		})
	}
	t.Log(tally)
	if tally.run < 60 || tally.modelled < 60 {
		t.Errorf("too few examples: %s", tally)
	}
}
