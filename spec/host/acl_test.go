package host

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// TestACL: who shares a project by an ACL is told what a jail does to it.
func TestACL(t *testing.T) {
	dir := t.TempDir()
	warned := func(readOnly bool) int {
		f := &Facts{Project: Project{Dir: dir}}
		reader{source.This()}.acl(f, readOnly)
		return len(f.Warnings)
	}
	if warned(false) != 0 {
		t.Error("a project without an ACL")
	}
	// Version 2; tag, rights and id of each entry (linux/posix_acl_xattr.h).
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 7, ^uint32(0)}, {2, 6, 65533}, {4, 5, ^uint32(0)}, {16, 7, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[0]))
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[1]))
		acl = binary.LittleEndian.AppendUint32(acl, e[2])
	}
	if err := unix.Setxattr(dir, "system.posix_acl_access", acl, 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this file system has no ACLs")
	} else if err != nil {
		t.Fatal(err)
	}
	if warned(false) != 1 || warned(true) != 0 {
		t.Errorf("%d, and %d in one that is read-only", warned(false), warned(true))
	}
}
