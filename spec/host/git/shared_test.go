package git

import "testing"

func TestShared(t *testing.T) {
	for value, want := range map[string]uint32{"": 0, "umask": 0, "false": 0, "0": 0, "group": 0o060, "True": 0o060, "1": 0o060, "all": 0o064, "world": 0o064, "2": 0o064, "0660": 0o060, "0664": 0o064, "07777": 0, "x": 0} {
		if got := Shared([]Setting{{Key: "core.sharedrepository", Value: value, Local: true}}); got != want {
			t.Errorf("%q: %o, want %o", value, got, want)
		}
	}
}
