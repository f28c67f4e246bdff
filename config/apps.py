from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "config"
    label = "portal"

    def ready(self):
        from config import checks  # noqa: F401  (importing it registers them)
