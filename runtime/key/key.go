package key

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	programs "github.com/jailed-claude/jailed-claude/internal/program"
	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/runtime/egress/sigv4"
	"github.com/jailed-claude/jailed-claude/runtime/login"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Caller is whose keys are read.
type Caller struct {
	// Env is the environment.
	Env map[string]string
	// Home is what "~/" stands for, and where programs run.
	Home string
	// Project is what the jail can write to. No program is taken from there.
	Project string
	// Never are more folders and files that the jail can write to, from which no
	// program is taken.
	Never []string
	// Stderr is where programs say what is wrong or ask for something.
	Stderr *os.File
	// Warn is told of what is unwise. Nil for nobody.
	Warn func(string)
}

// Error says which key could not be read, and what to do.
type Error struct {
	// Broker is its name, From where its key comes from.
	Broker, From string
	// Fix is a line for the user.
	Fix string
	Err error
}

func (e *Error) Error() string {
	return fmt.Sprintf("broker %q: the key from %q: %v", e.Broker, e.From, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Limits.
const (
	commandTimeout = 30 * time.Second
	maxSize        = 16 << 10
)

// All reads the keys of brokers, by name; of one from a login, it is the folder
// of that, and none where there is no login yet. It stops at the first that is
// missing; the error is an *Error.
func All(ctx context.Context, brokers []network.Broker, c Caller) (map[string]string, error) {
	keys := map[string]string{}
	for _, b := range brokers {
		if b.From == "" {
			continue
		}
		k, err := c.read(ctx, b)
		if b.NoLogin() && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys[b.Name] = k
	}
	return keys, nil
}

func (c *Caller) read(ctx context.Context, b network.Broker) (string, error) {
	kind, value, _ := strings.Cut(b.From, ":")
	var k, fix string
	var err error
	switch kind {
	case "env":
		fix = fmt.Sprintf("set the variable: export %s=…", value)
		if k = c.Env[value]; k == "" {
			err = errors.New("the variable is not set, or empty")
		}
	case "file":
		fix = "the file has to hold the key on one line, and belong to you or root"
		k, err = c.file(b, value)
	case "command":
		fix = "the program has to print the key on one line, within 30 seconds and without input: try it in a shell"
		started := clock()
		if k, err = c.command(ctx, value); err == nil && b.TTL != "" {
			if k = strings.TrimSpace(k); broker.CheckKey(k) == nil {
				return stamped(k, started), nil
			}
		}
	case "aws":
		fix = "aws configure writes such a profile; for short-lived keys, write them into the same file"
		if b.From != network.AWSEnv {
			file := c.awsFile()
			how, first := c.elsewhere(value)
			if _, err = (&aws{file, value}).Key(ctx); err == nil && !first {
				return file, nil // it is read again for each request
			}
			if how != "" {
				err = fmt.Errorf("the profile has its keys by %s, and jailed-claude does not ask for those", how)
				fix = fmt.Sprintf(`start it with keys that hold for some hours: eval "$(aws configure export-credentials --profile %s --format env)", and from = %q`, value, network.AWSEnv)
			}
			break
		}
		fix = "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…"
		if k = c.Env[network.AWSSecret]; k == "" || c.Env[network.AWSKeyID] == "" {
			err = errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set, or empty")
		}
		k = sigv4.Key(c.Env[network.AWSKeyID], k, c.Env[network.AWSToken])
	case "login":
		fix = "log in on this host, with the agent itself"
		name, dir, _ := b.Login()
		format, known := credential.Named(name)
		if !known {
			err = fmt.Errorf("there is no format %q of logins", name)
			break
		}
		if _, err = login.Read(format, c.path(dir)); err == nil {
			return c.path(dir), nil // who serves the broker reads it again for each request
		}
	default:
		err = errors.New("there is no such kind")
	}
	if err == nil {
		k = strings.TrimSpace(k)
		err = broker.CheckKey(k)
	}
	if err != nil {
		fix += fmt.Sprintf("; or take the broker %q out of the policy", b.Name)
		if b.Name == network.AnthropicBroker && kind == "env" {
			fix += `, or write agent.key = "none" in it`
		}
		return "", &Error{Broker: b.Name, From: b.From, Fix: fix, Err: err}
	}
	return k, nil
}

// path is p with the home folder written out.
func (c *Caller) path(p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		return filepath.Join(c.Home, rest)
	}
	return p
}

// inProject: the jail decides what p is.
func (c *Caller) inProject(p string) bool {
	if c.Project == "" {
		return false
	}
	for _, p := range []string{p, resolved(p)} {
		rel, err := filepath.Rel(resolved(c.Project), p)
		if err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

func resolved(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return p
}

// file reads a key from a file. A symlink is followed: secrets managers make
// them.
func (c *Caller) file(b network.Broker, name string) (string, error) {
	name = c.path(name)
	// Not a FIFO that nobody writes to.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", os.NewSyscallError("fstat", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "", fmt.Errorf("%q is no regular file", name)
	case st.Uid != uint32(os.Getuid()) && st.Uid != 0:
		return "", fmt.Errorf("%q belongs to uid %d, neither to you nor to root", name, st.Uid)
	}
	if st.Mode&0o004 != 0 {
		c.warn("%q, with the key of broker %q, can be read by every user of this host: chmod 600 it", name, b.Name)
	}
	if c.inProject(name) {
		c.warn("%q, with the key of broker %q, is in the project, where the jail can read it: keep it elsewhere", name, b.Name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(text) > maxSize {
		err = errTooLong
	}
	return string(text), err
}

func (c *Caller) warn(format string, args ...any) {
	if c.Warn != nil {
		c.Warn(fmt.Sprintf(format, args...))
	}
}

var errTooLong = fmt.Errorf("there are more than %d KiB", maxSize>>10)

// forShell are characters with a meaning to a shell that none is there for.
const forShell = "'\"\\$`|&;<>"

// command runs a program and returns what it prints. No shell: words are
// separated by spaces.
func (c *Caller) command(ctx context.Context, line string) (string, error) {
	words := strings.Fields(line)
	if i := strings.IndexAny(line, forShell); i >= 0 {
		return "", fmt.Errorf("%q has no meaning: the program is started without a shell, and its arguments are separated by spaces alone (a script can do more)", line[i:i+1])
	}
	program, err := c.program(words[0])
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	out := &limited{cancel: cancel}
	p := exec.CommandContext(ctx, program, words[1:]...)
	// Not in the project: what lies there is the agent's to write, and some
	// programs look for their configuration around them.
	p.Dir = c.Home
	p.Env = []string{}
	for name, value := range c.Env {
		p.Env = append(p.Env, name+"="+value)
	}
	p.Stdout = out
	if c.Stderr != nil {
		p.Stderr = c.Stderr
	}
	p.WaitDelay = time.Second
	err = p.Run()
	switch {
	case out.full:
		return "", errTooLong
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%q has not ended after %v", program, commandTimeout)
	case err != nil:
		return "", fmt.Errorf("%q: %w", program, err)
	}
	return out.buf.String(), nil
}

// program finds a program by its whole path or on PATH, never in the project.
func (c *Caller) program(name string) (string, error) {
	p := c.path(name)
	if !filepath.IsAbs(p) {
		if strings.Contains(p, "/") {
			return "", fmt.Errorf("%q is relative: write its whole path, or ~/", name)
		}
		if p = c.onPath(name); p == "" {
			return "", fmt.Errorf("%q is not on PATH: %w", name, fs.ErrNotExist)
		}
	}
	switch {
	case c.inProject(p):
		return "", fmt.Errorf("%q is in the project, where the jail can change it: refused", p)
	case programs.In(p, c.Never):
		return "", fmt.Errorf("%q is where the jail can change it: refused", p)
	}
	return p, nil
}

func (c *Caller) onPath(name string) string {
	for _, dir := range filepath.SplitList(c.Env["PATH"]) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	return ""
}

// limited holds what was written, and gives up when that is too much for a key.
type limited struct {
	buf    bytes.Buffer // not embedded: io.Copy would use its ReadFrom
	full   bool
	cancel func()
}

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > maxSize {
		l.full = true
		l.cancel()
		return 0, errTooLong
	}
	return l.buf.Write(p)
}
