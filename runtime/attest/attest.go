package attest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/bundle/receipt/sshsig"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/hold"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
)

// End is what is known of a session when it has ended.
type End struct {
	Status  int
	Network *report.Summary
	// Watch and Hold have reported.
	Watch *watch.Watch
	Hold  *hold.Hold
	// Layers are by the folders that they lie over.
	Layers map[string]rootfs.Layer
	// Dial connects to the ssh agent of the host.
	Dial func(context.Context) (net.Conn, error)

	// read is how much of what changed has been read.
	read int64
}

// maxListed bounds what a jail can make a receipt grow by, maxTree and maxRead what of
// a folder and of all files is read for it, which may be larger than any disk;
// patience is for an agent, which may ask its user.
const (
	maxListed = 1000
	maxTree   = 10000
	maxRead   = 4 << 30
	patience  = 5 * time.Minute
)

// Write writes the receipt, if one was asked for. If it cannot, it says why and
// returns false.
//
// Preconditions: nothing of the jail runs any more.
func Write(out io.Writer, r launch.Receipt, e End) bool {
	if len(r.Draft) == 0 {
		return true
	}
	err := e.write(r)
	if err != nil {
		fmt.Fprintf(out, "jailed-claude: there is no receipt: %v\n", err)
	}
	if advice, ok := errors.AsType[*hint.Error](err); ok {
		for _, line := range advice.Lines {
			fmt.Fprintf(out, "jailed-claude: hint: %s\n", line)
		}
	}
	return err == nil
}

func (e *End) write(r launch.Receipt) error {
	s, err := receipt.Draft(r.Draft)
	if err != nil {
		return err
	}
	s.Predicate.Session.Ended = time.Now().UTC().Truncate(time.Millisecond)
	s.Predicate.Session.ExitStatus = e.Status
	e.network(&s.Predicate.Network)
	e.changed(&s.Predicate)
	if err := e.layers(s); err != nil {
		return err
	}
	text, err := s.Render()
	if err == nil && r.Key > 0 {
		text, err = e.sign(r.Key, text)
	}
	if err != nil {
		return err
	}
	return place(r, s.Predicate.Session.ID, text)
}

func (e *End) network(n *receipt.Network) {
	n.Allowed, n.Refused = []receipt.Decision{}, []receipt.Decision{}
	if e.Network == nil {
		return
	}
	for _, d := range e.Network.Reached {
		n.Allowed = append(n.Allowed, receipt.Decision{What: destination(d.Host, d.Port), Count: d.Count})
	}
	for _, d := range e.Network.Denied {
		n.Refused = append(n.Refused, receipt.Decision{What: destination(d.Host, d.Port), Count: d.Count, Why: receipt.Text(d.Why)})
	}
	for _, u := range e.Network.Signatures {
		n.Refused = append(n.Refused, receipt.Decision{What: receipt.Text("ssh " + u.What + " " + u.Name), Count: u.Count, Why: receipt.Text(u.Why)})
	}
	for _, b := range e.Network.Bridges {
		if b.Used > 0 {
			n.Bridges = append(n.Bridges, receipt.Decision{What: receipt.Text(b.Name), Count: b.Used})
		}
		if b.Refused > 0 {
			n.Refused = append(n.Refused, receipt.Decision{What: receipt.Text(strings.TrimSpace("bridge " + b.Name)), Count: b.Refused, Why: receipt.Text(b.Why)})
		}
	}
	n.MoreAllowed, n.MoreRefused = e.Network.MoreReached, e.Network.More
	n.Added = slices.Clone(e.Network.Added)
}

func destination(host string, port uint16) string {
	if port == 0 {
		return receipt.Text(host)
	}
	return receipt.Text(net.JoinHostPort(host, strconv.Itoa(int(port))))
}

func (e *End) changed(p *receipt.Predicate) {
	p.Changed = []receipt.Change{}
	if e.Watch == nil {
		return
	}
	for _, f := range e.Watch.Found() {
		c := receipt.Change{Path: f.Path, Why: f.Why}
		c.Kind, c.Digest = e.look(f.Root, f.Below)
		list(p, c)
	}
	e.Hold.Unsure(e.Watch.Now, func(path, why string) { list(p, receipt.Change{Path: path, Why: why, Kind: receipt.Unseen}) })
}

// list adds a change, or counts it where there are too many.
func list(p *receipt.Predicate, c receipt.Change) {
	if len(p.Changed) >= maxListed {
		p.Unlisted++
		return
	}
	c.Path, c.Why = receipt.Text(c.Path), receipt.Text(c.Why)
	p.Changed = append(p.Changed, c)
}

