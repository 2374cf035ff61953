package proc

import "strings"

// Hardware is the name of the processors, and the memory in MiB.
func Hardware() (cpu string, memory int) {
	cpu = "unknown CPU"
	for _, line := range ReadLines("/proc/cpuinfo") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			cpu = strings.TrimSpace(value)
			break
		}
	}
	if f := strings.Fields(ReadLine("/proc/meminfo")); len(f) > 1 {
		memory = int(Number(f[1]) / 1024)
	}
	return cpu, memory
}

// Load is that of the machine, over one minute.
func Load() string {
	l, _, _ := strings.Cut(ReadLine("/proc/loadavg"), " ")
	return l
}
