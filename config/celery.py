"""The Celery application: what time or an ending asks for, and the beat that repeats it.

Nothing becomes visible by a task: every rule asks the facts in the database. Beat repeats, every
few seconds, what a lost message would have done, so a message only makes it quicker.
"""

import os

from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.signals import beat_init
from django.db import transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class PortalTask(DjangoTask):
    """A task whose sending may fail without failing the act: beat's sweep finds the work all the same."""

    abstract = True

    def delay_on_commit(self, *args, **kwargs):
        def send():  # a function: of one that fails Django says the name, which a partial has not
            self.apply_async(args, kwargs, retry=False, expires=30)

        transaction.on_commit(send, robust=True)


app = Celery("portal", task_cls=PortalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
def _watch(**_kwargs) -> None:
    """Beat sends work to workers that may have died: it watches whether one lives, as the web does."""
    from access import watching

    watching.begin()
