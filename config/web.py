"""The portal's web server: `python -m config.web --listen 127.0.0.1:8000`. It is waitress, with bounds.

No client holds a thread by being slow. A request gets one when all of it has arrived; an answer lies in
memory, never on a disk, until its reader has taken it. A file that is longer than that is sent piece by
piece, and broken off where its reader takes nothing for a while (`--patience`); `config.streams` bounds how
many are sent at a time. What stops access (an ending, a revocation, a suspension) has threads of its own.
docs/adr/0016-the-server-waits-for-slow-clients.md says what was tried.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser, TransferEncodingNotImplemented
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

#: What stops somebody's access.
STOPS = re.compile(r"/(emergencies/\d+/(end|revoke|areas)|people/\d+/revoke|contracts/\d+/suspend)/")
#: Threads for those alone.
THREADS_THAT_STOP = 2
#: Bytes of a body. A larger file than the portal takes still reaches the form, which says so.
MOST_BODY = 64 * 1024 * 1024
#: Bytes from which a body counts as large, and how many of those are taken at a time: they lie in memory.
LARGE_BODY, MOST_LARGE_BODIES = 3 * 1024 * 1024, 4
#: Bytes of an answer that wait for their reader before a stream pauses.
MOST_UNREAD = 1024 * 1024
NEVER = 2**40


class TooBusy(Error):
    """No more large bodies for now."""

    code = 503
    reason = "Service Unavailable"


class Request(HTTPRequestParser):
    """A request that arrives. Of large ones few are taken at a time, and none of which the length is not said."""

    _large: WeakSet[Request] = WeakSet()
    #: Of a request that says none: it is answered with what is wrong, as any other.
    path = ""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked:
            raise TransferEncodingNotImplemented("A Content-Length is needed.")
        if LARGE_BODY < self.content_length < MOST_BODY:
            if len(self._large) >= MOST_LARGE_BODIES:
                self.error, self.body_rcv = TooBusy("Other files are being received. Try again."), None
            else:
                self._large.add(self)


class Channel(HTTPChannel):
    """A connection, whose reader takes some of a stream within `patience` seconds, or loses it."""

    parser_class = Request
    patience = 60.0

    def _flush_outbufs_below_high_watermark(self) -> None:
        beyond = time.monotonic() + self.patience
        with self.outbuf_lock:
            while self.connected and self.total_outbufs_len > self.adj.outbuf_high_watermark:
                left = beyond - time.monotonic()
                if left <= 0:
                    self.will_close = True
                self.server.pull_trigger()
                if left <= 0:
                    raise ClientDisconnected
                self.outbuf_lock.wait(left)


class Dispatcher(ThreadedTaskDispatcher):
    """Threads for all requests, and some more for what stops access: that waits behind nothing else."""

    def __init__(self, threads: int):
        super().__init__()
        self.that_stop = ThreadedTaskDispatcher()
        self.that_stop.set_thread_count(THREADS_THAT_STOP)
        self.set_thread_count(threads)

    def add_task(self, task: Any) -> None:
        if STOPS.fullmatch(task.requests[0].path):
            self.that_stop.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        self.that_stop.shutdown(cancel_pending, timeout)
        return super().shutdown(cancel_pending, timeout)


def portal() -> Callable:
    """The portal as a WSGI application, watched."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.wsgi import get_wsgi_application  # not before the settings are known

    application = get_wsgi_application()
    from access import watching

    watching.begin()
    return application


def server(
    application: Callable, listen: str, threads: int, patience: float, connections: int
) -> BaseWSGIServer:
    """A server of the WSGI application on host:port or unix:/path, ready to run."""
    BaseWSGIServer.channel_class = Channel
    Channel.patience = patience
    where = (
        {"unix_socket": listen[5:], "unix_socket_perms": "660"}
        if listen.startswith("unix:")
        else {"listen": listen}
    )
    return create_server(
        application,
        _dispatcher=Dispatcher(threads),
        **where,
        connection_limit=connections,
        backlog=2048,
        asyncore_use_poll=True,  # select() ends at 1024 connections
        channel_timeout=30,
        cleanup_interval=5,
        max_request_header_size=64 * 1024,
        max_request_body_size=MOST_BODY,
        inbuf_overflow=NEVER,  # customers' data lie on no disk
        outbuf_overflow=NEVER,
        outbuf_high_watermark=MOST_UNREAD,
        clear_untrusted_proxy_headers=False,  # config.proxies, whatever the server
        ident=None,
    )


def open_files_for(connections: int) -> int:
    """Allows as many open files as connections need, as far as the machine lets; returns how many those are."""
    wanted, (soft, hard) = connections + 256, resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return min(connections, allowed - 256)
    return connections


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C; what is being answered then has five seconds."""
    parser = argparse.ArgumentParser(prog="python -m config.web", description="The portal's web server.")
    parser.add_argument("--listen", default="127.0.0.1:8000", help="host:port, or unix:/path (%(default)s)")
    parser.add_argument("--threads", type=int, default=12, help="requests answered at a time (%(default)s)")
    parser.add_argument("--connections", type=int, default=4000, help="clients at a time (%(default)s)")
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds for the reader of a file (%(default)s)"
    )
    asked = parser.parse_args(arguments)
    sys.setswitchinterval(
        0.001
    )  # a thread that writes a file does not keep the others waiting at each of their steps
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    connections = open_files_for(asked.connections)
    serving = server(portal(), asked.listen, asked.threads, asked.patience, connections)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # one line a request that waits is too many
    logging.getLogger("config.web").info("Listening on %s with %d threads", asked.listen, asked.threads)
    with contextlib.suppress(KeyboardInterrupt):
        serving.run()


if __name__ == "__main__":
    main()
