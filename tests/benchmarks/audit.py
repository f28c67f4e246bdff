"""What the history costs to write, to seal, to verify and to read at three sizes: `make bench-audit`.

Value, floor and peer of a line are medians of runs that alternate in this one process. Each line says what
its floor and its peer are. QUICK=1 takes less data.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from statistics import median
from unittest import mock
from zoneinfo import ZoneInfo

from auditlog.registry import auditlog
from auditlog.signals import accessed
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from access.clock import database_now
from access.models import DelegationContract, Person
from audit import months, reading, recording, sealing, timeline_facts, verifying
from audit.models import LogEntry, SealedEntry
from audit.windows import window
from customers import reading as customers_reading
from customers.demo import accounts, loading
from customers.models import Customer
from tests.benchmarks import QUICK, Line, machine, own_database, report, year
from tests.benchmarks.lookup import emergency_call

CUSTOMERS = 3_000 if QUICK else 30_000
SIZES = (1_000, 10_000, 50_000) if QUICK else (10_000, 1_000_000, 10_000_000)
TO_SEAL = 20_000 if QUICK else 200_000
RUNS = 10 if QUICK else 40
#: The months over which the history of the filters lies, and how many entries a story has.
MONTHS, STORY = 24, 5
#: The disclosures of the timeline's year.
IN_YEAR = 90_000 if QUICK else 900_000
#: The organisation whose entries are all under a contract that the reader does not review.
HIDDEN = 13


def in_turn(runs: int, *works: Callable[[], object]) -> list[list[float]]:
    """The seconds of each work, done in turn; a first turn warms up and does not count."""
    times: list[list[float]] = [[] for _ in works]
    for run in range(runs + 1):
        for one, work in zip(times, works, strict=True):
            begun = time.perf_counter()
            work()
            if run:
                one.append(time.perf_counter() - begun)
    return times


def alternating(runs: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of each work, done in turn."""
    return [median(one) for one in in_turn(runs, *works)]


# Writing


def writing(world: dict) -> list[Line]:
    """Entries of disclosures, in lists as a lookup writes them and one by one as an opening does."""
    auditlog.register(Customer)
    customers = list(Customer.objects.order_by("pk")[:20])
    reader = world["operator"]
    disclosed = [
        recording.Disclosed(c.pk, c.supply_point_number, "37201", frozenset({"name", "address", "phone"}))
        for c in customers
    ]

    def ours(n: int) -> Callable[[], None]:
        def work():
            with transaction.atomic():
                recording.disclosures(
                    "customer.listed", disclosed[:n], reader=reader, basis="own_area", inquiry_id=None
                )

        return work

    ours(1)()
    row = LogEntry.objects.newest_first().values_list(*(f.attname for f in LogEntry._meta.fields)).first()
    columns = [f.column for f in LogEntry._meta.fields if f.attname not in ("id", "timestamp")]
    values = [
        v for f, v in zip(LogEntry._meta.fields, row, strict=True) if f.attname not in ("id", "timestamp")
    ]

    def bare(n: int) -> Callable[[], None]:
        one = f"({', '.join(['%s'] * len(columns))})"
        statement = f"INSERT INTO audit_logentry ({', '.join(columns)}) VALUES {', '.join([one] * n)}"

        def work():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values * n)

        return work

    def peer(n: int) -> Callable[[], None]:
        def work():
            with transaction.atomic():
                for customer in customers[:n]:
                    accessed.send(Customer, instance=customer)

        return work

    lines = []
    for n, name in ((20, "a list of twenty"), (1, "a customer opened")):
        value, floor, signal = alternating(RUNS, ours(n), bare(n), peer(n))
        lines.append(
            Line(
                f"entries written: {name}", LogEntry.objects.count(), n / value, "entries/s", RUNS,
                floor=n / floor, floor_is="bare INSERT of the same rows",
                peer=n / signal, peer_is="django-auditlog's access signal",
            )
        )  # fmt: skip
    return lines


# The share of a lookup


def share_of_a_lookup(world: dict) -> list[Line]:
    """Whole requests with the history and without it: what is between them, of the former."""
    lines = []
    for who, name in (("operator", "operator"), ("contractor", "contractor")):
        client, address = Client(SERVER_NAME="localhost"), "/lookup/"
        client.force_login(world[who], backend="access.backends.RoleBackend")
        if who == "contractor":
            address = f"/inquiries/{world['inquiry'].pk}/"

        def request(client=client, address=address):
            answer = client.post(address, {"words": "087-821-0001"})
            assert answer.status_code == 200
            assert "087-821-0001" in answer.content.decode()

        def without(request=request):
            with mock.patch.object(customers_reading.recording, "disclosures"):
                request()

        with_it, without_it = in_turn(5 * RUNS, request, without)
        whole, bare = median(with_it), median(without_it)
        # pair by pair, so that the machine's moods fall on both
        share = median(a - b for a, b in zip(with_it, without_it, strict=True)) / whole
        lines.append(
            Line(
                f"share of the history in a lookup: {name}", Customer.objects.count(),
                share, "of the request", 5 * RUNS, goal=("value", "<=", 0.2),
            )
        )  # fmt: skip
        lines.append(
            Line(
                f"whole lookup: {name}", Customer.objects.count(), whole * 1000, "ms", 5 * RUNS,
                floor=bare * 1000, floor_is="the same request without its entry",
            )
        )  # fmt: skip
    return lines


