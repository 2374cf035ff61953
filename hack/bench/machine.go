package main

import (
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
)

// machine is where it was measured, and with which versions.
type machine struct {
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	MemoryMB int               `json:"memory_mb"`
	Kernel   string            `json:"kernel"`
	User     string            `json:"user"`
	Versions map[string]string `json:"versions"`
}

func thisMachine(b *bench) machine {
	m := machine{CPU: "unknown CPU", CPUs: goruntime.NumCPU(), Kernel: readLine("/proc/sys/kernel/osrelease"), Versions: map[string]string{}}
	m.User = b.user
	for _, line := range readLines("/proc/cpuinfo") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	if f := strings.Fields(readLine("/proc/meminfo")); len(f) > 1 {
		m.MemoryMB = int(number(f[1]) / 1024)
	}
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

func load() string {
	l, _, _ := strings.Cut(readLine("/proc/loadavg"), " ")
	return l
}

// readLines are the lines of a file; none if it cannot be read.
func readLines(name string) []string {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

func readLine(name string) string {
	if lines := readLines(name); len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// srt is the program of sandbox-runtime; it need not be there.
func (b *bench) srt() string { return filepath.Join(b.dir, "srt", "node_modules", ".bin", "srt") }
