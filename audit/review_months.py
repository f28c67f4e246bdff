"""Which months lack their review: found by the facts, however long no sweep ran."""

from datetime import date, timedelta

from django.db import connection

from audit.months import span

#: How many months ago a month may be and its review still be opened.
MONTHS = 24
#: Of each contract with a disclosure in a month, and (null) of the operators. LIMIT 1: for each a look into
#: an index of that month alone, whatever the planner would think of reading all of them at once.
_WITHOUT_REVIEW = """
WITH months AS (
  SELECT * FROM unnest(%s::date[], %s::timestamptz[], %s::timestamptz[]) AS m (first, starts, ends)
)
SELECT first, c.id, c.title FROM months CROSS JOIN access_delegationcontract c CROSS JOIN LATERAL (
  SELECT FROM audit_logentry h WHERE h.contract_id = c.id AND h.kind = 'disclosure'
    AND h."timestamp" >= starts AND h."timestamp" < ends LIMIT 1
) disclosed
WHERE NOT EXISTS (SELECT FROM audit_review r WHERE r.period = first AND r.contract_id = c.id)
UNION ALL
SELECT first, NULL, '' FROM months CROSS JOIN LATERAL (
  SELECT FROM audit_logentry h WHERE h.actor_role = 'operator' AND h.kind = 'disclosure'
    AND h."timestamp" >= starts AND h."timestamp" < ends LIMIT 1
) disclosed
WHERE NOT EXISTS (SELECT FROM audit_review r WHERE r.period = first AND r.contract_id IS NULL)
ORDER BY 1 DESC, 2
"""


def without_review(today: date) -> list[tuple[date, int | None, str]]:
    """Months that were over on the day, MONTHS of them at most, the latest first.

    Each as its first day, with the id and title of the contract whose review is missing, or None and ""
    for the operators'.
    """
    first = today.replace(day=1)
    months = [first := (first - timedelta(days=1)).replace(day=1) for _each in range(MONTHS)]
    starts, ends = zip(*(span(one) for one in months), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_REVIEW, [months, list(starts), list(ends)])
        return cursor.fetchall()
