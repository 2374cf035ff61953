package lock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/portable"
)

// require fails or skips a test that needs something of the test store.
func require(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv("JAIL_TEST_" + name)
	if v == "" {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("JAIL_TEST_%s is not set", name)
		}
		t.Skipf("JAIL_TEST_%s is not set: hack/store/up.sh makes it", name)
	}
	return v
}

// tree makes a folder with everything that a NAR can hold. Strange names are
// for readers that stumble over them.
func tree(t testing.TB, dir string, strange bool) {
	t.Helper()
	files := map[string]int{
		"empty": 0, "one": 1, "seven": 7, "eight": 8, "nine": 9, "a/b/c": 10, "a.b": 3, "a-b": 3, "ab": 3, "UPPER": 4,
		"chunk": chunk, "chunk+1": chunk + 1, "below": large - 1, "large": large, "larger": 3*large + 5, "\u00fcml\u00e4ut": 1,
	}
	if strange {
		files["..x"], files["..."], files["line\nend"], files[strings.Repeat("n", 255)], files["\xff\xfe"] = 1, 2, 3, 4, 5
	}
	for name, size := range files {
		p := filepath.Join(dir, name)
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i*7 + i>>8 + len(name))
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "nothing/in/it"), 0o755),
		os.Chmod(filepath.Join(dir, "nine"), 0o555),
		os.Chmod(filepath.Join(dir, "eight"), 0o655), // executable for others only
		os.Symlink("/nowhere", filepath.Join(dir, "dangling")),
		os.Symlink("..", filepath.Join(dir, "up")),
		os.Symlink(strings.Repeat("long/", 700), filepath.Join(dir, "long")),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// big is a file of several windows.
