# Modules, small: options have types that check and merge, `imports`, mkIf,
# mkMerge and mkDefault work, and a definition without an option is an error.
let
  inherit (builtins)
    all
    attrNames
    concatMap
    filter
    foldl'
    head
    isAttrs
    isFunction
    isList
    isString
    length
    listToAttrs
    map
    mapAttrs
    tail
    ;

  isOption = v: isAttrs v && v._type or "" == "option";

  # flatten: all definitions in a value, those of mkIf false left out.
  flatten =
    v:
    let
      kind = if isAttrs v then v._type or "" else "";
    in
    if kind == "if" then
      if v.condition then flatten v.content else [ ]
    else if kind == "merge" then
      concatMap flatten v.contents
    else
      [ v ];

  # push: the attribute sets in a value, with the condition of a mkIf moved onto
  # what it holds: which attributes there are must not depend on it.
  push =
    v:
    let
      kind = if isAttrs v then v._type or "" else "";
      guarded = content: {
        _type = "if";
        inherit (v) condition;
        inherit content;
      };
    in
    if kind == "if" then
      map (mapAttrs (_: guarded)) (push v.content)
    else if kind == "merge" then
      concatMap push v.contents
    else
      [ v ];

  weak = v: isAttrs v && v._type or "" == "default";
  plain = v: if weak v then v.content else v;

  single =
    at: values:
    let
      strong = filter (v: !(weak v)) values;
      use = if strong == [ ] then values else strong;
    in
    if length use == 1 || all (v: v == head use) use then
      plain (head use)
    else
      throw "${at} is defined more than once";

  type = name: check: merge: { inherit name check merge; };
  types = rec {
    bool = type "boolean" builtins.isBool single;
    str = type "string" isString single;
    int = type "integer" builtins.isInt single;
    path = type "path" (v: builtins.isPath v || isString v || v ? outPath) single;
    package = type "package" (v: isAttrs v && v ? outPath) single;
    anything = type "anything" (_: true) single;
    unspecified = anything;
    listOf = of: type "list of ${of.name}" (v: isList v && all of.check v) (_: concatMap plain);
    attrsOf =
      of:
      type "attribute set of ${of.name}" (v: isAttrs v && !(v ? outPath)) (
        at: values:
        let
          definitions = concatMap flatten values;
          names = concatMap attrNames definitions;
        in
        mapAttrs
          (
            k: _:
            let
              found = concatMap (d: if d ? ${k} then flatten d.${k} else [ ]) definitions;
            in
            of.merge "${at}.${k}" found
          )
          (
            listToAttrs (
              map (name: {
                inherit name;
                value = null;
              }) (filter (k: concatMap (d: if d ? ${k} then flatten d.${k} else [ ]) definitions != [ ]) names)
            )
          )
      );
    submodule = options: type "submodule" isAttrs (at: values: evaluate at options (concatMap push values));
  };

  # evaluate AT OPTIONS DEFINITIONS: the values of a tree of options.
  evaluate =
    at: options: definitions:
    let
      name = k: if at == "" then k else "${at}.${k}";
      under = k: concatMap (d: if d ? ${k} then [ d.${k} ] else [ ]) definitions;
      unknown = filter (k: !(options ? ${k})) (concatMap attrNames definitions);
      option =
        k: o:
        if !(isOption o) then
          evaluate (name k) o (concatMap push (under k))
        else
          let
            found = concatMap flatten (under k);
            wrong = filter (v: !(o.type.check (plain v))) found;
          in
          if wrong != [ ] then
            throw "the option `${name k}' is not of type ${o.type.name}"
          else if found == [ ] then
            o.default or (throw "the option `${name k}' is used but not defined")
          else
            o.type.merge (name k) found;
    in
    if unknown != [ ] then
      throw "the option `${name (head unknown)}' does not exist"
    else
      mapAttrs option options;

  join =
    a: b:
    a // mapAttrs (k: v: if a ? ${k} && isAttrs v && !(isOption v) then join a.${k} v else v) b;
in
{
  inherit types;
  literalExpression = text: { inherit text; _type = "literalExpression"; };
  mkOption = o: o // { _type = "option"; };
  mkEnableOption = description: {
    _type = "option";
    type = types.bool;
    default = false;
    inherit description;
  };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkDefault = content: {
    _type = "default";
    inherit content;
  };

  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    let
      load =
        m:
        let
          value = if isFunction m then m (specialArgs // { inherit config options; }) else if isAttrs m then m else load' m;
          load' = f: (import f) (specialArgs // { inherit config options; });
          long = value ? config || value ? options;
        in
        concatMap load (value.imports or [ ])
        ++ [
          {
            options = value.options or { };
            config = if long then value.config or { } else builtins.removeAttrs value [ "imports" ];
          }
        ];
      loaded = concatMap load modules;
      options = foldl' join { } (map (m: m.options) loaded);
      config = evaluate "" options (concatMap (m: push m.config) loaded);
    in
    {
      inherit config options;
    };
}
