package apply

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Work is applying to one project.
//
// Preconditions: the caller has the layer's lock, and no jail has it mounted.
type Work struct {
	// Layer is the layer's folder, Project what lies below it.
	Layer, Project string
	// Refs moves refs, forwards or back; it passes over those that are there
	// already. It returns an error if one could not be moved.
	Refs func(refs []Ref, back bool) error
	// Step is called after each step, for tests that end the process there. It may
	// be nil.
	Step func(name string)

	j       Journal
	planned bool
	// ok are the operations that were done.
	ok []bool
	// slots is the folder of the journal, staging one on the host's file system,
	// which is the same where the layer's is the host's.
	upper, project, slots, staging *os.File
}

// Failure is a path that was left as it was.
type Failure struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// errChanged: a path is not what it was when it was reviewed.
var errChanged = errors.New("the host's version changed meanwhile")

func (w *Work) step(name string) {
	if w.Step != nil {
		w.Step(name)
	}
}

// Begin makes the folder of a journal. What Made writes and the caller reads
// goes there before Run.
func (w *Work) Begin() error {
	if Unfinished(w.Layer) {
		return errors.New("an earlier apply is not finished")
	}
	dir := filepath.Join(w.Layer, running)
	// What is there without a journal was never begun, or is done.
	if err := removeAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return w.open(running)
}

// Abandon removes what Begin made.
func (w *Work) Abandon() error {
	w.Close()
	return removeAll(filepath.Join(w.Layer, running))
}

// open opens what is worked on; folder is where the journal is.
func (w *Work) open(folder string) (err error) {
	w.Close()
	for _, d := range []struct {
		to   **os.File
		path string
	}{{&w.upper, filepath.Join(w.Layer, "upper")}, {&w.project, w.Project}, {&w.slots, filepath.Join(w.Layer, folder)}} {
		if *d.to, err = beneath.Dir(d.path); err != nil {
			w.Close()
			return err
		}
	}
	return nil
}

// Close closes what is open.
func (w *Work) Close() {
	for _, f := range []*os.File{w.upper, w.project, w.slots, w.staging} {
		if f != nil {
			f.Close()
		}
	}
	w.upper, w.project, w.slots, w.staging = nil, nil, nil, nil
}

// Made writes the content of an operation with that number.
func (w *Work) Made(n int, data []byte, mode uint32) error {
	return beneath.Create(w.slots, made(n), data, mode&upper.Permissions)
}

// Names in the folder of a journal: what was exchanged, what was put together for
// it, and what the layer had.
func slot(n int) string    { return strconv.Itoa(n) }
func made(n int) string    { return slot(n) + ".made" }
func inLayer(n int) string { return slot(n) + ".layer" }

// Plan says what Set.Run shall do of it.
func (w *Work) Plan(j Journal) { w.j, w.planned = j, true }

// start writes the journal.
func (w *Work) start() error {
	w.j.Version, w.j.Project = version, w.Project
	if !w.oneFileSystem() {
		w.j.Beside = ".jailed-claude-apply"
	}
	w.j.Closed = w.closed()
	if err := w.writeJournal(); err != nil {
		return err
	}
	w.step("journal")
	return nil
}

// turn has the journal in a folder say that it is taken back. It says so before it is
// where it is worked on: until then, what the layer has is newer.
func (w *Work) turn(folder string) error {
	if err := w.open(folder); err != nil {
		return err
	}
	if err := w.readJournal(); err != nil {
		return err
	}
	if !w.j.Back {
		w.j.Back = true
		if err := w.writeJournal(); err != nil {
			return err
		}
	}
	w.step("turned")
	if folder == done {
		to := filepath.Join(w.Layer, running)
		if err := removeAll(to); err != nil { // never begun
			return err
		}
		if err := os.Rename(filepath.Join(w.Layer, done), to); err != nil {
			return err
		}
	}
	w.step("back")
	return nil
}

// oneFileSystem: files can be renamed from the layer to the project. Two mounts
// of one file system are two.
func (w *Work) oneFileSystem() bool {
	var a, b unix.Stat_t
	if unix.Fstat(int(w.slots.Fd()), &a) != nil || unix.Fstat(int(w.project.Fd()), &b) != nil || a.Dev != b.Dev {
		return false
	}
	const missing = "no such file\x01"
	return !errors.Is(unix.Renameat2(int(w.slots.Fd()), missing, int(w.project.Fd()), missing, unix.RENAME_NOREPLACE), unix.EXDEV)
}

