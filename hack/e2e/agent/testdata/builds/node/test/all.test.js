const assert = require("node:assert");
const { execFile, fork } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { promisify } = require("node:util");
const { Worker } = require("node:worker_threads");

test("worker threads share memory", async () => {
  const sum = new Int32Array(new SharedArrayBuffer(4));
  const source = 'const { workerData } = require("worker_threads"); Atomics.add(workerData, 0, 42)';
  await Promise.all(Array.from({ length: 4 }, () => new Promise((done, failed) => {
    new Worker(source, { eval: true, workerData: sum }).on("exit", done).on("error", failed);
  })));
  assert.strictEqual(sum[0], 4 * 42);
});

test("children run and talk", async () => {
  const { stdout } = await promisify(execFile)("sh", ["-c", "echo $((6 * 7))"]);
  assert.strictEqual(stdout, "42\n");
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "child-")), "child.js");
  fs.writeFileSync(file, 'process.on("message", m => process.send(m * 2, () => process.exit()))');
  const child = fork(file);
  child.send(21);
  assert.strictEqual(await new Promise(done => child.on("message", done)), 42);
});

test("a server on loopback", async () => {
  const server = http.createServer((_, answer) => answer.end("served")).listen(0, "127.0.0.1");
  await new Promise(done => server.on("listening", done));
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
  assert.strictEqual(await answer.text(), "served");
  server.close();
  server.closeAllConnections();
});

test("changes of files are seen", async () => {
  const file = path.join(__dirname, "..", "watched");
  fs.writeFileSync(file, "before");
  const watcher = fs.watch(file);
  const change = new Promise(done => watcher.on("change", done));
  fs.writeFileSync(file, "after");
  await change;
  watcher.close();
});
