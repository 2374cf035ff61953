#!/usr/bin/env bash
# release.sh [ARCH…]: what `make release` runs. Makes, in dist/release, of the
# last commit and nothing else:
#   jailed-claude-VERSION-linux-ARCH.tar.gz    the program, its documents, licences
#   jailed-claude-VERSION-linux-ARCH.cdx.json  what is linked into it (CycloneDX)
#   jailed-claude_*.deb, jailed-claude-*.rpm, jailed-claude-*.pkg.tar.zst
#   SHA256SUMS                                 of all these
# ARCH is amd64 or arm64; default: both on x86-64, arm64 on arm64. VERSION is
# the commit's tag, v…, or its hash.
#
# The same commit, Go and Debian packages give the same bytes, in whatever
# folder and by whomever: check.sh tries it, docs/release.md says more.
#
#   RELEASE_OUT=DIR   another folder for the results; it is replaced
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=release
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case $(uname -m) in
  x86_64) host=amd64 default=(amd64 arm64) ;;
  aarch64) host=arm64 default=(arm64) ;;
  *) die "jailed-claude is for x86-64 and arm64" ;;
esac
arches=("$@")
[ "$#" -gt 0 ] || arches=("${default[@]}")
for arch in "${arches[@]}"; do
  case $arch in
    "$host") ;;
    arm64) "$HACK/deps.sh" release-arm64 ;;
    *) die "linux-$arch cannot be built on linux-$host" ;;
  esac
done
"$HACK/deps.sh" release
command -v dpkg-query >/dev/null 2>&1 || die "a release is built on Debian or Ubuntu: its SBOM names the packages of the C libraries"

cd "$REPO"
git() { command git -c safe.directory='*' "$@"; }
commit=$(git rev-parse --verify 'HEAD^{commit}') || die "not a git repository: a release is made of a commit"
# How many digits a short hash has depends on the clone, so not git's choice.
version=$(git describe --tags --exact-match --match 'v*' "$commit" 2>/dev/null || git rev-parse --short=12 "$commit")
[ -z "$(git status --porcelain)" ] || say "what is not committed is not in it"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH
out=${RELEASE_OUT:-$REPO/dist/release}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
umask 022
mkdir "$work/source" "$work/out"
git archive "$commit" | tar --extract --directory="$work/source"

# What would change the bytes and is set outside. GOENV: `go env -w` too.
go=$(go_program)
for name in GOPROXY GOSUMDB GONOSUMDB GOPRIVATE GONOPROXY GOINSECURE; do
  export "$name=$("$go" env "$name")"
done
PATH=$(dirname "$go"):$PATH
export LC_ALL=C TZ=UTC GOENV=off GOFLAGS='' GOWORK=off GOEXPERIMENT='' GOFIPS140=off GOAMD64=v1 GOARM64=v8.0 GOOS=linux
# The Go of go.mod and no newer one.
GOTOOLCHAIN=go$(awk '$1 == "go" { print $2 }' "$work/source/go.mod")
export GOTOOLCHAIN
unset GOARCH GODEBUG CC CXX CPATH C_INCLUDE_PATH LIBRARY_PATH GCC_EXEC_PREFIX COMPILER_PATH
unset PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
unset CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_FFLAGS CGO_LDFLAGS

