# programs.jailed-claude of home-manager: the jailed agent, and the user's own
# policy as a file, ~/.config/jailed-claude/config.toml.
jail:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.programs.jailed-claude;
in
{
  options.programs.jailed-claude = import ./options.nix { inherit jail lib pkgs; };

  config = lib.mkIf cfg.enable {
    # The packages of the policy are baked in as well, so that Nix is not asked.
    home.packages = [
      (cfg.package.override (old: {
        extraPackages = old.extraPackages or [ ] ++ cfg.extraPackages ++ jail.packagesOf cfg.settings;
      }))
    ];
    xdg.configFile."jailed-claude/config.toml" = lib.mkIf (cfg.settings != { }) {
      source = jail.mkPolicy {
        inherit pkgs;
        policy = cfg.settings;
      };
    };
  };
}
