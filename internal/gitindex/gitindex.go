package gitindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Links are what an index says of folders, by paths relative to the working
// tree.
type Links struct {
	// Paths are gitlinks.
	Paths []string
	// Overlooked are entries whose changes git does not look for: assume-unchanged
	// and skip-worktree.
	Overlooked []string
	// Intended are entries without a content yet (git add -N).
	Intended []string
	// Folders are folders of a sparse index: one entry stands for all that is in
	// it, gitlinks included.
	Folders []string
	// Shared is the name that follows "sharedindex." in the file that holds the
	// rest of a split index, or "".
	Shared string
	// Unnamed: a gitlink takes the place of an entry of the shared index, which
	// alone has its name.
	Unnamed bool
}

// errFormat is returned by Parse for what git would not read either.
var errFormat = errors.New("not an index of git")

// Modes of entries, gitformat-index(5).
const (
	modeFolder  = 0o040000
	modeLink    = 0o120000
	modeGitlink = 0o160000
	modeFile    = 0o100000
	typeMask    = 0o170000
)

// NameSize is how many bytes the names of objects have in a repository with that
// config, the file next to the index: nothing else says it.
func NameSize(config string) int {
	bare := strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(strings.ToLower(config))
	if strings.Contains(bare, "objectformat=sha256") {
		return 32
	}
	return 20
}

// reader goes through entries.
type reader struct {
	left    []byte
	oid     int
	version uint32
	name    []byte
	// overlook is what the entry's flags say, intent too.
	overlook, intent bool
	// later: it is not the first entry of a block, so that its path may take from
	// the one before.
	later bool
}

// Parse reads an index whose object names have oid bytes. every is called for the
// name of each entry, if it is not nil.
func Parse(data []byte, oid int, every func(name string)) (Links, error) {
	var l Links
	r, count, err := begin(data, oid)
	if err != nil {
		return l, err
	}
	for range count {
		mode, err := r.entry()
		if err != nil {
			return Links{}, err
		}
		switch mode & typeMask {
		case modeGitlink:
			l.Unnamed = l.Unnamed || len(r.name) == 0
			if len(r.name) > 0 {
				l.Paths = append(l.Paths, string(r.name))
			}
		case modeFolder:
			l.Folders = append(l.Folders, strings.TrimSuffix(string(r.name), "/"))
		}
		if r.overlook && len(r.name) > 0 {
			l.Overlooked = append(l.Overlooked, string(r.name))
		}
		if r.intent && len(r.name) > 0 {
			l.Intended = append(l.Intended, string(r.name))
		}
		if every != nil && len(r.name) > 0 {
			every(string(r.name))
		}
	}
	if err := extensions(data, len(data)-oid-len(r.left), r, &l); err != nil {
		return Links{}, err
	}
	return l, nil
}

// Write writes what an index says of each path to w: its mode, object, stage and
// name. When git last looked at the file is left out, which changes with every
// git status.
func Write(w io.Writer, data []byte, oid int) error {
	r, count, err := begin(data, oid)
	if err != nil {
		return err
	}
	const modeAt, oidAt, stages = 24, 40, 0x30
	for range count {
		at := r.left
		if _, err := r.entry(); err != nil {
			return err
		}
		_, _ = w.Write(at[modeAt : modeAt+4])
		_, _ = w.Write(at[oidAt : oidAt+oid])
		_, _ = w.Write([]byte{at[oidAt+oid] & stages})
		_, _ = w.Write(r.name)
		_, _ = w.Write([]byte{0})
	}
	var l Links
	if err := extensions(data, len(data)-oid-len(r.left), r, &l); err != nil {
		return err
	}
	_, err = io.WriteString(w, l.Shared)
	return err
}

// begin finds the entries of an index.
func begin(data []byte, oid int) (*reader, uint32, error) {
	const header = 12
	if len(data) < header+oid || string(data[:4]) != "DIRC" {
		return nil, 0, fmt.Errorf("%w: no header", errFormat)
	}
	r := &reader{left: data[header : len(data)-oid], oid: oid, version: binary.BigEndian.Uint32(data[4:])}
	if r.version < 2 || r.version > 4 {
		return nil, 0, fmt.Errorf("%w: version %d", errFormat, r.version)
	}
	return r, binary.BigEndian.Uint32(data[8:]), nil
}

