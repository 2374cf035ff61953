package layer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestClock: what was changed before has an earlier time, and what is changed then a
// later one, in a project of the same file system and in one of another.
func TestClock(t *testing.T) {
	changed := func(name string) time.Time {
		var st unix.Stat_t
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unix.Stat(name, &st); err != nil {
			t.Fatal(err)
		}
		return time.Unix(st.Ctim.Unix())
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	exact := major > 6 || major == 6 && minor >= 13
	projects := []string{t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "clock"); err == nil {
		defer os.RemoveAll(dir)
		projects = append(projects, dir)
	}
	d := Dir(t.TempDir())
	for n, project := range projects {
		for i := range 300 {
			before := changed(filepath.Join(project, fmt.Sprint(i)))
			at, err := d.Clock(project)
			if err != nil {
				t.Fatal(err)
			}
			after := changed(filepath.Join(project, fmt.Sprint(i, "b")))
			if n == 0 && (at.Before(before) || exact && at.Equal(before)) {
				t.Fatalf("%v is not after %v", at, before)
			}
			if after.Before(at) {
				t.Fatalf("what is changed later has %v, before %v", after, at)
			}
		}
	}
	if _, err := d.Clock(projects[0] + "/none"); err == nil {
		t.Error("a project that is not there has a time")
	}
}
