# closureInfo of the stand-in for nixpkgs: registration and store-paths, from
# the structured attributes of the derivation.
use strict;
use warnings;
use JSON::PP;

open my $in, '<', $ENV{NIX_ATTRS_JSON_FILE} or die "attributes: $!";
my $attributes = decode_json(do { local $/; <$in> });
my $out = $attributes->{outputs}{out};
my @closure = @{ $attributes->{closure} };

mkdir $out or die "$out: $!";
open my $registration, '>', "$out/registration" or die $!;
open my $paths, '>', "$out/store-paths" or die $!;
for my $p (@closure) {
    my @references = @{ $p->{references} };
    print $registration map { "$_\n" } $p->{path}, $p->{narHash}, $p->{narSize}, '', scalar(@references), @references;
    print $paths "$p->{path}\n";
}
close $registration or die $!;
close $paths or die $!;
