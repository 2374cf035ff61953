package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is one of a tree.
type process struct {
	pid, parent int
	argv        []string
}

// tree is a process and everything below it, by the lists of children that
// the kernel keeps for each thread: a start is sampled with it, and looking at
// every process of a busy machine takes longer than a start.
func tree(root int) []process {
	if lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", root)); len(lists) == 0 {
		return treeByParents(root) // a kernel without CONFIG_PROC_CHILDREN
	}
	all := []process{{pid: root}}
	for i := 0; i < len(all); i++ {
		dir := filepath.Join("/proc", strconv.Itoa(all[i].pid))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		all[i].argv = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		lists, _ := filepath.Glob(filepath.Join(dir, "task", "*", "children"))
		for _, list := range lists {
			for _, pid := range strings.Fields(readLine(list)) {
				child := process{pid: int(number(pid)), parent: all[i].pid}
				// One that has ended has no state but Z.
				stat := readLine(filepath.Join("/proc", pid, "stat"))
				if at := strings.LastIndexByte(stat, ')'); at > 0 && !strings.HasPrefix(stat[at:], ") Z") {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// treeByParents is the same, by asking each process for its parent.
func treeByParents(root int) []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	below := map[int][]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := process{pid: pid}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		// "PID (COMM) STATE PPID …", and a COMM can hold anything.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) < 2 || f[0] == "Z" {
			continue
		}
		p.parent, _ = strconv.Atoi(f[1])
		if pid == root {
			p.parent = 0
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		p.argv = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		below[p.parent] = append(below[p.parent], p)
		if pid == root {
			below[-1] = []process{p}
		}
	}
	all := below[-1]
	for i := 0; i < len(all); i++ {
		all = append(all, below[all[i].pid]...)
	}
	return all
}

// usage of memory, in MiB.
type usage struct {
	rss, pss  float64
	processes int
	// who they are, for a note.
	who []string
}

// measureMemory sums up what processes use, without those that leave says.
func measureMemory(all []process, leave func(process) bool) (usage, error) {
	var u usage
	for _, p := range all {
		if leave(p) {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil {
			return u, err
		}
		rss, pss, err := rollup(text)
		if err != nil {
			return u, fmt.Errorf("process %d: %w", p.pid, err)
		}
		u.rss += rss
		u.pss += pss
		u.processes++
		u.who = append(u.who, fmt.Sprintf("%s %.1f MiB", filepath.Base(p.argv[0]), rss))
	}
	if u.processes == 0 {
		return u, errors.New("no process is left to measure")
	}
	return u, nil
}

// rollup reads the file of that name, proc_pid_smaps(5).
func rollup(text []byte) (rss, pss float64, err error) {
	found := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		switch f[0] {
		case "Rss:":
			rss = number(f[1]) / 1024
			found++
		case "Pss:":
			pss = number(f[1]) / 1024
			found++
		}
	}
	if found != 2 {
		return 0, 0, errors.New("smaps_rollup has no Rss and Pss")
	}
	return rss, pss, nil
}

// resident is the sum of what processes have in memory now, in MiB, by the
// cheapest way to ask.
func resident(all []process, leave func(process) bool) (sum float64) {
	for _, p := range all {
		if leave(p) {
			continue
		}
		if f := strings.Fields(readLine(fmt.Sprintf("/proc/%d/statm", p.pid))); len(f) > 1 {
			sum += number(f[1]) * float64(os.Getpagesize()) / (1 << 20)
		}
	}
	return sum
}
