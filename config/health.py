"""Whether the process is up, and whether all that it works on answers."""

from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from redis import Redis
from redis.exceptions import RedisError

from access import watching
from access.models import Heartbeat
from audit import months, sealing


@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "up"})


@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database, Redis and a worker answer, the history has its next month and is sealed; else 503 with what is missing.

    Asking changes nothing: that a worker has fallen silent is noticed by `access.watching`.
    """
    state = {"database": _database_answers(), "redis": _redis_answers()}
    state["worker"] = state["database"] and _worker_was_heard_from()
    if state["database"]:
        state["history"] = _next_month_of_the_history_is_there()
        state["seals"] = _seals_are_made()
    missing = [name for name, answers in state.items() if not answers]
    return JsonResponse({**state, "missing": missing}, status=503 if missing else 200)


def _next_month_of_the_history_is_there() -> bool:
    try:
        return not months.missing(timedelta(days=31))
    except DatabaseError:
        return False


def _seals_are_made() -> bool:
    try:
        return not sealing.is_behind()
    except DatabaseError:
        return False


def _redis_answers() -> bool:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=5) as redis:
            redis.ping()  # no value is read: what lies in Redis is not ours to trust
    except (RedisError, OSError):
        return False
    return True


def _worker_was_heard_from() -> bool:
    try:
        return Heartbeat.objects.exists() and watching.worker_silent_since() is None
    except DatabaseError:
        return False


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() == (1,)
    except DatabaseError:
        return False
