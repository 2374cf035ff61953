package live

import "testing"

// TestNamed: the beginning of an ID is one however short, as for "exec", unless it can
// be a port.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		arg   string
		ports bool
		id    string
	}{
		{"3f9a21be0942", false, "3f9a21be0942"},
		{"3f9a", false, "3f9a"},
		{"3", false, "3"},
		{"3f", true, "3f"},
		{"123456", true, "123456"},
		{"3000", true, ""},
		{"65535", true, ""},
		{"", false, ""},
		{"a.example", false, ""},
		{"@pypi", false, ""},
		{"host:5432", false, ""},
		{"::1", false, ""},
		{"127.0.0.1", false, ""},
	} {
		if id, rest := named([]string{c.arg, "more"}, c.ports); id != c.id || len(rest) != 2-min(1, len(id)) {
			t.Errorf("%q, ports %v: %q, %q", c.arg, c.ports, id, rest)
		}
	}
	if id, rest := named(nil, false); id != "" || rest != nil {
		t.Errorf("%q %q", id, rest)
	}
}
