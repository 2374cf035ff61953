package e2e

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// auditRow is one row of jailed-claude audit --json.
type auditRow struct{ Attack, Class, Promise, Result, Detail string }

// audited is a world with something of everything that attacks look for.
func audited(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for name, text := range map[string]string{
		".envrc": "use nix\n", ".vscode/tasks.json": "{}\n", ".claude/settings.json": "{}\n", "deep/secrets/key": planted + "\n", ".env": planted + "\n",
		w.home + "/.bashrc": "# mine\n", w.home + "/.bash_history": "ls\n", w.home + "/.aws/credentials": planted, w.dir + "/other/project": planted,
	} {
		w.write(name, text)
	}
	w.commitAll()
	w.repository(filepath.Join(w.project, "nested"))
	for _, name := range []string{"bus", "wayland-0", "systemd/private", "pulse/native"} {
		p := filepath.Join(w.dir, "run", name)
		w.mkdir(filepath.Dir(p), 0o700)
		l, err := net.Listen("unix", p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
	return w
}

// audit runs the attacks, and leaves the world as it was.
func (w *world) audit(flags ...string) (map[string]auditRow, result) {
	w.t.Helper()
	before := w.tree()
	args := append([]string{"audit", "--json", "--closure", requireVariable(w.t, "BASE_CLOSURE"), "--hide", ".env", "--hide", "secrets/"}, flags...)
	r := w.run(args...)
	if after := w.tree(); after != before {
		w.t.Errorf("%q left something:\n%s\nbefore:\n%s", flags, after, before)
	}
	var list []auditRow
	decode(w.t, r, &list)
	rows := map[string]auditRow{}
	for _, row := range list {
		rows[row.Attack] = row
	}
	if len(rows) < 120 || len(rows) != len(list) {
		w.t.Errorf("%d attacks, %d names", len(list), len(rows))
	}
	for _, row := range rows {
		if row.Result != "held" && row.Result != "GOT THROUGH" && row.Result != "not applicable" || row.Class == "" || row.Promise == "" || row.Detail == "" {
			w.t.Errorf("%+v", row)
		}
	}
	return rows, r
}

// tree is every name in the world but for caches and state of jailed-claude.
func (w *world) tree() string {
	w.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(w.dir, func(p string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // an attack has taken it away meanwhile
		case err != nil:
			return err
		case p == filepath.Join(w.home, ".cache") || p == filepath.Join(w.home, ".local") || p == filepath.Join(w.project, ".git/index"):
			return skipIfDir(d)
		}
		b.WriteString(p + "\n")
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func skipIfDir(d os.DirEntry) error {
	if d.IsDir() {
		return filepath.SkipDir
	}
	return nil
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
			rows, r := w.audit(flags...)
			for _, row := range rows {
				if row.Result == "GOT THROUGH" {
					t.Errorf("%s got through: %s", row.Attack, row.Detail)
				}
			}
			if r.status != 0 {
				t.Errorf("status %d: %s", r.status, r.err)
			}
			applies := []string{"read-other-project", "hidden-read", "hidden-move-ancestor", "protected-write", "protected-move-ancestor", "trust-direnv", "service-session-bus", "see-credentials", "signal-kill"}
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
	rows, r := w.audit("--net", "none", "--against", "env")
	if r.status != 1 {
		t.Errorf("status %d: %s", r.status, r.err)
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
	requireNesting(t)
	for name, c := range map[string]struct{ more, want string }{
		"read-write": {"", "reported at the end of the jail"},
		"read-only":  {"[files]\nproject = \"ro\"\n", "not applicable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := audited(t)
			r := w.run("audit", "--json", "--net", "none", "--closure", requireVariable(t, "BASE_CLOSURE"), "--policy", w.nestingPolicy(c.more), "--class", "persistence")
			var list []auditRow
			decode(t, r, &list)
			for _, row := range list {
				if row.Result == "GOT THROUGH" || row.Attack == "protected-change-by-namespace" && !strings.Contains(row.Result+": "+row.Detail, c.want) {
					t.Errorf("%+v", row)
				}
			}
			if r.status != 0 || len(list) < 60 {
				t.Errorf("%d attacks, status %d: %s", len(list), r.status, r.err)
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
	rows, r := w.audit("--net", "none", "--against", bin+" shell --closure "+requireVariable(t, "BASE_CLOSURE")+" --net host --read "+bin+" --env JAILED_CLAUDE_AUDIT_SECRET --")
	if r.status != 1 {
		t.Errorf("status %d: %s", r.status, r.err)
	}
	for a, want := range map[string]string{"loopback-tcp": "GOT THROUGH", "abstract-stream": "GOT THROUGH", "udp-loopback": "GOT THROUGH", "leaked-environment": "GOT THROUGH",
		"hidden-read": "GOT THROUGH", "read-home": "held", "protected-write": "held", "unshare-user": "held", "tiocsti": "held"} {
		if rows[a].Result != want {
			t.Errorf("%s: %+v, want %s", a, rows[a], want)
		}
	}
}

// TestAuditSaysWhatIsWrong: a wrapper that does not start the attacks has not
// stopped them.
func TestAuditSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, against := range []string{"false", "echo", "no-such-wrapper"} {
		r := w.run("audit", "--closure", requireVariable(t, "BASE_CLOSURE"), "--net", "none", "--against", against)
		if r.status != 125 || !strings.Contains(r.err, "jailed-claude: audit: ") {
			t.Errorf("%s: %s", against, r)
		}
	}
}

// TestAuditKilled: what an audit leaves that is killed in the middle, the next
// one takes away, though git takes the project for no repository until then.
func TestAuditKilled(t *testing.T) {
	t.Parallel()
	w := audited(t)
	before, status := w.tree(), w.status()
	args := []string{"audit", "--closure", requireVariable(t, "BASE_CLOSURE"), "--net", "none", "--class", "persistence"}
	c := w.command(args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a marker", func() bool {
		_, err := os.Lstat(filepath.Join(w.project, ".git/commondir"))
		return err == nil
	})
	_ = c.Process.Kill()
	_ = c.Wait()
	// The attacks end as soon as nobody listens.
	waitFor(t, "the end of the attacks", func() bool {
		was := w.tree()
		time.Sleep(time.Second)
		return was == w.tree()
	})
	r := finish(t, w.command(args...))
	if r.status != 0 || !strings.Contains(r.err, "an earlier audit was killed: removed what its attacks had made: .git/commondir ") {
		t.Error(r)
	}
	if after := w.tree(); after != before {
		t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
	if after := w.status(); after != status {
		t.Errorf("the project is:\n%s\nbefore:\n%s", after, status)
	}
}