# Sealing and verifying


def sealing_and_verifying() -> list[Line]:
    """Entries a second, beside reading the same rows and hashing each one's text."""
    sealing.seal_what_waits()
    fill(TO_SEAL, waiting=True)
    begun = time.perf_counter()
    sealed = sealing.seal_what_waits()
    sealing_rate = sealed / (time.perf_counter() - begun)
    assert sealed == TO_SEAL

    def read_and_hash():
        last = -1
        while leaves := list(
            SealedEntry.objects.filter(position__gt=last).order_by("position")[: verifying.PIECE]
        ):
            last = leaves[-1].position
            for row in sealing.read_entries([(one.entry_id, one.timestamp) for one in leaves]):
                sha256(repr(row).encode()).digest()

    def verify():
        outcome = verifying.verify()
        kinds = {fault.kind for fault in outcome.faults}
        assert kinds <= {"entry_backdated"}, outcome.faults[:3]  # written with times of the past

    runs = 3
    verified, floor = alternating(runs, verify, read_and_hash)
    count = SealedEntry.objects.count()
    return [
        Line("entries sealed", count, sealing_rate, "entries/s", 1, floor=count / floor, floor_is="reading and hashing the rows"),
        Line(
            "entries verified", count, count / verified, "entries/s", runs,
            floor=count / floor, floor_is="reading and hashing the rows",
            goal=("ratio_to_floor", ">=", 0.5),
        ),
    ]  # fmt: skip


# Reading at three sizes


def fill(count: int, *, waiting: bool = False) -> None:
    """Adds entries over MONTHS: of 300 people in 20 organisations, 100 areas, 200 emergencies, 3 contracts."""
    now = database_now()
    months.add(now - timezone.timedelta(days=31 * MONTHS), now)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        if not waiting:
            cursor.execute("ALTER TABLE audit_logentry DISABLE TRIGGER entries_are_sealed")
        cursor.execute(
            """
            INSERT INTO audit_logentry (
              "timestamp", action, kind, event, reason, actor_id, actor_username, actor_name, actor_role,
              actor_organization, object_pk, object_repr, changes_text, cid, area_code, supply_point_number,
              customer_id, fields, basis, emergency_id, contract_id, grant_id, inquiry_id
            )
            SELECT
              date_trunc('second', now()) - (%(seconds)s * n / %(count)s) * interval '1 second', 3,
              k.kind, k.event, k.reason, p.id, p.username, p.name, p.role,
              '事業者 ' || n %% 20, '', '', '', md5((n / %(story)s + %(count)s)::text)::uuid::text,
              '37' || lpad((n %% 100)::text, 3, '0'),
              CASE WHEN k.kind = 'disclosure' THEN lpad((n * 7919 %% 3000000)::text, 22, '0') ELSE '' END,
              CASE WHEN k.kind = 'disclosure' THEN n * 7919 %% 3000000 END,
              CASE WHEN k.kind = 'disclosure' THEN ARRAY['address', 'name', 'phone'] ELSE '{}' END,
              k.basis, n %% 200 + 1,
              CASE WHEN n %% 20 = %(hidden)s THEN 2 ELSE n / 11 %% 3 + 1 END, n %% 5000 + 1, n / 20 + 1
            FROM generate_series(1::bigint, %(count)s) n
            JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS i, count(*) OVER () AS all_of_them, *
                  FROM access_person WHERE role <> 'system') p ON p.i = n %% p.all_of_them
            JOIN (VALUES (0, 'disclosure', 'customer.opened', '', 'own_area'),
                         (1, 'disclosure', 'customer.listed', '', 'own_area'),
                         (2, 'lookup', 'customer.nothing_found', '', 'own_area'),
                         (3, 'denial', 'denied', 'no_emergency', '')) k (i, kind, event, reason, basis)
              ON k.i = CASE WHEN n %% 50 = 0 THEN 3 ELSE n %% 3 END
            """,
            {"count": count, "seconds": 86400 * 30 * MONTHS, "story": STORY, "hidden": HIDDEN},
        )
        cursor.execute("ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER entries_are_sealed")


@contextmanager
def without_indexes() -> Iterator[None]:
    """Many rows come quicker, and the indexes come out as compact as after any load."""
    with connection.schema_editor() as editor:
        for index in LogEntry._meta.indexes:
            editor.remove_index(LogEntry, index)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
    with connection.schema_editor() as editor:
        for index in LogEntry._meta.indexes:
            editor.add_index(LogEntry, index)
    connection.cursor().execute("VACUUM ANALYZE audit_logentry")


