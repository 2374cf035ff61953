# import nixpkgs { … } of the stand-in.
{
  system,
  overlays ? [ ],
  config ? { },
}:
let
  lib = import ./lib.nix;

  # Real store paths for packages, where a check has them; JSON of name to path.
  real =
    let
      text = builtins.getEnv "JAILED_CLAUDE_STUB";
    in
    if text == "" then { } else builtins.fromJSON text;

  drv =
    attrs:
    derivation (
      {
        inherit system;
        builder = "/bin/sh";
        args = [
          "-ec"
          "echo >$out"
        ];
        PATH = "/usr/bin:/bin";
      }
      // attrs
    );

  # mkDerivation keeps what builders do not understand out of the derivation.
  mk =
    args:
    let
      name = args.name or "${args.pname}-${args.version}";
      plain = builtins.removeAttrs args [ "meta" "passthru" "env" ];
    in
    drv (plain // args.env or { } // { inherit name; })
    // args.passthru or { }
    // {
      inherit name;
      meta = args.meta or { };
      overrideAttrs = change: mk (args // (if builtins.isFunction change then change args else change));
    }
    // builtins.intersectAttrs { pname = null; version = null; vendorHash = null; buildInputs = null; nativeBuildInputs = null; } args;

  package =
    name:
    if real ? ${name} then
      {
        inherit name;
        type = "derivation";
        outPath = builtins.storePath real.${name};
        meta.mainProgram = name;
      }
    else
      mk {
        pname = name;
        version = "0";
        meta.mainProgram = name;
      };

  names = [
    "bash" "bashInteractive" "coreutils" "diffutils" "findutils" "gawk" "gcc" "git" "gnugrep" "gnumake" "gnused"
    "gnutar" "go" "golangci-lint" "gzip" "jq" "less" "libseccomp" "nix" "nixfmt" "nodejs" "nukeReferences" "pkg-config" "procps" "python3"
    "ripgrep" "shellcheck" "which"
  ];

  base =
    final:
    lib.genAttrs names package
    // {
      inherit lib system;
      # For build.sh: packages of the test store, and a tool that was built
      # already.
      real = builtins.mapAttrs (name: _: package name) real;
      localTool = path: {
        name = "jailed-claude";
        type = "derivation";
        outPath = builtins.path {
          inherit path;
          name = "jailed-claude";
        };
      };
      stdenv = {
        inherit system;
        hostPlatform = {
          inherit system;
          isMusl = false;
        };
        cc.libc.static = package "glibc-static";
        mkDerivation = mk;
      };
      runtimeShell = real.runtimeShell or "/bin/sh";
      claude-code = package "claude-code" // { meta.mainProgram = "claude"; };
      callPackage = lib.callPackageWith final;
      extend = more: pkgsWith (overlays ++ [ more ]);
      pkgsMusl = final // {
        stdenv = final.stdenv // { hostPlatform = final.stdenv.hostPlatform // { isMusl = true; }; };
        callPackage = lib.callPackageWith final.pkgsMusl;
      };
      buildGoModule = args: assert args ? vendorHash; mk args;

      runCommand =
        name: env: script:
        mk (env // { inherit name; args = [ "-ec" script ]; });
      writeText =
        name: text:
        mk {
          inherit name text;
          passAsFile = [ "text" ];
          args = [ "-ec" "cp $textPath $out" ];
        };
      writeShellScript =
        name: text:
        mk {
          inherit name;
          text = "#!${final.runtimeShell}\n${text}";
          passAsFile = [ "text" ];
          args = [ "-ec" "cp $textPath $out; chmod +x $out" ];
        };
      mkShell = args: mk ({ name = "shell"; } // args);
      # Made as nixpkgs makes it: what Nix itself says of the closure.
      closureInfo =
        { rootPaths }:
        drv {
          name = "closure-info";
          __structuredAttrs = true;
          exportReferencesGraph.closure = rootPaths;
          builder = "/usr/bin/perl";
          args = [ ./closure-info.pl ];
        };

      testers.runNixOSTest =
        test:
        let
          machines = builtins.mapAttrs (
            _: m:
            (lib.evalModules {
              modules = [
                m
                (import ./nixos.nix)
              ];
              specialArgs = {
                inherit lib;
                pkgs = final;
              };
            }).config
          ) test.nodes;
        in
        mk {
          name = "vm-test-${test.name}";
          nodes = builtins.toJSON (builtins.mapAttrs (_: m: m.environment.systemPackages) machines);
          inherit (test) testScript;
        };
    };

  pkgsWith =
    layers:
    let
      final = builtins.foldl' (prev: layer: prev // layer final prev) (base final) layers;
    in
    final;
in
builtins.seq config (pkgsWith overlays)
