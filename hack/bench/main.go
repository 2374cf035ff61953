// Command bench measures how long a jail takes to start, side by side: the
// least it can cost (floor/floor.c), bubblewrap, crun, runc and jailed-claude. Each
// binds the same store paths and runs the same static `true`.
//
//	bench -dir DIR [-rounds N] [-json FILE] [-nar]
//
// bench.sh prepares DIR and runs this as an ordinary user. Every round runs
// each candidate once, one after the other, so that what else the machine
// does hits all of them alike; the figures are medians of wall time.
//
// They do not do the same work. crun, runc and jailed-claude run one bundle:
// seccomp, a network namespace, the caller's ids. bubblewrap and the floor
// have no seccomp filter and share the network: they are given the easier
// task.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Candidates, in the order of the table. Ours is what the ratios are about.
var candidates = []string{"floor", "bwrap", "crun", "runc", ours}

const ours = "jailed-claude"

// report is the JSON file.
type report struct {
	Time    time.Time `json:"time"`
	Machine machine   `json:"machine"`
	Rounds  int       `json:"rounds"`
	Sizes   []size    `json:"sizes"`
}

type machine struct {
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	Kernel   string            `json:"kernel"`
	Load     string            `json:"load"`
	Versions map[string]string `json:"versions"`
}

// size is one row: so many store paths.
type size struct {
	Paths int `json:"paths"`
	// Millis are all the measurements of a candidate, in order.
	Millis map[string][]float64 `json:"millis"`
	// Median of Millis.
	Median map[string]float64 `json:"median"`
	// Broken says why a candidate has no figures.
	Broken map[string]string `json:"broken,omitempty"`
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "what bench.sh prepared")
	rounds := flags.Int("rounds", 21, "measurements of each candidate at each size")
	out := flags.String("json", "", "write all measurements here")
	nar := flags.Bool("nar", false, "measure how fast contents of store paths are checked, in place of start-up")
	if err := flags.Parse(args); err != nil || *dir == "" || *rounds < 1 {
		return 2
	}
	if *nar {
		if err := runNAR(*dir, *rounds, *out, stdout, stderr); err != nil {
			_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
			return 1
		}
		return 0
	}
	r, err := measureAll(*dir, *rounds, stderr)
	if err == nil {
		err = r.writeTable(stdout)
	}
	if err == nil && *out != "" {
		err = writeJSON(*out, r)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// command is what a candidate runs; id is new for each run.
func command(dir, candidate string, paths int, id string) []string {
	here := filepath.Join(dir, strconv.Itoa(paths))
	closure, bundle := filepath.Join(here, "closure"), filepath.Join(here, "bundle")
	program := filepath.Join(readLine(filepath.Join(dir, "true")), "bin", "true")
	switch candidate {
	case "floor":
		return []string{filepath.Join(dir, "floor"), closure, program}
	case "bwrap":
		argv := []string{"bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"}
		for _, path := range readLines(closure) {
			argv = append(argv, "--ro-bind", path, path)
		}
		return append(argv, program)
	case "crun":
		return []string{"crun", "--root", filepath.Join(dir, "state", "crun"), "--cgroup-manager=disabled", "run", "--bundle", bundle, id}
	case "runc":
		return []string{"runc", "--root", filepath.Join(dir, "state", "runc"), "run", "--bundle", bundle, id}
	default:
		return []string{filepath.Join(dir, ours), "shell", "--closure", closure, "--net", "none", "--", "true"}
	}
}

func measureAll(dir string, rounds int, stderr io.Writer) (report, error) {
	r := report{Time: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(dir), Rounds: rounds}
	var sizes []int
	entries, err := os.ReadDir(dir)
	if err != nil {
		return r, err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	if len(sizes) == 0 {
		return r, errors.New("no sizes in " + dir)
	}
	run := 0
	for _, paths := range sizes {
		_, _ = fmt.Fprintf(stderr, "bench: %d store paths, %d rounds\n", paths, rounds)
		s := size{Paths: paths, Millis: map[string][]float64{}, Median: map[string]float64{}, Broken: map[string]string{}}
		// The first round warms caches and does not count.
		for round := range rounds + 1 {
			for _, c := range candidates {
				if s.Broken[c] != "" {
					continue
				}
				run++
				took, err := measure(dir, command(dir, c, paths, fmt.Sprintf("bench-%d-%d", os.Getpid(), run)))
				if err != nil {
					s.Broken[c] = err.Error()
					continue
				}
				if round > 0 {
					s.Millis[c] = append(s.Millis[c], float64(took.Microseconds())/1000)
				}
			}
		}
		for c, all := range s.Millis {
			if s.Broken[c] == "" { // one that failed half-way has no median
				s.Median[c] = median(all)
			}
		}
		r.Sizes = append(r.Sizes, s)
	}
	return r, nil
}

// measure runs argv to its end and returns the time that took. The error of a
// failure holds what the program said.
func measure(dir string, argv []string) (time.Duration, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = filepath.Join(dir, "project")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		text := strings.TrimSpace(said.String())
		if i := strings.LastIndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
		return 0, fmt.Errorf("%w: %s", err, text)
	}
	return took, nil
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func (r report) writeTable(out io.Writer) error {
	m := r.Machine
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("start-up in ms, median of %d; %s, %d CPUs, Linux %s, load %s\n", r.Rounds, m.CPU, m.CPUs, m.Kernel, m.Load)
	for _, c := range candidates {
		if v := m.Versions[c]; v != "" {
			p("%s: %s\n", c, v)
		}
	}
	p("floor and bwrap: no seccomp, network shared; the others: seccomp, a network namespace\n\n")
	p("paths\t%s\t", strings.Join(candidates, "\t"))
	var others []string
	for _, c := range candidates {
		if c != ours {
			others = append(others, c)
			p("of %s\t", c)
		}
	}
	p("\n")
	for _, s := range r.Sizes {
		p("%d\t", s.Paths)
		for _, c := range candidates {
			p("%s\t", figure(s.Median[c], "%.1f"))
		}
		for _, c := range others {
			ratio := 0.0
			if s.Median[c] > 0 {
				ratio = s.Median[ours] / s.Median[c]
			}
			p("%s\t", figure(ratio, "%.2f"))
		}
		p("\n")
	}
	err := w.Flush()
	for _, s := range r.Sizes {
		for _, c := range candidates {
			if why := s.Broken[c]; why != "" {
				_, _ = fmt.Fprintf(out, "%s does not run at %d paths: %s\n", c, s.Paths, why)
			}
		}
	}
	return err
}

// figure formats a figure; 0 is one that is missing.
func figure(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func writeJSON(name string, r any) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o600)
}

func thisMachine(dir string) machine {
	m := machine{CPU: "unknown CPU", CPUs: goruntime.NumCPU(), Kernel: readLine("/proc/sys/kernel/osrelease"), Versions: map[string]string{}}
	for _, line := range readLines("/proc/cpuinfo") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	m.Load, _, _ = strings.Cut(readLine("/proc/loadavg"), " ")
	for _, c := range candidates[1:] {
		program := c
		if c == ours {
			program = filepath.Join(dir, ours)
		}
		if text, err := exec.Command(program, "--version").Output(); err == nil {
			m.Versions[c], _, _ = strings.Cut(string(text), "\n")
		}
	}
	return m
}

// readLines are the lines of a file; none if it cannot be read.
func readLines(name string) []string {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

func readLine(name string) string {
	if lines := readLines(name); len(lines) > 0 {
		return lines[0]
	}
	return ""
}
