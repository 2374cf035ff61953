import asyncio
import http.server
import multiprocessing
import socketserver
import sqlite3
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from multiprocessing import shared_memory

import project


def add(counter):
    for _ in range(100):
        with counter.get_lock():
            counter.value += 1


def double(n):
    return project.sum(n, n)


class All(unittest.TestCase):
    def test_installed(self):
        self.assertIn("site-packages", project.__file__)

    def test_processes_share_a_lock(self):
        for method in multiprocessing.get_all_start_methods():
            with self.subTest(method):
                context = multiprocessing.get_context(method)
                counter = context.Value("i", 0)
                workers = [context.Process(target=add, args=(counter,)) for _ in range(3)]
                for w in workers:
                    w.start()
                for w in workers:
                    w.join()
                self.assertEqual(counter.value, 300)

    def test_pool(self):
        with multiprocessing.Pool(2) as pool:
            self.assertEqual(pool.map(double, range(4)), [0, 2, 4, 6])

    def test_shared_memory(self):
        block = shared_memory.SharedMemory(create=True, size=1 << 20)
        try:
            block.buf[0] = 42
            again = shared_memory.SharedMemory(name=block.name)
            self.assertEqual(again.buf[0], 42)
            again.close()
        finally:
            block.close()
            block.unlink()

    def test_asyncio(self):
        async def run():
            child = await asyncio.create_subprocess_exec("echo", "42", stdout=subprocess.PIPE)
            return (await child.communicate())[0]
        self.assertEqual(asyncio.run(run()), b"42\n")

    def test_server(self):
        with socketserver.TCPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = "http://127.0.0.1:%d/" % server.server_address[1]
            self.assertEqual(urllib.request.urlopen(url).status, 200)
            server.shutdown()

    def test_database(self):
        with tempfile.TemporaryDirectory() as tmp:
            db = sqlite3.connect(tmp + "/db")
            db.execute("pragma journal_mode=wal")
            db.execute("create table t (n)")
            db.execute("insert into t values (42)")
            db.commit()
            self.assertEqual(db.execute("select n from t").fetchone(), (42,))
            db.close()
