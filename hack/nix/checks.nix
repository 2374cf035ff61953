# nix flake check.
{
  self,
  pkgs,
  version,
}:
let
  inherit (pkgs) lib;
  jail = self.lib;
  tool = pkgs.callPackage ../../spec/nix/package.nix { inherit version; };

  # A policy that must not evaluate.
  refused = policy: !(builtins.tryEval (builtins.deepSeq (jail.checkPolicy policy) true)).success;
in
{
  package = tool;

  # The tests that need no privilege.
  tests = tool.overrideAttrs {
    pname = "jailed-claude-tests";
    doCheck = true;
  };

  lint = tool.overrideAttrs (old: {
    pname = "jailed-claude-lint";
    nativeBuildInputs = old.nativeBuildInputs ++ [ pkgs.golangci-lint ];
    buildPhase = ''
      export HOME=$TMPDIR
      golangci-lint run --config ${../../.golangci.yml} ./...
    '';
    installPhase = "touch $out";
    postInstall = "";
  });

  nixfmt = pkgs.runCommand "jailed-claude-nixfmt" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
    nixfmt --check ${../../flake.nix} ${../../spec/nix}/*.nix ${../../spec/nix/template}/*.nix ${./.}/*.nix
    touch $out
  '';

  # The checker of policies, at evaluation.
  policy =
    assert refused { files.reed = [ ]; };
    assert refused { network.mode = "some"; };
    assert refused { limits.pids = "many"; };
    assert !(refused { limits.pids = 4096; });
    pkgs.writeText "jailed-claude-policy-checked" (jail.toTOML (jail.checkPolicy { network.mode = "none"; }));

  # The module, and the jail as an ordinary user: a small closure in place of
  # the agent, so that no unfree package is needed.
  vm = pkgs.testers.runNixOSTest {
    name = "jailed-claude";
    nodes.machine = {
      imports = [ self.nixosModules.default ];
      users.users.alice.isNormalUser = true;
      programs.jailed-claude = {
        enable = true;
        package = jail.makeJailedAgent {
          inherit pkgs;
          agent = pkgs.bash;
          name = "jailed-bash";
        };
        settings.network.mode = "none";
      };
    };
    testScript = ''
      machine.wait_for_unit("multi-user.target")
      machine.succeed("su - alice -c 'mkdir -p project; echo secret >private'")
      run = "su - alice -c 'cd project && jailed-bash -c \"%s\"'"
      assert machine.succeed(run % "id -un").strip() == "alice"
      machine.succeed(run % "touch made")
      machine.succeed("test $(stat -c %U /home/alice/project/made) = alice")
      machine.fail(run % "cat /home/alice/private")
      machine.fail(run % "touch /nix/store/x")
      assert machine.succeed(run % "grep CapEff /proc/self/status").split()[1] == "0" * 16
      machine.succeed("su - alice -c 'cd project && jailed-bash-jail explain' | grep -q none")
      machine.succeed("su - alice -c 'cd project && jailed-bash-jail doctor'")
    '';
  };
}
