"""How a lookup's terms find rows: step by step, piece by piece, and in the time that a caller waits.

Part of the reading path: only `customers.reading` may ask, which has a basis first and writes the history after.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from psycopg.errors import QueryCanceled

from access.policy import Basis
from customers import shown
from customers.terms import Plan, Step

#: Seconds that one statement of a lookup may take: a caller is waiting.
SECONDS = 3
#: Steps whose results count only where the others have none.
ONLY_IF_NOTHING_ELSE = (Step.HOUSE, Step.PART)


class TooSlow(Exception):
    """The database found no answer in time: the person has to say more."""


def search(
    basis: Basis, plan: Plan, asks_of: frozenset[str], count: int, after: int | None, deadline: float = inf
) -> list[dict]:
    """At most `count` rows, step by step: a later step only adds to the ones before it.

    plan: the searches, as `Terms.plan` made them. asks_of: the fields of a customer that they ask of. What
    is found in the middle of a name, or by an address that is kept in part, counts only where nothing else is
    found. Raises TooSlow past the deadline, a moment of `time.monotonic`.
    """
    rows: list[dict] = []
    passed, found_before, wanted = Q(), False, shown.listed(basis)
    for step, order, conditions in plan:
        if step in ONLY_IF_NOTHING_ELSE and (rows or found_before):
            continue
        for condition in conditions:
            if len(rows) >= count:
                return rows
            if monotonic() > deadline:
                raise TooSlow
            rest = condition & ~passed if passed else condition
            passed = passed | condition if passed else condition
            if after is not None:
                behind = _behind(basis, asks_of, condition, order, after)
                if behind is None:  # the piece before ended in a later step, or another way
                    continue
                rest, after, found_before = rest & behind, None, True
            matches = shown.rows(basis, wanted, rest, needs=asks_of)
            rows += matches.order_by(*order)[: count - len(rows)]
    return rows


def _behind(
    basis: Basis, asks_of: frozenset[str], condition: Q, order: tuple[str, ...], after: int
) -> Q | None:
    """Rows that stand behind the customer `after` in the order; None if the condition is not the customer's."""
    its_own = shown.rows(basis, frozenset(), condition & Q(pk=after), needs=asks_of)
    last = its_own.values_list(*order).first()
    return _after(order, last) if last else None


def _after(order: tuple[str, ...], place: tuple) -> Q:
    """Rows that stand behind the place in the order."""
    behind, same = Q(pk__in=[]), Q()
    for column, value in zip(order, place, strict=True):
        behind |= same & Q((f"{column}__gt", value))
        same &= Q((column, value))
    # The first column once more, on its own: by that the index begins there
    return behind & Q((f"{order[0]}__gte", place[0]))


@contextmanager
def in_time() -> Iterator[float]:
    """Bounds each statement within to what a caller waits, and gives the deadline of all; raises TooSlow."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        try:
            with transaction.atomic():
                yield monotonic() + SECONDS
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise TooSlow from None
            raise
        finally:
            if not connection.needs_rollback:
                cursor.execute("RESET statement_timeout")
