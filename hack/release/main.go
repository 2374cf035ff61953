// Release writes what belongs to a built program and is neither the program
// nor its documentation: the list of everything that is linked into it, as a
// CycloneDX SBOM, and the licences of that.
//
// All of it is read from what was built: the modules from the build
// information in the program, the C libraries from the linker's map, their
// packages from dpkg. The same program gives the same bytes.
//
// What does not belong here: building. That is release.sh.
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	binary := flags.String("binary", "", "the program")
	linkMap := flags.String("map", "", "the map that the linker wrote of it (ld -Map)")
	arch := flags.String("arch", "", "its architecture, as Go and Debian call it")
	version := flags.String("version", "", "its version")
	epoch := flags.Int64("time", 0, "SOURCE_DATE_EPOCH, in seconds")
	compilers := flags.String("cc", "gcc", "the C compiler that built it, and what called that")
	admin := flags.String("admindir", "", "a dpkg database to ask before that of the system, for libraries of another architecture")
	root := flags.String("root", "/", "the folder in which that database's files are")
	sbomFile := flags.String("sbom", "", "where the SBOM goes")
	licences := flags.String("licences", "", "the folder that the licences go to; it must not exist")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *binary == "" || *linkMap == "" || *arch == "" || *version == "" || *sbomFile == "" || *licences == "" {
		return errors.New("-binary, -map, -arch, -version, -sbom and -licences are needed")
	}

	info, err := buildinfo.ReadFile(*binary)
	if err != nil {
		return err
	}
	modules, err := linkedModules(info, *arch)
	if err != nil {
		return err
	}
	system := []database{{root: "/"}}
	if *admin != "" {
		system = []database{{dir: *admin, root: *root}, {root: "/"}}
	}
	text, err := os.ReadFile(*linkMap)
	if err != nil {
		return err
	}
	packages, err := linkedPackages(system, text)
	if err != nil {
		return err
	}
	if err := os.Mkdir(*licences, 0o755); err != nil {
		return err
	}
	for i := range modules {
		if modules[i].licence, err = modules[i].copyLicences(filepath.Join(*licences, "go")); err != nil {
			return err
		}
	}
	for _, p := range packages {
		if err := p.copyLicences(filepath.Join(*licences, "debian")); err != nil {
			return err
		}
	}
	if err := writeNotice(filepath.Join(*licences, "README.md"), modules, packages); err != nil {
		return err
	}
	builders, err := buildPackages(strings.Fields(*compilers))
	if err != nil {
		return err
	}
	b := bill{
		version: *version, arch: *arch, time: time.Unix(*epoch, 0).UTC(), binary: *binary,
		modules: modules, packages: packages, builders: builders, goVersion: info.GoVersion,
	}
	return b.write(*sbomFile)
}
