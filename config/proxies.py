"""Whose request it is behind a proxy: what TRUSTED_PROXIES say is believed, and nobody else."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from forwarded import client_from_x_forwarded

#: What a proxy says of its client.
SAID = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")


class TrustedProxies:
    """Puts the client's own address in the place of the proxy's. Nothing after it sees an unbelieved header."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest):
        if not self._believe(request.META):
            for name in SAID:
                request.META.pop(name, None)
        return self.get_response(request)

    def _believe(self, meta: dict) -> bool:
        """Whether a trusted proxy sent it. Its client is the last address that is no trusted proxy's."""
        if not _is_address(meta.get("REMOTE_ADDR", "")):  # a unix socket: somebody on this machine
            meta["REMOTE_ADDR"] = "127.0.0.1"
        said = meta.get("HTTP_X_FORWARDED_FOR") or "unknown"
        client = client_from_x_forwarded(said, meta["REMOTE_ADDR"], trusted=settings.TRUSTED_PROXIES)
        if client is None or not client.proxies:
            return False
        if client.node.ip:
            meta["REMOTE_ADDR"] = str(client.node.ip)
        return True


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
