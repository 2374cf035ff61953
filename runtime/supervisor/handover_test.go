package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire/wiretest"
)

// TestHandoverIsComplete: what is handed over comes, whatever is set.
func TestHandoverIsComplete(t *testing.T) {
	var all []*handover
	for _, v := range wiretest.Variants(reflect.TypeFor[Options]()) {
		all = append(all, &handover{spec: usual(t, false), Options: v.Value.Interface().(Options)})
	}
	for _, v := range wiretest.Variants(reflect.TypeFor[contract.File]()) {
		all = append(all, &handover{spec: usual(t, false), Rootfs: []contract.File{v.Value.Interface().(contract.File), {Path: "/x", Mode: fs.ModeDir | 0o700}}})
	}
	for _, h := range all {
		var w wire.Codec
		h.cross(&w)
		got := new(handover)
		r := wire.Reader(w.Bytes())
		got.cross(r)
		// Of the configuration package wire's own tests say it.
		got.spec = h.spec
		if err := r.End(); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%v: %+v became %+v", err, h, got)
		}
	}
}

// TestReadHandover: what runs was handed over whole, and has passed the checks.
func TestReadHandover(t *testing.T) {
	f, err := (&handover{spec: usual(t, false)}).write()
	must(t, err)
	defer f.Close()
	var check *contract.CheckError
	if got, err := readHandover(f); !errors.As(err, &check) {
		t.Errorf("a frame alone: %+v, %v", got, err)
	}
	damaged, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer damaged.Close()
	_, err = damaged.WriteString("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	must(t, err)
	if got, err := readHandover(damaged); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("damaged: %+v, %v", got, err)
	}
}
