package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Who stands between a client and a service that wants a key.
const (
	direct    = "direct"
	viaRelay  = "jailed-claude, passed on"
	viaBroker = "jailed-claude, brokered"
	mitmproxy = "mitmproxy"
)

// webKey is the key of the service. What stands for it is the jail's.
const webKey, webPlaceholder = "the-key-of-the-service", "placeholder-for-the-web-key-which-stays-outside-of-this-jail"

const mitmAddress = "127.0.0.1:8899"

// Host is where it is measured.
type Host struct {
	// Name and Address are those of the service, Binary is jailed-claude, Self what has
	// the client, Closure the store paths of a jail.
	Name, Address, Binary, Self, Closure string
	// Dir is a folder for all to read, Own one of who runs commands.
	Dir, Own string
	Rounds   int
	Command  func(argv []string) *exec.Cmd
	Say      func(format string, args ...any)
}

// Compare measures a key that is put in on the way, by a broker and by mitmproxy:
// the same client, the same service, one connection kept or 32.
func Compare(b Host) (*report.Table, error) {
	t := report.Table{
		Title: "A key that is put in on the way, by one who speaks TLS on both sides", Rounds: b.Rounds,
		Columns: []string{direct, viaRelay, viaBroker, mitmproxy}, Of: viaBroker, Against: []string{direct, viaRelay, mitmproxy},
	}
	dir := b.Dir
	if err := os.MkdirAll(filepath.Join(dir, "config", "jailed-claude"), 0o755); err != nil { // for all to read
		return nil, err
	}
	ca := filepath.Join(dir, "ca.pem")
	stop, err := Serve(b.Address, []string{b.Name}, ca, service(webKey))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stop() }()
	policy := "version = 1\n[network]\nmode = \"none\"\n[[broker]]\nname = \"web\"\nhost = \"" + b.Name + "\"\nheader = \"Authorization\"\nfrom = \"env:WEB_KEY\"\n"
	if err := os.WriteFile(filepath.Join(dir, "config", "jailed-claude", "config.toml"), []byte(policy), 0o644); err != nil { //nolint:gosec // the same
		return nil, err
	}
	proxy, mitmCA, failed := b.proxy(ca)
	if proxy != nil {
		defer func() { _ = proxy.Process.Kill(); _ = proxy.Wait() }()
	}
	jail := func(flags ...string) []string {
		argv := []string{b.Binary, "shell", "--closure", b.Closure, "--read", b.Self}
		return append(append(argv, flags...), "--")
	}
	for round := range t.Rounds {
		for _, name := range t.Columns {
			key, env := webKey, []string{"SSL_CERT_FILE=" + ca}
			var argv []string
			err := error(nil)
			switch name {
			case viaRelay:
				argv = jail("--net", "filtered", "--allow", b.Name, "--allow", b.Address+":*")
			case viaBroker:
				key, env, argv = webPlaceholder, append(env, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "WEB_KEY="+webKey), jail()
			case mitmproxy:
				key, env, err = webPlaceholder, []string{"SSL_CERT_FILE=" + mitmCA, "HTTPS_PROXY=http://" + mitmAddress}, failed
			}
			a, err := b.round(append(argv, b.Self, "web", "https://"+b.Name, key), env, err)
			t.Add("requests a second, 32 connections", name, a.Rate, err)
			t.Add("a request on a kept connection, p50, ms", name, a.LatencyMS, err)
			t.Add("one long answer, MB/s", name, a.MBs, err)
		}
		b.Say("brokers, round %d of %d", round+1, t.Rounds)
	}
	return &t, nil
}

// round runs one client.
func (b Host) round(argv, env []string, err error) (a Answer, _ error) {
	if err != nil {
		return a, err
	}
	c := b.Command(argv)
	c.Env = append(c.Env, env...)
	var said bytes.Buffer
	c.Stderr = &said
	stall := time.AfterFunc(3*time.Minute, func() { _ = c.Process.Kill() })
	defer stall.Stop()
	out, err := c.Output()
	if err != nil {
		return a, fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return a, json.Unmarshal(out, &a)
}

// proxy starts one that puts the key in, and says which certificate it is
// trusted by.
func (b Host) proxy(upstream string) (c *exec.Cmd, certificate string, err error) {
	if _, err := exec.LookPath("mitmdump"); err != nil {
		return nil, "", errors.New("mitmproxy is not installed")
	}
	dir := filepath.Join(b.Own, "mitmproxy")
	c = b.Command([]string{
		"mitmdump", "--quiet", "--listen-host", "127.0.0.1", "--listen-port", mitmAddress[len("127.0.0.1:"):], "--set", "confdir=" + dir,
		"--set", "ssl_verify_upstream_trusted_ca=" + upstream, "--set", "stream_large_bodies=1m", "--set", "connection_strategy=lazy",
		"--modify-headers", "|~q|Authorization|Bearer " + webKey,
	})
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	for range 300 {
		if conn, err := net.Dial("tcp", mitmAddress); err == nil {
			return c, filepath.Join(dir, "mitmproxy-ca-cert.pem"), conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return c, "", errors.New("mitmproxy does not answer")
}
