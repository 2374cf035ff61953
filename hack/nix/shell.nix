# nix develop: what `make build`, `make lint` and `nix fmt` need. `make test`
# makes a store of Debian packages and wants Debian.
{ pkgs }:
pkgs.mkShell {
  packages = with pkgs; [
    (pkgs.go_latest or go)
    gcc
    git
    gnumake
    golangci-lint
    nixfmt
    pkg-config
    shellcheck
  ];
  # A static glibc and a static libseccomp, as spec/nix/package.nix has them.
  buildInputs = pkgs.jailed-claude.buildInputs or [ ];
}
