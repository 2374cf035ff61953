package cgroup

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestLimits(t *testing.T) {
	mib := int64(1 << 20)
	odd, double := 64*mib+1, 128*mib
	pids, quota, period := int64(100), int64(150_000), uint64(100_000)
	for _, c := range []struct {
		name string
		in   specs.LinuxResources
		want []limit
	}{
		{"none", specs.LinuxResources{}, nil},
		{"memory, without swap", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &odd}}, []limit{
			{name: "memory", file: "memory.max", value: "67108864"}, {file: "memory.swap.max", value: "0", optional: true},
		}},
		{"memory and swap", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &odd, Swap: &double}}, []limit{
			{name: "memory", file: "memory.max", value: "67108864"}, {file: "memory.swap.max", value: "67104768", optional: true},
		}},
		{"pids and cpu", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &pids}, CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}}, []limit{
			{name: "pids", file: "pids.max", value: "100"}, {name: "cpu", file: "cpu.max", value: "150000 100000"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := limits(&c.in); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
