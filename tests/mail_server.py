"""A real mail server of a test's own, which refuses, hangs or hangs up as the test says."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

OK = "250 OK"


class MailServer:
    """What came, by address, and what is answered to an address: a reply, or something that takes long."""

    def __init__(self):
        self.messages: list[tuple[str, EmailMessage]] = []
        self.tries: Counter[str] = Counter()
        self.answers: dict[str, str | Callable] = {}
        self.port = 0

    @property
    def received(self) -> Counter[str]:
        return Counter(address for address, _message in self.messages)

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        self.tries[address] += 1
        answer = self.answers.get(address, OK)
        if callable(answer):
            answer = await answer(server)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages += [(address, message) for address in envelope.rcpt_tos]
        return OK


async def hang(server) -> str:
    await asyncio.sleep(3600)
    return OK


async def hang_up(server) -> str:
    server.transport.abort()
    await asyncio.sleep(3600)
    return OK


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Runs one on this machine until the block ends."""
    one = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        one.port = probe.getsockname()[1]
    controller = Controller(one, hostname="127.0.0.1", port=one.port)
    controller.factory = lambda: SMTP(one, hostname="127.0.0.1", enable_SMTPUTF8=True)
    controller.start()
    try:
        yield one
    finally:
        controller.stop()
