package image

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compressions of layers.
const (
	// Zstd is read by containerd, podman, skopeo and Docker since 23.
	Zstd = "zstd"
	// Gzip is read by everything.
	Gzip = "gzip"
	// None is for registries and file systems that compress by themselves.
	None = "none"
)

// Compressions are all of them, the default first.
var Compressions = []string{Zstd, Gzip, None}

// compressor makes one kind of layer.
type compressor struct {
	// name has the version: another one may give other bytes.
	name      string
	mediaType string
	writer    func(io.Writer) (io.WriteCloser, error)
}

func compressorOf(name string) (compressor, error) {
	switch name {
	case Zstd, "":
		// One goroutine: layers are made side by side already.
		return compressor{Zstd + "-" + version(), v1.MediaTypeImageLayerZstd, func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		}}, nil
	case Gzip:
		return compressor{Gzip + "-" + version(), v1.MediaTypeImageLayerGzip, func(w io.Writer) (io.WriteCloser, error) {
			return gzip.NewWriterLevel(w, gzip.BestSpeed)
		}}, nil
	case None:
		return compressor{None, v1.MediaTypeImageLayer, func(w io.Writer) (io.WriteCloser, error) { return open{w}, nil }}, nil
	}
	return compressor{}, fmt.Errorf("no compression is called %q: write one of %s", name, strings.Join(Compressions, ", "))
}

// open is a writer that needs no closing.
type open struct{ io.Writer }

func (open) Close() error { return nil }

// version is that of the compressor.
func version() string {
	const module = "github.com/klauspost/compress"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == module {
				return d.Version
			}
		}
	}
	return "unknown"
}
