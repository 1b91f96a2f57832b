package compiler_test

import (
	"testing"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/schema"
)

// defenderHunts are hunts with each stage of a pipeline, and what they become.
var defenderHunts = []struct{ name, doc, want string }{
	{"Values and friends", `title: Values and friends
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d11
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: network_connection}
detection:
    sel: {DestinationPort|gt: 1024, DestinationIp|cidr: ['10.0.0.0/8', 'fc00::/7', '192.168.0.0/16']}
    f: {DestinationPort|gte: 5000}
    f2: {SourceIp|cidr: '127.0.0.0/8'}
    f3: {DestinationPort: [5001, 5002, '60*']}
    condition: sel and not f and not f2 and not f3 and not (f and f2)
hunt:
    window: 90m
    pipeline: |
        extend h = hour(Timestamp), d = DestinationPort / 7
        where h between 5 and 9
        summarize n = count(), ips = values(DestinationIp), dc = dcount(DestinationIp), mx = max(DestinationPort), mn = min(DestinationIp), s = sum(DestinationPort), sd = stdev(d), lo = min(Timestamp), fi = first(Image), la = last(DestinationPort), lt = last(Timestamp) by Computer, b = bin(Timestamp, 1h)
        where n > 3 and dc >= 2 or sd > 4
        top 5 by n desc, Computer asc
`, `
DeviceNetworkEvents
| where Timestamp > ago(90m)
| where ActionType in~ ("ConnectionSuccess", "ConnectionRequest")
| where RemotePort > 1024
| where ipv4_is_in_any_range(replace_string(RemoteIP, "::ffff:", ""),
        "10.0.0.0/8",
        "192.168.0.0/16")
    or ipv6_is_in_range(RemoteIP, "fc00::/7")
| where isnull(RemotePort) or RemotePort < 5000
| where not(coalesce(ipv4_is_in_range(replace_string(LocalIP, "::ffff:", ""), "127.0.0.0/8"), false))
| where RemotePort !in (5001, 5002)
| where tostring(RemotePort) !startswith "60"
| extend h = datetime_part("hour", Timestamp), d = todouble(RemotePort) / 7
| where h between (5 .. 9)
| sort by Timestamp asc
| summarize n = count(),
    ips = make_set_if(RemoteIP, isnotempty(RemoteIP)),
    dc = count_distinctif(RemoteIP, isnotempty(RemoteIP)),
    mx = max(RemotePort),
    mn = minif(RemoteIP, isnotempty(RemoteIP)),
    s = sum(RemotePort),
    sd = iff(countif(isnotnull(d)) > 1, stdev(d), real(null)),
    lo = min(Timestamp),
    fi = tostring(make_list_if(InitiatingProcessFolderPath, isnotempty(InitiatingProcessFolderPath))[0]),
    la = tolong(make_list(RemotePort)[-1]),
    lt = todatetime(make_list(Timestamp)[-1])
    by DeviceName, b = bin(Timestamp, 1h)
| where (n > 3 and dc >= 2) or sd > 4
| sort by n desc, DeviceName asc
| take 5
`},
	{"Join", `title: Join
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d12
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: process_creation}
detection:
    sel: {Image|endswith: '\foo.exe', ProcessId: 0, User: 'NT AUTHORITY\SYSTEM'}
    condition: sel
hunt:
    window: 7d
    branches:
        net:
            logsource: {category: network_connection}
            detection: {s: {DestinationPort: 443}, condition: s}
            output: [Computer, DestinationIp, ProcessId]
    pipeline: |
        join kind=inner net on Computer, ProcessId
        distinct Computer, Image, DestinationIp
        sort by Computer asc
        limit 7
`, `
DeviceProcessEvents
| where Timestamp > ago(7d)
| where ActionType =~ "ProcessCreated"
| where FileName =~ "foo.exe"
| where ProcessId == 0
| where AccountDomain =~ "NT AUTHORITY"
| where AccountName =~ "SYSTEM"
| join kind=inner (
    DeviceNetworkEvents
    | where Timestamp > ago(7d)
    | where ActionType in~ ("ConnectionSuccess", "ConnectionRequest")
    | where RemotePort == 443
    | project DeviceName, ProcessId = InitiatingProcessId, DestinationIp = RemoteIP
    | where isnotempty(DeviceName)
    | where isnotnull(ProcessId)
) on DeviceName, ProcessId
| project-away DeviceName1, ProcessId1
| distinct DeviceName, FolderPath, DestinationIp
| top 7 by DeviceName asc
`},
	{"Anti", `title: Anti
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d13
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: process_creation}
detection:
    sel: {Image|endswith: '\foo.exe'}
    condition: sel
hunt:
    branches:
        net:
            logsource: {category: network_connection}
            detection: {s: {DestinationPort: 443}, condition: s}
            output: [Computer]
    pipeline: |
        join kind=anti net on Computer
        project Image, CommandLine
        top 5 by Image asc
`, `
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| where FileName =~ "foo.exe"
| join kind=leftanti (
    DeviceNetworkEvents
    | where ActionType in~ ("ConnectionSuccess", "ConnectionRequest")
    | where RemotePort == 443
    | project DeviceName
    | where isnotempty(DeviceName)
) on DeviceName
| project Timestamp, DeviceId, ReportId, FolderPath, FileName, ProcessCommandLine
| top 5 by FolderPath asc
`},
	{"Union", `title: Union
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d14
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: process_creation}
detection:
    sel: {Image|endswith: '\foo.exe'}
    condition: sel
hunt:
    output: [Timestamp, Computer, Image, LogonId]
    branches:
        net:
            logsource: {category: network_connection}
            detection: {s: {DestinationPort: 443}, condition: s}
            output: [Timestamp, Computer, Image, DestinationPort]
    pipeline: |
        union net
        sort by Timestamp desc
`, `
union (
    DeviceProcessEvents
    | where ActionType =~ "ProcessCreated"
    | where FileName =~ "foo.exe"
    | project Timestamp, DeviceId, ReportId, Computer = DeviceName, Image = FolderPath, LogonId
), (
    DeviceNetworkEvents
    | where ActionType in~ ("ConnectionSuccess", "ConnectionRequest")
    | where RemotePort == 443
    | project Timestamp, DeviceId, ReportId, Computer = DeviceName,
        Image = InitiatingProcessFolderPath, DestinationPort = RemotePort
)
| sort by Timestamp desc
`},
	{"Gaps without sum", `title: Gaps without sum
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d15
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: process_creation}
detection:
    sel: {Image|endswith: '\foo.exe'}
    condition: sel
hunt:
    pipeline: |
        gaps of Timestamp as d by Computer
        extend e = d * 2, f = Timestamp - 5m
        where d < 5s and not (e > 3m)
`, `
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| where FileName =~ "foo.exe"
| sort by DeviceName asc, Timestamp asc
| extend prev_DeviceName = prev(DeviceName), prev_Timestamp = prev(Timestamp)
| where DeviceName == prev_DeviceName and isnotnull(prev_Timestamp)
| extend d = (Timestamp - prev_Timestamp) / 1s
| where d < 5.0
| extend e = d * 2, f = Timestamp - 5m
| where e <= 180.0
| project Timestamp, DeviceId, DeviceName, ReportId, FileName, AccountName, AccountDomain,
    FolderPath, ProcessCommandLine, InitiatingProcessFolderPath, InitiatingProcessFileName,
    InitiatingProcessCommandLine, d, e, f
`},
	{"Sum only", `title: Sum only
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d16
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: network_connection}
detection:
    sel: {Image|endswith: '\foo.exe'}
    condition: sel
hunt:
    pipeline: |
        summarize a = avg(DestinationPort), u = values(User), s = stdev(DestinationPort), n = count()
        where s > 3 and n > 5
`, `
DeviceNetworkEvents
| where ActionType in~ ("ConnectionSuccess", "ConnectionRequest")
| where InitiatingProcessFileName =~ "foo.exe"
| summarize a = iff(countif(isnotnull(RemotePort)) > 0, avg(RemotePort), real(null)),
    u = make_set_if(strcat(case(isnotempty(InitiatingProcessAccountDomain),
                strcat(InitiatingProcessAccountDomain, @"\"),
                ""),
            InitiatingProcessAccountName),
        isnotempty(InitiatingProcessAccountName)),
    s = iff(countif(isnotnull(RemotePort)) > 1, stdev(RemotePort), real(null)),
    n = count()
| where s > 3
| where n > 5
`},
	{"Lookups", `title: Lookups
id: 6f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d17
status: test
author: x
level: low
taxonomy: huntc
logsource: {category: process_creation}
detection:
    sel: {Image|endswith: '\foo.exe'}
    condition: sel
hunt:
    pipeline: |
        join kind=left owners on Computer
        where owner != "ann"
        summarize n = count(), runs = dcount(concat(User, '!', owner)) by Computer, owner
        join kind=anti retired on Computer
        where exists(owner)
        sort by n desc
`, `
let owners = datatable(Computer: string, owner: string) [
    "host1", "ann",
    "host 2", "O'Neill \"bo\"",
    "host3", ""
];
let retired = datatable(Computer: string) [
    "host4",
    @"C:\x"
];
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| where FileName =~ "foo.exe"
| extend Computer = DeviceName
| lookup kind=leftouter (owners) on Computer
| where isnotempty(owner)
| where owner !~ "ann"
| summarize n = count(),
    runs = count_distinctif(strcat(case(isnotempty(AccountDomain), strcat(AccountDomain, @"\"), ""),
            AccountName,
            "!",
            owner),
        isnotempty(AccountName))
    by Computer, owner
| where Computer !in (retired)
| sort by n desc
`},
}

