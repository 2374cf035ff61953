package claude

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/claude/beneath"
)

// Bounds of what is read. A configuration is far below them; what the agent
// left in its folder need not be.
const (
	maxFile   = 1 << 20
	maxAll    = 8 << 20
	maxGlobal = 16 << 20 // .claude.json holds the history of every project
	maxFiles  = 2000     // in one folder of a configuration
	maxDepth  = 12
)

// file is what was read, once.
type file struct {
	data []byte
	exec bool
	// problem says why there is no data.
	problem string
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readBelow reads a regular file below a folder.
func readBelow(d *os.File, name string, limit int64) (file, error) {
	data, exec, err := beneath.Read(d, name, limit)
	return file{data: data, exec: exec}, err
}

// snapshot reads the pieces of the private folder, each file once.
func snapshot(d *os.File) map[string]file {
	s := map[string]file{}
	add := func(name string, limit int64) {
		f, err := readBelow(d, name, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			return
		case err != nil:
			f.problem = reason(err)
		}
		s[name] = f
	}
	for _, name := range append(names(false, reviewed), globalJSON) {
		if name == globalJSON {
			add(name, maxGlobal)
		} else {
			add(name, maxFile)
		}
	}
	for _, top := range names(true, reviewed) {
		files, total := 0, int64(0)
		var walk func(name string, depth int)
		walk = func(name string, depth int) {
			dir, err := beneath.Open(d, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			if err != nil {
				s[name] = file{problem: reason(err)}
				return
			}
			entries, err := dir.ReadDir(maxFiles + 1)
			_ = dir.Close()
			if err != nil && !errors.Is(err, io.EOF) {
				s[name] = file{problem: reason(err)}
				return
			}
			for _, e := range entries {
				sub := name + "/" + e.Name()
				files++
				switch {
				case slices.Contains(row().Config().State, sub):
				case files > maxFiles || total > maxAll || depth > maxDepth:
					s[top] = file{problem: "there is more in it than can be shown"}
					return
				case e.IsDir():
					walk(sub, depth+1)
				default:
					add(sub, maxFile)
					total += int64(len(s[sub].data))
				}
			}
		}
		walk(top, 0)
	}
	return s
}

// reason is an error in words for the user.
func reason(err error) string {
	switch {
	case errors.Is(err, beneath.ErrLarge):
		return "too large to show"
	case errors.Is(err, beneath.ErrSymlink), errors.Is(err, beneath.ErrSpecial):
		return err.Error()
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Sprintf("cannot be read: %v", err)
}
