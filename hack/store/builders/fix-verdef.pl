#!/usr/bin/perl
# fix-verdef.pl FILE: patchelf before 0.15 moves the section .gnu.version_d
# (SHT_GNU_verdef) but leaves the dynamic entry DT_VERDEF at the old address,
# and ld.so crashes while it checks versions. Sets DT_VERDEF to the address
# of the section; does nothing to a file that is right or has no versions.
use strict;
use warnings;

use constant { SHT_DYNAMIC => 6, SHT_GNU_verdef => 0x6ffffffd, DT_VERDEF => 0x6ffffffc };

my $path = shift // die "usage: fix-verdef.pl FILE\n";
open my $elf, '+<:raw', $path or die "$path: $!\n";

sub bytes {
    my ($offset, $count) = @_;
    seek $elf, $offset, 0 or die "$path: $!\n";
    read($elf, my $buffer, $count) == $count or die "$path: short read at $offset\n";
    return $buffer;
}

die "$path: not a 64-bit little-endian ELF file\n" if bytes(0, 6) ne "\x7fELF\x02\x01";
my $sections = unpack 'Q<', bytes(0x28, 8);
my ($size, $count) = unpack 'v2', bytes(0x3a, 4);
my ($verdef, $dynamic, $length);
for my $i (0 .. $count - 1) {
    # sh_name sh_type sh_flags sh_addr sh_offset sh_size
    my (undef, $type, undef, $address, $offset, $bytes) = unpack 'V2 Q<4', bytes($sections + $size * $i, 40);
    $verdef = $address if $type == SHT_GNU_verdef;
    ($dynamic, $length) = ($offset, $bytes) if $type == SHT_DYNAMIC;
}
exit 0 unless defined $verdef && defined $dynamic;

for (my $at = $dynamic; $at < $dynamic + $length; $at += 16) {
    my ($tag, $value) = unpack 'Q<2', bytes($at, 16);
    next if $tag != DT_VERDEF || $value == $verdef;
    seek $elf, $at + 8, 0 or die "$path: $!\n";
    print {$elf} pack 'Q<', $verdef or die "$path: $!\n";
    printf "DT_VERDEF %#x -> %#x\n", $value, $verdef;
}
close $elf or die "$path: $!\n";
