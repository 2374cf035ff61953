package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/bench/outside"
	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Rows of the table of memory. Goals look for the first.
const (
	idleRSS  = "resident, agent idle"
	idlePSS  = "proportional (PSS), agent idle"
	idleN    = "processes that stay"
	peakRSS  = "largest sum during the start"
	openRSS  = "resident, 2,000 connections open"
	afterRSS = "resident, after they closed"
)

const pasta = "pasta"

// isProgram: the process is the jailed program, not what keeps the jail.
func isProgram(p proc.Process) bool {
	name := filepath.Base(p.Argv[0])
	return name == "sleep" || name == "bench" || len(p.Argv) > 1 && p.Argv[1] == "client"
}

// memory measures what stays in memory while the jailed program does nothing,
// on a terminal of its own.
func memory(b *bench) (*report.Table, error) {
	// Daemons of a candidate, such as the keeper of a bundle's network, become
	// children of this process, so that they are found.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	t := report.Table{
		Title: "Memory of what stays beside the jailed program", Unit: "MiB", Head: "", Rounds: b.third(),
		Columns: []string{ours, oursNone, bwrap, crun, crunHooks, runc, runcHooks, pasta, srt},
	}
	holders := []string{ours, pasta, srt}
	if exists(b.file(base)) == nil {
		t.Columns, holders = append(t.Columns, base), append(holders, base)
	}
	b.say("memory, %d rounds", t.Rounds)
	for round := range t.Rounds {
		for _, name := range t.Columns {
			u, peak, err := b.idle(name)
			t.Add(idleRSS, name, u.RSS, err)
			t.Add(idlePSS, name, u.PSS, err)
			t.Add(idleN, name, float64(u.Processes), err)
			if err == nil {
				t.Add(peakRSS, name, peak, nil)
			}
			if round == 0 && name == ours {
				t.Notes = append(t.Notes, ours+" idle: "+strings.Join(u.Who, ", "))
			}
		}
	}
	s, err := outside.Listen(outerAddress)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for range t.Rounds {
		for _, name := range holders {
			open, after, err := b.hold(name, s)
			t.Add(openRSS, name, open, err)
			t.Add(afterRSS, name, after, err)
		}
	}
	for i := range t.Rows {
		if t.Rows[i].Name == idleN {
			t.Rows[i].Unit = "number"
		}
	}
	return &t, nil
}

// idle measures one jail whose program sleeps, and the sum of what the jail's
// processes had in memory while it started.
func (b *bench) idle(name string) (u proc.Usage, peak float64, err error) {
	argv, err := b.network(name, "idle", proc.ReadLine(b.file("idle", "sleep")), "1000")
	if err != nil {
		return u, 0, err
	}
	c := b.command(argv)
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return u, 0, err
	}
	said := keepLast(master)
	defer master.Close()
	if err := b.onPTY(c, slave); err != nil {
		return u, 0, err
	}
	err = c.Start()
	_ = slave.Close()
	if err != nil {
		return u, 0, err
	}
	defer b.end(c)
	started := false
	for began := time.Now(); !started; time.Sleep(500 * time.Microsecond) {
		all := proc.Tree(os.Getpid())[1:]
		peak = max(peak, proc.Resident(all, isProgram))
		for _, p := range all {
			started = started || filepath.Base(p.Argv[0]) == "sleep"
		}
		if time.Since(began) > time.Minute {
			return u, 0, fmt.Errorf("its program does not start: %s", said())
		}
	}
	// What ends a little later, such as a step of the start, is not counted.
	time.Sleep(2 * time.Second)
	u, err = proc.Measure(proc.Tree(os.Getpid())[1:], isProgram)
	return u, max(peak, u.RSS), err
}

// hold measures what keeps a jail while its program holds 2,000 connections,
// and after it closed them.
func (b *bench) hold(name string, s *outside.Server) (open, after float64, err error) {
	c, in, out, err := b.startClient(name, s, "many=2000", "hold")
	if err != nil {
		return 0, 0, err
	}
	defer b.end(c)
	if _, err := out.next(); err != nil {
		return 0, 0, err
	}
	for _, v := range []*float64{&open, &after} {
		time.Sleep(2 * time.Second)
		u, err := proc.Measure(proc.Tree(os.Getpid())[1:], isProgram)
		if err != nil {
			return 0, 0, err
		}
		*v = u.RSS
		if _, err := io.WriteString(in, "\n"); err != nil {
			return 0, 0, err
		}
	}
	return open, after, nil
}

// end ends a jail: the program, and what keeps the jail after it, which has
// become a child of this process if its parent is gone.
func (b *bench) end(c *exec.Cmd) {
	killBelow(isProgram)
	done := make(chan struct{})
	go func() { _ = c.Wait(); close(done) }()
	slow := time.AfterFunc(5*time.Second, func() { killBelow(func(proc.Process) bool { return true }) })
	<-done
	for began := time.Now(); len(proc.Tree(os.Getpid())) > 1 && time.Since(began) < 5*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	slow.Stop()
	killBelow(func(proc.Process) bool { return true })
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			return
		}
	}
}

// killBelow ends processes that this one started.
func killBelow(which func(proc.Process) bool) {
	for _, p := range proc.Tree(os.Getpid())[1:] {
		if which(p) {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
}

// keepLast reads until the end, and returns what gives the last line so far.
func keepLast(r io.Reader) func() string {
	lines := make(chan string, 1)
	lines <- ""
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			if text := strings.TrimSpace(string(buf[:n])); text != "" {
				<-lines
				lines <- text[strings.LastIndexByte(text, '\n')+1:]
			}
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		s := <-lines
		lines <- s
		return s
	}
}
