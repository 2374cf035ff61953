package audit

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/files"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/moves"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

// Scene is what the attacks look for: baits of the caller's, and what was there
// before. It exists for one run.
type Scene struct {
	bait   *attack.Bait
	secret string
	// run is XDG_RUNTIME_DIR of the caller.
	run string
	// existing are the folders and files among those that attacks may make.
	existing map[string]bool
	undo     []func()
	// stage is where the host works during the attacks.
	stage *moves.Stage
	// next is another project with jails of its own.
	next *neighbour
	// apart is the jail of the attacks that need more than the policy has.
	apart    apart
	remains  remains
	target   *exec.Cmd
	toTarget io.Writer
	master   *os.File
	slave    *os.File
	leaked   []*os.File
	before   state
	// began is when the attacks did.
	began time.Time

	mu        sync.Mutex
	messages  map[string]bool
	signalled bool
	screen    bytes.Buffer
	// maxRSS of the process that was started, in bytes.
	maxRSS int64
	after  state
	typed  string
	size   unix.Winsize
}

// state of the host that a jail must leave as it was.
type state struct {
	mounts, cgroups map[string]bool
	names           map[string]map[string]bool
}

// options of Prepare.
type options struct {
	// Self is this program. It is started as the process of the caller that
	// attacks reach for, by "audit --target=MARK".
	Self string
	// Getenv reads the caller's environment. XDG_RUNTIME_DIR is where the
	// caller's sockets are; the jail's may be another.
	Getenv func(string) string
	// Only are the classes and names of the attacks that are made; none means all.
	Only []string
}

// secretEnv is the variable of the caller that holds the secret.
const secretEnv = "JAILED_CLAUDE_AUDIT_SECRET"

