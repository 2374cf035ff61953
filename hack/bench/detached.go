package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Rows of what keeps an idle jail, in the foreground and detached. Goals look for them.
const (
	frontMemory    = "resident beside an idle agent, on a terminal"
	detachedMemory = "resident beside an idle agent, detached"
	frontTime      = "processor time in 10 s, on a terminal"
	detachedTime   = "processor time in 10 s, detached"
	idleTime       = 10 * time.Second
)

// detachedCost measures a jail in the foreground and a detached one, in turns.
func (b *bench) detachedCost(t *report.Table, shell []string, detach func() error, last func() string) error {
	b.say("sessions: what a detached jail costs, %d rounds", b.third())
	program := []string{"--", "bash", "-c", "echo " + begin + "; exec sleep 1000"}
	for range b.third() {
		front, err := b.inFront(append(append([]string{}, shell...), program...))
		if err != nil {
			return err
		}
		t.Add(frontMemory, ours, front.memory, nil)
		t.Add(frontTime, ours, front.time, nil)
		if err := detach(); err != nil {
			return err
		}
		pid, err := b.supervisor(last())
		if err != nil {
			return err
		}
		behind, err := keeps(pid)
		if err != nil {
			return err
		}
		t.Add(detachedMemory, ours, behind.memory, nil)
		t.Add(detachedTime, ours, behind.time, nil)
	}
	for i := range t.Rows {
		if t.Rows[i].Name == frontMemory || t.Rows[i].Name == detachedMemory {
			t.Rows[i].Unit = "MiB"
		}
	}
	return nil
}

// cost is resident memory in MiB, and processor time in ms.
type cost struct{ memory, time float64 }

// keeps is the cost of what keeps a jail whose program does nothing.
func keeps(supervisor int) (c cost, err error) {
	time.Sleep(2 * time.Second) // the start is over by then
	before := spent(supervisor)
	time.Sleep(idleTime)
	c.time = spent(supervisor) - before
	u, err := proc.Measure(proc.Tree(supervisor), isProgram)
	c.memory = u.RSS
	return c, err
}

// spent is the processor time of all threads of a supervisor and below it, in ms.
func spent(supervisor int) (sum float64) {
	for _, p := range proc.Tree(supervisor) {
		all, _ := filepath.Glob("/proc/" + strconv.Itoa(p.PID) + "/task/*/schedstat")
		for _, file := range all {
			text, _ := os.ReadFile(file)
			on, _, _ := strings.Cut(string(text), " ")
			sum += proc.Number(on) / 1e6
		}
	}
	return sum
}

// inFront starts a jail on a terminal.
func (b *bench) inFront(argv []string) (c cost, err error) {
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return c, err
	}
	defer master.Close()
	said := keepLast(master)
	cmd := b.command(argv)
	if err := b.onPTY(cmd, slave); err != nil {
		return c, err
	}
	err = cmd.Start()
	_ = slave.Close()
	if err != nil {
		return c, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for began := time.Now(); !strings.Contains(said(), begin); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			return c, fmt.Errorf("its program does not start: %s", said())
		}
	}
	return keeps(cmd.Process.Pid)
}

// supervisor is the process of a jail.
func (b *bench) supervisor(id string) (pid int, err error) {
	c := b.command([]string{b.file(ours), "list", "--json"})
	var said bytes.Buffer
	c.Stderr = &said
	text, err := c.Output()
	if err != nil {
		return 0, because(err, said.String())
	}
	var jails []struct {
		ID  string `json:"id"`
		PID int    `json:"pid"`
	}
	if err := json.Unmarshal(text, &jails); err != nil {
		return 0, err
	}
	for _, j := range jails {
		if j.ID == id {
			return j.PID, nil
		}
	}
	return 0, fmt.Errorf("jail %s is not listed", id)
}
