package repo

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
)

// Options of Read.
type Options struct {
	// Layer is the layer's folder, Project what lies below it.
	Layer, Project string
	// Place is where the repository is in Project.
	Place        Place
	Upper, Lower *os.File
	Changes      []*upper.Change
	// Since is when the layer was empty; Moved says that refs of the host were
	// changed since.
	Since time.Time
	Moved bool
	// Judge says why the host would execute or trust a path of a working tree;
	// empty if it would not.
	Judge func(path string) string
	// Keep are descriptors that each git holds.
	Keep []*os.File
}

// Reason is a path that the host would execute or trust.
type Reason struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Commit is a commit that was made inside.
type Commit struct {
	ID      string    `json:"id"`
	Author  string    `json:"author"`
	Time    time.Time `json:"time"`
	Subject string    `json:"subject"`
}

// Ref is a ref that is another one, new or gone in the layer.
type Ref struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Count is how many commits are new, Commits the latest of them.
	Count   int      `json:"count"`
	Commits []Commit `json:"commits,omitempty"`
	// Rewritten: the old commit is not part of the new one's history.
	Rewritten bool `json:"rewritten,omitempty"`
	// Held are files of it that wait for a yes, Conflict says why it cannot be
	// moved.
	Held     []Reason `json:"held,omitempty"`
	Conflict string   `json:"conflict,omitempty"`
	// steps are the lines of the stash's history.
	steps []apply.Entry
}

// Setting is a variable of .git/config that is another one in the layer.
type Setting struct {
	Key string   `json:"key"`
	Old []string `json:"old,omitempty"`
	New []string `json:"new,omitempty"`
	// Held says why it waits for a yes.
	Held string `json:"held,omitempty"`
}

// Unit is what became of a repository.
type Unit struct {
	Refs []*Ref `json:"refs,omitempty"`
	// Head is what HEAD says in the layer, if that is something else.
	Head string `json:"head,omitempty"`
	// HeadConflict says why it is not taken over.
	HeadConflict string `json:"head_conflict,omitempty"`
	// Staged are paths whose entry in the index is another one.
	Staged   []string  `json:"staged,omitempty"`
	Settings []Setting `json:"settings,omitempty"`
	// Problem says why git's part cannot be read or taken over.
	Problem string `json:"problem,omitempty"`

	o       Options
	v       *view
	g       *git
	scratch string
	host    map[string]says
	// entries are lines for the index, by path.
	entries map[string]entry
	oidSize int
}

// Empty tells whether nothing of the repository is another.
func (u *Unit) Empty() bool {
	return u == nil || len(u.Refs) == 0 && u.Head == "" && len(u.Staged) == 0 && len(u.Settings) == 0 && u.Problem == ""
}

// Of says what a name in a git directory is: part of the unit, which is read as a whole;
// a note, which can be copied; or neither.
func Of(rel string) (unit, note bool) {
	first, _, _ := strings.Cut(rel, "/")
	switch first {
	case "HEAD", "index", "packed-refs", "config", "refs", "objects", "logs":
		// What is said of other folders of objects is no object.
		return rel != "objects/info/alternates" && rel != "objects/info/http-alternates", false
	case "ORIG_HEAD", "FETCH_HEAD", "COMMIT_EDITMSG", "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "SQUASH_MSG", "TAG_EDITMSG", "AUTO_MERGE":
		return false, rel == first
	case "gc.log", "gc.pid", "index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "packed-refs.new":
		return true, false
	}
	// info/refs is a list that git-gc(1) makes for servers without git.
	return strings.HasPrefix(first, "sharedindex.") || rel == "info/refs", strings.HasPrefix(rel, "lfs/objects/")
}

// Read compares. The unit is nil where the project has no repository of its own
// below the layer, or where the layer changed none of it. Close it.
func Read(o Options) (*Unit, error) {
	for _, root := range []*os.File{o.Lower, o.Upper} {
		if o.Place.Common == "" {
			break // it is the folder itself
		}
		if at, err := upper.Stat(root, path.Clean(o.Place.Common)); err != nil || at == nil || at.Kind != upper.Folder {
			return nil, err
		}
	}
	u := &Unit{o: o, v: newView(o.Upper, o.Lower, o.Place, o.Changes)}
	if err := u.read(); err != nil {
		u.Problem = err.Error()
		if errors.Is(err, os.ErrPermission) {
			u.Close()
			return nil, err
		}
	}
	return u, nil
}

// Close removes what Read made.
func (u *Unit) Close() {
	if u != nil && u.scratch != "" {
		_ = os.RemoveAll(u.scratch)
	}
}

func (u *Unit) read() error {
	config, err := content(u.o.Lower, u.o.Place.Path("config"), maxSmall)
	if err != nil {
		return err
	}
	bare := strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(strings.ToLower(string(config)))
	if strings.Contains(bare, "refstorage=") {
		return errors.New("refs are kept in another way than as files")
	}
	for _, name := range []string{"alternates", "http-alternates"} {
		if at, err := upper.Stat(u.o.Upper, u.o.Place.Path("objects/info/"+name)); err != nil || at != nil && at.Size > 0 {
			return errors.Join(fmt.Errorf(".git/objects/info/%s names other folders of objects", name), err)
		}
	}
	if u.scratch, err = os.MkdirTemp(u.o.Layer, "git-"); err != nil {
		return err
	}
	u.oidSize = 40
	if strings.Contains(bare, "objectformat=sha256") {
		u.oidSize = 64
	}
	inUpper, inLower := filepath.Join(u.o.Layer, "upper", u.o.Place.Path("objects")), u.objects()
	if u.g, err = newGit(u.scratch, u.o.Project, u.oidSize == 64, inUpper, inLower); err != nil {
		return err
	}
	u.g.keep = u.o.Keep
	if shallow, err := u.v.read(u.o.Place.Path("shallow"), maxSmall); err != nil {
		return err
	} else if len(shallow) > 0 {
		if err := os.WriteFile(filepath.Join(u.scratch, "shallow"), shallow, 0o600); err != nil {
			return err
		}
	}
	host, jail, err := u.v.refs()
	if err != nil {
		return err
	}
	u.host = host
	if err := u.readHead(); err != nil {
		return err
	}
	used := u.checkedOut()
	for _, name := range names(host, jail) {
		if host[name].value == jail[name].value {
			continue
		}
		r := &Ref{Name: name, Old: host[name].value, New: jail[name].value}
		u.Refs = append(u.Refs, r)
		if err := u.readRef(r, host[name]); err != nil {
			r.Conflict = err.Error()
		} else if used[name] {
			r.Conflict = "another working tree of the host has it checked out"
		}
	}
	if err := u.holdBack(jail); err != nil {
		return err
	}
	if u.Settings, err = u.settings(); err != nil {
		return err
	}
	return u.readIndex()
}

func names(a, b map[string]says) []string {
	var all []string
	for n := range a {
		all = append(all, n)
	}
	for n := range b {
		if _, ok := a[n]; !ok {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}
