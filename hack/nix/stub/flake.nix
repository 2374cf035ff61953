# A stand-in for nixpkgs, for checks where there is no network: just enough of
# its library and packages that the flake evaluates. Every package is a
# derivation that builds nothing, unless a check puts a real one in its place.
{
  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages.x86_64-linux = import ./. { system = "x86_64-linux"; };
    };
}
