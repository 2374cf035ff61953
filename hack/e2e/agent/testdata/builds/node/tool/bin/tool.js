#!/usr/bin/env node
require("fs").writeFileSync(process.argv[2], "node: " + require("../installed.js") + "\n");
