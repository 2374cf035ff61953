package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/client"
	"github.com/jailed-claude/jailed-claude/hack/bench/outside"
	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// direct is a client that is not jailed.
const direct = "direct"

// oursFiltered is ours with the name of the server as the only rule.
const oursFiltered = "jailed-claude --net filtered"

// network is the command that runs a program under a candidate, with its way
// out of a network namespace.
func (b *bench) network(name, at string, program ...string) ([]string, error) {
	switch name {
	case direct:
		return program, nil
	case pasta:
		// Nothing but what goes through its tap device.
		argv := []string{"pasta", "--config-net", "--quiet", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--"}
		return append(argv, program...), errors.Join(needs("pasta"), tun())
	case ours, oursNone, oursFiltered, base:
		binary := ours
		if name == base {
			binary = base
		}
		argv := []string{b.file(binary), "shell", "--closure", b.file(at, "closure"), "--read", b.file("bench")}
		switch name {
		case oursNone:
			argv = append(argv, "--net", "none")
		case oursFiltered:
			argv = append(argv, "--net", "filtered", "--allow", outerName+":*", "--allow", outerRule)
		default:
			argv = append(argv, "--allow", outerRule)
		}
		return append(append(argv, "--"), program...), nil
	default:
		return b.jail(name, at, program...)
	}
}

// tun says whether the user of the benchmark may make a tap device.
func tun() error {
	st, err := os.Stat("/dev/net/tun")
	if err == nil && st.Mode().Perm()&6 != 6 {
		err = errors.New("/dev/net/tun is not for everybody")
	}
	return err
}

// answers come from a client.
type answers struct {
	decoder *json.Decoder
	said    func() string
}

func (a *answers) next() (client.Answer, error) {
	var v client.Answer
	if err := a.decoder.Decode(&v); err != nil {
		return v, fmt.Errorf("the client said nothing: %s", a.said())
	}
	if v.Err != "" {
		return v, errors.New(v.Err)
	}
	return v, nil
}

// startClient starts a client under a candidate.
func (b *bench) startClient(name string, s *outside.Server, jobs ...string) (*exec.Cmd, io.Writer, *answers, error) {
	program := append([]string{b.file("bench"), "client", fmt.Sprintf("%s:%d", outerName, s.Port)}, jobs...)
	argv, err := b.network(name, "idle", program...)
	if err != nil {
		return nil, nil, nil, err
	}
	c := b.command(argv)
	in, err := c.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	said := new(lastLine)
	c.Stderr = said
	if err := c.Start(); err != nil {
		return nil, nil, nil, err
	}
	// One that stalls must not hold everything up.
	stall := time.AfterFunc(3*time.Minute, func() { _ = c.Process.Kill() })
	return c, in, &answers{json.NewDecoder(stopper{bufio.NewReader(out), stall}), said.String}, nil
}

// stopper stops a timer at the end.
type stopper struct {
	io.Reader
	timer *time.Timer
}

func (s stopper) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil {
		s.timer.Stop()
	}
	return n, err
}

// lastLine keeps the last line that was written to it.
type lastLine struct {
	mu   sync.Mutex
	last string
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text := strings.TrimSpace(string(p)); text != "" {
		l.last = text[strings.LastIndexByte(text, '\n')+1:]
	}
	return len(p), nil
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// srtPart of the bytes is what goes through srt, which would take minutes.
const srtPart = 8

// jobs of a client, and the rows that they fill.
var jobs = []struct{ job, row, unit string }{
	{"down=512000000", "to the jail, one stream", "MB/s"},
	{"up=512000000", "from the jail, one stream", "MB/s"},
	{"down16=512000000", "to the jail, 16 streams", "MB/s"},
	{"up16=512000000", "from the jail, 16 streams", "MB/s"},
	{"latency=500", "connect and one byte back", "ms"},
	{"many=2000", "2,000 connections at once", "ms"},
}

// networks measures what comes through each way out of a jail.
func networks(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "The way out of a jail, to a server on the same machine", Head: "", Rounds: b.third(),
		Columns: []string{direct, ours, oursFiltered, pasta, srt}, Of: ours, Against: []string{direct, pasta, srt},
	}
	s, err := outside.Listen(outerAddress)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for round := range t.Rounds {
		for _, name := range t.Columns {
			began := time.Now()
			b.networkRound(&t, name, s)
			b.say("network, round %d of %d, %s: %.1f s", round+1, t.Rounds, name, time.Since(began).Seconds())
		}
	}
	return &t, nil
}

// networkRound runs one client. A job that fails has no figure; the others
// have.
func (b *bench) networkRound(t *report.Table, name string, s *outside.Server) {
	list := make([]string, len(jobs))
	for i, j := range jobs {
		list[i] = j.job
		if what, bytes, _ := strings.Cut(j.job, "="); name == srt && j.unit == "MB/s" {
			list[i] = fmt.Sprintf("%s=%.0f", what, proc.Number(bytes)/srtPart)
		}
	}
	c, _, out, err := b.startClient(name, s, list...)
	if err == nil {
		defer func() { _ = c.Wait() }()
	}
	for _, j := range jobs {
		var a client.Answer
		e := err
		if e == nil {
			a, e = out.next()
		}
		if strings.HasPrefix(j.job, "latency") {
			t.Add(j.row+", p50", name, report.Quantile(a.Values, 0.5), e)
			t.Add(j.row+", p99", name, report.Quantile(a.Values, 0.99), e)
			t.Units(j.unit, j.row+", p50", j.row+", p99")
			continue
		}
		v := 0.0
		if len(a.Values) > 0 {
			v = a.Values[0]
		}
		t.Add(j.row, name, v, e)
		t.Units(j.unit, j.row)
	}
}
