package attack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		err             error
		unless, refused Verdict
	}{
		{nil, GotThrough, GotThrough},
		{unix.EPERM, Held, Held},
		{unix.ENOSYS, Held, Held},
		{&os.PathError{Err: unix.EACCES}, Held, Held},
		{&killedError{unix.SIGSYS}, Held, Held},
		// The arguments were wrong: nobody refused the call.
		{unix.EFAULT, Held, GotThrough},
		{unix.EINVAL, Held, GotThrough},
		{errors.New("x"), Held, GotThrough},
	} {
		if got := Unless(c.err, "x").Verdict; got != c.unless {
			t.Errorf("unless %v: %s", c.err, got)
		}
		if got := Refused(c.err).Verdict; got != c.refused {
			t.Errorf("refused %v: %s", c.err, got)
		}
	}
	na, h, g, f := Inapplicable("x"), HeldBy("first"), Through("x"), Failure("x")
	for _, c := range []struct {
		in   []Result
		want Result
	}{
		{[]Result{na, h, HeldBy("second")}, h}, {[]Result{h, na, g, h}, g}, {[]Result{h, f, g}, f}, {[]Result{na}, na},
	} {
		if got := FirstThrough(c.in...); got != c.want {
			t.Errorf("%v: %v", c.in, got)
		}
	}
	if got := FirstThrough().Verdict; got != NotApplicable {
		t.Errorf("of nothing: %s", got)
	}
}

func TestSecret(t *testing.T) {
	secret := SecretPrefix + strings.Repeat("0a", 16)
	b := Bait{Hash: Digest([]byte(secret))}
	for text, want := range map[string]bool{
		secret: true, "x=" + secret + "\x00y": true, SecretPrefix + secret: true, SecretPrefix + strings.Repeat("0b", 16) + secret: true,
		"": false, SecretPrefix: false, secret[:SecretLen-1]: false, SecretPrefix + strings.Repeat("0b", 16): false, b.Hash: false,
	} {
		if got := b.IsSecret([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestForked: the errors of a process that is not this one.
func TestForked(t *testing.T) {
	if err := Forked(Sys(unix.SYS_GETPID)); err != nil {
		t.Error(err)
	}
	if err := Forked(Sys(unix.SYS_GETPID), Sys(unix.SYS_CLOSE, Minus(1)), Sys(unix.SYS_GETPID)); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	var killed *killedError
	// The second is what int 0x80 gets from a kernel without 32-bit system calls.
	for _, signal := range []syscall.Signal{unix.SIGSYS, unix.SIGSEGV} {
		if err := Forked(Sys(unix.SYS_GETPID), Sys(unix.SYS_KILL, ResultOf(0), uintptr(signal))); !errors.As(err, &killed) || killed.signal != signal {
			t.Errorf("%s: %v", unix.SignalName(signal), err)
		}
	}
	name := filepath.Join(t.TempDir(), "made")
	if err := Forked(Sys(unix.SYS_MKDIRAT, AtCwd, CString(name), 0o700)); err != nil || !Exists(name) {
		t.Errorf("%v, made: %v", err, Exists(name))
	}
	if ForeignABI {
		c := Sys(20 /* getpid */)
		c.ABI = ABI32
		if err := Forked(c); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.As(err, &killed) {
			t.Errorf("int 0x80: %v", err)
		}
	}
}

func TestWithin(t *testing.T) {
	for p, want := range map[string]bool{"/a": true, "/a/b": true, "/ab": false, "/": false} {
		if Within(p, "/a") != want {
			t.Errorf("within(%q)", p)
		}
	}
}
