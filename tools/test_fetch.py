"""fetch.py against a package index on the loopback interface that fails in every way that matters."""

import contextlib
import hashlib
import http.server
import importlib.util
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import zipfile

import fetch

FILE = "thing-1.0-py3-none-any.whl"


def wheel_bytes():
    """A wheel large enough to be cut in two."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("thing/lib/libthing.so", bytes(range(256)) * 40_000)
        archive.writestr("thing/include/", "")
        archive.writestr("thing/include/a/thing.h", "#pragma once\n")
        archive.writestr("thing/unwanted.py", "raise SystemExit\n")
        archive.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    return buffer.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """The simple index and one file; the server's attributes say how it misbehaves."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        if self.path == "/simple/thing/":
            return self.list()
        body, start = server.body, 0
        if (wanted := self.headers.get("Range")) and server.resumes:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(body):
                return self.send_error(416)
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(body)
        self.wfile.write(body[start:end])

    def list(self):
        address = f"../../files/{FILE}"
        if self.server.speaks_json:
            kind, text = "application/vnd.pypi.simple.v1+json", json.dumps(
                {"files": [{"filename": FILE, "url": address}]})
        else:
            kind, text = "text/html", f'<a href="{address}#sha256=00">{FILE}</a>'
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
        self.server.requests, self.server.cuts = [], []
        self.server.body, self.server.resumes, self.server.speaks_json = wheel_bytes(), True, True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.index = f"http://127.0.0.1:{self.server.server_port}/simple/"
        self.wheel = fetch.Wheel("thing", "1.0", FILE, len(self.server.body),
                                 hashlib.sha256(self.server.body).hexdigest(),
                                 {"thing/lib/libthing.so": "lib/libthing.so", "thing/include/": "include/"})
        self.part = self.root / "cache" / f"{FILE}.part"
        self.patch("PAUSE", 0)
        quiet = contextlib.redirect_stderr(io.StringIO())
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def patch(self, name, *value, **more):
        patcher = unittest.mock.patch.object(fetch, name, *value, **more)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def fetch(self):
        fetch.fetch(self.index, "thing", [self.wheel], self.root)

    def ranges(self):
        return [wanted for path, wanted in self.server.requests if path.startswith("/files/")]

    def assert_whole(self):
        self.assertEqual((self.root / "thing/lib/libthing.so").read_bytes(), bytes(range(256)) * 40_000)
        self.assertEqual((self.root / "thing/include/a/thing.h").read_text(), "#pragma once\n")
        self.assertEqual({path.name for path in (self.root / "thing").iterdir()}, {"lib", "include", fetch.STAMP})
        self.assertEqual(list((self.root / "cache").iterdir()), [])

    def test_fetches_once(self):
        self.fetch()
        self.assert_whole()
        asked = len(self.server.requests)
        self.fetch()
        self.assertEqual(len(self.server.requests), asked)

    def test_reads_an_html_index(self):
        self.server.speaks_json = False
        self.fetch()
        self.assert_whole()

    def test_resumes_what_an_earlier_run_left(self):
        self.part.parent.mkdir()
        self.part.write_bytes(self.server.body[:1000])
        self.fetch()
        self.assertEqual(self.ranges(), ["bytes=1000-"])
        self.assert_whole()

    def test_resumes_after_each_broken_connection(self):
        self.server.cuts = [3_000_000, 4_000_000]
        self.fetch()
        self.assertEqual(self.ranges(), [None, "bytes=3000000-", "bytes=7000000-"])
        self.assert_whole()

    def test_starts_anew_where_the_server_cannot_resume(self):
        self.server.resumes = False
        self.part.parent.mkdir()
        self.part.write_bytes(b"of something else")
        self.fetch()
        self.assert_whole()

    def test_takes_a_complete_part(self):
        self.part.parent.mkdir()
        self.part.write_bytes(self.server.body)
        self.fetch()
        self.assertEqual(self.ranges(), [])
        self.assert_whole()

    def test_refuses_a_wrong_digest_and_keeps_the_old_folder(self):
        (self.root / "thing").mkdir()
        (self.root / "thing/old").touch()
        body = bytearray(self.server.body)
        body[5_000] ^= 1
        self.server.body = bytes(body)
        with self.assertRaisesRegex(fetch.Refused, "has SHA-256 [0-9a-f]{64}, not " + self.wheel.sha256):
            self.fetch()
        self.assertTrue((self.root / "thing/old").exists())
        self.assertEqual(list((self.root / "cache").iterdir()), [])

    def test_replaces_a_folder_of_another_version(self):
        (self.root / "thing").mkdir()
        (self.root / "thing" / fetch.STAMP).write_text("thing 0.9 00\n")
        self.fetch()
        self.assert_whole()

    def test_has_pip_download(self):
        if importlib.util.find_spec("pip") is None:
            self.skipTest("this Python has no pip")
        settings = {"PIP_INDEX_URL": self.index, "PIP_CONFIG_FILE": os.devnull, "PIP_QUIET": "1"}
        pip = self.patch("pip_that_resumes", return_value=[sys.executable, "-m", "pip"])
        with unittest.mock.patch.dict(os.environ, settings), tempfile.TemporaryFile("w+") as told:
            with contextlib.redirect_stderr(told):
                fetch.fetch(None, "thing", [self.wheel], self.root)
        pip.assert_called_once()
        self.assert_whole()

    def test_checks_what_pip_brings(self):
        self.patch("pip_that_resumes", return_value=["pip"])
        self.patch("download_by_pip", side_effect=lambda _, wheel, cache: (cache / wheel.file).write_bytes(b"PK"))
        with self.assertRaises(fetch.Refused):
            fetch.fetch(None, "thing", [self.wheel], self.root)

    def test_an_old_pip_brings_a_new_one(self):
        self.patch("PIP", self.wheel)
        self.patch("download_by_pip",
                   side_effect=lambda _, wheel, cache: (cache / wheel.file).write_bytes(self.server.body))
        for told, brought in (("pip 26.0 from x", False), ("pip 25.1.1 from x", False), ("pip 23.2.1 from x", True)):
            with unittest.mock.patch("subprocess.run", return_value=unittest.mock.Mock(stdout=told)):
                pip = fetch.pip_that_resumes(self.root)
            self.assertEqual(pip[1:], [str(self.root / FILE / "pip")] if brought else ["-m", "pip"], told)

    def test_without_pip_names_the_way_out(self):
        with unittest.mock.patch("subprocess.run", side_effect=subprocess.CalledProcessError(1, "pip")):
            with self.assertRaisesRegex(fetch.Unreachable, "INDEX=URL"):
                fetch.pip_that_resumes(self.root)

    def test_without_a_network_names_the_way_out(self):
        self.patch("wheels_for", return_value=[self.wheel])
        for name, way_out in (("onnxruntime", "ORT_DYLIB_PATH="), ("libtorch", "LIBTORCH=")):
            with self.assertRaises(SystemExit) as stop:
                fetch.main(["--into", str(self.root), "--index", "http://127.0.0.1:1/simple", name])
            self.assertIn(way_out, stop.exception.code)

    def test_unknown_machine_names_the_way_out(self):
        with unittest.mock.patch("platform.machine", return_value="riscv64"):
            with self.assertRaises(SystemExit) as stop:
                fetch.main(["--into", str(self.root), "libtorch"])
        self.assertIn("riscv64", stop.exception.code)
        self.assertIn("LIBTORCH=", stop.exception.code)


if __name__ == "__main__":
    unittest.main()
