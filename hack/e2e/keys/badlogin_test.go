package keys

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// badTokens is the part "badtokens": a token endpoint that answers as its argument
// says, and with the secret, wherever there is room for it.
func badTokens(args []string) int {
	mode, secret := args[1], args[2]
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		say := func(status int, text string) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, text, secret)
		}
		const good = `{"access_token":"%[1]s-a1","refresh_token":"%[1]s-r1","expires_in":28800,"scope":"user:inference"}`
		switch mode {
		case "400":
			say(400, `{"error":"invalid_grant","error_description":"%[1]s-r0 is worth nothing"}`)
		case "429":
			w.Header().Set("Retry-After", "3600")
			say(429, `%[1]s-r0`)
		case "500":
			say(500, `cannot read %[1]s-r0`)
		case "nothing":
			panic(http.ErrAbortHandler)
		case "garbage":
			say(200, "\x00\xff<html>%[1]s-r0")
		case "other types":
			say(200, `{"access_token":["%[1]s-a1"],"refresh_token":"%[1]s-r1","expires_in":28800}`)
		case "no time":
			say(200, `{"access_token":"%[1]s-a1","refresh_token":"%[1]s-r1","expires_in":-5}`)
		case "no end":
			for range 1 << 12 {
				say(200, `{"access_token":"%[1]s-a1",`+strings.Repeat(" ", 1<<10))
			}
		case "elsewhere":
			w.Header().Set("Location", "https://other.example/v1/oauth/token?"+secret)
			say(307, "")
		case "slow":
			time.Sleep(2 * time.Second) // a service that takes its time
			say(200, good)
		default:
			say(200, good)
		}
	}))
}

// bearing asks the API for its models, as the agent would.
const bearing = `curl -sS -i -H "Authorization: Bearer $P" https://api.anthropic.com/v1/models; `

// unkind is a host with a login, in a lab whose token endpoint can be any.
type unkind struct {
	*world.World
	lab          *world.Lab
	secret, file string
}

func newUnkind(t *testing.T) *unkind {
	w, l, _, _ := world.Brokered(t, []map[string]any{{"text": "hello"}})
	delete(w.Env, "ANTHROPIC_API_KEY")
	u := &unkind{World: w, lab: l}
	u.secret, _ = hostLogin(t, w, l)
	u.file = w.Home + "/.claude/.credentials.json"
	return u
}

func (u *unkind) endpoint(mode string) {
	u.lab.Ask(lab.Order{Name: "platform.claude.com", Answers: [][]string{{lab.PublicC}}, Backend: u.lab.Part(u.World, "badtokens", mode, u.secret)})
}

// inside is a command that runs a script in a jail with P, the placeholder.
func (u *unkind) inside(script string) *exec.Cmd { return u.Command(u.arguments(script)...) }

func (u *unkind) arguments(script string) []string {
	return []string{"shell", "--package", "host", "--net", "none", "--", "bash", "-c", "P=" + agent.Claude().Keys[1].For("").Placeholder() + "; " + script}
}

// quiet: nothing that anybody reads has the secret.
func (u *unkind) quiet(t *testing.T, r world.Result) {
	t.Helper()
	if text := r.Out + r.Err + u.SessionLog(); strings.Contains(text, u.secret) {
		t.Errorf("a token was shown: %s", text)
	}
	for _, dir := range []string{u.Home + "/.local", u.Project} {
		free(u.World, dir, u.secret)
	}
	if cores, _ := filepath.Glob(u.Project + "/core*"); len(cores) > 0 {
		t.Errorf("left behind: %v", cores)
	}
}

