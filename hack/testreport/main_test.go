package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stream makes a file of events from lines of "ACTION TEST [OUTPUT]"; "-" is
// the package itself.
func stream(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		f := append(strings.SplitN(line, " ", 3), "")
		if f[1] == "-" {
			f[1] = ""
		}
		e, err := json.Marshal(event{Action: f[0], Package: "m/p", Test: f[1], Output: f[2]})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(e, '\n'))
	}
	name := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTotal(t *testing.T) {
	for _, c := range []struct {
		name   string
		must   bool
		root   []string
		user   []string
		want   string
		status int
	}{
		{
			"a parent is not counted beside its subtests", false,
			[]string{"run A", "pass A/x", "pass A/y", "pass A", "pass B", "pass -"},
			nil,
			"3 passed, 0 failed, 0 skipped\n", 0,
		},
		{
			"a parent that fails by itself counts", false,
			[]string{"pass A/x", "fail A", "fail -"},
			nil,
			"failed: p.A (root)\n1 passed, 1 failed, 0 skipped\n", 1,
		},
		{
			"a subtest's failure counts once", false,
			[]string{"fail A/x", "fail A", "fail -"},
			nil,
			"failed: p.A/x (root)\n0 passed, 1 failed, 0 skipped\n", 1,
		},
		{
			"a crash without a failed test counts", false,
			[]string{"pass A", "fail -"},
			nil,
			"failed: p (root)\n1 passed, 1 failed, 0 skipped\n", 1,
		},
		{
			"a test that never ends has failed", false,
			[]string{"run A", "pass B"},
			nil,
			"failed: p.A (root)\n1 passed, 1 failed, 0 skipped\n", 1,
		},
		{
			"a skip says why", false,
			[]string{"output A === RUN A\n", "output A     x_test.go:3: no store: offline\n", "output A --- SKIP: A\n", "skip A", "pass B", "pass -"},
			nil,
			"skipped: p.A (root): no store: offline\n1 passed, 0 failed, 1 skipped\n", 0,
		},
		{
			"must run: a skip fails", true,
			[]string{"skip A", "pass B", "pass -"},
			[]string{"skip A", "pass B", "pass -"},
			"failed: p.A (root): must run, and was skipped: no reason given\n" +
				"failed: p.A (user): must run, and was skipped: no reason given\n2 passed, 2 failed, 0 skipped\n", 1,
		},
		{
			"must run: run elsewhere in parts is enough", true,
			[]string{"skip A", "pass -"},
			[]string{"pass A/x", "pass A", "pass -"},
			"skipped: p.A (root): no reason given\n1 passed, 0 failed, 1 skipped\n", 0,
		},
		{
			"must run: parts that were all skipped are none", true,
			[]string{"skip A", "pass -"},
			[]string{"skip A/x", "pass A", "pass -"},
			"failed: p.A (root): must run, and was skipped: no reason given\n" +
				"failed: p.A/x (user): must run, and was skipped: no reason given\n0 passed, 2 failed, 0 skipped\n", 1,
		},
		{
			"must run: run elsewhere is enough", true,
			[]string{"pass A", "pass -"},
			[]string{"output A x_test.go:1: needs root\n", "skip A", "pass -"},
			"skipped: p.A (user): needs root\n1 passed, 0 failed, 1 skipped\n", 0,
		},
		{"nothing at all is not a success", false, nil, nil, "0 passed, 0 failed, 0 skipped\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"total"}
			if c.must {
				args = append(args, "-must-run")
			}
			args = append(args, "root="+stream(t, c.root...), "user="+stream(t, c.user...))
			var out, errs bytes.Buffer
			if status := run(args, &out, &errs); status != c.status || errs.Len() > 0 {
				t.Errorf("status %d, want %d; %s", status, c.status, errs.String())
			}
			if out.String() != c.want {
				t.Errorf("got\n%swant\n%s", out.String(), c.want)
			}
		})
	}
}

func TestPackage(t *testing.T) {
	name := stream(t, "output A x_test.go:1: bro\x1b[2Jken\n", "fail A", "output B quiet\n", "pass B", "skip C", "fail -")
	var out bytes.Buffer
	if status := run([]string{"package", "root=" + name}, &out, &out); status != 0 {
		t.Errorf("status %d", status)
	}
	got := out.String()
	if !strings.HasPrefix(got, "FAIL  root   m/p") || !strings.Contains(got, "1 passed, 1 failed, 1 skipped") {
		t.Errorf("got\n%s", got)
	}
	if !strings.Contains(got, "bro\ufffd[2Jken") || strings.Contains(got, "quiet") {
		t.Errorf("output of the wrong tests:\n%s", got)
	}
}

func TestBadInput(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"total"}, {"total", "x"}, {"total", "x=/does/not/exist"}, {"total", "x=" + bad}} {
		var out bytes.Buffer
		if status := run(args, &out, &out); status != 2 {
			t.Errorf("%q: status %d, want 2", args, status)
		}
	}
}
