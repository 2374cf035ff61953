package keys

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// ownStores are programs with certificates of their own.
var ownStores = []string{"java", "chromium", "firefox"}

// TestClientsExported: under other runtimes, too, the certificate of the authority
// is where programs with stores of their own look for it, and those that are here
// speak to the broker. Nothing of it is in the bundle.
func TestClientsExported(t *testing.T) {
	t.Parallel()
	const look = `set -e; grep -q 'BEGIN CERTIFICATE' /etc/ssl/certs/jail-authority.crt
for p in /etc/chromium /etc/opt/chrome; do grep -q '"CACertificates": \["[A-Za-z0-9+/=]\{300,\}"\]' $p/policies/managed/jailed-claude-authority.json; done
grep -q jail-authority.crt /etc/firefox/policies/policies.json
if [ -e /etc/ssl/certs/java/cacerts ]; then grep -q jailed-claude /etc/ssl/certs/java/cacerts; fi
for p in /etc/ssl/certs/jail-authority.crt /etc/chromium/policies/managed/jailed-claude-authority.json; do if echo x 2>&- >>$p; then exit 1; fi; done
[ "$(grep -c 'BEGIN CERT' $SSL_CERT_FILE $NODE_EXTRA_CA_CERTS $CODEX_CA_CERTIFICATE | cut -d: -f2 | tr '\n' ' ')" = "3 2 1 " ]
echo in place; `
	for name, run := range world.RunInLab {
		all := []client{{"files", "bash", look, "in place"}}
		if os.Getenv("JAIL_TEST_CLIENTS") == "1" {
			all = append(all, slices.DeleteFunc(slices.Clone(more), func(c client) bool { return !slices.Contains(ownStores, c.name) })...)
		}
		for _, c := range all {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				world.RequireTool(t, c.program)
				w, l := world.NewLab(t)
				newVault(t, w, l, "service.example")
				if err := os.Chmod(w.Write(w.Home+"/.secrets/service", vaultKey+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nnetwork.mode = \"none\"\n[[broker]]\nhost = \"service.example\"\nheader = \"Authorization\"\nfrom = \"file:~/.secrets/service\"\nenv = \"SERVICE_KEY\"\n")
				w.Env["NODE_EXTRA_CA_CERTS"] = w.Write(filepath.Join(w.Dir, "corp.pem"), w.Read(l.CA)) // one more than the system's
				dir := filepath.Join(w.Dir, "exported")
				if r := world.Finish(t, w.Command("bundle", "--package", "host", dir, "--", "bash", "-c", "cd /tmp && "+c.script)); r.Status != 0 {
					t.Fatal(r)
				}
				if r := world.Finish(t, run(w, dir, filepath.Base(w.Dir))); r.Status != 0 || !strings.Contains(r.Out, c.wants) {
					t.Errorf("%s\n%s", r, w.SessionLog())
				}
				if got := w.Read(dir + "/rootfs/etc/ssl/certs/jail-authority.crt"); got != "" {
					t.Errorf("in the bundle is %q", got)
				}
			})
		}
	}
}
