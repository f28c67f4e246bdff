"""What granting, ending, deciding and reading cost, each beside its floor: `make bench-access`.

Value, floor and peer are medians of runs that alternate in this one process, so that the machine's noise
falls on all of them alike. Prints a table and writes build/bench-access.json; QUICK=1 takes less data. It
works in a database of its own, migrated anew and dropped at the end, under the portal's own settings.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from threading import Event
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm, remove_perm

from access import clock, inquiries, lifecycle, policy
from access.models import AreaUserPermission, DelegationContract, Emergency, Grant, Inquiry, Person
from access.reconcile import Reconciled, reconcile
from audit.acting import as_person
from customers.models import Customer, MonthlyUsage, ServiceArea
from customers.reading import open_customer
from tests import world
from tests.benchmarks import QUICK, Line, machine, milliseconds, own_database, report

AREAS, CUSTOMERS = 20, 1_000
#: People on the roster to rounds.
ROUNDS = {200: 2, 1_000: 2} if QUICK else {1_000: 3, 10_000: 3}
LARGEST = max(ROUNDS)
PEER_PEOPLE = 5 if QUICK else 15
DECISIONS = 40 if QUICK else 200
#: How many read at once, to slices of time: more where a goal hangs on it, for the machine is noisy.
READERS = {1: 2, 2: 2, 4: 6} if QUICK else {1: 7, 2: 7, 4: 25}
SLICE_SECONDS = 0.5
#: People who open customers one after another, and how often each: who goes on without a pause is slowed.
ASKING, EACH = 200, 150
ENDINGS = 18 if QUICK else 120

PEOPLE = """
INSERT INTO access_person (username, name, password, email, organization_id, role, department, is_active)
SELECT 'staff' || n, '受託 ' || n, '!', '', %(organization)s, 'contractor', '', true
FROM generate_series(1, %(size)s) AS n
"""
ROSTER = """
INSERT INTO access_rosterentry (contract_id, person_id, trained_on, added_by_id)
SELECT %(contract)s, id, current_date - 30, %(by)s
FROM access_person WHERE starts_with(username, 'staff') ORDER BY id LIMIT %(size)s
"""
#: The floor of granting: the same rows by plain statements, the tables' triggers and constraints as they are.
PLAIN_GRANTING = (
    """
    INSERT INTO access_grant (roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id)
    SELECT r.id, e.id, statement_timestamp(), e.expires_at, e.declared_by_id
    FROM access_rosterentry r, access_emergency e
    WHERE r.contract_id = %(contract)s AND e.id = %(emergency)s
    """,
    """
    INSERT INTO audit_logentry (
      kind, event, reason, basis, action, content_type_id, object_pk, object_id, object_repr, changes_text,
      actor_id, actor_username, actor_name, actor_role, actor_organization, cid, supply_point_number,
      area_code, fields, subject_id, emergency_id, contract_id, grant_id, additional_data
    )
    SELECT 'decision', 'grant.given', '', '', 3, %(content_type)s, g.id::text, g.id,
      p.name || ' (' || p.username || ') / ' || c.title || ' / ' || e.name, '',
      actor.id, actor.username, actor.name, actor.role, company.name, %(cid)s, '', '', '{}',
      p.id, e.id, c.id, g.id, jsonb_build_object(
        'contract', c.title, 'until', g.ends_at, 'subject', p.name || ' (' || p.username || ')')
    FROM access_grant g
      JOIN access_rosterentry r ON r.id = g.roster_entry_id
      JOIN access_person p ON p.id = r.person_id
      JOIN access_delegationcontract c ON c.id = r.contract_id
      JOIN access_emergency e ON e.id = g.emergency_id
      JOIN access_person actor ON actor.id = g.granted_by_id
      JOIN customers_organization company ON company.id = actor.organization_id
    WHERE g.emergency_id = %(emergency)s
    """,
    """
    INSERT INTO access_areauserpermission (user_id, content_object_id, permission_id)
    SELECT r.person_id, a.servicearea_id, %(consult)s
    FROM access_rosterentry r, access_emergency_areas a
    WHERE r.contract_id = %(contract)s AND a.emergency_id = %(emergency)s
    """,
)
PLAIN_REMOVAL = "DELETE FROM access_areauserpermission WHERE permission_id = %(consult)s"
PLAIN_ENDING = """
UPDATE access_emergency SET ended_at = statement_timestamp(), ended_by_id = declared_by_id
WHERE id = %(emergency)s
"""


@dataclass
class Scene:
    """Whom and what is worked with: contracts by the number of people on their rosters."""

    supervisor: Person
    areas: list[ServiceArea]
    customers: list[int]
    consult: int  # the permission's id, and the content type's: no query of a floor's looks them up
    content_type: int
    contracts: dict[int, DelegationContract] = field(default_factory=dict)

    def declare(self, contracts: Collection[DelegationContract] = ()) -> Emergency:
        """Declares over the areas and grants to the contracts' rosters."""
        with as_person(self.supervisor):
            return lifecycle.declare(
                self.supervisor,
                kind="typhoon",
                name="台風第14号",
                areas=self.areas,
                expires_at=clock.database_now() + timedelta(hours=6),
                contracts=contracts,
            )

    def end(self, emergency: Emergency) -> Reconciled:
        """Ends the emergency, and lets the permissions follow as the task does."""
        with as_person(self.supervisor):
            lifecycle.end(emergency, self.supervisor)
            return reconcile()

    def plainly(self, *statements: str, size: int, emergency: Emergency) -> int:
        """Runs plain statements about the emergency and the contract of that size."""
        return run_sql(
            *statements,
            contract=self.contracts[size].pk,
            emergency=emergency.pk,
            consult=self.consult,
            content_type=self.content_type,
            cid=str(uuid4()),
        )


