package entries

import (
	"cmp"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// most is how many folders are read before they are asked for, and readers how
	// many at one time: more than two wait for the same disk.
	most    = 32
	readers = 2
	// part is how much of a folder is read before it is asked for.
	part = 32 << 10
)

// Ahead reads folders before they are asked for, while another processor looks at
// the names of those before them. The zero value is ready. It is for one goroutine.
type Ahead struct {
	expected []*expected
	work     chan *expected
	free     [][]byte
	all      sync.WaitGroup
}

// expected is a folder that is being read.
type expected struct {
	path string
	buf  []byte
	n    int
	// fd is -1 if n has all that there is, or err.
	fd   int
	err  error
	done chan struct{}
}

// Expect says that a folder will be asked for after those that are expected
// already. It says no if it will not be read before that.
func (a *Ahead) Expect(path string) bool {
	if len(a.expected) == most || runtime.GOMAXPROCS(0) == 1 {
		return false
	}
	if a.work == nil {
		a.work = make(chan *expected, most)
		for range readers {
			a.all.Go(func() {
				for e := range a.work {
					e.read()
				}
			})
		}
	}
	e := &expected{path: path, done: make(chan struct{})}
	if n := len(a.free); n > 0 {
		e.buf, a.free = a.free[n-1], a.free[:n-1]
	} else {
		e.buf = make([]byte, part)
	}
	a.expected = append(a.expected, e)
	a.work <- e
	return true
}

func (e *expected) read() {
	defer close(e.done)
	if e.fd, e.err = Open(e.path); e.err != nil {
		e.fd = -1
		return
	}
	// An entry has at most 280 bytes: a name of 255, and what is before it.
	for len(e.buf)-e.n > 512 {
		n, err := Read(e.fd, e.buf[e.n:])
		if err != nil || n == 0 {
			_ = unix.Close(e.fd)
			e.fd, e.err = -1, err
			return
		}
		e.n += n
	}
}

// Each is the function Each for the folder at path, read with buf if it was not
// expected.
func (a *Ahead) Each(path string, buf []byte, visit func(name []byte, kind byte) (more bool)) error {
	if len(a.expected) == 0 || a.expected[0].path != path {
		fd, err := Open(path)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return Each(fd, buf, visit)
	}
	e := a.expected[0]
	a.expected = a.expected[1:]
	<-e.done
	defer func() { a.free = append(a.free, e.buf) }()
	if e.fd >= 0 {
		defer unix.Close(e.fd)
	}
	more, err := Visit(e.buf[:e.n], visit)
	if err != nil || !more || e.fd < 0 {
		return cmp.Or(err, e.err)
	}
	return Each(e.fd, buf, visit)
}

// Close ends the reading. What is expected is not read any more.
func (a *Ahead) Close() {
	if a.work == nil {
		return
	}
	close(a.work)
	a.all.Wait()
	for _, e := range a.expected {
		if e.fd >= 0 {
			_ = unix.Close(e.fd)
		}
	}
	*a = Ahead{}
}

// Open opens a folder for Each. It does not follow a symlink in the last component
// of its path.
func Open(path string) (fd int, err error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}
