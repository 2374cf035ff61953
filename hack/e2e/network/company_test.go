package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestHostPorts: a port of the host's loopback is at the jail's own, by request,
// and no other is.
func TestHostPorts(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	const script = `for a in localhost/5432 127.0.0.1/5432 ::1/5432 localhost/5433 127.0.0.1/22; do (exec 3<>/dev/tcp/$a) 2>/dev/null && echo "$a"; done; true`
	r := world.Finish(t, w.NetShell(script, "--net", "filtered", "--host-port", "5432"))
	if r.Status != 0 || r.Out != "localhost/5432\n127.0.0.1/5432\n::1/5432\n" {
		t.Error(r)
	}
	for _, hit := range l.Caught().Hits {
		if hit != "tcp 127.0.0.1:5432" {
			t.Errorf("arrived: %s", hit)
		}
	}
	// None without it, nor with "none".
	policy := w.Write(w.Dir+"/ports.toml", "version = 1\n[network]\nhost-ports = [5432]\n")
	for _, flags := range [][]string{{"--net", "internet"}, {"--policy", policy, "--net", "none"}} {
		if r := world.Finish(t, w.NetShell(script, flags...)); r.Status != 0 || r.Out != "" || len(l.Caught().Hits) > 0 {
			t.Errorf("%q: %s", flags, r)
		}
	}
	for want, flags := range map[string][]string{
		"leads to the jail (network.ports)": {"--net", "filtered", "--port", "5432"}, "reaches nothing of the host": {"--net", "none"}, "already reaches every port": {"--net", "host"},
	} {
		if r := world.Finish(t, w.NetShell("true", append(flags, "--host-port", "5432")...)); r.Status != 125 || !strings.Contains(r.Err, want) {
			t.Errorf("%q: %s", flags, r)
		}
	}
}

// TestCompanyNames: a name of the company's network leads to its private address,
// in both modes; a name of somebody else's does not.
func TestCompanyNames(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	l.Name("db.corp.internal", lab.Private)
	l.Name("db.corp.example", lab.Private)
	l.Name("rebinds.example", lab.Private)
	l.Name("meta.corp.internal", lab.Metadata)
	l.Name("me.corp.internal", "127.0.0.1")
	const script = `for a in db.corp.internal/5432 db.corp.example/5432 rebinds.example/5432 meta.corp.internal/5432 me.corp.internal/5432; do (exec 3<>/dev/tcp/$a; head -c1 <&3 >/dev/null) 2>/dev/null; done; true`
	rules := []string{"--allow", "*.corp.internal:5432", "--allow", "private:db.corp.example:5432"}
	for _, mode := range [][]string{{"--net", "internet"}, {"--net", "filtered", "--allow", "rebinds.example:5432"}} {
		if r := world.Finish(t, w.NetShell(script, slices.Concat(mode, rules)...)); r.Status != 0 {
			t.Error(r)
		}
		hits := l.Caught().Hits
		slices.Sort(hits)
		if want := []string{"tcp " + lab.Private + ":5432", "tcp " + lab.Private + ":5432"}; !slices.Equal(hits, want) {
			t.Errorf("%q: arrived: %q", mode, hits)
		}
	}
	r := world.Finish(t, w.NetShell("true", "--net", "internet", "--allow", "db.corp.example:5432"))
	if r.Status != 125 || !strings.Contains(r.Err, "--allow private:db.corp.example:5432") {
		t.Error(r)
	}
}
