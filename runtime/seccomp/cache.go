package seccomp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
)

// format is part of the key: it changes when Compile makes another program
// from the same profile.
const format = "bpf-3"

// Cached is Compile with a cache in dir, which is made when it is missing. A
// cache that cannot be read or written costs time, never the start: the error
// is returned beside a good program.
func Cached(dir string, p *specs.LinuxSeccomp) (prog []byte, cacheErr, err error) {
	file := filepath.Join(dir, key(p)+".bpf")
	prog, cacheErr = load(file)
	if cacheErr == nil {
		return prog, nil, nil
	}
	if errors.Is(cacheErr, os.ErrNotExist) {
		cacheErr = nil
	}
	if prog, err = compile(p); err != nil {
		return nil, nil, err
	}
	return prog, errors.Join(cacheErr, store(file, prog)), nil
}

// key names the entry of a profile. Another libseccomp knows other system calls.
func key(p *specs.LinuxSeccomp) string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	h := sha256.New()
	fmt.Fprintf(h, "%s %#x %d.%d.%d\n", format, uint32(auditArch), major, minor, micro)
	var c wire.Codec
	wire.Pointer(&c, &p, wire.Seccomp)
	h.Write(c.Bytes())
	return hex.EncodeToString(h.Sum(nil))
}

// digest ties a program to its entry: under the name of another profile it is
// not accepted.
func digest(file string, prog []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(filepath.Base(file)+"\n"), prog...))
}

// errBad: an entry that is not ours or not whole.
var errBad = errors.New("seccomp cache entry rejected")

// load reads an entry: a digest of the program, then the program.
func load(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no file", errBad, file)
	case !ok || int(sys.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%w: %s belongs to another user", errBad, file)
	case st.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%w: others may write %s", errBad, file)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if len(b) <= sha256.Size || digest(file, b[sha256.Size:]) != [sha256.Size]byte(b[:sha256.Size]) {
		return nil, fmt.Errorf("%w: %s is damaged", errBad, file)
	}
	return b[sha256.Size:], nil
}

func store(file string, prog []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("seccomp cache: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return fmt.Errorf("seccomp cache: %w", err)
	}
	sum := digest(file, prog)
	_, err = f.Write(append(sum[:], prog...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("seccomp cache: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
