package session

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Usage is what the processes of a jail use, its supervisor included.
type Usage struct {
	// CPU in seconds: of those that run, and of those that ended and were waited
	// for.
	CPU float64 `json:"cpu_seconds"`
	// Memory in bytes: resident, where several share a page each counts it.
	Memory int64 `json:"memory"`
}

// ticks of a second in /proc/PID/stat: USER_HZ, which is 100 on all Linux.
const ticks = 100

// processes are those of this host, by their parents.
type processes struct {
	children map[int][]int
	uses     map[int]Usage
}

// usage reads /proc.
func usage() processes {
	p := processes{children: map[int][]int{}, uses: map[int]Usage{}}
	dir, err := os.Open("/proc")
	if err != nil {
		return p
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	page := int64(os.Getpagesize())
	buf := make([]byte, 1024) // of some 300
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text := buf[:read(int(dir.Fd()), name+"/stat", buf)]
		// The name of a program may have anything in it, a parenthesis too.
		at := bytes.LastIndexByte(text, ')')
		if at < 0 {
			continue // it has ended
		}
		var f [22]int64
		if !numbers(text[at+1:], f[:]) {
			continue
		}
		number := func(i int) int64 { return f[i-3] }
		// proc_pid_stat(5): parent, times and those of children, resident pages.
		p.children[int(number(4))] = append(p.children[int(number(4))], pid)
		p.uses[pid] = Usage{CPU: float64(number(14)+number(15)+number(16)+number(17)) / ticks, Memory: number(24) * page}
	}
	return p
}

// read reads the beginning of a file into buf, and nothing of one that is gone.
func read(dir int, name string, buf []byte) int {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	n, _ := unix.Read(fd, buf)
	return max(n, 0)
}

// numbers reads as many words as there is place for. What is none, as the state of a
// process, is 0.
func numbers(text []byte, to []int64) bool {
	i := 0
	for word := range bytes.FieldsSeq(text) {
		if i == len(to) {
			break
		}
		to[i], _ = strconv.ParseInt(string(word), 10, 64)
		i++
	}
	return i == len(to)
}

// of sums up what a process and all below it use.
func (p processes) of(pid int) Usage {
	u := p.uses[pid]
	for _, child := range p.children[pid] {
		c := p.of(child)
		u.CPU, u.Memory = u.CPU+c.CPU, u.Memory+c.Memory
	}
	return u
}
