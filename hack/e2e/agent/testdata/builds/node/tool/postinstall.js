require("fs").writeFileSync(require("path").join(__dirname, "installed.js"), 'module.exports = "postinstall ran";\n');
