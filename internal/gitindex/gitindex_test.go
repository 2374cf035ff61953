package gitindex

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// git runs the real one, with nothing of the caller's configuration.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

func parsed(t *testing.T, file string, every func(string)) Links {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Dir(file) + "/config")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Parse(data, NameSize(string(config)), every)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return l
}

// TestOfGit: what git writes in each version, with object names of each length,
// split and with the tables for threads.
func TestOfGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	long := strings.Repeat("long/", 1000) + "x" // more than the 12 bits for its length
	for _, format := range []string{"sha1", "sha256"} {
		for _, version := range []string{"2", "3", "4"} {
			t.Run(format+" "+version, func(t *testing.T) {
				dir := t.TempDir()
				git(t, dir, "init", "-q", "--object-format="+format)
				git(t, dir, "config", "index.threads", "4")
				for _, f := range []string{"a", "a.b", "sub/one/x", "z"} {
					if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				git(t, dir, "add", ".")
				id := strings.Repeat("1", map[string]int{"sha1": 40, "sha256": 64}[format])
				want := []string{long, "node_modules/m", "sub/two"}
				for _, p := range want {
					git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+id+","+p)
				}
				if version == "3" {
					git(t, dir, "update-index", "--skip-worktree", "sub/two")
				} else {
					git(t, dir, "update-index", "--force-write-index", "--index-version", version)
				}
				if l := parsed(t, dir+"/.git/index", nil); !slices.Equal(l.Paths, want) || l.Shared != "" || l.Unnamed || l.Folders != nil {
					t.Errorf("%.200v", l)
				}
				if version == "3" {
					return
				}
				git(t, dir, "update-index", "--split-index")
				git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+id+",more")
				git(t, dir, "update-index", "--cacheinfo", "160000,"+id+",z")
				l := parsed(t, dir+"/.git/index", nil)
				if !slices.Contains(l.Paths, "more") || l.Shared == "" || !l.Unnamed {
					t.Errorf("split: %.200v", l)
				}
				var names []string
				shared := parsed(t, dir+"/.git/sharedindex."+l.Shared, func(name string) { names = append(names, name) })
				if !slices.Equal(shared.Paths, want) || !slices.Contains(names, "z") {
					t.Errorf("shared: %.200v, %.200q", shared, names)
				}
			})
		}
	}
}

// entry is one of version 2.
func entry(mode uint32, name string) []byte {
	b := make([]byte, 62, 62+len(name)+8)
	binary.BigEndian.PutUint32(b[24:], mode)
	binary.BigEndian.PutUint16(b[60:], uint16(len(name)))
	b = append(b, name...)
	return append(b, make([]byte, 8-len(b)%8)...)
}

func index(n uint32, parts ...[]byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("DIRC\x00\x00\x00\x02"), n)
	return append(append(b, slices.Concat(parts...)...), make([]byte, 20)...)
}

func extension(name string, words ...uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte(name), uint32(4*len(words)))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// TestMade: what git does not write, and would read.
func TestMade(t *testing.T) {
	file, link := entry(0o100644, "f"), entry(0o160000, "g")
	end := uint32(12 + len(file))
	eoie := func(at uint32) []byte { return append(extension("EOIE", at, 0, 0, 0, 0, 0)[:12], make([]byte, 20)...) }
	for name, c := range map[string]struct {
		data []byte
		want string
		bad  bool
	}{
		"none":                     {data: index(0)},
		"one":                      {data: index(2, file, link), want: "g"},
		"odd mode bits":            {data: index(1, entry(0o160755, "g")), want: "g"},
		"sparse":                   {data: index(1, entry(0o040000, "d/")), want: "folder d"},
		"a table":                  {data: index(2, file, link, extension("IEOT", 1, 12, 1, end, 1)), want: "g"},
		"a table of other entries": {data: index(1, file, extension("IEOT", 1, end+20, 1), link), bad: true},
		"a table of fewer":         {data: index(2, file, link, extension("IEOT", 1, 12, 1)), bad: true},
		"extensions elsewhere":     {data: index(1, file, link, eoie(end+uint32(len(link)))), bad: true},
		"extensions here":          {data: index(1, file, eoie(end))},
		"an extension too long":    {data: index(2, file, link, []byte("TREE\xff\xff\xff\xff")), want: "g"},
		"empty":                    {bad: true},
		"another file":             {data: make([]byte, 100), bad: true},
		"cut":                      {data: index(2, file), bad: true},
		"no mode":                  {data: index(1, entry(0, "g")), bad: true},
		"version 5":                {data: append([]byte("DIRC\x00\x00\x00\x05\x00\x00\x00\x00"), make([]byte, 20)...), bad: true},
		"four billion":             {data: index(1<<32-1, file), bad: true},
	} {
		l, err := Parse(c.data, 20, nil)
		got := strings.Join(l.Paths, " ")
		for _, f := range l.Folders {
			got += "folder " + f
		}
		if got != c.want || c.bad != errors.Is(err, errFormat) || (err != nil) != c.bad {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(index(2, entry(0o100644, "f"), entry(0o160000, "g"), extension("IEOT", 1, 12, 2)))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01" + strings.Repeat("\x00", 24) + "\x00\x00\xe0\x00" + strings.Repeat("\x00", 38) + "\x00g\x00" + strings.Repeat("\x00", 20)))
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, size := range []int{20, 32} {
			_, _ = Parse(data, size, func(string) {})
		}
	})
}
