package main

import (
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

func thisMachine(b *bench) report.Machine {
	m := report.Machine{CPUs: goruntime.NumCPU(), Kernel: proc.ReadLine("/proc/sys/kernel/osrelease"), User: b.user, Versions: map[string]string{}}
	m.CPU, m.MemoryMB = proc.Hardware()
	for name, argv := range map[string][]string{
		ours: {b.file(ours), "--version"}, "bwrap": {"bwrap", "--version"}, "crun": {"crun", "--version"},
		"runc": {"runc", "--version"}, "srt": {b.srt(), "--version"},
	} {
		if text, err := exec.Command(argv[0], argv[1:]...).Output(); err == nil {
			m.Versions[name], _, _ = strings.Cut(string(text), "\n")
		}
	}
	// pasta of Debian 12 does not know its version.
	if text, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", "passt").Output(); err == nil {
		m.Versions["pasta"] = "passt " + string(text)
	}
	return m
}

// srt is the program of sandbox-runtime; it need not be there.
func (b *bench) srt() string { return filepath.Join(b.dir, "srt", "node_modules", ".bin", "srt") }
