package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// describe is a script that tells all that a jail is, in lines that do not
// depend on the order of mounts, on inode numbers, or on who made them.
const describe = `
	echo "ids $(id -u) $(id -g) $(id -G)"
	grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status
	cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '
	echo "cwd $PWD"; env | sort; hostname 2>/dev/null || cat /proc/sys/kernel/hostname
	ulimit -Hc; ulimit -Hn
	for d in / /etc /etc/ssl/certs ~ ~/.claude /nix/store /tmp /run /run/user/* /usr/bin /bin "$PWD"; do
		ls -lA --time-style=+ "$d" | awk -v d="$d" -v home="$HOME" 'd == home { sub(/^drwxr-xr-t/, "drwxr-xr-x") } # crun makes folders to mount on like that
			NF > 5 { print d ": " $1, $3, $4, $6, $7, $8 }'; done
	ls -A /dev /.jail | grep -vx core # crun adds a link to /proc/kcore, which is masked
	for f in /etc/*; do [ -f $f ] && { echo "$f:"; cat $f; }; done
	for p in / /etc /nix/store "$SHELL" /usr /proc/sys /proc/sysrq-trigger ~ /tmp /dev /run .git/hooks .git/config README /.jail; do
		[ -w "$p" ] && echo "$p writable" || echo "$p not writable"; done
	for p in /proc/kcore /proc/keys /proc/timer_list hidden; do echo "$p $(head -c 10 $p 2>/dev/null | wc -c)"; done
	ls /proc/$$/fd
	exit 7`

// mountsOf lists what is mounted, one line a mount point: the topmost, with
// the flags that protect.
const mountsOf = `
	while read -r _ _ _ _ p o rest; do echo "$p $o ${rest##*- }"; done </proc/self/mountinfo; exit 8`

// normalMounts are those lines without what runtimes do each in their own way
// and that protects nothing.
func normalMounts(out string) []string {
	top := map[string]string{}
	for _, l := range world.Lines(out) {
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		var keep []string
		for o := range strings.SplitSeq(f[1], ",") {
			if slices.Contains([]string{"ro", "rw", "nosuid", "nodev"}, o) {
				keep = append(keep, o)
			}
		}
		slices.Sort(keep)
		kind := f[2]
		switch {
		case f[0] == "/.jail/init": // a file of the rootfs in an exported bundle
			continue
		case f[0] == "/": // a folder of the host, or a tmpfs of ours
			kind = "root"
		case kind == "devtmpfs": // the host's devices, also to mask a file with
			keep, kind = nil, "device"
		case kind == "proc":
			keep = slices.DeleteFunc(keep, func(o string) bool { return o != "ro" && o != "rw" })
		case strings.HasPrefix(f[0], "/proc/"): // a folder masked with a tmpfs
			keep, kind = nil, "masked"
		}
		top[f[0]] = fmt.Sprintf("%s %s %s", f[0], strings.Join(keep, ","), kind)
	}
	var all []string
	for _, l := range top {
		all = append(all, l)
	}
	slices.Sort(all)
	return all
}

// outcome of a jail under one runtime.
type outcome struct {
	description, mounts []string
	statuses            []int
	errors              string
}

// outcomeOf runs three scripts.
func outcomeOf(run func(script string) world.Result) (o outcome) {
	for _, script := range []string{describe, mountsOf, "kill -9 $$"} {
		r := run(script)
		switch script {
		case describe:
			o.description = world.Lines(r.Out)
		case mountsOf:
			o.mounts = normalMounts(r.Out)
		}
		o.statuses = append(o.statuses, r.Status)
		o.errors += r.Err
	}
	return o
}

