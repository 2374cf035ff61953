package cli

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

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
	w := world.New(t)
	flags := []string{"--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--net", "none", "--env", "SET=1"}
	var c, again config
	first := w.Run(append([]string{"spec"}, flags...)...)
	world.Decode(t, first, &c)
	if second := w.Run(append([]string{"spec"}, flags...)...); second.Out != first.Out {
		t.Error("two runs print two configurations")
	}
	inside := world.Lines(w.Must(`env; echo; while read -r _ _ _ _ p o _; do echo "$p $o"; done </proc/self/mountinfo`, "--package", world.RequireVariable(t, "CLAUDE"), "--env", "SET=1"))
	for _, e := range c.Process.Env {
		if !slices.Contains(inside, e) && !strings.HasPrefix(e, "SHLVL=") {
			t.Errorf("the environment lacks %s", e)
		}
	}
	if c.Process.Cwd != w.Project || c.OciVersion != "1.0.2" {
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

	dir := filepath.Join(w.Dir, "bundle")
	if r := w.Run(append(append([]string{"bundle"}, flags...), dir)...); r.Status != 0 {
		t.Fatal(r)
	}
	world.Decode(t, world.Result{Out: w.Read(dir + "/config.json")}, &again)
	if !slices.Equal(again.Process.Args, c.Process.Args) || !slices.Equal(again.Process.Env, c.Process.Env) {
		t.Errorf("the bundle's process differs: %v", again.Process)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the bundle: %v, %v; want mode 0700", fi.Mode(), err)
	}
	if r := w.Run(append(append([]string{"bundle"}, flags...), dir)...); r.Status != 125 {
		t.Errorf("written over an existing folder: %s", r)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Dir+"/granted/file", "")
	args := []string{"explain", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none", "--read", w.Dir + "/granted"}
	var grants []struct{ Kind, What, Mode, From, Why string }
	r := w.Run(append(args, "--json")...)
	world.Decode(t, r, &grants)
	has := func(kind, what, mode, from string) bool {
		for _, g := range grants {
			if g.Kind == kind && g.What == what && g.Mode == mode && (from == "" || g.From == from) {
				return true
			}
		}
		return false
	}
	if !has("file", w.Project, "rw", "") || !has("file", w.Dir+"/granted", "ro", "command line") || !has("network", "none", "nothing", "command line") || !has("protected", w.Project+"/.git/hooks", "ro", "") {
		t.Errorf("a grant is missing: %s", r)
	}
	for _, g := range grants {
		if g.From == "" || g.Why == "" || g.Kind == "" {
			t.Errorf("a grant without reason: %+v", g)
		}
	}
	if text := w.Run(args...); text.Status != 0 || !strings.Contains(text.Out, w.Dir+"/granted") {
		t.Errorf("as text: %s", text)
	}
}

// TestList: a running jail is listed, a program in it that calls itself one is
// not, and when it has ended nothing is.
func TestList(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	type running struct {
		ID, Project, Started string
		PID                  int
	}
	list := func() (mine []running) {
		var all []running
		r := world.Finish(t, w.Command("list", "--json"))
		world.Decode(t, r, &all)
		for _, j := range all {
			if strings.HasPrefix(j.Project, w.Dir) || j.Project == "/forged" {
				mine = append(mine, j)
			}
		}
		return mine
	}
	c := w.Base(`env _JAILED_CLAUDE_STAGE=supervisor _JAILED_CLAUDE_ID=forged _JAILED_CLAUDE_PROJECT=/forged _JAILED_CLAUDE_STARTED=1 \
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
	if len(got) != 1 || got[0].PID != c.Process.Pid || got[0].Project != w.Project || got[0].ID == "" || got[0].Started == "" {
		t.Errorf("listed: %+v, want one with process %d", got, c.Process.Pid)
	}
	text := world.Finish(t, w.Command("list"))
	if text.Status != 0 || !strings.Contains(text.Out, w.Project) {
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
	w := world.New(t)
	var needs []map[string]any
	r := w.Run("doctor", "--json")
	world.Decode(t, r, &needs)
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
	if text := w.Run("doctor"); text.Status != r.Status || text.Out == "" {
		t.Errorf("as text: %s", text)
	}
}

func TestDoctorWithoutUserNamespaces(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Privileged("no-ns", 24 /* CAP_SYS_RESOURCE */, 0, w.Command("doctor").Args)
	if r := world.Finish(t, c); r.Status != 125 || !strings.Contains(r.Out, "user.max_user_namespaces") {
		t.Errorf("want 125 and the command that mends it: %s", r)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if r := world.Finish(t, w.Command("init")); r.Status != 0 {
		t.Fatal(r)
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "?? .jailed-claude.toml\n" {
		t.Errorf("init made %s", s)
	}
	if out := w.Must("echo ran", "--policy", ".jailed-claude.toml"); out != "ran\n" {
		t.Errorf("with the starter: %s", out)
	}
	// Every line that is a comment is a valid one when it is none.
	if r := world.Finish(t, w.Command("init")); r.Status != 125 || !strings.Contains(r.Err, "already exists") {
		t.Errorf("a second time: %s", r)
	}
	if r := world.Finish(t, w.Command("init", "--user")); r.Status != 0 {
		t.Fatal(r)
	}
	if out := w.Must("echo ran", "--policy", "none"); out != "ran\n" {
		t.Errorf("with the user's starter: %s", out)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		r := w.Run("completion", shell)
		if r.Status != 0 || !strings.Contains(r.Out, "jailed-claude") {
			t.Errorf("%s: %s", shell, r)
		}
		if shell == "bash" {
			file := w.Write(w.Dir+"/completion", r.Out)
			c := w.ThroughShell("", "true")
			c.Args = []string{"bash", "-c", ". " + file + " && complete -p jailed-claude"}
			if r := world.Finish(t, c); r.Status != 0 {
				t.Errorf("bash does not take it: %s", r)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Run("--help")
	var commands []string
	for part := range strings.SplitSeq(r.Out, "\n\n") {
		title, list, _ := strings.Cut(part, ":\n")
		if slices.Contains([]string{"Usage", "Examples", "Flags", "Global flags"}, title) {
			continue
		}
		for _, l := range world.Lines(list) {
			if name, ok := strings.CutPrefix(l, "  "); ok {
				commands = append(commands, strings.Fields(name)[0])
			}
		}
	}
	for _, want := range []string{"run", "shell", "spec", "bundle", "explain", "doctor", "list", "init", "completion"} {
		if !slices.Contains(commands, want) {
			t.Errorf("no command %q in the help: %q", want, commands)
		}
	}
	if !strings.Contains(r.Out, "Examples:\n") || r.Status != 0 {
		t.Errorf("%s", r)
	}
	for _, c := range commands {
		if c == "help" || c == "completion" {
			continue
		}
		if r := w.Run(c, "--help"); r.Status != 0 || !strings.Contains(r.Out, "Examples:\n  jailed-claude "+c) {
			t.Errorf("%s --help has no example: %s", c, r)
		}
	}
	if r := w.Run("--version"); r.Status != 0 || !strings.HasPrefix(r.Out, "jailed-claude ") {
		t.Errorf("%s", r)
	}
}
