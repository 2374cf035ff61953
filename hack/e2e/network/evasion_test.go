package network

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// evasionLab is a lab with the names that attempts are made with.
func evasionLab(t *testing.T) (*world.World, *world.Lab) {
	t.Helper()
	w, l := world.NewLab(t)
	for _, name := range []string{
		"allowed.example", "x.allowed.example", "other.example", "allowed.example.other.example", "otherallowed.example",
		"wild.example", "allowed.exampl", "secret.tunnel.example", "a.wild.example",
	} {
		l.Name(name, lab.PublicA)
	}
	for name, addresses := range rebinding {
		var answers [][]string
		for _, a := range addresses {
			answers = append(answers, []string{a})
		}
		l.Ask(lab.Order{Name: name, Answers: answers})
	}
	w.Env["LAB_ABSTRACT"] = lab.Abstract(w.Dir)
	return w, l
}

// pinned is the attempt with a name that leads to a public address first and
// then to a private one. The connection goes to the address that was judged.
const pinned = "rebinding to 192.168.1.1"

// evasions runs all attempts in a jail.
func evasions(t *testing.T, w *world.World, flags ...string) map[string]escapeResult {
	t.Helper()
	r := world.Finish(t, w.Part("evade", append([]string{"--env", "LAB_ABSTRACT"}, flags...)...))
	all := map[string]escapeResult{}
	for _, line := range world.Lines(r.Out) {
		var o escapeResult
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		all[o.Name] = o
	}
	if want := len(escapes()); r.Status != 0 || len(all) != want {
		t.Fatalf("%d of %d attempts were made: %s", len(all), want, r)
	}
	return all
}

// TestEvasion: no attempt leads out of a filtered jail, none waits, and the lab
// sees neither a connection nor a question but those that are allowed.
func TestEvasion(t *testing.T) {
	t.Parallel()
	for _, addresses := range []string{"own", network.AddressesReal, six} {
		t.Run(addresses, func(t *testing.T) {
			t.Parallel()
			testEvasion(t, addresses)
		})
	}
}

// six are addresses of a jail's own, and a way for those of IPv6, of which one is
// allowed where nobody is.
const six = "six"

// addressesOf are the flags of a jail whose names have such addresses.
func addressesOf(w *world.World, addresses string) []string {
	if addresses == six {
		return append(addressesOf(w, "own"), "--allow", "[2606:2800:220::99]:9")
	}
	return []string{"--policy", w.Write(w.Dir+"/addresses.toml", "version = 1\n[network]\naddresses = \""+addresses+"\"\n")}
}

func testEvasion(t *testing.T, addresses string) {
	w, l := evasionLab(t)
	l.Caught()
	all := evasions(t, w, append(addressesOf(w, addresses), "--net", "filtered", "--allow", "allowed.example", "--allow", "*.wild.example", "--allow", "host:5432")...)
	if len(all) < 40 {
		t.Errorf("only %d attempts", len(all))
	}
	for _, o := range all {
		if o.Err == "" && o.Name != pinned {
			t.Errorf("%s: got %q", o.Name, o.Got)
		}
		if o.Slow {
			t.Errorf("%s: refused only after a time-out: %s", o.Name, o.Err)
		}
	}
	got := l.Caught()
	if !slices.Equal(got.Hits, []string{"tcp " + lab.PublicA + ":443"}) {
		t.Errorf("reached: %q", got.Hits)
	}
	for _, q := range got.Queries {
		name, _, _ := strings.Cut(q, " ")
		if name != "allowed.example." && (!strings.HasSuffix(name, ".wild.example.") || strings.Count(name, ".") != 3) {
			t.Errorf("asked outside: %q", q)
		}
	}
}

// TestEvasionInternet: in mode internet the public is within reach, and still
// nothing else.
func TestEvasionInternet(t *testing.T) {
	t.Parallel()
	for _, addresses := range []string{"own", network.AddressesReal} {
		t.Run(addresses, func(t *testing.T) {
			t.Parallel()
			testEvasionInternet(t, addresses)
		})
	}
}

func testEvasionInternet(t *testing.T, addresses string) {
	w, l := evasionLab(t)
	l.Caught()
	all := evasions(t, w, append(addressesOf(w, addresses), "--net", "internet")...)
	for _, name := range []string{"literal " + lab.PublicB + ":443", "literal " + lab.PublicB + ":22", "name other.example", "allowed name, another port"} {
		if o := all[name]; o.Err != "" {
			t.Errorf("%s: %s", name, o.Err)
		}
	}
	for _, hit := range l.Caught().Hits {
		kind, address, _ := strings.Cut(hit, " ")
		host, _, _ := net.SplitHostPort(address)
		if kind != "tcp" || host != lab.PublicA && host != lab.PublicB {
			t.Errorf("reached: %s", hit)
		}
	}
	for name, o := range all {
		if strings.HasPrefix(name, "rebinding") && o.Err == "" && name != pinned || strings.HasPrefix(name, "UDP") && o.Err == "" || strings.HasPrefix(name, "host's") && o.Err == "" {
			t.Errorf("%s: got %q", name, o.Got)
		}
		if strings.HasPrefix(name, "host's") && o.Slow {
			t.Errorf("%s: refused only after a time-out: %s", name, o.Err)
		}
	}
}

