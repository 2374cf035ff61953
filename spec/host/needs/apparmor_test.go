package needs

import (
	"os"
	"strings"
	"testing"
)

// TestPackagedProfile: the profile of the Debian package is the one that doctor
// prints for the program there.
func TestPackagedProfile(t *testing.T) {
	packaged, err := os.ReadFile("../../../hack/release/apparmor")
	if err != nil {
		t.Fatal(err)
	}
	if printed := appArmor("/usr/bin/jailed-claude")[0]; !strings.Contains(printed, "<<'EOF'\n"+string(packaged)+"EOF") {
		t.Errorf("%s\nis not\n%s", printed, packaged)
	}
}
