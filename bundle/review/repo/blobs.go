package repo

import (
	"os"
	"path/filepath"
	"strings"
)

// Blobs reads what the host's repository had when the layer was new.
type Blobs struct {
	g      *git
	commit string
}

// NewBlobs is about a commit, in a folder of objects. It is nil without one. Close it.
func NewBlobs(layer, project, objects, commit string) (*Blobs, error) {
	if !object().MatchString(commit) {
		return nil, nil
	}
	scratch, err := os.MkdirTemp(layer, "git-")
	if err != nil {
		return nil, err
	}
	g, err := newGit(scratch, project, len(commit) == 64, objects)
	if err != nil {
		_ = os.RemoveAll(scratch)
		return nil, err
	}
	return &Blobs{g, commit}, nil
}

// Close removes what NewBlobs made.
func (b *Blobs) Close() {
	if b != nil {
		_ = os.RemoveAll(b.g.dir)
	}
}

// Content is that of a file in the commit; ok is false if it has none.
func (b *Blobs) Content(path string) (text string, ok bool) {
	if b == nil {
		return "", false
	}
	text, err := b.g.run(nil, nil, "cat-file", "blob", b.commit+":"+path)
	return text, err == nil
}

// Has tells which paths the commit has.
func (b *Blobs) Has() map[string]bool {
	all := map[string]bool{}
	if b == nil {
		return all
	}
	out, err := b.g.run(nil, nil, "ls-tree", "-r", "-z", "--name-only", b.commit)
	if err != nil {
		return all
	}
	for name := range strings.SplitSeq(out, "\x00") {
		all[name] = name != ""
	}
	return all
}

// Merge merges two versions of a text that had a common one; clean is false where
// they disagree.
func (b *Blobs) Merge(host, common, layer string) (merged string, clean bool) {
	if b == nil {
		return "", false
	}
	var files []string
	for name, text := range map[string]string{"1": host, "2": common, "3": layer} {
		file := filepath.Join(b.g.dir, "merge."+name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", false
		}
		files = append(files, file)
	}
	args := []string{"merge-file", "-p", "-q"}
	for _, n := range []string{"1", "2", "3"} {
		args = append(args, filepath.Join(b.g.dir, "merge."+n))
	}
	merged, err := b.g.run(nil, nil, args...)
	for _, f := range files {
		_ = os.Remove(f)
	}
	return merged, err == nil
}
