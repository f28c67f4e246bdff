"""What the history asks of a worker. Each task may run twice, late or never."""

from celery import shared_task

from audit import errands, publishing, sealing


@shared_task
def seal() -> None:
    """Seals what waits, and sends the heads outside. Beat repeats it."""
    sealing.seal_what_waits()
    publishing.send_heads()


@shared_task
def do_errands() -> None:
    """Does the errands that wait. Asked for by whoever asks for one, and by beat, for a message may be lost."""
    errands.do_what_waits()
