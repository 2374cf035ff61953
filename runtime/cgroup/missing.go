package cgroup

import (
	"errors"
	"os"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// Missing says what to do where no cgroup file system is mounted, without which
// libcontainer makes nothing: it returns that in the place of libcontainer's error, or
// the error itself where there is one.
func Missing(err error) error {
	text, e := os.ReadFile("/proc/self/mountinfo")
	if e != nil || strings.Contains(string(text), " - cgroup") {
		return err
	}
	return hint.Add(errors.New("no cgroup file system is mounted here, and no container can be made without one (ip netns exec takes /sys/fs/cgroup away)"),
		"to enter a network namespace with all mounts: nsenter --net=/run/netns/NAME", "or to mount it, as root: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
}
