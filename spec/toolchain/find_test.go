package toolchain

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant makes a host below a new folder: a name that ends in "/" is a folder, one
// with " -> " a symlink, one with a mode in front has that.
func plant(t *testing.T, names ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		rest, closed := strings.CutPrefix(name, "0600 ")
		at, target, link := strings.Cut(rest, " -> ")
		p := filepath.Join(root, at)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		switch {
		case err != nil:
		case strings.HasSuffix(at, "/"):
			err = os.MkdirAll(p, 0o755)
		case link:
			err = os.Symlink(target, p)
		default:
			mode := os.FileMode(0o644)
			if closed {
				mode = 0o600
			}
			if err = os.WriteFile(p, []byte(at), 0o600); err == nil {
				err = os.Chmod(p, mode)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFind(t *testing.T) {
	for name, r := range map[string]struct {
		host, have, binds, files []string
		links                    map[string]string
	}{
		"openjdk": {
			host: []string{
				"usr/lib/jvm/java-17/conf/security/java.security -> /etc/java-17-openjdk/security/java.security", "etc/java-17-openjdk/security/java.security",
				"0600 etc/java-17-openjdk/management/jmxremote.access", "etc/java-17-openjdk/management/logging",
				"usr/lib/jvm/java-17/lib/security/cacerts -> /etc/ssl/certs/java/cacerts", "etc/ssl/certs/java/cacerts",
			},
			binds: []string{"/etc/java-17-openjdk/management/logging", "/etc/java-17-openjdk/security", "/etc/ssl/certs/java"},
			files: []string{"/etc/java-17-openjdk/management/logging"},
		},
		"a link to something that is in no list": {
			host:  []string{"usr/share/tool/conf -> ../../../etc/tool/conf", "etc/tool/conf", "etc/tool/other"},
			binds: []string{"/etc/tool/conf"}, files: []string{"/etc/tool/conf"},
		},
		"a link to what is generated": {
			host:  []string{"usr/lib/ghc/package.conf.d -> /var/lib/other/package.conf.d", "var/lib/other/package.conf.d/a.conf"},
			binds: []string{"/var/lib/other/package.conf.d"},
		},
		"links that lead on": {
			host: []string{
				"usr/share/a -> /etc/a.d/x", "etc/a.d -> b.d", "etc/b.d/x -> ../c/x", "etc/c/x", "etc/os-release -> ../usr/lib/os-release", "usr/lib/os-release",
			},
			binds: []string{"/etc/b.d", "/etc/c/x"}, files: []string{"/etc/c/x"},
			links: map[string]string{"/etc/a.d": "b.d", "/etc/os-release": "../usr/lib/os-release"},
		},
		"what is mounted anyway": {
			host: []string{"usr/bin/java -> /etc/alternatives/java", "etc/alternatives/java -> /usr/bin/x", "etc/alternatives/conf -> /etc/x/conf", "etc/x/conf"},
			have: []string{"/usr", "/etc/alternatives"}, binds: []string{"/etc/x/conf"}, files: []string{"/etc/x/conf"},
		},
		"accounts, keys, services": {
			host: []string{
				"usr/lib/ssl/private -> /etc/ssl/private", "etc/ssl/private/host.key", "usr/a -> /etc/passwd", "etc/passwd", "usr/b -> /etc/shadow", "etc/shadow",
				"usr/c -> /etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key", "usr/d -> /etc/hostname", "etc/hostname", "usr/e -> /etc/machine-id", "etc/machine-id",
				"usr/f -> /etc/x/server.key", "etc/x/server.key", "usr/g -> /etc", "usr/h -> /var/lib", "usr/i -> /home/ada", "home/ada/x", "usr/j -> /etc/claude-code/x",
				"etc/claude-code/x", "usr/k -> /etc/ssl/certs", "etc/ssl/certs/a.pem", "usr/l -> /etc/mysql", "etc/mysql/my.cnf", "usr/m -> /var/lib/docker", "var/lib/docker/x",
				"usr/n -> ../etc/../etc/shadow", "usr/o -> /etc/alternative/../shadow", "usr/p -> /etc/q", "etc/q -> shadow",
			},
			links: map[string]string{"/etc/q": "shadow"},
		},
		"what not everybody may read": {
			host: []string{"0600 etc/services", "etc/php/8.2/php.ini", "0600 etc/php/8.2/db.ini", "etc/php/8.2/my_password"}, binds: []string{"/etc/php/8.2/php.ini"},
			files: []string{"/etc/php/8.2/php.ini"},
		},
		"passed over": {host: []string{"usr/share/man/man1/x -> /etc/x", "etc/x"}},
	} {
		f := find(plant(t, r.host...), r.have)
		if !slices.Equal(f.Binds, r.binds) || !slices.Equal(f.Files, r.files) {
			t.Errorf("%s: %q, of which files %q", name, f.Binds, f.Files)
		}
		for l, target := range r.links {
			if f.Links[l] != target {
				t.Errorf("%s: %s leads to %q", name, l, f.Links[l])
			}
		}
		if len(f.Links) != len(r.links) {
			t.Errorf("%s: links %q", name, f.Links)
		}
	}
}

// TestKept: an answer is found again as long as it holds, and no one else's is
// taken for it.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	want := Found{Binds: []string{"/etc"}} // refused, whoever says it
	if err := store(dir, kept{"a", want}); err != nil {
		t.Fatal(err)
	}
	if _, ok := load(dir, "a"); ok {
		t.Error("a path that is refused was taken from the cache")
	}
	want = Found{Links: map[string]string{"/etc/os-release": "x"}}
	if err := store(dir, kept{"a", want}); err != nil {
		t.Fatal(err)
	}
	if f, ok := load(dir, "a"); !ok || f.Links["/etc/os-release"] != "x" {
		t.Errorf("%v, %v", f, ok)
	}
	if _, ok := load(dir, "b"); ok {
		t.Error("the answer of another state of the host")
	}
	if _, ok := load("", "a"); ok {
		t.Error("there is no cache")
	}
	if err := store(dir, kept{"a", Found{Binds: []string{"/etc/none-of-that-name"}}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := load(dir, "a"); ok {
		t.Error("what is gone is in the answer")
	}
	if err := store(dir, kept{"a", want}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{filepath.Join(dir, fileName), dir} {
		if err := os.Chmod(at, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, ok := load(dir, "a"); ok {
			t.Errorf("taken although others can write %s", at)
		}
		if err := os.Chmod(at, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStamp: what the package manager or an update of this program changes makes
// another answer.
func TestStamp(t *testing.T) {
	root := plant(t, "var/lib/dpkg/status", "etc/x", "usr/lib/x")
	first := stampOf(root, nil)
	if stampOf(root, []string{"/usr"}) == first {
		t.Error("other mounts, the same stamp")
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte("another package"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stampOf(root, nil) == first {
		t.Error("a package was installed, the same stamp")
	}
}
