package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func decode(t *testing.T, r result, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), to); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, r)
	}
}

// config are the fields of config.json that a jail can be compared with.
type config struct {
	OciVersion string `json:"ociVersion"`
	Process    struct {
		Cwd  string   `json:"cwd"`
		Args []string `json:"args"`
		Env  []string `json:"env"`
	} `json:"process"`
	Mounts []struct {
		Destination string   `json:"destination"`
		Options     []string `json:"options"`
	} `json:"mounts"`
}

// TestSpecIsWhatTheJailGets compares the printed configuration with what a
// program inside finds, and with that of an exported bundle.
func TestSpecIsWhatTheJailGets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	flags := []string{"--closure", requireVariable(t, "DEVENV_CLOSURE"), "--package", requireVariable(t, "CLAUDE"), "--net", "none", "--env", "SET=1"}
	var c, again config
	first := w.run(append([]string{"spec"}, flags...)...)
	decode(t, first, &c)
	if second := w.run(append([]string{"spec"}, flags...)...); second.out != first.out {
		t.Error("two runs print two configurations")
	}
	inside := lines(w.must(`env; echo; while read -r _ _ _ _ p o _; do echo "$p $o"; done </proc/self/mountinfo`, "--package", requireVariable(t, "CLAUDE"), "--env", "SET=1"))
	for _, e := range c.Process.Env {
		if !slices.Contains(inside, e) && !strings.HasPrefix(e, "SHLVL=") {
			t.Errorf("the environment lacks %s", e)
		}
	}
	if c.Process.Cwd != w.project || c.OciVersion != "1.0.2" {
		t.Errorf("cwd %q, ociVersion %q", c.Process.Cwd, c.OciVersion)
	}
	for _, m := range c.Mounts {
		found := slices.ContainsFunc(inside, func(l string) bool {
			p, o, _ := strings.Cut(l, " ")
			return p == m.Destination && (!slices.Contains(m.Options, "ro") || strings.HasPrefix(o, "ro"))
		})
		if !found {
			t.Errorf("%s %v is not mounted", m.Destination, m.Options)
		}
	}

	dir := filepath.Join(w.dir, "bundle")
	if r := w.run(append(append([]string{"bundle"}, flags...), dir)...); r.status != 0 {
		t.Fatal(r)
	}
	decode(t, result{out: w.read(dir + "/config.json")}, &again)
	if !slices.Equal(again.Process.Args, c.Process.Args) || !slices.Equal(again.Process.Env, c.Process.Env) {
		t.Errorf("the bundle's process differs: %v", again.Process)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the bundle: %v, %v; want mode 0700", fi.Mode(), err)
	}
	if r := w.run(append(append([]string{"bundle"}, flags...), dir)...); r.status != 125 {
		t.Errorf("written over an existing folder: %s", r)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.dir+"/granted/file", "")
	args := []string{"explain", "--closure", requireVariable(t, "DEVENV_CLOSURE"), "--net", "none", "--read", w.dir + "/granted"}
	var grants []struct{ Kind, What, Mode, From, Why string }
	r := w.run(append(args, "--json")...)
	decode(t, r, &grants)
	has := func(kind, what, mode, from string) bool {
		for _, g := range grants {
			if g.Kind == kind && g.What == what && g.Mode == mode && (from == "" || g.From == from) {
				return true
			}
		}
		return false
	}
	if !has("file", w.project, "rw", "") || !has("file", w.dir+"/granted", "ro", "command line") || !has("network", "none", "nothing", "command line") || !has("protected", w.project+"/.git/hooks", "ro", "") {
		t.Errorf("a grant is missing: %s", r)
	}
	for _, g := range grants {
		if g.From == "" || g.Why == "" || g.Kind == "" {
			t.Errorf("a grant without reason: %+v", g)
		}
	}
	if text := w.run(args...); text.status != 0 || !strings.Contains(text.out, w.dir+"/granted") {
		t.Errorf("as text: %s", text)
	}
}