# sysroot ARCH: Debian's C libraries for another architecture, in $work/ARCH,
# without touching this system: a list of packages, and a database, of their
# own. Not the packages libc6-dev-ARCH-cross: those get no security updates.
sysroot() {
  local arch=$1 root=$work/$1
  mkdir -p "$root"/var/lib/dpkg/{info,updates} "$root"/apt/{lists,cache/archives}/partial
  : >"$root/var/lib/dpkg/status"
  cat >"$root/apt.conf" <<APT
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Dir::State "$root/apt";
Dir::State::Lists "$root/apt/lists";
Dir::State::status "$root/var/lib/dpkg/status";
Dir::Cache "$root/apt/cache";
APT
  (
    cd "$root/apt"
    export APT_CONFIG=$root/apt.conf
    apt-get update -q
    apt-get download -q libc6-dev libseccomp-dev linux-libc-dev
    # None of the three has a script that runs when it is unpacked.
    dpkg --root="$root" --force-architecture --force-depends --force-not-root --force-script-chrootless \
      --unpack ./*.deb
  ) >"$root/log" 2>&1 || { tail -n 5 "$root/log" >&2; die "no libraries for $arch from Debian (make release ARGS=$host does without)"; }
}

build() {
  local arch=$1 name=jailed-claude-$version-linux-$1 static=$LD_FLAGS
  local tree=$work/tree/$name own=() compilers=gcc
  say "$name"
  if [ "$arch" = "$host" ]; then
    REPO=$work/source
    c_library
    if [ "$arch" = amd64 ]; then
      compilers="gcc musl-gcc"
      [ -n "${CC:-}" ] || die "linux-amd64 is linked with musl, and there is none (musl-tools)"
    fi
    export CC=${CC:-gcc} CGO_CFLAGS='-O2 -g' CGO_LDFLAGS=${CGO_LDFLAGS:--O2 -g}
  else
    sysroot "$arch"
    local lib=$work/$arch/usr/lib/aarch64-linux-gnu include=$work/$arch/usr/include
    compilers=aarch64-linux-gnu-gcc
    export CC=aarch64-linux-gnu-gcc PKG_CONFIG_SYSROOT_DIR=$work/$arch PKG_CONFIG_LIBDIR=$lib/pkgconfig
    export CGO_CFLAGS="-O2 -g -ffile-prefix-map=$work/$arch= -isystem $include/aarch64-linux-gnu -isystem $include"
    export CGO_LDFLAGS='-O2 -g'
    # -B is for the objects that every program begins and ends with.
    static="$LD_FLAGS -B$lib -L$lib"
    own=(-admindir "$work/$arch/var/lib/dpkg" -root "$work/$arch")
  fi
  mkdir -p "$tree/bin"
  # -buildid=: Go's own names the folder of the linker's map.
  (cd "$work/source" && GOARCH=$arch CGO_ENABLED=1 go build "${GO_BUILD[@]}" \
    -ldflags "$GO_LDFLAGS -buildid= -X main.version=$version -extldflags \"$static -Wl,-Map=$work/$arch.map\"" \
    -o "$tree/bin/jailed-claude" ./cmd/jailed-claude)
  if readelf --program-headers "$tree/bin/jailed-claude" | grep -q INTERP; then die "$name is not static"; fi

  (cd "$work/source" && cp -r LICENSE README.md SECURITY.md CHANGELOG.md CONTRIBUTING.md docs "$tree/" &&
    CGO_ENABLED=0 go run -trimpath -buildvcs=false ./hack/release -binary "$tree/bin/jailed-claude" -map "$work/$arch.map" \
      -arch "$arch" -version "$version" -time "$SOURCE_DATE_EPOCH" -cc "$compilers" "${own[@]}" \
      -sbom "$work/out/$name.cdx.json" -licences "$tree/licences")
  # The host's own program writes them: they are the same for all.
  "$HACK/man.sh" "$work/native" "$tree/share/man/man1"
  install -D -m 0644 <("$work/native" completion bash) "$tree/share/bash-completion/completions/jailed-claude"
  install -D -m 0644 <("$work/native" completion fish) "$tree/share/fish/vendor_completions.d/jailed-claude.fish"
  install -D -m 0644 <("$work/native" completion zsh) "$tree/share/zsh/site-functions/_jailed-claude"
  find "$tree" -type f -empty | { ! grep .; } || die "empty files in $name"

  "$HACK/release/packages.sh" "$tree" "$arch" "$version" "$work/out"
  tar --create --directory="$work/tree" --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode='u=rwX,go=rX' "$name" | gzip -n -9 >"$work/out/$name.tar.gz"
}

# One that runs here, for the completions and the manual.
(cd "$work/source" && CGO_ENABLED=1 CC=gcc go build "${GO_BUILD[@]}" -ldflags "-X main.version=$version" -o "$work/native" ./cmd/jailed-claude)
for arch in "${arches[@]}"; do (build "$arch"); done
(cd "$work/out" && sha256sum -- * >SHA256SUMS)
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$work/out" "$out"
say "in $out:"
cat "$out/SHA256SUMS"
