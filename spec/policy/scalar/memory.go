package scalar

import (
	"fmt"
	"math"
	"strconv"
)

// ParseMemory reads an amount of memory: "8GiB", "512MiB", "8GB" or a plain
// number of bytes. KiB, MiB, GiB and TiB are powers of 1024, kB, MB, GB and TB
// powers of 1000.
//
// What could mean either is refused ("8G", "8gb"), so are fractions, signs,
// spaces and zero. That is why github.com/docker/go-units is not used here: each
// of its two functions reads "GB" and "GiB" alike, through a float.
func ParseMemory(s string) (int64, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	unit, ok := MemoryUnits()[s[digits:]]
	if digits == 0 || !ok {
		return 0, fmt.Errorf("%q is not an amount of memory: %s", s, memoryHint)
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is too much: the largest amount is %d bytes", s, int64(math.MaxInt64))
	}
	if n == 0 {
		return 0, fmt.Errorf("%q leaves no memory: write at least one byte, or leave it out for no limit", s)
	}
	return n * unit, nil
}

const memoryHint = `write a whole number with a unit, as in "8GiB" (1024 based) or "8GB" (1000 based)`

// MemoryUnits are the units that ParseMemory reads, in bytes.
func MemoryUnits() map[string]int64 {
	return map[string]int64{
		"": 1, "B": 1,
		"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
}
