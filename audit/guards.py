"""What lies between the stored rows and what a page reads of them, and whether it is what the migrations make.

Whoever owns the database could leave every row as it was sealed, and let the pages read something else: by a
view, a rule, a cast, an operator, a constraint that is not true, an index that misses rows. `schema.sql` asks
PostgreSQL for all of that, a line for each thing; `schema.txt` is what comes of the migrations alone.
`make schema` writes it anew after a migration.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction

from audit.faults import Outcome

QUESTION = Path(__file__).with_name("schema.sql")
EXPECTED = Path(__file__).with_name("schema.txt")
#: Every month of the history is made alike; there is one description of it.
MONTH, OF_A_MONTH = "audit_logentry_MONTH", re.compile(r"audit_logentry_\d{4}_\d{2}")
#: So many differences are named of one table, and of all.
FEW, MANY = 5, 50

#: Table ("" for the database as a whole) to what it has: each thing's name, and how it is.
Schema = dict[str, set[tuple[str, str]]]


def check_schema(outcome: Outcome) -> None:
    """Notes what is otherwise than the migrations make it, of the tables and of the database as a whole."""
    should, there = expected(), as_it_is()
    differences = []
    for table in sorted(there.keys() | should.keys() - {MONTH}):
        ours = should.get(OF_A_MONTH.sub(MONTH, table))
        if ours is None:
            differences.append(("table_changed", {"table": table, "why": "it is none of ours"}))
        elif table not in there:
            differences.append(("table_changed", {"table": table, "why": "it is not there"}))
        else:
            differences += _differences(table, ours, _comparable(there[table], ours))[:FEW]
    for kind, facts in differences[:MANY]:
        outcome.add(kind, **facts)


def as_it_is() -> Schema:
    """What the database has now, with every month under its own name."""
    with settings_for_now(search_path="pg_catalog, pg_temp"), connection.cursor() as cursor:
        cursor.execute(QUESTION.read_text(encoding="utf-8"))
        rows = cursor.fetchall()
    schema: Schema = {"": set()}
    for table, kind, name, how in rows:
        thing = (_of_any_month(table, f"{kind} {name}"), _of_any_month(table, how))
        schema.setdefault(table, set()).add(thing)
    return schema


def expected() -> Schema:
    """What the migrations make, as `schema.txt` says."""
    schema: Schema = {}
    things: set[tuple[str, str]] = set()
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            what, _tab, how = line.strip(" ").partition("\t")
            things.add((what, how))
        else:
            things = schema[line.strip(":")] = set()
    return schema


def as_text(schema: Schema) -> str:
    """A schema as `schema.txt` has it; what other versions of PostgreSQL have of their own is kept from there."""
    kept = {thing for thing in expected().get("", ()) if _version(thing)} if EXPECTED.exists() else set()
    mine = {_version(thing) for thing in schema[""]}
    things = {OF_A_MONTH.sub(MONTH, table): found for table, found in schema.items()}
    things[""] = things[""] | {thing for thing in kept if _version(thing) not in mine}
    return "".join(
        f"{table}:\n" + "".join(f"    {what}\t{how}".rstrip() + "\n" for what, how in sorted(found))
        for table, found in sorted(things.items())
    )


@contextmanager
def settings_for_now(**settings: str) -> Iterator[None]:
    """Settings of this session, for the block; afterwards they are as before, in whichever transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        names = list(settings)
        cursor.execute("SELECT " + ", ".join(["current_setting(%s)"] * len(names)), names)
        before = dict(zip(names, cursor.fetchone(), strict=True))
        _set(cursor, settings)
        yield
        _set(cursor, before)


def _set(cursor, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        cursor.execute("SELECT pg_catalog.set_config(%s, %s, true)", [name, value])


def _of_any_month(table: str, text: str) -> str:
    """A month's own name, as that of any month; and no line breaks."""
    text = " ".join(text.split())
    return text.replace(table, MONTH) if OF_A_MONTH.fullmatch(table) else text


def _version(thing: tuple[str, str]) -> str | None:
    """The version of PostgreSQL that alone has such a thing."""
    found = re.match(r"PostgreSQL \d+", thing[0])
    return found[0] if found else None


def _comparable(found: set[tuple[str, str]], ours: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without what is a version's own, unless it is known of that version."""
    known = {_version(thing) for thing in ours}
    return {thing for thing in found if _version(thing) in known}


def _differences(table: str, should: set, there: set) -> list[tuple[str, dict[str, str]]]:
    """Of one table each thing that differs, what the table itself is first."""
    should = {thing for thing in should if _version(thing) in {_version(one) for one in there}}
    found = []
    for what in sorted(
        {what for what, _how in should ^ there}, key=lambda what: (what[:8] != "relation", what)
    ):
        ours = "; ".join(sorted(how for name, how in should - there if name == what))
        theirs = "; ".join(sorted(how for name, how in there - should if name == what))
        if what not in {name for name, _how in there}:
            why = f"the {what} is missing"
        elif what not in {name for name, _how in should}:
            why = f"the {what} is none of ours: {theirs}"
        else:
            why = f"the {what} should be “{ours}”, and is “{theirs}”"
        if not table:
            found.append(("database_changed", {"why": why}))
        elif what.startswith("trigger ") and what in {name for name, _how in should}:
            found.append(("trigger_missing", {"trigger": what.removeprefix("trigger "), "table": table}))
        else:
            found.append(("table_changed", {"table": table, "why": why}))
    return found