def run_sql(*statements: str, **values: Any) -> int:
    """Runs the statements in one transaction; returns how many rows the last one touched."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
        return cursor.rowcount


def tidy() -> None:
    """What autovacuum would do sometime is done between the runs, not in the middle of one."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def build_scene() -> Scene:
    """The tests' small world, with 20 more areas, their customers, and a contract for each roster's size."""
    small = world.build()
    supervisors, auditors, head = (
        Group.objects.get(name=name) for name in ("supervisor", "auditor", "office-00")
    )
    areas = ServiceArea.objects.bulk_create(
        ServiceArea(code=f"39{n:03}", name=f"第{n}市", name_kana="シ", name_en=f"No {n}", prefecture="高知県")
        for n in range(AREAS)
    )
    for area in areas:
        assign_perm(policy.DECLARE_IN, head, area)
    consult = Permission.objects.get(codename="consult_servicearea")
    grants = ContentType.objects.get_for_model(Grant)
    scene = Scene(small.supervisor, areas, build_customers(areas), consult.pk, grants.pk)
    run_sql(PEOPLE, organization=small.organizations["affiliate"].pk, size=LARGEST)
    for size in ROUNDS:
        contract = DelegationContract.objects.get(pk=small.contract.pk)
        contract.pk, contract.title = None, f"{size:,}名の業務委託契約"
        contract.slow_after, contract.stop_after = EACH + 1, 2 * EACH
        contract.save(force_insert=True)
        assign_perm(policy.GRANT_UNDER, supervisors, contract)
        assign_perm(policy.REVIEW, auditors, contract)
        run_sql(ROSTER, contract=contract.pk, by=small.supervisor.pk, size=size)
        scene.contracts[size] = contract
    return scene


def build_customers(areas: list[ServiceArea]) -> list[int]:
    """Customers like the small world's, a year's usage each, spread over the areas; their numbers."""
    like = Customer.objects.values().get(supply_point_number=world.HANAKO)
    months = list(MonthlyUsage.objects.filter(customer=like.pop("id")).values("month", "kwh"))
    customers = Customer.objects.bulk_create(
        Customer(**like | {"supply_point_number": f"0899{n:018}", "area_id": areas[n % AREAS].pk})
        for n in range(CUSTOMERS)
    )
    MonthlyUsage.objects.bulk_create(MonthlyUsage(customer=c, **month) for c in customers for month in months)
    return [customer.pk for customer in customers]


def bench_granting(scene: Scene) -> Iterator[Line]:
    """Granting and ending, beside plain SQL and beside django-guardian's own loop; and reconcile() alone."""
    for size, rounds in ROUNDS.items():
        times: dict[str, list[float]] = defaultdict(list)
        steps = [time_the_portal, time_plain_sql, time_guardian]
        for n in range(rounds):
            for step in steps[n % 3 :] + steps[: n % 3]:  # nobody is always the first
                tidy()
                step(scene, size, times)
        yield from lines_of_granting(size, times)


def time_the_portal(scene: Scene, size: int, times: dict[str, list[float]]) -> None:
    """Declares and ends; between them reconcile() finds nothing to do."""
    took, emergency = milliseconds(scene.declare, [scene.contracts[size]])
    times["granting"].append(took)
    for _ in range(20):
        took, done = milliseconds(reconcile)
        assert done == Reconciled(0, 0)
        times["nothing changed"].append(took)
    took, done = milliseconds(scene.end, emergency)
    assert done == Reconciled(added=0, removed=size * AREAS)
    times["ending"].append(took)


