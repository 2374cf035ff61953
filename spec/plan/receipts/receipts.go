package receipts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/bundle/receipt/sshsig"
	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// Order is what crosses to the supervisor: the draft, descriptors of the folder and
// of the key, the name in the folder, and the agent that has the key.
type Order struct {
	Draft []byte
	Dir   int
	Name  string
	Key   int
	Agent string
}

// Begin begins the receipt of a session that is to be written to a file and signed
// with a key; nothing where there is no file. Runtime is the path of the program that
// creates the container, if that is another one.
func Begin(in *spec.Input, j *contract.Jail, o plan.Options, session, runtime, file, key string) (r Order, err error) {
	if file == "" {
		if key != "" {
			err = errors.New("--receipt-key: there is no receipt to sign; name its file: --receipt FILE")
		}
		return r, err
	}
	s, err := draft(in, j, o, session)
	if err != nil {
		return r, err
	}
	if filepath.IsAbs(runtime) {
		sum, err := fileDigest(runtime)
		if err != nil {
			return r, fmt.Errorf("--receipt: the runtime: %w", err)
		}
		s.Predicate.Session.Container = &receipt.Program{Path: receipt.Text(runtime), Digest: sum}
	}
	if r.Draft, err = s.Render(); err != nil {
		return r, err
	}
	if err := outside(file, j.Spec.Mounts); err != nil {
		return r, fmt.Errorf("--receipt: %w", err)
	}
	if _, err := os.Lstat(file); err == nil {
		return r, fmt.Errorf("--receipt: %q exists, and a receipt replaces nothing", file)
	}
	r.Name = filepath.Base(file)
	if r.Dir, err = unix.Open(filepath.Dir(file), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return r, fmt.Errorf("--receipt: %w", &fs.PathError{Op: "open", Path: filepath.Dir(file), Err: err})
	}
	if key != "" {
		if err = r.openKey(key, j.Spec.Mounts); err != nil {
			return r, fmt.Errorf("--receipt-key: %w", err)
		}
	}
	return r, nil
}

func draft(in *spec.Input, j *contract.Jail, o plan.Options, session string) (*receipt.Statement, error) {
	config, err := bundle.Marshal(j.Spec)
	if err != nil {
		return nil, err
	}
	s := receipt.New(config)
	p := &s.Predicate
	p.Session = receipt.Session{ID: session, Project: receipt.Text(in.Host.Project.Dir), Runtime: o.Version, Started: time.Now().UTC().Truncate(time.Millisecond)}
	if p.Policy.Effective, p.Policy.Project, err = o.Digests(); err != nil {
		return nil, err
	}
	if o.Locked == nil || *o.Locked {
		if p.Lock, err = lockDigest(filepath.Join(o.Dir(), lock.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	p.Network.Mode = in.Policy.Network.Mode
	p.Agent.Program = in.Closure.Agent
	if len(in.Command) > 0 {
		p.Agent.Program = in.Command[0]
	} else {
		p.Agent.Name = in.Policy.Agent.Name
		p.Agent.Version = version(in.Closure.Agent, in.Policy.Agent.Row().Package)
	}
	p.Agent.Program = receipt.Text(p.Agent.Program)
	return s, nil
}

func lockDigest(file string) (string, error) {
	_, text, err := lock.Read(file)
	if err != nil {
		return "", err
	}
	return digest.Of(text), nil
}

// version is that of a program, as far as where it lies says it: the name of its
// store path, the npm package around it, or the file itself, as Claude Code's own
// installer has it (versions/2.1.3). Empty where nothing does.
func version(program, npm string) string {
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return ""
	}
	return versionAt(real, npm)
}

func versionAt(real, npm string) string {
	if rest, ok := strings.CutPrefix(real, "/nix/store/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		for i := range name {
			if name[i] == '-' && i > 32 && i+1 < len(name) && digit(name[i+1]) { // behind the hash
				return name[i+1:]
			}
		}
		return ""
	}
	if base := filepath.Base(real); digit(base[0]) && filepath.Base(filepath.Dir(real)) == "versions" {
		return base
	}
	for dir := filepath.Dir(real); npm != "" && dir != "/"; dir = filepath.Dir(dir) {
		f, err := regular.Open(filepath.Join(dir, "package.json"))
		if err != nil {
			continue
		}
		var p struct{ Name, Version string }
		err = json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&p)
		f.Close()
		if err == nil && p.Name == npm {
			return p.Version
		}
	}
	return ""
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// outside refuses a path that is, or would be, in something that a jail mounts: what
// its agent could reach, whether it may write there or not. Folders are compared by
// what they are, not by how they are called.
func outside(file string, mounts []specs.Mount) error {
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return err
	}
	var held []os.FileInfo
	for _, m := range mounts {
		for _, p := range sources(m) {
			if fi, err := os.Stat(p); err == nil {
				held = append(held, fi)
			}
		}
	}
	for at := filepath.Join(dir, filepath.Base(abs)); ; at = filepath.Dir(at) {
		if fi, err := os.Stat(at); err == nil {
			for _, h := range held {
				if os.SameFile(fi, h) {
					return hint.Add(fmt.Errorf("%q is within reach of the jail, which has %q", file, at), "name a file in another folder")
				}
			}
		}
		if at == "/" {
			return nil
		}
	}
}

// sources are the folders and files of the host that a mount shows.
func sources(m specs.Mount) []string {
	if l, ok := contract.LayerOf(m); ok {
		return []string{l.Lower, filepath.Dir(l.Upper)}
	}
	if filepath.IsAbs(m.Source) {
		return []string{m.Source}
	}
	return nil
}

// openKey opens a file with a key, which is read when the jail has ended.
func (r *Order) openKey(file string, mounts []specs.Mount) error {
	f, err := regular.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return err
	}
	_, private, err := sshsig.Key(text)
	switch {
	case errors.Is(err, sshsig.ErrPassphrase):
		return hint.Add(fmt.Errorf("%q: %w", file, err), "an ssh agent can sign with it: ssh-add "+file, "and then name the public key: --receipt-key "+file+".pub")
	case err != nil:
		return fmt.Errorf("%q: %w", file, err)
	case private != nil:
		// Who reads the key can sign what it likes.
		err = outside(file, mounts)
	default:
		r.Agent = source.Environ()["SSH_AUTH_SOCK"]
		if !filepath.IsAbs(r.Agent) {
			err = hint.Add(fmt.Errorf("%q is a public key, and there is no ssh agent that has the private one", file), "start one: eval $(ssh-agent); ssh-add KEY")
		}
	}
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r.Key, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	return err
}
