package contract

import (
	"reflect"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// knownFields are the fields of a config.json that a check looks at or that
// can do no harm. All others are refused, those that a later version of the
// specification adds among them: other hooks, devices, sysctls, moved network
// devices, listeners that decide about system calls, other security profiles.
var knownFields = []string{
	"ociVersion", "hostname", "annotations",
	"hooks", "hooks.createRuntime", "hooks.createRuntime.path", "hooks.createRuntime.args",
	"hooks.createContainer", "hooks.createContainer.path", "hooks.createContainer.args",
	"hooks.poststop", "hooks.poststop.path", "hooks.poststop.args",
	"root", "root.path", "root.readonly",
	"process", "process.terminal", "process.args", "process.env", "process.cwd", "process.noNewPrivileges",
	"process.user", "process.user.uid", "process.user.gid", "process.user.additionalGids", "process.user.umask",
	"process.capabilities", "process.capabilities.bounding", "process.capabilities.effective",
	"process.capabilities.permitted", "process.capabilities.inheritable", "process.capabilities.ambient",
	"process.rlimits", "process.rlimits.type", "process.rlimits.hard", "process.rlimits.soft",
	"mounts", "mounts.destination", "mounts.type", "mounts.source", "mounts.options",
	"linux", "linux.maskedPaths", "linux.readonlyPaths",
	"linux.namespaces", "linux.namespaces.type", "linux.namespaces.path",
	"linux.uidMappings", "linux.uidMappings.containerID", "linux.uidMappings.hostID", "linux.uidMappings.size",
	"linux.gidMappings", "linux.gidMappings.containerID", "linux.gidMappings.hostID", "linux.gidMappings.size",
	"linux.resources", "linux.resources.memory", "linux.resources.memory.limit", "linux.resources.memory.swap",
	"linux.resources.pids", "linux.resources.pids.limit",
	"linux.resources.cpu", "linux.resources.cpu.quota", "linux.resources.cpu.period",
	"linux.seccomp", "linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet", "linux.seccomp.architectures",
	"linux.seccomp.syscalls", "linux.seccomp.syscalls.names", "linux.seccomp.syscalls.action",
	"linux.seccomp.syscalls.errnoRet", "linux.seccomp.syscalls.args", "linux.seccomp.syscalls.args.index",
	"linux.seccomp.syscalls.args.value", "linux.seccomp.syscalls.args.valueTwo", "linux.seccomp.syscalls.args.op",
}

// KnownFields are the fields that a config.json may have, by their JSON names as
// seen from the top.
func KnownFields() []string { return slices.Clone(knownFields) }

// unknownFields returns the JSON names of the fields of s that are set and not
// known, each once, in the order of the specification.
func unknownFields(s *specs.Spec) []string {
	known := make(map[string]bool, len(knownFields))
	for _, f := range knownFields {
		known[f] = true
	}
	// The fields of a struct by its place: there are many mounts.
	fields := map[string][]jsonField{}
	var found []string
	var walk func(v reflect.Value, at string)
	walk = func(v reflect.Value, at string) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(v.Elem(), at)
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct {
				for i := range v.Len() {
					walk(v.Index(i), at)
				}
			}
		case reflect.Struct:
			all, ok := fields[at]
			if !ok {
				all = fieldsOf(v.Type(), at, known)
				fields[at] = all
			}
			for _, f := range all {
				switch v := v.Field(f.index); {
				case empty(v):
				case f.known:
					walk(v, f.name)
				case !slices.Contains(found, f.name):
					found = append(found, f.name)
				}
			}
		}
	}
	walk(reflect.ValueOf(s), "")
	return found
}

// jsonField is one field of a struct. Its name is the JSON one, as seen from the top.
type jsonField struct {
	index int
	name  string
	known bool
}

// fieldsOf are the fields of a struct but those that are known and have none of
// their own: about these there is nothing to find out.
func fieldsOf(t reflect.Type, at string, known map[string]bool) (all []jsonField) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if at != "" {
			name = at + "." + name
		}
		kind := t.Field(i).Type.Kind()
		if kind == reflect.Slice {
			kind = t.Field(i).Type.Elem().Kind()
		}
		if !known[name] || kind == reflect.Struct || kind == reflect.Pointer {
			all = append(all, jsonField{i, name, known[name]})
		}
	}
	return all
}

// empty: the field means nothing, as if it were left out.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
