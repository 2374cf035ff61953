# Writes a checked policy as TOML. A string of JSON is one of TOML too, except
# for DEL, which TOML wants escaped.
let
  inherit (builtins)
    attrNames concatStringsSep filter fromJSON isAttrs isList replaceStrings toJSON;

  del = fromJSON ''"\u007f"'';
  scalar = v: replaceStrings [ del ] [ "\\u007f" ] (toJSON v);

  inline = v:
    if isList v then
      "[${concatStringsSep ", " (map inline v)}]"
    else if isAttrs v then
      "{ ${concatStringsSep ", " (map (k: "${scalar k} = ${inline v.${k}}") (attrNames v))} }"
    else
      scalar v;

  lines = v: concatStringsSep "" (map (k: "${scalar k} = ${inline v.${k}}\n") (attrNames v));
  isTables = v: isList v && v != [ ] && isAttrs (builtins.head v);

  section = name: v:
    if isTables v then
      concatStringsSep "" (map (t: "\n[[${scalar name}]]\n${lines t}") v)
    else
      "\n[${scalar name}]\n${lines v}";
in
policy:
let
  isSection = k: isAttrs policy.${k} || isTables policy.${k};
  names = attrNames policy;
in
concatStringsSep "" (
  map (k: "${scalar k} = ${inline policy.${k}}\n") (filter (k: !(isSection k)) names)
  ++ map (k: section k policy.${k}) (filter isSection names)
)
