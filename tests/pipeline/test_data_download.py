"""Downloads against a real server on loopback that misbehaves as asked."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.data.download import fetch
from pipeline.errors import DataError

CONTENT = b"a file of the right content " * 1000
CHECKSUM = f"md5:{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, then with the right content; counts the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = []
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        answer = self.server.answers.pop(0) if self.server.answers else "right"
        if answer == "error":
            self.send_error(500)
            return
        body = {"right": CONTENT, "interrupted": CONTENT[:5000], "wrong": b"something else"}[answer]
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) if answer == "interrupted" else len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_downloads_once(server, tmp_path, capsys):
    path = fetch(server.url, folder="set", checksum=CHECKSUM)
    assert path == tmp_path / "cache" / "set" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert "100%" in capsys.readouterr().err
    assert fetch(server.url, folder="set", checksum=CHECKSUM) == path
    assert server.requests == 1


@pytest.mark.parametrize("trouble", ["error", "interrupted", "wrong"])
def test_tries_again(server, trouble):
    server.answers = [trouble, trouble]
    assert fetch(server.url, folder="set", checksum=CHECKSUM).read_bytes() == CONTENT
    assert server.requests == 3


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        ("error", r"cannot download http://.*/file.bin \(HTTPError\)"),
        ("interrupted", r"cannot download http://.*/file.bin \(ChunkedEncodingError\)"),
        ("wrong", "file.bin has not the checksum md5:"),
    ],
)
def test_gives_up_and_says_which_file_to_put_where(server, tmp_path, trouble, problem):
    server.answers = [trouble] * 10
    where = tmp_path / "cache" / "set"
    with pytest.raises(DataError, match=problem) as caught:
        fetch(server.url, folder="set", checksum=CHECKSUM)
    assert str(caught.value).endswith(f"; get the file in another way and put it at {where / 'file.bin'}")
    assert list(where.iterdir()) == []


def test_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    path = tmp_path / "cache" / "set" / "file.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:100])
    assert fetch(server.url, folder="set", checksum=CHECKSUM).read_bytes() == CONTENT


def test_file_put_there_by_hand_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.bin").write_bytes(CONTENT)
    assert fetch("http://127.0.0.1:9/file.bin", folder="set", checksum=CHECKSUM).read_bytes() == CONTENT


def test_no_network(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"cannot download .* \(ConnectionError\); get the file in another way"):
        fetch(server.url, folder="set", checksum=CHECKSUM)


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written .*; set GANVAS_CACHE to another folder"):
        fetch("http://127.0.0.1:9/file.bin", folder="set", checksum=CHECKSUM)