// TestBadEndpoint: whatever the token endpoint answers, the file of the host stays as
// it is, and one line says what is wrong.
func TestBadEndpoint(t *testing.T) {
	t.Parallel()
	u := newUnkind(t)
	before := u.Read(u.file)
	for _, c := range []struct{ mode, wants string }{
		{"400", "has ended: log in again"},
		{"429", "status 429"},
		{"500", "status 500"},
		{"nothing", "refresh the login of the host"},
		{"garbage", "refresh the login of the host"},
		{"other types", "refresh the login of the host"},
		{"no time", "refresh the login of the host"},
		{"no end", "refresh the login of the host"},
		{"elsewhere", "status 307"},
	} {
		u.endpoint(c.mode)
		r := world.Finish(t, u.inside(bearing))
		log := u.SessionLog()
		if !strings.Contains(r.Out, " 403 ") || !strings.Contains(log, c.wants) || !strings.Contains(r.Err, `broker "anthropic": its key could not be had (once); the last: `) || !strings.Contains(r.Err, c.wants) {
			t.Errorf("%s: %s\n%s", c.mode, r, log)
		}
		u.quiet(t, r)
		if now := u.Read(u.file); now != before {
			t.Fatalf("%s: the file was changed", c.mode)
		}
		logs, _ := filepath.Glob(u.Home + "/.local/state/jailed-claude/log/*")
		for _, l := range logs {
			_ = os.Remove(l)
		}
	}
	u.endpoint("slow")
	if r := world.Finish(t, u.inside(bearing)); !strings.Contains(r.Out, " 200 ") || !strings.Contains(u.Read(u.file), u.secret+"-r1") {
		t.Errorf("slow: %s\n%s", r, u.SessionLog())
	}
}

// TestBadLoginFiles: a login that cannot be read is named, with what to do; a clock
// that was wrong when it was written costs at most one refresh.
func TestBadLoginFiles(t *testing.T) {
	t.Parallel()
	u := newUnkind(t)
	u.endpoint("good")
	login := func(expires string) string {
		return fmt.Sprintf(`{"claudeAiOauth":{"accessToken":"%[1]s-a0","refreshToken":"%[1]s-r0","expiresAt":%[2]s,"scopes":["user:inference"]}}`, u.secret, expires)
	}
	const fix = "log in again on the host, as yourself"
	for _, c := range []struct {
		name string
		make func()
		// wants is what is said; empty: the login is refreshed and used.
		wants string
	}{
		{"cut off", func() { u.Write(u.file, login("1")[:120]) }, "it is no JSON object; " + fix},
		{"a list", func() { u.Write(u.file, "["+login("1")+"]") }, "it is no JSON object; " + fix},
		{"binary", func() { u.Write(u.file, "\x00\x1b]0;"+login("1")) }, "it is no JSON object; " + fix},
		{"a folder", func() { u.Mkdir(u.file, 0o700) }, "not a regular file; " + fix},
		{"a pipe", func() { _ = syscall.Mkfifo(u.file, 0o600) }, "not a regular file; " + fix},
		{"a loop", func() { _ = os.Symlink(".credentials.json", u.file) }, "too many links; " + fix},
		{"somebody else's", func() {
			if os.Getuid() == 0 {
				u.Write(u.file, login("1"))
				_ = os.Chown(u.file, 12345, -1)
			} else {
				_ = os.Symlink("/etc/hostname", u.file) // root's
			}
		}, fix},
		{"in 1970", func() { u.Write(u.file, login("1")) }, ""},
		{"before that", func() { u.Write(u.file, login("-1")) }, ""},
		{"a number too large", func() { u.Write(u.file, login("1e300")) }, ""},
		{"a word", func() { u.Write(u.file, login(`"soon"`)) }, ""},
		{"in a million years", func() { u.Write(u.file, login("31556889864403199")) }, "-a0"},
		{"past all numbers", func() { u.Write(u.file, login("9223372036854775807")) }, ""},
	} {
		if err := os.RemoveAll(u.file); err != nil {
			t.Fatal(err)
		}
		c.make()
		before := state(u.file)
		r := world.Finish(t, u.inside(bearing))
		used, now := strings.Contains(r.Out, " 200 "), state(u.file)
		switch c.wants {
		case "":
			if !used || !strings.Contains(now, u.secret+"-r1") {
				t.Errorf("%s: %s\n%s", c.name, r, now)
			}
		case "-a0":
			if !used || now != before {
				t.Errorf("%s: %s\n%s", c.name, r, now)
			}
		default:
			if used || now != before || !strings.Contains(r.Err, "the login in "+u.file+" is not used: ") || !strings.Contains(r.Err, c.wants) {
				t.Errorf("%s: %s\n%s", c.name, r, now)
			}
		}
		u.quiet(t, r)
	}
}

// state is what a file is, and what is in it if it is one.
func state(file string) string {
	st, err := os.Lstat(file)
	if err != nil || !st.Mode().IsRegular() {
		return fmt.Sprint(st.Mode(), err)
	}
	text, err := os.ReadFile(file)
	return fmt.Sprint(st.Mode(), st.Sys().(*syscall.Stat_t).Uid, string(text), err)
}

