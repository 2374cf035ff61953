package review

import (
	"io"
	"os/exec"
	"path/filepath"
	"testing"
)

// many makes 100,000 files, of which a jail changes 10,000.
const many = `
git init -q -b main .; git config gc.auto 0
for d in $(seq 100); do mkdir -p d$d; done
awk 'BEGIN { for (d = 1; d <= 100; d++) for (f = 1; f <= 1000; f++) { n = "d" d "/f" f; for (l = 1; l <= 60; l++) print "line " l " of file " f " in folder " d >n; close(n) } }'
git add -A; git commit -qm first; git status >/dev/null
`

const change = `
awk 'BEGIN { for (d = 1; d <= 100; d++) for (f = 1; f <= 100; f++) { n = "d" d "/f" f; for (l = 1; l <= 60; l++) print (l == 30 ? "changed" : "line") " " l " of file " f " in folder " d >n; close(n) } }'
`

// BenchmarkReview is reviewing 10,000 changed files of 100,000, and applying them,
// next to git and rsync over the same:
//
//	go test ./bundle/review -run '^$' -bench Review -benchtime 3x
func BenchmarkReview(b *testing.B) {
	w := benchWorld(b)
	plain := filepath.Join(b.TempDir(), "plain")
	for _, c := range [][]string{{"cp", "-a", w.Project, plain}, {"sh", "-euc", "cd " + plain + " && git status >/dev/null && " + change}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	b.Run("review", func(b *testing.B) {
		for b.Loop() {
			r, err := New(w)
			if err != nil {
				b.Fatal(err)
			}
			if err := r.Text(io.Discard, Shown{}); err != nil || len(r.Items) != 10000 {
				b.Fatal(err, len(r.Items))
			}
			r.Close()
		}
	})
	git := func(args ...string) {
		c := exec.Command("git", args...)
		c.Dir, c.Env = plain, append(clean(), "GIT_OPTIONAL_LOCKS=0")
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("git", func(b *testing.B) {
		for b.Loop() {
			git("status", "--porcelain")
			git("diff", "--stat")
		}
	})
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			r, err := Lock(w)
			if err != nil {
				b.Fatal(err)
			}
			d, err := r.Apply(Wanted{})
			if err != nil || d.Files != 10000 || len(d.Failed) > 0 {
				b.Fatalf("%v, %d, %d", err, d.Files, len(d.Failed))
			}
			r.Close()
			b.StopTimer()
			if r, err = Lock(w); err != nil {
				b.Fatal(err)
			}
			if _, err := r.Undo(nil); err != nil {
				b.Fatal(err)
			}
			r.Close()
			b.StartTimer()
		}
	})
	b.Run("rsync", func(b *testing.B) {
		if _, err := exec.LookPath("rsync"); err != nil {
			b.Skip("rsync is not on PATH")
		}
		to := filepath.Join(b.TempDir(), "to")
		for b.Loop() {
			b.StopTimer()
			if out, err := exec.Command("sh", "-c", "rm -rf "+to+"; cp -a "+w.Project+" "+to).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			b.StartTimer()
			if err := exec.Command("rsync", "-a", filepath.Join(w.Layer, "upper")+"/", to).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchWorld(b *testing.B) Options {
	b.Helper()
	w := newWorld(b, many)
	w.jail(change)
	return w.options()
}
