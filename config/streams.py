"""Few files at a time: each takes a thread of the server for as long as its reader takes."""

import threading
from collections.abc import Callable, Iterable, Iterator
from weakref import WeakSet

from django.http import HttpRequest, HttpResponseBase

from access.pages import PAGES
from config import errors

#: Files that one process sends at a time, and to one person: fewer than it has threads.
MOST, MOST_EACH = 4, 2


class _Stream:
    """A file on its way to a person. The server closes it, however it ends; what nobody holds any more is none."""

    def __init__(self, person_id: int, ended: Callable[["_Stream"], None]):
        self.person_id = person_id
        self._ended = ended

    def of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        self._pieces = iter(pieces)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self._ended(self)


class FewStreams:
    """Refuses a file, before anything of it is begun, where as many are being sent as may be."""

    def __init__(self, get_response):
        self.get_response = get_response
        self._lock = threading.Lock()
        self._running: WeakSet[_Stream] = WeakSet()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.stream = None
        streams = False
        try:
            response = self.get_response(request)
            if request.stream and response.streaming:
                response.streaming_content = request.stream.of(response.streaming_content)
                streams = True
        finally:
            if request.stream and not streams:  # a page instead of a file
                request.stream.close()
        return response

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponseBase | None:
        page = PAGES.get(request.resolver_match.view_name)
        if page is None or not page.streams:
            return None
        with self._lock:
            running = list(self._running)
            of_this_person = sum(one.person_id == request.user.pk for one in running)
            if len(running) >= MOST or of_this_person >= MOST_EACH:
                return errors.too_many_files(request)
            request.stream = _Stream(request.user.pk, self._end)
            self._running.add(request.stream)
        return None

    def _end(self, stream: _Stream) -> None:
        with self._lock:
            self._running.discard(stream)
