"""Whether the process is up, and whether all that it works on answers."""

from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

from access.tasks import HEARD_FROM


@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "up"})


@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database, Redis and a worker answer; else 503 with what is missing."""
    state = {"database": _database_answers(), "redis": False, "worker": False}
    try:
        state["worker"] = bool(cache.get(HEARD_FROM))
        state["redis"] = True
    except (RedisError, OSError):
        pass
    missing = [name for name, answers in state.items() if not answers]
    return JsonResponse({**state, "missing": missing}, status=503 if missing else 200)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() == (1,)
    except DatabaseError:
        return False
