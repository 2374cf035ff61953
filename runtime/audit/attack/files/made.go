package files

// raceName is a file of a project whose commands editors run on the host. None of the
// other attacks makes it.
const raceName = ".devcontainer.json"

// Made returns the files that attacks may leave, as paths in a project and in a
// home.
func Made() (project, home []string) {
	for _, t := range trusted {
		project = append(project, t.path)
	}
	for _, t := range homeFiles {
		home = append(home, t.path)
	}
	return append(project, raceName), home
}
