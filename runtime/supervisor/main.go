package supervisor

import (
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/appended"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
)

// exitOurs is the exit status of failures of ours, as in chroot(1) and podman.
const exitOurs = 125

// Main is the supervisor: it starts the jail that was handed over, waits for
// it, and returns the exit status of its program.
//
// Preconditions: in a process for which userns.IsSupervisor is true, on the main
// goroutine, which is locked to the first thread: PID 1 dies with the thread
// that made it, so that has to be one that lives as long as the process.
func Main() (status int, err error) {
	quick.Garbage()
	quick.Punctual()
	unix.Umask(0o022)
	defer appended.Relay().Close()
	quick.Apart()
	firstThread, ended := make(chan func()), make(chan struct{})
	j := &jail{planner: launch.Planning(), firstThread: firstThread}
	ahead := j.ahead()
	// All but what makes containers: to a goroutine that is locked to a thread
	// every message is a switch of threads.
	go func() {
		defer close(ended)
		defer j.planner.End()
		status, err = j.run()
	}()
	if ahead != nil {
		ahead.create(nil)
	}
	for {
		select {
		case do := <-firstThread:
			do()
		case <-ended:
			return status, err
		}
	}
}

func configureLog(o launch.Options) {
	if level, err := logrus.ParseLevel(o.LogLevel); err == nil {
		logrus.SetLevel(level)
		if level >= logrus.DebugLevel {
			message.Trace = func(m message.Message) { logrus.Debugf("message: %s", m) }
		}
	}
	if o.LogFormat == "json" {
		logrus.SetFormatter(&logrus.JSONFormatter{})
	}
}
