package watch

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
)

const (
	// maxContent is how much of a file is read to see whether it has changed; of
	// a larger one the kernel's time of the last change says it.
	maxContent = 1 << 20
	// comparedIndex bounds a git index whose entries are compared: 80,000 files.
	// Of a larger one nothing is said.
	comparedIndex = 8 << 20
)

// change is a path whose change is reported.
type change struct {
	path, why string
	before    [sha256.Size]byte
	// overlooked are the entries of a git index that git overlooks.
	overlooked map[string]bool
}

// remember looks at what is there before the agent runs.
func (w *Watch) remember(list map[string]string, paths []string) {
	for _, p := range paths {
		c := change{path: p, why: list[p]}
		if path.Base(p) == "index" {
			c.overlooked, _ = w.overlooked(p)
		} else {
			c.before = w.content(p)
		}
		w.changes = append(w.changes, c)
	}
}

// altered says what is to be reported of a path now.
func (w *Watch) altered(c change) []finding {
	if path.Base(c.path) != "index" {
		if w.content(c.path) == c.before {
			return nil
		}
		return []finding{{c.path, "changed: " + c.why}}
	}
	now, ok := w.overlooked(c.path)
	if !ok {
		return nil
	}
	var found []finding
	for _, name := range sortedKeys(now) {
		if !c.overlooked[name] {
			found = append(found, finding{c.path + ": " + name, c.why})
		}
	}
	const most = 10
	if more := len(found) - most; more > 0 {
		found = append(found[:most], finding{c.path, fmt.Sprintf("%d more such files", more)})
	}
	return found
}

func sortedKeys(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// content is a fingerprint of a file, or of all files of a folder.
func (w *Watch) content(p string) (sum [sha256.Size]byte) {
	h := sha256.New()
	left := guardedFiles
	var look func(p string)
	look = func(p string) {
		if left--; left < 0 {
			return
		}
		fd, err := w.open(p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", p, err)
			return
		}
		f := os.NewFile(uintptr(fd), p)
		defer f.Close()
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			return
		}
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			names, _ := f.Readdirnames(guardedFiles)
			slices.Sort(names)
			for _, name := range names {
				look(path.Join(p, name))
			}
		case st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size <= maxContent:
			fmt.Fprintf(h, "%q %o\n", p, st.Mode)
			_, _ = io.Copy(h, io.LimitReader(f, maxContent))
		default:
			fmt.Fprintf(h, "%q %o %d %d.%d\n", p, st.Mode, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
		}
	}
	look(p)
	h.Sum(sum[:0])
	return sum
}

// overlooked reads which files a git index says are to be overlooked. ok is false
// for one that is not understood, or too large.
func (w *Watch) overlooked(p string) (names map[string]bool, ok bool) {
	g := path.Dir(p)
	data, _, err := w.file(p, comparedIndex)
	if err != nil {
		return nil, false
	}
	l, err := gitindex.Parse(data, w.nameSize(g), nil)
	if err != nil {
		return nil, false
	}
	names = map[string]bool{}
	if l.Shared != "" {
		if data, _, err := w.file(path.Join(g, "sharedindex."+l.Shared), comparedIndex); err == nil {
			shared, _ := gitindex.Parse(data, w.nameSize(g), nil)
			l.Overlooked = append(l.Overlooked, shared.Overlooked...)
		}
	}
	for _, n := range l.Overlooked {
		names[n] = true
	}
	return names, true
}
