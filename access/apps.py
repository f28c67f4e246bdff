from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = _("Access")

    def ready(self):
        from access import signals

        signals.connect()
        post_migrate.connect(signals.roles_follow_their_table, sender=self)