// TestBundleUnderOtherRuntimes: runc and crun make of a bundle the same jail as
// we do.
func TestBundleUnderOtherRuntimes(t *testing.T) {
	t.Parallel()
	for _, identity := range []string{"keep", "root"} {
		w := world.New(t)
		w.Write(".gitignore", "hidden\n")
		w.CommitAll()
		w.Write("hidden", world.Planted)
		status := w.Status()
		flags := []string{"--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none", "--hide", "hidden", "--user", identity}
		ours := outcomeOf(func(script string) world.Result { return w.Bash(script, flags[4:]...) })
		if !slices.Equal(ours.statuses, []int{7, 8, 137}) {
			t.Fatalf("ours: exit statuses %v\n%s", ours.statuses, ours.errors)
		}
		for name, run := range w.Runtimes() {
			n := 0
			theirs := outcomeOf(func(script string) world.Result {
				n++
				dir := fmt.Sprintf("%s/%s-%d", w.Dir, name, n)
				if r := w.Run(append(append([]string{"bundle"}, flags...), dir, "--", "bash", "-c", script)...); r.Status != 0 {
					t.Fatal(r)
				}
				return run(dir)
			})
			if !slices.Equal(theirs.statuses, ours.statuses) {
				t.Errorf("identity %s, %s: exit statuses %v, ours %v\n%s", identity, name, theirs.statuses, ours.statuses, theirs.errors)
			}
			if d := difference(ours.description, theirs.description); d != "" {
				t.Errorf("identity %s, %s makes another jail than we:\n%s", identity, name, d)
			}
			mine, other := slices.Clone(ours.mounts), slices.Clone(theirs.mounts)
			// We mount the folder of the root that holds the store paths on
			// itself, to move all that lie in it at once: a folder that
			// nobody can write either way.
			mine = slices.DeleteFunc(mine, func(l string) bool { return l == "/nix/store nodev,nosuid,ro tmpfs" })
			if name == "crun" && os.Getuid() == 0 {
				// crun 1.8 forgets the flags of a writable bind when root runs
				// it with a user namespace.
				for _, m := range [][]string{mine, other} {
					for i := range m {
						m[i] = strings.NewReplacer("nodev,", "", "nosuid,", "").Replace(m[i])
					}
				}
			}
			if d := difference(mine, other); d != "" {
				t.Errorf("identity %s, %s mounts other things than we:\n%s", identity, name, d)
			}
		}
		if after := w.Status(); after != status {
			t.Errorf("the project changed: %s", after)
		}
	}
}

// difference are the lines that only one of two lists has.
func difference(ours, theirs []string) string {
	var d []string
	for _, l := range ours {
		if !slices.Contains(theirs, l) {
			d = append(d, "only ours: "+l)
		}
	}
	for _, l := range theirs {
		if !slices.Contains(ours, l) {
			d = append(d, "only theirs: "+l)
		}
	}
	return strings.Join(d, "\n")
}

// TestBundleOfAnotherCaller: a bundle holds no limit of whoever wrote it, and
// nobody who may have less fails to start it.
func TestBundleOfAnotherCaller(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := w.Bundle(nil, "--net", "none", "--", "bash", "-c", "ulimit -Hn; ulimit -Hc; exit 7")
	for limit, want := range map[string]string{"300": "300\n0\n", "unlimited": ""} {
		c := exec.Command("bash", "-c", `[ "$1" = unlimited ] || ulimit -n "$1"; shift; exec "$@"`, "", limit,
			world.RequireTool(t, "runc"), "--root", w.Dir+"/runc", "run", "--bundle", dir, filepath.Base(w.Dir)+"-"+limit)
		c.Dir, c.Env = w.Dir, w.Environ()
		r := world.Finish(t, c)
		if r.Status != 7 || want != "" && r.Out != want {
			t.Errorf("with the limit %s: %s", limit, r)
		}
		var files int
		if _, err := fmt.Sscan(r.Out, &files); err != nil || files > 65536 {
			t.Errorf("%d files: %v", files, err)
		}
	}
}

// TestBundleOnAnotherFileSystem: a bundle is what it is where its folder has no
// devices and no set-user-ID programs, and is refused, with nothing left, where it has
// no programs at all.
func TestBundleOnAnotherFileSystem(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	runc, closure := world.RequireTool(t, "runc"), world.RequireVariable(t, "BASE_CLOSURE")
	for flags, say := range map[int]string{
		unix.MS_NOSUID | unix.MS_NODEV:                  "",
		unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC: "its file system is mounted noexec",
		unix.MS_RDONLY: "read-only file system",
	} {
		place := fmt.Sprintf("%s/place-%d", w.Dir, flags)
		w.Mkdir(place, 0o700)
		script := `"$1" bundle --closure "$2" --net none "$3/b" -- bash -c 'echo up; exit 7' && exec "$4" --root "$3/state" run --bundle "$3/b" "$5"`
		args := []string{place, world.Itoa(flags), "/bin/bash", "-c", script, "", w.Command().Path, closure, place, runc, fmt.Sprintf("%s-%d", filepath.Base(w.Dir), flags)}
		r := world.Finish(t, w.Privileged("mounted", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS, args))
		switch {
		case say == "" && (r.Status != 7 || r.Out != "up\n"):
			t.Errorf("with the flags %#x: %s", flags, r)
		case say != "" && (r.Status != 125 || !strings.Contains(r.Err, say)):
			t.Errorf("with the flags %#x nothing says %q: %s", flags, say, r)
		}
		left, err := os.ReadDir(place)
		if say != "" && (err != nil || len(left) > 0) {
			t.Errorf("with the flags %#x this is left: %v, %v", flags, left, err)
		}
	}
}
