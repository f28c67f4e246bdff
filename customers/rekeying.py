"""Gives customers the keys that today's functions make of their items, while the portal goes on.

In batches, each a short transaction of its own: readers wait for nothing, an import for one batch at most. It may be
broken off and begun again, and touches only whose keys are others. Until a customer's turn has come, the words of an
address or a name may not find it (never another in its place); whole numbers do.
"""

from collections.abc import Callable

from django.db import connection, transaction

from customers.stored import Keys, keys

#: An import waits for one batch: half a second on a slow machine.
BATCH = 1_000
COLUMNS = Keys._fields

#: The table first, as an import takes it: else each could hold what the other waits for.
WAIT_FOR_IMPORTS = "LOCK TABLE customers_customer IN ROW EXCLUSIVE MODE"
READ = f"""
SELECT c.id, c.name, c.name_kana, c.address, c.phone, a.name, {", ".join(f"c.{column}" for column in COLUMNS)}
FROM customers_customer c JOIN customers_servicearea a ON a.id = c.area_id
WHERE c.id > %s ORDER BY c.id LIMIT {BATCH} FOR NO KEY UPDATE OF c
"""
WRITE = f"""
UPDATE customers_customer c SET {", ".join(f"{column} = v.{column}" for column in COLUMNS)}
FROM unnest(%s::bigint[], {", ".join("%s::text[]" for _column in COLUMNS)}) AS v (id, {", ".join(COLUMNS)})
WHERE c.id = v.id
"""
LONGEST = """
SELECT attname, atttypmod - 4 FROM pg_attribute
WHERE attrelid = 'customers_customer'::regclass AND attname = ANY(%s)
"""


def rekey(progress: Callable[[int], object] = lambda done: None) -> int:
    """Makes the stored keys of all customers anew, and says of how many they were others.

    progress: called after each batch with how many customers are done. Not to be called within a transaction.
    """
    changed = done = last = 0
    while True:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            cursor.execute(WAIT_FOR_IMPORTS)
            cursor.execute(READ, [last])
            if not (rows := cursor.fetchall()):
                return changed
            others = _others(rows, _longest(cursor))
            if others:
                cursor.execute(WRITE, [list(column) for column in zip(*others, strict=True)])
        last, done, changed = rows[-1][0], done + len(rows), changed + len(others)
        progress(done)


def _others(rows: list[tuple], longest: dict[str, int]) -> list[tuple]:
    """Ids and keys of the rows whose stored keys are not what they would be made today."""
    found = []
    for pk, name, kana, address, phone, municipality, *stored in rows:
        made = keys(name=name, name_kana=kana, address=address, phone=phone, municipality=municipality)
        fitting = [key[: longest[column]] for column, key in zip(COLUMNS, made, strict=True)]
        if fitting != stored:
            found.append((pk, *fitting))
    return found


def _longest(cursor) -> dict[str, int]:
    """How much each column holds: a customer is not lost for a key of more."""
    cursor.execute(LONGEST, [list(COLUMNS)])
    return dict(cursor.fetchall())
