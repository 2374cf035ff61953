package review

import (
	"slices"
	"strings"
	"testing"
)

// TestOtherWorkingTrees: from the layer of a linked worktree nothing goes over that belongs
// to another working tree of the repository: no branch that is checked out there, and no
// file of its git directory, the main one's or that of a linked one.
func TestOtherWorkingTrees(t *testing.T) {
	needGit(t)
	p := newPair(t, "true")
	p.host("git worktree add -q ../third -b third; git branch free")
	p.begin()
	state := "git rev-parse main third; cat ../repo/.git/HEAD ../repo/.git/worktrees/third/HEAD; cd ../repo; git status --porcelain --branch; git ls-files -s; cd ../third; git status --porcelain --branch; git ls-files -s"
	before := p.host(state)
	p.jail(`
echo more >>a; git commit -qam inside; c=$(git rev-parse --git-common-dir)
for b in main third free; do git update-ref refs/heads/$b HEAD; done
for g in $c $c/worktrees/third; do echo "ref: refs/heads/evil" >$g/HEAD; cp $c/worktrees/tree/index $g/index; echo x >$g/MERGE_HEAD; done
echo "[core] pager = evil" >$c/worktrees/tree/config
`)
	r := p.review()
	if len(r.Linked) != 1 || r.Linked[0].Git == nil {
		t.Fatalf("%+v", r.Linked)
	}
	conflicts := map[string]string{}
	for _, f := range r.Linked[0].Git.Refs {
		conflicts[f.Name] = f.Conflict
	}
	for name, elsewhere := range map[string]bool{"refs/heads/main": true, "refs/heads/third": true, "refs/heads/free": false, "refs/heads/topic": false} {
		if got, there := conflicts[name]; !there || strings.Contains(got, "another working tree") != elsewhere || !elsewhere && got != "" {
			t.Errorf("%s: %q, %v", name, got, there)
		}
	}
	var waits []string
	for _, i := range r.Linked[0].Items {
		if i.Why != "" {
			waits = append(waits, i.Path)
		}
	}
	slices.Sort(waits)
	if want := []string{"HEAD", "MERGE_HEAD", "index", "worktrees/third/HEAD", "worktrees/third/MERGE_HEAD", "worktrees/third/index", "worktrees/tree/config"}; !slices.Equal(waits, want) {
		t.Errorf("what belongs to others: %q, not %q", waits, want)
	}
	d := p.apply(Wanted{})
	if after := p.host(state); after != before {
		sameTree(t, "other working trees", after, before)
	}
	if got := p.host("git log -1 --format=%s; git rev-parse HEAD free | uniq | wc -l"); got != "inside\n1\n" || len(d.Failed) == 0 || d.Held < len(waits) {
		t.Errorf("%q, %q, %d held", got, d.Failed, d.Held)
	}
}
