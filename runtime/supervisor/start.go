package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec"
)

// Options of a jail that are not of its configuration: they change how it is
// shown and reported, not what it may do.
type Options struct {
	// ID names the jail. It is the container ID as well.
	ID string
	// Seccomp is the compiled profile of the configuration.
	Seccomp []byte
	// Summary prints one line of what really holds, before the program starts.
	Summary bool
	// Require are protections without which the jail must not start.
	Require []string
	// Strict ends the jail as soon as a watched path appears.
	Strict bool
	// LogLevel and LogFormat are logrus's ("debug", "json").
	LogLevel, LogFormat string
	// Log is the descriptor of the session's log (egress.Event, a JSON line
	// each), which crosses execve; 0 if there is none.
	Log int
	// Keys of the jail's brokers by the brokers' names, and the certificates
	// (PEM) by which brokers know their services, nil for the system's.
	Keys  map[string]string
	Roots []byte
	// Cgroup is the folder of a cgroup v2 made for this jail; empty without
	// limits.
	Cgroup string
}

// handover is what crosses from the planning process to the supervisor.
type handover struct {
	Jail    *spec.Jail
	Options Options
}

// Variables of a supervisor's environment. List reads them.
const (
	idEnv      = "_JAILED_CLAUDE_ID"
	projectEnv = "_JAILED_CLAUDE_PROJECT"
	startedEnv = "_JAILED_CLAUDE_STARTED" // seconds since the epoch
	fdEnv      = "_JAILED_CLAUDE_FD"
)

// Start replaces the calling process by the supervisor of j. It returns only
// with an error, and then the process is as it was.
func Start(j *spec.Jail, o Options) error {
	fd, err := unix.MemfdCreate("jail", 0) // crosses execve
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "jail")
	defer f.Close()
	if err := json.NewEncoder(f).Encode(handover{j, o}); err != nil {
		return fmt.Errorf("hand the jail over: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("hand the jail over: %w", err)
	}
	if err := fault.At(fault.HandOver); err != nil {
		return err
	}
	env := []string{
		stageEnv + "=supervisor", idEnv + "=" + o.ID, projectEnv + "=" + j.Spec.Process.Cwd,
		startedEnv + "=" + strconv.FormatInt(time.Now().Unix(), 10), fdEnv + "=" + strconv.Itoa(fd),
	}
	for _, e := range os.Environ() {
		// GODEBUG and the like for the people who work on this.
		if strings.HasPrefix(e, "GO") {
			env = append(env, e)
		}
	}
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", os.Args, env))
}

// IsStage reports whether this process was started as a supervisor.
func IsStage() bool { return os.Getenv(stageEnv) != "" }

func takeOver() (*handover, error) {
	fd, err := strconv.Atoi(os.Getenv(fdEnv))
	if err != nil {
		return nil, errors.New("this process was not started by jailed-claude")
	}
	f := os.NewFile(uintptr(fd), "jail")
	defer f.Close()
	h := new(handover)
	if err := json.NewDecoder(f).Decode(h); err != nil {
		return nil, fmt.Errorf("take the jail over: %w", err)
	}
	return h, fault.At(fault.TakenOver)
}
