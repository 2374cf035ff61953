package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// namespaces that all processes of a jail share (namespaces(7)). Each program that
// was started from outside has a user namespace of its own, which ids compares.
var namespaces = []string{"mnt", "pid", "net", "ipc", "uts", "cgroup"}

// Like returns an error unless the same holds for a process as for PID 1 of its
// jail, in what both have by birth: namespaces, limits, cgroup; and unless its ids
// are those of the agent.
func Like(pid, pid1, agent int) error {
	for _, ns := range namespaces {
		if err := same(os.Readlink, "ns/"+ns, pid, pid1); err != nil {
			return err
		}
	}
	read := func(name string) (string, error) {
		text, err := os.ReadFile(name)
		return string(text), err
	}
	for _, name := range []string{"limits", "cgroup"} {
		if err := same(read, name, pid, pid1); err != nil {
			return err
		}
	}
	for _, name := range []string{"uid_map", "gid_map"} {
		if err := same(read, name, pid, agent); err != nil {
			return err
		}
	}
	for _, name := range []string{"Uid", "Gid", "Groups"} {
		of := func(file string) (string, error) {
			status, err := readStatus(file)
			return status[name], err
		}
		if err := same(of, "status", pid, pid1); err != nil {
			return err
		}
	}
	return nil
}

// same compares what two processes have.
func same(read func(string) (string, error), name string, a, b int) error {
	one, err := read(filepath.Join("/proc", strconv.Itoa(a), name))
	if err != nil {
		return fmt.Errorf("inspect the program: %w", err)
	}
	other, err := read(filepath.Join("/proc", strconv.Itoa(b), name))
	if err != nil {
		return fmt.Errorf("inspect the program: %w", err)
	}
	if one != other {
		return fmt.Errorf("inspect the program: its %s is not the jail's", name)
	}
	return nil
}

// SameMounts are those of PID 1, which the jail was started with and inspected;
// that a process is among them is all there is to see.
func SameMounts(pid1 int) <-chan Mounts {
	found := make(chan Mounts, 1)
	var m Mounts
	m.ns, m.err = os.Readlink(filepath.Join("/proc", strconv.Itoa(pid1), "ns/mnt"))
	found <- m
	return found
}
