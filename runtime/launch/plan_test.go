package launch

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire/wiretest"
)

func usual() *specs.Spec { return contract.UsualFrame(1000, 100, false, "/srv/jailed-claude") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPlanIsComplete: what is handed over comes, whatever is set.
func TestPlanIsComplete(t *testing.T) {
	var all []*Plan
	for _, v := range wiretest.Variants(reflect.TypeFor[Options]()) {
		all = append(all, &Plan{Spec: usual(), Options: v.Value.Interface().(Options)})
	}
	for _, v := range wiretest.Variants(reflect.TypeFor[contract.File]()) {
		all = append(all, &Plan{Spec: usual(), Rootfs: []contract.File{v.Value.Interface().(contract.File), {Path: "/x", Mode: fs.ModeDir | 0o700}}})
	}
	for _, h := range all {
		var w wire.Codec
		h.cross(&w)
		got := new(Plan)
		r := wire.Reader(w.Bytes())
		got.cross(r)
		// Of the configuration package wire's own tests say it.
		got.Spec = h.Spec
		if err := r.End(); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%v: %+v became %+v", err, h, got)
		}
	}
}

// TestReadPlan: what runs was handed over whole, and has passed the checks.
func TestReadPlan(t *testing.T) {
	f, err := (&Plan{Spec: usual()}).write()
	must(t, err)
	defer f.Close()
	var check *contract.CheckError
	if got, err := readPlan(f); !errors.As(err, &check) {
		t.Errorf("a frame alone: %+v, %v", got, err)
	}
	damaged, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer damaged.Close()
	_, err = damaged.WriteString("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	must(t, err)
	if got, err := readPlan(damaged); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("damaged: %+v, %v", got, err)
	}
}