// TestList: a running jail is listed, a program in it that calls itself one is
// not, and when it has ended nothing is.
func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type running struct {
		ID, Project, Started string
		PID                  int
	}
	list := func() (mine []running) {
		var all []running
		r := finish(t, w.command("list", "--json"))
		decode(t, r, &all)
		for _, j := range all {
			if strings.HasPrefix(j.Project, w.dir) || j.Project == "/forged" {
				mine = append(mine, j)
			}
		}
		return mine
	}
	c := w.base(`env _JAILED_CLAUDE_STAGE=supervisor _JAILED_CLAUDE_ID=forged _JAILED_CLAUDE_PROJECT=/forged _JAILED_CLAUDE_STARTED=1 \
		bash -c 'exec -a jailed-claude sleep 60' & echo ready; read -r _`)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the jail says %q", line)
	}
	got := list()
	if len(got) != 1 || got[0].PID != c.Process.Pid || got[0].Project != w.project || got[0].ID == "" || got[0].Started == "" {
		t.Errorf("listed: %+v, want one with process %d", got, c.Process.Pid)
	}
	text := finish(t, w.command("list"))
	if text.status != 0 || !strings.Contains(text.out, w.project) {
		t.Errorf("as text: %s", text)
	}
	_ = in.Close()
	_ = c.Wait()
	if got := list(); len(got) != 0 {
		t.Errorf("listed after the end: %+v", got)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var needs []map[string]any
	r := w.run("doctor", "--json")
	decode(t, r, &needs)
	if len(needs) < 3 {
		t.Errorf("too few needs: %s", r)
	}
	for _, n := range needs {
		name, _ := n["name"].(string)
		ok, isBool := n["ok"].(bool)
		if name == "" || !isBool {
			t.Errorf("a need without name or result: %v", n)
		}
		fix, _ := n["fix"].([]any)
		if required, _ := n["required"].(bool); required && !ok && len(fix) == 0 {
			t.Errorf("nothing said how to mend %q: %v", name, n)
		}
	}
	if text := w.run("doctor"); text.status != r.status || text.out == "" {
		t.Errorf("as text: %s", text)
	}
}

func TestDoctorWithoutUserNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.privileged("no-ns", 24 /* CAP_SYS_RESOURCE */, 0, w.command("doctor").Args)
	if r := finish(t, c); r.status != 125 || !strings.Contains(r.out, "user.max_user_namespaces") {
		t.Errorf("want 125 and the command that mends it: %s", r)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := finish(t, w.command("init")); r.status != 0 {
		t.Fatal(r)
	}
	if s := w.git(w.project, "status", "--porcelain", "--ignored"); s != "?? .jailed-claude.toml\n" {
		t.Errorf("init made %s", s)
	}
	if out := w.must("echo ran", "--policy", ".jailed-claude.toml"); out != "ran\n" {
		t.Errorf("with the starter: %s", out)
	}
	// Every line that is a comment is a valid one when it is none.
	if r := finish(t, w.command("init")); r.status != 125 || !strings.Contains(r.err, "exists already") {
		t.Errorf("a second time: %s", r)
	}
	if r := finish(t, w.command("init", "--user")); r.status != 0 {
		t.Fatal(r)
	}
	if out := w.must("echo ran", "--policy", "none"); out != "ran\n" {
		t.Errorf("with the user's starter: %s", out)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		r := w.run("completion", shell)
		if r.status != 0 || !strings.Contains(r.out, "jailed-claude") {
			t.Errorf("%s: %s", shell, r)
		}
		if shell == "bash" {
			file := w.write(w.dir+"/completion", r.out)
			c := w.throughShell("", "true")
			c.Args = []string{"bash", "-c", ". " + file + " && complete -p jailed-claude"}
			if r := finish(t, c); r.status != 0 {
				t.Errorf("bash does not take it: %s", r)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run("--help")
	var commands []string
	_, after, _ := strings.Cut(r.out, "Available Commands:\n")
	for _, l := range lines(after) {
		if !strings.HasPrefix(l, "  ") {
			break
		}
		commands = append(commands, strings.Fields(l)[0])
	}
	for _, want := range []string{"run", "shell", "spec", "bundle", "explain", "doctor", "list", "init", "completion"} {
		if !slices.Contains(commands, want) {
			t.Errorf("no command %q in the help: %q", want, commands)
		}
	}
	if !strings.Contains(r.out, "Examples:\n") || r.status != 0 {
		t.Errorf("%s", r)
	}
	for _, c := range commands {
		if c == "help" || c == "completion" {
			continue
		}
		if r := w.run(c, "--help"); r.status != 0 || !strings.Contains(r.out, "Examples:\n  jailed-claude "+c) {
			t.Errorf("%s --help has no example: %s", c, r)
		}
	}
	if r := w.run("--version"); r.status != 0 || !strings.HasPrefix(r.out, "jailed-claude ") {
		t.Errorf("%s", r)
	}
}
