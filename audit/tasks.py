"""What a worker does for the history."""

from celery import shared_task

from audit import errands


@shared_task
def do_errands() -> None:
    """Does the errands that wait. Asked for by whoever asks for one, and by beat, for a message may be lost."""
    errands.do_what_waits()
