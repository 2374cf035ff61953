# jailed-claude: the tool, which jails the `claude` that it finds. Given a
# claude-code (`jailed-claude.override { claude-code = …; }`) it becomes the
# jailed agent, with its closure baked in: makeJailedClaude.
# jailed-claude-code: the jailed agent of nixpkgs' claude-code.
version: final: prev:
let
  tool = final.callPackage ./package.nix { inherit version; };
  jail = import ./lib.nix { overlay = import ./overlay.nix version; };
in
{
  jailed-claude = tool // {
    override =
      changes:
      if builtins.isAttrs changes && changes ? claude-code then
        jail.makeJailedClaude ({ pkgs = final; jailed-claude = tool; } // changes)
      else
        tool.override changes;
  };
  jailed-claude-code = jail.makeJailedClaude {
    pkgs = final;
    jailed-claude = tool;
  };
}
