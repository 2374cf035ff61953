#!/usr/bin/env bash
# table.sh [NAME...]: tries each toolchain outside and in a jail, as whoever
# calls it: the same script in two empty folders has to end well and say the
# same. Prints a line for each; exit status 1 if one failed.
set -uo pipefail

# toolchain NAME SCRIPT: what its users would type. No network.
toolchains() {
  toolchain 'gcc, g++, gdb' 'echo "int main(void){return 0;}" >a.c && gcc -g a.c -o a && g++ -x c++ a.c -o b && gdb -batch -ex "info line main" ./a | grep -o "a.c"'
  toolchain 'clang' 'echo "#include <stdio.h>
int main(void){puts(\"hi\");}" >a.c && clang a.c -o a && ./a'
  toolchain 'gfortran' 'printf "program a\nprint *, 42\nend program\n" >a.f90 && gfortran a.f90 -o a && ./a'
  toolchain 'gnat' 'printf "procedure A is begin null; end A;\n" >a.adb && gnatmake -q a.adb && ./a && echo ada'
  toolchain 'cmake, make' 'printf "cmake_minimum_required(VERSION 3.5)\nproject(a C)\nadd_executable(a a.c)\n" >CMakeLists.txt; echo "int main(void){return 0;}" >a.c; cmake -B out >/dev/null && make -C out >/dev/null && ./out/a && echo built'
  toolchain 'python3, venv' 'python3 -m venv v && v/bin/python -c "import ssl, mimetypes, platform; print(mimetypes.guess_type(\"a.webp\"), platform.freedesktop_os_release()[\"ID\"])" && v/bin/pip --version | cut -d" " -f2'
  toolchain 'nodejs, npm' 'npm init -y >/dev/null 2>&1 && node -p "process.version + Intl.DateTimeFormat().resolvedOptions().timeZone"'
  toolchain 'php, composer' 'php -m && php -r "echo php_ini_loaded_file(), PHP_EOL;" && composer --no-interaction --version 2>/dev/null | cut -d" " -f1-2'
  toolchain 'ruby, bundler' 'ruby -ropenssl -e "puts OpenSSL::X509::DEFAULT_CERT_DIR" && bundle --version && gem env gemdir'
  toolchain 'perl' 'perl -MSocket -MFile::MimeInfo -e "print scalar(getservbyname(q(https), q(tcp))), qq(\n)" && perl -V:sitelib'
  toolchain 'openjdk-17' 'echo "class A { public static void main(String[] a) throws Exception { System.out.println(javax.net.ssl.SSLContext.getDefault().getProtocol() + java.util.TimeZone.getDefault().getID()); } }" >A.java && javac A.java && java A && jar cf a.jar A.class && keytool -list -cacerts -storepass changeit 2>/dev/null | grep -c trusted'
  toolchain 'maven' 'mvn --offline --version | head -n 3'
  toolchain 'ant, gradle' 'printf "<project default=\"a\"><target name=\"a\"><echo>built</echo></target></project>" >build.xml && ant -q | grep built && gradle --offline --version | grep Gradle'
  toolchain 'go' 'printf "package main\nimport \"net\"\nfunc main() { p, err := net.LookupPort(\"tcp\", \"https\"); println(p, err == nil) }\n" >a.go && go run a.go 2>&1'
  toolchain 'rust, cargo' 'cargo init -q --name a --vcs none . && cargo run -q --offline'
  toolchain 'ghc' 'echo "import qualified Data.Map as M
main = print (M.toList (M.fromList [(1,2)]))" >a.hs && ghc -v0 a.hs && ./a && ghc-pkg list --global 2>/dev/null | grep -c -- -'
  toolchain 'ocaml' 'echo "print_endline \"ocaml\"" >a.ml && ocamlfind ocamlopt -package unix a.ml -o a 2>/dev/null || ocamlopt a.ml -o a && ./a'
  toolchain 'erlang, elixir' 'elixir -e "IO.puts System.version()"'
  toolchain 'R' 'Rscript -e "cat(Sys.timezone(), capabilities(\"libcurl\"), \"\n\"); print(mean(1:10))"'
  toolchain 'lua, tcl, guile' 'echo "print(_VERSION)" | lua5.4 - && echo "puts [info patchlevel]" | tclsh && guile --no-auto-compile -c "(display (version))"'
  toolchain 'mono' 'echo "class A { static void Main() { System.Console.WriteLine(System.Environment.Version.Major); } }" >a.cs && mcs a.cs && mono a.exe'
  toolchain 'free pascal' 'echo "begin writeln(42); end." >a.pas && fpc -v0 a.pas >/dev/null 2>&1 && ./a'
  toolchain 'sbcl, swi-prolog' 'sbcl --non-interactive --no-userinit --eval "(require :sb-posix)" --eval "(print (sb-posix:getpid))" >/dev/null && swipl -g "writeln(yes)" -t halt'
  toolchain 'nim, ldc' 'printf "echo 1+1\n" >a.nim && nim c --hints:off --verbosity:0 -r a.nim 2>/dev/null && printf "import std.stdio; void main() { writeln(42); }" >b.d && ldc2 -of=b b.d && ./b'
  toolchain 'emacs, vim' 'emacs --batch --eval "(message \"%s\" (length load-path))" 2>&1 | tail -n 1 && vim -es -c "redir! > out" -c "scriptnames" -c "redir END" -c q; grep -c /usr/share/vim out'
  toolchain 'imagemagick, fontconfig' 'convert -list policy | grep -c Policy && fc-list | sort && convert -background white -font DejaVu-Sans label:hello a.png && identify a.png | cut -d" " -f2-3'
  toolchain 'graphviz, ghostscript' 'echo "digraph { a -> b }" | dot -Tsvg | grep -c "<svg" && echo "(%stderr) pop" >a.ps && gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=a.pdf a.ps && head -c 4 a.pdf'
  toolchain 'texlive' 'printf "\\\\documentclass{article}\\\\begin{document}hi\\\\end{document}" >a.tex && pdflatex -interaction=batchmode a.tex >/dev/null && head -c 4 a.pdf && kpsewhich article.cls'
  toolchain 'pandoc' 'echo "# hi" | pandoc -t html'
  toolchain 'postgresql, mariadb, sqlite' 'psql --version && mariadb --version | cut -d" " -f1-2 && sqlite3 :memory: "select 42"'
  toolchain 'ffmpeg' 'ffmpeg -loglevel error -f lavfi -i testsrc=duration=1:size=64x64 -y a.mp4 && ffprobe -loglevel error -show_entries stream=codec_name a.mp4'
  # shellcheck disable=SC2016
  toolchain 'chromium' 'echo "<p>hello</p>" >a.html && chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom "file://$PWD/a.html" 2>/dev/null'
}

failed=0
only=("$@")
toolchain() {
  local name=$1 script=$2 dir result=works
  if [ "${#only[@]}" -gt 0 ]; then
    case " ${only[*]} " in *" ${name%%,*} "*) ;; *) return ;; esac
  fi
  dir=$(mktemp -d ~/try.XXXXXX)
  mkdir "$dir/outside" "$dir/inside"
  if ! (cd "$dir/outside" && timeout 120 bash -c "$script") >"$dir/want" 2>"$dir/want.err" </dev/null || [ ! -s "$dir/want" ]; then
    result="outside it does not work: $(tail -n 1 "$dir/want.err")"
  elif ! (cd "$dir/inside" && timeout 120 jailed-claude shell --package host --net none -- bash -c "$script") >"$dir/got" 2>"$dir/got.err" </dev/null; then
    result="FAILED: $(tail -n 1 "$dir/got.err")"
  elif ! diff <(sed "s|$dir/outside||g" "$dir/want") <(sed "s|$dir/inside||g" "$dir/got") >"$dir/diff"; then
    result="FAILED: says something else: $(sed -n 2p "$dir/diff")"
  fi
  [ "$result" = works ] || failed=1
  printf '%-28s %s\n' "$name" "$result"
  rm -rf "$dir"
}
toolchains
exit $failed
