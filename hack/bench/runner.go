package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// ours is jailed-claude with everything on, which the ratios are about.
const ours = "jailed-claude"

// bench is a run of the benchmark.
type bench struct {
	dir    string
	rounds int
	// fixed: candidates run in the same order in each round.
	fixed bool
	// user runs what is measured; ids are its own if this process is root.
	user string
	ids  *syscall.Credential
	env  []string
	log  io.Writer
	runs int
}

func newBench(dir string, rounds int, name string, log io.Writer) (*bench, error) {
	b := &bench{dir: dir, rounds: rounds, log: log}
	who, err := user.Current()
	if name != "" {
		who, err = user.Lookup(name)
	}
	if err != nil {
		return nil, err
	}
	b.user = who.Username
	if name != "" {
		b.ids = &syscall.Credential{Uid: uint32(proc.Number(who.Uid)), Gid: uint32(proc.Number(who.Gid))}
	}
	b.env = []string{
		"HOME=" + b.file("home"), "USER=" + b.user, "LANG=C.UTF-8", "TERM=xterm-256color", "SHELL=/bin/bash",
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR=" + b.file("run"),
		"NIX_CONF_DIR=" + os.Getenv("NIX_CONF_DIR"),
	}
	return b, nil
}

func (b *bench) file(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "bench: "+format+"\n", args...)
}

// third is how often what takes seconds is measured.
func (b *bench) third() int { return max(1, b.rounds/3) }

// id is new for each container.
func (b *bench) id() string { b.runs++; return fmt.Sprintf("bench-%d-%d", os.Getpid(), b.runs) }

// command is argv in the project, as the user of the benchmark.
func (b *bench) command(argv []string) *exec.Cmd {
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir, c.Env = b.file("project"), b.env
	c.SysProcAttr = &syscall.SysProcAttr{Credential: b.ids}
	c.WaitDelay = 5 * time.Second
	return c
}

// timed runs argv to its end and returns how many milliseconds that took. The
// error of a failure holds the last line of what the program said.
func (b *bench) timed(argv []string, env ...string) (float64, error) {
	return b.time(b.command(argv), env...)
}

// timedIn is the same in another folder, as this process's user, whose home is
// the folder above.
func (b *bench) timedIn(dir string, argv []string) (float64, error) {
	c := b.command(argv)
	c.Dir, c.SysProcAttr.Credential = dir, nil
	return b.time(c, "HOME="+filepath.Dir(dir))
}

func (b *bench) time(c *exec.Cmd, env ...string) (float64, error) {
	c.Env = append(c.Env, env...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	start := time.Now()
	err := c.Run()
	took := time.Since(start)
	return report.Millis(took), because(err, said.String())
}

// because adds the last line of what a program said to its error.
func because(err error, said string) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}

// candidate is one column of a table.
type candidate struct {
	name string
	// argv of the next run; an error says why there is none.
	argv func() ([]string, error)
	env  []string
}

// slow is where a candidate that takes long is measured less often: half a
// minute in all, and 5 times at least.
const slow = 30_000

// sideBySide runs all candidates in turn, in another order each time: what one
// leaves to be done, as the kernel takes namespaces apart later, or leaves done,
// hits all alike. The first round warms caches and does not count.
func (b *bench) sideBySide(t *report.Table, rowName string, rounds int, all []candidate) {
	spent := map[string]float64{}
	order := rand.New(rand.NewPCG(uint64(rounds), uint64(len(all)))) //nolint:gosec // no secret
	all = slices.Clone(all)
	for round := range rounds + 1 {
		if !b.fixed {
			order.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for _, c := range all {
			if t.Broken(rowName, c.name) || spent[c.name] > slow && round > 5 {
				continue
			}
			argv, err := c.argv()
			var took float64
			if err == nil {
				took, err = b.timed(argv, c.env...)
			}
			if err != nil || round > 0 {
				t.Add(rowName, c.name, took, err)
			}
			spent[c.name] += took
		}
	}
}

// needs says which programs are missing.
func needs(programs ...string) error {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, filepath.Base(p))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return errors.New("not installed: " + cmp.Or(strings.Join(missing, ", "), "?"))
}
