package supervisor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/spec"
)

// handover is what crosses from the planning process to the supervisor, behind
// the bytes of config.json.
type handover struct {
	Rootfs  []spec.File
	Options Options
	// spec and config are the configuration and the bytes that it was read
	// from.
	spec   *specs.Spec
	config []byte
}

// write makes a file that cannot change any more: the length of config.json in
// 8 bytes, config.json, and the rest of h.
func (h *handover) write() (*os.File, error) {
	rest, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	f, err := memfd("jail")
	if err != nil {
		return nil, err
	}
	if err := seal(f, slices.Concat(binary.BigEndian.AppendUint64(nil, uint64(len(h.config))), h.config, rest)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readHandover reads what write wrote. The configuration has to pass the
// checks once more: what runs is what is written there.
func readHandover(f *os.File) (*handover, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, fi.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, err
	}
	if len(text) < 8 || binary.BigEndian.Uint64(text) > uint64(len(text)-8) {
		return nil, io.ErrUnexpectedEOF
	}
	n := binary.BigEndian.Uint64(text)
	h := &handover{config: text[8 : 8+n]}
	if err := json.Unmarshal(text[8+n:], h); err != nil {
		return nil, err
	}
	if h.spec, err = unmarshal(h.config); err != nil {
		return nil, err
	}
	if v := spec.Check(h.spec); len(v) > 0 {
		return nil, &spec.CheckError{Violations: v}
	}
	return h, nil
}

// marshal encodes a configuration as package json does, but for the indentation
// of bundle.Marshal: that is a third of the bytes, which are written and read
// twice here. Mounts of store paths are written as the first of them is.
func marshal(s *specs.Spec) ([]byte, error) {
	first := slices.IndexFunc(s.Mounts, isStoreMount)
	last := first + 1
	for first >= 0 && last < len(s.Mounts) && isStoreMount(s.Mounts[last]) && slices.Equal(s.Mounts[last].Options, s.Mounts[first].Options) {
		last++
	}
	if last-first < 2 {
		return bundle.MarshalCompact(s)
	}
	short := *s
	short.Mounts = slices.Delete(slices.Clone(s.Mounts), first+1, last)
	text, err := bundle.MarshalCompact(&short)
	if err != nil {
		return nil, err
	}
	one, err := json.Marshal(&s.Mounts[first])
	if err != nil {
		return nil, err
	}
	at := bytes.Index(text, one)
	name := path.Base(s.Mounts[first].Source)
	parts := bytes.Split(one, []byte(`/`+name+`"`))
	if at < 0 || len(parts) != 3 {
		return bundle.MarshalCompact(s)
	}
	at += len(one)
	config := slices.Grow(slices.Clone(text[:at]), len(text)-at+(last-first)*2*len(one))
	for _, m := range s.Mounts[first+1 : last] {
		name := path.Base(m.Source)
		config = append(config, ',')
		for i, p := range parts {
			if i > 0 {
				config = append(append(append(config, '/'), name...), '"')
			}
			config = append(config, p...)
		}
	}
	return append(config, text[at:]...), nil
}

// isStoreMount: the mount is that of a store path on itself, and of nothing else.
func isStoreMount(m specs.Mount) bool {
	return m.Destination == m.Source && m.Type == "bind" && len(m.UIDMappings)+len(m.GIDMappings) == 0 &&
		strings.HasPrefix(m.Source, storeDir+"/") && plainName(m.Source[len(storeDir)+1:])
}

// unmarshal decodes a config.json as bundle.Unmarshal does. The mounts of store
// paths, which are nearly all of it and differ in nothing but the path, are
// cut out and put back: encoding/json takes 5 microseconds for each.
func unmarshal(config []byte) (*specs.Spec, error) {
	rest, first, names := cutStoreMounts(config)
	s, err := bundle.UnmarshalCompact(rest)
	if err != nil || len(names) == 0 {
		return s, err
	}
	at := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == storeDir+"/"+first })
	if at < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	like := s.Mounts[at]
	more := make([]specs.Mount, len(names))
	for i, name := range names {
		more[i] = like
		more[i].Destination = storeDir + "/" + name
		more[i].Source = more[i].Destination
	}
	s.Mounts = slices.Insert(s.Mounts, at+1, more...)
	return s, nil
}

// cutStoreMounts cuts out of a configuration, as package json writes it, the
// mounts that come right behind the first one of a store path and are the same
// but for the name of the path. Without any, rest is the whole.
func cutStoreMounts(config []byte) (rest io.Reader, first string, names []string) {
	whole := bytes.NewReader(config)
	const head, middle = `{"destination":"` + storeDir + `/`, `","type":"bind","source":"` + storeDir + `/`
	// A quotation mark in a string has a backslash before it, so this is none.
	_, text, _ := strings.Cut(string(config), head)
	first, text, _ = strings.Cut(text, `"`)
	text, ok := strings.CutPrefix(text, middle[1:]+first+`"`)
	options, _, more := strings.Cut(text, `}`)
	if !ok || !more || !plainName(first) || strings.Contains(options, `{`) {
		return whole, "", nil
	}
	tail := `"` + options + `}`
	text = text[len(options)+1:]
	begin := len(config) - len(text)
	for {
		next, ok := strings.CutPrefix(text, `,`+head)
		name, next, _ := strings.Cut(next, `"`)
		if !ok || !plainName(name) {
			break
		}
		if next, ok = strings.CutPrefix(next, middle[1:]+name+tail); !ok {
			break
		}
		names, text = append(names, name), next
	}
	if len(names) == 0 {
		return whole, "", nil
	}
	return io.MultiReader(bytes.NewReader(config[:begin]), strings.NewReader(text)), first, names
}

// plainName: it means in JSON what it says, is written like that, and is one name
// in a folder.
func plainName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\/<>&`, r) }) < 0
}
