// Package proc is what the kernel says of processes and of this machine.
//
// What does not belong here: which of them are measured.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one of a tree.
type Process struct {
	PID, Parent int
	Argv        []string
}

// Tree is a process and everything below it, by the lists of children that
// the kernel keeps for each thread: a start is sampled with it, and looking at
// every process of a busy machine takes longer than a start.
func Tree(root int) []Process {
	if lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", root)); len(lists) == 0 {
		return treeByParents(root) // a kernel without CONFIG_PROC_CHILDREN
	}
	all := []Process{{PID: root}}
	for i := 0; i < len(all); i++ {
		dir := filepath.Join("/proc", strconv.Itoa(all[i].PID))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		all[i].Argv = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		lists, _ := filepath.Glob(filepath.Join(dir, "task", "*", "children"))
		for _, list := range lists {
			for pid := range strings.FieldsSeq(ReadLine(list)) {
				child := Process{PID: int(Number(pid)), Parent: all[i].PID}
				// One that has ended has no state but Z.
				stat := ReadLine(filepath.Join("/proc", pid, "stat"))
				if at := strings.LastIndexByte(stat, ')'); at > 0 && !strings.HasPrefix(stat[at:], ") Z") {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// treeByParents is the same, by asking each process for its parent.
func treeByParents(root int) []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	below := map[int][]Process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := Process{PID: pid}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		// "PID (COMM) STATE PPID …", and a COMM can hold anything.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) < 2 || f[0] == "Z" {
			continue
		}
		p.Parent, _ = strconv.Atoi(f[1])
		if pid == root {
			p.Parent = 0
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		p.Argv = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		below[p.Parent] = append(below[p.Parent], p)
		if pid == root {
			below[-1] = []Process{p}
		}
	}
	all := below[-1]
	for i := 0; i < len(all); i++ {
		all = append(all, below[all[i].PID]...)
	}
	return all
}

// Usage of memory, in MiB.
type Usage struct {
	RSS, PSS  float64
	Processes int
	// Who they are, for a note.
	Who []string
}

// Measure sums up what processes use, without those that leave says.
func Measure(all []Process, leave func(Process) bool) (Usage, error) {
	var u Usage
	for _, p := range all {
		if leave(p) {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
		if err != nil {
			return u, err
		}
		rss, pss, err := rollup(text)
		if err != nil {
			return u, fmt.Errorf("process %d: %w", p.PID, err)
		}
		u.RSS += rss
		u.PSS += pss
		u.Processes++
		u.Who = append(u.Who, fmt.Sprintf("%s %.1f MiB", filepath.Base(p.Argv[0]), rss))
	}
	if u.Processes == 0 {
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
			rss = Number(f[1]) / 1024
			found++
		case "Pss:":
			pss = Number(f[1]) / 1024
			found++
		}
	}
	if found != 2 {
		return 0, 0, errors.New("smaps_rollup has no Rss and Pss")
	}
	return rss, pss, nil
}

// Resident is the sum of what processes have in memory now, in MiB, by the
// cheapest way to ask.
func Resident(all []Process, leave func(Process) bool) (sum float64) {
	for _, p := range all {
		if leave(p) {
			continue
		}
		if f := strings.Fields(ReadLine(fmt.Sprintf("/proc/%d/statm", p.PID))); len(f) > 1 {
			sum += Number(f[1]) * float64(os.Getpagesize()) / (1 << 20)
		}
	}
	return sum
}

// ReadLines are the lines of a file; none if it cannot be read.
func ReadLines(name string) []string {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

// ReadLine is the first line of a file, or nothing.
func ReadLine(name string) string {
	if lines := ReadLines(name); len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// Number is the leading number of s, 0 if there is none.
func Number(s string) float64 {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	v, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0
	}
	return v
}
