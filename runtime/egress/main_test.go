package egress

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/own"
)

// insideEnv: this binary runs in namespaces of its own. cannotEnv: it cannot,
// for this reason.
const (
	insideEnv = "JAIL_TEST_INSIDE"
	cannotEnv = "JAIL_TEST_CANNOT"
)

// The outside world: addresses of the test's own lo. Nothing leaves it.
var (
	public   = netip.MustParseAddr("93.184.216.34")
	public2  = netip.MustParseAddr("93.184.216.35")
	public6  = netip.MustParseAddr("2a00:1450::1")
	private  = netip.MustParseAddr("10.1.2.3")
	metadata = netip.MustParseAddr("169.254.169.254")
)

// TestMain runs the tests as root of a user and a network namespace of their
// own.
func TestMain(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		if err := makeWorld(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), insideEnv+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := c.Start()
	if err == nil {
		err = c.Wait()
	} else if why := "no user and network namespace: " + err.Error(); os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		fmt.Fprintln(os.Stderr, "cannot run here:", why)
	} else {
		os.Setenv(cannotEnv, why)
		os.Exit(m.Run())
	}
	if err != nil {
		os.Exit(1)
	}
}

func makeWorld() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, a := range []netip.Addr{public, public2, public6, private, metadata} {
		n := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: n, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	// The kernel takes its time with routes to addresses of IPv6.
	for range 1000 {
		if ok, err := own.Is(netip.AddrPortFrom(public6, 80)); ok || err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("%s is not there", public6)
}
