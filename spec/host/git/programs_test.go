package git

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// documented are the variables of testdata/config.txt, and whether git runs what
// they name.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/config.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			name, run := strings.CutPrefix(line, "run ")
			all[name] = run
		}
	}
	return all
}

// placeholder is a part of a variable's name that the user chooses.
var placeholder = regexp.MustCompile(`<[^>]*>|\*`)

func TestRuns(t *testing.T) {
	runs := 0
	for name, run := range documented(t) {
		key := strings.ToLower(placeholder.ReplaceAllString(name, "x.y"))
		if run {
			runs++
			if !Runs(key) {
				t.Errorf("%s names a program, and is not known", key)
			}
		}
	}
	if runs < 40 {
		t.Errorf("only %d variables name programs", runs)
	}
	for _, key := range []string{
		"gpg.ssh.defaultkeycommand", "core.alternaterefscommand", "mergetool.x.path", "difftool.a.b.cmd", "alias.x", "pager.log", "credential.https://x.y.helper",
		"filter.lfs.process", "lfs.extension.x.clean", "annex.youtube-dl-command", "hook.x.command", "tar.tar.gz.command", "init.templatedir", "sendemail.smtpserver",
	} {
		if !Runs(key) {
			t.Errorf("%s is not known", key)
		}
	}
	for _, key := range []string{"user.name", "core.worktree", "remote.origin.url", "mergetool.x.keepbackup", "branch.main.remote", "nosection", "include.path"} {
		if Runs(key) {
			t.Errorf("%s runs nothing", key)
		}
	}
}

// TestSettingsOfThisGit says which variables of the git of this host nobody has
// looked at. Whoever does adds them to testdata/config.txt, marked "run" if git
// runs what they name, and then to programs.
func TestSettingsOfThisGit(t *testing.T) {
	requireGit(t)
	out, err := exec.Command("git", "help", "--config-for-completion").Output()
	if err != nil {
		if out, err = exec.Command("git", "help", "-c").Output(); err != nil {
			t.Skipf("this git does not list its variables: %v", err)
		}
	}
	known := map[string]bool{}
	for name := range documented(t) {
		known[strings.ToLower(placeholder.ReplaceAllString(name, "*"))] = true
	}
	suspect := regexp.MustCompile(`(?i)command|cmd|program|helper|hook|editor|pager|path|browser|template|driver|external|textconv|filter|process|exec|tunnel|askpass|ssh|vcs`)
	listed := 0
	for line := range strings.Lines(string(out)) {
		name := strings.TrimSpace(line)
		if !strings.Contains(name, ".") || strings.ContainsAny(name, " '") {
			continue
		}
		listed++
		if known[strings.ToLower(placeholder.ReplaceAllString(name, "*"))] || strings.HasSuffix(name, ".") {
			continue
		}
		if suspect.MatchString(name) && !Runs(strings.ToLower(placeholder.ReplaceAllString(name, "x"))) {
			t.Errorf("nobody has looked at %s, which may name a program", name)
		} else {
			t.Logf("nobody has looked at %s", name)
		}
	}
	if listed < 100 {
		t.Errorf("this git lists only %d variables", listed)
	}
}
