package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Scene is what the attacks look for: baits of the caller's, and what was there
// before. It exists for one run.
type Scene struct {
	bait   *Bait
	secret string
	// run is XDG_RUNTIME_DIR of the caller.
	run string
	// existing are the folders and files among those that attacks may make.
	existing map[string]bool
	undo     []func()
	remains  remains
	target   *exec.Cmd
	toTarget io.Writer
	master   *os.File
	slave    *os.File
	leaked   []*os.File
	before   state

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

// Options of Prepare.
type Options struct {
	// Self is this program. It is started as the process of the caller that
	// attacks reach for, by "audit --target=MARK".
	Self string
	// Getenv reads the caller's environment. XDG_RUNTIME_DIR is where the
	// caller's sockets are; the jail's may be another.
	Getenv func(string) string
	// Classes are those of the attacks that are made; none means all.
	Classes []string
}

// secretEnv is the variable of the caller that holds the secret.
const secretEnv = "JAILED_CLAUDE_AUDIT_SECRET"

// Prepare lays out the baits. Close takes them away again, also after an error.
//
// Preconditions: the goroutine is locked to its thread, and Run is called from
// it: a session keyring belongs to a thread.
func Prepare(f Facts, o Options) (*Scene, error) {
	for _, c := range o.Classes {
		if all := Classes(); !slices.Contains(all, c) {
			return nil, fmt.Errorf("there is no class %q; the classes are: %s", c, strings.Join(all, ", "))
		}
	}
	r := make([]byte, 16)
	if _, err := random(r); err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	s := &Scene{secret: fmt.Sprintf("%s%x", secretPrefix, r), messages: map[string]bool{}, existing: map[string]bool{}}
	if _, err := random(r); err != nil {
		return nil, fmt.Errorf("make a name: %w", err)
	}
	s.bait = &Bait{
		Hash: digest([]byte(s.secret)), Mark: fmt.Sprintf(".jailed-claude-audit-%x", r[:6]), Facts: f, Classes: o.Classes, UID: os.Getuid(),
		Secrets: map[string]string{}, Private: map[string][]string{}, Inodes: map[string]string{}, Sockets: map[string]string{},
	}
	if s.run = o.Getenv("XDG_RUNTIME_DIR"); s.run == "" {
		s.run = f.RuntimeDir
	}
	s.before = s.look()
	for _, p := range s.candidates() {
		for ; p != "/" && p != "."; p = filepath.Dir(p) {
			if exists(p) {
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
	if err := s.tellTarget(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// granted: a grant of the jail holds the path.
func (s *Scene) granted(p string) bool {
	for _, g := range s.bait.Facts.Granted {
		if within(p, g) {
			return true
		}
	}
	return false
}

// files lays out secrets. Places that cannot be written are left out.
func (s *Scene) files() error {
	f := s.bait.Facts
	for place, dir := range map[string]string{"home": f.Home, "tmp": "/tmp", "vartmp": "/var/tmp", "run": s.run, "beside": filepath.Dir(f.Project), "shm": "/dev/shm",
		"config": filepath.Join(f.Home, ".config/jailed-claude")} {
		own := filepath.Join(dir, s.bait.marked(place))
		if dir == "" || !exists(dir) || s.granted(own) || os.Mkdir(own, 0o700) != nil {
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
	for _, dir := range []string{"/", "/etc", "/usr/bin", "/nix/store", "/var", "/run", "/tmp", "/dev/shm", "/var/tmp"} {
		all = append(all, filepath.Join(dir, s.bait.marked("file")))
	}
	all = append(all, filepath.Join(f.Project, raceName))
	for _, t := range trusted {
		all = append(all, filepath.Join(f.Project, t.path))
	}
	for _, t := range homeFiles {
		all = append(all, filepath.Join(f.Home, t.path))
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
		if !within(s.bait.Facts.Home, h) && !within(s.bait.Facts.Project, h) {
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
		s.bait.Accounts = digest(text)
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
		return len(dirNames(p)) > 0
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
		s.bait.Inodes[p] = inode(&st)
	}
}

// store lists some paths of the store that are not granted.
func (s *Scene) store() {
	const dir = "/nix/store"
	if s.granted(dir) {
		return
	}
	for name := range dirNames(dir) {
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

// Close takes away every bait, and what attacks have made.
func (s *Scene) Close() {
	for _, p := range s.candidates() {
		s.unplant(p)
	}
	for _, p := range append(slices.Clone(s.bait.Facts.Protected), s.bait.Facts.Hidden...) {
		s.moveBack(p)
	}
	f := s.bait.Facts
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", f.Project, f.Home} {
		left, _ := filepath.Glob(filepath.Join(dir, s.bait.Mark+"-*"))
		for _, p := range left {
			if ours(p) {
				_ = os.Remove(p)
			}
		}
	}
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	s.undo = nil
	s.remains.remove()
	for _, f := range append(s.leaked, s.master, s.slave) {
		if f != nil {
			_ = f.Close()
		}
	}
	s.leaked, s.master, s.slave = nil, nil, nil
}

// ours: a file that an attack made, and not one of the caller's that it moved.
func ours(p string) bool {
	fi, err := os.Lstat(p)
	if err != nil || fi.IsDir() {
		return false
	}
	return fi.Size() == 0 || fi.Mode()&os.ModeSymlink != 0 || isMarker(p)
}

func isMarker(p string) bool {
	text, err := os.ReadFile(p)
	return err == nil && string(text) == markerText
}

// Leftovers takes away what attacks of an audit that was killed have made in a
// project: files with the text of a marker, and folders that are empty without
// them. It returns their names. The project may change meanwhile: nothing
// outside of it is removed. Nor are baits: another audit may need its own.
func Leftovers(project string) (removed []string) {
	root, err := os.OpenRoot(project)
	if err != nil {
		return nil
	}
	defer root.Close()
	for _, t := range append(slices.Clone(trusted), trustedFile{path: raceName}) {
		if !holdsMarker(root, t.path) || root.Remove(t.path) != nil {
			continue
		}
		removed = append(removed, t.path)
		dir := filepath.Dir(t.path)
		if _, err := root.Lstat(filepath.Join(dir, "HEAD")); err != nil && filepath.Base(dir) == ".git" {
			_, _ = root.Remove(filepath.Join(dir, "objects")), root.Remove(filepath.Join(dir, "refs"))
		}
		for dir != "." && root.Remove(dir) == nil {
			dir = filepath.Dir(dir)
		}
	}
	return removed
}

// holdsMarker opens no more than a file of the right size: there may be pipes.
func holdsMarker(root *os.Root, name string) bool {
	if fi, err := root.Lstat(name); err != nil || !fi.Mode().IsRegular() || fi.Size() != int64(len(markerText)) {
		return false
	}
	text, err := root.ReadFile(name)
	return err == nil && string(text) == markerText
}

// moveBack undoes what an attacker that was killed could not.
func (s *Scene) moveBack(p string) {
	for ; within(p, s.bait.Facts.Project) && p != s.bait.Facts.Project; p = filepath.Dir(p) {
		dir := filepath.Dir(p)
		if !exists(p) {
			_ = os.Rename(filepath.Join(dir, s.bait.marked("moved")), p)
			_ = os.Rename(filepath.Join(dir, s.bait.marked("around"), "moved"), p)
		}
		for _, d := range []string{dir, s.bait.Facts.Project} {
			evil := filepath.Join(d, s.bait.marked("evil"))
			if isMarker(p) && exists(evil) && !isMarker(evil) {
				_ = os.Rename(evil, p)
			}
		}
	}
}

// unplant removes a marker, and the folders that were made for it.
func (s *Scene) unplant(p string) {
	if s.existing[p] {
		return
	}
	if isMarker(p) {
		_ = os.Remove(p)
	}
	if filepath.Base(filepath.Dir(p)) == ".git" {
		for _, d := range []string{"objects", "refs"} {
			if dir := filepath.Join(filepath.Dir(p), d); !s.existing[filepath.Dir(p)] {
				_ = os.Remove(dir)
			}
		}
	}
	for d := filepath.Dir(p); !s.existing[d] && len(d) > 1; d = filepath.Dir(d) {
		if err := os.Remove(d); err != nil && !errors.Is(err, os.ErrNotExist) {
			return // not empty
		}
	}
}
