"""The WSGI application for other servers than `config.web`; beside it, it watches whether a worker lives."""

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402 (they are there only now)

from access import watching  # noqa: E402

if not settings.BUFFERED_BY_PROXY:
    logging.getLogger("config.web").error(
        "This is not `python -m config.web`. A server that gives a thread to a request before all of it has "
        "arrived lets slow clients delay the end of an emergency. Use config.web, or put a proxy before this "
        "server that receives whole requests (nginx does), and set BUFFERED_BY_PROXY=1."
    )

watching.begin()
