package main

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The second benchmark: how fast the contents of a closure are checked, by
// `jailed-claude verify` in a project with a lock, and by `nix-store
// --verify-path` over the same paths. Both are whole programs, start-up and
// reading the lock or the database included, out of a warm page cache.

const nixStore = "nix-store"

// narReport is what was measured of one closure.
type narReport struct {
	Paths int   `json:"paths"`
	Bytes int64 `json:"bytes"`
	// Millis are all the measurements of a candidate, in order.
	Millis map[string][]float64 `json:"millis"`
	// MBps of the median and of the best.
	MBps   map[string]float64 `json:"mbps"`
	Best   map[string]float64 `json:"best_mbps"`
	Broken map[string]string  `json:"broken,omitempty"`
}

// measureNAR wants dir/nar to be a project with a lock of the paths that
// dir/nar/closure lists, and dir/nar/bytes.
func measureNAR(dir string, rounds int, stderr io.Writer) (narReport, error) {
	project := filepath.Join(dir, "nar")
	paths := readLines(filepath.Join(project, "closure"))
	r := narReport{Paths: len(paths), Millis: map[string][]float64{}, MBps: map[string]float64{}, Best: map[string]float64{}, Broken: map[string]string{}}
	if _, err := fmt.Sscan(readLine(filepath.Join(project, "bytes")), &r.Bytes); err != nil {
		return r, fmt.Errorf("%s was not prepared: %w", project, err)
	}
	_, _ = fmt.Fprintf(stderr, "bench: contents of %d store paths, %d rounds\n", r.Paths, rounds)
	commands := map[string][]string{
		ours:     {filepath.Join(dir, ours), "verify"},
		nixStore: append([]string{nixStore, "--verify-path"}, paths...),
	}
	// The first round warms the page cache and does not count.
	for round := range rounds + 1 {
		for _, c := range []string{nixStore, ours} {
			if r.Broken[c] != "" {
				continue
			}
			cmd := exec.Command(commands[c][0], commands[c][1:]...)
			cmd.Dir = project
			start := time.Now()
			out, err := cmd.CombinedOutput()
			took := time.Since(start)
			if err != nil {
				r.Broken[c] = fmt.Sprintf("%v: %s", err, strings.TrimSpace(string(out)))
				continue
			}
			if round > 0 {
				r.Millis[c] = append(r.Millis[c], float64(took.Microseconds())/1000)
			}
		}
	}
	for c, all := range r.Millis {
		if r.Broken[c] == "" {
			rate := func(millis float64) float64 { return float64(r.Bytes) / 1000 / millis }
			r.MBps[c], r.Best[c] = rate(median(all)), rate(slices.Min(all))
		}
	}
	return r, nil
}

func (r narReport) writeTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "\nNAR hashes of %d store paths, %d MB, in MB/s\n\n\tmedian\tbest\t\n", r.Paths, r.Bytes/1e6)
	for _, c := range []string{nixStore, ours} {
		name := map[string]string{nixStore: "nix-store --verify-path", ours: ours + " verify"}[c]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, figure(r.MBps[c], "%.0f"), figure(r.Best[c], "%.0f"))
	}
	err := w.Flush()
	for c, why := range r.Broken {
		_, _ = fmt.Fprintf(out, "%s does not run: %s\n", c, why)
	}
	return err
}

// runNAR is bench -nar.
func runNAR(dir string, rounds int, file string, stdout, stderr io.Writer) error {
	r, err := measureNAR(dir, rounds, stderr)
	if err == nil {
		err = r.writeTable(stdout)
	}
	if err == nil && file != "" {
		err = writeJSON(file, r)
	}
	if err == nil && r.Broken[ours] != "" {
		err = fmt.Errorf("%s: %s", ours, r.Broken[ours])
	}
	return err
}