// stage opens the staging folder.
func (w *Work) stage() (err error) {
	if w.j.Beside == "" {
		w.staging, err = beneath.Open(w.slots, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return err
	}
	if err := unix.Mkdirat(int(w.project.Fd()), w.j.Beside, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make %q in the project: %w", w.j.Beside, err)
	}
	w.staging, err = beneath.Open(w.project, w.j.Beside, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	return err
}

// full: what is left cannot be done now, and can be later.
func full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EIO)
}

func (w *Work) forward() (failed []Failure, err error) {
	if err := w.stage(); err != nil {
		return nil, err
	}
	w.unlock()
	w.hostModes(owner)
	defer w.hostModes(0)
	ok := make([]bool, len(w.j.Ops))
	w.ok = ok
	run := func(last bool) error {
		for i := range w.j.Ops {
			o := &w.j.Ops[i]
			if o.Last != last || o.Path == "" { // one that failed
				continue
			}
			err := w.put(i, o)
			if full(err) {
				return fmt.Errorf("apply %q: %w", o.Path, err)
			}
			if ok[i] = err == nil; !ok[i] {
				failed = append(failed, Failure{o.Path, err.Error()})
			}
			w.step("op")
		}
		return nil
	}
	if err := run(false); err != nil {
		return failed, err
	}
	refs := true
	if len(w.j.Refs) > 0 {
		if err := w.Refs(w.j.Refs, false); err != nil {
			refs = false
			failed = append(failed, Failure{".git", err.Error()})
		}
		w.step("refs")
	}
	if refs {
		if err := run(true); err != nil {
			return failed, err
		}
	} else {
		w.j.Refs = nil
	}
	for i, o := range w.j.Ops {
		if !refs || o.Last && !ok[i] {
			w.j.Take = nil
		}
	}
	w.modes()
	w.clean()
	w.lock()
	w.step("clean")
	return failed, nil
}

// settle keeps the journal for an undo.
func (w *Work) settle() error {
	// Operations keep their numbers: slots are named after them.
	for i := range w.j.Ops {
		if !w.ok[i] {
			w.j.Ops[i] = Op{}
		}
	}
	if err := unix.Syncfs(int(w.project.Fd())); err != nil {
		return os.NewSyscallError("syncfs", err)
	}
	if err := w.unstage(); err != nil {
		return err
	}
	if err := w.writeJournal(); err != nil {
		return err
	}
	w.step("finish")
	old := filepath.Join(w.Layer, done)
	if err := removeAll(old); err != nil {
		return err
	}
	w.step("forget")
	if !slices.Contains(w.ok, true) && len(w.j.Refs) == 0 && len(w.j.With) < 2 {
		return w.Abandon()
	}
	err := os.Rename(filepath.Join(w.Layer, running), old)
	w.step("finished")
	return err
}

// unstage removes the staging folder in the project.
func (w *Work) unstage() error {
	if w.j.Beside == "" {
		return nil
	}
	err := unix.Unlinkat(int(w.project.Fd()), w.j.Beside, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOENT) {
		err = nil
	}
	return os.NewSyscallError("rmdir "+w.j.Beside, err)
}

func (w *Work) backward() (failed []Failure, err error) {
	if err := w.stage(); err != nil {
		return nil, err
	}
	if err := w.dirs(); err != nil {
		return nil, err
	}
	w.unlock()
	w.writable()
	w.hostModes(owner)
	defer w.hostModes(0)
	run := func(last bool) error {
		for i := range slices.Backward(w.j.Ops) {
			o := &w.j.Ops[i]
			if o.Last != last || o.Path == "" {
				continue
			}
			err := w.back(i, o)
			if full(err) {
				return fmt.Errorf("take back %q: %w", o.Path, err)
			}
			if err != nil {
				failed = append(failed, Failure{o.Path, err.Error()})
			}
			w.step("op back")
		}
		return nil
	}
	if err := run(true); err != nil {
		return failed, err
	}
	if len(w.j.Refs) > 0 {
		if err := w.Refs(w.j.Refs, true); err != nil {
			failed = append(failed, Failure{".git", err.Error()})
		}
		w.step("refs back")
	}
	if err := run(false); err != nil {
		return failed, err
	}
	if err := unix.Syncfs(int(w.project.Fd())); err != nil {
		return failed, os.NewSyscallError("syncfs", err)
	}
	if err := w.unstage(); err != nil {
		return failed, err
	}
	w.lock()
	w.step("before the end")
	return failed, nil
}

// settleBack removes the journal.
func (w *Work) settleBack(failed bool) error {
	defer w.step("settled back")
	if failed {
		// What could not be taken back may be all that is left of a file.
		kept := filepath.Join(w.Layer, "undo-"+strconv.FormatInt(unixNow(), 10))
		return os.Rename(filepath.Join(w.Layer, running), kept)
	}
	return removeAll(filepath.Join(w.Layer, running))
}
