package why

import (
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
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
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
	lines := news()
	with(&f, lines)
	status := 0
	for _, arg := range args {
		a, err := Answer(f, arg)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", brief.Why, err)
			status = exitUsage
			continue
		}
		fmt.Fprintln(stdout, text(withReason(a, lines)))
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
	real := resolve(p)
	a := f.Path(real)
	if real != p {
		a.What = fmt.Sprintf("%s (%s)", p, real)
	}
	return a, nil
}

// Running answers about a jail that runs.
func Running(j launch.Running, arg string) (brief.Answer, error) {
	if !isPath(arg) {
		host, port, err := brief.Target(arg)
		if err != nil {
			return brief.Answer{}, err
		}
		return steer.WhyHost(j, host, port)
	}
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(arg, "~/"); ok && err == nil {
		arg = filepath.Join(home, rest)
	}
	p, err := filepath.Abs(arg)
	if err != nil {
		return brief.Answer{}, err
	}
	return steer.WhyPath(j, resolve(p))
}

// isPath: everything with a slash in it, and what is there.
func isPath(arg string) bool {
	if strings.Contains(arg, "/") || arg == "." || arg == ".." {
		return true
	}
	_, err := os.Lstat(arg)
	return err == nil
}

// resolve is p without the symlinks of what exists of it. The last part stays as
// it is where it leads nowhere.
func resolve(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	dir := filepath.Dir(p)
	if dir == p {
		return p
	}
	return filepath.Join(resolve(dir), filepath.Base(p))
}

// news is what was said since the start, a line each (egress.Options.Told).
func news() (lines []string) {
	text, err := os.ReadFile(brief.RefusedPath)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if _, line, ok := strings.Cut(strings.TrimSpace(line), " "); ok { // the time
			lines = append(lines, line)
		}
	}
	return lines
}

// with adds the rules that the user added.
func with(f *brief.Facts, lines []string) {
	for _, line := range lines {
		what, rest, _ := strings.Cut(line, " ")
		rule, _, _ := strings.Cut(rest, " ")
		switch what {
		case "allowed":
			f.Network.Allow = append(f.Network.Allow, rule)
			f.Network.Deny = slices.DeleteFunc(f.Network.Deny, func(d string) bool { return d == rule })
		case "denied":
			f.Network.Deny = append(f.Network.Deny, rule)
			f.Network.Allow = slices.DeleteFunc(f.Network.Allow, func(a string) bool { return a == rule })
		}
	}
}

// withReason adds why a host was refused, if that was after the rules had changed.
func withReason(a brief.Answer, lines []string) brief.Answer {
	host, _, err := net.SplitHostPort(a.What)
	if err != nil {
		return a // a path
	}
	if a.Verdict == brief.Allowed && a.Rule == "mode internet" {
		a.Why += ", and as far as the user has not denied it by name"
	}
	by := a
	for _, line := range lines {
		what, rest, _ := strings.Cut(line, " ")
		if what != "refused" {
			a = by // the rules are others
			continue
		}
		for _, to := range []string{host, a.What} {
			// A name that is allowed may be refused for another reason.
			if why, ok := strings.CutPrefix(rest, to+": "); ok && (a.Verdict == brief.Refused || to == a.What) {
				a.Verdict, a.Why = brief.Refused, show.Visible(why)
			}
		}
	}
	return a
}
