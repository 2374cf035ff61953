package repo

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Bounds of what is read of a .git.
const (
	maxSmall  = 1 << 20
	maxPacked = 256 << 20
)

// view reads .git as the jail saw it: what the layer changed, and the rest below.
type view struct {
	place        Place
	upper, lower *os.File
	// changed are changes by path; gone are deleted folders.
	changed map[string]*upper.Change
	gone    []string
}

func newView(up, low *os.File, place Place, changes []*upper.Change) *view {
	v := &view{place: place, upper: up, lower: low, changed: map[string]*upper.Change{}}
	for _, c := range changes {
		if place.Common != "" && !strings.HasPrefix(c.Path+"/", place.Common) {
			continue
		}
		v.changed[c.Path] = c
		if c.Old != nil && c.Old.Kind == upper.Folder && (c.New == nil || c.New.Kind != upper.Folder) {
			v.gone = append(v.gone, c.Path+"/")
		}
	}
	return v
}

func within(path string, folders []string) bool {
	for _, f := range folders {
		if strings.HasPrefix(path, f) {
			return true
		}
	}
	return false
}

// read is the content of a file as the jail saw it; nil if there was none.
func (v *view) read(path string, most int64) ([]byte, error) {
	if c := v.changed[path]; c != nil {
		if c.New == nil {
			return nil, nil
		}
		return content(v.upper, path, most)
	}
	if within(path, v.gone) {
		return nil, nil
	}
	return content(v.lower, path, most)
}

// content is that of a file below root; nil if there is none.
func content(root *os.File, path string, most int64) ([]byte, error) {
	data, _, err := beneath.Read(root, path, most)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}

// says is what refs hold: an object, or "ref: NAME".
type says struct {
	value string
	// changed is when the host's file was changed last.
	changed int64
}

// refs are those of the host, and those as the jail saw them.
func (v *view) refs() (host, jail map[string]says, err error) {
	host, jail = map[string]says{}, map[string]says{}
	packed := v.place.Path("packed-refs")
	data, err := content(v.lower, packed, maxPacked)
	if err != nil {
		return nil, nil, err
	}
	at, err := upper.Stat(v.lower, packed)
	if err != nil {
		return nil, nil, err
	}
	if at != nil {
		parsePacked(data, host, at.Changed)
	}
	if data, err = v.read(packed, maxPacked); err != nil {
		return nil, nil, err
	}
	parsePacked(data, jail, 0)
	err = v.loose(host, jail)
	return host, jail, err
}

func parsePacked(data []byte, into map[string]says, changed int64) {
	for l := range strings.Lines(string(data)) {
		if oid, name, ok := strings.Cut(strings.TrimSpace(l), " "); ok && object().MatchString(oid) {
			into[name] = says{oid, changed}
		}
	}
}

// loose adds refs that have a file of their own.
func (v *view) loose(host, jail map[string]says) error {
	root := v.place.Path("refs")
	add := func(from *os.File, into map[string]says, path string, changed int64) {
		name := strings.TrimPrefix(path, v.place.Common)
		if data, err := content(from, path, maxSmall); err == nil && !strings.HasSuffix(name, ".lock") {
			into[name] = says{strings.TrimSpace(string(data)), changed}
		}
	}
	if at, err := upper.Stat(v.lower, root); err != nil || at == nil || at.Kind != upper.Folder {
		return err
	}
	_, _, err := upper.Tree(v.lower, root, func(rel string, s *upper.State) {
		path := root + "/" + rel
		if s.Kind != upper.File {
			return
		}
		add(v.lower, host, path, s.Changed)
		if v.changed[path] == nil && !within(path, v.gone) {
			add(v.lower, jail, path, s.Changed)
		}
	})
	if err != nil {
		return err
	}
	for path, c := range v.changed {
		if strings.HasPrefix(path, root+"/") && c.New != nil && c.New.Kind == upper.File {
			add(v.upper, jail, path, 0)
		}
	}
	return nil
}

// once compiles a pattern when it is first asked for: this package is in every
// process of a start, and in none of them used.
func once(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	object   = once(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	refName  = once(`^refs(/[\pL\pN_+=,;!#$%&'(){}|"<>@.-][\pL\pN_+=,;!#$%&'(){}|"<>@.-]*)+$`)
	badNames = once(`\.\.|/\.|\.lock(/|$)|\.$|@\{|/-`)
	symbolic = once(`^ref: (refs/heads/.+|refs/remotes/.+)$`)
)

// plainName: git takes it for a ref, and it looks like what it is.
func plainName(name string) bool {
	return refName().MatchString(name) && !badNames().MatchString(name)
}
