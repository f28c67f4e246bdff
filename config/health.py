"""Whether the process is up, and whether all that it works on answers."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import constant_time_compare
from redis import Redis
from redis.exceptions import RedisError

from access import watching
from access.models import Heartbeat
from access.people import Role
from audit import months, sealing


@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "up"})


@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database, Redis and a worker answer, the history has its next month and is sealed; else 503.

    Asking changes nothing and tells nobody. What is missing learns who may: the holder of HEALTH_TOKEN, or an
    administrator who is signed in. That a worker has fallen silent is noticed and told by `access.watching`.
    """
    state = {"database": _database_answers(), "redis": _redis_answers()}
    state["worker"] = state["database"] and _worker_was_heard_from()
    if state["database"]:
        state["history"] = _next_month_of_the_history_is_there()
        state["seals"] = _seals_are_made()
    missing = [name for name, answers in state.items() if not answers]
    answer: dict[str, Any] = {"status": "not ready" if missing else "ready"}
    if _may_know_more(request, database=state["database"]):
        answer |= {**state, "missing": missing}
    return JsonResponse(answer, status=503 if missing else 200)


def _may_know_more(request: HttpRequest, *, database: bool) -> bool:
    token, given = settings.HEALTH_TOKEN, request.headers.get("Authorization", "")
    if token and constant_time_compare(given, f"Bearer {token}"):
        return True
    if not database:
        return False
    try:
        return request.user.is_authenticated and request.user.role == Role.ADMINISTRATOR
    except (DatabaseError, OSError):  # it fell silent just now, or Redis did
        return False


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
