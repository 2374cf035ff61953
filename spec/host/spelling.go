package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// foldFlag is FS_CASEFOLD_FL of <linux/fs.h>: ext4 and f2fs set it on single
// folders.
const foldFlag = 0x40000000

// spelling refuses a project in which a name has another spelling: what is
// protected, hidden or watched for by one could be reached by the other. On such
// a file system a mount may hold for one spelling alone (FUSE, virtiofs, drvfs).
// Of a read-only project only what is hidden could be reached.
// below are the other file systems that are mounted in what the jail may write.
func (s reader) spelling(f *Facts, below []mounted, readOnly bool) error {
	looked := map[string]bool{}
	look := func(dir, name string) error {
		if looked[dir] {
			return nil
		}
		looked[dir] = true
		other := otherSpelling(dir, name)
		if other == "" {
			return nil
		}
		hint := "work in a copy on another file system, or read-only and with nothing hidden: --project-mode ro"
		if i := slices.IndexFunc(below, func(m mounted) bool { return paths.Below(dir, m.at) }); i >= 0 {
			hint = fmt.Sprintf("unmount %q", below[i].at)
			if rel, ok := strings.CutPrefix(below[i].at, f.Project.Dir+"/"); ok {
				hint += fmt.Sprintf(", or hide it: --hide %q", "/"+rel+"/")
			}
		}
		return &ProjectError{
			Dir: f.Project.Dir, Err: errProjectSpelling,
			Detail: fmt.Sprintf("lies on a file system where names have more than one spelling (in %q, %s): what is protected or hidden could be reached by another one", dir, other),
			Hint:   hint,
		}
	}
	var all []string
	var hidden []Path
	for _, p := range f.Projects() {
		all = append(all, p.Git...)
		hidden = append(hidden, p.Hide...)
	}
	for _, p := range hidden {
		if err := look(filepath.Dir(p.Path), filepath.Base(p.Path)); err != nil {
			return err
		}
	}
	if readOnly {
		return nil
	}
	for _, p := range append(f.Projects(), f.Further...) {
		for _, e := range p.Protect {
			if err := look(filepath.Dir(e.Path), filepath.Base(e.Path)); err != nil {
				return err
			}
		}
		all = append(all, p.Dir)
		all = append(all, p.Nested...)
		// One folder may have the attribute F.
		for _, e := range p.Respelled {
			if err := look(filepath.Dir(e), filepath.Base(e)); err != nil {
				return err
			}
		}
	}
	for _, m := range below {
		if !m.readOnly && !slices.ContainsFunc(hidden, func(p Path) bool { return paths.Below(m.at, p.Path) }) {
			all = append(all, m.at)
		}
	}
	for _, dir := range all {
		if err := look(dir, ""); err != nil {
			return err
		}
	}
	return nil
}

// otherSpelling looks whether an entry of a folder is found by another spelling of
// its name, and says by which one; empty if not. name is an entry, or "" for any.
func otherSpelling(dir, name string) string {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	if flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS); err == nil && flags&foldFlag != 0 {
		return "which has the attribute F of chattr(1)"
	}
	var entries []string
	if name == "" {
		entries, _ = f.Readdirnames(64)
		i := slices.IndexFunc(entries, func(n string) bool { return otherCase(n) != n })
		if i < 0 {
			return emptySpelling(fd)
		}
		name = entries[i]
	}
	var st unix.Stat_t
	if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return ""
	}
	others := []string{otherCase(name)}
	if entries != nil {
		// These are of the whole file system.
		others = append(others, "\u200c"+name, fullWidth(name))
	}
	for _, other := range others {
		var found unix.Stat_t
		if other == name || unix.Fstatat(fd, other, &found, unix.AT_SYMLINK_NOFOLLOW) != nil || found.Ino != st.Ino || found.Dev != st.Dev {
			continue
		}
		// Two names of one file are no two spellings.
		if all, err := os.ReadDir(dir); err == nil && slices.ContainsFunc(all, func(e os.DirEntry) bool { return e.Name() == other }) {
			continue
		}
		return fmt.Sprintf("%q is %q too", name, other)
	}
	return ""
}

// emptySpelling is for a folder in which nothing could be looked for.
func emptySpelling(fd int) string {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return ""
	}
	if kind := folding[uint32(st.Type)]; kind != "" {
		return "which is of the kind " + kind
	}
	return ""
}

// folding are kinds of file systems, by statfs(2), that hold names in other
// spellings for the same if nobody told them otherwise.
var folding = map[uint32]string{
	unix.MSDOS_SUPER_MAGIC: "vfat", unix.EXFAT_SUPER_MAGIC: "exfat", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb2", unix.SMB_SUPER_MAGIC: "smb", 0x482b: "hfsplus",
}

// otherCase has the other case of each ASCII letter.
func otherCase(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return unicode.ToUpper(r)
		case r >= 'A' && r <= 'Z':
			return unicode.ToLower(r)
		}
		return r
	}, name)
}

// fullWidth has another form of the first letter, which compatibility
// normalisation (NFKC) takes for the same.
func fullWidth(name string) string {
	i := strings.IndexFunc(name, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
	if i < 0 {
		return name
	}
	return name[:i] + string(rune(name[i])+0xfee0) + name[i+1:]
}