def filters(world: dict) -> dict[str, dict]:
    """Each filter of the page with something to find, one with much, one with little."""
    entry = LogEntry.objects.filter(kind="disclosure", event="customer.opened").oldest_first().first()
    middle = database_now() - timezone.timedelta(days=15 * MONTHS)
    return {
        "nothing": {},
        "oldest first": {"order": "oldest"},
        "person": {"person": world["operator"].username},
        "organisation": {"organization": "事業者 7"},
        "organisation, all of it hidden": {"organization": f"事業者 {HIDDEN}"},
        "role": {"role": "retailer"},
        "customer": {"customer": entry.supply_point_number},
        "area": {"area": entry.area_code},
        "emergency": {"emergency": str(entry.emergency_id)},
        "contract": {"contract": str(entry.contract_id)},
        "grant": {"grant": entry.grant_id},
        "inquiry": {"inquiry": entry.inquiry_id},
        "kind": {"kind": "denial"},
        "reason": {"reason": "no_emergency"},
        "time": {"since": middle - timezone.timedelta(days=1), "until": middle},
        "correlation id": {"story": entry.cid},
    }


def at_three_sizes(world: dict) -> list[Line]:
    """The page of each filter, at the smallest size and at the others."""
    measured: dict[str, list[float]] = {}
    for size in SIZES:
        with without_indexes():
            fill(size - min(LogEntry.objects.count(), size - 1))
        wanted = filters(world)
        times = alternating(
            RUNS,
            *(lambda cleaned=cleaned: reading.page(world["auditor"], cleaned) for cleaned in wanted.values()),
        )
        for name, seconds in zip(wanted, times, strict=True):
            measured.setdefault(name, []).append(seconds * 1000)
    return [
        Line(
            f"history filtered by {name}", size, value, "ms", RUNS,
            floor=values[0], floor_is=f"the same at {SIZES[0]:,} entries",
            goal=("ratio_to_floor", "<=", 2.0) if size == SIZES[-1] else None,
        )
        for name, values in measured.items()
        for size, value in zip(SIZES[1:], values[1:], strict=True)
    ]  # fmt: skip


# The timeline


def timeline() -> list[Line]:
    """The timeline of a day, a week, a month and a year of disclosures, beside counting the year's by its weeks."""
    start = datetime(2025, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    year.fill(start, emergencies=24, people=IN_YEAR // 900, disclosures=IN_YEAR)
    auditor = Person.objects.get(username="auditor")

    def drawn(zoom: str) -> Callable[[], object]:
        return lambda: timeline_facts.timeline(
            auditor, window(zoom, start.date() + timedelta(days=14)), timeline_facts.Asked(), database_now()
        )

    @transaction.atomic
    def counted() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL random_page_cost = 1.1; SET LOCAL jit = off")
            cursor.execute(
                "SELECT contract_id, date_bin('7 days', \"timestamp\", %(start)s), count(*) FROM audit_logentry "
                "WHERE kind = 'disclosure' AND contract_id = ANY(%(contracts)s) "
                'AND "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1, 2',
                {
                    "contracts": list(DelegationContract.objects.values_list("pk", flat=True)),
                    "start": start,
                    "end": start + timedelta(days=365),
                },
            )
            cursor.fetchall()

    zooms = ("day", "week", "month", "year")
    *drawings, floor = alternating(RUNS // 4, *map(drawn, zooms), counted)
    return [
        Line(
            f"the timeline of a {zoom}", IN_YEAR, value * 1000, "ms", RUNS // 4,
            floor=floor * 1000 if zoom == "year" else None, floor_is="counting the same by contract and week",
            goal=("value", "<=", 500.0) if zoom == "year" else None,
        )
        for zoom, value in zip(zooms, drawings, strict=True)
    ]  # fmt: skip


def main() -> None:
    settings.DEMO, settings.SEAL_HEADS = True, []
    about = machine()
    with own_database():
        loading.load(CUSTOMERS)
        world = {
            "operator": Person.objects.get(username="operator"),
            "auditor": Person.objects.get(username="auditor"),
            "contractor": Person.objects.get(username=accounts.contractors()[0][0]),
        }
        with transaction.atomic():
            world["inquiry"] = emergency_call(world["contractor"])
        lines = []
        for measure in (writing, share_of_a_lookup, lambda _: sealing_and_verifying(), at_three_sizes):
            lines += measure(world)
            print(f"{lines[-1].name}: {lines[-1].value:.3g} {lines[-1].unit}", flush=True)
    with own_database():
        loading.load(CUSTOMERS)
        lines += timeline()
    report("audit", about, lines)


if __name__ == "__main__":
    main()
