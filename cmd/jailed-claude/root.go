package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// version is set by the linker.
var version = "devel"

// run is the whole program but for the exit.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	out := &output{Writer: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(context.Background())
	if err == nil {
		err = out.err
	}
	if err == nil {
		return 0
	}
	// cobra has no error type for what it did not understand of the command
	// line; those are the errors of commands that never ran.
	if !c.HasParent() {
		err = hint.Add(err, "jailed-claude --help")
	}
	return report(stderr, err)
}

// needFiles is how many files a command may have to open at once, with room.
const needFiles = 64

// enoughFiles refuses to begin with fewer: the Go runtime and libcontainer
// crash where they cannot open a file.
func enoughFiles() error {
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	dir, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	for err == nil && len(fds) < needFiles {
		fds = append(fds, dir)
		dir, err = unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return hint.Add(fmt.Errorf("only %d files can be opened, and %d may be needed: %w", len(fds), needFiles, err), "to allow more: ulimit -n 1024")
	}
	fds = append(fds, dir)
	return nil
}

// newRoot makes the commands that args may mean: of a start, which begins with
// its name, that one alone, for each takes a while to make its flags.
func newRoot(args []string) *cobra.Command {
	var debug bool
	var format string
	root := &cobra.Command{
		Use:   "jailed-claude",
		Short: "Run Claude Code with access to nothing except what it needs",
		Long: `jailed-claude runs Claude Code in a jail: the current folder, the programs that
it needs, and nothing else of this machine. The jail is an ordinary OCI bundle,
run rootless.

Exit status: that of the jailed program; 128+N if signal N ended it; 125 if
jailed-claude itself failed; 126 if the program cannot be executed, 127 if it
is not found.`,
		Example: `  jailed-claude run                     # Claude Code in this folder
  jailed-claude run -- -p "fix the tests"
  jailed-claude shell                   # look around in the same jail
  jailed-claude explain                 # what it may see and do, and why
  jailed-claude doctor                  # what this host lacks, and how to mend it`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := enoughFiles(); err != nil {
				return err
			}
			return configureLog(debug, format)
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return hint.Add(err, c.CommandPath()+" --help") })
	root.SetVersionTemplate("jailed-claude {{.Version}}\n")
	root.PersistentFlags().BoolVar(&debug, "debug", false, "say what is done, with times")
	root.PersistentFlags().StringVar(&format, "log-format", "text", "format of log lines on standard error: text or json")
	switch {
	case len(args) > 0 && args[0] == "run":
		root.AddCommand(newRun())
	case len(args) > 0 && args[0] == "shell":
		root.AddCommand(newShell())
	default:
		root.AddCommand(newRun(), newShell(), newSpec(), newBundle(), newExplain(), newDoctor(), newList(), newLog(), newInit(), newConfig(), newLock(), newVerify(), newTrust(), newSchema(), newHook(), newAudit())
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	return root
}

func configureLog(debug bool, format string) error {
	logrus.SetOutput(os.Stderr)
	logrus.SetLevel(logrus.WarnLevel)
	if debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
	switch format {
	case "json":
		logrus.SetFormatter(&logrus.JSONFormatter{})
	case "text":
		logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: !debug, FullTimestamp: true, TimestampFormat: "15:04:05.000"})
	default:
		return fmt.Errorf("--log-format %q: use text or json", format)
	}
	return nil
}