def time_plain_sql(scene: Scene, size: int, times: dict[str, list[float]]) -> None:
    """The floors, and a full reconcile() of what they wrote: it must agree with them."""
    emergency = scene.declare()
    took, count = milliseconds(scene.plainly, *PLAIN_GRANTING, size=size, emergency=emergency)
    assert count == size * AREAS
    assert reconcile() == Reconciled(0, 0)
    times["plain granting"].append(took)
    scene.plainly(PLAIN_REMOVAL, size=size, emergency=emergency)
    tidy()
    took, done = milliseconds(reconcile)
    assert done == Reconciled(added=size * AREAS, removed=0)
    times["full"].append(took)
    took, _ = milliseconds(scene.plainly, PLAIN_REMOVAL, PLAIN_ENDING, size=size, emergency=emergency)
    times["plain ending"].append(took)
    assert reconcile() == Reconciled(0, 0)


def time_guardian(scene: Scene, size: int, times: dict[str, list[float]]) -> None:
    """django-guardian's loop over a sample, in one transaction, which is kinder to it than one a pair."""
    people = Person.objects.filter(roster_entries__contract=scene.contracts[size])[:PEER_PEOPLE]
    pairs = [(person, area) for person in people for area in scene.areas]
    for name, work in (("guardian granting", assign_perm), ("guardian ending", remove_perm)):
        with transaction.atomic():
            took, _ = milliseconds(lambda work=work: [work(policy.CONSULT, *pair) for pair in pairs])
        times[name].append(took / len(pairs))
    assert not AreaUserPermission.objects.exists()
    reconcile()


def lines_of_granting(size: int, times: dict[str, list[float]]) -> Iterator[Line]:
    middle, pairs, runs = {name: median(took) for name, took in times.items()}, size * AREAS, ROUNDS[size]
    for work, floor_is, peer_is in (
        ("granting", "the same rows by INSERT ... SELECT", "django-guardian's assign_perm, a pair at a time"),
        ("ending", "one DELETE and one UPDATE", "django-guardian's remove_perm, a pair at a time"),
    ):
        name, took = f"{work} {size:,} people over {AREAS} areas", middle[work]
        goal = ("ratio_to_floor", "<=", 3.0) if size == 10_000 else None
        yield Line(name, pairs, took, "ms", runs, middle[f"plain {work}"], floor_is, goal=goal)
        peer = {"peer": middle[f"guardian {work}"] * pairs, "peer_is": peer_is}
        goal = ("times_peer", ">=", 100)
        yield Line(f"{name}, and guardian's loop", pairs, took, "ms", runs, **peer, goal=goal)
    if size == LARGEST:
        name, peer_is = "reconcile() that adds them all", "django-guardian's assign_perm, the same rows alone"
        peer = middle["guardian granting"] * pairs
        yield Line(name, pairs, middle["full"], "ms", runs, peer=peer, peer_is=peer_is)
        share = 100 * middle["nothing changed"] / middle["full"]
        name, runs = "reconcile() when nothing changed", len(times["nothing changed"])
        yield Line(name, pairs, share, "% of that", runs, goal=("value", "<", 1))


def leave_open(scene: Scene) -> tuple[Emergency, list[Person]]:
    """An open emergency with everybody granted; the first of them is granted in nine others, too."""
    emergency = scene.declare()
    scene.plainly(*PLAIN_GRANTING, size=LARGEST, emergency=emergency)
    contract = scene.contracts[LARGEST]
    entries = contract.roster.order_by("pk").select_related("person__organization")[:ASKING]
    for _ in range(9):
        other = scene.declare()
        Grant.objects.create(
            roster_entry=entries[0], emergency=other, granted_by=scene.supervisor,
            starts_at=clock.database_now(), ends_at=other.expires_at,
        )  # fmt: skip
    reconcile()
    tidy()
    return emergency, [entry.person for entry in entries]


def take_inquiry(person: Person, emergency: Emergency) -> Inquiry:
    with as_person(person):
        return inquiries.take(person, Inquiry(emergency=emergency, caller_name="花子", kind="outage"))


def bench_deciding(emergency: Emergency, people: list[Person]) -> Iterator[Line]:
    """The decision of one request, with ten grants and with one, beside its own SQL on a bare cursor."""
    asking = {}
    for grants, person in ((1, people[1]), (10, people[0])):
        asking[grants] = (person, take_inquiry(person, emergency))
        policy.check_may(person, policy.LOOK_UP)  # the role's permissions are kept with the person
        with CaptureQueriesContext(connection) as queries:
            basis = policy.basis_for_lookup(*asking[grants])
        assert len(policy.check_contractor_is_called_for(person)) == grants * AREAS
        assert basis.scopes
        asking[grants] += ([query["sql"] for query in queries.captured_queries],)
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for _ in range(DECISIONS):
        for grants, (person, inquiry, statements) in asking.items():
            times[grants, "asked"].append(milliseconds(policy.basis_for_lookup, person, inquiry)[0])
            times[grants, "plain"].append(milliseconds(fetch_plainly, statements)[0])
    rows = AreaUserPermission.objects.count()
    for grants, (_person, _inquiry, statements) in asking.items():
        name = f"deciding a lookup, {grants} grant{'s' if grants > 1 else ''}"
        value, floor = median(times[grants, "asked"]), median(times[grants, "plain"])
        yield Line(name, rows, value, "ms", DECISIONS, floor, "its SQL on a bare cursor")
        yield Line(f"{name}, queries", rows, len(statements), "queries", 1, goal=("value", "<=", 2))


