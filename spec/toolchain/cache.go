package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// databases are what package managers write when they change /usr: dpkg, rpm,
// pacman, apk.
var databases = []string{
	"/var/lib/dpkg/status", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages", "/var/lib/pacman/local",
	"/lib/apk/db/installed",
}

// folders are looked at where there is no database.
var folders = []string{"/etc", "/usr/bin", "/usr/lib", "/usr/share", "/usr/local/lib", "/usr/local/share"}

// kept is an entry of the cache.
type kept struct {
	// Stamp is the state of the databases, and the lists that the answer is of.
	Stamp string
	Found
}

// fileName of the entry, in the cache folder of jailed-claude.
const fileName = "toolchain.json"

const maxFile = 1 << 20

// Find is what /usr of this host needs beside itself and have, which is mounted
// anyway. The answer is kept in a cache folder, unless that is empty or somebody
// else's.
func Find(cache string, have []string) Found {
	stamp := stampOf("", have)
	if f, ok := load(cache, stamp); ok {
		return f
	}
	f := find("", have)
	// What cannot be kept is as good, and found again.
	_ = store(cache, kept{stamp, f})
	return f
}

// stampOf says which state of the host below root an answer is of.
func stampOf(root string, have []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %d %q %q %q %q %q\n", os.Geteuid(), listed, secret, foreign, passed, have)
	note := func(list []string) (any bool) {
		for _, p := range list {
			if fi, err := os.Stat(root + p); err == nil {
				fmt.Fprintf(h, "%s %d %d\n", p, fi.Size(), fi.ModTime().UnixNano())
				any = true
			}
		}
		return any
	}
	if !note(databases) {
		note(folders)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// load takes what was kept for this stamp, if all of it is there still and the
// entry is nobody else's.
func load(cache, stamp string) (Found, bool) {
	if cache == "" || !ours(cache) {
		return Found{}, false
	}
	f, err := os.OpenFile(filepath.Join(cache, fileName), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Found{}, false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || !own(fi) || fi.Size() > maxFile {
		return Found{}, false
	}
	text, err := io.ReadAll(f)
	var k kept
	if err != nil || json.Unmarshal(text, &k) != nil || k.Stamp != stamp {
		return Found{}, false
	}
	for _, b := range k.Binds {
		fi, err := os.Lstat(b)
		if err != nil || refused(b) || fi.IsDir() == slices.Contains(k.Files, b) || fi.Mode()&0o004 == 0 || fi.Mode()&fs.ModeSymlink != 0 {
			return Found{}, false
		}
	}
	return k.Found, true
}

func store(cache string, k kept) error {
	if cache == "" {
		return nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	if !ours(cache) {
		return fmt.Errorf("%q can be written by others", cache)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(cache, strings.TrimSuffix(fileName, ".json"))
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(cache, fileName))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// ours: a folder that only this user can write.
func ours(dir string) bool {
	fi, err := os.Lstat(dir)
	return err == nil && fi.IsDir() && own(fi)
}

func own(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && fi.Mode().Perm()&0o022 == 0
}
