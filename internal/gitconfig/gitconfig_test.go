package gitconfig

import "testing"

func TestTame(t *testing.T) {
	for config, want := range map[string]bool{
		"": true, "# x\n; y\n\n[core]\n\tbare = false\n": true, "[remote \"origin\"]\nurl = x\nfetch = +refs/*:refs/*\n[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n": true,
		"[core]\nfsmonitor = x\n": false, "[core] fsmonitor = x\n": false, "[core]fsmonitor=x\n": false, "[core] bare = x\n": false, "[filter \"x\"]\nclean = x\n": false, "[include]\npath = x\n": false,
		"[remote \"a\"]\nurl = ext::sh -c x\n": false, "[remote \"a\"]\nuploadpack = x\n": false, "[core]\nbare = \\\nfsmonitor = x\n": false, "bare = true\n": false, "[core.x]\nbare = true\n": false,
		"[remote \"a]\\\"\"]\nurl = x\n": false, "[CORE]\nFileMode = true\n": true, "[core \"x\"] fsmonitor = \"y\"\n": false,
	} {
		if Tame(config) != want {
			t.Errorf("%q: %v", config, !want)
		}
	}
}
