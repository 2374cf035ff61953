#!/usr/bin/env bash
# check.sh [ARCH…]: what `make check-release` runs. Builds the release of the
# last commit twice, in two clones that have nothing in common but that commit
# and this machine's packages, and compares every byte. Default: this machine's
# architecture, for the other one takes minutes. Then looks whether the first
# is what it says: its checksums, its version, its SBOM, its links.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=check-release
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case $(uname -m) in x86_64) host=amd64 ;; *) host=arm64 ;; esac
[ "$#" -gt 0 ] || set -- "$host"
go=$(go_program) || die "Go is not installed"
work=$(mktemp -d)
# Go's module cache is read-only.
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# clone FROM FOLDER: the last commit, with none of that checkout's settings. It
# can be somebody else's, and git asks that of its own server too, which reads
# no -c.
printf '[safe]\n\tdirectory = *\n' >"$work/gitconfig"
clone() {
  (
    export GIT_CONFIG_GLOBAL=$work/gitconfig
    mkdir -p "$2"
    git init --quiet "$2"
    git -C "$2" fetch --quiet --depth 1 "file://$1" HEAD
    git -C "$2" checkout --quiet FETCH_HEAD
  )
}

# The first as it comes.
clone "$REPO" "$work/a"
commit=$(git -C "$work/a" rev-parse HEAD)
"$work/a/hack/release/release.sh" "$@" >"$work/a.log" 2>&1 || { tail -n 20 "$work/a.log" >&2; die "the first release cannot be built"; }

# The second in another folder, with caches, a home and a temporary folder of
# its own, and what may leak into archives and compilers.
deep=$work/another/folder/with-a-longer-name
clone "$work/a" "$deep"
mkdir -p "$work/home" "$work/temporary"
modules=$("$go" env GOMODCACHE)
(
  umask 077
  export HOME=$work/home TMPDIR=$work/temporary GOCACHE=$work/cache GOMODCACHE=$work/modules
  GOPROXY=file://$modules/cache/download,$("$go" env GOPROXY)
  export GOPROXY TZ=Pacific/Chatham LC_ALL=C.UTF-8 LANG=C.UTF-8 SOURCE_DATE_EPOCH=1
  export CGO_CFLAGS='-O0 -g3' GOFLAGS=-trimpath=false GOAMD64=v2 CPATH=/nowhere PKG_CONFIG_PATH=/nowhere
  "$deep/hack/release/release.sh" "$@"
) >"$work/b.log" 2>&1 || { tail -n 20 "$work/b.log" >&2; die "the second release cannot be built"; }

first=$work/a/dist/release second=$deep/dist/release
if ! diff -r "$first" "$second" >"$work/diff"; then
  cat "$work/diff" >&2
  mkdir "$work/x" "$work/y"
  for archive in "$first"/*.tar.gz; do
    tar --extract --file "$archive" --directory "$work/x"
    tar --extract --file "$second/$(basename "$archive")" --directory "$work/y"
  done
  diff -rq "$work/x" "$work/y" >&2 || true
  die "the same commit gave other bytes in another folder"
fi

(cd "$first" && sha256sum --quiet --strict --check SHA256SUMS)
[ "$(wc -l <"$first/SHA256SUMS")" = "$((5 * $#))" ] || die "SHA256SUMS does not have five lines for each architecture"
for archive in "$first"/*.tar.gz; do
  name=$(basename "$archive" .tar.gz)
  tar --extract --file "$archive" --directory "$work"
  tree=$work/$name program=$work/$name/bin/jailed-claude
  ! grep -qaF -e "$work" -e "$modules" -e "$REPO/" "$program" || die "$name: the program holds a path of this machine"
  case $name in
    *-"$host")
      version=$("$program" --version)
      [ "jailed-claude-${version#jailed-claude }-linux-$host" = "$name" ] || die "$name says that it is $version"
      ;;
  esac
  # All that Go says is in it, and the libraries that it cannot know of.
  sbom=$first/$name.cdx.json
  while read -r path version; do
    grep -qF "\"purl\": \"pkg:golang/$path@$version\"" "$sbom" || die "$name: $path $version is not in the SBOM"
    [ -n "$(ls "$tree/licences/go/$path@$version")" ] || die "$name: no licence of $path"
  done < <("$go" version -m "$program" | awk '$1 == "dep" { print $2, $3 }')
  case $name in *-amd64) libc=musl ;; *) libc=glibc ;; esac
  for source in $libc libseccomp gcc-; do
    grep -q "pkg:deb/debian/.*upstream=$source" "$sbom" || die "$name: nothing of $source is in the SBOM"
  done
  # What the documents link to is there, but for the sources.
  while IFS=: read -r file link; do
    target=$(dirname "$file")/${link%%#*}
    [ -e "$target" ] || [ -e "$REPO/${target#"$tree/"}" ] || die "$name: ${file#"$tree/"} links to $link, which is not there"
  done < <(grep -oHE '\]\([^):]+\)' -r --include='*.md' "$tree" --exclude-dir=licences | sed -E 's/\]\(([^)]*)\)$/\1/')
done
if [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null; then
  "$HACK/release/installed.sh" "$first"/jailed-claude_*_"$host".deb
else
  say "the package was not tried in a new Debian: that takes root and debootstrap"
fi
say "twice the same bytes, of $commit: $(tr '\n' ' ' < <(cd "$first" && ls -- *.tar.gz))"
