package announcement

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/memfd"
)

// Name is that of the file, as /proc/PID/fd shows it.
const Name = "jailed-claude"

// Jail is what holds from the beginning of a jail to its end.
type Jail struct {
	ID      string
	Started time.Time
	Project string
	// Agent is the name of its program.
	Agent string
}

// Constant is what is known as soon as the agent runs.
type Constant struct {
	// Network is its mode.
	Network string
	// Detached: it keeps its terminal itself. Terminal: it has one.
	Detached, Terminal bool
	// LayerName is the name of the project's layer, if that has one.
	LayerName string
	// Layers are descriptors of the supervisor, of the upper folders of its layers.
	Layers []string
}

// State is what changes while a jail runs. One that nobody reads is good as well.
type State struct {
	// Shown is when its terminal last showed something, Typed when something was typed
	// there, Called when the program last called for its user.
	Shown, Typed, Called Moment
	// Refused is how many destinations were, Viewers how many look at the terminal.
	Refused, Viewers atomic.Int64
	// length of a Constant: 0 until there is one, and when the jail is over.
	length atomic.Int64
}

// Moment is a point in time, the same for every process of the host.
type Moment struct{ nanoseconds atomic.Int64 }

// Now is now.
func (m *Moment) Now() { m.nanoseconds.Store(Now()) }

// Nanoseconds is when it was, as Now has it; 0 for never.
func (m *Moment) Nanoseconds() int64 { return m.nanoseconds.Load() }

// Now is the time since the host was booted, in nanoseconds.
func Now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // there is such a clock
	return t.Nano()
}

// A State is at the beginning of the file, a Constant at atConstant, and the Jail at
// atJail, both as words with a NUL between them.
const (
	atConstant = 128
	atJail     = 4096
)

// File is what a supervisor keeps open.
type File struct {
	// State is in the file.
	*State
	file *os.File
	page []byte
}

// Make makes the file.
func Make(j Jail) (f *File, err error) {
	f = new(File)
	if f.file, err = memfd.Create(Name); err != nil {
		return nil, err
	}
	f.place()
	if err := f.make(j); err != nil {
		return nil, errors.Join(fmt.Errorf("announce the jail: %w", err), f.file.Close())
	}
	return f, nil
}

// Descriptor is the number that the file has in a supervisor, unless that is taken: so
// a list of many jails need not look at all that each has open. A larger one would
// take a table of descriptors that the kernel makes first.
const Descriptor = 56

// place gives the file its number.
func (f *File) place() {
	if fd, err := unix.FcntlInt(f.file.Fd(), unix.F_DUPFD_CLOEXEC, Descriptor); err == nil { // or it may have fewer
		f.file.Close()
		f.file = os.NewFile(uintptr(fd), Name)
	}
}

func (f *File) make(j Jail) (err error) {
	if _, err := f.file.WriteAt([]byte(words(j.ID, fmt.Sprint(j.Started.Unix()), j.Project, j.Agent)), atJail); err != nil {
		return err
	}
	fd := int(f.file.Fd())
	if f.page, err = unix.Mmap(fd, 0, atJail, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	f.State = (*State)(unsafe.Pointer(&f.page[0])) //nolint:gosec // G103: a page is larger, and begins where anything may
	seal := func(more int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, more|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
		return os.NewSyscallError("seal", err)
	}
	if err := seal(unix.F_SEAL_FUTURE_WRITE); errors.Is(err, unix.EINVAL) {
		if err := seal(0); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	return os.NewSyscallError("lock", unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock))
}

// Publish says what holds as long as the agent runs. What is too long for the file is
// not said.
func (f *File) Publish(c Constant) {
	text := words(c.Network, fmt.Sprint(c.Detached), fmt.Sprint(c.Terminal), c.LayerName, strings.Join(c.Layers, ","))
	if f.page != nil && len(text) <= atJail-atConstant {
		copy(f.page[atConstant:], text)
		f.length.Store(int64(len(text)))
	}
}

// Over says that the jail is ending: what it publishes is not to be relied on.
func (f *File) Over() { f.length.Store(0) }

// Close takes it back: the jail is over, its supervisor not yet.
func (f *File) Close() error { return f.file.Close() }

func words(all ...string) string { return strings.Join(all, "\x00") }
