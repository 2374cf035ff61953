# programs.jailed-claude on NixOS: the jailed agent for all users, with a policy
# of the machine below each user's own.
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
    environment.systemPackages = [
      (cfg.package.override (
        old:
        {
          extraPackages = old.extraPackages or [ ] ++ cfg.extraPackages;
        }
        // lib.optionalAttrs (cfg.settings != { }) { policy = cfg.settings; }
      ))
    ];
    assertions = [
      {
        assertion = config.security.allowUserNamespaces;
        message = "programs.jailed-claude: a jail needs user namespaces: set security.allowUserNamespaces = true";
      }
    ];
  };
}
