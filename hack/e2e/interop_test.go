package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// withCgroup2 is the part "cgroup2": it runs its arguments where /sys/fs/cgroup
// is a cgroup2 file system alone. crun 1.8 starts nowhere else, and a machine
// with both kinds has a tmpfs there.
//
// Preconditions: in new user, mount and cgroup namespaces, with CAP_SYS_ADMIN
// ambient.
func withCgroup2(args []string) int {
	err := unix.Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, "")
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(partEnv)
		var program string
		if program, err = exec.LookPath(args[0]); err == nil {
			err = syscall.Exec(program, args, os.Environ())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// describe is a script that tells all that a jail is, in lines that do not
// depend on the order of mounts, on inode numbers, or on who made them.
const describe = `
	echo "ids $(id -u) $(id -g) $(id -G)"
	grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status
	cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '
	echo "cwd $PWD"; env | sort; hostname 2>/dev/null || cat /proc/sys/kernel/hostname
	ulimit -Hc; ulimit -Hn
	for d in / /etc /etc/ssl/certs ~ ~/.claude /nix/store /tmp /run /run/user/* /usr/bin /bin "$PWD"; do
		ls -lA --time-style=+ "$d" | awk -v d="$d" 'NF > 5 { print d ": " $1, $3, $4, $6, $7, $8 }'; done
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
	for _, l := range lines(out) {
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		var keep []string
		for _, o := range strings.Split(f[1], ",") {
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

// runtimes run a bundle.
func (w *world) runtimes() map[string]func(bundle string) result {
	w.t.Helper()
	n := 0
	id := func() string { n++; return fmt.Sprintf("%s-%d", filepath.Base(w.dir), n) }
	return map[string]func(string) result{
		"runc": func(bundle string) result {
			c := exec.Command(requireTool(w.t, "runc"), "--root", w.dir+"/runc", "run", "--bundle", bundle, id())
			c.Dir, c.Env = w.dir, w.environ()
			return finish(w.t, c)
		},
		"crun": func(bundle string) result {
			args := []string{requireTool(w.t, "crun"), "--root", w.dir + "/crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, id()}
			var st unix.Statfs_t
			if err := unix.Statfs("/sys/fs/cgroup", &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
				c := exec.Command(args[0], args[1:]...)
				c.Dir, c.Env = w.dir, w.environ()
				return finish(w.t, c)
			}
			return finish(w.t, w.privileged("cgroup2", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS|unix.CLONE_NEWCGROUP, args))
		},
	}
}

// outcome of a jail under one runtime.
type outcome struct {
	description, mounts []string
	statuses            []int
	errors              string
}

// outcomeOf runs three scripts.
func outcomeOf(run func(script string) result) (o outcome) {
	for _, script := range []string{describe, mountsOf, "kill -9 $$"} {
		r := run(script)
		switch script {
		case describe:
			o.description = lines(r.out)
		case mountsOf:
			o.mounts = normalMounts(r.out)
		}
		o.statuses = append(o.statuses, r.status)
		o.errors += r.err
	}
	return o
}

// TestBundleUnderOtherRuntimes: runc and crun make of a bundle the same jail as
// we do.
func TestBundleUnderOtherRuntimes(t *testing.T) {
	t.Parallel()
	for _, identity := range []string{"keep", "root"} {
		w := newWorld(t)
		w.write(".gitignore", "hidden\n")
		w.commitAll()
		w.write("hidden", planted)
		status := w.status()
		flags := []string{"--closure", requireVariable(t, "DEVENV_CLOSURE"), "--net", "none", "--hide", "hidden", "--user", identity}
		ours := outcomeOf(func(script string) result { return w.bash(script, flags[4:]...) })
		if !slices.Equal(ours.statuses, []int{7, 8, 137}) {
			t.Fatalf("ours: exit statuses %v\n%s", ours.statuses, ours.errors)
		}
		for name, run := range w.runtimes() {
			n := 0
			theirs := outcomeOf(func(script string) result {
				n++
				dir := fmt.Sprintf("%s/%s-%d", w.dir, name, n)
				if r := w.run(append(append([]string{"bundle"}, flags...), dir, "--", "bash", "-c", script)...); r.status != 0 {
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
		if after := w.status(); after != status {
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
