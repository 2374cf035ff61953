package network

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestUpstream: on a machine with a proxy (a real tinyproxy, which wants a
// password) what the jail does goes by it; the password stays outside.
func TestUpstream(t *testing.T) {
	t.Parallel()
	tinyproxy, err := exec.LookPath("tinyproxy")
	if err != nil {
		t.Skip("tinyproxy is not installed")
	}
	w, l := world.NewLab(t)
	l.Name("allowed.example", lab.PublicA)
	l.Name("inside.example", lab.Private)
	log := filepath.Join(w.Dir, "proxy.log")
	config := w.Write(w.Dir+"/proxy.conf", fmt.Sprintf("Port 3128\nListen 127.0.0.1\nTimeout 60\nBasicAuth ada %s\nLogFile \"%s\"\nLogLevel Connect\nMaxClients 20\n", world.Planted, log))
	c := exec.Command(tinyproxy, "-d", "-c", config)
	c.Env = w.Environ()
	l.Enter(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	world.WaitFor(t, "tinyproxy", func() bool { _, err := os.Stat(log); return err == nil })
	w.Env["HTTPS_PROXY"], w.Env["NO_PROXY"] = "http://ada:"+world.Planted+"@127.0.0.1:3128", "direct.example"
	l.Name("direct.example", lab.PublicA)
	const script = `for a in $TARGETS; do (exec 3<>/dev/tcp/$a; echo x >&3; head -c1 <&3 >/dev/null) 2>/dev/null; done; env; true`
	run := func(targets string, flags ...string) (r world.Result, asked string) {
		before := len(w.Read(log))
		r = world.Finish(t, w.NetShell("TARGETS='"+targets+"'; "+script, append([]string{"--net", "internet"}, flags...)...))
		if strings.Contains(r.Out+r.Err+w.SessionLog(), world.Planted) || strings.Contains(r.Out, "_PROXY") {
			t.Errorf("the password or the variable is in the jail: %s\n%s", r, w.SessionLog())
		}
		return r, w.Read(log)[before:]
	}
	l.Caught()
	r, asked := run("allowed.example/22 inside.example/22 direct.example/22")
	if r.Status != 0 || !strings.Contains(asked, "CONNECT allowed.example:22") || strings.Contains(asked, "inside.example") || strings.Contains(asked, "direct.example") {
		t.Errorf("%s\nproxy: %s\n%s", r, asked, w.SessionLog())
	}
	if hits := strings.Join(l.Caught().Hits, " "); strings.Count(hits, lab.PublicA+":22") != 2 || strings.Contains(hits, lab.Private) {
		t.Errorf("arrived: %s", hits)
	}
	if !strings.Contains(w.SessionLog(), `"via":"http://127.0.0.1:3128"`) {
		t.Error(w.SessionLog())
	}
	// Turned off.
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nnetwork.upstream = \"none\"\n")
	if r, asked := run("allowed.example/22"); asked != "" || len(l.Caught().Hits) != 1 {
		t.Errorf("%s\nproxy: %s", r, asked)
	}
	// A proxy that is none, a wrong password: said, without the password.
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n")
	w.Env["HTTPS_PROXY"] = "http://ada:" + world.Planted + "-wrong@127.0.0.1:3128"
	if r, _ := run("allowed.example/22"); !strings.Contains(r.Err, "connections by your proxy failed (1)") || !strings.Contains(r.Err, "it answered 40") {
		t.Error(r)
	}
	w.Env["HTTPS_PROXY"] = "https://ada:" + world.Planted + "@127.0.0.1:3128"
	if r, _ := run(""); r.Status != 125 || !strings.Contains(r.Err, "HTTPS_PROXY") || !strings.Contains(r.Err, `network.upstream = "none"`) {
		t.Error(r)
	}
}
