# lib.sh: what the scripts in hack/ share. Sourced, never run.
# shellcheck shell=bash disable=SC2034

HACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(dirname "$HACK")

# Exit status of a script that could not do its work for a reason that lies
# outside of the project (automake's convention for a skipped test).
SKIP=77

# One pinned version of the agent for `make run` and for the tests.
CLAUDE_VERSION_PINNED=2.1.330
NODE_VERSION_PINNED=22.23.3

# How everything that holds libcontainer is built; tests too, for a test binary
# can be the init of a jail. seccomp: filters, with libseccomp linked in.
# netgo, osusergo: no name service switch, which a static glibc cannot load.
# runc_nocriu: no checkpoints, which saves a third of the size.
GO_TAGS='seccomp netgo osusergo runc_nocriu'
# -trimpath: the program needs it to be the same everywhere, and what is built
# without it would be compiled again.
GO_BUILD=(-buildvcs=false -trimpath -tags "$GO_TAGS")
# .noptrbss is zeros that Go's collector need not look at, 32 MiB of them for an
# entropy source that nothing here uses. In one segment with the variables that
# are used, these can lie in 2 MiB of zeros that start at a multiple of that:
# where transparent huge pages are always on, as in Debian, the kernel then fills
# a huge page in each process of a start, also in PID 1. So it is far from the
# others, and its own few variables are in the second half of 2 MiB.
LD_FLAGS='-static -Wl,--section-start=.noptrbss=0x8100000'
GO_LDFLAGS="-s -w -linkmode external -extldflags '$LD_FLAGS'"

# c_library has what is built from here on linked with musl, where there is one.
# On x86-64 glibc begins every program by asking the processor for each of its
# caches; on a virtual machine that is half a millisecond, three times in a
# start. Otherwise, and where CC is set, it is the system's own.
c_library() {
  local seccomp arch
  seccomp=$(gcc -print-file-name=libseccomp.a 2>/dev/null) || return 0
  if [ "$(uname -m)" != x86_64 ] || [ -n "${CC:-}" ] || [ ! -e "$seccomp" ] || ! command -v musl-gcc >/dev/null; then return 0; fi
  # Of the system's headers those that musl has not: the kernel's, libseccomp's.
  # Of its libraries libseccomp alone: beside it is a libc.a. It is a script of
  # the linker's (ld, "Implicit Linker Scripts").
  mkdir -p "$REPO/bin/musl"
  musl-gcc -O2 -c -o "$REPO/bin/musl/fortify.o" "$REPO/hack/musl/fortify.c"
  rm -f "$REPO/bin/musl/"*.a
  ar rcsD "$REPO/bin/musl/libfortify.a" "$REPO/bin/musl/fortify.o"
  printf 'GROUP ( %s %s )\n' "$seccomp" "$REPO/bin/musl/libfortify.a" >"$REPO/bin/musl/libseccomp.a"
  arch=$(gcc -print-multiarch)
  export CC="musl-gcc -idirafter /usr/include/$arch -idirafter /usr/include"
  export CGO_LDFLAGS="-O2 -g -L$REPO/bin/musl"
}

say() { printf '%s: %s\n' "${ME:-$(basename "$0" .sh)}" "$*" >&2; }
die() { say "$*"; exit 1; }
skip() { say "skipped: $*"; exit "$SKIP"; }

# go_program prints the Go to use: the one on PATH, or the usual place of the
# official tarball, which a fresh shell does not have on PATH.
go_program() {
  local go
  for go in go /usr/local/go/bin/go; do
    if command -v "$go" >/dev/null 2>&1; then command -v "$go"; return 0; fi
  done
  return 1
}

# cache_root prints the folder for big files that can be made again: the
# machine's for root, the user's otherwise. Never inside the repository.
cache_root() {
  if [ "$(id -u)" = 0 ]; then
    echo /var/cache/jailed-claude
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/jailed-claude"
  fi
}

# go_tool PACKAGE VERSION prints the path of a program for those who work on
# this. Built from source, checked by Go's checksum database, once for each
# version. The Go version is part of the name: what was built by an older Go
# than that of the sources refuses to look at them.
go_tool() {
  local go tool new
  go=$(go_program) || die "Go is not installed"
  tool=$(cache_root)/lint/$(basename "$1")-$2-$("$go" env GOVERSION)
  if [ ! -x "$tool" ]; then
    say "building $(basename "$1") $2 (once; it can take minutes)"
    mkdir -p "$(dirname "$tool")"
    new=$(mktemp -d "$(dirname "$tool")/.new.XXXXXX")
    # Not in the repository, whose go.mod has no part in it.
    if ! (cd "$new" && GOFLAGS='' GOBIN=$new CGO_ENABLED=0 "$go" install -trimpath -ldflags '-s -w' "$1@$2" 2>log); then
      tail -n 5 "$new/log" >&2
      rm -rf "$new"
      die "$(basename "$1") cannot be built"
    fi
    mv "$new/$(basename "$1")" "$tool"
    rm -rf "$new"
  fi
  echo "$tool"
}

# agent_rows prints "NAME PROGRAM PACKAGE VERSION" for each agent of npm that
# spec/agent has, at the version that its row was made from.
agent_rows() {
  awk -F'"' '/^\t\t\tName: "[a-z]+", Title: / { name = $2 } /Programs: .*Package: .*Seen: / { print name, $2, $4, $6 }' "$REPO/spec/agent/others.go"
}

# npm_pinned PACKAGE VERSION prints the sha256 that npm.sha256 holds for
# the tarball of that version, or nothing.
npm_pinned() { awk -v want="$1@$2" '$2 == want { print $1 }' "$HACK/npm.sha256"; }

# npm_fetch PACKAGE VERSION FILE downloads one npm tarball to FILE. npm checks
# it against the registry's integrity; a pinned version is also checked
# against npm.sha256. Nothing of the package is installed or run.
# Returns SKIP when the registry cannot be reached, 1 on a wrong checksum.
npm_fetch() {
  local package=$1 version=$2 file=$3 tmp got want
  command -v npm >/dev/null 2>&1 || { say "npm is not installed"; return "$SKIP"; }
  tmp=$(mktemp -d "$(dirname "$file")/.npm.XXXXXX")
  # The log goes to a file: a failure shows its reason, a success nothing.
  if ! (cd "$tmp" && npm pack --loglevel=error --no-update-notifier "$package@$version" >pack.log 2>&1); then
    say "npm pack $package@$version: $(grep -m1 -iE 'err(or|!) ([^c]|c[^o])' "$tmp/pack.log" || echo 'no answer from the registry')"
    rm -rf "$tmp"
    return "$SKIP"
  fi
  got=$(sha256sum "$tmp"/*.tgz | cut -d' ' -f1)
  want=$(npm_pinned "$package" "$version")
  if [ -n "$want" ] && [ "$got" != "$want" ]; then
    say "$package@$version: sha256 is $got, expected $want (hack/npm.sha256)"
    rm -rf "$tmp"
    return 1
  fi
  mv "$tmp"/*.tgz "$file"
  rm -rf "$tmp"
}
