{
  description = "Claude Code with access to nothing except what it needs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      version = self.shortRev or self.dirtyShortRev or "unknown";
      overlay = import ./spec/nix/overlay.nix version;
      jail = import ./spec/nix/lib.nix { inherit overlay; };

      pkgsFor =
        system:
        import nixpkgs {
          inherit system;
          overlays = [ overlay ];
          # `nix run` of this flake is asking for Claude Code.
          config.allowUnfreePredicate = p: lib.getName p == "claude-code";
        };
      each = f: lib.genAttrs systems (system: f (pkgsFor system));
    in
    {
      packages = each (pkgs: {
        # The tool, which jails the `claude` that it finds.
        inherit (pkgs) jailed-claude;
        # The same as one file that needs nothing of a store, for other hosts.
        static =
          pkgs.runCommand "jailed-claude-static-${version}"
            {
              nativeBuildInputs = [ pkgs.nukeReferences ];
              allowedReferences = [ ];
              meta.mainProgram = "jailed-claude";
            }
            ''
              install -D ${pkgs.jailed-claude}/bin/jailed-claude $out/bin/jailed-claude
              nuke-refs $out/bin/jailed-claude
            '';
        # The agent in its jail, with the closure baked in.
        default = pkgs.jailed-claude-code;
        # config.json of that jail.
        spec = jail.mkSpec { inherit pkgs; };
      });

      overlays.default = overlay;

      # docs/nix.md has an example of each.
      lib = jail;

      nixosModules.default = import ./spec/nix/nixos.nix jail;
      homeModules.default = import ./spec/nix/home.nix jail;

      templates.default = {
        path = ./spec/nix/template;
        description = "Claude Code in a jail with a project's own tools and policy";
      };

      devShells = each (pkgs: {
        default = import ./hack/nix/shell.nix { inherit pkgs; };
      });

      formatter = each (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt);

      checks = each (pkgs: import ./hack/nix/checks.nix { inherit self pkgs version; });
    };
}
