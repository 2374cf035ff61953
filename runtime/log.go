package runtime

import (
	"fmt"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// ConfigureLog sets up the log of this program: on stderr, as "text" or "json".
// A supervisor that Run starts logs in the same way.
func ConfigureLog(debug bool, format string) error {
	logrus.SetOutput(os.Stderr)
	logrus.SetLevel(logrus.WarnLevel)
	if debug {
		logrus.SetLevel(logrus.DebugLevel)
		message.Trace = func(m message.Message) { logrus.Debugf("message: %s", m) }
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

// logAs has the supervisor log as this process does.
func (o *Options) logAs() {
	o.LogLevel = logrus.GetLevel().String()
	if _, json := logrus.StandardLogger().Formatter.(*logrus.JSONFormatter); json {
		o.LogFormat = "json"
	}
}
