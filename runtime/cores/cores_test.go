package cores

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestHide(t *testing.T) {
	var before, l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &before) }()
	// Where there are none anyway, root can change that.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: max(before.Max, 1<<20)}); err == nil {
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil {
			t.Fatal(err)
		}
	}
	most := max(before.Max, l.Max)
	if err := Hide(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Cur > 1 || l.Max != most {
		t.Errorf("%+v %v", l, err)
	}
}
