package network

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// ownLab is a lab with names that lead to the host's own addresses.
func ownLab(t *testing.T) (*world.World, *world.Lab) {
	t.Helper()
	w, l := world.NewLab(t)
	l.Name("allowed.example", lab.PublicA)
	l.Name("own4.example", lab.Own4)
	l.Name("own6.example", lab.Own6)
	l.Name("ownlo.example", lab.OwnLo)
	l.Name("both.example", lab.Own4, lab.PublicA)
	l.Caught()
	return w, l
}

// ownTargets lead to the host's own addresses, all of them public.
var ownTargets = []string{lab.Own4 + ":22", "own4.example:22", "own6.example:22", lab.OwnLo + ":22", "ownlo.example:22"}

// TestOwnAddresses: what listens on a public address of this host is as closed
// as its loopback. That is refused at once, says which rule would open it, and
// such a rule does. With the host's network all of it is within reach.
func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	w, l := ownLab(t)
	names := []string{"--allow", "own4.example:*", "--allow", "own6.example:*", "--allow", "ownlo.example:*", "--allow", "host:22"}
	rules := []string{"--allow", lab.Own4 + ":22", "--allow", "[2606:2800:221::/48]:22", "--allow", lab.OwnLo + ":*"}
	for _, c := range []struct {
		what  string
		flags []string
		open  bool
	}{
		{"internet", []string{"--net", "internet"}, false},
		{"internet, host", []string{"--net", "internet", "--allow", "host:22"}, false},
		{"filtered, names", append([]string{"--net", "filtered"}, names...), false},
		{"internet, rules", append([]string{"--net", "internet"}, rules...), true},
		{"filtered, names and rules", slices.Concat([]string{"--net", "filtered"}, names, rules), true},
		{"host", []string{"--net", "host"}, true},
	} {
		p := w.Part("reach", c.flags...)
		p.Args = append(p.Args, ownTargets...)
		r := world.Finish(t, p)
		var want []string
		if c.open {
			want = ownTargets
		}
		if got := world.Lines(r.Out); r.Status != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: reached %q: %s", c.what, got, r)
		}
		if hits := l.Caught().Hits; len(hits) != len(want) {
			t.Errorf("%s: arrived: %q", c.what, hits)
		}
	}
	// A rule is of its port.
	p := w.Part("reach", append([]string{"--net", "internet"}, rules[:4]...)...)
	p.Args = append(p.Args, lab.Own4+":5432", "own6.example:5432", "both.example:22", lab.Own4+":22")
	if r := world.Finish(t, p); !slices.Equal(world.Lines(r.Out), []string{"both.example:22", lab.Own4 + ":22"}) {
		t.Error(r)
	}
	// Of a name with others, these are dialled.
	l.Caught()
	p = w.Part("reach", "--net", "internet")
	p.Args = append(p.Args, "both.example:22")
	if r := world.Finish(t, p); r.Out != "both.example:22\n" {
		t.Error(r)
	}
	if hits := l.Caught().Hits; !slices.Equal(hits, []string{"tcp " + lab.PublicA + ":22"}) {
		t.Errorf("arrived: %q", hits)
	}
	// It is said.
	p = w.Part("reach", "--net", "internet")
	p.Args = append(p.Args, "own4.example:22")
	if r := world.Finish(t, p); !strings.Contains(r.Err, "--allow "+lab.Own4+":22") {
		t.Error(r)
	}
	r := world.Finish(t, w.Command("log", "--denied", "--json"))
	said := false
	for _, line := range world.Lines(r.Out) {
		var e struct{ Name, Address, Why string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		said = said || e.Name == "own4.example" && e.Address == lab.Own4 && strings.Contains(e.Why, "an address of this host")
	}
	if !said {
		t.Error(r)
	}
}