// entry reads one entry: ten numbers of 32 bits (of which the seventh is the
// mode), the object's name, flags, the path.
func (r *reader) entry() (mode uint32, err error) {
	const numbers, modeAt = 40, 24
	fixed := numbers + r.oid + 2
	if len(r.left) < fixed {
		return 0, fmt.Errorf("%w: it ends in an entry", errFormat)
	}
	mode = binary.BigEndian.Uint32(r.left[modeAt:])
	switch mode & typeMask {
	case modeFile, modeLink, modeGitlink, modeFolder:
	default:
		return 0, fmt.Errorf("%w: an entry of mode %o", errFormat, mode)
	}
	const assumeValid, extended, skipWorktree, intentToAdd = 0x8000, 0x4000, 0x4000, 0x2000
	flags := binary.BigEndian.Uint16(r.left[fixed-2:])
	r.overlook, r.intent = flags&assumeValid != 0, false
	if flags&extended != 0 {
		if fixed += 2; r.version < 3 || len(r.left) < fixed {
			return 0, fmt.Errorf("%w: flags", errFormat)
		}
		more := binary.BigEndian.Uint16(r.left[fixed-2:])
		r.overlook, r.intent = r.overlook || more&skipWorktree != 0, more&intentToAdd != 0
	}
	rest := r.left[fixed:]
	keep := 0
	if r.version == 4 {
		strip, n := varint(rest)
		if n == 0 || r.later && strip > len(r.name) {
			return 0, fmt.Errorf("%w: a path takes away more than there is", errFormat)
		}
		if rest = rest[n:]; r.later {
			keep = len(r.name) - strip
		}
		r.later = true
	}
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return 0, fmt.Errorf("%w: it ends in a path", errFormat)
	}
	r.name = append(r.name[:keep], rest[:end]...)
	if r.version == 4 {
		r.left = rest[end+1:]
		return mode, nil
	}
	// Entries are padded with 1 to 8 NULs to multiples of 8.
	size := (fixed + end + 8) &^ 7
	if size > len(r.left) {
		return 0, fmt.Errorf("%w: it ends in an entry", errFormat)
	}
	r.left = r.left[size:]
	return mode, nil
}

// varint reads a number of version 4, as "offset" deltas of packs have it.
func varint(b []byte) (value, n int) {
	const most = 4 // bytes: paths are shorter
	for n < min(len(b), most) {
		c := b[n]
		n++
		if n > 1 {
			value++
		}
		value = value<<7 | int(c&0x7f)
		if c&0x80 == 0 {
			return value, n
		}
	}
	return 0, 0
}

// extensions reads those that lead to entries: the one that names a shared index,
// and the two by which threads of git find entries and extensions. Those that say
// something else than what was read in order are refused: git would believe them.
func extensions(data []byte, start int, r *reader, l *Links) error {
	const head = 8
	all := data[:len(data)-r.oid]
	if at := len(all) - head - 4 - r.oid; at >= start && string(all[at:at+4]) == "EOIE" && binary.BigEndian.Uint32(all[at+head:]) != uint32(start) {
		return fmt.Errorf("%w: its extensions are said to be elsewhere", errFormat)
	}
	for at := start; len(all)-at >= head; {
		size := binary.BigEndian.Uint32(all[at+4:])
		if uint64(size) > uint64(len(all)-at-head) {
			return nil // git reads none of it either
		}
		body := all[at+head : at+head+int(size)]
		switch string(all[at : at+4]) {
		case "link":
			if len(body) >= r.oid {
				l.Shared = fmt.Sprintf("%x", body[:r.oid])
			}
		case "IEOT":
			if err := blocks(data, body, start, r); err != nil {
				return err
			}
		}
		at += head + int(size)
	}
	return nil
}

// blocks: a table of where blocks of entries begin, and of how many there are in
// each, is that of the entries as they follow each other.
func blocks(data, table []byte, end int, r *reader) error {
	wrong := fmt.Errorf("%w: its table of entries is not that of its entries", errFormat)
	const header, word = 12, 4
	if len(table) < word {
		return wrong
	}
	at := header
	for table = table[word:]; len(table) >= 2*word; table = table[2*word:] {
		if binary.BigEndian.Uint32(table) != uint32(at) {
			return wrong
		}
		block := reader{left: data[at : len(data)-r.oid], oid: r.oid, version: r.version}
		for range binary.BigEndian.Uint32(table[word:]) {
			if _, err := block.entry(); err != nil {
				return wrong
			}
		}
		at = len(data) - r.oid - len(block.left)
	}
	if at != end {
		return wrong
	}
	return nil
}
