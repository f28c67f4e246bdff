"""The web server, by real sockets: a request that is none is answered, and leaves no connection behind."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from waitress.server import BaseWSGIServer

from config import web
from tests.journeys.conftest import wait_for

GOOD = b"GET /healthz HTTP/1.1\r\nHost: portal\r\n\r\n"
#: What begins with no line of a request, and the status that says so.
NONE_AT_ALL = {
    "no version": (b"\x16\x03\x01\r\n\r\n", b"400"),
    "a small letter": (b"get / HTTP/1.1\r\n\r\n", b"400"),
    "a header of nothing": (b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"400"),
    "half a line": (b"GET / HTTP/1.1\rX\r\n\r\n", b"400"),
    "a length that is none": (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
    "no length": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"),
}


@pytest.fixture
def server() -> Iterator[BaseWSGIServer]:
    """The portal's server around an application that says hello."""

    def application(_environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    serving = web.server(application, "127.0.0.1:0", threads=1, patience=60, connections=100)
    thread = threading.Thread(target=serving.run)
    thread.start()
    yield serving
    serving.close()
    thread.join(10)


def answers(server: BaseWSGIServer, sent: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.effective_port), timeout=10)) as to:
        to.sendall(sent)
        return b"".join(iter(lambda: to.recv(65536), b""))


@pytest.mark.parametrize("before", [b"", GOOD, GOOD * 3], ids=["alone", "after one", "after three"])
@pytest.mark.parametrize("what", NONE_AT_ALL)
def test_what_is_no_request_is_told_so_and_its_connection_is_given_back(server, what, before):
    sent, status = NONE_AT_ALL[what]
    came = answers(server, before + sent)
    assert came.count(b"hello") == before.count(GOOD)
    assert b"HTTP/1.0 " + status in came or b"HTTP/1.1 " + status in came
    wait_for(lambda: not server.active_channels, "the connection to be given back")
