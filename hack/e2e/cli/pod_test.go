package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// aPod is what these tests read of one.
type aPod struct {
	Kind string
	Data map[string]string
	Spec struct {
		Containers []struct {
			Command      []string
			Env          []struct{ Name, Value string }
			VolumeMounts []struct {
				MountPath, SubPath string
				ReadOnly           bool
			}
		}
		InitContainers []struct{ Command []string }
	}
	Items []aPod
}

// export runs "export pod", and returns its objects by their kind.
func export(w *world.World, args ...string) (map[string]aPod, world.Result) {
	w.T.Helper()
	claude := world.RequireNix(w.T, world.RequireVariable(w.T, "CLAUDE"))
	r := w.Run(append([]string{"export", "pod", "--image", "registry.example/agent:1", "--package", claude, "--closure", world.RequireVariable(w.T, "CLAUDE_CLOSURE")}, args...)...)
	if r.Status != 0 {
		w.T.Fatal(r)
	}
	all := map[string]aPod{}
	for d := json.NewDecoder(strings.NewReader(r.Out)); d.More(); {
		var p aPod
		if err := d.Decode(&p); err != nil {
			w.T.Fatalf("%v: %s", err, r)
		}
		for _, o := range append(p.Items, p) {
			all[o.Kind] = o
		}
	}
	return all, r
}

func podProject(t *testing.T) *world.World {
	w := world.New(t)
	w.Write(".mcp.json", "{}")
	w.CommitAll()
	w.Write(".env", "SECRET="+world.Planted)
	w.Write(".envrc", "untracked")
	return w
}

// TestPodOfAProject: what is protected and hidden in this project is so in its
// Pod, at the places of the image; of a clone, what a clone has.
func TestPodOfAProject(t *testing.T) {
	w := podProject(t)
	w.Env["ANTHROPIC_API_KEY"] = world.Planted
	for name, flags := range map[string][]string{"volume": {"--volume", "work"}, "git": {"--git", "https://git.example/app.git#v1"}} {
		all, r := export(w, append(flags, "--hide", ".env", "--", "-p", "hello")...)
		if strings.Contains(r.Out+r.Err, world.Planted) {
			t.Errorf("%s: a secret is in it", name)
		}
		c := all["Pod"].Spec.Containers[0]
		if n := len(c.Command); c.Command[0] != "/.jail/init" || c.Command[n-1] != "hello" {
			t.Errorf("%s: %q", name, c.Command)
		}
		readOnly := map[string]string{}
		for _, m := range c.VolumeMounts {
			if m.ReadOnly {
				readOnly[strings.TrimPrefix(m.MountPath, "/home/agent/project/")] = m.SubPath
			}
		}
		want := map[string]string{".git/config": ".git/config", ".git/hooks": ".git/hooks", ".mcp.json": ".mcp.json", ".envrc": ".envrc", ".env": "empty"}
		if name == "git" {
			want = map[string]string{".git/config": "project/.git/config", ".git/hooks": "project/.git/hooks", ".mcp.json": "project/.mcp.json"}
			if clone := strings.Join(all["Pod"].Spec.InitContainers[0].Command, " "); !strings.HasSuffix(clone, "git clone --branch v1 -- https://git.example/app.git /home/agent/.clone/project") {
				t.Errorf("%s", clone)
			}
			if !strings.Contains(r.Err, "/home/agent/project/.envrc is not in a clone") {
				t.Errorf("what is not committed is not named: %s", r.Err)
			}
		}
		for p, sub := range want {
			if readOnly[p] != sub {
				t.Errorf("%s: %s is %q, not %q", name, p, readOnly[p], sub)
			}
		}
		if len(readOnly) != len(want) {
			t.Errorf("%s: read-only are %q", name, readOnly)
		}
		if !strings.Contains(r.Err, "not carried: annotations.network.brokers: anthropic") {
			t.Errorf("%s: that there is no key is not named: %s", name, r.Err)
		}
	}
}

// TestPodOfTheOwnRuntime: the policy in the Pod is one that this program reads,
// and says what the jail here has.
func TestPodOfTheOwnRuntime(t *testing.T) {
	w := podProject(t)
	w.Env["GOFLAGS"] = "-mod=mod"
	w.Write("../notes", "mine")
	profile := filepath.Join(w.Dir, "profile.json")
	all, r := export(w, "--volume", "work", "--form", "own", "--secret", "keys", "--certificates", "ca", "--seccomp", profile, "--net", "filtered", "--allow", "github.com", "--allow", "host:5432",
		"--read", filepath.Join(filepath.Dir(w.Project), "notes"), "--hide", ".env", "--env", "GOFLAGS", "--pids", "100", "--", "-p", "hello")
	c := all["Pod"].Spec.Containers[0]
	if got := strings.Join(c.Command, " "); got != "/usr/bin/jailed-claude run --policy /etc/jailed-claude.d/policy.toml --project /home/agent/project -- -p hello" {
		t.Errorf("%s", got)
	}
	if len(c.Env) != 1 || c.Env[0].Name != "ANTHROPIC_API_KEY" || c.Env[0].Value != "" {
		t.Errorf("%+v", c.Env)
	}
	for _, named := range []string{"notes", "host:5432", "linux.resources.pids.limit: 100"} {
		if !strings.Contains(r.Err, named) {
			t.Errorf("%q is not named: %s", named, r.Err)
		}
	}
	if text, err := os.ReadFile(profile); err != nil || !json.Valid(text) || !bytes.Contains(text, []byte("io_uring_setup")) {
		t.Errorf("%s: %v", text, err)
	}
	file := w.Write(w.Dir+"/policy.toml", all["ConfigMap"].Data["policy.toml"])
	there := w.Run("explain", "--json", "--policy", file, "--package", world.RequireVariable(t, "CLAUDE"), "--closure", world.RequireVariable(t, "CLAUDE_CLOSURE"))
	if there.Status != 0 {
		t.Fatal(there)
	}
	for _, said := range []string{"github.com", "filtered", "-mod=mod", ".env"} {
		if !strings.Contains(there.Out+all["ConfigMap"].Data["policy.toml"], said) {
			t.Errorf("%q is not in the jail of the Pod: %s", said, there)
		}
	}
	for _, foreign := range []string{"notes", "host:5432", "pids"} {
		if strings.Contains(all["ConfigMap"].Data["policy.toml"], foreign) {
			t.Errorf("%q is in the policy of the Pod", foreign)
		}
	}
}

// TestPodIsTheSame: the Pod of a project is the same for two users of it.
func TestPodIsTheSame(t *testing.T) {
	world.RequireVariable(t, "CLAUDE")
	w := podProject(t)
	c := world.New(t)
	c.Git(c.Home, "clone", "--quiet", "--no-hardlinks", w.Project, c.Home+"/elsewhere")
	c.Project = c.Home + "/elsewhere"
	// A clone has neither.
	for _, name := range []string{".env", ".envrc"} {
		if err := os.Remove(filepath.Join(w.Project, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, a := export(w, "--volume", "work", "--name", "app")
	_, b := export(c, "--volume", "work", "--name", "app")
	if a.Out != b.Out {
		t.Errorf("they differ:\n%s\n%s", a.Out, b.Out)
	}
}
