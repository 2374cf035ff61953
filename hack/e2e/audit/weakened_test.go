package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// weakened is the part "weakened": it makes a bundle of the folder that it is called
// in, and runs it under runc without some protections in its config.json, and in it
// the attacker.
//
// Its arguments are the world's folder, names of protections with "+" between
// them, and what audit puts behind its wrapper: the program and its arguments.
func weakened(args []string) int {
	if err := runWeakened(args[0], args[1], args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// underCrun is, among the protections that are removed, that crun is the runtime.
const underCrun = "runc, for crun"

// bundleArguments is a file of the world: the command line that makes a bundle, one
// word a line, but for the name of the bundle.
const bundleArguments = "bundle.args"

func runWeakened(dir, names string, attacker []string) error {
	// Of the folder that this is called in: the audit has made its own there, and
	// in that of a neighbour.
	project, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, bundleArguments))
	if err != nil {
		return err
	}
	made := filepath.Join(dir, "bundle", filepath.Base(project))
	if _, err := os.Stat(made); err != nil {
		argv := append(strings.Split(string(text), "\n"), made, "--", "sh")
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w: %s", argv, err, out)
		}
	}
	if text, err = os.ReadFile(filepath.Join(made, "config.json")); err != nil {
		return err
	}
	var c specs.Spec
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	c.Root.Path = filepath.Join(made, "rootfs")
	c.Process.Args = append(c.Process.Args[:slices.Index(c.Process.Args, "--")+1], append([]string{"/.jail/./init"}, attacker...)...)
	b := &weakBundle{Spec: &c, dir: dir, home: filepath.Join(dir, "home"), project: project, run: filepath.Join(dir, "run")}
	for name := range strings.SplitSeq(names, "+") {
		remove := protections[name]
		if remove == nil {
			return fmt.Errorf("there is no protection %q", name)
		}
		remove(b)
	}
	changed := filepath.Join(dir, fmt.Sprintf("weakened-%d", os.Getpid()))
	if err := os.Mkdir(changed, 0o700); err != nil {
		return err
	}
	if text, err = json.Marshal(&c); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(changed, "config.json"), text, 0o600); err != nil {
		return err
	}
	_ = os.Unsetenv(world.PartEnv)
	id := filepath.Base(dir) + "-" + filepath.Base(changed)
	if slices.Contains(strings.Split(names, "+"), underCrun) {
		c := world.Crun("--root", dir+"/crun", "--cgroup-manager=disabled", "run", "--bundle", changed, id)
		return syscall.Exec(c.Path, c.Args, append(os.Environ(), c.Env...))
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, slices.Concat([]string{"runc", "--root", dir + "/runc", "run", "--bundle", changed}, b.flags, []string{id}), os.Environ())
}