// TestFullDiskRefresh: the disk of the login is full when the new one is to be
// written. The old file stays whole, the new tokens are used, and they are written
// when there is room, by the same jail.
func TestFullDiskRefresh(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"unshare", "setpriv", "mount"} {
		world.RequireTool(t, tool)
	}
	u := newUnkind(t)
	u.endpoint("good")
	jailed := append([]string{os.Getenv("JAIL_TEST_BIN")}, u.arguments(bearing+`echo >full; for i in $(seq 600); do [ ! -e room ] || break; sleep 0.1; done; `+bearing)...)
	script := `set -e; d=$HOME/.claude; cp $d/.credentials.json ../old; mount -t tmpfs -o size=16k,mode=0700 none $d; cp ../old $d/.credentials.json; chmod 600 $d/.credentials.json
cat /dev/zero >$d/rest 2>/dev/null || true
(for i in $(seq 600); do [ ! -e full ] || break; sleep 0.1; done; cmp ../old $d/.credentials.json && echo intact; ls -A $d; rm $d/rest; echo >room) &
setpriv --inh-caps=-all --ambient-caps=-all -- "$@"; wait; rm ../old; ls -A $d; grep -o '[ar]1"' $d/.credentials.json`
	unshare := []string{"--mount", "--"}
	if os.Getuid() != 0 {
		unshare = append([]string{"--user", "--keep-caps", "--map-user=" + world.Itoa(os.Getuid()), "--map-group=" + world.Itoa(os.Getgid())}, unshare...)
	}
	outer := exec.CommandContext(t.Context(), "unshare", slices.Concat(unshare, []string{"sh", "-c", script, "sh"}, jailed)...)
	outer.Dir, outer.Env = u.Project, u.Environ()
	u.lab.Enter(outer)
	r := world.Finish(t, outer)
	u.quiet(t, r)
	if r.Status != 0 || strings.Count(r.Out, " 200 ") != 2 || !strings.Contains(r.Out, "intact\n.credentials.json\nrest\n") || !strings.HasSuffix(r.Out, "\n.credentials.json\na1\"\nr1\"\n") {
		t.Errorf("%s\n%s", r, u.SessionLog())
	}
}

// TestPinned: a program that takes no certificate but the service's own is refused
// nothing, and takes nothing; the last lines say which service, and what to do.
func TestPinned(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	newVault(t, w, l, "service.example")
	if err := os.Chmod(w.Write(w.Home+"/.secrets/service", vaultKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nnetwork.mode = \"none\"\n[[broker]]\nhost = \"service.example\"\nheader = \"Authorization\"\nfrom = \"file:~/.secrets/service\"\nenv = \"SERVICE_KEY\"\n")
	const ask = ` -H "Authorization: Bearer $SERVICE_KEY" https://service.example/page`
	for name, script := range map[string]string{
		// Of a key that is in no certificate.
		"a pin":             "curl -sS --pinnedpubkey sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" + ask,
		"its own authority": "echo | openssl s_client -connect service.example:443 -servername service.example -CAfile ~/ca.pem -verify_return_error",
		"python":            "python3 -c 'import ssl, urllib.request as u; u.urlopen(\"https://service.example/page\", context=ssl.create_default_context(cafile=\"ca.pem\"))'",
	} {
		w.Write("ca.pem", w.Read(l.CA))
		r := world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", strings.ReplaceAll(script, "~/", "")))
		want := `broker "service-example": 1 connection came to no request; the last: `
		if r.Status == 0 || !strings.Contains(r.Err, want) || !strings.Contains(r.Err, "or http://service-example.broker.internal)") || !strings.Contains(w.SessionLog(), `"why":`) {
			t.Errorf("%s: %s\n%s", name, r, w.SessionLog())
		}
		if text := r.Out + r.Err + w.SessionLog(); strings.Contains(text, world.Planted) {
			t.Errorf("%s: the key was shown: %s", name, text)
		}
	}
	// Another that takes it has no such line.
	if r := world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", "curl -sS"+ask)); !strings.Contains(r.Out, "the page") || strings.Contains(r.Err, "came to no request") {
		t.Errorf("%s", r)
	}
}
