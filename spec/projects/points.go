package projects

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// makePoints makes folders and files to mount on, below a folder that jails
// write.
func makePoints(base string, folders, files []string) error {
	root, err := os.OpenRoot(base + "/")
	if err != nil {
		return fmt.Errorf("open the state of the project: %w", err)
	}
	defer root.Close()
	for _, f := range folders {
		if err := root.MkdirAll(f, 0o700); err != nil {
			return fmt.Errorf("make %s in the state of the project: %w", f, err)
		}
	}
	for _, f := range files {
		err := root.MkdirAll(path.Dir(f), 0o700)
		if err == nil {
			// A FIFO of a jail's is not waited for: it can be mounted on as well.
			var made *os.File
			if made, err = root.OpenFile(f, os.O_CREATE|os.O_RDONLY|syscall.O_NONBLOCK, 0o600); err == nil {
				err = made.Close()
			}
		}
		if err != nil {
			return fmt.Errorf("make %s in the state of the project: %w", f, err)
		}
	}
	return nil
}

// pointsSuffix names the file beside a folder that says what was made in it.
const pointsSuffix = "-points.json"

// Points are what KeepPoints made below a folder.
func Points(base string) (list []string) {
	if text, err := os.ReadFile(base + pointsSuffix); err == nil {
		_ = json.Unmarshal(text, &list) // what is damaged says nothing
	}
	return list
}

// KeepPoints is makePoints that remembers in a file beside the folder what it
// made, and removes what is no longer wanted and still empty: an empty command
// would be one.
func KeepPoints(base string, folders, files []string) error {
	before := Points(base)
	if len(folders)+len(files)+len(before) == 0 {
		return nil
	}
	record := base + pointsSuffix
	wanted := slices.Concat(folders, files)
	if slices.ContainsFunc(before, func(p string) bool { return !slices.Contains(wanted, p) }) {
		root, err := os.OpenRoot(base + "/")
		if err != nil {
			return fmt.Errorf("open the state of the project: %w", err)
		}
		defer root.Close()
		for _, p := range before {
			if fi, err := root.Lstat(p); err == nil && !slices.Contains(wanted, p) && (fi.IsDir() || fi.Mode().IsRegular() && fi.Size() == 0) {
				_ = root.Remove(p) // a folder that is not empty stays
			}
		}
	}
	if err := makePoints(base, folders, files); err != nil {
		return err
	}
	if slices.Equal(before, wanted) {
		return nil
	}
	text, err := json.Marshal(wanted)
	if err == nil {
		err = writeFile(filepath.Dir(record), filepath.Base(record), text)
	}
	if err != nil {
		return fmt.Errorf("remember what was made: %w", err)
	}
	return nil
}
