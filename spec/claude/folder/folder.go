package folder

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

	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Bounds of what is read. A configuration is far below them; what the agent
// left in its folder need not be.
const (
	MaxFile   = 1 << 20
	MaxAll    = 8 << 20
	MaxGlobal = 16 << 20 // .claude.json holds the history of every project
	MaxFiles  = 2000     // in one folder of a configuration
	maxDepth  = 12
)

// File is what was read, once.
type File struct {
	Data []byte
	Exec bool
	// Problem says why there is no data.
	Problem string
}

// Digest of what is in a file.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Read reads a regular file below a folder.
func Read(d *os.File, name string, limit int64) (File, error) {
	data, exec, err := beneath.Read(d, name, limit)
	return File{Data: data, Exec: exec}, err
}

// Snapshot reads the pieces of the private folder, each file once.
func Snapshot(d *os.File) map[string]File {
	s := map[string]File{}
	add := func(name string, limit int64) {
		f, err := Read(d, name, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			return
		case err != nil:
			f.Problem = reason(err)
		}
		s[name] = f
	}
	for _, name := range append(Names(false, reviewed), GlobalJSON) {
		if name == GlobalJSON {
			add(name, MaxGlobal)
		} else {
			add(name, MaxFile)
		}
	}
	for _, top := range Names(true, reviewed) {
		files, total := 0, int64(0)
		var walk func(name string, depth int)
		walk = func(name string, depth int) {
			dir, err := beneath.Open(d, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			if err != nil {
				s[name] = File{Problem: reason(err)}
				return
			}
			entries, err := dir.ReadDir(MaxFiles + 1)
			_ = dir.Close()
			if err != nil && !errors.Is(err, io.EOF) {
				s[name] = File{Problem: reason(err)}
				return
			}
			for _, e := range entries {
				sub := name + "/" + e.Name()
				files++
				switch {
				case slices.Contains(Row().Config().State, sub):
				case files > MaxFiles || total > MaxAll || depth > maxDepth:
					s[top] = File{Problem: "there is more in it than can be shown"}
					return
				case e.IsDir():
					walk(sub, depth+1)
				default:
					add(sub, MaxFile)
					total += int64(len(s[sub].Data))
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