// TestEvasionCan: without the protections the attempts succeed: they are no
// blanks. What cannot succeed without a jail either is marked so.
func TestEvasionCan(t *testing.T) {
	t.Parallel()
	w, _ := evasionLab(t)
	all := evasions(t, w, "--net", "host")
	// The host's own resolver cannot look these up either.
	never := []string{"name allowed.example..", "name a\u0430llowed.example"}
	for _, a := range escapes() {
		if o := all[a.name]; !a.blank && o.Err != "" && !slices.Contains(never, a.name) {
			t.Errorf("%s does not even succeed with the host's network: %s", a.name, o.Err)
		}
	}
}

// TestSixReaches: a program connects to an address of IPv6 itself where a rule is of
// it, and to no other one, by whatever other way.
func TestSixReaches(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	at := "[" + lab.PublicV6 + "]:22"
	targets := []string{at, "[" + lab.PublicV6 + "]:443", "[" + lab.Own6 + "]:22", "[2606:2800:220::35]:22", "[::ffff:" + lab.PublicA + "]:22", "[64:ff9b::" + lab.PublicA + "]:22", "[2001:2::1]:1023", "[fe80::1]:22", "[fd00::1]:22", "[ff02::1]:22"}
	reach := func(mode string, flags ...string) []string {
		l.Caught()
		c := w.Part("reach", append([]string{"--net", mode}, flags...)...)
		c.Args = append(c.Args, targets...)
		return world.Lines(world.Finish(t, c).Out)
	}
	if got := reach("filtered", "--allow", at); !slices.Equal(got, targets[:1]) {
		t.Errorf("reached %q", got)
	}
	if hits := l.Caught().Hits; !slices.Equal(hits, []string{"tcp " + at}) {
		t.Errorf("arrived: %q", hits)
	}
	for _, c := range [][]string{{"filtered"}, {"filtered", "--allow", lab.PublicA + ":23"}, {"internet"}} {
		got := reach(c[0], c[1:]...)
		if slices.ContainsFunc(got, func(to string) bool { return !strings.Contains(to, "ffff") }) {
			t.Errorf("%q: without a rule of IPv6: reached %q", c, got)
		}
	}
	// In mode internet one rule of IPv6 opens its way, and the rules of the mode hold.
	got := reach("internet", "--allow", at)
	if hits := l.Caught().Hits; !slices.Contains(got, at) || slices.Contains(got, targets[2]) || slices.Contains(hits, "tcp "+targets[2]) {
		t.Errorf("internet: reached %q, arrived: %q", got, hits)
	}
}

// TestFilteredReaches: what is allowed works, by every kind of rule.
func TestFilteredReaches(t *testing.T) {
	t.Parallel()
	w, l := evasionLab(t)
	l.Name("public6.example", lab.PublicV6)
	l.Name("both.example", lab.Private, lab.PublicA)
	l.Caught()
	c := w.Part("reach", "--net", "filtered", "--allow", "allowed.example", "--allow", "*.wild.example", "--allow", "host:5432",
		"--allow", "other.example:22", "--allow", "public6.example:*", "--allow", lab.Private+":22", "--allow", "both.example:80")
	targets := []string{"allowed.example:443", "ALLOWED.Example.:443", "a.wild.example:443", "host:5432", "other.example:22", "public6.example:22", "public6.example:443", lab.Private + ":22", "both.example:80"}
	c.Args = append(c.Args, targets...)
	r := world.Finish(t, c)
	if got := world.Lines(r.Out); r.Status != 0 || !slices.Equal(got, targets) {
		t.Errorf("reached %q of %q: %s", got, targets, r)
	}
	hits := l.Caught().Hits
	for _, want := range []string{"tcp " + lab.PublicA + ":443", "tcp 127.0.0.1:5432", "tcp " + lab.PublicA + ":22", "tcp [" + lab.PublicV6 + "]:22", "tcp [" + lab.PublicV6 + "]:443", "tcp " + lab.Private + ":22", "tcp " + lab.PublicA + ":80"} {
		if !slices.Contains(hits, want) {
			t.Errorf("%q did not arrive: %q", want, hits)
		}
	}
	if slices.Contains(hits, "tcp "+lab.Private+":80") {
		t.Error("the private one of a name's addresses was dialled")
	}
}
