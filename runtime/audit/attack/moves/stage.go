package moves

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Stage is what the host has laid out.
type Stage struct {
	dir, secret string
	hides       map[string]string
	closers     map[string]io.Closer
}

// The names of what is hidden depend on the policy: one that hides every .env has
// a file of that name to replace.
const (
	hiddenFile   = "{file}"
	hiddenFolder = "{folder}"
)

// hiddenPrefix begins the names of attacks on what is hidden.
const hiddenPrefix = "host-hidden-"

// answers is where the host says that it has done what it was asked for.
const answers = "answers"

// Lay makes in dir, a folder that is not there, what the attacks of the classes
// need. secret is what the host puts into what is hidden. Close takes all of it
// away again.
func Lay(dir, secret string, b *attack.Bait) (*Stage, error) {
	s := &Stage{dir: dir, secret: secret, hides: hides(b.Facts.Hides), closers: map[string]io.Closer{}}
	moving, trapping := b.WantsAny(HostMoveAttacks()), b.WantsAny(TrapAttacks())
	if b.Further.Dir != "" {
		moving, trapping = b.WantsAny(FurtherAttacks()), true
	}
	if !moving && !trapping {
		return nil, nil
	}
	err := os.MkdirAll(filepath.Join(dir, answers), 0o755)
	if moving && err == nil {
		err = s.layMoves()
	}
	if trapping && err == nil {
		err = layTraps(filepath.Join(dir, traps))
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("lay out files for the host: %w", err)
	}
	b.Stage, b.Hidden = dir, s.hides
	return s, nil
}

func (s *Stage) layMoves() error {
	for _, m := range moves {
		p, ok := m.at(s.dir, s.hides)
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if m.repository {
			if err := repository(filepath.Join(s.dir, m.name)); err != nil {
				return err
			}
		}
		lay := write
		if m.lay != nil {
			lay = m.lay
		}
		if err := lay(s, p); err != nil {
			return err
		}
	}
	return nil
}

// Close takes away what is there.
func (s *Stage) Close() {
	if s == nil {
		return
	}
	for _, c := range s.closers {
		_ = c.Close()
	}
	_ = os.RemoveAll(s.dir)
}

// Play does what the attacker asks for: what the host does in the attack of that
// name.
func (s *Stage) Play(name string) {
	if s == nil {
		return
	}
	for _, m := range moves {
		p, ok := m.at(s.dir, s.hides)
		if !ok || m.name != name {
			continue
		}
		said := "done"
		if err := m.host(s, p); err != nil {
			said = "failed: " + err.Error()
		}
		at := filepath.Join(s.dir, answers, name)
		_ = os.WriteFile(at+".new", []byte(said), 0o644) //nolint:gosec // the jail reads it, whoever it is there
		_ = os.Rename(at+".new", at)
	}
}

// patience is how long the host may take.
const patience = 5 * time.Second

// ask has the host play its part of an attack.
func ask(e *attack.Env, name string) error {
	if err := e.Ask(name); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(e.Stage, answers, name))
		if err != nil {
			continue
		}
		if string(text) != "done" {
			return fmt.Errorf("the host: %s", text)
		}
		return nil
	}
	return fmt.Errorf("the host did not answer in %s", patience)
}

// hides finds a plain name of a file and one of a folder among the patterns of a
// policy: such a pattern holds in every folder.
func hides(patterns []string) map[string]string {
	found := map[string]string{}
	for _, p := range patterns {
		kind, name := hiddenFile, p
		if n, ok := strings.CutSuffix(p, "/"); ok {
			kind, name = hiddenFolder, n
		}
		if name != "" && !strings.ContainsAny(name, "/*?[]!\\{}") && found[kind] == "" {
			found[kind] = name
		}
	}
	return found
}

// write is what the host has in a file, first and later: the secret where the jail
// must not read it.
func write(s *Stage, p string) error {
	text := attack.MarkerText
	if strings.HasPrefix(p, filepath.Join(s.dir, hiddenPrefix)) {
		text += s.secret + "\n"
	}
	return os.WriteFile(p, []byte(text), 0o600)
}

// socket is a program of the host that answers with the secret.
func socket(s *Stage, p string) error {
	if c := s.closers[p]; c != nil {
		_ = c.Close()
	}
	address, done, err := short(p)
	if err != nil {
		return err
	}
	defer done()
	l, err := net.Listen("unix", address)
	if err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	s.closers[p] = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, s.secret+"\n")
			_ = c.Close()
		}
	}()
	return nil
}

// short is an address that a socket has room for (108 bytes, unix(7)).
func short(p string) (address string, done func(), err error) {
	fd, err := unix.Open(filepath.Dir(p), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("open", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(fd) + "/" + filepath.Base(p), func() { _ = unix.Close(fd) }, nil
}
