# What hack/nix/check.sh evaluates: every output of the flake with the stand-in
# for nixpkgs, and every Nix example of the documentation. Each attribute of
# `tests` is true, or a failure.
{
  # A file with a Nix example; or null.
  example ? null,
}:
let
  inherit (builtins) all attrValues concatMap deepSeq elem filter head isFunction length mapAttrs match;

  inputs = {
    nixpkgs = (import ./stub/flake.nix).outputs { self = null; } // {
      outPath = ./stub;
    };
    jailed-claude = flake;
    home-manager.lib.homeManagerConfiguration =
      { pkgs, modules }:
      lib.evalModules {
        modules = modules ++ [ (import ./stub/home.nix) ];
        specialArgs = { inherit lib pkgs; };
      };
  };
  call = self: outputs: outputs (builtins.intersectAttrs (builtins.functionArgs outputs) (inputs // { inherit self; }));
  flake = call flake (import ../../flake.nix).outputs // {
    outPath = ../..;
  };

  inherit (inputs.nixpkgs) lib;
  system = "x86_64-linux";
  pkgs = import inputs.nixpkgs {
    inherit system;
    overlays = [ flake.overlays.default ];
  };
  packages = flake.packages.${system};
  jail = flake.lib;

  isDrv = p: p.type or "" == "derivation" && match "${builtins.storeDir}/.*\\.drv" p.drvPath != null;
  # needs A B: building A needs B.
  needs = a: b: elem b.drvPath (references a.drvPath);
  # All derivations that a derivation leads to.
  references =
    drvPath:
    map (n: n.key) (
      builtins.genericClosure {
        startSet = [ { key = builtins.unsafeDiscardStringContext drvPath; } ];
        operator = n: map (r: { key = head r; }) (drvsIn n.key);
      }
    );
  drvsIn =
    file:
    filter builtins.isList (builtins.split "(${builtins.storeDir}/[0-9a-z]{32}-[0-9A-Za-z+._?=-]+\\.drv)" (builtins.readFile file));

  other = pkgs.claude-code.overrideAttrs { version = "9"; };
  mine = pkgs.nodejs;
  nixos =
    module:
    (lib.evalModules {
      modules = [
        flake.nixosModules.default
        (import ./stub/nixos.nix)
        module
      ];
      specialArgs = { inherit lib pkgs; };
    }).config;
  home =
    module:
    (inputs.home-manager.lib.homeManagerConfiguration {
      inherit pkgs;
      modules = [
        flake.homeModules.default
        module
      ];
    }).config;
  settings = {
    network.mode = "none";
    agent.packages = [ mine ];
    env.set.CI = "1";
    files.hide = [ ".env" ];
    limits.cpus = 1.5;
    broker = [
      {
        name = "internal";
        upstream = "https://api.example.org";
        header = "Authorization: Bearer {}";
        from = "env:EXAMPLE_TOKEN";
      }
    ];
  };

  tests = {
    outputs = all isDrv (
      concatMap attrValues (
        concatMap (o: attrValues o) [
          flake.packages
          flake.checks
          flake.devShells
        ]
      )
      ++ attrValues flake.formatter
    );
    systems = builtins.attrNames flake.packages == [ "aarch64-linux" "x86_64-linux" ];
    pure = builtins.functionArgs (import ../../flake.nix).outputs == { self = false; nixpkgs = false; };
    one-input = builtins.attrNames (import ../../flake.nix).inputs == [ "nixpkgs" ];

    default-is-jailed = needs packages.default pkgs.claude-code && needs packages.default packages.jailed-claude;
    default-runs = packages.default.meta.mainProgram == "jailed-claude";
    tool-is-not-jailed = !(needs packages.jailed-claude pkgs.claude-code);
    static-is-of-the-tool = needs packages.static packages.jailed-claude && !(needs packages.static pkgs.claude-code);
    musl-is-refused = !(builtins.tryEval (pkgs.pkgsMusl.callPackage ../../spec/nix/package.nix { }).drvPath).success;
    vendor-hash = match "sha256-[0-9A-Za-z+/]{43}=" packages.jailed-claude.vendorHash != null;

    overlay = isDrv pkgs.jailed-claude && isDrv pkgs.jailed-claude-code;
    override-tool = needs (pkgs.jailed-claude.override { claude-code = other; }) other;
    override-tool-keeps-the-rest = isDrv (pkgs.jailed-claude.override { version = "1"; });
    override-default =
      let
        p = packages.default.override { claude-code = other; };
      in
      needs p other && !(needs p pkgs.claude-code);
    override-twice =
      let
        p = (packages.default.override { claude-code = other; }).override (old: { extraPackages = old.extraPackages or [ ] ++ [ mine ]; });
      in
      needs p other && needs p mine;

    make-jailed-claude =
      let
        p = jail.makeJailedClaude {
          inherit pkgs;
          extraPackages = [ mine ];
        };
      in
      # In the closure, and in the policy, which puts it on PATH.
      needs p p.closure && needs p.closure mine && needs p.policy mine;
    make-without-overlay = isDrv (jail.makeJailedClaude { pkgs = import inputs.nixpkgs { inherit system; }; });
    make-named = (jail.makeJailedClaude { inherit pkgs; name = "cc"; }).meta.mainProgram == "cc";
    make-agent = needs (jail.makeJailedAgent { inherit pkgs; agent = mine; }) mine;
    make-agent-is-not-claude = !(needs (jail.makeJailedAgent { inherit pkgs; agent = mine; }) pkgs.claude-code);
    policy-packages-are-baked = needs (jail.makeJailedClaude { inherit pkgs; policy.agent.packages = [ mine ]; }).closure mine;
    spec = needs (jail.mkSpec { inherit pkgs; policy = settings; }) mine;
    spec-of-package = (jail.makeJailedClaude { inherit pkgs; policy = settings; }).spec.drvPath == (jail.mkSpec { inherit pkgs; policy = settings; }).drvPath;
    spec-follows-policy = (jail.mkSpec { inherit pkgs; }).drvPath != (jail.mkSpec { inherit pkgs; policy.network.mode = "none"; }).drvPath;

    bundle =
      let
        b = jail.mkBundle { inherit pkgs; policy = settings; };
      in
      needs b mine && needs b (jail.mkSpec { inherit pkgs; policy = settings; });

    policy-as-file = (jail.checkPolicy ./policy.toml).network.mode == "none";
    # What is written is read back as it was.
    toml =
      let
        p = jail.checkPolicy (settings // { env.set = { "A\"b\\" = "x\ny\tz\${}'\"é"; }; });
      in
      fromTOML (builtins.unsafeDiscardStringContext (jail.toTOML p)) == mapAttrs (_: unsafe) p;
    toml-tables = fromTOML (jail.toTOML { version = 1; broker = [ { a = "x"; } { a = "y"; b = [ 1 2 ]; } ]; s = { t = { u = "v"; }; }; }) == {
      version = 1;
      broker = [ { a = "x"; } { a = "y"; b = [ 1 2 ]; } ];
      s.t.u = "v";
    };

    nixos-off = (nixos { }).environment.systemPackages == [ ];
    nixos-on =
      let
        c = nixos {
          programs.jailed-claude = {
            enable = true;
            inherit settings;
            extraPackages = [ pkgs.jq ];
          };
        };
        p = head c.environment.systemPackages;
      in
      length c.environment.systemPackages == 1 && needs p mine && needs p pkgs.jq && all (a: a.assertion) c.assertions;
    nixos-without-namespaces =
      let
        c = nixos {
          security.allowUserNamespaces = false;
          programs.jailed-claude.enable = true;
        };
      in
      !(all (a: a.assertion) c.assertions);
    home-off = (home { }).home.packages == [ ] && (home { }).xdg.configFile == { };
    home-on =
      let
        c = home {
          programs.jailed-claude = {
            enable = true;
            inherit settings;
          };
        };
        file = c.xdg.configFile."jailed-claude/config.toml".source;
      in
      needs (head c.home.packages) mine && (fromTOML (unsafe file.text)).network.mode == "none" && (fromTOML (unsafe file.text)).version == 1;
    home-without-settings = (home { programs.jailed-claude.enable = true; }).xdg.configFile == { };

    template = isDrv (call template (import ../../spec/nix/template/flake.nix).outputs).packages.${system}.default;
    template-path = builtins.pathExists (flake.templates.default.path + "/flake.nix");
  };
  template = call template (import ../../spec/nix/template/flake.nix).outputs;

  # unsafe: a value without the store paths that its strings remember.
  unsafe =
    v:
    if builtins.isString v then
      builtins.unsafeDiscardStringContext v
    else if builtins.isList v then
      map unsafe v
    else if builtins.isAttrs v then
      mapAttrs (_: unsafe) v
    else
      v;

  # An example is a flake, or a function of pkgs, inputs and the like that gives
  # an attribute set.
  drvs =
    v:
    if isDrv' v then
      [ v.drvPath ]
    else if builtins.isAttrs v then
      concatMap drvs (attrValues (builtins.removeAttrs v [ "override" "overrideAttrs" ]))
    else if builtins.isList v then
      concatMap drvs v
    else if builtins.isString v then
      builtins.attrNames (builtins.getContext v)
    else
      [ ];
  isDrv' = v: builtins.isAttrs v && v.type or "" == "derivation";
  exampleDrvs =
    let
      value = import example;
      self = call self value.outputs;
      result =
        if isFunction value then
          value (builtins.intersectAttrs (builtins.functionArgs value) {
            inherit inputs lib pkgs;
            config = { };
          })
        else
          builtins.removeAttrs self [ "overlays" ];
    in
    drvs result;
in
if example != null then
  {
    found = length exampleDrvs;
    all = deepSeq exampleDrvs true;
  }
else
  {
    failed = builtins.attrNames (lib.filterAttrs (_: ok: !ok) tests);
    count = length (attrValues tests);
  }