// prepare lays out the baits. Close takes them away again, also after an error.
//
// Preconditions: the goroutine is locked to its thread, and Run is called from
// it: a session keyring belongs to a thread.
func prepare(f attack.Facts, o options) (*Scene, error) {
	if c := suite.Unknown(o.Only); c != "" {
		return nil, fmt.Errorf("there is no class %q, and no attack of that name; the classes are: %s", c, strings.Join(suite.Classes(), ", "))
	}
	r := make([]byte, 16)
	if _, err := random(r); err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	s := &Scene{secret: fmt.Sprintf("%s%x", attack.SecretPrefix, r), messages: map[string]bool{}, existing: map[string]bool{}}
	if _, err := random(r); err != nil {
		return nil, fmt.Errorf("make a name: %w", err)
	}
	s.bait = &attack.Bait{
		Hash: attack.Digest([]byte(s.secret)), Mark: fmt.Sprintf(".jailed-claude-audit-%x", r[:6]), Facts: f, Only: o.Only, UID: os.Getuid(),
		Secrets: map[string]string{}, Private: map[string][]string{}, Inodes: map[string]string{}, Sockets: map[string]string{},
	}
	if s.run = o.Getenv("XDG_RUNTIME_DIR"); s.run == "" {
		s.run = f.RuntimeDir
	}
	s.before = s.look()
	for _, p := range s.candidates() {
		for ; p != "/" && p != "."; p = filepath.Dir(p) {
			if attack.Exists(p) {
				s.existing[p] = true
			}
		}
	}
	s.private()
	s.bait.Services = s.services(o.Getenv)
	// A socket lies beside a secret: in this order.
	for _, step := range []struct {
		what string
		do   func() error
	}{{"secrets", s.files}, {"terminal", s.terminal}, {"sockets", s.listen}, {"process", func() error { return s.startTarget(o.Self) }}} {
		if err := step.do(); err != nil {
			s.Close()
			return nil, fmt.Errorf("prepare the %s: %w", step.what, err)
		}
	}
	s.shared()
	// Where the project takes no files there is nothing to replace.
	dir := filepath.Join(f.Project, s.bait.Marked("host"))
	if stage, err := moves.Lay(dir, s.secret, s.bait); err == nil {
		s.stage = stage
		s.remains.Folders = append(s.remains.Folders, dir)
	}
	if err := s.tellTarget(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// granted: a grant of the jail holds the path.
func (s *Scene) granted(p string) bool {
	for _, g := range s.bait.Facts.Granted {
		if attack.Within(p, g) {
			return true
		}
	}
	return false
}

// files lays out secrets. Places that cannot be written are left out.
func (s *Scene) files() error {
	f := s.bait.Facts
	for place, dir := range map[string]string{
		"home": f.Home, "tmp": "/tmp", "vartmp": "/var/tmp", "run": s.run, "beside": filepath.Dir(f.Project), "shm": "/dev/shm",
		"config": filepath.Join(f.Home, ".config/jailed-claude"),
	} {
		own := filepath.Join(dir, s.bait.Marked(place))
		if dir == "" || !attack.Exists(dir) || s.granted(own) || os.Mkdir(own, 0o700) != nil {
			continue
		}
		s.remains.Folders = append(s.remains.Folders, own)
		p := filepath.Join(own, "secret")
		if err := os.WriteFile(p, []byte(s.secret+"\n"), 0o600); err != nil {
			return err
		}
		s.bait.Secrets[place] = p
		if place == "beside" {
			if err := s.besideProject(p); err != nil {
				return err
			}
		}
		if place == "home" {
			d, err := os.Open(own)
			if err != nil {
				return err
			}
			s.leaked = append(s.leaked, d)
		}
	}
	fd, err := unix.MemfdCreate("jailed-claude-audit", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	m := os.NewFile(uintptr(fd), "secret")
	if _, err := m.WriteString(s.secret); err != nil {
		return err
	}
	s.leaked = append(s.leaked, m)
	return nil
}

// besideProject adds a program, and the number of the secret's file.
func (s *Scene) besideProject(secret string) error {
	p := filepath.Join(filepath.Dir(secret), "program")
	if err := os.WriteFile(p, []byte("#!/bin/sh\necho "+s.secret+"\n"), 0o700); err != nil { //nolint:gosec // it is to be executed
		return err
	}
	s.bait.Secrets["program"] = p
	var file, project unix.Stat_t
	if err := unix.Stat(secret, &file); err != nil {
		return err
	}
	if err := unix.Stat(s.bait.Facts.Project, &project); err != nil {
		return err
	}
	if h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, secret, 0); err == nil && file.Dev == project.Dev {
		s.bait.Handle, s.bait.HandleType = h.Bytes(), h.Type()
	}
	return nil
}

// candidates are all paths of the host at which attacks may leave something.
func (s *Scene) candidates() []string {
	f := s.bait.Facts
	var all []string
	for _, dir := range []string{"/", "/etc", "/usr/bin", storepath.Dir, "/var", "/run", "/tmp", "/dev/shm", "/var/tmp"} {
		all = append(all, filepath.Join(dir, s.bait.Marked("file")))
	}
	project, home := files.Made()
	for _, p := range project {
		all = append(all, filepath.Join(f.Project, p))
	}
	for _, p := range home {
		all = append(all, filepath.Join(f.Home, p))
	}
	return all
}

// private lists what the host has that an agent would like.
func (s *Scene) private() {
	home := func(names ...string) (all []string) {
		for _, n := range names {
			all = append(all, filepath.Join(s.bait.Facts.Home, n))
		}
		return all
	}
	homes, _ := filepath.Glob("/home/*")
	var others []string
	for _, h := range append(homes, "/root") {
		if !attack.Within(s.bait.Facts.Home, h) && !attack.Within(s.bait.Facts.Project, h) {
			others = append(others, h)
		}
	}
	for kind, paths := range map[string][]string{
		"homes": others,
		"credentials": home(".ssh", ".aws", ".gnupg", ".netrc", ".config/gh", ".docker/config.json", ".kube", ".config/gcloud", ".azure", ".npmrc", ".pypirc", ".cargo/credentials.toml",
			".git-credentials", ".password-store", ".claude/.credentials.json", ".local/share/keyrings", ".config/op", ".terraform.d", ".vault-token"),
		"histories": home(".bash_history", ".zsh_history", ".python_history", ".local/share/fish", ".mozilla", ".config/google-chrome", ".config/chromium", ".lesshst", ".viminfo"),
		"logs":      {"/var/log"},
		"state":     {"/var/lib", "/srv", "/opt", "/root", "/boot", "/mnt", "/media"},
		"spool":     {"/var/mail", "/var/spool"},
		"nix":       {"/nix/var/nix/db", "/nix/var/nix/profiles", "/nix/var/nix/gcroots", "/nix/var/log"},
	} {
		for _, p := range paths {
			if s.shows(p) && !s.granted(p) {
				s.bait.Private[kind] = append(s.bait.Private[kind], p)
				s.inode(p)
			}
		}
	}
	for _, p := range s.candidates() {
		s.inode(p)
		s.inode(filepath.Dir(p))
	}
	for _, dir := range []string{"/var/spool/cron/crontabs", "/etc/cron.d", "/etc/profile.d", "/etc", "/etc/systemd/system", "/run/systemd/system", "/etc/sudoers.d", "/etc/udev/rules.d"} {
		s.inode(dir)
	}
	if text, err := os.ReadFile("/etc/passwd"); err == nil {
		s.bait.Accounts = attack.Digest(text)
	}
	s.store()
}

// shows: the caller sees something in it.
func (*Scene) shows(p string) bool {
	fi, err := os.Stat(p)
	if err != nil {
		return false
	}
	if fi.IsDir() {
		return len(attack.DirNames(p)) > 0
	}
	f, err := os.Open(p)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

func (s *Scene) inode(p string) {
	var st unix.Stat_t
	if unix.Stat(p, &st) == nil {
		s.bait.Inodes[p] = attack.Inode(&st)
	}
}

// store lists some paths of the store that are not granted.
func (s *Scene) store() {
	const dir = storepath.Dir
	if s.granted(dir) {
		return
	}
	for name := range attack.DirNames(dir) {
		p := filepath.Join(dir, name)
		if s.shows(p) && !s.granted(p) && !strings.HasPrefix(name, ".") {
			s.bait.StorePaths = append(s.bait.StorePaths, p)
			s.inode(p)
		}
		if len(s.bait.StorePaths) == 20 {
			return
		}
	}
}
