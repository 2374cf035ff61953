package remains

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

const (
	// mostNames bounds the names of that line.
	mostNames = 10
	// tick is by how much the times that the kernel notes of files may be late.
	tick = 10 * time.Millisecond
)

// instructions finds what agents take for instructions and was written since then.
type instructions struct {
	w     *watch.Watch
	began time.Time
	// said are paths of which more was said already.
	said  []string
	found []string
}

// Instructs names, on one line, what was written since then that agents follow and
// nothing executes. What is the agent's to write anyway is no reason to stop, nor to
// look for a second line about it: what Report named is left out.
//
// Preconditions: Report has been called.
func Instructs(out io.Writer, s *specs.Spec, began time.Time, w *watch.Watch) {
	i := &instructions{w: w, began: began.Add(-tick)}
	for _, f := range w.Found() {
		i.said = append(i.said, f.Path)
	}
	for _, p := range w.Followed() {
		i.look(p, 0)
	}
	if len(i.found) == 0 {
		return
	}
	// Paths of the first project are relative.
	var projects map[string][]string
	_ = json.Unmarshal([]byte(s.Annotations[contract.RepositoriesAnnotation]), &projects) // watch.New refused another one
	first := append(slices.Sorted(maps.Keys(projects)), "/")[0]
	more := ""
	if n := len(i.found) - mostNames; n > 0 {
		i.found, more = i.found[:mostNames], fmt.Sprintf(" and %d more", n)
	}
	for k, p := range i.found {
		i.found[k] = strconv.Quote(strings.TrimPrefix(p, w.Now(first)+"/"))
	}
	fmt.Fprintf(out, "jailed-claude: written while the jail ran, and only instructs agents: %s%s\n", strings.Join(i.found, ", "), more)
}

// look notes a file that is newer, or such files in a folder.
func (i *instructions) look(p string, depth int) {
	if len(i.found) > mostFiles || slices.ContainsFunc(i.said, func(s string) bool {
		now := i.w.Now(p)
		return now == s || strings.HasPrefix(now, s+"/")
	}) {
		return
	}
	fd, err := i.w.Open(p, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	_ = unix.Close(fd)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		if now := i.w.Now(p); !time.Unix(st.Ctim.Unix()).Before(i.began) && !slices.Contains(i.found, now) {
			i.found = append(i.found, now)
		}
	case depth <= search.Depth:
		for _, name := range i.all(p) {
			i.look(path.Join(p, name), depth+1)
		}
	}
}

// all is what a folder holds, if that is not too much to look at.
func (i *instructions) all(dir string) (names []string) {
	fd, err := i.w.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	_ = entries.Each(fd, make([]byte, entries.Buffer), func(name []byte, _ byte) bool {
		names = append(names, string(name))
		return len(names) < mostFiles
	})
	slices.Sort(names)
	return names
}
