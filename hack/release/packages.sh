#!/usr/bin/env bash
# packages.sh TREE ARCH VERSION DIR: what release.sh makes of one of its trees for
# package managers, in DIR: a .deb, an .rpm and one for pacman, by nfpm.
#
# In the .deb is a profile for AppArmor, without which Ubuntu 23.10 and later refuse
# user namespaces. Its scripts put it into place where AppArmor knows them: the one
# of Debian 12 would not even read it.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=packages
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

NFPM_VERSION=v2.44.1

[ "$#" = 4 ] || die "usage: packages.sh TREE ARCH VERSION DIR"
tree=$1 arch=$2 version=$3 out=$4
# A version begins with a digit everywhere; one of a commit is older than any tag's.
case $version in
  v[0-9]*) version=${version#v} ;;
  *) version=0.0.0+git$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y%m%d).$version ;;
esac

nfpm=$(go_tool github.com/goreleaser/nfpm/v2/cmd/nfpm "$NFPM_VERSION")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/man" "$work/doc" "$out"
cp "$tree"/share/man/man1/*.1 "$work/man"
gzip -n -9 "$work/man"/*.1
cp -r "$tree"/{README.md,CHANGELOG.md,SECURITY.md,CONTRIBUTING.md,docs,licences} "$work/doc"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
  printf 'Upstream-Name: jailed-claude\nSource: https://github.com/jailed-claude/jailed-claude\n\n'
  printf 'Files: *\nCopyright: the authors of jailed-claude\nLicense: Apache-2.0\n'
  printf ' See /usr/share/common-licenses/Apache-2.0 on Debian. What is linked into the\n'
  printf ' program has licences of its own, in /usr/share/doc/jailed-claude/licences.\n'
} >"$work/doc/copyright"
# nfpm asks the disk for the times of folders.
find "$work/man" "$work/doc" "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
cat >"$work/nfpm.yaml" <<YAML
name: jailed-claude
arch: $arch
platform: linux
version: "$version"
version_schema: none
section: utils
priority: optional
maintainer: jailed-claude <jailed-claude@users.noreply.github.com>
homepage: https://github.com/jailed-claude/jailed-claude
license: Apache-2.0
description: |
  Run Claude Code and other coding agents in a jail
  An agent can do whatever its user can. In a jail it has the current folder,
  the programs that it needs, and nothing else of the machine. The jail is an
  ordinary OCI bundle, and runs without root.
umask: 0o022
mtime: $(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
contents:
  - {src: $tree/bin/jailed-claude, dst: /usr/bin/jailed-claude, file_info: {mode: 0o755}}
  - {src: $work/man, dst: /usr/share/man/man1, type: tree}
  - {src: $work/doc, dst: /usr/share/doc/jailed-claude, type: tree}
  - {src: $tree/share/bash-completion/completions/jailed-claude, dst: /usr/share/bash-completion/completions/jailed-claude}
  - {src: $tree/share/fish/vendor_completions.d/jailed-claude.fish, dst: /usr/share/fish/vendor_completions.d/jailed-claude.fish}
  - {src: $tree/share/zsh/site-functions/_jailed-claude, dst: /usr/share/zsh/site-functions/_jailed-claude, packager: rpm}
  - {src: $tree/share/zsh/site-functions/_jailed-claude, dst: /usr/share/zsh/site-functions/_jailed-claude, packager: archlinux}
  - {src: $tree/share/zsh/site-functions/_jailed-claude, dst: /usr/share/zsh/vendor-completions/_jailed-claude, packager: deb}
  - {src: $HACK/release/apparmor, dst: /usr/share/jailed-claude/apparmor, packager: deb}
overrides:
  deb:
    recommends: [git]
    scripts:
      postinstall: $HACK/release/postinst
      preremove: $HACK/release/prerm
YAML
for packager in deb rpm archlinux; do
  "$nfpm" package --config "$work/nfpm.yaml" --packager "$packager" --target "$out" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "nfpm made no $packager"; }
done
