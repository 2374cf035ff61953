package keys

import (
	"os"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// keyProgram prints keys as a password manager does: the first time one that is
// worth nothing any more, none at all where the file "broken" is in the project.
// It notes each call, and that two were at once.
const keyProgram = `#!/bin/sh
cd "$HOME/calls" || exit 1
mkdir running || echo x >>two-at-once
echo x >>calls
echo "secret text of the program" >&2
sleep 0.3
rmdir running
[ ! -e PROJECT/broken ] || exit 7
[ "$(wc -l <calls)" -gt 1 ] || { echo used-up-KEY; exit; }
echo KEY
`

// TestTTL: a command is asked again when its key is older than the broker says,
// once for many requests; when it fails the old key is not used any more.
func TestTTL(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	newVault(t, w, l, "service.example")
	w.Write(w.Home+"/calls/calls", "")
	w.Write(w.Home+"/bin/key", strings.NewReplacer("KEY", vaultKey, "PROJECT", w.Project).Replace(keyProgram))
	if err := os.Chmod(w.Home+"/bin/key", 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", `version = 1
network.mode = "none"
[[broker]]
host   = "service.example"
header = "Authorization"
from   = "command:~/bin/key"
ttl    = "1s"
env    = "SERVICE_KEY"
`)
	if r := world.Finish(t, w.Command("explain", "--package", "host")); !strings.Contains(r.Out, "command:~/bin/key, which is asked again after 1s") {
		t.Errorf("explain: %s", r)
	}
	if r := world.Finish(t, w.Command("spec", "--package", "/usr/bin/env")); !strings.Contains(r.Out, `\"ttl\":\"1s\"`) {
		t.Errorf("config.json: %s", r)
	}
	// What lies in the project is not run there, and the jail has no such program.
	script := `ask() { curl -sS -H "Authorization: Bearer $SERVICE_KEY" https://service.example/page; }
for i in $(seq 12); do
	{ ask; } >/tmp/answer.$i &
done
wait
sleep 1.2
for i in $(seq 20); do
	ask >/tmp/answer.$i &
done
wait
echo "good: $(cat /tmp/answer.* | grep -c 'the page')"
touch broken
sleep 1.2
echo "bad: $(ask)"
echo "bad: $(ask)"
`
	r := world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", script))
	if !strings.Contains(r.Out, "good: 20") || strings.Count(r.Out, `bad: {"type":"error"`) != 2 || !strings.Contains(r.Out, "cannot be had; the session log on the host has the reason") {
		t.Errorf("%s\n%s", r, w.SessionLog())
	}
	if _, err := os.Stat(w.Home + "/calls/two-at-once"); err == nil {
		t.Error("the command ran twice at once")
	}
	log := w.SessionLog()
	if !strings.Contains(log, `the key is older than its ttl of 1s, and \"command:~/bin/key\" gives no other`) || !strings.Contains(log, "exit status 7") {
		t.Errorf("the log does not say why: %s", log)
	}
	if text := r.Out + r.Err + log; strings.Contains(text, vaultKey) {
		t.Errorf("the key was shown: %s", text)
	}
	if n := strings.Count(r.Out+r.Err+log, "secret text of the program"); n != 1 { // at the start, on the caller's own terminal
		t.Errorf("what the program says was shown %d times: %s", n, r)
	}
	// A program where the jail can write is not run.
	w.Write(w.Home+"/.config/jailed-claude/config.toml", strings.Replace(w.Read(w.Home+"/.config/jailed-claude/config.toml"), "network.mode", "files.write = [\"~/bin\"]\nnetwork.mode", 1))
	if r := world.Finish(t, w.Command("shell", "--package", "host", "--", "true")); r.Status != 125 || !strings.Contains(r.Err, "where the jail can change it") {
		t.Error(r)
	}
}
