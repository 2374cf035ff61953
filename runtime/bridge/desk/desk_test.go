package desk

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
)

const png = "\x89PNG\r\n\x1a\nimage"

// desktop is a host with programs that write down how they were called.
func desktop(t *testing.T, env map[string]string, programs map[string]string) (h host, said func() string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		text := "#!/bin/sh\nfor a; do printf '[%s]' \"$a\" >>" + dir + "/said; done\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h = host{path: dir, getenv: func(name string) string { return env[name] }}
	return h, func() string {
		text, _ := os.ReadFile(dir + "/said")
		_ = os.Remove(dir + "/said")
		return string(text)
	}
}

// TestArguments: programs of the host get these and no others.
func TestArguments(t *testing.T) {
	env := map[string]string{"DISPLAY": ":9"}
	h, said := desktop(t, env, map[string]string{
		"xdg-open": "", "notify-send": "",
		"xclip":    "case $5 in TARGETS) printf 'TARGETS\\nimage/png\\ntext/plain\\n';; *) printf '\\211PNG\\r\\n\\032\\nimage';; esac",
		"wl-paste": "case $1 in --list-types) printf 'text/html\\nimage/jpeg\\n';; *) printf '\\377\\330\\377';; esac",
	})
	for _, c := range []struct {
		r    bridge.Request
		want string
	}{
		{bridge.Request{Bridge: "open", URL: "https://example.org/?a=b"}, "[https://example.org/?a=b]"},
		{bridge.Request{Bridge: "notify", Title: "-x <b>", Body: "a <a href=x> & b"}, "[--app-name=jailed-claude][--][jail: -x <b>][a &lt;a href=x&gt; &amp; b]"},
		{bridge.Request{Bridge: "clipboard"}, "[-selection][clipboard][-o][-t][TARGETS]"},
		{bridge.Request{Bridge: "clipboard", Type: "image/png"}, "[-selection][clipboard][-o][-t][image/png]"},
	} {
		a, err := h.do(c.r)
		if got := said(); err != nil || got != c.want {
			t.Errorf("%+v: called with %s, %v", c.r, got, err)
		}
		if c.r.Bridge == "clipboard" && c.r.Type == "" && !slices.Equal(a.Types, []string{"image/png"}) {
			t.Errorf("the types are %q", a.Types)
		}
		if c.r.Type != "" && string(a.Data) != png {
			t.Errorf("the image is %q", a.Data)
		}
	}
	env["WAYLAND_DISPLAY"] = "wayland-0"
	if a, err := h.do(bridge.Request{Bridge: "clipboard"}); err != nil || said() != "[--list-types]" || !slices.Equal(a.Types, []string{"image/jpeg"}) {
		t.Errorf("%q, %v", a.Types, err)
	}
	if _, err := h.do(bridge.Request{Bridge: "clipboard", Type: "image/jpeg"}); err != nil || said() != "[--no-newline][--type][image/jpeg]" {
		t.Error(err)
	}
}

// TestNoDesktop: what is missing is named.
func TestNoDesktop(t *testing.T) {
	env := map[string]string{}
	h, _ := desktop(t, env, nil)
	for want, r := range map[string]bridge.Request{
		"no xdg-open": {Bridge: "open", URL: "https://example.org/"}, "no notify-send": {Bridge: "notify", Title: "x"}, "no desktop": {Bridge: "clipboard"},
	} {
		if _, err := h.do(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	env["DISPLAY"] = ":0"
	if _, err := h.do(bridge.Request{Bridge: "clipboard"}); err == nil || !strings.Contains(err.Error(), "no xclip") {
		t.Error(err)
	}
}

// TestNotOfTheJail: a program that a jail could have put there is not started.
func TestNotOfTheJail(t *testing.T) {
	h, said := desktop(t, map[string]string{"DISPLAY": ":0", "BROWSER": "evil"}, map[string]string{"xdg-open": "", "evil": "", "xclip": "", "notify-send": ""})
	h.never = []string{h.path}
	if p, err := h.browser(h.path + "/evil"); err == nil {
		t.Errorf("the browser is %s", p)
	}
	for _, r := range []bridge.Request{{Bridge: "open", URL: "https://example.org/"}, {Bridge: "notify", Title: "x"}, {Bridge: "clipboard"}} {
		if _, err := h.do(r); err == nil {
			t.Errorf("%+v: it is started", r)
		}
	}
	if got := said(); got != "" {
		t.Errorf("called with %s", got)
	}
}

// TestBrowser: BROWSER stands in for xdg-open, and names a program alone.
func TestBrowser(t *testing.T) {
	env := map[string]string{}
	h, said := desktop(t, env, map[string]string{"firefox": ""})
	for browser, works := range map[string]bool{
		"firefox": true, "firefox %s": true, "firefox:w3m": true, h.path + "/firefox": true, "/bin/sh -c %s": false, "%s firefox": false, "firefox -P x": false, "sh -c firefox": false, "": false, "%s": false, "other": false,
	} {
		env["BROWSER"] = browser
		err := h.open("https://example.org/")
		if got := said(); (err == nil) != works || works && got != "[https://example.org/]" {
			t.Errorf("%q: called with %q, %v", browser, got, err)
		}
	}
}

// TestTooLarge: no more than there may be is kept.
func TestTooLarge(t *testing.T) {
	h, _ := desktop(t, nil, map[string]string{"endless": "exec cat /dev/zero"})
	out, err := run(h.path+"/endless", 1000)
	if err == nil || len(out) > 0 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// TestClientBusy: who was not asked in time costs the others nothing.
func TestClientBusy(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &Client{conn: ours}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(late, bridge.Request{Bridge: "clipboard"}); err == nil {
		t.Error("there is an answer")
	}
	go func() {
		_, _ = theirs.Read(make([]byte, bridge.MaxRequest))
		_, _ = theirs.Write([]byte("{}\n"))
	}()
	if _, err := c.Do(t.Context(), bridge.Request{Bridge: "clipboard"}); err != nil {
		t.Error(err)
	}
}

// TestClient: after an answer that did not come there is none any more.
func TestClient(t *testing.T) {
	ours, theirs := net.Pipe()
	c := &Client{conn: ours}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		buf := make([]byte, bridge.MaxRequest)
		_, _ = theirs.Read(buf)
		cancel()
	}()
	if _, err := c.Do(ctx, bridge.Request{Bridge: "clipboard"}); err == nil {
		t.Error("there is an answer")
	}
	if _, err := c.Do(t.Context(), bridge.Request{Bridge: "clipboard"}); err == nil {
		t.Error("there is a second one")
	}
	if _, err := (*Client)(nil).Do(t.Context(), bridge.Request{}); err == nil {
		t.Error("nobody answers")
	}
}
