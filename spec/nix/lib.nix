# What users of Nix build jails with. Every function takes `pkgs` from who calls
# it, so a jail follows the caller's nixpkgs. docs/nix.md has examples.
{
  # The overlay, for the tool where `pkgs` has none.
  overlay,
}:

let
  inherit (builtins)
    functionArgs
    fromJSON
    fromTOML
    intersectAttrs
    isAttrs
    isFunction
    isList
    isPath
    isString
    mapAttrs
    match
    readFile
    removeAttrs
    unsafeDiscardStringContext
    ;

  check = import ./check.nix;
  toTOML = import ./toml.nix;
  schema = fromJSON (readFile ../policy/schema.json);

  isPackage = v: isAttrs v && v ? outPath;

  # Packages in a policy stand for their store paths; TOML has only strings.
  strings = v:
    if isPackage v then
      "${v}"
    else if isList v then
      map strings v
    else if isAttrs v then
      mapAttrs (_: strings) v
    else
      v;

  # checkPolicy: a policy is an attribute set, or the path of a TOML file. What
  # comes back is an attribute set that jailed-claude accepts as far as a schema
  # can tell.
  checkPolicy = policy:
    let
      given =
        if isPath policy || isString policy then
          fromTOML (readFile policy)
        else if isAttrs policy && !(isPackage policy) then
          policy
        else
          throw "policy of jailed-claude: is neither: write an attribute set, or the path of a TOML file";
    in
    check schema ({ version = 1; } // strings given);

  isStorePath = p: match "${builtins.storeDir}/[0-9a-z]{32}-[^/]+(/.*)?" (unsafeDiscardStringContext p) != null;

  # isBuilt: a store path that this very evaluation leads to, so that it can be
  # part of a closure.
  isBuilt = p: isStorePath p && builtins.hasContext p;

  # baked: the policy of a jail whose closure is fixed when it is built. Its
  # packages are in the closure; an installable would need Nix at the start.
  baked = packages: policy:
    let
      checked = checkPolicy policy;
      asked = checked.agent.packages or [ ];
      installables = builtins.filter (p: !(isBuilt p)) asked;
    in
    if checked ? agent.package then
      throw "policy of jailed-claude:\n  agent.package: is baked in: name it as claude-code, or agent"
    else if installables != [ ] then
      throw "policy of jailed-claude:\n  agent.packages: \"${builtins.head installables}\" needs Nix at the start: write a package, as in [ pkgs.nodejs ], or name it in extraPackages"
    else
      checked // {
        agent = (checked.agent or { }) // {
          packages = map (p: "${p}") packages ++ asked;
        };
      };

  # packagesOf: what has to be in the closure for a policy.
  packagesOf = policy: builtins.filter isBuilt ((checkPolicy policy).agent.packages or [ ]);

  # What a shell script expects to find. The agent itself needs bash.
  defaultTools = pkgs: with pkgs; [
    bashInteractive
    coreutils
    diffutils
    findutils
    gawk
    git
    gnugrep
    gnused
    gnutar
    gzip
    less
    procps
    ripgrep
    which
  ];

  toolOf = pkgs: pkgs.jailed-claude or (pkgs.extend overlay).jailed-claude;

  # mkPolicy: the TOML file of a policy.
  mkPolicy = { pkgs, policy, name ? "jailed-claude-policy.toml" }: pkgs.writeText name (toTOML (checkPolicy policy));

  # mkClosure: what is baked into a jail of these programs.
  mkClosure =
    {
      pkgs,
      agent,
      program ? pkgs.lib.getExe agent,
      tools ? defaultTools pkgs,
      extraPackages ? [ ],
      policy ? { },
    }:
    let
      packages = extraPackages ++ tools;
    in
    {
      inherit program;
      # A folder with registration and store-paths.
      info = pkgs.closureInfo { rootPaths = [ agent ] ++ packages ++ packagesOf policy; };
      policy = pkgs.writeText "jailed-claude-policy.toml" (toTOML (baked packages policy));
    };

  # environment: how a script hands a closure to the tool.
  environment = closure: ''
    export JAILED_CLAUDE_CLOSURE=${closure.info}
    export JAILED_CLAUDE_PACKAGE=${closure.program}
    export JAILED_CLAUDE_POLICY=${closure.policy}
  '';

  closureArgs = args: intersectAttrs (functionArgs mkClosure) args;

  # makeJailedAgent: a package whose bin/NAME runs `agent` in a jail. All its
  # arguments go to the agent. bin/NAME-jail is jailed-claude itself, for the
  # same jail: `NAME-jail shell`, `NAME-jail explain`. Neither calls Nix.
  makeJailedAgent =
    args@{
      pkgs,
      # The package of the agent.
      agent,
      # Its program, if not meta.mainProgram's.
      program ? pkgs.lib.getExe agent,
      # What bin/NAME is called.
      name ? "jailed-${baseNameOf (unsafeDiscardStringContext program)}",
      # What any shell script expects; a list in its place replaces it.
      tools ? defaultTools pkgs,
      # More programs on PATH in the jail, before the tools.
      extraPackages ? [ ],
      # Weaker than the user's own policy and the project's.
      policy ? { },
      # The tool.
      jailed-claude ? toolOf pkgs,
    }:
    let
      closure = mkClosure (closureArgs args);
      script =
        file: command:
        pkgs.writeShellScript file (environment closure + ''
          exec ${jailed-claude}/bin/jailed-claude ${command}"$@"
        '');
    in
    pkgs.runCommand name
      {
        passthru = {
          inherit agent jailed-claude;
          closure = closure.info;
          policy = closure.policy;
          spec = mkSpec (specArgs args);
        };
        meta = {
          description = "${agent.name or name} in a jail";
          mainProgram = name;
          platforms = [ "x86_64-linux" "aarch64-linux" ];
        };
      }
      ''
        mkdir -p $out/bin
        ln -s ${script name "run -- "} $out/bin/${name}
        ln -s ${script "${name}-jail" ""} $out/bin/${name}-jail
      ''
    // {
      override = changed makeJailedAgent args;
    };

  # makeJailedClaude: the same for Claude Code.
  makeJailedClaude =
    {
      pkgs,
      claude-code ? pkgs.claude-code,
      name ? "jailed-claude",
      ...
    }@args:
    makeJailedAgent (
      removeAttrs args [ "claude-code" ]
      // {
        agent = claude-code;
        inherit name;
      }
    )
    // {
      override = changed makeJailedClaude args;
    };

  # changed FUNCTION ARGS: what `override` of a package is.
  changed = function: args: changes: function (args // (if isFunction changes then changes args else changes));

  # mkSpec: the config.json of a jail as a derivation, to be pinned and compared
  # (`jailed-claude explain --diff A B`). It is what `spec --portable` prints:
  # ''${HOME} and the like stand for what only a host knows.
  mkSpec =
    args@{
      pkgs,
      agent ? args.claude-code or pkgs.claude-code,
      claude-code ? null,
      policy ? { },
      jailed-claude ? toolOf pkgs,
      ...
    }:
    let
      closure = mkClosure (closureArgs args // { inherit agent; });
    in
    pkgs.runCommand "jailed-claude-spec.json" { } ''
      ${inSandbox}
      ${jailed-claude}/bin/jailed-claude spec --portable --policy ${closure.policy} \
        --closure ${closure.info} --package ${closure.program} >$out
    '';

  specArgs = args: intersectAttrs ((functionArgs mkClosure) // (functionArgs mkSpec)) args;

  # mkBundle: a jail to be exported. config.json is that of mkSpec. An OCI bundle
  # for runc or crun holds what only the host knows: its user, and which files of
  # the project there are to protect. So bin/jailed-claude-bundle makes it there,
  # with the closure and the policy of this derivation, and without Nix:
  #   result/bin/jailed-claude-bundle DIR [-- CMD ARGS]
  mkBundle =
    args@{
      pkgs,
      agent ? args.claude-code or pkgs.claude-code,
      claude-code ? null,
      policy ? { },
      jailed-claude ? toolOf pkgs,
      ...
    }:
    let
      closure = mkClosure (closureArgs args // { inherit agent; });
      script = pkgs.writeShellScript "jailed-claude-bundle" (environment closure + ''
        exec ${jailed-claude}/bin/jailed-claude bundle "$@"
      '');
    in
    pkgs.runCommand "jailed-claude-bundle" { meta.mainProgram = "jailed-claude-bundle"; } ''
      mkdir -p $out/bin
      ln -s ${script} $out/bin/jailed-claude-bundle
      ln -s ${mkSpec args} $out/config.json
      ln -s ${closure.info} $out/closure
      ln -s ${closure.policy} $out/policy.toml
    '';

  # A builder has no home and no project.
  inSandbox = ''
    export HOME=$TMPDIR/home
    mkdir -p "$HOME" "$TMPDIR/project"
    cd "$TMPDIR/project"
  '';
in
{
  inherit
    checkPolicy
    defaultTools
    makeJailedAgent
    makeJailedClaude
    mkBundle
    mkPolicy
    mkSpec
    packagesOf
    schema
    toTOML
    ;
}
