package spec

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestEnvOf: of the caller's environment an input has what crosses, and no
// secret. Of keys it has the names of the variables.
func TestEnvOf(t *testing.T) {
	caller := map[string]string{
		"TERM": "xterm", "LC_TIME": "C", "GOFLAGS": "-v", "HOME": "/home/ada",
		"ANTHROPIC_API_KEY": "sk-hunter2", "AWS_SECRET_ACCESS_KEY": "hunter2", "SSH_AUTH_SOCK": "/run/hunter2", "TERMINFO": "hunter2", "LC": "hunter2",
	}
	p := policy.Default()
	p.Env.Pass = []string{"GOFLAGS", "MISSING"}
	in := valid()
	in.Policy, in.Env = p, EnvOf(p, caller)
	if text := fmt.Sprintf("%#v", in); strings.Contains(text, "hunter2") {
		t.Errorf("a secret is in the input: %s", text)
	}
	if got := fmt.Sprint(in.Env.Vars, in.Env.Keys); got != "map[GOFLAGS:-v LC_TIME:C TERM:xterm] [ANTHROPIC_API_KEY]" {
		t.Errorf("it has %s", got)
	}
	p.Env.Pass = append(p.Env.Pass, "ANTHROPIC_API_KEY")
	if e := EnvOf(p, caller); e.Vars["ANTHROPIC_API_KEY"] != "sk-hunter2" {
		t.Error("a key that is passed does not cross")
	}
}

func with(all ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		maps.Copy(m, a)
	}
	return m
}

// TestEnvOfIsEnough: with the part of the environment that EnvOf leaves, jails
// are what they are with all of it.
func TestEnvOfIsEnough(t *testing.T) {
	for _, g := range goldens {
		in := valid()
		g.with(&in)
		want := all(t, mustBuild(t, in))
		in.Env = EnvOf(in.Policy, with(in.Env.Vars, map[string]string{"DISPLAY": ":7.0", "WAYLAND_DISPLAY": "wayland-1", "XDG_RUNTIME_DIR": "/run/user/1000"}))
		if got := all(t, mustBuild(t, in)); got != want {
			t.Errorf("%s:\n%s", g.name, difference(want, got))
		}
	}
}
