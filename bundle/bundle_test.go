package bundle

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// testJail is a jail whose mount sources exist: a project with a protected
// file and folder, a granted file, and an Init.
func testJail(t testing.TB) (*contract.Jail, string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"app/.git/hooks", "state/claude", "tools/bin"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"app/.envrc", "init", "hosts.yml", "resolv.conf"} {
		if err := os.WriteFile(filepath.Join(top, f), []byte(f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := policy.Default()
	p.Files.Read = []string{top + "/hosts.yml"}
	j, err := spec.Build(spec.Input{
		Policy: p,
		Closure: closure.Closure{
			Toolchain: closure.Host, Agent: top + "/tools/bin/claude", Binds: []string{top + "/tools"},
			Links: map[string]string{"/bin": "usr/bin"}, Bins: []string{top + "/tools/bin"},
		},
		Host: host.Facts{
			UID: os.Getuid(), GID: os.Getgid(), User: "ada", Group: "users", Home: "/home/ada", RuntimeDir: "/run/user/1000",
			StateDir: top + "/state", ProjectState: top + "/state", ResolvConf: top + "/resolv.conf", GitName: "Ada",
			Project: host.Project{
				Dir:     top + "/app",
				Protect: []host.Path{{Path: top + "/app/.git/hooks", Dir: true}, {Path: top + "/app/.envrc"}},
				Pin:     []string{top + "/app/.git"},
			},
			Present: map[string]host.Kind{top + "/hosts.yml": {Real: top + "/hosts.yml"}},
		},
		Init: top + "/init",
	})
	if err != nil {
		t.Fatal(err)
	}
	return j, top
}

// created makes a bundle and returns its folder.
func created(t testing.TB, j *contract.Jail, o Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := Create(dir, j, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tree lists all that is below dir: type, mode, size, digest or target.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		line := fi.Mode().String() + " " + rel
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + target
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x", len(b), sha256.Sum256(b))
		}
		list = append(list, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// entries are the names in a folder.
func entries(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestRoundTrip(t *testing.T) {
	j, _ := testJail(t)
	dir := created(t, j, Options{})
	b, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b.Dir != dir || b.Rootfs() != dir+"/rootfs" {
		t.Errorf("dir %q, rootfs %q", b.Dir, b.Rootfs())
	}
	// Empty lists of the original are left out of JSON.
	want := new(specs.Spec)
	text, err := json.Marshal(j.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b.Spec, want) {
		t.Errorf("read  %+v\nwrote %+v", b.Spec, want)
	}
	again, err := Marshal(b.Spec)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(dir, ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(first) {
		t.Error("what was read is written with other bytes")
	}
	if !strings.HasPrefix(string(first), "{\n\t\"ociVersion\": ") || !strings.HasSuffix(string(first), "}\n") {
		t.Errorf("not as runc spec writes: %.40q", first)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode() != fs.ModeDir|0o700 {
		t.Errorf("mode %v, error %v", fi.Mode(), err)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{ConfigName, RootfsName}) {
		t.Errorf("entries %q", got)
	}
}

func TestMarshalKeepsText(t *testing.T) {
	s := &specs.Spec{Version: "1.0.2", Hostname: "<&>\u2028é"}
	b, err := Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\n\t\"ociVersion\": \"1.0.2\",\n\t\"hostname\": \"<&>\\u2028é\"\n}\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
}

// TestSameBytes: the same jail gives the same bundle, whatever the umask is.
func TestSameBytes(t *testing.T) {
	j, top := testJail(t)
	want := tree(t, created(t, j, Options{Init: top + "/init"}))
	for _, mask := range []int{0, 0o077, 0o027} {
		dir := filepath.Join(t.TempDir(), "again")
		old := unix.Umask(mask)
		err := Create(dir, j, Options{Init: top + "/init"})
		unix.Umask(old)
		if err != nil {
			t.Fatalf("umask %#o: %v", mask, err)
		}
		if got := tree(t, dir); !slices.Equal(got, want) {
			t.Errorf("umask %#o:\n%s\ninstead of\n%s", mask, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestMountPoints: every destination that is not inside another mount is there,
// with the type of what is mounted.
func TestMountPoints(t *testing.T) {
	j, _ := testJail(t)
	dir := created(t, j, Options{})
	outer, inner := 0, 0
	for i, m := range j.Spec.Mounts {
		p := filepath.Join(dir, RootfsName, m.Destination)
		if slices.ContainsFunc(j.Spec.Mounts[:i], func(o specs.Mount) bool { return strings.HasPrefix(m.Destination, o.Destination+"/") }) {
			inner++
			if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is inside another mount and was made all the same (%v)", m.Destination, err)
			}
			continue
		}
		outer++
		folder := true
		if m.Type == "bind" {
			fi, err := os.Stat(m.Source)
			if err != nil {
				t.Fatal(err)
			}
			folder = fi.IsDir()
		}
		if fi, err := os.Lstat(p); err != nil || fi.IsDir() != folder || !folder && (!fi.Mode().IsRegular() || fi.Size() != 0) {
			t.Errorf("%s: folder %v, error %v", m.Destination, folder, err)
		}
	}
	if outer < 7 || inner < 4 {
		t.Errorf("%d outer and %d inner mounts do not test much", outer, inner)
	}
	// Nothing else is there but what the jail lists and folders on the way.
	for _, line := range tree(t, filepath.Join(dir, RootfsName)) {
		f := strings.Fields(line)
		p := filepath.Join("/", f[1])
		known := slices.ContainsFunc(j.Rootfs, func(f contract.File) bool { return f.Path == p || strings.HasPrefix(f.Path, p+"/") }) ||
			slices.ContainsFunc(j.Spec.Mounts, func(m specs.Mount) bool {
				return m.Destination == p || strings.HasPrefix(m.Destination, p+"/")
			})
		if !known && p != "/" {
			t.Errorf("nobody asked for %s", line)
		}
	}
	if fi, err := os.Stat(filepath.Join(dir, RootfsName, contract.InitPath)); err != nil || fi.Size() != 0 {
		t.Errorf("the mount point of Init: %v", err)
	}
}

func TestInitIsCopied(t *testing.T) {
	j, top := testJail(t)
	dir := created(t, j, Options{Init: top + "/init"})
	p := filepath.Join(dir, RootfsName, contract.InitPath)
	b, err := os.ReadFile(p)
	if err != nil || string(b) != "init" {
		t.Errorf("content %q, error %v", b, err)
	}
	if fi, err := os.Stat(p); err != nil || fi.Mode() != 0o755 {
		t.Errorf("mode %v, error %v", fi.Mode(), err)
	}
}

// TestFiles: folders, files and symlinks of a rootfs, with their modes.
func TestFiles(t *testing.T) {
	j, _ := testJail(t)
	j.Rootfs = []contract.File{
		{Path: "/dir", Mode: fs.ModeDir | 0o700},
		{Path: "/dir/deep/file", Mode: 0o444, Content: []byte("x")},
		{Path: "/link", Mode: fs.ModeSymlink | 0o777, Target: "/nowhere/at all"},
	}
	rootfs := t.TempDir()
	if err := WriteRootfs(rootfs, j.Rootfs); err != nil {
		t.Fatal(err)
	}
	got := tree(t, rootfs)
	want := []string{
		"drwxr-xr-x .", "drwx------ dir", "drwxr-xr-x dir/deep",
		"-r--r--r-- dir/deep/file 1 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "Lrwxrwxrwx link -> /nowhere/at all",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestNoWayOut: a symlink or ".." of a rootfs does not lead to the host's files.
func TestNoWayOut(t *testing.T) {
	for name, f := range map[string][]contract.File{
		"absolute":        {{Path: "/lib", Mode: fs.ModeSymlink, Target: "OUT"}, {Path: "/lib/x", Mode: 0o644}},
		"relative":        {{Path: "/lib", Mode: fs.ModeSymlink, Target: "../../../../../../../../../../../OUT"}, {Path: "/lib/x", Mode: 0o644}},
		"folder below":    {{Path: "/lib", Mode: fs.ModeSymlink, Target: "OUT"}, {Path: "/lib/y", Mode: fs.ModeDir | 0o755}},
		"symlink below":   {{Path: "/lib", Mode: fs.ModeSymlink, Target: "OUT"}, {Path: "/lib/x", Mode: fs.ModeSymlink, Target: "z"}},
		"dots":            {{Path: "/../../../../../../../../../../../../OUT/x", Mode: 0o644}},
		"folder of links": {{Path: "/lib", Mode: fs.ModeSymlink, Target: "OUT"}, {Path: "/lib", Mode: fs.ModeDir | 0o777}},
	} {
		t.Run(name, func(t *testing.T) {
			j, _ := testJail(t)
			out := t.TempDir()
			if err := os.Chmod(out, 0o751); err != nil {
				t.Fatal(err)
			}
			for i := range f {
				f[i].Target = strings.ReplaceAll(f[i].Target, "OUT", out)
				f[i].Path = strings.ReplaceAll(f[i].Path, "OUT", out)
			}
			j.Rootfs = f
			parent := t.TempDir()
			if err := Create(filepath.Join(parent, "b"), j, Options{}); err == nil {
				t.Error("no error")
			}
			if err := WriteRootfs(t.TempDir(), j.Rootfs); err == nil {
				t.Error("no error of a rootfs alone")
			}
			if got := tree(t, out); !slices.Equal(got, []string{"drwxr-x--x ."}) {
				t.Errorf("made on the host: %q", got)
			}
			if got := entries(t, parent); len(got) > 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
	t.Run("mount point", func(t *testing.T) {
		j, top := testJail(t)
		out := t.TempDir()
		j.Rootfs = []contract.File{{Path: "/lib", Mode: fs.ModeSymlink, Target: out}}
		j.Spec.Mounts = []specs.Mount{{Destination: "/lib/x", Type: "bind", Source: top + "/app"}, {Destination: "/lib/y", Type: "bind", Source: top + "/init"}}
		if err := Create(filepath.Join(t.TempDir(), "b"), j, Options{}); err == nil {
			t.Error("no error")
		}
		if got := entries(t, out); len(got) > 0 {
			t.Errorf("made on the host: %q", got)
		}
	})
}

func TestCreateWhere(t *testing.T) {
	j, _ := testJail(t)
	t.Run("an empty folder, of another mode", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "b")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := Create(dir, j, Options{}); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, error %v", fi.Mode(), err)
		}
		if _, err := Load(dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("relative", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if err := Create("./x/../b", j, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := entries(t, "."); !slices.Equal(got, []string{"b"}) {
			t.Errorf("entries %q", got)
		}
		if b, err := Load("b"); err != nil || !filepath.IsAbs(b.Dir) {
			t.Errorf("%+v, %v", b, err)
		}
	})
	t.Run("a full folder", func(t *testing.T) {
		dir := created(t, j, Options{})
		want := tree(t, dir)
		err := Create(dir, j, Options{})
		if !errors.Is(err, errExists) || err.Error() != fmt.Sprintf("bundle %q: exists already and is not an empty folder: name another folder, or remove this one", dir) {
			t.Errorf("error %v", err)
		}
		if got := tree(t, dir); !slices.Equal(got, want) {
			t.Error("the old bundle was changed")
		}
		if got := entries(t, filepath.Dir(dir)); len(got) != 1 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Create(file, j, Options{}); !errors.Is(err, errExists) {
			t.Errorf("error %v", err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
			t.Errorf("content %q, error %v", b, err)
		}
	})
	t.Run("no parent", func(t *testing.T) {
		if err := Create(filepath.Join(t.TempDir(), "a", "b"), j, Options{}); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, errExists) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a symlink to an empty folder", func(t *testing.T) {
		dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		if err := Create(link, j, Options{}); err == nil {
			t.Error("no error")
		}
		if len(entries(t, dir)) > 0 || len(entries(t, filepath.Dir(link))) != 1 {
			t.Error("something was made")
		}
	})
}

// TestCreateLeavesNothing: after a failure, at whatever step, there is neither
// a bundle nor a part of one.
func TestCreateLeavesNothing(t *testing.T) {
	for _, r := range []struct {
		name string
		with func(*contract.Jail, *Options)
		want string
	}{
		{"init is missing", func(_ *contract.Jail, o *Options) { o.Init = "/nonexistent/init" }, "copy init: open /nonexistent/init: no such file or directory"},
		{"a source is missing", func(j *contract.Jail, _ *Options) {
			j.Spec.Mounts = append(j.Spec.Mounts, specs.Mount{Type: "bind", Source: "/nonexistent/x", Destination: "/x"})
		}, "mount source: lstat /nonexistent/x: no such file or directory"},
		{"a source became a symlink", func(j *contract.Jail, _ *Options) {
			j.Spec.Mounts = append(j.Spec.Mounts, specs.Mount{Type: "bind", Source: "/proc/self", Destination: "/x"})
		}, `mount source "/proc/self" became a symlink`},
		{"a file twice", func(j *contract.Jail, _ *Options) {
			j.Rootfs = append(j.Rootfs, contract.File{Path: "/etc/hosts", Mode: 0o644})
		}, "openat etc/hosts: file exists"},
		{"a file is a folder", func(j *contract.Jail, _ *Options) {
			j.Rootfs = append(j.Rootfs, contract.File{Path: "/etc/hosts/x", Mode: 0o644})
		}, "mkdirat etc/hosts: file exists"},
		{"a mount point is a file", func(j *contract.Jail, _ *Options) {
			j.Spec.Mounts = append(j.Spec.Mounts, specs.Mount{Type: "tmpfs", Destination: "/etc/hosts"})
		}, "mount point: mkdirat etc/hosts: file exists"},
	} {
		t.Run(r.name, func(t *testing.T) {
			j, _ := testJail(t)
			var o Options
			r.with(j, &o)
			dir := filepath.Join(t.TempDir(), "b")
			if err := Create(dir, j, o); err == nil || err.Error() != fmt.Sprintf("bundle %q: %s", dir, r.want) {
				t.Errorf("\n got %v\nwant %s", err, r.want)
			}
			if got := entries(t, filepath.Dir(dir)); len(got) > 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
	t.Run("a disk that is full", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("mounting a small tmpfs takes root")
		}
		full := t.TempDir()
		if err := unix.Mount("tmpfs", full, "tmpfs", 0, "size=64k"); err != nil {
			t.Skipf("mount a small tmpfs: %v", err)
		}
		defer func() { _ = unix.Unmount(full, unix.MNT_DETACH) }()
		j, _ := testJail(t)
		j.Rootfs = append(j.Rootfs, contract.File{Path: "/big", Mode: 0o644, Content: make([]byte, 1<<20)})
		if err := Create(filepath.Join(full, "b"), j, Options{}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("error %v", err)
		}
		if got := entries(t, full); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("a file system without programs", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("mounting a tmpfs takes root")
		}
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
			t.Skipf("mount a tmpfs: %v", err)
		}
		defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
		j, init := testJail(t)
		if err := Create(filepath.Join(dir, "b"), j, Options{Init: "/bin/true"}); err == nil || !strings.Contains(err.Error(), "noexec") {
			t.Errorf("error %v of %v", err, init)
		}
		if got := entries(t, dir); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("a folder that cannot be written", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root can write every folder")
		}
		parent := t.TempDir()
		if err := os.Chmod(parent, 0o500); err != nil {
			t.Fatal(err)
		}
		j, _ := testJail(t)
		if err := Create(filepath.Join(parent, "b"), j, Options{}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v", err)
		}
		if got := entries(t, parent); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("a folder that cannot be read", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root can read every folder")
		}
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o300); err != nil {
			t.Fatal(err)
		}
		j, _ := testJail(t)
		if err := Create(dir, j, Options{}); !errors.Is(err, fs.ErrPermission) || errors.Is(err, errExists) {
			t.Errorf("error %v", err)
		}
	})
}

// edit replaces text in a config.json.
func edit(old, new string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		p := filepath.Join(dir, ConfigName)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), old) {
			t.Fatalf("no %q to replace", old)
		}
		if err := os.WriteFile(p, []byte(strings.Replace(string(b), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestLoadRefuses: one thing broken in a valid bundle.
func TestLoadRefuses(t *testing.T) {
	j, _ := testJail(t)
	chmod := func(name string, mode fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, name), mode)) }
	}
	chown := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if os.Getuid() != 0 {
				t.Skip("giving a file away takes root")
			}
			must(t, os.Lchown(filepath.Join(dir, name), 65534, -1))
		}
	}
	link := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			p := filepath.Join(dir, name)
			must(t, os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}
	}
	const unsafe = "another user may change it"
	for _, r := range []struct {
		name string
		with func(*testing.T, string)
		want string
	}{
		{"others may write the folder", chmod("", 0o707), unsafe},
		{"the group may write the folder", chmod("", 0o770), unsafe},
		{"the group may write the configuration", chmod(ConfigName, 0o660), unsafe},
		{"others may write the rootfs", chmod(RootfsName, 0o757), unsafe},
		{"another user's folder", chown(""), unsafe},
		{"another user's configuration", chown(ConfigName), unsafe},
		{"another user's rootfs", chown(RootfsName), unsafe},
		{"a symlinked rootfs", link(RootfsName), "/rootfs is not what it should be (L---------)"},
		{"a symlinked configuration", link(ConfigName), "/config.json is not what it should be (L---------)"},
		{"a rootfs that is a file", func(t *testing.T, dir string) {
			p := filepath.Join(dir, RootfsName)
			must(t, os.RemoveAll(p), os.WriteFile(p, nil, 0o600))
		}, "/rootfs is not what it should be (----------)"},
		{"a configuration that is a FIFO", func(t *testing.T, dir string) {
			p := filepath.Join(dir, ConfigName)
			must(t, os.Remove(p), unix.Mkfifo(p, 0o600))
		}, "/config.json is not what it should be (p---------)"},
		{"no configuration", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, ConfigName))) }, "/config.json: no such file or directory"},
		{"no rootfs", func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, RootfsName))) }, "/rootfs: no such file or directory"},
		{"an unknown key", edit(`"hostname"`, `"hostnames": "x", "hostname"`), `read config.json: json: unknown field "hostnames"`},
		{"an unknown key deep inside", edit(`"noNewPrivileges"`, `"newPrivileges": 1, "noNewPrivileges"`), `read config.json: json: unknown field "newPrivileges"`},
		{"a wrong type", edit(`"readonly": true`, `"readonly": "yes"`), "read config.json: json: cannot unmarshal string into Go struct field Root.root.readonly of type bool"},
		{"half a file", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, ConfigName), 1000))
		}, "read config.json: unexpected EOF"},
		{"a second value", func(t *testing.T, dir string) {
			p := filepath.Join(dir, ConfigName)
			b, err := os.ReadFile(p)
			must(t, err, os.WriteFile(p, append(b, "{}"...), 0o600))
		}, "read config.json: there is more than one value in it"},
		{"garbage behind", func(t *testing.T, dir string) {
			p := filepath.Join(dir, ConfigName)
			b, err := os.ReadFile(p)
			must(t, err, os.WriteFile(p, append(b, "x"...), 0o600))
		}, "read config.json: there is more than one value in it"},
		{"a broken promise", edit(`"noNewPrivileges": true`, `"noNewPrivileges": false`), "the configuration breaks the promises of a jail: privilege: noNewPrivileges is off"},
		{"an empty object", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, ConfigName), []byte("{}"), 0o600))
		}, "the configuration breaks the promises of a jail: completeness: process, process.capabilities, root and linux are needed"},
		{"null", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, ConfigName), []byte("null"), 0o600))
		}, "the configuration breaks the promises of a jail: completeness: process, process.capabilities, root and linux are needed"},
	} {
		t.Run(r.name, func(t *testing.T) {
			dir := created(t, j, Options{})
			if _, err := Load(dir); err != nil {
				t.Fatalf("before: %v", err)
			}
			r.with(t, dir)
			_, err := Load(dir)
			if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("bundle %q: ", dir)) || !strings.HasSuffix(err.Error(), r.want) {
				t.Errorf("\n got %v\nwant %s", err, r.want)
			}
			if (r.want == unsafe) != errors.Is(err, errUnsafe) {
				t.Errorf("ErrUnsafe: %v", errors.Is(err, errUnsafe))
			}
			if c := (*contract.CheckError)(nil); errors.As(err, &c) != strings.HasPrefix(r.want, "the configuration breaks") {
				t.Errorf("CheckError: %v", c)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing bundle: %v", err)
	}
}

func BenchmarkCreate(b *testing.B) {
	j, _ := testJail(b)
	dir := filepath.Join(b.TempDir(), "b")
	for b.Loop() {
		if err := Create(dir, j, Options{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		os.RemoveAll(dir)
		b.StartTimer()
	}
}
