package heap

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// flags are those of the mapping that holds an address (proc_pid_smaps(5)).
func flags(t *testing.T, address uintptr) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if f, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(f)
		}
	}
	t.Fatalf("no mapping holds %#x", address)
	return nil
}

var kept *[64]byte

// TestHuge: the heap is in huge pages where the kernel has them, until Settle.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		if why := "no transparent huge pages: " + err.Error(); os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatal(why)
		} else {
			t.Skip(why)
		}
	}
	kept = new([64]byte)
	at := uintptr(unsafe.Pointer(kept))
	if f := flags(t, at); !slices.Contains(f, "hg") {
		t.Errorf("the heap does not ask for huge pages: %v", f)
	}
	Settle()
	if f := flags(t, at); slices.Contains(f, "hg") || !slices.Contains(f, "nh") {
		t.Errorf("it still does after Settle: %v", f)
	}
	// A heap that grows later does not ask.
	big := make([]byte, 256<<20)
	big[len(big)-1] = 1
	if f := flags(t, uintptr(unsafe.Pointer(&big[len(big)-1]))); slices.Contains(f, "hg") {
		t.Errorf("what comes later does: %v", f)
	}
	Settle()
}
