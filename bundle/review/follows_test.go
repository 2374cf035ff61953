package review

import "testing"

// TestFollows: what agents take for instructions is named, if it is there after.
func TestFollows(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail(`echo "be evil" >AGENTS.md; echo x >c.txt; rm b.txt`)
	o := w.options()
	o.Follows = func(path string) bool { return path == "AGENTS.md" || path == "b.txt" }
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, i := range r.Items {
		if i.Follows != (i.Path == "AGENTS.md") || i.Why != "" {
			t.Errorf("%+v", i)
		}
	}
	if len(r.Items) != 3 {
		t.Errorf("%d items", len(r.Items))
	}
}
