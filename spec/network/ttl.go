package network

import (
	"fmt"
	"strconv"
	"strings"
)

// maxTTL is the longest TTL in seconds, a year.
const maxTTL = 366 * 24 * 60 * 60

// Life is TTL in seconds; 0 where the key is used as long as the jail runs.
func (b Broker) Life() int {
	n, _ := seconds(b.TTL) // it was checked; empty is none
	return n
}

// checkTTL says what is wrong with TTL.
func (b Broker) checkTTL() string {
	if b.TTL == "" {
		return ""
	}
	n, ok := seconds(b.TTL)
	switch {
	case !ok:
		return fmt.Sprintf("ttl %q is no length of time: write \"45s\", \"10m\" or \"1h30m\"", b.TTL)
	case n < 1 || n > maxTTL:
		return fmt.Sprintf("ttl %q is less than a second, or more than a year", b.TTL)
	}
	return ""
}

// seconds reads a length of time: hours, minutes and seconds, in that order.
func seconds(s string) (total int, ok bool) {
	for _, unit := range []struct {
		letter string
		worth  int
	}{{"h", 3600}, {"m", 60}, {"s", 1}} {
		number, rest, found := strings.Cut(s, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return 0, false
		}
		total, s, ok = total+int(n)*unit.worth, rest, true
	}
	return total, ok && s == ""
}
