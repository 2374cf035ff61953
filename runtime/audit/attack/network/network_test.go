package network

import "testing"

func TestSpellings(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "0x7f000001": "127.0.0.1", "2130706433": "127.0.0.1", "0177.0.0.1": "127.0.0.1", "127.0.1": "127.0.0.1",
		"localhost": "", "1.2.3.4.5": "", "": "", "1.x": "",
	} {
		if got := inetAton(in); got != want {
			t.Errorf("inetAton(%q) = %q", in, got)
		}
	}
}