// defenderLookups are what the documents above join with.
var defenderLookups = []sigma.Lookup{
	{Name: "owners", Cols: []string{"Computer", "owner"}, Rows: [][]string{{"host1", "ann"}, {"host 2", "O'Neill \"bo\""}, {"host3", ""}}},
	{Name: "retired", Cols: []string{"Computer"}, Rows: [][]string{{"host4"}, {`C:\x`}}},
}

func TestDefenderHunts(t *testing.T) {
	b, s := defenderBackend(t)
	var queries []kustotest.Query
	for _, c := range defenderHunts {
		t.Run(c.name, func(t *testing.T) {
			query := checkDefenderHunt(t, b, s, c.doc)
			if want := c.want[1:]; query != want {
				t.Errorf("got\n%s\nwant\n%s", query, want)
			}
			queries = append(queries, kustotest.Query{ID: c.name, Text: query})
		})
	}
	kustotest.NoFindings(t, queries)
}

// checkDefenderHunt compiles a document, holds it to the laws and returns the
// query.
func checkDefenderHunt(t *testing.T, b *defender.Backend, s *schema.Schema, doc string) string {
	t.Helper()
	file, diags := sigma.Load("hunt.yml", []byte(doc), &sigma.Options{Lookups: defenderLookups})
	if len(file.Hunts) != 1 {
		t.Fatal(diags)
	}
	a := b.Compile(file.Hunts[0])
	if a.Query == "" {
		t.Fatal(a.Diagnostics)
	}
	res := s.Resolve(file.Hunts[0], schema.XDR)
	plan, _ := b.Plan(res.Query, res.Fields)
	checkDefenderLaws(t, b, "hunt.yml", plan)
	return a.Query
}
