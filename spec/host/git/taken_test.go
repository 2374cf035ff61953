package git

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTaken(t *testing.T) {
	for _, c := range []struct {
		key, value string
		taken      bool
	}{
		{"pull.rebase", "true", true},
		{"push.autosetupremote", "true", true},
		{"push.default", "current", true},
		{"merge.conflictstyle", "zdiff3", true},
		{"init.defaultbranch", "main", true},
		{"core.autocrlf", "input", true},
		{"color.diff.meta", "yellow", true},
		{"alias.lg", "log --graph", true},
		{"pretty.x", "%h", true},
		{"filter.lfs.clean", "git-lfs clean -- %f", true},
		{"filter.lfs.required", "true", true},
		// Programs, keys, servers and files.
		{"alias.x", "!rm -rf /", false},
		{"alias.y", " !id", false},
		{"alias.z", "-c http.extraHeader='Authorization: Bearer s3cret' fetch", false},
		{"alias.q", ` "-c" alias.v=!id v`, false},
		{"alias.e", "--exec-path=/tmp/x log", false},
		{"alias.u", "push https://ada:s3cret@example.com/x", false},
		{"alias.h", "clone -c http.extraheader=s3cret", false},
		{"alias.new", "switch -c", true},
		{"alias.up", "log ..@{upstream}", true},
		{"log.showsignature", "true", false},
		{"pull.twohead", "x", false},
		{"init.templatedir", "~/x", false},
		{"merge.x.driver", "x", false},
		{"merge.tool", "x", false},
		{"diff.external", "x", false},
		{"diff.x.textconv", "x", false},
		{"push.gpgsign", "true", false},
		{"push.pushoption", "token=s3cret", false},
		{"branch.main.remote", "origin", false},
		{"core.pager", "x", false},
		{"core.editor", "x", false},
		{"core.sshcommand", "ssh -i key", false},
		{"credential.helper", "store", false},
		{"http.extraheader", "Authorization: x", false},
		{"url.https://token@x/.insteadof", "https://x/", false},
		{"http.proxy", "http://user:pass@proxy", false},
		{"user.signingkey", "x", false},
		{"gpg.program", "x", false},
		{"filter.lfs.clean", "evil", false},
		{"filter.x.clean", "git-lfs clean -- %f", false},
		{"pager.log", "x", false},
		{"include.path", "x", false},
		{"sendemail.smtppass", "x", false},
		{"github.token", "x", false},
		{"nosection", "x", false},
	} {
		s := Setting{Key: c.key, Value: c.value}
		if got := len(Taken([]Setting{s})) == 1; got != c.taken {
			t.Errorf("%s = %s: taken %v", c.key, c.value, got)
		}
		s.Local = true
		if len(Taken([]Setting{s})) != 0 {
			t.Errorf("%s of the repository is taken", c.key)
		}
	}
}

// TestNoProgramTaken: of all that git documents, nothing that runs a program is
// harmless, and what is harmless somebody has looked at.
func TestNoProgramTaken(t *testing.T) {
	var taken []string
	for name, runs := range documented(t) {
		key := strings.ToLower(placeholder.ReplaceAllString(name, "x"))
		if strings.HasPrefix(key, "alias.") || !harmless(key) {
			continue // the values of aliases decide
		}
		taken = append(taken, name)
		if runs {
			t.Errorf("%s runs a program", name)
		}
	}
	slices.Sort(taken)
	want, err := os.ReadFile("testdata/taken.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(taken, "\n") + "\n"; got != string(want) {
		t.Errorf("testdata/taken.txt has not what a jail takes over:\n%s", got)
	}
}

func TestWith(t *testing.T) {
	settings := append([]Setting{{Key: "pull.rebase", Value: "true"}}, lfsFilter...)
	has, none := t.TempDir(), t.TempDir()
	if err := os.WriteFile(has+"/git-lfs", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := With(settings, []string{none, has}); !slices.Equal(got, settings) {
		t.Errorf("with git-lfs: %+v", got)
	}
	if got := With(settings, []string{none}); !slices.Equal(got, settings[:1]) {
		t.Errorf("without git-lfs: %+v", got)
	}
}

func TestSafe(t *testing.T) {
	const home, project = "/home/ada", "/home/ada/src/p"
	for _, c := range []struct{ values, want []string }{
		{nil, nil},
		{[]string{"*"}, []string{project}},
		{[]string{"/srv/other"}, nil},
		{[]string{project, "~/src", "~/src/p/sub/", "/home/ada/src/p2"}, []string{project, "/home/ada/src", project + "/sub"}},
		{[]string{"*", ""}, nil},
		{[]string{"relative"}, nil},
	} {
		var list []Setting
		for _, v := range c.values {
			list = append(list, Setting{Key: "safe.directory", Value: v})
		}
		if got := Safe(list, home, project); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.values, got, c.want)
		}
	}
}
