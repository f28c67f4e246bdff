"""Signs what a request writes into the history with who asked, from where, under one correlation id."""

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
            return self.get_response(request)
