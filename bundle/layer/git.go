package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/internal/regular"
)

// gitDir is where git keeps what belongs to a working tree, and what all
// working trees of a repository share.
type gitDir struct{ own, common string }

// Bounds of what is read of a repository.
const (
	maxLine   = 64 << 10
	maxPacked = 256 << 20
	maxIndex  = 1 << 30
)

// findGit finds the git directory of a folder, or that the folder is one.
func findGit(dir string) (gitDir, bool) {
	g := gitDir{own: filepath.Join(dir, ".git")}
	if to, ok := strings.CutPrefix(line(g.own), "gitdir: "); ok {
		g.own = from(dir, to)
	}
	if g.line("HEAD") == "" {
		g.own = dir
		if g.line("HEAD") == "" {
			return g, false
		}
	}
	g.common = g.own
	if to := g.line("commondir"); to != "" {
		g.common = from(g.own, to)
	}
	return g, true
}

// Git is the git directory of a project's working tree, and what all working trees
// of the repository share; false where there is none.
func Git(project string) (own, common string, ok bool) {
	g, ok := findGit(project)
	return g.own, g.common, ok
}

func from(dir, p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(dir, p)
}

// line is the content of a short file, without its end, or "".
func line(file string) string {
	text, err := read(file, maxLine)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func read(file string, most int64) ([]byte, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", file, most)
	}
	return text, err
}

func (g gitDir) line(name string) string { return line(filepath.Join(g.own, name)) }

func symbolicRef(text string) (name string, ok bool) { return strings.CutPrefix(text, "ref: ") }

// refs are all refs that fetching does not change, with what each says.
func (g gitDir) refs() map[string]string {
	refs := map[string]string{}
	add := func(name, says string) {
		if !strings.HasPrefix(name, "refs/remotes/") {
			refs[name] = says
		}
	}
	if text, err := read(filepath.Join(g.common, "packed-refs"), maxPacked); err == nil {
		for l := range strings.Lines(string(text)) {
			if oid, name, ok := strings.Cut(strings.TrimSpace(l), " "); ok && !strings.HasPrefix(l, "#") {
				add(name, oid)
			}
		}
	}
	// A loose ref comes before a packed one.
	root := filepath.Join(g.common, "refs")
	_ = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasSuffix(p, ".lock") {
			add("refs"+strings.TrimPrefix(p, root), line(p))
		}
		return nil // what cannot be read is no ref
	})
	if tables := line(filepath.Join(g.common, "reftable", "tables.list")); tables != "" {
		refs["reftable"] = tables
	}
	return refs
}

// most inner git directories are looked at, and as deep as their names have slashes.
const (
	mostInner = 1024
	innerDeep = 8
)

// inner are the git directories of submodules and worktrees.
func (g gitDir) inner() (all []gitDir) {
	if trees, err := os.ReadDir(filepath.Join(g.common, "worktrees")); err == nil {
		for _, e := range trees {
			all = append(all, gitDir{filepath.Join(g.common, "worktrees", e.Name()), g.common})
		}
	}
	var modules func(dir string, deep int)
	modules = func(dir string, deep int) {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			d := filepath.Join(dir, e.Name())
			switch {
			case err != nil || !e.IsDir() || deep == 0 || len(all) >= mostInner:
			case line(filepath.Join(d, "HEAD")) != "":
				all = append(all, gitDir{d, d})
				modules(filepath.Join(d, "modules"), deep-1)
			default:
				modules(d, deep-1)
			}
		}
	}
	modules(filepath.Join(g.common, "modules"), innerDeep)
	return all
}

// index is a digest of what the index says, and the checksum at its end.
func (g gitDir) index(known Inner) (digest, sum string) {
	file := filepath.Join(g.own, "index")
	if sum = checksum(file); sum != "" && sum == known.Sum {
		return known.Index, sum
	}
	data, err := read(file, maxIndex)
	if err != nil || len(data) == 0 {
		return "", ""
	}
	config, _ := read(filepath.Join(g.common, "config"), maxLine)
	h := sha256.New()
	if err := gitindex.Write(h, data, gitindex.NameSize(string(config))); err != nil {
		h.Reset()
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), sum
}

// checksum is what an index ends with: git makes it of all the rest. It is empty
// where git was told to leave it out (index.skipHash).
func checksum(index string) string {
	f, err := regular.Open(index)
	if err != nil {
		return ""
	}
	defer f.Close()
	var end [20]byte
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size < int64(len(end)) {
		return ""
	}
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil || end == [20]byte{} {
		return ""
	}
	return hex.EncodeToString(end[:])
}
