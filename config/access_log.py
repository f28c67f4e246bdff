"""One line in the log for each request: its path without what is asked by, which is nobody's business."""

import logging
import time

log = logging.getLogger("config.access")


class AccessLog:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        began = time.monotonic()
        response = self.get_response(request)
        log.info(
            '%s "%s %s" %d %.3f',
            request.META.get("REMOTE_ADDR", "-"),
            request.method,
            ascii(request.path)[1:-1],  # no line break of a path's makes another line
            response.status_code,
            time.monotonic() - began,
        )
        return response
