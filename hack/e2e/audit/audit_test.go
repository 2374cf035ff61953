package audit

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// auditRow is one row of jailed-claude audit --json.
type auditRow struct{ Attack, Class, Promise, Result, Detail string }

// audited is a world with something of everything that attacks look for.
func audited(t *testing.T) *world.World {
	t.Helper()
	w := world.New(t)
	for name, text := range map[string]string{
		".envrc": "use nix\n", ".vscode/tasks.json": "{}\n", ".claude/settings.json": "{}\n", "deep/secrets/key": world.Planted + "\n", ".env": world.Planted + "\n",
		w.Home + "/.bashrc": "# mine\n", w.Home + "/.bash_history": "ls\n", w.Home + "/.aws/credentials": world.Planted, w.Dir + "/other/project": world.Planted,
		w.Home + "/.claude/CLAUDE.md": "mine\n", w.Home + "/.local/state/jailed-claude/log/x": "{}\n", w.Home + "/.local/state/jailed-claude/trust/x": "{}\n",
	} {
		w.Write(name, text)
	}
	w.CommitAll()
	w.Repository(filepath.Join(w.Project, "nested"))
	for _, name := range []string{"bus", "wayland-0", "systemd/private", "pulse/native"} {
		p := filepath.Join(w.Dir, "run", name)
		w.Mkdir(filepath.Dir(p), 0o700)
		l, err := net.Listen("unix", p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
	return w
}

// audit runs the attacks, and leaves the world as it was.
func audit(w *world.World, flags ...string) (map[string]auditRow, world.Result) {
	w.T.Helper()
	before := tree(w)
	args := append([]string{"audit", "--json", "--closure", world.RequireVariable(w.T, "BASE_CLOSURE"), "--hide", ".env", "--hide", "secrets/"}, flags...)
	r := w.Run(args...)
	if after := tree(w); after != before {
		w.T.Errorf("%q left something:\n%s\nbefore:\n%s", flags, after, before)
	}
	var list []auditRow
	world.Decode(w.T, r, &list)
	rows := map[string]auditRow{}
	for _, row := range list {
		rows[row.Attack] = row
	}
	if len(rows) < 120 && !slices.Contains(flags, "hidden-read") || len(rows) != len(list) {
		w.T.Errorf("%d attacks, %d names", len(list), len(rows))
	}
	for _, row := range rows {
		if row.Result != "held" && row.Result != "GOT THROUGH" && row.Result != "not applicable" || row.Class == "" || row.Promise == "" || row.Detail == "" {
			w.T.Errorf("%+v", row)
		}
	}
	return rows, r
}

// tree is every name in the world but for caches and state of jailed-claude.
func tree(w *world.World) string {
	w.T.Helper()
	var b strings.Builder
	err := filepath.WalkDir(w.Dir, func(p string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // an attack has taken it away meanwhile
		case err != nil:
			return err
		case p == filepath.Join(w.Home, ".cache") || p == filepath.Join(w.Home, ".local") || p == filepath.Join(w.Project, ".git/index"):
			return skipIfDir(d)
		}
		b.WriteString(p + "\n")
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return b.String()
}

func skipIfDir(d os.DirEntry) error {
	if d.IsDir() {
		return filepath.SkipDir
	}
	return nil
}

// TestAuditLayer: of what attacks write in a layer, the host has nothing; and a
// layer that holds work is not attacked.
func TestAuditLayer(t *testing.T) {
	t.Parallel()
	w := audited(t)
	flags := []string{"--net", "none", "--project-mode", "overlay"}
	rows, r := audit(w, flags...)
	if r.Status != 0 {
		t.Errorf("status %d: %s", r.Status, r.Err)
	}
	for name, row := range rows {
		if row.Result == "GOT THROUGH" {
			t.Errorf("%s got through: %s", name, row.Detail)
		}
		if name == "trust-folding-folder" && row.Result == "not applicable" {
			continue // few file systems have such a folder
		}
		if strings.HasPrefix(name, "trust-") && name != "trust-git-commondir" && (row.Result != "held" || !strings.Contains(row.Detail, "in the layer")) {
			t.Errorf("%s was not written in the layer: %+v", name, row)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.Home, ".local/state/jailed-claude/projects/*/layer")); len(left) > 0 {
		t.Errorf("the attacks left %q", left)
	}
	w.Must("echo mine >work", flags[2:]...)
	if r := w.Run(append([]string{"audit", "--closure", world.RequireVariable(t, "BASE_CLOSURE")}, flags...)...); r.Status != 125 || !strings.Contains(r.Err, "holds changes of yours") {
		t.Errorf("a layer that holds work: %s", r)
	}
	if got := w.Must("cat work", flags[2:]...); got != "mine\n" {
		t.Errorf("the work is %q", got)
	}
}

// TestAudit: a jail stops every attack, in every mode of the network.
func TestAudit(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"none": {"--net", "none"}, "filtered": {"--net", "filtered"}, "internet": {"--net", "internet"}, "host": {"--net", "host"}, "identity root": {"--net", "none", "--user", "root"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := audited(t)
			rows, r := audit(w, flags...)
			n := map[string]int{}
			for _, row := range rows {
				n[row.Class]++
				// These have a jail with all that they attack.
				spelling := strings.HasSuffix(row.Attack, "-by-spelling") || strings.HasSuffix(row.Attack, "-folding-folder")
				always := row.Class == "further folders" && !spelling || (row.Class == "keys" || row.Class == "bridges") && name != "host" && (row.Attack != "bridge-open-carry" || name != "internet")
				if row.Result == "GOT THROUGH" || always && row.Result != "held" {
					t.Errorf("%s: %s: %s", row.Attack, row.Result, row.Detail)
				}
			}
			if n["keys"] < 100 || n["further folders"] < 70 || n["bridges"] < 80 {
				t.Errorf("attacks of each class: %v", n)
			}
			if r.Status != 0 {
				t.Errorf("status %d: %s", r.Status, r.Err)
			}
			applies := []string{
				"read-other-project", "hidden-read", "hidden-move-ancestor", "protected-write", "protected-move-ancestor", "trust-direnv", "service-session-bus", "see-credentials", "signal-kill",
				"host-rename", "host-git-config", "host-ancestor", "host-hidden-rename", "host-socket", "trust-gitlink-in-node-modules", "trust-gitlink-of-a-branch", "trust-deep-direnv", "neighbour-config", "neighbour-kept-config", "neighbour-list-log", "neighbour-leave-in-config",
				"home-link", "home-link-to-nothing", "program-on-path", "appended-output-read", "appended-output-truncate",
			}
			if name != "host" {
				applies = append(applies, "loopback-tcp", "abstract-stream", "udp-loopback")
			} else if rows["loopback-tcp"].Result != "not applicable" {
				t.Errorf("with the host's network: %+v", rows["loopback-tcp"])
			}
			for _, a := range applies {
				if rows[a].Result != "held" {
					t.Errorf("%s: %+v", a, rows[a])
				}
			}
		})
	}
}

// unprotected are attacks that get through where nothing stops them: the suite
// can fail.
var unprotected = []string{
	"read-home", "read-tmp", "read-var-tmp", "read-runtime-dir", "read-other-project", "read-by-proc-self-root", "read-by-cwd", "read-by-dot-dot", "read-by-symlink", "list-beside-project",
	"see-credentials", "see-histories", "see-host-state", "read-accounts", "leaked-descriptor", "leaked-environment", "run-host-program", "write-host-tmp", "write-host-shm", "write-home", "write-other-project",
	"hidden-read", "hidden-read-by-proc-root", "hidden-read-by-namespace", "hidden-move", "hidden-move-ancestor", "hidden-replace",
	"protected-write", "protected-append", "protected-write-by-proc-root", "protected-write-by-descriptor", "protected-write-by-hard-link", "protected-truncate", "protected-chmod", "protected-times",
	"protected-move", "protected-move-ancestor", "protected-replace", "protected-folder", "protected-change-by-namespace", "trust-git-hook", "trust-git-config", "trust-direnv", "trust-mise", "trust-claude-settings", "trust-own-policy",
	"setuid-chmod", "setgid-chmod", "setuid-create", "setuid-openat2", "home-bashrc", "home-zshenv", "home-ssh-authorized-keys", "home-own-policy",
	"unshare-user", "clone-user", "clone3-user", "unshare-net", "clone-high-bits", "mount-tmpfs", "mount-bind", "no-new-privs",
	"see-processes", "read-environments", "read-memory", "process-vm-readv", "process-vm-writev", "pidfd-getfd", "read-descriptor", "ptrace",
	"signal-kill", "signal-tgkill", "signal-pidfd", "signal-queue", "limit-others", "schedule-others", "oom-score",
	"personality", "kcmp", "keyring-session", "keyring-user", "shared-memory-sysv", "messages-sysv", "shared-memory-posix",
	"tiocsti", "read-input", "window-size", "escape-clipboard-write", "escape-title-report", "service-bait", "service-session-bus", "service-wayland",
	"loopback-tcp", "loopback-any-address", "loopback-mapped", "name-127-1", "abstract-stream", "abstract-packet", "abstract-datagram", "udp-loopback", "see-connections", "see-abstract-sockets", "socket-diagnosis",
	"race-protected-symlink", "race-protected-mount-point", "race-hidden-symlink", "race-hidden-mount-point", "race-outside-symlink", "race-dot-dot", "race-masked-file", "race-report",
	"host-rename", "host-git-config", "host-truncate", "host-switch", "host-ancestor", "host-then-move", "host-hidden-rename", "host-hidden-folder", "host-socket", "host-in-between", "host-made-anew",
	"trust-gitlink-in-node-modules", "trust-git-rebase-exec", "trust-git-assume-unchanged", "trust-deep-direnv",
	"neighbour-home", "neighbour-config", "neighbour-tmp", "neighbour-project", "neighbour-list-log", "neighbour-abstract-socket", "neighbour-loopback", "neighbour-shared-memory", "neighbour-see-process", "neighbour-change-project", "neighbour-leave-in-home", "neighbour-leave-in-tmp",
	"key-in-environments", "key-in-its-file", "agent-lists-others", "agent-signs-file", "agent-logs-in", "agent-adds", "agent-loads-library", "agent-removes-all",
	"further-protected-write", "further-protected-move", "further-trust-git-config", "further-trust-direnv", "further-host-rename", "further-host-socket", "further-trust-gitlink-deep", "further-trust-deep-direnv",
	"home-link", "home-link-to-nothing", "appended-output-read", "appended-output-truncate",
	"fill-tmp", "inodes-tmp", "outlive-child", "outlive-session", "outlive-group", "outlive-stopped",
}

// perHost are those of unprotected that the settings of a kernel stop as well.
var perHost = map[string]string{
	"keyring-session": "no keyrings", "keyring-user": "no keyrings", "tiocsti": "dev.tty.legacy_tiocsti", "race-masked-file": "no /proc/keys and no /proc/interrupts", "socket-diagnosis": "no sock_diag", "kcmp": "CONFIG_KCMP, or PID 1 is not the caller's", "ptrace": "Yama", "read-memory": "Yama", "process-vm-readv": "Yama",
	"process-vm-writev": "Yama", "pidfd-getfd": "Yama", "fill-tmp": "/tmp is small", "inodes-tmp": "/tmp is small", "see-host-state": "bare host",
}

func TestAuditWithoutAJail(t *testing.T) {
	t.Parallel()
	w := audited(t)
	rows, r := audit(w, "--net", "none", "--against", "env")
	if r.Status != 1 {
		t.Errorf("status %d: %s", r.Status, r.Err)
	}
	n := 0
	for _, a := range unprotected {
		switch {
		case rows[a].Result == "GOT THROUGH":
			n++
		case perHost[a] != "":
			t.Logf("%s: %+v (%s)", a, rows[a], perHost[a])
		default:
			t.Errorf("%s does not get through: %+v", a, rows[a])
		}
	}
	t.Logf("%d of %d got through", n, len(rows))
}

// TestAuditWithNesting: an agent that makes namespaces goes around the mounts on
// protected paths, and the jail says so; a read-only project cannot be changed.
func TestAuditWithNesting(t *testing.T) {
	t.Parallel()
	world.RequireNesting(t)
	for name, c := range map[string]struct{ more, want string }{
		"read-write": {"", "reported at the end of the jail"},
		"read-only":  {"[files]\nproject = \"ro\"\n", "not applicable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := audited(t)
			r := w.Run("audit", "--json", "--net", "none", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--policy", w.NestingPolicy(c.more), "--class", "persistence")
			var list []auditRow
			world.Decode(t, r, &list)
			for _, row := range list {
				if row.Result == "GOT THROUGH" || row.Attack == "protected-change-by-namespace" && !strings.Contains(row.Result+": "+row.Detail, c.want) {
					t.Errorf("%+v", row)
				}
			}
			if r.Status != 0 || len(list) < 60 {
				t.Errorf("%d attacks, status %d: %s", len(list), r.Status, r.Err)
			}
		})
	}
}

// TestAuditOfAnotherJail: what one jail of ours grants gets through where the
// other promised more.
func TestAuditOfAnotherJail(t *testing.T) {
	t.Parallel()
	w := audited(t)
	bin := os.Getenv("JAIL_TEST_BIN")
	wants := map[string]string{
		"loopback-tcp": "GOT THROUGH", "abstract-stream": "GOT THROUGH", "udp-loopback": "GOT THROUGH", "leaked-environment": "GOT THROUGH",
		"hidden-read": "GOT THROUGH", "read-home": "held", "protected-write": "held", "unshare-user": "held", "tiocsti": "held",
	}
	flags := []string{"--net", "none", "--against", bin + " shell --closure " + world.RequireVariable(t, "BASE_CLOSURE") + " --net host --read " + bin + " --env JAILED_CLAUDE_AUDIT_SECRET --"}
	for a := range wants {
		flags = append(flags, "--class", a)
	}
	rows, r := audit(w, flags...)
	if r.Status != 1 || len(rows) != len(wants) {
		t.Errorf("%d attacks, status %d: %s", len(rows), r.Status, r.Err)
	}
	for a, want := range wants {
		if rows[a].Result != want {
			t.Errorf("%s: %+v, want %s", a, rows[a], want)
		}
	}
}

// TestAuditSaysWhatIsWrong: a wrapper that does not start the attacks has not
// stopped them.
func TestAuditSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, against := range []string{"false", "echo", "no-such-wrapper"} {
		r := w.Run("audit", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--against", against)
		if r.Status != 125 || !strings.Contains(r.Err, "jailed-claude: audit: ") {
			t.Errorf("%s: %s", against, r)
		}
	}
}

// TestAuditKilled: what an audit leaves that is killed in the middle, the next
// one takes away, though git takes the project for no repository until then.
func TestAuditKilled(t *testing.T) {
	t.Parallel()
	w := audited(t)
	before, status := tree(w), w.Status()
	args := []string{"audit", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--class", "persistence"}
	c := w.Command(args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "a marker", func() bool {
		_, err := os.Lstat(filepath.Join(w.Project, ".git/commondir"))
		return err == nil
	})
	_ = c.Process.Kill()
	_ = c.Wait()
	// The attacks end as soon as nobody listens.
	world.WaitFor(t, "the end of the attacks", func() bool {
		was := tree(w)
		time.Sleep(time.Second)
		return was == tree(w)
	})
	r := world.Finish(t, w.Command(args...))
	if r.Status != 0 || !strings.Contains(r.Err, "an earlier audit was killed; removed what it had left: .git/commondir") {
		t.Error(r)
	}
	if after := tree(w); after != before {
		t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
	if after := w.Status(); after != status {
		t.Errorf("the project is:\n%s\nbefore:\n%s", after, status)
	}
}

// TestAuditOfSpellings: where names have more spellings than the start found, what
// is protected and hidden by one is reached by the other.
func TestAuditOfSpellings(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := filepath.Join(w.Home, "folding")
	w.Mkdir(dir, 0o755)
	// The start looks for ".ENV", not for ".Env".
	(&world.Folding{Folds: func(_, name, asked string) bool {
		return strings.EqualFold(name, asked) && (asked == "Config" || asked == ".Env")
	}}).Mount(t, dir)
	attacks := []string{"protected-write-by-spelling", "hidden-read-by-spelling"}
	args := []string{"audit", "--json", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--project", dir, "--hide", ".env"}
	for _, a := range attacks {
		args = append(args, "--class", a)
	}
	r := w.Run(args...)
	var rows []auditRow
	world.Decode(t, r, &rows)
	if len(rows) != len(attacks) || r.Status != 1 {
		t.Fatalf("not made: %s", r)
	}
	for _, row := range rows {
		if row.Result != "GOT THROUGH" {
			t.Errorf("%+v", row)
		}
	}
}
