package closure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/program"

	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
)

// requisites asks Nix for the closure of a store path.
//
// nix-store comes first: its interface is stable, needs no experimental
// feature and is a list. The same of nix path-info stands in for it where it
// is missing. (Not with --json: it has had three formats by now, and Nix 2.33
// announces that --json without a flag that older ones do not know will fail.)
func (r *resolver) requisites(ctx context.Context, root string) ([]string, error) {
	out, err := r.exec(ctx, root, [][]string{
		{"nix-store", "--query", "--requisites", root},
		{"nix", "--extra-experimental-features", "nix-command", "path-info", "--recursive", root},
	})
	if err != nil {
		return nil, err
	}
	paths, err := registration.ParseList(out)
	if err != nil {
		return nil, fmt.Errorf("what Nix says of the closure of %q: %w", root, badLine(err))
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if _, ok := slices.BinarySearch(paths, root); !ok {
		return nil, fmt.Errorf("what Nix says of the closure of %q does not contain it", root)
	}
	return paths, nil
}

// build builds or fetches an installable and returns its store paths, one for
// each output that Nix would install. What an installable names can change,
// so Nix is asked each time.
func (r *resolver) build(ctx context.Context, installable string) ([]string, error) {
	out, err := r.exec(ctx, installable, [][]string{
		// --print-out-paths would be simpler, but came with Nix 2.9.
		{"nix", "--extra-experimental-features", "nix-command flakes", "build", "--no-link", "--json", "--", installable},
	})
	if err != nil {
		return nil, err
	}
	paths, err := builtPaths(out)
	if err != nil {
		return nil, fmt.Errorf("what Nix built of %q: %w", installable, err)
	}
	return paths, nil
}

// builtPaths reads the answer of nix build --json: a list with an object for
// each derivation, whose outputs are store paths. Newer formats of Nix write
// them without the store directory.
func builtPaths(data []byte) ([]string, error) {
	var built []struct {
		Outputs map[string]string `json:"outputs"`
	}
	if err := json.Unmarshal(data, &built); err != nil {
		return nil, err
	}
	var paths []string
	for _, b := range built {
		names := slices.SortedFunc(maps.Keys(b.Outputs), func(x, y string) int {
			return cmp.Or(cmp.Compare(outputRank(x), outputRank(y)), cmp.Compare(x, y))
		})
		for _, n := range names {
			p := b.Outputs[n]
			if !strings.HasPrefix(p, "/") {
				p = StoreDir + "/" + p
			}
			if err := checkPath(p); err != nil {
				return nil, err
			}
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 {
		return nil, errors.New("there is no store path")
	}
	return unique(paths), nil
}

// outputRank puts first the outputs that have programs.
func outputRank(name string) int {
	switch name {
	case "bin":
		return 0
	case "out":
		return 1
	}
	return 2
}

// exec runs the first of the commands whose program is on PATH. What says
// what it is for.
func (r *resolver) exec(ctx context.Context, what string, commands [][]string) ([]byte, error) {
	for _, args := range commands {
		if found, err := program.Look(r.Path, args[0], r.Never); err == nil {
			return r.command(ctx, what, found, args)
		}
	}
	return nil, noNix(fmt.Sprintf("%q", what))
}

func (r *resolver) command(ctx context.Context, what, file string, args []string) ([]byte, error) {
	var stdout bytes.Buffer
	stderr := &tail{next: r.Progress}
	cmd := exec.CommandContext(ctx, file, args[1:]...)
	cmd.Dir = r.Dir
	// Nix itself looks for git and others on PATH.
	cmd.Env = append(os.Environ(), "PATH="+program.Path(r.Path, r.Never))
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	// Let Nix release its locks and stop its builders.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, explain(what, &commandError{Args: args, Stderr: stderr.String(), Err: err})
	}
	return stdout.Bytes(), nil
}

var (
	notValid = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`path '(/nix/store/[^']*)' is not valid`) })
	// Without a daemon's socket Nix opens the store itself, which only its
	// owner can.
	noDaemon = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`cannot connect to (socket|daemon)|'/nix/var/nix[^']*'.*(Operation not permitted|Permission denied)`)
	})
	feature = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^.*experimental (Nix )?feature.* disabled.*$`) })
)

// explain finds the cause that a user can do something about.
func explain(what string, e *commandError) error {
	switch m := notValid().FindStringSubmatch(e.Stderr); {
	case m != nil:
		return &Error{
			What: fmt.Sprintf("store path %q is on disk, but Nix has not registered it as valid", m[1]),
			Fix:  "fetch or build it again: nix-store --realise " + m[1],
			Err:  fmt.Errorf("%w: %w", errNotValid, e),
		}
	case noDaemon().MatchString(e.Stderr):
		return &Error{
			What: fmt.Sprintf("asked for %q, Nix cannot reach its daemon", what),
			Fix:  "start it: sudo systemctl start nix-daemon.socket (or sudo nix-daemon &)",
			Err:  fmt.Errorf("%w: %w", errNoDaemon, e),
		}
	case feature().MatchString(e.Stderr):
		return &Error{
			What: fmt.Sprintf("asked for %q, Nix refuses an experimental feature: %s", what, strings.TrimPrefix(feature().FindString(e.Stderr), "error: ")),
			Fix:  "add it to experimental-features in ~/.config/nix/nix.conf, such as: experimental-features = nix-command flakes",
			Err:  fmt.Errorf("%w: %w", errFeature, e),
		}
	}
	return e
}

// tail passes on what is written and keeps its end.
type tail struct {
	next io.Writer
	kept []byte
}

const (
	tailBytes = 16 << 10
	tailLines = 12
)

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if n := len(t.kept); n > 2*tailBytes {
		t.kept = append(t.kept[:0], t.kept[n-tailBytes:]...)
	}
	if t.next != nil {
		// Progress is for show: its errors must not stop a build.
		_, _ = t.next.Write(b)
	}
	return len(b), nil
}

// escape are the sequences with which Nix colours and erases.
var escape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]") })

// String is the last lines, fit for a message.
func (t *tail) String() string {
	s := escape().ReplaceAllString(string(t.kept), "")
	s = strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return -1
		}
		return c
	}, s)
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if n := len(lines); n > tailLines {
		lines = lines[n-tailLines:]
	}
	return strings.Join(lines, "\n")
}
