package seen

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Most bounds a file whose difference is shown among others.
const Most = 512 << 10

// IsBinary is git's own rule of thumb.
func IsBinary(data []byte) bool { return bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 }

// Diff is how one version differs from another one, from names and texts of both; text
// is false where one cannot be shown as text.
func Diff(old, now *upper.State, from, before, to, after string, text bool) string {
	if !text {
		return "(" + sizes(old, now) + ")\n"
	}
	if before == after {
		return ""
	}
	lines := string(diff.Diff(from, []byte(show.Text(before)), to, []byte(show.Text(after))))
	if lines == "" {
		return "(they differ in how characters are written that cannot be seen)\n"
	}
	for range 3 { // the names stand above
		_, lines, _ = strings.Cut(lines, "\n")
	}
	return lines
}

// sizes is what is said of what is not shown as text.
func sizes(old, now *upper.State) string {
	part := func(s *upper.State) string {
		if s == nil {
			return "nothing"
		}
		return fmt.Sprintf("%s, sha256 %.16s", show.Size(s.Size), s.Digest)
	}
	kind := "binary"
	if (old == nil || old.Size > Most) && (now == nil || now.Size > Most) {
		kind = "large or binary"
	}
	return kind + ": " + part(old) + " -> " + part(now)
}

// InFolder lists what is in a folder, but for what git names by itself.
func InFolder(each func(see func(string, *upper.State)) error) string {
	const most = 200
	var b strings.Builder
	n := 0
	if err := each(func(rel string, s *upper.State) {
		if first, _, _ := strings.Cut(rel, "/"); s.Kind == upper.Folder || first == "objects" || strings.HasSuffix(rel, ".sample") {
			return
		}
		if n++; n <= most {
			fmt.Fprintf(&b, "+%s (%s, %s)\n", show.Line(rel), s.Kind, show.Size(s.Size))
		}
	}); err != nil {
		fmt.Fprintf(&b, "(cannot be read: %s)\n", show.Line(err.Error()))
	}
	if n > most {
		fmt.Fprintf(&b, "and %d more files\n", n-most)
	}
	return b.String()
}
