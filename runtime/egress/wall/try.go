package wall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// tryTime bounds Try.
const tryTime = 20 * time.Second

// Try has a program close a network namespace as it would close a jail's: by
// nothing less can be told what a kernel has, for it loads modules at their
// first use. The program, with the arguments args, calls Trial.
func Try(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	id := func(host int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: host, Size: 1}} }
	c := exec.CommandContext(ctx, program, args...)
	c.Env = []string{}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid()), Pdeathsig: syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	if line, _, _ := strings.Cut(string(out), "\n"); line != "" {
		return errors.New(strings.TrimPrefix(line, "jailed-claude: "))
	}
	return fmt.Errorf("a network namespace cannot be tried: %w", err)
}

// Trial closes the network namespace of this process, and opens it again.
func Trial() error {
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	defer ns.Close()
	w, err := Build(ns, network.ViaRedirect, false)
	if err != nil {
		return err
	}
	return w.Close()
}
