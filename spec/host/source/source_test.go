package source

import "testing"

func TestEnvironment(t *testing.T) {
	env := environ([]string{"A=1", "A=2", "B=x=y", "=C:=z", "D", "E=", "F=a\nb"})
	for name, want := range map[string]string{"A": "1", "B": "x=y", "E": "", "F": "a\nb"} {
		if got, ok := env[name]; !ok || got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if len(env) != 4 {
		t.Errorf("%q", env)
	}
	t.Setenv("TOKEN", "hunter2")
	if Environ()["TOKEN"] != "hunter2" {
		t.Error("a variable is not there")
	}
}
