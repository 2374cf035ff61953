#!/usr/bin/env bash
# layer.sh PROGRAM STEP: projects whose work is measured in a layer, in ~/layer. begin
# makes them, anew has each as it was before a round; change changes 10,000 files in
# the working directory.
set -euo pipefail
program=$1

change() {
  awk 'BEGIN { for (d = 1; d <= 100; d++) for (f = 1; f <= 100; f++) { n = "d" d "/" f; print "changed" >>n; close(n) } }'
}

case $2 in
  begin)
    mkdir ~/layer
    cd ~/layer
    mkdir -p node/{1..60}/package/lib go files/d{1..100}
    # A Node project of 60 packages of 40 files.
    cd node
    awk 'BEGIN { for (i = 1; i <= 60; i++) for (f = 1; f <= 40; f++) { n = i "/package/lib/" f ".js"; for (l = 0; l < 500; l++) print i * f + l >n; close(n) } }'
    deps=
    for i in {1..60}; do
      echo '{"name":"p'"$i"'","version":"1.0.0"}' >"$i/package/package.json"
      tar czf "$i.tgz" -C "$i" package
      deps="$deps,\"p$i\":\"file:$i.tgz\""
    done
    rm -r {1..60}
    echo "{\"name\":\"p\",\"version\":\"1.0.0\",\"dependencies\":{${deps#,}}}" >package.json
    npm install --offline --no-audit --no-fund --cache ~/npm
    # A Go program.
    cd ../go
    printf 'module m\ngo 1.21\n' >go.mod
    printf 'package main\nimport _ "net/http"\nfunc main() {}\n' >main.go
    # 10,000 files, and the same with changes.
    cd ../files
    awk 'BEGIN { for (d = 1; d <= 100; d++) for (f = 1; f <= 100; f++) { n = "d" d "/" f; for (l = 0; l < 60; l++) print "line " l + f >n; close(n) } }'
    cp -a . ../changed
    cd ../changed
    change
    # What is discarded is that of a layer which is there.
    for p in node go; do "$program" shell --package host --net none --project ~/layer/$p --project-mode overlay -- true; done
    ;;
  anew)
    cd ~/layer
    for p in node go; do "$program" review --discard --project $p; done
    rm -rf go/cache go/out theirs
    # If the round before has applied it.
    if cmp -s files/d1/1 changed/d1/1; then "$program" review --undo --project files; fi
    cp -a files theirs
    ;;
  change) change ;;
esac
