package eval_test

import (
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/schema"
)

// TestWrittenRows: the rows of a target have what its columns are computed from,
// and what a number and several values of a field become.
func TestWrittenRows(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dataset string
		view          schema.View
		line, want    string // what is written, without columns that hold nothing; "" for no row
	}{
		{"JSON", "dns_query", schema.XDR, `{"QueryName":"a.b"}`, `{"ActionType":"DnsQueryResponse","AdditionalFields":"{\"DnsQueryString\":\"a.b\"}"}`},
		{"own JSON", "windows_task", schema.XDR, `{"TaskName":"t","AdditionalFields":"{\"x\":1}"}`, `{"ActionType":"ScheduledTaskCreated","AdditionalFields":"{\"x\":1}"}`},
		{"two properties", "windows_task", schema.XDR, `{"EventID":4702,"TaskName":"\\t","SubjectUserName":"<b>"}`, `{"ActionType":"ScheduledTaskUpdated","AdditionalFields":"{\"SubjectUserName\":\"<b>\",\"TaskName\":\"\\\\t\"}"}`},
		{"pipe", "pipe_created", schema.XDR, `{"PipeName":"\\x"}`, `{"ActionType":"NamedPipeEvent","AdditionalFields":"{\"PipeName\":\"\\\\Device\\\\NamedPipe\\\\x\"}"}`},
		{"access", "process_access", schema.XDR, `{"TargetImage":"C:\\w\\lsass.exe","GrantedAccess":"0x1410"}`, `{"ActionType":"OpenProcessApiCall","AdditionalFields":"{\"DesiredAccess\":5136}","FileName":"lsass.exe","FolderPath":"C:\\w\\lsass.exe"}`},
		{"address", "windows_logon", schema.XDR, `{"IpAddress":"10.0.0.1","LogonId":"0x3e8"}`, `{"ActionType":"LogonSuccess","LogonId":1000,"RemoteIP":"10.0.0.1"}`},
		{"no address", "windows_logon", schema.XDR, `{"IpAddress":"-"}`, `{"ActionType":"LogonSuccess"}`},
		{"service", "windows_service_installed", schema.XDR, `{"ServiceName":"psx","ServiceFileName":"x"}`, `{"ActionType":"RegistryValueSet","RegistryKey":"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\psx","RegistryValueData":"x","RegistryValueName":"ImagePath"}`},
		{"service elsewhere", "windows_service_installed", schema.XDR, `{"ServiceFileName":"x","RegistryKey":"HKEY_LOCAL_MACHINE\\SOFTWARE"}`, ``},
		{"group", "windows_local_group_member_added", schema.XDR, `{"TargetUserName":"admins","MemberSid":"S-1"}`, `{"ActionType":"UserAccountAddedToLocalGroup","AdditionalFields":"{\"GroupName\":\"admins\",\"MemberSid\":\"S-1\"}"}`},
		{"several values", "process_creation", schema.XDR, `{"Image":["C:\\a\\b.exe","C:\\a\\c.exe"]}`, `{"ActionType":"ProcessCreated","FileName":["b.exe","c.exe"],"FolderPath":["C:\\a\\b.exe","C:\\a\\c.exe"]}`},
		{"several numbers", "process_creation", schema.XDR, `{"ProcessId":["1",2]}`, `{"ActionType":"ProcessCreated","ProcessId":[1,2]}`},
		{"several values of CIM", "process_creation", schema.CIM, `{"Image":["C:\\b.exe","C:\\c.exe"]}`, `{"process_name":["b.exe","c.exe"],"process_path":["C:\\b.exe","C:\\c.exe"]}`},
		{"hash", "process_creation", schema.CIM, `{"md5":"ab"}`, `{"process_hash":"MD5=ab"}`},
		{"logon", "windows_logon", schema.CIM, `{"EventID":4624,"TargetUserName":"bob"}`, `{"action":"success","app":"(other)","signature_id":"4624","user":"bob"}`},
		{"failure", "windows_logon_failure", schema.CIM, `{"EventID":4625}`, `{"action":"failure","app":"(other)","signature_id":"4625"}`},
		{"hexadecimal", "network_connection", schema.XDR, `{"DestinationPort":"0x115c"}`, ``},
		{"decimal", "network_connection", schema.XDR, `{"DestinationPort":"4444"}`, `{"RemotePort":4444}`},
	}
	nothing := regexp.MustCompile(`"[^"\\]*":(?:""|"unknown"|null|0)(,|\})`)
	for _, tt := range tests {
		e, err := eval.NewEventReader(classifier(t), "f", strings.NewReader(tt.line)).Read()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if rows := eval.NewProjector(s, s.Dataset(tt.dataset), tt.view).Rows(e.Row); len(rows) > 0 {
			got = nothing.ReplaceAllString(rows[0].Visible().String(), "$1")
			got = strings.NewReplacer("{,", "{", ",}", "}").Replace(regexp.MustCompile(`,+`).ReplaceAllString(got, ","))
		}
		if tt.name == "decimal" {
			got = regexp.MustCompile(`"(ActionType|RemoteIPType|LocalIPType)":"[^"]*",`).ReplaceAllString(got, "")
		}
		if got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestWritten: which expressions can be run over the rows. What is not written is
// computed from what the event itself says.
func TestWritten(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	written, not := 0, map[string]bool{}
	for _, ds := range s.Datasets() {
		if ds.XDR == nil {
			continue
		}
		for field, c := range ds.XDR.Columns {
			switch {
			case c.Kind != "computed":
			case eval.Written(c):
				written++
			default:
				not[field] = true
			}
		}
	}
	known := map[string]bool{"cs-host": true, "r-dns": true}
	for field := range not {
		if !known[field] {
			t.Errorf("what Defender computes %s from is not written", field)
		}
	}
	if written == 0 {
		t.Error("nothing is written")
	}
}
