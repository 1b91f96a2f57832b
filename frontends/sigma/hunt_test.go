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
