#!/usr/bin/env bash
# A PKCS12 file of certificates written by `openssl pkcs12 -export -nokeys` is an EMPTY trust store
# to Java: no error on reading it, `keytool -list` counts 0 entries, and TLS then ends with
# "trustAnchors parameter must be non-empty". Java takes a certificate for trusted only if its bag
# carries an attribute of Oracle's (2.16.840.1.113894.746875.1.1), which keytool writes and OpenSSL
# 3.0 does not; `-caname` does not help. OpenSSL reads both files alike. Write the store by keytool.
#
# Matters for: images, Nix closures and sandboxes that add a CA of their own for programs in Java.
# Seen: OpenJDK 17.0.15, OpenSSL 3.0.19 (Debian 12), 2026-11-29. Needs: keytool of Java 17, openssl 3.0.
set -euo pipefail

fail() { echo "java-openssl-truststore: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export LC_ALL=C HOME=$tmp
openssl version
[[ $(openssl version) == "OpenSSL 3.0."* ]] || { echo "java-openssl-truststore: needs OpenSSL 3.0" >&2; exit 1; }
java -version 2>&1 | head -n 1

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -keyout key.pem -out ca.pem -subj '/CN=finding' 2>/dev/null
openssl pkcs12 -export -nokeys -in ca.pem -caname finding -out openssl.p12 -passout pass:changeit
keytool -importcert -noprompt -alias finding -file ca.pem \
  -keystore keytool.p12 -storetype PKCS12 -storepass changeit 2>/dev/null

cat >Anchors.java <<'J'
import java.io.File;
import java.security.KeyStore;
import java.security.cert.PKIXParameters;

public class Anchors { // what TLS does with a trust store first
    public static void main(String[] args) throws Exception {
        try {
            var store = KeyStore.getInstance(new File(args[0]), "changeit".toCharArray());
            System.out.println(new PKIXParameters(store).getTrustAnchors().size());
        } catch (java.security.InvalidAlgorithmParameterException e) {
            System.out.println(e.getMessage());
        }
    }
}
J

for store in openssl keytool; do
  listed=$(keytool -list -keystore "$store.p12" -storepass changeit 2>&1) || fail "keytool refuses the file of $store"
  java=$(sed -n 's/^Your keystore contains \([0-9]*\) entr.*/\1/p' <<<"$listed")
  openssl=$(openssl pkcs12 -in "$store.p12" -passin pass:changeit -nokeys | grep -c 'BEGIN CERTIFICATE')
  anchors=$(java -cp "$tmp" Anchors.java "$store.p12" 2>&1 | tail -n 1)
  echo "written by $store: Java sees $java, OpenSSL sees $openssl; trust anchors: $anchors"
  [ "$openssl" = 1 ] || fail "OpenSSL sees $openssl certificates in the file of $store"
  case $store in
    openssl) expected="0: the trustAnchors parameter must be non-empty" ;;
    keytool) expected="1: 1" ;;
  esac
  [ "$java: $anchors" = "$expected" ] || fail "expected $expected"
done
openssl pkcs12 -in keytool.p12 -passin pass:changeit -nokeys | grep '^ *2.16.840.1.113894.746875.1.1' ||
  fail "keytool writes no attribute"
