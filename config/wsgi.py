"""The WSGI application that the server of the web serves; beside it, it watches whether a worker lives."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from access import watching  # noqa: E402  (models can be imported from here on)

watching.begin()