// TestNewOwnAddress: an address that the host gets while a jail runs is closed
// from then on; a name that leads there, too. What was reached there before was
// somebody else's.
func TestNewOwnAddress(t *testing.T) {
	t.Parallel()
	const script = `try() { (exec 3<>/dev/tcp/$1/22 && head -n 1 <&3) 2>/dev/null || echo refused; }
		try ` + lab.PublicC + `; try late.example; echo begun; read -r _; try ` + lab.PublicC + `; try late.example; echo end`
	for mode, after := range map[string]string{"internet": "refused", "host": "lab " + lab.PublicC + ":22"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, l := ownLab(t)
			l.Name("late.example", lab.PublicC)
			c := w.NetShell(script, "--net", mode)
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			k := startTalk(t, c)
			for range 2 {
				k.says("lab " + lab.PublicC + ":22")
			}
			k.says("begun")
			l.Ask(lab.Order{Own: lab.PublicC})
			if _, err := in.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				k.says(after)
			}
			k.says("end")
			_ = in.Close()
			k.rest()
			if hits := l.Caught().Hits; (len(hits) > 0) != (mode == "host") {
				t.Errorf("arrived: %q", hits)
			}
		})
	}
}

// proxied asks the relay for tunnels, as HTTP and as SOCKS5 (the latter for
// own4:22), and then for the page of a name in absolute form.
const proxied = `open() { exec 3<>/dev/tcp/198.18.0.1/1023; }
	for to in "$@"; do open; printf 'CONNECT %s HTTP/1.1\r\n\r\n' $to >&3; IFS= read -r a <&3; echo "$to ${a%?}"; exec 3<&-; done
	open; printf '\5\1\0' >&3; head -c 2 <&3 >/dev/null; printf '\5\1\0\1\135\270\334\35\0\26' >&3; echo SOCKS $(head -c 2 <&3 | od -An -tu1); exec 3<&-
	open; printf 'GET http://own4.example/ HTTP/1.1\r\nHost: own4.example\r\n\r\n' >&3; IFS= read -r a <&3; echo "GET ${a%?}"`

// TestOwnAddressesByProxy: the same where the relay is a proxy, in our own
// runtime and in others by hooks.
func TestOwnAddressesByProxy(t *testing.T) {
	t.Parallel()
	targets := append(slices.Clone(ownTargets), "["+lab.Own6+"]:22", "[::ffff:"+lab.Own4+"]:22")
	check := func(t *testing.T, l *world.Lab, r world.Result, open bool) {
		t.Helper()
		want, socks := " 403 ", "SOCKS 5 2"
		if open {
			want, socks = " 200 ", "SOCKS 5 0"
		}
		out := world.Lines(r.Out)
		if len(out) != len(targets)+2 || strings.Count(r.Out, want) != len(targets)+1 || !slices.Contains(out, socks) {
			t.Errorf("open %v: %s", open, r)
		}
		if hits := l.Caught().Hits; len(hits) > 0 != open {
			t.Errorf("open %v: arrived: %q", open, hits)
		}
	}
	rules := []string{"--allow", lab.Own4 + ":*", "--allow", "[" + lab.Own6 + "]:22", "--allow", lab.OwnLo + ":22"}
	policy := func(w *world.World) string {
		return w.Write(filepath.Join(w.Dir, "policy.toml"), "version = 1\n[network]\nmode = \"internet\"\nvia = \"proxy\"\n")
	}
	t.Run("own runtime", func(t *testing.T) {
		t.Parallel()
		w, l := ownLab(t)
		for _, open := range []bool{false, true} {
			flags := []string{"--policy", policy(w)}
			if open {
				flags = append(flags, rules...)
			}
			c := w.NetShell(proxied, flags...)
			c.Args = append(append(c.Args, "bash"), targets...)
			check(t, l, world.Finish(t, c), open)
		}
	})
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		l.Name("own4.example", lab.Own4)
		l.Name("own6.example", lab.Own6)
		l.Name("ownlo.example", lab.OwnLo)
		l.Caught()
		for _, open := range []bool{false, true} {
			flags := []string{"--policy", policy(w)}
			if open {
				flags = append(flags, rules...)
			}
			dir := w.Bundle(nil, slices.Concat(flags, []string{"--", "bash", "-c", proxied, "bash"}, targets)...)
			check(t, l, world.Finish(t, run(dir)), open)
		}
		// The same by the redirection.
		dir := bundleOf(w, "reach", append(slices.Clone(ownTargets), "own4.example:80"), "--net", "internet", "--allow", lab.Own4+":80")
		if r := world.Finish(t, run(dir)); r.Out != "own4.example:80\n" {
			t.Error(r)
		}
	})
}
