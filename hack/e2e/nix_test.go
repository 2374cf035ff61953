package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestBakedPolicy: a wrapper's policy applies below the user's own, counts as
// the user's word, and a broken one stops everything.
func TestBakedPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	baked := w.write(w.dir+"/baked.toml", "version = 1\n[files]\nread = [\""+w.dir+"/shared\"]\nhide = [\"secret\"]\n[env]\nset = { WHO = \"baked\", TEAM = \"baked\" }\n")
	w.write(w.dir+"/shared/file", "shared\n")
	w.write("secret", planted)
	w.env["JAILED_CLAUDE_POLICY"] = baked
	script := `cat ` + w.dir + `/shared/file; cat secret 2>&1 | grep -c ` + planted + `; echo "$WHO $TEAM"; env | grep -c JAILED`
	if got := w.bash(script); got.out != "shared\n0\nbaked baked\n0\n" {
		t.Errorf("the wrapper's policy: %s", got)
	}
	w.write(w.home+"/.config/jailed-claude/config.toml", "version = 1\n[env]\nset = { WHO = \"user\" }\n")
	if got := w.bash(script); got.out != "shared\n0\nuser baked\n0\n" {
		t.Errorf("the user's policy is not the stronger one: %s", got)
	}
	if r := w.run("explain", "--closure", requireVariable(t, "BASE_CLOSURE")); !strings.Contains(r.out, baked) {
		t.Errorf("explain does not name the wrapper's policy: %s", r)
	}

	// A project that asks for what the wrapper grants already asks for
	// nothing.
	w.write(policyFile, "version = 1\n[files]\nread = [\""+w.dir+"/shared\"]\n")
	if got := w.bash("true"); got.status != 0 {
		t.Errorf("it grants nothing new: %s", got)
	}
	delete(w.env, "JAILED_CLAUDE_POLICY")
	if got := w.bash("true"); got.status != 125 || !strings.Contains(got.err, "nobody has approved") {
		t.Errorf("without the wrapper it does: %s", got)
	}

	for name, text := range map[string]string{"missing": "", "broken": "version = 1\n[file]\n"} {
		file := filepath.Join(w.dir, name+".toml")
		if text != "" {
			w.write(file, text)
		}
		w.env["JAILED_CLAUDE_POLICY"] = file
		if got := w.bash("true", "--policy", "none"); got.status != 125 || !strings.Contains(got.err, file) || !strings.Contains(got.err, "JAILED_CLAUDE_POLICY") {
			t.Errorf("a %s policy: %s", name, got)
		}
	}
}