func big(t testing.TB, p string) {
	t.Helper()
	b := make([]byte, 3*window+9)
	for i := range b {
		b[i] = byte(i>>3 + i>>20)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func hashOf(t testing.TB, p string) Path {
	t.Helper()
	found, err := hashAll(context.Background(), []Path{{Path: p}}, 0, Options{})
	if err == nil {
		err = found[0].err
	}
	if err != nil {
		t.Fatal(err)
	}
	return found[0].Path
}

// plainNar writes a NAR as the definition has it, one file after the other
// (https://nix.dev/manual/nix/latest/protocols/nix-archive).
func plainNar(w io.Writer, p string) error {
	say := func(words ...string) {
		for _, s := range words {
			_ = binary.Write(w, binary.LittleEndian, uint64(len(s)))
			_, _ = io.WriteString(w, s+strings.Repeat("\x00", (8-len(s)%8)%8))
		}
	}
	var entry func(p string) error
	entry = func(p string) error {
		fi, err := os.Lstat(p)
		if err != nil {
			return err
		}
		say("(", "type")
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			say("symlink", "target", target)
		case fi.IsDir():
			say("directory")
			list, err := os.ReadDir(p) // sorted
			if err != nil {
				return err
			}
			for _, e := range list {
				say("entry", "(", "name", e.Name(), "node")
				if err := entry(filepath.Join(p, e.Name())); err != nil {
					return err
				}
				say(")")
			}
		default:
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			say("regular")
			if fi.Mode()&0o100 != 0 {
				say("executable", "")
			}
			say("contents", string(content))
		}
		say(")")
		return nil
	}
	say("nix-archive-1")
	return entry(p)
}

// kinds are store paths of each type, in a tree.
func kinds(t *testing.T, strange bool) []string {
	dir := t.TempDir()
	tree(t, dir, strange)
	big(t, filepath.Join(dir, "big"))
	all := []string{dir}
	for _, name := range []string{"seven", "nine", "dangling", "larger", "nothing"} {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

// TestNarAgainstAPlainOne compares with another implementation.
func TestNarAgainstAPlainOne(t *testing.T) {
	all := kinds(t, false)
	dir := all[0]
	for _, p := range all {
		var b bytes.Buffer
		if err := plainNar(&b, p); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b.Bytes())
		want := Path{p, formatHash(sum[:]), int64(b.Len())}
		if got := hashOf(t, p); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	before := hashOf(t, dir)
	for _, at := range []int64{0, window - 1, window, 3*window + 8} {
		flip(t, filepath.Join(dir, "big"), at)
		if after := hashOf(t, dir); after == before {
			t.Errorf("a bit at %d makes no difference", at)
		}
		flip(t, filepath.Join(dir, "big"), at)
	}
}

// TestNarAgainstNix compares with Nix itself, strange names included.
func TestNarAgainstNix(t *testing.T) {
	nix, err := exec.LookPath("nix-store")
	if err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatal(err)
		}
		t.Skip("Nix is not installed")
	}
	for _, p := range kinds(t, true) {
		cmd := exec.Command(nix, "--dump", p)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		size, err := io.Copy(h, out)
		if err := errors.Join(err, cmd.Wait()); err != nil {
			t.Fatal(err)
		}
		if got, want := hashOf(t, p), (Path{p, formatHash(h.Sum(nil)), size}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// registered is a lock of a closure of the test store, with the hashes that
// Nix registered.
func registered(t testing.TB, name string) *Lock {
	t.Helper()
	file := strings.TrimSuffix(require(t, name+"_CLOSURE"), ".closure") + ".registration"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	regs, err := registration.ParseRegistration(text)
	if err != nil {
		t.Fatal(err)
	}
	l := &Lock{}
	for _, r := range regs {
		p, err := Registered(r.Path, r.NarHash, r.NarSize)
		if err != nil {
			t.Fatal(err)
		}
		l.Paths = append(l.Paths, p)
	}
	slices.SortFunc(l.Paths, func(a, b Path) int { return ComparePaths(a.Path, b.Path) })
	return l
}

// TestVerifyClaude: what is on disk is what Nix registered.
func TestVerifyClaude(t *testing.T) {
	l := registered(t, "CLAUDE")
	var total int64
	for _, p := range l.Paths {
		total += p.NarSize
	}
	var last, of int64
	begun := time.Now()
	differences, err := Verify(context.Background(), l, Options{Progress: func(done, all int64) {
		if done < last {
			t.Errorf("progress goes back, from %d to %d", last, done)
		}
		last, of = done, all
	}})
	took := time.Since(begun)
	if err != nil || len(differences) > 0 {
		t.Fatalf("%v, %v", differences, err)
	}
	if last != total || of != total {
		t.Errorf("progress ended at %d of %d, and there are %d", last, of, total)
	}
	t.Logf("%d paths, %d MB in %v: %.0f MB/s", len(l.Paths), total/1e6, took.Round(time.Millisecond), float64(total)/1e6/took.Seconds())
}

// TestVerifyRealCopy: one byte of a copy of a real store path.
func TestVerifyRealCopy(t *testing.T) {
	l := registered(t, "BASE")
	i := slices.IndexFunc(l.Paths, func(p Path) bool { return strings.Contains(p.Path, "-bash-") })
	if i < 0 {
		t.Fatal("the test store has no bash")
	}
	bash := l.Paths[i]
	root := t.TempDir()
	copied := filepath.Join(root, bash.Path)
	if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--no-preserve=ownership", bash.Path, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Its folders are read-only.
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", root).Run() })
	one := &Lock{Paths: []Path{bash}}
	if d, err := Verify(context.Background(), one, Options{Root: root}); err != nil || d != nil {
		t.Fatalf("an equal copy: %v, %v", d, err)
	}
	program, err := filepath.EvalSymlinks(filepath.Join(copied, "bin/bash"))
	if err != nil {
		t.Fatal(err)
	}
	flip(t, program, 4711)
	d, err := Verify(context.Background(), one, Options{Root: root})
	if err != nil || len(d) != 1 || d[0].Kind != Changed || d[0].Name != bash.Path || d[0].Expected != bash.NarHash || d[0].Actual == bash.NarHash {
		t.Errorf("one byte: %+v, %v", d, err)
	}
}

// flip turns one bit around.
func flip(t testing.TB, file string, at int64) {
	t.Helper()
	fi, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// Store paths are read-only.
	if err := os.Chmod(file, fi.Mode()|0o200); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 1
	if err == nil {
		_, err = f.WriteAt(b[:], at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyDifferences changes a store path in every way that counts.
func TestVerifyDifferences(t *testing.T) {
	const other = hashB
	for name, c := range map[string]struct {
		change func(p string) error
		kind   Kind
	}{
		"nothing":              {func(string) error { return nil }, ""},
		"mode that no NAR has": {func(p string) error { return os.Chmod(p+"/seven", 0o444) }, ""},
		"time":                 {func(p string) error { return os.Chtimes(p+"/seven", time.Now(), time.Unix(1, 0)) }, ""},
		"first byte":           {func(p string) error { flip(t, p+"/larger", 0); return nil }, Changed},
		"last byte":            {func(p string) error { flip(t, p+"/larger", 3*large+4); return nil }, Changed},
		"byte at a chunk":      {func(p string) error { flip(t, p+"/larger", chunk); return nil }, Changed},
		"byte of a small file": {func(p string) error { flip(t, p+"/one", 0); return nil }, Changed},
		"one byte less":        {func(p string) error { return os.Truncate(p+"/larger", 3*large+4) }, Changed},
		"one byte more":        {func(p string) error { return os.Truncate(p+"/seven", 8) }, Changed},
		"executable bit set":   {func(p string) error { return os.Chmod(p+"/seven", 0o744) }, Changed},
		"executable bit taken": {func(p string) error { return os.Chmod(p+"/nine", 0o444) }, Changed},
		"extra file":           {func(p string) error { return os.WriteFile(p+"/a/x", nil, 0o644) }, Changed},
		"extra folder":         {func(p string) error { return os.Mkdir(p+"/x", 0o755) }, Changed},
		"file gone":            {func(p string) error { return os.Remove(p + "/empty") }, Changed},
		"renamed":              {func(p string) error { return os.Rename(p+"/empty", p+"/Empty") }, Changed},
		"two swapped": {func(p string) error {
			return errors.Join(os.Rename(p+"/ab", p+"/t"), os.Rename(p+"/a-b", p+"/ab"), os.Rename(p+"/t", p+"/a-b"), os.WriteFile(p+"/ab", []byte("new"), 0o644))
		}, Changed},
		"symlink target":          {func(p string) error { return errors.Join(os.Remove(p+"/up"), os.Symlink("../", p+"/up")) }, Changed},
		"symlink became a folder": {func(p string) error { return errors.Join(os.Remove(p+"/up"), os.Mkdir(p+"/up", 0o755)) }, Changed},
		"file became a symlink":   {func(p string) error { return errors.Join(os.Remove(p+"/seven"), os.Symlink("eight", p+"/seven")) }, Changed},
		"folder became a file": {func(p string) error {
			return errors.Join(os.Remove(p+"/nothing/in/it"), os.WriteFile(p+"/nothing/in/it", nil, 0o644))
		}, Changed},
		"path became a file":           {func(p string) error { return errors.Join(os.RemoveAll(p), os.WriteFile(p, nil, 0o644)) }, Changed},
		"path became a link to itself": {func(p string) error { return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p)) }, Changed},
		"path gone":                    {os.RemoveAll, Missing},
		"FIFO":                         {func(p string) error { return unix.Mkfifo(p+"/fifo", 0o644) }, Unreadable},
		"FIFO for a file":              {func(p string) error { return errors.Join(os.Remove(p+"/one"), unix.Mkfifo(p+"/one", 0o644)) }, Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			p := filepath.Join(root, hashA)
			tree(t, p, true)
			tree(t, filepath.Join(root, other), false)
			l := &Lock{}
			for _, s := range []string{hashA, other} {
				h := hashOf(t, filepath.Join(root, s))
				h.Path = s
				l.Paths = append(l.Paths, h)
			}
			if err := c.change(p); err != nil {
				t.Fatal(err)
			}
			for _, jobs := range []int{0, 1, 7} {
				d, err := Verify(context.Background(), l, Options{Root: root, Jobs: jobs})
				switch {
				case err != nil:
					t.Fatal(err)
				case c.kind == "" && len(d) > 0:
					t.Errorf("a difference: %v", d)
				case c.kind != "" && (len(d) != 1 || d[0].Kind != c.kind || d[0].Name != hashA):
					t.Errorf("got %+v, want one that is %s", d, c.kind)
				case c.kind == Changed && (d[0].Actual == d[0].Expected || checkHash(d[0].Actual) != nil || !strings.Contains(d[0].Error(), d[0].Actual)):
					t.Errorf("hashes: %+v", d[0])
				}
			}
		})
	}
}

func TestVerifyUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	root := t.TempDir()
	tree(t, filepath.Join(root, hashA), false)
	l := &Lock{Paths: []Path{{hashA, hashOf(t, filepath.Join(root, hashA)).NarHash, 1}}}
	if err := os.Chmod(filepath.Join(root, hashA, "one"), 0); err != nil {
		t.Fatal(err)
	}
	d, err := Verify(context.Background(), l, Options{Root: root})
	if err != nil || len(d) != 1 || d[0].Kind != Unreadable || !strings.Contains(d[0].Detail, "one") {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestVerifyReportsAll: it goes on after the first difference.
func TestVerifyReportsAll(t *testing.T) {
	root := t.TempDir()
	l := &Lock{}
	const many = 100
	for i := range many {
		p := fmt.Sprintf("/nix/store/%032d-x", i)
		if err := errors.Join(os.MkdirAll(filepath.Join(root, p), 0o755), os.WriteFile(filepath.Join(root, p, "f"), []byte{byte(i)}, 0o644)); err != nil {
			t.Fatal(err)
		}
		h := hashOf(t, filepath.Join(root, p))
		l.Paths = append(l.Paths, Path{p, h.NarHash, h.NarSize})
		if i%2 == 1 {
			flip(t, filepath.Join(root, p, "f"), 0)
			continue
		}
		if i%10 == 0 {
			if err := os.RemoveAll(filepath.Join(root, p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := Verify(context.Background(), l, Options{Root: root})
	if err != nil || len(d) != many/2+many/10 {
		t.Fatalf("%d differences, %v", len(d), err)
	}
	if !slices.IsSortedFunc(d, func(a, b Difference) int { return ComparePaths(a.Name, b.Name) }) {
		t.Error("they are not in the order of the lock")
	}
}

// TestVerifyWhileItShrinks: a file that is cut off while its pages are mapped is
// an error, not the end of the program.
func TestVerifyWhileItShrinks(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, hashA, "shrinks")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := os.WriteFile(file, make([]byte, 8*window), 0o644); err != nil {
			t.Fatal(err)
		}
		l := &Lock{Paths: []Path{{hashA, nar0, 1}}}
		cut := make(chan error)
		go func() {
			time.Sleep(10 * time.Millisecond)
			cut <- os.Truncate(file, window/2)
		}()
		d, err := Verify(context.Background(), l, Options{Root: root})
		if err != nil || len(d) != 1 {
			t.Errorf("%v, %v", d, err)
		}
		if err := <-cut; err != nil {
			t.Fatal(err)
		}
	}
	// For certain: pages that are not there.
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(window); err != nil {
		t.Fatal(err)
	}
	w, err := mapWindow(f, 0, window)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(w) }()
	if err := f.Truncate(1); err != nil {
		t.Fatal(err)
	}
	var done atomic.Int64
	if err := newNarHasher(context.Background(), &done).hashMapped(w); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
}

func TestVerifyCancelled(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, hashA), 0o755); err != nil {
		t.Fatal(err)
	}
	// 8 GiB of nothing.
	f, err := os.OpenFile(filepath.Join(root, hashA, "sparse"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(8<<30), f.Close()); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = Verify(ctx, &Lock{Paths: []Path{{hashA, nar0, 1}}}, Options{Root: root})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

// TestNew locks a real closure, and checks it.
func TestNew(t *testing.T) {
	agent := require(t, "CLAUDE")
	l := registered(t, "CLAUDE")
	team := policy.Default()
	team.Agent.Package, team.Agent.Packages = agent, nil
	// pinned are the digests of what a command locks.
	pinned := func(team policy.Policy) (Wanted, string) {
		t.Helper()
		digestOf, err := policy.Digest(team)
		if err != nil {
			t.Fatal(err)
		}
		c, err := closure.FromPaths(l.StorePaths(), []string{agent}, agent+"/bin/claude")
		if err != nil {
			t.Fatal(err)
		}
		text, err := portable.Spec(team, *c)
		if err != nil {
			t.Fatal(err)
		}
		return Wanted{Package: team.Agent.Package, Packages: team.Agent.Packages, Policy: digestOf}, digest.Of(text)
	}
	want, portable := pinned(team)
	in := Input{Policy: want.Policy, Spec: portable, Agent: Agent{Package: agent, Program: agent + "/bin/claude", Paths: []string{agent}}, Paths: l.StorePaths()}
	computed, err := New(context.Background(), in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(computed.Paths, l.Paths) {
		t.Error("computed hashes are not those that Nix registered")
	}
	in.Known = l.Known()
	slices.Reverse(in.Paths)
	known, err := New(context.Background(), in, Options{})
	if err != nil || !bytes.Equal(known.Render(), computed.Render()) {
		t.Errorf("another lock: %v", err)
	}
	check := func(team policy.Policy, tool string) []Difference {
		want, portable := pinned(team)
		d := known.Check(want, tool)
		if s := known.CheckSpec(portable); s != nil {
			d = append(d, *s)
		}
		return d
	}
	if d := check(team, "v0.3.0"); d != nil {
		t.Errorf("it differs from itself: %v", d)
	}
	kinds := func(d []Difference) (k []Kind) {
		for _, x := range d {
			k = append(k, x.Kind)
		}
		return k
	}
	for name, c := range map[string]struct {
		change func(*policy.Policy)
		tool   string
		want   []Kind
	}{
		"policy":       {func(p *policy.Policy) { p.Network.Mode = policy.NetNone }, "devel", []Kind{OtherPolicy, OtherSpec}},
		"agent":        {func(p *policy.Policy) { p.Agent.Package = "nixpkgs#other" }, "devel", []Kind{OtherPackage, OtherPolicy}},
		"more":         {func(p *policy.Policy) { p.Agent.Packages = []string{"a#b"} }, "devel", []Kind{OtherPackage, OtherPolicy}},
		"tool":         {func(*policy.Policy) {}, "v7.0.0", []Kind{ToolVersion}},
		"unnamed":      {func(p *policy.Policy) { p.Agent.Package = "" }, "devel", []Kind{OtherPolicy}},
		"who says so":  {func(p *policy.Policy) { p.Origins = map[string]string{"x": "y"} }, "devel", nil},
		"hide pattern": {func(p *policy.Policy) { p.Files.Hide = []string{"x"} }, "devel", []Kind{OtherPolicy, OtherSpec}},
	} {
		p := team
		c.change(&p)
		if got := kinds(check(p, c.tool)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	in.Paths = append(in.Paths, "/nix/store/00000000000000000000000000000000-gone")
	if _, err := New(context.Background(), in, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that is gone: %v", err)
	}
}

func BenchmarkVerifyClaude(b *testing.B) {
	l := registered(b, "CLAUDE")
	var total int64
	for _, p := range l.Paths {
		total += p.NarSize
	}
	b.SetBytes(total)
	for b.Loop() {
		if d, err := Verify(context.Background(), l, Options{}); err != nil || d != nil {
			b.Fatal(d, err)
		}
	}
}
