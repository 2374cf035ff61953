package tools

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// systemPath is where a jail with the host's programs looks for them.
const systemPath = "/usr/local/bin:/usr/bin:/bin"

// TestSystem: programs of /usr that read the other half of their distribution,
// in /etc and /var/lib, say the same inside and outside. These are what the tests
// need anyway; hack/toolchains has the others.
func TestSystem(t *testing.T) {
	t.Parallel()
	for program, script := range map[string]string{
		"getent":  `getent services https; getent protocols tcp; sed -n 1,3p /etc/os-release`,
		"perl":    `perl -MNet::hostent -MSocket -e 'print +(getservbyname("ssh", "tcp"))[2], "\n"'; perl -V:sitelib`,
		"python3": `python3 -c 'import mimetypes, platform; print(mimetypes.guess_type("a.webp"), platform.freedesktop_os_release()["ID"])'`,
		"php":     `php -m; php -r 'echo php_ini_loaded_file(), json_encode(ctype_alpha("a")), "\n";'`,
		"openssl": `openssl version; openssl list -providers`,
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			host := exec.Command("sh", "-c", script)
			host.Env = []string{"PATH=" + systemPath, "LANG=C.UTF-8", "TMPDIR=" + t.TempDir(), "HOME=" + t.TempDir()}
			want := world.Finish(t, host)
			if want.Status != 0 || want.Out == "" {
				world.Cannot(t, "%s does not work on this host: %s", program, want)
			}
			w := world.New(t)
			w.Env["PATH"] = systemPath
			if got := w.Run("shell", "--package", "host", "--net", "none", "--", "sh", "-c", script); got.Out != want.Out {
				t.Errorf("outside:\n%s\ninside: %s", want.Out, got)
			}
		})
	}
}

// TestSystemKeepsOut: accounts, keys and names of the host stay outside, whoever
// starts the jail.
func TestSystemKeepsOut(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Run("shell", "--package", "host", "--net", "none", "--", "sh", "-c",
		`for f in shadow gshadow hostname machine-id ssh ssl/private sudoers cron.d systemd apt pam.d fstab mysql postgresql npmrc pip.conf; do [ ! -e /etc/$f ] || echo "/etc/$f"; done
		wc -l </etc/passwd; find /etc /var/lib -type f ! -readable; find /etc /var/lib -writable -type f; ls -d /var/run/user`)
	if got := strings.TrimSpace(r.Out); r.Status != 0 || got != "3\n/var/run/user" && got != "2\n/var/run/user" {
		t.Errorf("%s", r)
	}
}

// TestNames: the time zone and the language have the names that they have
// outside.
func TestNames(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	link, err := os.Readlink("/etc/localtime")
	_, zone, named := strings.Cut(link, "/zoneinfo/")
	if err != nil || !named {
		t.Skip("the host's time zone has no name")
	}
	for _, args := range [][]string{
		{"--package", "host"}, {"--closure", world.RequireVariable(t, "DEVENV_CLOSURE")},
	} {
		w.Env["LANG"] = "xx_XX.UTF-8"
		r := w.Run(append(append([]string{"shell", "--net", "none"}, args...), "--", "bash", "-c",
			`readlink /etc/localtime; cat /etc/timezone; date +%Z; echo $LANG`)...)
		if want := "/usr/share/zoneinfo/" + zone + "\n" + zone + "\n"; !strings.HasPrefix(r.Out, want) {
			t.Errorf("%q: %s", args, r)
		}
		if args[0] == "--closure" && !strings.HasSuffix(r.Out, "\nC.UTF-8\n") {
			t.Errorf("%q: the language is not one that there is: %s", args, r)
		}
	}
}
