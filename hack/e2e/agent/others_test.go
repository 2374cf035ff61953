package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// standIns puts a program for each agent on PATH.
func standIns(w *world.World) (all []agent.Agent) {
	w.T.Helper()
	bin := filepath.Join(w.Home, "bin")
	for _, a := range agent.All() {
		if len(a.Programs) == 0 {
			continue
		}
		all = append(all, a)
		if err := os.Chmod(w.Write(filepath.Join(bin, a.Programs[0]), "#!/bin/sh\n"), 0o755); err != nil {
			w.T.Fatal(err)
		}
	}
	w.Env["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
	return all
}

// homes are the folders that an agent keeps, as it sees them.
func homes(a agent.Agent) (list []string) {
	for _, f := range a.Folders {
		list = append(list, "~/"+f.Path)
	}
	return list
}

// TestWhatAnAgentKeeps: each of its folders is there again in the next jail of the
// project, by whichever way that is reached, and in no other's: not in one of another
// agent, nor of a project beside it, above it or below it. A worktree has the folders
// of its repository, unless the policy says otherwise.
func TestWhatAnAgentKeeps(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	all := standIns(w)
	outer := filepath.Join(w.Home, "outer")
	project, inner, linked := filepath.Join(outer, "project"), filepath.Join(outer, "project/inner"), filepath.Join(w.Home, "linked")
	for _, dir := range []string{outer, project, inner} {
		w.Repository(dir)
	}
	w.Git(project, "worktree", "add", "--quiet", linked)
	link := filepath.Join(w.Home, "link")
	if err := os.Symlink(project, link); err != nil {
		t.Fatal(err)
	}
	separate := w.Write(filepath.Join(w.Dir, "separate.toml"), "version = 1\n[agent]\nseparate-worktrees = true\n")
	in := func(t *testing.T, name, dir, script string, flags ...string) string {
		t.Helper()
		c := w.Command(append(append([]string{"shell", "--agent", name, "--net", "none"}, flags...), "--", "sh", "-c", script)...)
		c.Dir = dir
		c.Env = append(c.Env, "PWD="+dir)
		r := world.Finish(t, c)
		if r.Status != 0 {
			t.Fatalf("%s in %s: %s", name, dir, r)
		}
		return r.Out
	}
	const look = "find ~ -name mark-of-one 2>/dev/null; true"
	for i, a := range all {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			make, want := "", len(a.Folders)
			for _, dir := range homes(a) {
				make += fmt.Sprintf("mkdir -p %s/sub && echo %s >%s/sub/mark-of-one && ", dir, a.Name, dir)
			}
			in(t, a.Name, project, make+"true")
			for dir, flags := range map[string][]string{project: nil, link: nil, linked: nil, linked + "/": {"--policy", separate}, w.Project: nil, outer: nil, inner: nil} {
				n := 0
				if slices.Contains([]string{project, link, linked}, dir) {
					n = want
				}
				if out := in(t, a.Name, filepath.Clean(dir), look, flags...); strings.Count(out, "mark-of-one") != n {
					t.Errorf("in %s %q it finds %d of them:\n%s", dir, flags, n, out)
				}
			}
			// Other agents write theirs beside this one.
			other := all[(i+1)%len(all)]
			if out := in(t, other.Name, project, "for d in "+strings.Join(homes(a), " ")+"; do ls -d $d/sub; done 2>/dev/null; true"); out != "" {
				t.Errorf("%s finds %s", other.Name, out)
			}
		})
	}
}

// TestNothingOfAnotherAgent: an agent's jail has no folder, variable, broker or login
// of Claude Code, and Claude Code's has none of any other agent.
func TestNothingOfAnotherAgent(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	all := standIns(w)
	w.Env["ANTHROPIC_API_KEY"], w.Env["OPENAI_API_KEY"], w.Env["GEMINI_API_KEY"] = world.Placeholder, "sk-of-openai-0123", "key-of-gemini-0123"
	w.Env["CLAUDE_CONFIG_DIR_X"] = "x"
	w.Write(filepath.Join(w.Home, ".claude/.credentials.json"), `{"claudeAiOauth":{"accessToken":"`+world.Planted+`","refreshToken":"`+world.Planted+`","expiresAt":9999999999999,"scopes":["user:inference"]}}`)
	w.Write(filepath.Join(w.Home, ".codex/auth.json"), `{"tokens":{"id_token":"e30.e30.e30","access_token":"`+world.Planted+`","refresh_token":"`+world.Planted+`","account_id":"acc"}}`)
	w.Write(filepath.Join(w.Home, ".gemini/oauth_creds.json"), `{"access_token":"`+world.Planted+`","refresh_token":"`+world.Planted+`","expiry_date":9999999999999}`)
	w.Write(filepath.Join(w.Home, ".copilot/config.json"), `{"copilotTokens":{"https://github.com:ada":"`+world.Planted+`"}}`)
	mine := func(a agent.Agent) (list []string) {
		for _, f := range a.Folders {
			list = append(list, f.Path)
		}
		return list
	}
	for _, a := range all {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			r := world.Finish(t, w.Command("shell", "--agent", a.Name, "--net", "none", "--", "sh", "-c", `env; cd; for d in .[a-z]* .config/* .local/share/* .local/state/* .cache/* Documents/*; do [ -z "$(ls -A "$d" 2>/dev/null)" ] || echo "folder $d"; done; cat .claude.json .credentials.json 2>/dev/null; true`))
			explained := world.Finish(t, w.Command("explain", "--agent", a.Name, "--net", "none"))
			if r.Status != 0 || explained.Status != 0 {
				t.Fatalf("%s\n%s", r, explained)
			}
			if strings.Contains(r.Out, world.Planted) {
				t.Error("the jail has a token")
			}
			lines := world.Lines(r.Out)
			for _, b := range all {
				if b.Name == a.Name {
					continue
				}
				for _, dir := range mine(b) {
					if !slices.Contains(mine(a), dir) && slices.Contains(lines, "folder "+dir) {
						t.Errorf("it has %s of %s", dir, b.Title)
					}
				}
				for _, v := range b.Variables {
					if !slices.ContainsFunc(a.Variables, func(own agent.Variable) bool { return own.Name == v.Name }) && strings.Contains(r.Out, "\n"+v.Name+"=") {
						t.Errorf("it has %s of %s", v.Name, b.Title)
					}
				}
				for _, k := range b.Keys {
					own := slices.ContainsFunc(a.Keys, func(own agent.Key) bool { return own.Upstream == k.Upstream })
					if !own && (strings.Contains(r.Out, "\n"+k.Variable+"=") || strings.Contains(explained.Out, k.Upstream+" ")) {
						t.Errorf("it has the key %s of %s:\n%s", k.Variable, b.Title, explained.Out)
					}
				}
				for _, l := range b.Logins {
					for _, s := range l.Services {
						own := slices.ContainsFunc(a.Logins, func(own agent.Login) bool {
							return slices.ContainsFunc(own.Services, func(o agent.Service) bool { return o.Host == s.Host })
						}) || strings.Contains(fmt.Sprint(a.Keys), s.Host)
						if !own && strings.Contains(explained.Out, "https://"+s.Host+" ") {
							t.Errorf("it has the login of %s at %s", b.Title, s.Host)
						}
					}
				}
			}
		})
	}
}
