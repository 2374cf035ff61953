package audit

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/network"
)

var random = rand.Read

// socketPath is the path in a value such as "unix:path=/run/user/1/bus,guid=…",
// "unix:///run/docker.sock" or "/tmp/tmux-1/default,123,0"; empty if there is
// none.
func socketPath(v string) string {
	i := strings.IndexByte(v, '/')
	if i < 0 {
		return ""
	}
	v, _, _ = strings.Cut(v[i:], ",")
	return filepath.Clean(v)
}

// terminal makes the one that the jail is started from.
func (s *Scene) terminal() error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil //nolint:nilerr // a host without pseudo-terminals has nothing to type into
	}
	// Non-blocking: reads of it have deadlines.
	s.master = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return os.NewSyscallError("ioctl(TIOCSPTLCK)", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return os.NewSyscallError("ioctl(TIOCGPTN)", err)
	}
	name := "/dev/pts/" + strconv.Itoa(n)
	if s.slave, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return err
	}
	s.bait.Terminal = name
	s.inode(name)
	return os.NewSyscallError("ioctl(TIOCSWINSZ)", unix.IoctlSetWinsize(int(s.slave.Fd()), unix.TIOCSWINSZ, &terminalSize))
}

var terminalSize = unix.Winsize{Row: 24, Col: 80}

// listen opens a listener of every kind.
func (s *Scene) listen() error {
	name := "jailed-claude" + s.bait.Mark
	file := ""
	for _, place := range []string{"run", "tmp"} {
		// sun_path of unix(7) is short.
		if p, ok := s.bait.Secrets[place]; ok && file == "" && len(filepath.Dir(p)) < 100 {
			file = filepath.Join(filepath.Dir(p), "socket")
		}
	}
	lan := privateAddress()
	for _, l := range []struct{ key, network, address string }{
		{"tcp4", "tcp4", "127.0.0.1:0"},
		{"tcp4other", "tcp4", "127.1.2.3:0"},
		{"tcp6", "tcp6", "[::1]:0"},
		{"lan", "tcp4", lan},
		{"abstract", "unix", "@" + name},
		{"abstract-packet", "unixpacket", "@" + name + "-packet"},
		{"file", "unix", file},
	} {
		if l.address == "" {
			continue
		}
		listener, err := net.Listen(l.network, l.address)
		if err != nil {
			continue // no IPv6, no loopback: then there is nothing to reach
		}
		s.undo = append(s.undo, func() { _ = listener.Close() })
		s.bait.Sockets[l.key] = strings.TrimPrefix(listener.Addr().String(), "@")
		go s.serve(listener)
	}
	for _, l := range []struct{ key, network, address string }{{"udp4", "udp4", "127.0.0.1:0"}, {"udplan", "udp4", lan}, {"abstract-datagram", "unixgram", "@" + name + "-datagram"}} {
		if l.address == "" {
			continue
		}
		c, err := listenPacket(l.network, l.address)
		if err != nil {
			continue
		}
		s.undo = append(s.undo, func() { _ = c.Close() })
		s.bait.Sockets[l.key] = strings.TrimPrefix(c.LocalAddr().String(), "@")
		go s.receive(c)
	}
	return nil
}

func listenPacket(network, address string) (net.PacketConn, error) {
	if network == "unixgram" {
		return net.ListenUnixgram(network, &net.UnixAddr{Name: address, Net: network})
	}
	return net.ListenPacket(network, address)
}

// serve answers with the secret.
func (s *Scene) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, s.secret+"\n")
		_ = c.Close()
	}
}

// receive notes which attacks' messages arrive.
func (s *Scene) receive(c net.PacketConn) {
	b := make([]byte, 4096)
	for {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.messages[string(b[:n])] = true
		s.mu.Unlock()
	}
}

func (s *Scene) arrived(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages[s.bait.Marked(what)]
}

// privateAddress is where to listen on the host's own address, if that is not a
// public one.
func privateAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && p.Addr().IsPrivate() {
			return net.JoinHostPort(p.Addr().String(), "0")
		}
	}
	return ""
}

