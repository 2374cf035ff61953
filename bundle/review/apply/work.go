package apply

import (
	"errors"
	"fmt"
	"io/fs"
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

	j Journal
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
	// What is there without a journal was never begun.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return w.open()
}

// Abandon removes what Begin made.
func (w *Work) Abandon() error {
	w.Close()
	return os.RemoveAll(filepath.Join(w.Layer, running))
}

// Forget forgets what was applied before: it is taken back no more.
func (w *Work) Forget() error { return removeAll(filepath.Join(w.Layer, done)) }

func (w *Work) open() (err error) {
	for _, d := range []struct {
		to   **os.File
		path string
	}{{&w.upper, filepath.Join(w.Layer, "upper")}, {&w.project, w.Project}, {&w.slots, filepath.Join(w.Layer, running)}} {
		if *d.to, err = beneath.Dir(d.path); err != nil {
			w.Close()
			return err
		}
	}
	return nil
}

// Paths are what the journal is about.
func (w *Work) Paths() map[string]bool {
	all := map[string]bool{}
	for _, o := range w.j.Ops {
		all[o.Path] = true
	}
	return all
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

// Run does what a journal says.
func (w *Work) Run(j Journal) ([]Failure, error) {
	w.j = j
	w.j.Version, w.j.Project = version, w.Project
	if !w.oneFileSystem() {
		w.j.Beside = ".jailed-claude-apply"
	}
	if err := w.writeJournal(); err != nil {
		return nil, err
	}
	w.step("journal")
	return w.forward()
}

// Finish does what is left of a journal, forwards or back, as it was meant. The
// error is ErrNone if there is none.
func (w *Work) Finish() (back bool, failed []Failure, err error) {
	if !Unfinished(w.Layer) {
		return false, nil, ErrNone
	}
	if err := w.open(); err != nil {
		return false, nil, err
	}
	if err := w.readJournal(); err != nil {
		return false, nil, err
	}
	if w.j.Back {
		failed, err = w.backward()
	} else {
		failed, err = w.forward()
	}
	return w.j.Back, failed, err
}

// Undo takes back what was applied last, be it finished or not.
func (w *Work) Undo() ([]Failure, error) {
	if !Unfinished(w.Layer) {
		err := os.Rename(filepath.Join(w.Layer, done), filepath.Join(w.Layer, running))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNone
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	if err := w.readJournal(); err != nil {
		return nil, err
	}
	if !w.j.Back {
		w.j.Back = true
		if err := w.writeJournal(); err != nil {
			return nil, err
		}
	}
	w.step("back")
	return w.backward()
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
	ok := make([]bool, len(w.j.Ops))
	run := func(last bool) error {
		for i := range w.j.Ops {
			o := &w.j.Ops[i]
			if o.Last != last {
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
	return failed, w.finish(ok)
}

// finish keeps the journal for an undo.
func (w *Work) finish(ok []bool) error {
	// Operations keep their numbers: slots are named after them.
	for i := range w.j.Ops {
		if !ok[i] {
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
	if !slices.Contains(ok, true) && len(w.j.Refs) == 0 {
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
	if len(failed) > 0 {
		// What could not be taken back may be all that is left of a file.
		kept := filepath.Join(w.Layer, "undo-"+strconv.FormatInt(unixNow(), 10))
		return failed, os.Rename(filepath.Join(w.Layer, running), kept)
	}
	return nil, removeAll(filepath.Join(w.Layer, running))
}
