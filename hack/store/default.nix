# Real store paths from Debian packages and npm tarballs: no nixpkgs, no
# binary cache. The builders use the host's dpkg-deb, patchelf, perl and tar,
# so they need `sandbox = false`; up.sh sees to that.
#
#   nix-build -A claude | devenv | devenv-node
#
# `src` holds what fetch.sh downloaded. Its path is part of every store hash:
# it is the same on each machine, whatever folder it leads to.
{ src ? "/nix/var/jailed-claude/src" }:
let
  # name -> { file, sha256, version }
  manifest = builtins.fromJSON (builtins.readFile (src + "/manifest.json"));

  make = attrs: derivation ({
    system = "x86_64-linux";
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
  } // attrs);

  # archive NAME: the attributes that give a builder its source.
  archive = name: {
    name = "${name}-${manifest.${name}.version}";
    src = "${src}/${manifest.${name}.file}";
    srcHash = manifest.${name}.sha256;
    common = ./builders/common.sh;
  };

  debian = name: { deps ? [ ], keep ? "", finish ? "", glibc ? libc, shell ? bash }:
    make (archive name // {
      args = [ ./builders/deb.sh ];
      inherit deps keep finish glibc shell;
    });

  # A library holds no scripts, so it does not depend on bash.
  library = name: deps: debian name { inherit deps; shell = ""; };

  shared = "^lib/[^/]*\\.so[^/]*$";

  libc = debian "libc6" { glibc = ""; shell = ""; keep = shared; };
  libgcc = library "libgcc-s1" [ ];
  libstdcxx = debian "libstdc++6" { deps = [ libgcc ]; shell = ""; keep = shared; };
  tinfo = library "libtinfo6" [ ];
  ncurses = library "libncursesw6" [ tinfo ];
  attr = library "libattr1" [ ];
  acl = library "libacl1" [ attr ];
  pcre = library "libpcre2-8-0" [ ];
  selinux = library "libselinux1" [ pcre ];
  gmp = library "libgmp10" [ ];
  zlib = library "zlib1g" [ ];
  lzma = library "liblzma5" [ ];
  lz4 = library "liblz4-1" [ ];
  zstd = library "libzstd1" [ ];
  cap = library "libcap2" [ ];
  gpg-error = library "libgpg-error0" [ ];
  gcrypt = library "libgcrypt20" [ gpg-error ];
  systemd = library "libsystemd0" [ lzma lz4 zstd cap gcrypt ];
  proc2 = library "libproc2-0" [ systemd ];

  bash = debian "bash" {
    deps = [ tinfo ];
    shell = "";
    keep = "^bin/bash$";
    finish = "ln -s bash bin/sh; bin/sh -c :";
  };
  coreutils = debian "coreutils" { deps = [ acl attr selinux gmp ]; };
  grep = debian "grep" { deps = [ pcre ]; };
  sed = debian "sed" { deps = [ acl selinux ]; };
  findutils = debian "findutils" { deps = [ selinux ]; };
  awk = debian "mawk" { finish = "ln -s mawk bin/awk"; };
  diffutils = debian "diffutils" { };
  tar = debian "tar" { deps = [ acl selinux ]; };
  gzip = debian "gzip" { };
  less = debian "less" { deps = [ tinfo ]; };
  procps = debian "procps" { deps = [ proc2 ncurses tinfo ]; };
  ripgrep = debian "ripgrep" { deps = [ libgcc pcre ]; };
  which = debian "debianutils" {
    keep = "^bin/which(\\.debianutils)?$";
    finish = "[ -e bin/which ] || ln -s which.debianutils bin/which";
  };

  # git has its exec path and templates compiled in, under /usr: a wrapper
  # points it at the store. git-remote-http, which would bring curl, TLS and
  # Kerberos (25 more libraries), is left out.
  git = debian "git" {
    deps = [ pcre zlib ];
    keep = "^(bin/git$|share/git-core/templates/|lib/git-core/(git|mergetools/.*|git-(sh-.*|merge-.*|submodule|filter-branch))$)";
    finish = ''
      mv bin/git lib/git-core/git
      for name in git-upload-pack git-receive-pack; do ln -s git lib/git-core/$name; done
      printf '#!%s/bin/sh\nexport GIT_EXEC_PATH=%s GIT_TEMPLATE_DIR=%s\nexec %s "$@"\n' \
        "$shell" "$out/lib/git-core" "$out/share/git-core/templates" "$out/lib/git-core/git" >bin/git
      chmod 755 bin/git
    '';
  };

  cacert = make (archive "ca-certificates" // { args = [ ./builders/cacert.sh ]; });

  nodejs = make (archive "node" // {
    args = [ ./builders/node.sh ];
    glibc = libc;
    deps = [ libstdcxx libgcc ];
  });

  claude = make (archive "claude-code" // {
    args = [ ./builders/claude.sh ];
    glibc = libc;
    shell = bash;
    fixVerdef = ./builders/fix-verdef.pl;
    path = builtins.concatStringsSep ":"
      (map (p: "${p}/bin") [ bash coreutils procps ripgrep git which ]);
  });

  environment = name: paths: make {
    inherit name paths;
    args = [ ./builders/env.sh ];
  };

  devenv = environment "devenv"
    [ claude bash coreutils grep sed findutils awk diffutils tar gzip less which procps ripgrep git ];
in
{
  inherit claude devenv nodejs bash coreutils git cacert;
  devenv-node = environment "devenv-node" [ devenv nodejs ];
  # The smallest closure in which a command runs: for benchmarks.
  base = environment "base" [ coreutils bash ];
}
