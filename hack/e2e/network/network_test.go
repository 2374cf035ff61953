package network

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// dial is the part "dial": it tries to connect to each "network address" of its
// arguments, and prints those that it could.
func dial(args []string) int {
	for _, a := range args {
		network, addr, _ := strings.Cut(a, " ")
		if c, err := net.DialTimeout(network, addr, 2*time.Second); err == nil {
			fmt.Println(a)
			_ = c.Close()
		}
	}
	return 0
}

// TestNetworkNone: with --net none no service of the host is within reach, be
// it on loopback or an abstract socket (CVE-2020-15257). With --net host both
// are: the attack is no blank.
func TestNetworkNone(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	var targets []string
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", "@e2e-" + filepath.Base(w.Dir)}, {"unix", filepath.Join(w.Dir, "run", "socket")}} {
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		targets = append(targets, at[0]+" "+l.Addr().String())
	}
	try := func(mode string) []string {
		c := w.Part("dial", "--net", mode)
		c.Args = append(c.Args, targets...)
		r := world.Finish(t, c)
		if r.Status != 0 {
			t.Fatal(r)
		}
		return world.Lines(r.Out)
	}
	if got := try("none"); len(got) != 0 {
		t.Errorf("--net none reaches %q", got)
	}
	// A socket that is a file is not of the network: it stays outside always.
	if got := try("host"); len(got) != 2 || strings.Contains(strings.Join(got, " "), "/socket") {
		t.Errorf("--net host reaches %q, want the first two of %q", got, targets)
	}
	if out := w.Must("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/route | tail -n +2; [ -s /etc/resolv.conf ] && echo resolv.conf; true"); out != "lo\n" {
		t.Errorf("devices, routes and name servers: %q, want lo alone", out)
	}
}

// TestHostToolchain: without a store the programs are the host's, read-only,
// and all the rest holds.
func TestHostToolchain(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Run("shell", "--package", "host", "--net", "none", "--", "bash", "-c", `exec 2>/dev/null
		git log -1 --format=%an
		touch /usr/x && echo 'written: /usr'; touch /x && echo 'written: /'; (echo x >>/usr/bin/env) && echo 'written: env'
		unshare -U true && echo 'user namespace'; unshare -Ur true && echo 'user namespace'; unshare -m true && echo 'mount namespace'; unshare -n true && echo 'network namespace'
		mount -t tmpfs x /tmp && echo mounted; sudo -n true && echo sudo; ping -c 1 127.0.0.1 && echo ping
		cat ~/.ssh/id_rsa /etc/shadow; ls -d /root /home/* /opt /srv /sys /boot /var/lib/dpkg /var/lib/systemd /var/lib/apt /var/log /nix | grep -vx "$(dirname "$HOME")"
		true`)
	if r.Status != 0 || r.Out != "Ada Caller\n" {
		t.Errorf("%s", r)
	}
}

// TestLimits: a limit holds, or the jail is refused with what is missing.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, limit := range [][]string{{"--pids", "24"}, {"--memory", "64MiB"}, {"--cpus", "0.5"}} {
		r := world.Finish(t, w.Base(`n=0; for i in {1..60}; do sleep 2 & [ $? = 0 ] && n=$((n + 1)); done 2>/dev/null; echo $n; x=$(head -c 128M /dev/zero | tr '\0' x); echo ${#x}`,
			append(limit, "--require", "limits")...))
		if r.Status == 125 {
			t.Logf("%v is refused here: %s", limit, r.Err)
			if !strings.Contains(r.Err, "cgroup") || !strings.Contains(r.Err, "hint: ") {
				t.Errorf("%v is refused without a reason or advice: %s", limit, r)
			}
			continue
		}
		got := world.Lines(r.Out)
		switch {
		case limit[0] == "--pids" && len(got) > 0 && got[0] == "60":
			t.Errorf("%v does not hold: %s", limit, r)
		case limit[0] == "--memory" && len(got) > 1 && got[1] != "0":
			t.Errorf("%v does not hold: %s", limit, r)
		case limit[0] == "--cpus" && len(got) != 2:
			t.Errorf("%v: %s", limit, r)
		}
	}
	// Without any: no core files, and no more open files than outside.
	if out := w.Must("ulimit -Hc; ulimit -Sc"); out != "0\n0\n" {
		t.Errorf("core files: %q", out)
	}
	if _, err := os.Stat(w.Project + "/core"); err == nil {
		t.Error("a core file in the project")
	}
}
