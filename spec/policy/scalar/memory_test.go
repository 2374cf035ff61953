package scalar

import "testing"

func TestParseMemory(t *testing.T) {
	for s, want := range map[string]int64{
		"1024": 1024, "1": 1, "7B": 7, "007": 7,
		"8GiB": 8 << 30, "512MiB": 512 << 20, "4KiB": 4096, "1TiB": 1 << 40,
		"8GB": 8e9, "512MB": 512e6, "4kB": 4000, "4KB": 4000, "1TB": 1e12,
		"9223372036854775807": 1<<63 - 1,
		"8388607TiB":          8388607 << 40,
	} {
		if got, err := ParseMemory(s); err != nil || got != want {
			t.Errorf("ParseMemory(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", " ", "GiB", "B", "0", "0GiB", "-1", "-8GiB", "+8GiB", "8 GiB", " 8GiB", "8GiB ", "8GiB\n",
		// Either of two: bits, powers of 1000, powers of 1024.
		"8G", "8g", "8gb", "8gib", "8Gib", "8Gb", "8M", "8k", "8kiB", "8b",
		// What a float parser would take.
		"1.5GiB", "1e9", "0x10", "1_000", "Inf", "NaN", "infGiB", "½GiB", "٨GiB",
		// Too large.
		"9223372036854775808", "8388608TiB", "99999999999999999999GiB", "10000000000GB",
		"8PiB", "8GiBs", "8\x00",
	} {
		if got, err := ParseMemory(s); err == nil {
			t.Errorf("ParseMemory(%q) = %d, want an error", s, got)
		}
	}
}
