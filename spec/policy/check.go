package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of limits, beyond which a kernel refuses them.
const (
	// maxPids is PID_MAX_LIMIT of 64-bit Linux, the most that pids.max takes.
	maxPids = 1 << 22
	// minCPUs is a quota of 1 ms in the usual period of 100 ms, the least
	// that cpu.max takes.
	minCPUs = 0.01
	// maxCPUs is NR_CPUS of the largest kernels, and far below what
	// overflows a quota.
	maxCPUs = 8192
)

// check returns all that is wrong with the values of a layer. Parse and Merge
// both call it: a layer of the command line meets it in Merge.
func check(l *Layer) Errors {
	c := checker{report{layer: l}}
	c.enums()
	c.agent()
	c.each("files.read", l.Files.Read, checkGrant)
	c.each("files.write", l.Files.Write, checkGrant)
	c.each("files.hide", l.Files.Hide, checkPattern)
	c.each("files.protect", l.Files.Protect, checkPattern)
	c.network()
	c.brokers()
	c.env()
	c.limits()
	return c.faults
}

type checker struct{ report }

// value notes a fault of a scalar.
func (c *checker) value(key, problem string) {
	if problem != "" {
		c.fault(key, problem, valueKey(key), key)
	}
}

// each applies one check to each element of a list.
func (c *checker) each(key string, list []string, check func(string) string) {
	for i, element := range list {
		if problem := check(element); problem != "" {
			c.fault(key, problem, elementKey(key, i), key)
		}
	}
}

func (c *checker) enums() {
	for _, r := range rows() {
		if r.layer == nil || len(r.Values) == 0 {
			continue
		}
		if value, ok := r.layer(c.layer).(**string); ok && *value != nil {
			c.value(r.Name, enumProblem(r, **value))
		}
	}
}

func enumProblem(r row, value string) string {
	switch {
	case slices.Contains(r.Values, value):
		return ""
	case slices.Contains(r.Later, value):
		return fmt.Sprintf("%q is not in this release yet: write %s", value, quotedOr(r.Values))
	}
	return fmt.Sprintf("%q is not known: write %s", value, quotedOr(r.Values))
}

func (c *checker) agent() {
	if p := c.layer.Agent.Package; p != nil {
		c.value("agent.package", checkInstallable(*p))
	}
	c.each("agent.packages", c.layer.Agent.Packages, func(p string) string {
		if p == PackageHost {
			return fmt.Sprintf("%q is for agent.package alone: write a store path or an installable", p)
		}
		return checkInstallable(p)
	})
}

// checkInstallable refuses what can be no name of a package. The rest is for
// package closure, which asks Nix.
func checkInstallable(p string) string {
	if problem := checkText(p); problem != "" {
		return problem
	}
	// It becomes an argument of nix.
	if strings.HasPrefix(p, "-") {
		return fmt.Sprintf("%q begins with %q, like an option: write a store path or an installable", p, "-")
	}
	return ""
}

func (c *checker) env() {
	for i, name := range c.layer.Env.Pass {
		if problem := checkEnvPass(name); problem != "" {
			subject := fmt.Sprintf("element %d ", i+1)
			if isEnvName(name) {
				subject = name + " "
			}
			c.fault("env.pass", subject+problem, elementKey("env.pass", i), "env.pass")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.layer.Env.Set)) {
		at := joinKey("env.set", name)
		if problem := checkEnvName(name); problem != "" {
			subject := "a key "
			if isEnvName(name) {
				subject = name + " "
			}
			c.fault("env.set", subject+problem, at)
			continue
		}
		if strings.Contains(c.layer.Env.Set[name], "\x00") {
			c.fault(at, "the value has a NUL in it, where the variable would end: write it without", valueKey(at), at)
		}
		if slices.Contains(c.layer.Env.Pass, name) {
			c.fault(at, "is in env.pass too: keep one of them", at)
		}
	}
}

func (c *checker) limits() {
	limits := c.layer.Limits
	if m := limits.Memory; m != nil && *m <= 0 {
		c.value("limits.memory", fmt.Sprintf("%d is not positive: leave it out for no limit", *m))
	}
	if n := limits.Pids; n != nil && (*n < 1 || *n > maxPids) {
		c.value("limits.pids", fmt.Sprintf("%d is not from 1 to %d: leave it out for no limit", *n, maxPids))
	}
	// The comparison is this way round for NaN, which is neither.
	if n := limits.CPUs; n != nil && !(*n >= minCPUs && *n <= maxCPUs) {
		c.value("limits.cpus", fmt.Sprintf("%v is not from %v to %v: leave it out for no limit", *n, minCPUs, maxCPUs))
	}
}
