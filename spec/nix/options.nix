# The options that the modules of NixOS and home-manager share.
{
  jail,
  lib,
  pkgs,
}:
{
  enable = lib.mkEnableOption "Claude Code in a jail";

  package = lib.mkOption {
    type = lib.types.package;
    default = jail.makeJailedClaude { inherit pkgs; };
    defaultText = lib.literalExpression "jailed-claude.lib.makeJailedClaude { inherit pkgs; }";
    description = "The jailed agent, as makeJailedClaude or makeJailedAgent makes it.";
  };

  extraPackages = lib.mkOption {
    type = lib.types.listOf lib.types.package;
    default = [ ];
    example = lib.literalExpression "[ pkgs.nodejs ]";
    description = "More programs on PATH in the jail.";
  };

  settings = lib.mkOption {
    type = lib.types.attrsOf lib.types.anything;
    default = { };
    example = lib.literalExpression ''{ network.mode = "none"; files.hide = [ ".env" ]; }'';
    description = "The policy: the keys of docs/policy.md. A key that is unknown, or a value of a wrong type, is an error of the evaluation.";
  };
}
