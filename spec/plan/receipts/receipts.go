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
	"github.com/jailed-claude/jailed-claude/spec/policy"
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
	r.Name = filepath.Base(file)
	if r.Dir, err = unix.Open(filepath.Dir(file), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return r, fmt.Errorf("--receipt: %w", &fs.PathError{Op: "open", Path: filepath.Dir(file), Err: err})
	}
	if err := outside(file, r.Dir, r.Name, j.Spec.Mounts); err != nil {
		return r, fmt.Errorf("--receipt: %w", err)
	}
	var st unix.Stat_t
	if unix.Fstatat(r.Dir, r.Name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		return r, fmt.Errorf("--receipt: %q exists, and a receipt replaces nothing", file)
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
	if p.Policy.Effective, err = policy.Digest(o.Origin.Policy); err != nil {
		return nil, err
	}
	if p.Policy.Project, err = policy.Digest(o.Origin.Project); err != nil {
		return nil, err
	}
	if o.Origin.Lock != nil {
		p.Lock = digest.Of(o.Origin.Lock)
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
		if err = outside(file, int(f.Fd()), "", mounts); err == nil {
			err = oneName(f)
		}
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

// oneName refuses a file that has other names: a jail may have one of them.
func oneName(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Nlink > 1 {
		return hint.Add(fmt.Errorf("%q has %d names, and a jail may have another one of them", f.Name(), st.Nlink), "name a copy: cp "+f.Name()+" COPY")
	}
	return nil
}
