package main

import (
	"runtime/debug"
	"testing"
)

func TestPinned(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct {
		version, revision, modified string
		want                        string
		warns                       bool
	}{
		{"v1.2.3", "", "", "v1.2.3", false},
		{"v1.2.3", commit, "false", "v1.2.3", false},
		{"v1.3.0-rc.1", "", "", "v1.3.0-rc.1", false},
		{"v0.0.0-20260102030405-0123456789ab", commit, "false", "v0.0.0-20260102030405-0123456789ab", false},
		{"v0.0.0-20260102030405-0123456789ab+dirty", commit, "true", commit, true},
		{"(devel)", commit, "false", commit, false},
		{"(devel)", "", "", "latest", true},
		{"(devel)", "not a commit", "", "latest", true},
	} {
		got, warning := pinned(&debug.BuildInfo{Main: debug.Module{Version: tt.version}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: tt.revision}, {Key: "vcs.modified", Value: tt.modified}}})
		if got != tt.want || (warning != "") != tt.warns {
			t.Errorf("%+v: %s, %q", tt, got, warning)
		}
	}
	if got, warning := pinned(nil); got != "latest" || warning == "" {
		t.Errorf("%s, %q", got, warning)
	}
}