// fits: a file of that size may be read.
func (e *End) fits(s *upper.State) bool {
	if s.Kind != upper.File {
		return true
	}
	if s.Size > maxRead-e.read {
		return false
	}
	e.read += s.Size
	return true
}

// look is what is at a path now, through no symlink. There is no digest of what is
// too much to read.
func (e *End) look(root int, below string) (kind, digest string) {
	fd, err := unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return receipt.Unseen, ""
	}
	d := os.NewFile(uintptr(fd), below)
	defer d.Close()
	s, err := upper.Stat(d, below)
	if err != nil || s == nil {
		return receipt.Unseen, ""
	}
	switch {
	case s.Kind == upper.Folder:
		s.Digest = e.tree(d, below)
	case e.fits(s):
		if s, err = upper.Lookup(d, below); err != nil || s == nil {
			return receipt.Unseen, ""
		}
	}
	if s.Digest != "" {
		digest = "sha256:" + s.Digest
	}
	return string(s.Kind), digest
}

// tree digests all that is in a folder; empty where that is too much or cannot be
// read.
func (e *End) tree(d *os.File, below string) string {
	var all []*upper.Change
	fits := true
	if _, _, err := upper.Tree(d, below, func(rel string, s *upper.State) {
		if len(all) <= maxTree {
			all = append(all, &upper.Change{Path: rel})
		}
		fits = fits && len(all) <= maxTree && e.fits(s)
	}); err != nil || !fits {
		return ""
	}
	h := sha256.New()
	for _, c := range all {
		var err error
		if c.New, err = upper.Lookup(d, below+"/"+c.Path); err != nil {
			return ""
		}
		receipt.LayerLine(h, "", c)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// layers adds a subject for what the layers hold that is not as it is below them:
// what a review shows.
func (e *End) layers(s *receipt.Statement) error {
	h, n := sha256.New(), 0
	lowers := make([]string, 0, len(e.Layers))
	for lower := range e.Layers {
		lowers = append(lowers, lower)
	}
	slices.Sort(lowers)
	for _, lower := range lowers {
		changes, err := changes(e.Layers[lower])
		if err != nil {
			return fmt.Errorf("read the layer over %q: %w", lower, err)
		}
		for _, c := range changes {
			if c.Unreadable != "" {
				return fmt.Errorf("read %q of the layer over %q: %s", c.Path, lower, c.Unreadable)
			}
			receipt.LayerLine(h, lower, c)
			n++
			if c.Unread {
				s.Predicate.LayerUnread++
			}
		}
	}
	if n > 0 {
		s.Subject = append(s.Subject, receipt.NewSubject(receipt.LayerName, hex.EncodeToString(h.Sum(nil))))
		s.Predicate.LayerChanges = n
	}
	return nil
}

func changes(l rootfs.Layer) ([]*upper.Change, error) {
	var dirs [2]*os.File
	for i, fd := range []int{l.Upper, l.Lower} {
		var err error
		// By a descriptor that can be read, which those of mounts cannot.
		if dirs[i], err = os.Open("/proc/self/fd/" + strconv.Itoa(fd)); err != nil {
			return nil, err
		}
		defer dirs[i].Close()
	}
	held, err := upper.Read(dirs[0], dirs[1], upper.Options{Most: maxRead})
	if err != nil {
		return nil, err
	}
	return held.Changes, nil
}

// sign puts a statement into an envelope. The key is read now, so that the memory of
// this process had none while the jail ran.
func (e *End) sign(key int, statement []byte) ([]byte, error) {
	f := os.NewFile(uintptr(key), "key")
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, err
	}
	public, private, err := sshsig.Key(text)
	if err != nil {
		return nil, err
	}
	if private == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn, err := e.Dial(ctx)
		if err != nil {
			return nil, fmt.Errorf("the ssh agent: %w", err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		private = sshsig.ByAgent(agent.NewClient(conn), public)
	}
	sealed, err := receipt.Seal(statement, private)
	if err != nil {
		return nil, hint.Add(err, "to see whether an agent has the key "+ssh.FingerprintSHA256(public)+": ssh-add -l")
	}
	return sealed, nil
}

// place makes the file, whole or not at all.
func place(r launch.Receipt, id string, text []byte) (err error) {
	next := "." + id + ".receipt"
	fd, err := unix.Openat(r.Dir, next, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: next, Err: err}
	}
	f := os.NewFile(uintptr(fd), next)
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = unix.Renameat2(r.Dir, next, r.Dir, r.Name, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) { // NFS
			err = unix.Linkat(r.Dir, next, r.Dir, r.Name, 0)
			_ = unix.Unlinkat(r.Dir, next, 0)
		}
	}
	if err != nil {
		_ = unix.Unlinkat(r.Dir, next, 0)
		return fmt.Errorf("write %q: %w", r.Name, err)
	}
	return nil
}
