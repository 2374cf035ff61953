package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Base is a fingerprint of what a layer lies on, taken while it held nothing.
type Base struct {
	Version int `json:"version"`
	// Project is the folder below the layer: the project, or a git directory.
	Project string `json:"project"`
	// Time is that of [Dir.Clock], from before the rest was read.
	Time time.Time `json:"time"`
	// Head is what HEAD says, and Commit the object that it leads to; both are
	// empty where there is no git.
	Head   string `json:"head,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Index is a digest of what the index says of files, but for their times:
	// git status writes these anew. Sum is the checksum at the index's end: if
	// it is the same, so is Index.
	Index string `json:"index,omitempty"`
	Sum   string `json:"sum,omitempty"`
	// Inner has the same of git directories of submodules and worktrees in the project's,
	// by the paths of their indexes below it.
	Inner map[string]Inner `json:"inner,omitempty"`
	// Refs is a digest of all refs but those of remotes, which a fetch changes,
	// packed or not.
	Refs string `json:"refs,omitempty"`
	// Git are layers over git directories that lie outside of the project.
	Git []string `json:"git,omitempty"`
}

// Inner is what another index says.
type Inner struct {
	Index string `json:"index"`
	Sum   string `json:"sum,omitempty"`
}

const (
	baseName    = "base.json"
	baseVersion = 1
	// maxBase bounds what is read.
	maxBase = 1 << 20
)

// ErrNoBase is returned by Base where there is none.
var ErrNoBase = errors.New("the layer has no base.json")

// Base reads the fingerprint that was written when the layer was empty.
func (d Dir) Base() (Base, error) {
	var b Base
	text, err := read(filepath.Join(string(d), baseName), maxBase)
	if errors.Is(err, fs.ErrNotExist) {
		return b, ErrNoBase
	}
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err == nil && b.Version != baseVersion {
		err = fmt.Errorf("version %d is not known", b.Version)
	}
	if err != nil {
		return b, fmt.Errorf("base.json of the layer: %w", err)
	}
	return b, nil
}

// SetBase writes the fingerprint.
//
// Preconditions: the caller has the lock.
func (d Dir) SetBase(b Base) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(string(d), baseName+".new")
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write base.json of the layer: %w", err)
	}
	return os.Rename(next, filepath.Join(string(d), baseName))
}

// Coarse is how far the kernel's clock for the times of files may be behind.
const Coarse = 10 * time.Millisecond

// Clock is a time between those that the kernel has noted for what was changed in
// project before, and those of what is changed from now on: that of the last change
// (ctime) of a file of the layer. One that was looked at before it changed has the
// exact time since Linux 6.13, and nothing later has less
// (Documentation/filesystems/multigrain-ts.rst); before, what was changed in the
// same tick of the kernel's clock has the same. A file system of another kind may be
// behind.
//
// Preconditions: the caller has the lock.
func (d Dir) Clock(project string) (time.Time, error) {
	f, err := os.OpenFile(filepath.Join(string(d), "clock"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	var here, there unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &here); err != nil {
		return time.Time{}, os.NewSyscallError("fstat", err)
	}
	if err := unix.Stat(project, &there); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: project, Err: err}
	}
	if here.Dev != there.Dev {
		return time.Now().Add(-Coarse).UTC(), nil
	}
	if _, err := f.Write([]byte{0}); err != nil {
		return time.Time{}, err
	}
	if err := unix.Fstat(int(f.Fd()), &here); err != nil {
		return time.Time{}, os.NewSyscallError("fstat", err)
	}
	return time.Unix(here.Ctim.Unix()).UTC(), nil
}

// Below takes the fingerprint of a folder, but for its time. known is one that was taken before,
// or nothing: what is known to be the same is not read again.
func Below(project string, known Base) Base {
	b := Base{Version: baseVersion, Project: project}
	g, ok := findGit(project)
	if !ok {
		return b
	}
	b.Head = g.line("HEAD")
	refs := g.refs()
	b.Commit = b.Head
	if name, symbolic := symbolicRef(b.Head); symbolic {
		b.Commit = refs[name]
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		fmt.Fprintf(h, "%s %s\n", refs[name], name)
	}
	b.Refs = hex.EncodeToString(h.Sum(nil))
	b.Index, b.Sum = g.index(Inner{known.Index, known.Sum})
	for _, one := range g.inner() {
		name, err := filepath.Rel(project, filepath.Join(one.own, "index"))
		if err != nil || !filepath.IsLocal(name) {
			continue
		}
		if b.Inner == nil {
			b.Inner = map[string]Inner{}
		}
		digest, sum := one.index(known.Inner[name])
		b.Inner[name] = Inner{digest, sum}
	}
	return b
}

// Since says, in words, what a later fingerprint of the same folder has changed. The branches of a
// linked worktree are left out: others work on them.
func (b Base) Since(later Base) (changed []string) {
	if b.Head != later.Head || b.Commit != later.Commit {
		changed = append(changed, "HEAD")
	}
	if b.Refs != later.Refs && b.Commit == later.Commit && len(b.Git) == 0 {
		changed = append(changed, "branches or tags")
	}
	if b.Index != later.Index {
		changed = append(changed, "the index")
	}
	return changed
}
