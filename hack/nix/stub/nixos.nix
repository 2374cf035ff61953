# The options of NixOS that our module touches.
{ lib, ... }:
let
  option = type: default: lib.mkOption { inherit type default; };
in
{
  options = {
    assertions = option (lib.types.listOf lib.types.anything) [ ];
    environment.systemPackages = option (lib.types.listOf lib.types.package) [ ];
    security.allowUserNamespaces = option lib.types.bool true;
    users.users = option (lib.types.attrsOf lib.types.anything) { };
  };
}