// audit attacks the bundle without some protections. only are the attacks that are
// made; none means all. A bundle that does not start lets nothing through: nil.
func (k *weakness) audit(t *testing.T, names string, only ...string) map[string]auditRow {
	t.Helper()
	w := audited(t)
	w.Mkdir(filepath.Join(w.Home, ".config/jailed-claude"), 0o700)
	listen(w, "at-spi/bus_0", "docker.sock", "podman/podman.sock", "gnupg/S.gpg-agent", "ssh-agent.socket", "pipewire-0", "keyring/control", "vscode-1.sock", "emacs/server", "nvim.1.0")
	if k.lab {
		l := world.LabOf(t, w)
		for _, name := range []string{"localhost.localdomain", "host.docker.internal", "host.containers.internal", "gateway.docker.internal", "_gateway", "127.0.0.1.nip.io"} {
			l.Name(name, "127.0.0.1")
		}
	}
	flags := append([]string{"--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--hide", ".env", "--hide", "secrets/"}, k.flags...)
	if k.policy != "" {
		flags = append(flags, "--policy", w.Write(filepath.Join(w.Dir, "policy.toml"), k.policy))
	}
	w.Mkdir(w.Dir+"/bundle", 0o700)
	w.Write(filepath.Join(w.Dir, bundleArguments), strings.Join(append([]string{os.Getenv("JAIL_TEST_BIN"), "bundle"}, flags...), "\n"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := slices.Concat([]string{"audit", "--json", "--against", fmt.Sprintf("%s=weakened %s %s '%s'", world.PartEnv, self, w.Dir, names)}, flags)
	for _, c := range only {
		args = append(args, "--class", c)
	}
	t.Cleanup(func() {
		_ = unix.Unmount(filepath.Join(w.Dir, leftMount), unix.MNT_DETACH)
		for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			_ = unix.Rmdir(filepath.Join(root, "jailed-claude-left-"+filepath.Base(w.Dir)))
		}
	})
	c := w.Command(args...)
	if k.root && strings.Contains(names, "pid namespace") {
		// The host's PID 1 is none of this test's.
		c.Args = append([]string{world.RequireTool(t, "unshare"), "--fork", "--pid", "--mount-proc", "--kill-child", "--"}, slices.Concat([]string{c.Path}, c.Args[1:])...)
		c.Path = c.Args[0]
	}
	r := world.Finish(t, c)
	if r.Status == 125 && strings.Contains(r.Err, "the attacks were not started") {
		t.Log(r) // of interest where it should have started
		return nil
	}
	var list []auditRow
	world.Decode(t, r, &list)
	rows := map[string]auditRow{}
	var got []string
	for _, row := range list {
		rows[row.Attack] = row
		switch row.Result {
		case "failed":
			t.Errorf("%s: %+v", names, row)
		case "GOT THROUGH":
			got = append(got, row.Attack)
		}
	}
	t.Logf("without %s: %d got through: %s", names, len(got), strings.Join(got, " "))
	return rows
}

// listen opens sockets in XDG_RUNTIME_DIR.
func listen(w *world.World, names ...string) {
	w.T.Helper()
	for _, name := range names {
		p := filepath.Join(w.Dir, "run", name)
		w.Mkdir(filepath.Dir(p), 0o700)
		l, err := net.Listen("unix", p)
		if err != nil {
			w.T.Fatal(err)
		}
		w.T.Cleanup(func() { _ = l.Close() })
	}
}

// removed are all the protections of a row.
func (k *weakness) removed() string { return strings.TrimSuffix(k.remove+"+"+k.also, "+") }

// alone are those that hold without each other, one by one.
func (k *weakness) alone() []string {
	if k.also == "" {
		return nil
	}
	return []string{k.remove, k.also}
}

// weakBundles are those that rows need. Some need the same, which is attacked
// once, with the attacks of all of them.
type weakBundles map[string]*attackedBundle

type attackedBundle struct {
	once sync.Once
	only []string
	rows map[string]auditRow
}

func (k *weakness) key(names string) string {
	return fmt.Sprint(names, k.lab, k.policy, k.flags, k.root && strings.Contains(names, "pid namespace"))
}

// need adds those of a row.
func (all weakBundles) need(k *weakness) {
	for _, names := range append(k.alone(), k.removed()) {
		b := all[k.key(names)]
		if b == nil {
			b = new(attackedBundle)
			all[k.key(names)] = b
		}
		b.only = append(b.only, k.attacks()...)
	}
}

// attacked is what became of the attacks on one.
func (all weakBundles) attacked(t *testing.T, k *weakness, names string) map[string]auditRow {
	t.Helper()
	b := all[k.key(names)]
	b.once.Do(func() { b.rows = k.audit(t, names, b.only...) })
	return b.rows
}

// attacks of a row.
func (k *weakness) attacks() []string { return strings.Fields(k.through + " " + k.kernel) }

func through(rows map[string]auditRow, attacks []string) (got []string) {
	for _, a := range attacks {
		if rows[a].Result == "GOT THROUGH" {
			got = append(got, a)
		}
	}
	return got
}

// TestWeakened: every protection stops something. The bundle as it is stops all
// that it is to stop under runc; without a protection its attacks get through,
// and where a second wall holds alone, without both.
func TestWeakened(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "runc")
	control := weaknesses[0].audit(t, weaknesses[0].remove)
	want := weaknesses[0].attacks()
	for _, a := range slices.Sorted(maps.Keys(control)) {
		if got := control[a].Result == "GOT THROUGH"; got != slices.Contains(want, a) {
			t.Errorf("the bundle as it is: %+v", control[a])
		}
	}
	for a := range control {
		// Those on keys and bridges are shown by their TestNaive: a bundle of this test has
		// neither.
		shown := strings.HasPrefix(a, "service-") || control[a].Class == "keys" || control[a].Class == "bridges"
		for _, names := range notShown {
			shown = shown || slices.Contains(strings.Fields(names), a)
		}
		for _, k := range weaknesses {
			shown = shown || slices.Contains(k.attacks(), a)
		}
		if !shown {
			t.Errorf("no row shows that %s can get through", a)
		}
	}
	here := slices.DeleteFunc(slices.Clone(weaknesses[1:]), func(k weakness) bool { return k.root && os.Getuid() != 0 || k.user && os.Getuid() == 0 })
	bundles := weakBundles{}
	for _, k := range here {
		bundles.need(&k)
	}
	for _, k := range here {
		t.Run(strings.ReplaceAll(k.removed(), "/", ""), func(t *testing.T) {
			t.Parallel()
			k.test(t, control, bundles)
		})
	}
}

// notHere: that nothing gets through is right, for the attacks are not
// applicable, with the protection and without, and another test shows it.
func (k *weakness) notHere(control, rows map[string]auditRow) bool {
	return k.elsewhere != "" && !slices.ContainsFunc(strings.Fields(k.kernel), func(a string) bool {
		return control[a].Result != "not applicable" || rows[a].Result != "not applicable"
	})
}

func (k *weakness) test(t *testing.T, control map[string]auditRow, bundles weakBundles) {
	t.Helper()
	for _, a := range k.attacks() {
		row, ok := control[a]
		// What this kernel has not does not apply, and none of it need be shown.
		lacks := row.Result == "not applicable" && slices.Contains(strings.Fields(k.kernel), a)
		if !ok || row.Result != "held" && !lacks && !k.lab && k.policy == "" && k.flags == nil && !strings.HasPrefix(a, "set") {
			t.Errorf("with everything in place: %s: %+v", a, row)
		}
	}
	rows := bundles.attacked(t, k, k.removed())
	if rows == nil {
		t.Fatalf("without %s the bundle does not start", k.removed())
	}
	for a := range strings.FieldsSeq(k.through) {
		if rows[a].Result != "GOT THROUGH" {
			t.Errorf("without %s: %+v", k.removed(), rows[a])
		}
	}
	if k.kernel != "" && len(through(rows, strings.Fields(k.kernel))) == 0 && !k.notHere(control, rows) {
		world.Cannot(t, "this host has nothing of %s", k.kernel)
	}
	for _, alone := range k.alone() {
		if got := through(bundles.attacked(t, k, alone), k.attacks()); got != nil {
			t.Errorf("without %s alone: %s get through: no second wall holds", alone, got)
		}
	}
}
