# The program itself. It is PID 1 of every jail, where there is no library of
# the host, so it is linked statically. Against glibc: where others have the
# static library of a C library is another matter for each.
{
  lib,
  stdenv,
  buildGoModule,
  # The Go that go.mod asks for may be newer than the default one.
  buildGoLatestModule ? buildGoModule,
  libseccomp,
  pkg-config,
  git,
  version ? "unknown",
}:

let
  root = ../..;
  # Only what the program is made of, so that nothing else makes it anew. The
  # documentation is what tests compare with.
  # hack/vendor-hash.sh copies the same list.
  source = [ "go.mod" "go.sum" "bundle" "cmd" "docs" "internal" "runtime" "spec" ];
in
assert lib.assertMsg (!stdenv.hostPlatform.isMusl) "this package has glibc's static library: use pkgs, not pkgs.pkgsMusl";
buildGoLatestModule {
  pname = "jailed-claude";
  inherit version;

  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.difference (lib.fileset.unions (map (name: root + "/${name}") source)) ./.;
  };

  vendorHash = "sha256-SZvZZ5GKhVbswagXSGw3l3L+Nl/2ziAcXl3lHGkLSHo=";

  subPackages = [ "cmd/jailed-claude" ];
  # hack/lib.sh says what each is for.
  tags = [ "seccomp" "netgo" "osusergo" "runc_nocriu" ];
  env.CGO_ENABLED = 1;
  ldflags = [
    "-s"
    "-w"
    "-X main.version=${version}"
    "-linkmode external"
    ''-extldflags "-static -Wl,--section-start=.noptrbss=0x8100000"''
  ];

  nativeBuildInputs = [ pkg-config ];
  buildInputs = [
    stdenv.cc.libc.static
    (libseccomp.overrideAttrs { dontDisableStatic = true; })
  ];

  # Tests are checks of their own (checks.tests): those that need no privilege.
  # The others need a jail, and run in a virtual machine (checks.vm).
  doCheck = false;
  nativeCheckInputs = [ git ];
  checkPhase = ''
    runHook preCheck
    export HOME=$TMPDIR
    go test -tags "seccomp netgo osusergo runc_nocriu" ./spec/... ./bundle/...
    runHook postCheck
  '';

  # The name of the interpreter would be a path of the store, which no jail has.
  postInstall = ''
    if ''${READELF:-readelf} --program-headers $out/bin/jailed-claude | grep -q INTERP; then
      echo "jailed-claude is not static" >&2
      exit 1
    fi
    for shell in bash fish zsh; do
      mkdir -p $out/share/completions
      $out/bin/jailed-claude completion $shell >$out/share/completions/jailed-claude.$shell
    done
    install -D -m 0644 $out/share/completions/jailed-claude.bash $out/share/bash-completion/completions/jailed-claude
    install -D -m 0644 $out/share/completions/jailed-claude.fish $out/share/fish/vendor_completions.d/jailed-claude.fish
    install -D -m 0644 $out/share/completions/jailed-claude.zsh $out/share/zsh/site-functions/_jailed-claude
    rm -r $out/share/completions
  '';

  meta = {
    description = "Runs Claude Code with access to nothing except what it needs";
    homepage = "https://github.com/jailed-claude/jailed-claude";
    license = lib.licenses.asl20;
    platforms = [ "x86_64-linux" "aarch64-linux" ];
    mainProgram = "jailed-claude";
  };
}