def fetch_plainly(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            cursor.fetchall()


def without_turnstile() -> Any:
    """Within it, readers enter without the lock: the floor."""
    return patch.object(clock, "enter_to_read", clock.database_now)


@dataclass
class Readers:
    """Threads with a connection each, which open customers as fast as they can, as one person after another."""

    pool: ThreadPoolExecutor
    asking: list[Iterator[tuple[Person, Inquiry]]]
    customers: list[int]

    def rate(self, how_many: int) -> float:
        """Readings a second, all together, over one slice of time."""
        until = time.perf_counter() + SLICE_SECONDS
        rates = self.pool.map(lambda n: self.read(n, lambda: time.perf_counter() > until), range(how_many))
        return sum(rates)

    def read(self, reader: int, enough: Callable[[], bool]) -> float:
        """One reader's readings a second, until it is enough, over a connection of the thread's own."""
        connection.ensure_connection()
        begun, done = time.perf_counter(), 0
        try:
            while not enough():
                person, inquiry = next(self.asking[reader])
                open_customer(person, self.customers[(reader * 251 + done) % len(self.customers)], inquiry)
                done += 1
            return done / (time.perf_counter() - begun)
        finally:
            connections.close_all()  # one left open would keep the database from being dropped

    def waits_of_endings(self, how_many: int) -> list[float]:
        """How long, in ms, each of some endings waited until no reading was under way; all readers read."""
        stop, waits = Event(), []
        reading = [self.pool.submit(self.read, n, stop.is_set) for n in range(max(READERS))]
        try:
            for _ in range(how_many):
                time.sleep(0.02)
                with transaction.atomic():
                    waits.append(milliseconds(clock.time_of_ending)[0])
        finally:
            stop.set()
        for one in reading:
            one.result()
        return waits


def bench_reading(scene: Scene, emergency: Emergency, people: list[Person]) -> Iterator[Line]:
    """Readers beside one another, and an ending among them; the floor is the same without the turnstile."""
    taken = [(person, take_inquiry(person, emergency)) for person in people[1:]]
    asking = [(one for one in taken[n :: max(READERS)] for _ in range(EACH)) for n in range(max(READERS))]
    with ThreadPoolExecutor(max(READERS)) as pool:
        readers = Readers(pool, asking, scene.customers)
        readers.rate(max(READERS))  # the roles' permissions are read, and kept with the persons
        yield from lines_of_rates(readers)
        yield from lines_of_waits(readers)


def lines_of_rates(readers: Readers) -> Iterator[Line]:
    for how_many, slices in READERS.items():
        rates: dict[bool, list[float]] = {True: [], False: []}
        for n in range(slices):
            for locked in (n % 2 == 0, n % 2 == 1):
                with nullcontext() if locked else without_turnstile():
                    rates[locked].append(readers.rate(how_many))
        name, floor_is = f"opening customers, {how_many} at once", "without the turnstile's lock"
        goal = ("ratio_to_floor", ">=", 0.9) if how_many == 4 else None
        value, floor = median(rates[True]), median(rates[False])
        yield Line(name, CUSTOMERS, value, "a second", slices, floor, floor_is, goal=goal)


def lines_of_waits(readers: Readers) -> Iterator[Line]:
    waits, alone = [], []
    for _ in range(3):
        waits += readers.waits_of_endings(ENDINGS // 3)
        with without_turnstile():
            alone += readers.waits_of_endings(ENDINGS // 3)
    for name, of in (("median", median), ("longest", max)):
        floor_is = "readers without the lock: nobody to wait for"
        line = f"an ending's wait for {max(READERS)} readers, {name}"
        yield Line(line, CUSTOMERS, of(waits), "ms", len(waits), of(alone), floor_is)


def main() -> None:
    about, lines = machine(), []
    with own_database():
        scene = build_scene()
        lines += bench_granting(scene)
        emergency, people = leave_open(scene)
        lines += bench_deciding(emergency, people)
        lines += bench_reading(scene, emergency, people)
    report("access", about, lines)


if __name__ == "__main__":
    main()
