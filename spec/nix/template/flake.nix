{
  description = "A project whose agent works in a jail";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    jailed-claude.url = "github:jailed-claude/jailed-claude";
    jailed-claude.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      jailed-claude,
    }:
    let
      each =
        f:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system:
          f (
            import nixpkgs {
              inherit system;
              config.allowUnfreePredicate = p: nixpkgs.lib.getName p == "claude-code";
            }
          )
        );
      # What the project and its agent need alike.
      tools = pkgs: [ pkgs.nodejs ];
      jail = pkgs: {
        inherit pkgs;
        extraPackages = tools pkgs;
        policy = {
          files.hide = [
            ".env"
            ".env.*"
          ];
        };
      };
    in
    {
      packages = each (pkgs: {
        # nix run: the agent, jailed.
        default = jailed-claude.lib.makeJailedClaude (jail pkgs);
        # nix build .#spec: the jail as a file, to be compared.
        spec = jailed-claude.lib.mkSpec (jail pkgs);
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          packages = tools pkgs ++ [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
        };
      });
    };
}
