package closure

import (
	"fmt"
	"os"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
)

// BenchmarkWarm is what each start pays: a closure out of the cache, and one
// out of a closure file. JAIL_TEST_TINY names a file with enough store paths.
func BenchmarkWarm(b *testing.B) {
	data, err := os.ReadFile(os.Getenv("JAIL_TEST_TINY"))
	if err != nil {
		b.Skip("JAIL_TEST_TINY names no file with store paths")
	}
	all, err := registration.ParseFile(data)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{40, 300, 600} {
		if len(all) < n {
			b.Skipf("there are only %d store paths", len(all))
		}
		dir := b.TempDir()
		v, err := inventory.Take(all[:n], all[0])
		if err != nil {
			b.Fatal(err)
		}
		if err := (inventory.Cache{Dir: dir}).Store(all[0], v); err != nil {
			b.Fatal(err)
		}
		list := dir + "/list"
		if err := os.WriteFile(list, registration.RenderList(all[:n]), 0o600); err != nil {
			b.Fatal(err)
		}
		for name, o := range map[string]Options{
			"cache": {Package: all[0], CacheDir: dir, NoAgent: true},
			"file":  {ClosureFile: list, NoAgent: true},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if _, err := Resolve(b.Context(), o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
