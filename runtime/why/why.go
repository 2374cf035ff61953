package why

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// Is reports whether this program was called to explain.
func Is(argv0 string) bool { return filepath.Base(argv0) == brief.Why }

const (
	exitUsage = 2
	exitOurs  = 125
)

// Main explains each argument, and returns the exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintf(stderr, "usage: %s PATH|HOST[:PORT]...\nSays why this jail refuses it, and what the user could do. %s describes the jail.\n", brief.Why, brief.TextPath)
		return exitUsage
	}
	f, err := facts()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", brief.Why, err)
		return exitOurs
	}
	status := 0
	for _, arg := range args {
		a, err := Answer(f, arg)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", brief.Why, err)
			status = exitUsage
			continue
		}
		fmt.Fprintln(stdout, text(withNews(a)))
	}
	return status
}

// text is an answer for a program of the jail, which can only ask.
func text(a brief.Answer) string {
	return strings.Replace(a.String(), "to change it:", "the user can change it, at a start:", 1)
}

// facts are those of this jail, with the mounts that they do not name: what is
// hidden.
func facts() (brief.Facts, error) {
	text, err := os.ReadFile(brief.FactsPath)
	if errors.Is(err, fs.ErrNotExist) {
		return brief.Facts{}, errors.New("this is no jail of jailed-claude")
	}
	if err != nil {
		return brief.Facts{}, err
	}
	f, err := brief.Read(text)
	if err != nil {
		return f, err
	}
	mounts, err := mountinfo.Read("/proc/self/mountinfo", 64)
	if err != nil {
		return f, err
	}
	for place := range mounts {
		if hides(f, place) {
			f.Hidden = append(f.Hidden, brief.Protected{Path: place, Why: "hidden by the user's policy, or a socket of the host"})
		}
	}
	return f, nil
}

// hides: all that is mounted in a jail and that its facts do not name covers
// something.
func hides(f brief.Facts, place string) bool {
	if place == "/" || contract.InFrame(place) || paths.Below(place, storepath.Dir) {
		return false
	}
	return !slices.ContainsFunc(f.Mounts, func(m brief.Mount) bool { return m.Path == place }) &&
		!slices.ContainsFunc(f.Protected, func(p brief.Protected) bool { return p.Path == place })
}

// Answer answers about a path or a host as a user writes it. Of a host, more may
// have been said since the jail began.
func Answer(f brief.Facts, arg string) (brief.Answer, error) {
	if !isPath(arg) {
		host, port, err := brief.Target(arg)
		if err != nil {
			return brief.Answer{}, err
		}
		return f.Host(host, port, nil), nil
	}
	if rest, ok := strings.CutPrefix(arg, "~/"); ok {
		arg = filepath.Join(f.Home, rest)
	}
	p, err := filepath.Abs(arg)
	if err != nil {
		return brief.Answer{}, err
	}
	real := Resolve(p)
	a := f.Path(real)
	if real != p {
		a.What = fmt.Sprintf("%s (%s)", p, real)
	}
	return a, nil
}

// isPath: everything with a slash in it, and what is there.
func isPath(arg string) bool {
	if strings.Contains(arg, "/") || arg == "." || arg == ".." {
		return true
	}
	_, err := os.Lstat(arg)
	return err == nil
}

// Resolve is p without the symlinks of what exists of it. The last part stays as
// it is where it leads nowhere.
func Resolve(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	dir := filepath.Dir(p)
	if dir == p {
		return p
	}
	return filepath.Join(Resolve(dir), filepath.Base(p))
}

// withNews adds what was said about a host since the start.
func withNews(a brief.Answer) brief.Answer {
	host, _, err := net.SplitHostPort(a.What)
	if err != nil {
		return a // a path
	}
	if a.Verdict == brief.Allowed && a.Rule == "mode internet" {
		a.Why += ", and as far as the user has not denied it by name"
	}
	log, err := os.Open(brief.RefusedPath)
	if err != nil {
		return a
	}
	defer log.Close()
	for s := bufio.NewScanner(log); s.Scan(); {
		// TIME refused DESTINATION: WHY
		if _, rest, ok := strings.Cut(s.Text(), " refused "); ok {
			if why, ok := strings.CutPrefix(rest, host+": "); ok {
				a.Verdict, a.Why = brief.Refused, show.Visible(why)
			} else if why, ok := strings.CutPrefix(rest, a.What+": "); ok {
				a.Verdict, a.Why = brief.Refused, show.Visible(why)
			}
		}
	}
	return a
}
