package keys

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// hunt is what a search for two texts has found.
type hunt struct {
	// Key and Placeholder are the places of both.
	Key, Placeholder []string
	// Searched are the processes whose memory was read, Closed those whose
	// memory could not be.
	Searched, Closed []string
	Files, Bytes     int
}

// looking is a script in which the agent hunts for the text that is masked in the
// file "masked" of its project, and for a placeholder.
func looking(t *testing.T, placeholder string) []map[string]any {
	t.Helper()
	hunter := world.PartEnv + "=keyhunt " + self(t) + " $(cat masked) " + masked(placeholder)
	return []map[string]any{
		{"tools": []any{map[string]any{"name": "Bash", "input": map[string]any{"description": "Look", "command": hunter}}}}, {"text": "{{tool_result}}"},
	}
}

// look runs the agent with such a script, and returns what it has found.
func look(t *testing.T, w *world.World, net string) (h hunt) {
	t.Helper()
	r := world.Finish(t, w.Command("run", "--net", net, "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--read", self(t),
		"--", "-p", "look around", "--output-format", "json", "--dangerously-skip-permissions"))
	var answer struct {
		Result  string `json:"result"`
		IsError bool   `json:"is_error"`
	}
	world.Decode(t, r, &answer)
	if err := json.Unmarshal([]byte(answer.Result), &h); r.Status != 0 || answer.IsError || err != nil {
		t.Fatalf("%v: %s\nlog: %s", err, r, w.SessionLog())
	}
	return h
}

// carried is how many requests had one of these tokens. No other is in any.
func carried(t *testing.T, requests []world.APIRequest, tokens ...string) (n int) {
	t.Helper()
	for _, q := range requests {
		got := q.Headers["Authorization"]
		switch {
		case len(got) == 1 && slices.ContainsFunc(tokens, func(token string) bool { return got[0] == "Bearer "+token }):
			n++
		case len(got) > 0:
			t.Errorf("%s %s came with %q", q.Host, q.URL, got)
		}
	}
	return n
}

// self is this binary.
func self(t *testing.T) string {
	t.Helper()
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// masked hides a text from a search, so that it can be an argument.
func masked(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= 0x55
	}
	return hex.EncodeToString(b)
}

// keyHunt is the part "keyhunt": it searches everything that it can read, the
// memory of every other process included, for the two masked texts of its
// arguments.
func keyHunt(args []string) int {
	unmask := func(s string) []byte {
		b, _ := hex.DecodeString(s)
		for i := range b {
			b[i] ^= 0x55
		}
		return b
	}
	h := &hunt{}
	look := func(place string, text []byte) {
		h.Bytes += len(text)
		if bytes.Contains(text, unmask(args[0])) {
			h.Key = append(h.Key, place)
		}
		if bytes.Contains(text, unmask(args[1])) {
			h.Placeholder = append(h.Placeholder, place)
		}
	}
	pids, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range pids {
		if p == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		comm, _ := os.ReadFile(p + "/comm")
		name := filepath.Base(p) + " " + strings.TrimSpace(string(comm))
		for _, f := range []string{"environ", "cmdline"} {
			if text, err := os.ReadFile(p + "/" + f); err == nil {
				look(f+" of "+name, text)
			}
		}
		switch err := memory(p, func(text []byte) { look("memory of "+name, text) }); {
		case err == nil:
			h.Searched = append(h.Searched, name)
		case errors.Is(err, fs.ErrNotExist): // it has ended
		default:
			h.Closed = append(h.Closed, name)
		}
	}
	_ = filepath.WalkDir("/", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read is not searched
		case d.IsDir() && (p == "/proc" || p == "/sys" || p == "/nix" || p == "/dev"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		if text, err := os.ReadFile(p); err == nil {
			h.Files++
			look(p, text)
		}
		return nil
	})
	out, err := json.Marshal(h)
	if err != nil {
		return 1
	}
	_, _ = os.Stdout.Write(append(out, '\n'))
	return 0
}

// memory reads what a process has in memory, but for files that it has mapped
// and cannot write to, and what it has reserved and not touched (proc(5),
// smaps). Pieces overlap by more than a key is long.
func memory(proc string, look func([]byte)) error {
	maps, err := os.Open(proc + "/smaps")
	if err != nil {
		return err
	}
	defer maps.Close()
	mem, err := os.Open(proc + "/mem")
	if err != nil {
		return err
	}
	defer mem.Close()
	const piece, overlap = 4 << 20, 4 << 10
	buf := make([]byte, piece+overlap)
	var from, to int64
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		line := lines.Text()
		if rss, ok := strings.CutPrefix(line, "Rss:"); ok {
			if strings.TrimSpace(rss) == "0 kB" {
				from = to
			}
			for at := from; at < to; at += piece {
				n, err := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
				if n > 0 {
					look(buf[:n])
				}
				if err != nil && !errors.Is(err, io.EOF) {
					break // of the kernel's own, or gone
				}
			}
			continue
		}
		var mode, skip, name string
		var begin, end int64
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s %s", &begin, &end, &mode, &skip, &skip, &skip, &name); n >= 3 {
			from, to = begin, end
			if mode[0] != 'r' || mode[1] != 'w' && strings.HasPrefix(name, "/") {
				from = to
			}
		}
	}
	return lines.Err()
}
