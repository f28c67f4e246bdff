"""Text that no form sends and no database keeps is refused at the door: a NUL in a query, a form, a file's name.

In an address it finds nothing, as any other key that is none.
"""

from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse

from config import errors


class RefuseMalformed:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _holds_nul(_texts(request.GET)) or _holds_nul(request.COOKIES.values()):
            return errors.bad_request(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        names = (file.name or "" for _field, files in request.FILES.lists() for file in files)
        if _holds_nul(_texts(request.POST)) or _holds_nul(names):
            return errors.bad_request(request)
        return None


def _texts(sent) -> Iterator[str]:
    for name, values in sent.lists():
        yield name
        yield from values


def _holds_nul(texts: Iterable[str]) -> bool:
    return any("\0" in text for text in texts)
