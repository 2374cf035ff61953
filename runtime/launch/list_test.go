package launch

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/descriptors"
	"github.com/jailed-claude/jailed-claude/runtime/announcement"
)

// announcesVariable is set in a process that TestMain has be a supervisor.
const announcesVariable = "ANNOUNCES"

func TestMain(m *testing.M) {
	if id := os.Getenv(announcesVariable); id != "" {
		p := &Plan{Spec: usual(), Options: Options{ID: id}}
		fmt.Println(announce(p))
		// It has another one open as well, as one that lists jails has.
		other, _ := os.Open(os.Getenv("READS"))
		_, _ = os.Stdin.Read(make([]byte, 1))
		_ = errors.Join(other.Close(), p.Announced.Close())
		return
	}
	os.Exit(m.Run())
}

// supervisor is such a process.
func supervisor(t *testing.T, id, reads string) int {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), announcesVariable+"="+id, "READS="+reads)
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { in.Close(); _ = c.Process.Kill(); _ = c.Wait() })
	if said := bufio.NewScanner(out); !said.Scan() || said.Text() != "<nil>" {
		t.Fatal(said.Text())
	}
	return c.Process.Pid
}

// TestListOnce: a jail is its supervisor, and no other process that has the
// announcement open: one that reads it, or one that has inherited it.
func TestListOnce(t *testing.T) {
	pid := supervisor(t, "a-test-of-launch", "/dev/null")
	file, ok := descriptors.Find(pid, func(file string) bool { return file == "/memfd:"+announcement.Name+" (deleted)" })
	if !ok {
		t.Fatal("it has no announcement")
	}
	reads, err := os.Open(file)
	must(t, err)
	defer reads.Close()
	c := exec.Command("sleep", "1000")
	c.ExtraFiles = []*os.File{reads}
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	other := supervisor(t, "another-test-of-launch", file)
	all, err := List()
	must(t, err)
	all = slices.DeleteFunc(all, func(j Running) bool { return j.PID != pid && j.PID != other && j.PID != c.Process.Pid })
	if len(all) != 2 || all[0].ID != "a-test-of-launch" || all[1].ID != "another-test-of-launch" || all[0].Project != usual().Process.Cwd {
		t.Errorf("%+v", all)
	}
	if j, err := Find("a-test-of-launch", ""); err != nil || j.PID != pid {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestOutside: what a list asks of each process says the same as what takes longer.
func TestOutside(t *testing.T) {
	h := theHost()
	if h.pids == "" {
		t.Skip("/proc is of another PID namespace")
	}
	c := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sh", "-c", "echo; exec sleep 1000")
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Skip("there are no PID namespaces for tests here")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.Process.Pid, c.Process.Pid))
	must(t, err)
	inner, err := strconv.Atoi(string(slices.DeleteFunc(text, func(b byte) bool { return b == ' ' })))
	must(t, err)
	for pid, want := range map[int]bool{os.Getpid(): true, c.Process.Pid: true, inner: false} {
		place := fmt.Sprint("/proc/", pid)
		if fast, slow := h.outside(place, pid), outside(pid); fast != want || slow != want {
			t.Errorf("process %d: %v and %v, not %v", pid, fast, slow, want)
		}
	}
}
