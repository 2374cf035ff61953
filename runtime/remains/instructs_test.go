package remains

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/since"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// later waits until the times of files are after one.
func later(t *testing.T, dir string, when time.Time) {
	t.Helper()
	for file, end := filepath.Join(dir, "clock"), time.Now().Add(time.Minute); time.Now().Before(end); {
		var st unix.Stat_t
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unix.Stat(file, &st); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(file)
		if time.Unix(st.Ctim.Unix()).After(when) {
			return
		}
	}
	t.Fatal("the clock of files stands still")
}

// TestInstructs: what was written and instructs is named once, on one line, in
// whatever folder; what was there before, has more said of it, or lies where nobody
// searches is not.
func TestInstructs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AGENTS.md", "CLAUDE.md", "idle/AGENTS.md", "place/AGENTS.md", "link.md", "README.md", ".rules/old.md"} {
		write(name, "old")
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	s := &specs.Spec{Mounts: []specs.Mount{{Source: dir}}, Annotations: map[string]string{
		contract.RepositoriesAnnotation: `{"` + dir + `":[]}`, contract.NamesAnnotation: `{".exec":"runs"}`,
		contract.InstructsAnnotation: `["AGENTS.md","CLAUDE.md",".rules",".exec/AGENTS.md","GEMINI.md","` + dir + `/place/AGENTS.md","` + dir + `/gone/AGENTS.md","/etc/AGENTS.md"]`,
	}}
	// Then the folder of a file that was there is passed over, for nothing comes to it.
	later(t, dir, time.Now().Add(since.Slack+2*tick))
	w, err := watch.New(s, []int{fd})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	began := time.Now()
	say := func() (string, bool) {
		var out bytes.Buffer
		found := w.Report(&out, false)
		out.Reset()
		Instructs(&out, s, began, w)
		return out.String(), found
	}
	if said, _ := say(); said != "" {
		t.Errorf("nothing was written: %q", said)
	}
	write("CLAUDE.md", "new")
	write("place/AGENTS.md", "in place: its folder has the times of before")
	write("README.md", "new")
	write(".rules/deep/new.md", "new")
	write("a/b/c/AGENTS.md", "new")
	write("node_modules/x/AGENTS.md", "new")
	write(".exec/AGENTS.md", "new")
	if err := os.Symlink("/etc", filepath.Join(dir, "GEMINI.md")); err != nil {
		t.Fatal(err)
	}
	said, found := say()
	want := `jailed-claude: written while the jail ran, and only instructs agents: ".rules/deep/new.md", "CLAUDE.md", "GEMINI.md", "place/AGENTS.md", "a/b/c/AGENTS.md"` + "\n"
	if !found || sortedNames(said) != sortedNames(want) || strings.Count(said, "\n") != 1 {
		t.Errorf("%v %q", found, said)
	}
	for n := range 20 {
		write(fmt.Sprintf("more/%d/AGENTS.md", n), "x\x1b")
	}
	if said, _ := say(); !strings.HasSuffix(said, " and 15 more\n") || strings.Count(said, `"`) != 2*mostNames {
		t.Errorf("%q", said)
	}
}

func sortedNames(line string) string {
	set := map[string]bool{}
	head, names, _ := strings.Cut(strings.TrimSpace(line), ": \"")
	for n := range strings.SplitSeq(names, ", ") {
		set[strings.Trim(n, `"`)] = true
	}
	return fmt.Sprint(head, set)
}