// startTarget starts a process of the caller that holds the secret.
func (s *Scene) startTarget(self string) error {
	c := exec.Command(self, "audit", attack.TargetArg+s.bait.Mark)
	c.Env = append(os.Environ(), secretEnv+"="+s.secret)
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	s.target, s.toTarget = c, in
	s.undo = append(s.undo, func() {
		_ = in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	r := bufio.NewReader(out)
	if _, err := fmt.Fscanln(r, &s.bait.Address, &s.bait.FD); err != nil {
		return fmt.Errorf("the bait process: %w", err)
	}
	s.bait.PID = c.Process.Pid
	go func() {
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			s.mu.Lock()
			s.signalled = true
			s.mu.Unlock()
		}
	}()
	return s.tellTarget()
}

// tellTarget says what outlives this process so far.
func (s *Scene) tellTarget() error {
	if err := json.NewEncoder(s.toTarget).Encode(s.remains); err != nil {
		return fmt.Errorf("the bait process: %w", err)
	}
	return nil
}

// Target is the part of the process that attacks reach for. It says where the
// secret is, then a line for every signal, until its standard input ends: then
// it takes away what was said there last, since an audit that was killed cannot.
func Target(in io.Reader, out io.Writer) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGUSR1)
	b := append([]byte(os.Getenv(secretEnv)), 0)
	fd, err := unix.MemfdCreate("jailed-claude-audit", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "secret")
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, strconv.FormatUint(uint64(uintptr(unsafe.Pointer(&b[0]))), 10), fd); err != nil {
		return err
	}
	go func() {
		for range signals {
			_, _ = fmt.Fprintln(out, "signal")
		}
	}()
	attack.Keep(&b)
	last := remains{}
	for d := json.NewDecoder(in); ; {
		var r remains
		if err := d.Decode(&r); err != nil {
			last.remove()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		last = r
	}
}

// remains are the baits that stay on the host when the process that laid them
// out ends. All have names of this audit alone.
type remains struct {
	Folders []string
	// SHM, NeighbourSHM and MSG are System V keys, and MQ is the name of a POSIX queue.
	SHM, NeighbourSHM, MSG int
	MQ                     string
}

func (r *remains) remove() {
	for _, dir := range r.Folders {
		_ = os.RemoveAll(dir)
	}
	for _, key := range []int{r.SHM, r.NeighbourSHM} {
		if key == 0 {
			continue
		}
		if id, err := unix.SysvShmGet(key, 0, 0); err == nil {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
	}
	if r.MSG != 0 {
		if id, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(r.MSG), 0, 0); errno == 0 {
			_, _, _ = unix.Syscall(unix.SYS_MSGCTL, id, unix.IPC_RMID, 0)
		}
	}
	if r.MQ != "" {
		_, _, _ = unix.Syscall(unix.SYS_MQ_UNLINK, attack.CString(r.MQ), 0, 0)
	}
	*r = remains{}
}

// shared lays out what processes of a user share. A kernel without one of these
// has nothing to attack.
func (s *Scene) shared() {
	b := s.bait
	key := "jailed-claude-audit:" + b.Mark
	if _, _, errno := unix.Syscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0); errno == 0 {
		for _, ring := range []int{unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_KEYRING} {
			id, err := unix.AddKey("user", key, []byte(s.secret), ring)
			if err != nil {
				continue
			}
			b.Key = key
			s.undo = append(s.undo, func() { _, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, ring, 0, 0) })
		}
	}
	r := make([]byte, 4)
	if _, err := random(r); err != nil {
		return
	}
	number := int(r[0])<<16 | int(r[1])<<8 | int(r[2]) | 1<<24
	b.Lacks = map[string]string{}
	if id, err := unix.SysvShmGet(number, 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o600); err != nil {
		b.Lacks["SHM"] = attack.Plain(err)
	} else {
		s.remains.SHM = number
		if m, err := unix.SysvShmAttach(id, 0, 0); err != nil {
			b.Lacks["SHM"] = attack.Plain(err)
		} else {
			copy(m, s.secret)
			s.undo = append(s.undo, func() { _ = unix.SysvShmDetach(m) })
			b.SHM = number
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(number), unix.IPC_CREAT|unix.IPC_EXCL|0o600, 0); errno != 0 {
		b.Lacks["MSG"] = attack.Plain(errno)
	} else {
		b.MSG, s.remains.MSG = number, number
	}
	name := strings.TrimPrefix(b.Mark, ".")
	if fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, attack.CString(name), unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600, uintptr(unsafe.Pointer(&smallestQueue)), 0, 0); errno != 0 {
		b.Lacks["MQ"] = attack.Plain(errno)
	} else {
		_ = unix.Close(int(fd))
		b.MQ, s.remains.MQ = name, name
	}
}

// smallestQueue is the struct mq_attr of a queue for one message of one byte. A
// queue counts whole against RLIMIT_MSGQUEUE of all processes of the user, and
// nine of the default size are all that the default limit holds (getrlimit(2),
// mq_overview(7)): audits side by side had none left.
var smallestQueue = struct{ flags, maxMessages, messageSize, messages, _, _, _, _ int64 }{maxMessages: 1, messageSize: 1}

// services are the sockets of this host.
func (s *Scene) services(getenv func(string) string) map[string][]string {
	f := s.bait.Facts
	f.RuntimeDir = s.run
	found := map[string][]string{}
	for _, service := range network.Services {
		var all []string
		for _, p := range service.Paths {
			names, _ := filepath.Glob(attack.Expand(p, f, s.bait.UID))
			all = append(all, names...)
		}
		if p := socketPath(getenv(service.Variable)); p != "" && attack.Exists(p) && !slices.Contains(all, p) {
			all = append(all, p)
		}
		for _, p := range all {
			s.inode(p)
			if !s.granted(p) {
				found[service.Name] = append(found[service.Name], p)
			}
		}
	}
	return found
}
