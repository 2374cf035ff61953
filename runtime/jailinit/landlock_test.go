package jailinit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// landlock is the ABI of the kernel's Landlock, less than 1 without.
func landlock() int {
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

func requireLandlock(t *testing.T, abi int) {
	t.Helper()
	if have := landlock(); have < abi {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("cannot run here: Landlock has ABI %d, not %d", have, abi)
		}
		t.Skipf("Landlock has ABI %d, not %d", have, abi)
	}
}

// TestLandlockSignals: the agent cannot signal who is outside of its domain,
// though it has the same uid, and can signal its own.
func TestLandlockSignals(t *testing.T) {
	requireLandlock(t, 6)
	const script = `kill -0 $PPID 2>/dev/null && echo outside; sleep 60 & kill -TERM $! && echo own; kill -0 $$ && echo self; true`
	if status, out, msg := run(t, "--", "sh", "-c", script); status != 0 || out != "own\nself\n" {
		t.Errorf("status %d, %q, %q", status, out, msg)
	}
	if status, out, msg := run(t, "--nesting", "--", "sh", "-c", script); status != 0 || out != "outside\nown\nself\n" {
		t.Errorf("with --nesting: status %d, %q, %q", status, out, msg)
	}
}

// TestLandlockPlaces: the agent writes to the places in its orders alone, though
// everything here can be written to.
func TestLandlockPlaces(t *testing.T) {
	requireLandlock(t, 3)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, d := range []string{in, out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const script = `for f in "$IN" "$OUT" "$IN/../out"; do (exec 2>&-; echo x >"$f/file") && echo "$f"; done; true`
	attempt := func(places, flags []string) string {
		t.Helper()
		args := append(append([]string{contract.InitPath}, flags...), "--", "sh", "-c", script)
		orders := append([]string{"", "18", strconv.Itoa(len(places))}, places...)
		orders = append(append(orders, strconv.Itoa(len(args))), args...)
		orders = append(orders, "PATH=/usr/bin:/bin", "IN="+in, "OUT="+out)
		c, control, stdout, msg := ordered(t, strings.Join(orders, "\x00")+"\x00")
		tell(t, control, message.Orders)
		if len(flags) == 0 {
			expect(t, control, string(message.ReadyLandlocked.Bytes()))
		} else {
			expect(t, control, string(message.Ready.Bytes()))
		}
		tell(t, control, message.Execute)
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
		return stdout.String()
	}
	all := in + "\n" + out + "\n" + in + "/../out\n"
	for name, c := range map[string]struct {
		places, flags []string
		want          string
	}{
		"one":                   {[]string{in}, nil, in + "\n"},
		"one that is not there": {[]string{filepath.Join(dir, "none"), in}, nil, in + "\n"},
		"none":                  {nil, nil, ""},
		"all":                   {[]string{"/"}, nil, all},
		"no domain":             {[]string{in}, []string{"--nesting"}, all},
	} {
		if got := attempt(c.places, c.flags); got != c.want {
			t.Errorf("%s: it wrote to %q, want %q", name, got, c.want)
		}
	}
}

// TestLandlockFiles: in a mount namespace in which nothing but one folder can be
// written, a descriptor from outside leads to the same file where it can. The
// domain does not let the agent write there, and lets it write where a mount of
// its own can be written.
func TestLandlockFiles(t *testing.T) {
	requireLandlock(t, 3)
	if out, err := exec.Command("unshare", "-Urm", "true").CombinedOutput(); err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("cannot run here: unshare: %v, %s", err, out)
		}
		t.Skipf("unshare: %v, %s", err, out)
	}
	if _, err := exec.LookPath("perl"); err != nil { // it has truncate(2), which opens nothing
		t.Skip("there is no perl")
	}
	dir := t.TempDir()
	in, outFile, rw := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "a folder")
	for _, f := range []string{in, outFile} {
		if err := os.WriteFile(f, []byte("before\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(rw, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const setup = `mount -t tmpfs x "$RW" && mkdir "$RW/a" "$RW/b" && : >"$DIR/device" && mount --bind /dev/null "$DIR/device" && while read -r _ _ _ _ point options _; do
	case $point,$options in "${RW// /\\040}",* | /proc,* | /dev/*) ;; *,rw*) mount -o remount,bind,ro "$(printf %b "$point")" 2>/dev/null ;; esac
done </proc/self/mountinfo; exec -a ` + contract.InitPath + ` "$SELF" "$@"`
	const script = `cd "$RW"
try() { if eval "$2" 2>/dev/null; then echo "$1"; else echo "no $1"; fi; }
try in 'echo evil >>/proc/self/fd/0'
try truncate 'perl -e "exit !truncate(q(/proc/self/fd/0), 1)"'
try out 'echo more >>/proc/self/fd/1'
try outside 'echo x >"$DIR/new"'
try inside 'echo x >a/file && ln -s file a/link && mkdir a/dir'
try across 'mv a/file b/file && mv a/dir b/ && ln b/file a/again'
try remove 'rm -r b/dir a/link'
try null 'echo x >/dev/null'
try device 'perl -e "open F, q(<), q($DIR/device) or exit 1; ioctl F, 0x5401, my \$x; exit(\$! == 13)"'
try exec '/bin/true </proc/self/status'`
	attempt := func(flags ...string) string {
		t.Helper()
		stdin, err := os.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		stdout, err := os.OpenFile(outFile, os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer stdout.Close()
		c := exec.Command("unshare", append([]string{"-Urm", "bash", "-c", setup, "bash"}, append(flags, "--", "bash", "-c", script)...)...)
		var msg bytes.Buffer
		c.Stdin, c.Stdout, c.Stderr = stdin, stdout, &msg
		c.Env = append(os.Environ(), "RW="+rw, "DIR="+dir, "SELF="+self)
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %s", err, msg.String())
		}
		text, err := os.ReadFile(outFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const rest = "more\nout\nno outside\ninside\nacross\nremove\nnull\n"
	device := "no device\n"
	if landlock() < 5 {
		device = "device\n"
	}
	if got, want := attempt(), "no in\nno truncate\n"+rest+device+"exec\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if text, err := os.ReadFile(in); err != nil || string(text) != "before\n" {
		t.Errorf("the file outside is now %q, %v", text, err)
	}
	// What the domain is for: without it, the descriptor can be opened again.
	if got, want := attempt("--nesting"), "in\ntruncate\n"+rest+"device\nexec\n"; got != want {
		t.Errorf("with --nesting: got\n%s\nwant\n%s", got, want)
	}
}
