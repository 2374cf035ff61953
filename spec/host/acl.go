package host

import "golang.org/x/sys/unix"

// acl warns of a project with POSIX ACLs (acl(5)). In a user namespace of one uid
// nobody can write one that names others: cp -p leaves it out, and sed -i leaves
// its mask behind, which is more than the owning group had.
func (s reader) acl(f *Facts, readOnly bool) {
	if readOnly {
		return
	}
	for _, p := range f.Projects() {
		if s.hasACL(p.Dir) {
			f.Warnings = append(f.Warnings, "the project has POSIX ACLs (getfacl .), which programs in a jail cannot keep: cp -p and sed -i drop them, and the owning group may get more; "+
				"set them again afterwards (setfacl), or write in an overlay and apply it outside")
			return
		}
	}
}

func (s reader) hasACL(dir string) bool {
	for _, name := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
		if n, err := unix.Lgetxattr(s.Root+dir, name, nil); err == nil && n > 0 {
			return true
		}
	}
	return false
}
