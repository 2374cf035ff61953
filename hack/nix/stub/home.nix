# The options of home-manager that our module touches.
{ lib, ... }:
let
  option = type: default: lib.mkOption { inherit type default; };
in
{
  options = {
    home.packages = option (lib.types.listOf lib.types.package) [ ];
    xdg.configFile = option (lib.types.attrsOf lib.types.anything) { };
  };
}
