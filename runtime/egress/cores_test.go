package egress

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestHideCores(t *testing.T) {
	var before, l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &before) }()
	if err := HideCores(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Cur > 1 || l.Max != before.Max {
		t.Errorf("%+v %v", l, err)
	}
}
