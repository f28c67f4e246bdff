"""The URLs of the portal; the table of who may open them is `access.pages`."""

from django.urls import path

from config import health
from config.language import switch_language
from config.site import portal

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("language/", switch_language, name="set_language"),
    path("", portal.urls),
]

handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
