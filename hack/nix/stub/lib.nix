# The functions of nixpkgs' library that the flake and its examples use, with
# the meaning that nixpkgs gives them.
rec {
  inherit (builtins)
    attrNames
    concatStringsSep
    elem
    filter
    head
    isAttrs
    isList
    length
    listToAttrs
    map
    mapAttrs
    ;
  genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
  optionalAttrs = condition: attrs: if condition then attrs else { };
  filterAttrs = keep: attrs: listToAttrs (filter (a: keep a.name a.value) (map (name: { inherit name; value = attrs.${name}; }) (attrNames attrs)));
  optional = condition: v: if condition then [ v ] else [ ];
  getName = p: p.pname or (builtins.parseDrvName p.name).name;
  getExe = p: getExe' p (p.meta.mainProgram or (getName p));
  getExe' = p: name: "${p}/bin/${name}";
  recursiveUpdate =
    a: b:
    a // mapAttrs (k: v: if isAttrs v && a ? ${k} && isAttrs a.${k} && !(v ? outPath) then recursiveUpdate a.${k} v else v) b;
  # As in nixpkgs, `f` has to name its arguments.
  callPackageWith =
    scope: f: args:
    let
      function = if builtins.isFunction f then f else import f;
      result = function (builtins.intersectAttrs (builtins.functionArgs function) scope // args);
    in
    result
    // {
      override = changes: callPackageWith scope f (args // (if builtins.isFunction changes then changes args else changes));
    };
  assertMsg = condition: message: if condition then true else throw message;
  licenses.asl20.spdxId = "Apache-2.0";

  fileset = {
    # What is asked for has to exist; the rest is for nixpkgs.
    unions = paths: assert builtins.all builtins.pathExists paths; { inherit paths; };
    difference = a: b: assert builtins.pathExists b; a;
    toSource = { root, fileset }: assert fileset ? paths; root;
  };

  nixosSystem =
    {
      system,
      modules,
      specialArgs ? { },
    }:
    evalModules {
      modules = modules ++ [ (import ./nixos.nix) ];
      specialArgs = { inherit lib; pkgs = import ./. { inherit system; }; } // specialArgs;
    };
  lib = import ./lib.nix;

  inherit (import ./modules.nix)
    evalModules
    literalExpression
    mkDefault
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    types
    ;
}
