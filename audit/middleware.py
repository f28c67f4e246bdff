"""Signs what a request writes into the history with who asked, from where, under one correlation id."""

from collections.abc import Iterable, Iterator

from audit.acting import Acting, as_acting


class WhoIsActing:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        # An address of a unix socket is empty: the column takes addresses or nothing.
        acting = Acting(
            who=lambda: request.user if request.user.is_authenticated else None,
            address=request.META.get("REMOTE_ADDR") or None,
        )
        with as_acting(acting):
            response = self.get_response(request)
        if response.streaming:
            response.streaming_content = _signed(acting, response.streaming_content)
        return response


def _signed(acting: Acting, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a stream, which is read after the request: what each writes is signed all the same.

    Not one block around all: between two pieces, who acts would stay behind in the thread.
    """
    pieces = iter(pieces)
    while True:
        with as_acting(acting):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece
