# Checks a policy, as an attribute set, against the JSON Schema that
# jailed-claude itself prints: what is wrong is an error of the evaluation, with
# the name of the key. It knows the keywords that spec/policy/jsonschema
# writes.
let
  inherit (builtins)
    attrNames concatLists concatMap concatStringsSep elem elemAt filter genList isAttrs isBool isFloat isInt isList
    isString length match replaceStrings toJSON typeOf;

  isTable = v: isAttrs v && !(v ? outPath);

  types = {
    string = isString;
    integer = isInt;
    number = v: isInt v || isFloat v;
    boolean = isBool;
    array = isList;
    object = isTable;
  };

  wanted = {
    string = "a string";
    integer = "a whole number";
    number = "a number";
    boolean = "true or false";
    array = "a list";
    object = "an attribute set";
  };

  names = {
    bool = "a boolean";
    float = "a float";
    int = "an integer";
    lambda = "a function";
    list = "a list";
    null = "null";
    path = "a path";
    set = "an attribute set";
    string = "a string";
  };
  typeName = v: if isAttrs v && v ? outPath then "a package" else names.${typeOf v};

  # A regular expression of JSON Schema matches anywhere, one of Nix all of it.
  matches = pattern: v: match (replaceStrings [ "^" "$" ] [ "" "" ] pattern) v != null;

  known = schema: concatStringsSep ", " (attrNames (schema.properties or { }));

  # problems AT SCHEMA VALUE: a list of sentences, empty if there is none.
  problems = at: schema: value:
    if !(types.${schema.type} value) then
      [ "${at}: is ${typeName value}: write ${wanted.${schema.type}}" ]
    else if schema ? enum && !(elem value schema.enum) then
      [ "${at}: ${toJSON value} is not known: write ${concatStringsSep " or " (map toJSON schema.enum)}" ]
    else if schema ? pattern && !(matches schema.pattern value) then
      [ "${at}: ${toJSON value} does not match ${schema.pattern}" ]
    else if (schema ? minimum && value < schema.minimum) || (schema ? maximum && value > schema.maximum) then
      [ "${at}: ${toJSON value} is not from ${toJSON (schema.minimum or null)} to ${toJSON (schema.maximum or null)}" ]
    else if schema.type == "array" then
      concatLists (genList (i: problems "${at}[${toString i}]" schema.items (elemAt value i)) (length value))
    else if schema.type == "object" then
      table at schema value
    else
      [ ];

  table = at: schema: value:
    let
      name = key: if at == "" then key else "${at}.${key}";
      missing = filter (key: !(value ? ${key})) (schema.required or [ ]);
      rest = schema.additionalProperties or true;
      key = k:
        if (schema.properties or { }) ? ${k} then
          problems (name k) schema.properties.${k} value.${k}
        else if isAttrs rest then
          problems (name k) rest value.${k}
        else
          [ "${name k}: unknown key: ${if at == "" then "there are" else "[${at}] has"} ${known schema}" ];
    in
    map (k: "${name k}: is missing") missing ++ concatMap key (attrNames value);
in
schema: policy:
let
  found = problems "" schema policy;
in
if found == [ ] then policy else throw "policy of jailed-claude:\n  ${concatStringsSep "\n  " found}"
