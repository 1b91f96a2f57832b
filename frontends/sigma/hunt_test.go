package sigma_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHunts(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"beaconing", `
title: Beaconing
taxonomy: huntc
logsource: {category: network_connection}
detection:
    allowed: {Action: allowed}
    internal: {DestinationZone: internal}
    condition: allowed and not internal
hunt:
    window: 1d
    phase: c2
    confidence: medium
    pipeline: |
        gaps of Timestamp as delta by SourceIp, DestinationIp
        summarize n = count(), avg_delta = avg(delta), sd_delta = stdev(delta) by SourceIp, DestinationIp
        where n > 30 and sd_delta < 5s and avg_delta between 30s and 10m
        sort by n desc
`, `
scan network_connection//
where (Action ~ "allowed" and not DestinationZone ~ "internal")
gaps of Timestamp as delta by SourceIp, DestinationIp
summarize n = count(), avg_delta = avg(delta), sd_delta = stdev(delta) by SourceIp, DestinationIp
where (n > 30 and sd_delta < 5s and avg_delta >= 30s and avg_delta <= 10m0s)
sort by n desc
`},
		{"union", `
title: Union
taxonomy: huntc
logsource: {category: process_creation, product: windows}
detection:
    selection: {Image|endswith: '\node.js'}
    condition: selection
hunt:
    output: [Timestamp, Computer, Image]
    branches:
        files:
            logsource: {category: file_event, product: windows}
            detection:
                selection: {TargetFilename|endswith: '\node.js'}
                condition: selection
            output: [Timestamp, Computer, TargetFilename]
    pipeline: union files
`, `
union
  scan process_creation/windows/
  where Image ~ *"\node.js"
  project Timestamp, Computer, Image
  --
  scan file_event/windows/
  where TargetFilename ~ *"\node.js"
  project Timestamp, Computer, TargetFilename
  --
`},
		{"stages of every kind", `
title: Stages
taxonomy: huntc
logsource: {category: process_creation}
detection: {s: {A: b}, condition: s}
hunt:
    branches:
        info:
            logsource: {category: device_info}
            detection: {s: {C|exists: true}, condition: s}
            pipeline: |
                summarize last = max(Timestamp) by Computer
        seen:
            logsource: {category: process_creation}
            detection: {s: {D: 1}, condition: s}
            output: [Computer]
    pipeline: |
        // a comment, with a | and a " in it
        extend h = hour(Timestamp), w = (Size + 1) * 2 - -3
        where not exists(User) or User in ("a", "b", 3)
            and Path contains "x\y" and not (Path endswith "\"q\\") // the end
        where ['cs-uri'] matches regex "^a\.b" | where User != "root" and 5 < w and Ok = true

        summarize count(), dcount(User), hosts = values(Computer)
            by Computer, bin(Timestamp, 5m), slot = bin(w, 10)
        join kind=left info on Computer
        join kind=anti seen on Computer
        distinct Computer, count
        top 5 by count desc, Computer asc
        project host = Computer, count
        limit 3
`, `
scan process_creation//
where A ~ "b"
extend h = hour(Timestamp), w = -(*(+(Size, 1), 2), -3)
where (not exists User or ((User ~ "a"|"b" or User = 3) and Path ~ *"x\y"* and not Path ~ *""q\"))
where cs-uri re /^a\.b/
where (exists User and not User ~ "root" and w > 5 and Ok = true)
summarize count = count(), dcount_User = dcount(User), hosts = values(Computer) by Computer, Timestamp = bin(Timestamp, 5m0s), slot = bin(w, 10)
join left on Computer
  scan device_info//
  where exists C
  summarize last = max(Timestamp) by Computer
join anti on Computer
  scan process_creation//
  where D = 1
  project Computer
distinct Computer, count
sort by count desc, Computer asc
limit 5
project host = Computer, count
limit 3
`},
		{"functions", `
title: Functions
taxonomy: huntc
logsource: {category: process_creation}
detection: {s: {A: b}, condition: s}
hunt:
    pipeline: |
        extend a = lower(upper(User)), n = strlen(CommandLine), m = abs(floor(Size / 3) - ceiling(Size)),
            cut = substring(Path, 2, 5), rest = substring(Path, 2), joined = concat(User, "@", Computer),
            swapped = replace(Path, "\\", "/"), part = split(User, "\\", 1),
            host = extract(Url, "^https?://([^/]+)"), whole = extract(Url, "\d+"), second = extract(Url, "(a)(b)", 2), file = filename(Image)
        extend level = case(n > 1000, "long", n > 100 and cidr(Ip, "10.0.0.0/8", "fe80::/10"), "mid", "short"), flag = if(exists(User), 1),
            who = coalesce(User, Computer, "nobody"), text = tostring(n), number = tonumber(User), d = weekday(Timestamp)
        extend id = property(json(Path), "actor", "a.b"), fourth = element(json(Path), 2), site = property(url(Url), "Host"), int = toint(User), long = tolong(n)
        extend list = joined(parts(Path, "\\"), ", "), last = item(parts(Path, "\\"), -1), n2 = size(parts(Path, "/")), where_from = place(Ip, "city"), from = instant("2026-03-05T04:32:00Z")
        where property(json(Path), "a") = "b"
        where Timestamp > ago(1d) and now() - Timestamp < 12h and CommandLine contains ParentImage
        where User == "Root" and User !== Computer and n == 3 and User !== "x" and Path endswith_cs ".EXE" and User in_cs ("a", "B")
            and Path like "C:\*\\x?\*" and CommandLine contains_cs Path and n > -5 and Timestamp - Start > -5m
        where CommandLine has "enc" or CommandLine has_any ("a b", "c") and not User has_cs "X"
        gaps of Timestamp as third by User back 3
        sessions of Timestamp as start by User, Computer gap 30m
`, `
scan process_creation//
where A ~ "b"
extend a = lower(upper(User)), n = strlen(CommandLine), m = abs(-(floor(/(Size, 3)), ceiling(Size))), ` +
			`cut = substring(Path, 2, 5), rest = substring(Path, 2), joined = concat(User, "@", Computer), ` +
			`swapped = replace(Path, "\\", "/"), part = split(User, "\\", 1), ` +
			`host = extract(Url, "^https?://([^/]+)", 1), whole = extract(Url, "\\d+", 0), second = extract(Url, "(a)(b)", 2), file = extract(Image, "[^\\\\/]+$", 0)
extend level = if(n > 1000, "long", if((n > 100 and (Ip in 10.0.0.0/8 or Ip in fe80::/10)), "mid", "short")), flag = if(exists User, 1), ` +
			`who = coalesce(User, Computer, "nobody"), text = tostring(n), number = tonumber(User), d = weekday(Timestamp)
extend id = prop(prop(json(Path), "actor"), "a.b"), fourth = at(json(Path), 2), site = prop(url(Url), "Host"), int = toint(User), long = tolong(n)
extend list = joined(parts(Path, "\\"), ", "), last = item(parts(Path, "\\"), -1), n2 = size(parts(Path, "/")), where_from = place(Ip, "city"), from = instant("2026-03-05T04:32:00Z")
where prop(json(Path), "a") ~ "b"
where (Timestamp > -(now(), 24h0m0s) and -(now(), Timestamp) < 12h0m0s and CommandLine contains ParentImage)
where (User ~!cased "Root" and User !=!cased Computer and n = 3 and exists User and not User ~!cased "x" and Path ~!cased *".EXE" and User ~!cased "a"|"B" ` +
			`and Path ~ "C:*\x"?"*" and CommandLine contains!cased Path and n > -5 and -(Timestamp, Start) > -5m0s)
where (CommandLine has "enc" or (CommandLine has "a b"|"c" and not User has!cased "X"))
gaps of Timestamp as third by User back 3
sessions of Timestamp as start by User, Computer gap 30m0s
`},
		{"rows in order", `
title: Rows in order
taxonomy: huntc
logsource: {category: process_creation}
detection: {s: {A: b}, condition: s}
hunt:
    pipeline: |
        prev of User as user_before by Computer
        prev of User as user_smaller along Size
        rank as place by Size desc, User asc per Computer
        top 3 by Size desc per Computer, User
        summarize bad = countif(User = "x" or Size > 3), p = percentile(Size, 99.5), a = arg_max(Size, User), b = arg_min(Timestamp, lower(User)) by Computer
`, `
scan process_creation//
where A ~ "b"
prev of User as user_before by Computer along Timestamp
prev of User as user_smaller by  along Size
rank as place by Size desc, User asc per Computer
rank as rank by Size desc per Computer, User
where rank <= 3
summarize bad = countif((User ~ "x" or Size > 3)), p = percentile(Size), a = arg_max(Size, User), b = arg_min(Timestamp, lower(User)) by Computer
`},
		{"joins within a time", `
title: Joins within a time
taxonomy: huntc
logsource: {category: process_creation}
detection: {s: {A: b}, condition: s}
hunt:
    output: [Timestamp, Computer, Image]
    branches:
        files:
            logsource: {category: file_event}
            detection: {s: {D: 1}, condition: s}
            output: [Timestamp, Computer, Name]
        logons:
            logsource: {category: authentication}
            detection: {s: {D: 1}, condition: s}
            output: [Timestamp, Computer]
    pipeline: |
        join kind=inner files on Computer within 10m after
        join kind=anti logons on Computer within 5m
`, `
scan process_creation//
where A ~ "b"
project Timestamp, Computer, Image
join inner on Computer
  scan file_event//
  where D = 1
  project Timestamp, Computer, Name
  project Computer, files_Timestamp = Timestamp, Name
where (Timestamp <= files_Timestamp and -(files_Timestamp, Timestamp) <= 10m0s)
join left on Computer
  scan authentication//
  where D = 1
  project Timestamp, Computer
  project Computer, logons_Timestamp = Timestamp
extend in_time = if((-(logons_Timestamp, Timestamp) <= 5m0s and -(Timestamp, logons_Timestamp) <= 5m0s), 1, 0)
rank as place_in_time by in_time desc per Timestamp, Computer, Image, files_Timestamp, Name
where (in_time = 0 and place_in_time = 1)
project Timestamp, Computer, Image, files_Timestamp, Name
`},
		{"native only", `
title: Native
taxonomy: huntc
hunt:
    native:
        splunk: |
            index=x
`, "<nil>\n"},
		{"asset exposure", `
title: Exposure
taxonomy: huntc
hunt:
    template: asset_exposure
    iocs: {cves: [CVE-2022-23812, CVE-2021-44228]}
`, `
scan vulnerability//
where Cve ~ "CVE-2022-23812"|"CVE-2021-44228"
`},
		{"network, addresses only", `
title: Network
taxonomy: huntc
hunt:
    template: network_ioc
    iocs: {ips: [198.51.100.7, 203.0.113.0/24]}
`, `
scan network_connection//
where (DestinationIp ~ "198.51.100.7" or DestinationIp in 203.0.113.0/24)
project Timestamp, Computer, User, Image, DestinationIp, DestinationHostname, DestinationPort
`},
		{"network", `
title: Network
taxonomy: huntc
hunt:
    template: network_ioc
    iocs: {domains: [evil.example], ips: [198.51.100.7]}
`, `
union
  scan network_connection//
  where (DestinationIp ~ "198.51.100.7" or DestinationHostname ~ "evil.example" or DestinationHostname ~ *".evil.example")
  project Timestamp, Computer, User, Image, DestinationIp, DestinationHostname, DestinationPort
  --
  scan dns_query//
  where (QueryName ~ "evil.example" or QueryName ~ *".evil.example")
  project Timestamp, Computer, User, Image, QueryName
  --
`},
		{"hashes", `
title: Hashes
taxonomy: huntc
hunt:
    template: hash_ioc
    iocs: {hashes: [d41d8cd98f00b204e9800998ecf8427e]}
`, `
union
  scan process_creation//
  where md5 ~ "d41d8cd98f00b204e9800998ecf8427e"
  project Timestamp, Computer, User, Image, CommandLine, md5, sha1, sha256
  --
  scan file_event//
  where md5 ~ "d41d8cd98f00b204e9800998ecf8427e"
  project Timestamp, Computer, User, Image, TargetFilename, md5, sha1, sha256
  --
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, diags := load(t, tt.src, nil)
			if len(diags) > 0 {
				t.Error(list(diags))
			}
			if diff := cmp.Diff(strings.TrimLeft(tt.want, "\n"), showQuery(h.Query)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
