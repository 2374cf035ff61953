package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Bundle is a bundle that has been read.
type Bundle struct {
	Dir  string
	Spec *specs.Spec
}

// Rootfs is the folder that becomes the root of the jail.
func (b *Bundle) Rootfs() string { return filepath.Join(b.Dir, RootfsName) }

// errUnsafe is returned by Load for a folder that another user could change.
var errUnsafe = errors.New("another user may change it")

// Load reads a bundle and validates it: the folder is the caller's alone, the
// configuration has no unknown key and passes contract.Check, and the rootfs is a
// folder of the bundle.
func Load(dir string) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	for _, name := range []string{"", ConfigName, RootfsName} {
		if err := owned(filepath.Join(dir, name), name != ConfigName); err != nil {
			return nil, fmt.Errorf("bundle %q: %w", dir, err)
		}
	}
	// It was looked at, but may be a FIFO by now.
	f, err := os.OpenFile(filepath.Join(dir, ConfigName), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	defer f.Close()
	s, err := Unmarshal(f)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	if v := contract.Check(s); len(v) > 0 {
		return nil, fmt.Errorf("bundle %q: %w", dir, &contract.CheckError{Violations: v})
	}
	return &Bundle{Dir: dir, Spec: s}, nil
}

// Unmarshal reads one config.json. An unknown key is an error: what it would
// grant is unknown too.
func Unmarshal(r io.Reader) (*specs.Spec, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	s := new(specs.Spec)
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("read %s: %w", ConfigName, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: there is more than one value in it", ConfigName)
	}
	return s, nil
}

func owned(p string, folder bool) error {
	st, err := os.Lstat(p)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case folder != st.IsDir() || !folder && !st.Mode().IsRegular():
		return fmt.Errorf("%s is not what it should be (%s)", p, st.Mode().Type())
	case !ok || int(sys.Uid) != os.Geteuid() || st.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: %w", p, errUnsafe)
	}
	return nil
}
