"""The design's one sentence as an invariant: a machine does what people, time and workers do, in any order.

Real PostgreSQL, against the plain model of model.py. `make soak MINUTES=30` runs it for as long as asked.
"""

import os
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from access import accounts, answering, granting, inquiries, lifecycle, policy, revoking, rosters, suspension
from access.clock import database_now
from access.errors import AlreadyDone, Denied, Unfit
from access.models import AreaUserPermission, DelegationContract, Grant, Inquiry, Person, Request, RosterEntry
from access.tasks import sweep
from audit import review
from audit.models import LogEntry, Review
from customers import reading
from customers.disclosure import Audience, fields_for
from tests import world as worlds
from tests.access.model import REVIEW, Contract, Emergency, Model, Waiting
from tests.audit.past import reviews_opened_earlier
from tests.world import HANAKO, JIRO, KUNREN, MARUGAME, MATSUYAMA, TAKAMATSU, TARO, TRAINING

REAL_AREAS = (TAKAMATSU, MARUGAME, MATSUYAMA)
CUSTOMERS = {HANAKO: TAKAMATSU, JIRO: MARUGAME, TARO: MATSUYAMA, KUNREN: TRAINING}
PEOPLE = ("contractor", "contractor02", "contractor03")
CONTRACTS = ("plain", "dual")
#: Windows end on half hours and the clock jumps by whole ones: no boundary is ever near.
HALF = 0.5
STEPS = 0

areas = st.sets(st.sampled_from(REAL_AREAS), min_size=1)
some_people = st.sets(st.sampled_from(PEOPLE), min_size=1).map(sorted)
#: For what would soon leave nobody to look anything up, if it came as often as the rest.
seldom = st.sampled_from([False, False, False, True])
a_person, a_contract = st.sampled_from(PEOPLE), st.sampled_from(CONTRACTS)
hours = st.sampled_from([71, 47, 30, 23, 20, 13, 11, 9, 5, 2, 0]).map(lambda n: n + HALF)

#: Columns that hold moments; a jump of the clock moves all that happened into the past.
MOMENTS = {
    "access_emergency": ("declared_at", "expires_at", "ended_at"),
    "access_grant": ("starts_at", "ends_at", "revoked_at"),
    "access_rosterentry": ("added_at", "removed_at"),
    "access_delegationcontract": ("suspended_at",),
    "access_request": ("asked_at", "lapses_at", "answered_at"),
    "access_inquiry": ("taken_at",),
    "access_reconciliation": ("right_until",),
    "audit_review": ("starts_at", "ends_at", "opened_at", "due_at", "signed_off_at"),
}


class Machine(RuleBasedStateMachine):
    """What may happen, in any order; after every step the facts say what the model says."""

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.world = worlds.build(contractors=3)
        self.contracts = {"plain": self.world.contract, "dual": self._second_contract()}
        self.model = Model({"plain": Contract(), "dual": Contract(ceiling=12, dual=True)}, set(PEOPLE))
        RosterEntry.objects.filter(person__username=PEOPLE[-1]).update(trained_on=None)
        for contract in CONTRACTS:
            for person in PEOPLE:
                self.model.join(contract, person, trained=person != PEOPLE[-1])
        self.emergencies, self.disclosed, self.extensions = {}, 0, 0

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def _second_contract(self) -> DelegationContract:
        first = self.world.contract
        second = DelegationContract.objects.create(
            title="二者承認の契約", delegator=first.delegator, delegate=first.delegate,
            starts_at=first.starts_at, ends_at=first.ends_at, delegated_items=["supply_point_number", "name"],
            max_grant_hours=12, dual_control=True,
        )  # fmt: skip
        # The machine asks faster than any caller: how that is stopped, test_pace.py says
        DelegationContract.objects.update(slow_after=200, stop_after=400)
        for held in first.contractgrouppermission_set.all():
            second.contractgrouppermission_set.create(group=held.group, permission=held.permission)
        for person in PEOPLE:
            rosters.add(self.world.supervisor, second, self.world.people[person], self._trained_on())
        return second

    @staticmethod
    def _trained_on():
        return (database_now() - timedelta(days=100)).date()

    def _number(self, data) -> int:
        """One of the last few emergencies, open or over."""
        return data.draw(st.sampled_from(sorted(self.emergencies)[-4:]))

    def _at(self, moment: float):
        """A moment of the model's clock in the database's."""
        return database_now() + timedelta(hours=moment - self.model.now)

    def _expect(self, succeeds: bool, act) -> bool:
        """Calls a rule, in a savepoint as a request is; it succeeds or is refused as the model says."""
        try:
            with transaction.atomic():
                self.result = act()
        except (AlreadyDone, Unfit, Denied):
            assert not succeeds, "refused, and the model says it should have been done"
            return False
        assert succeeds, "done, and the model says it should have been refused"
        return True

    def _entries(self, contract: str, people):
        return list(self.contracts[contract].roster.filter(removed_at=None, person__username__in=people))

    def _given(self, number: int, contract: str, people) -> None:
        """In the model: granted at once, or waiting for a second supervisor."""
        wanted = self.model.to_grant(number, contract, people)
        if not self.model.needs_two(contract):
            self.model.give(number, contract, wanted)
        elif wanted := self.model.not_waiting(number, contract, wanted):
            one = self.model.emergencies[number]
            asked = Request.objects.filter(
                kind="grant", emergency=self.emergencies[number], contract=self.contracts[contract]
            ).latest("pk")
            assert asked.answer is None
            self.model.waiting[asked.pk] = Waiting(
                number,
                min(self.model.now + 1, one.expires),
                frozenset(one.areas),
                contract,
                wanted,
                one.expires,
            )

    def _whole(self, also: bool):
        """Whom a whole roster stands for: with those from whom something was lately taken, or without."""
        return PEOPLE if also else self.model.not_revoked_lately(PEOPLE)

    @rule(where=areas, length=hours, under=st.sets(a_contract), drill=st.booleans(), also=st.booleans())
    def declare(self, where, length, under, drill, also=True):
        where = {TRAINING} if drill else where
        contracts = [self.contracts[one] for one in sorted(under)]
        in_force = not any(self.model.contracts[one].suspended for one in under)
        if self._expect(
            in_force,
            lambda: self.world.declare(
                *where, hours=length, contracts=contracts, is_drill=drill, also_revoked=also
            ),
        ):
            number = len(self.emergencies)
            self.emergencies[number] = self.result
            self.model.emergencies[number] = Emergency(where, self.model.now + length, drill)
            for one in under:
                self._given(number, one, self._whole(also))

    @precondition(lambda self: self.emergencies)
    @rule(data=st.data(), length=hours)
    def extend(self, data, length):
        # Each is asked for 18 seconds later than the one before: never twice to the same moment
        self.extensions += 1
        number, until = self._number(data), self.model.now + length + self.extensions / 200
        running = self.model.running(number)
        dual = any(self.model.needs_two(c) for c in self.model.running_contracts(number))
        may = self.model.may_extend(number, until, running)
        if self._expect(
            may and not (dual and self.model.extension_waits(number)),
            lambda: lifecycle.extend(
                self.world.supervisor, self.emergencies[number], self._at(until), "まだ停電中"
            ),
        ):
            if dual:
                one = self.model.emergencies[number]
                lapses, reach = min(self.model.now + 1, one.expires), frozenset(one.areas)
                self.model.waiting[self.result.pk] = Waiting(
                    number, lapses, reach, until=until, grants=tuple(running)
                )
            else:
                self.model.extend(number, until, running)

    @precondition(lambda self: self.emergencies)
    @rule(data=st.data(), now=seldom)
    def end(self, data, now):
        if not now:
            return
        number = self._number(data)
        if self._expect(
            self.model.is_open(number),
            lambda: lifecycle.end(self.emergencies[number], self.world.supervisor02),
        ):
            self.model.end(number)

    @precondition(lambda self: self.emergencies)
    @rule(data=st.data(), where=areas)
    def change_areas(self, data, where):
        number = self._number(data)
        one = self.model.emergencies[number]
        fits = self.model.is_open(number) and not one.drill and one.areas != where
        running = self.model.running_contracts(number)
        alone = where - one.areas and any(self.model.needs_two(name) for name in running)
        if self._expect(
            bool(fits and not alone),
            lambda: lifecycle.change_areas(
                self.world.supervisor, self.emergencies[number], [self.world.areas[a] for a in where]
            ),
        ):
            one.areas = where

    @precondition(lambda self: self.emergencies)
    @rule(data=st.data(), contract=a_contract, people=some_people, also=st.booleans())
    def grant(self, data, contract, people, also):
        number = self._number(data)
        may = self.model.is_open(number) and not self.model.contracts[contract].suspended
        if self._expect(
            may,
            lambda: granting.give_to_rosters(
                self.world.supervisor,
                self.emergencies[number],
                [self.contracts[contract]],
                self._entries(contract, people),
                also_revoked=also,
            ),
        ):
            chosen = [p for p in people if (contract, p) in self.model.on_roster]
            self._given(number, contract, chosen or self._whole(also))

    @precondition(lambda self: self.emergencies)
    @rule(data=st.data(), person=a_person)
    def revoke(self, data, person):
        number = self._number(data)
        grants = Grant.objects.filter(
            emergency=self.emergencies[number], roster_entry__person__username=person
        )
        before = self.model.revoke(lambda g: g.emergency == number and g.person == person)
        self._expect(before > 0, lambda: revoking.revoke(self.world.supervisor, grants, "交代"))

    @rule(person=a_person, now=seldom)
    def revoke_all(self, person, now):
        if not now:
            return
        before = self.model.revoke(lambda g: g.person == person)
        about = self.world.people[person]
        self._expect(before > 0, lambda: revoking.revoke_all_of(self.world.supervisor, about, "交代"))

    @rule(contract=a_contract, now=seldom)
    def suspend(self, contract, now):
        if not now:
            return
        one = self.model.contracts[contract]
        if self._expect(
            not one.suspended,
            lambda: suspension.suspend(self.world.supervisor, self.contracts[contract], "点検"),
        ):
            self.model.suspend(contract)

    @rule(contract=a_contract)
    def lift(self, contract):
        one = self.model.contracts[contract]
        if self._expect(
            one.suspended, lambda: suspension.lift(self.world.supervisor, self.contracts[contract])
        ):
            one.suspended = False

    @rule(person=a_person, how=st.sampled_from(["department", "closed"]), now=seldom)
    def leave(self, person, how, now):
        if not now:
            return
        about = Person.objects.get(username=person)
        if how == "department":
            about.department += "異"
        else:
            about.is_active = False
        accounts.save_with_rosters(self.world.administrator, about)
        about.is_active = True
        about.save()
        self.model.leave(person)

    @rule(person=a_person, contract=a_contract, trained=st.booleans())
    def join(self, person, contract, trained):
        about = Person.objects.get(username=person)
        day = self._trained_on() if trained else None
        if self._expect(
            (contract, person) not in self.model.on_roster,
            lambda: rosters.add(self.world.supervisor, self.contracts[contract], about, day),
        ):
            self.model.join(contract, person, trained=trained)

    @rule(person=a_person, data=st.data())
    def ask_for_help(self, person, data):
        if not self.emergencies:
            return
        number = self._number(data)
        with transaction.atomic():
            try:
                granting.ask_for_help(self.world.people[person], self.emergencies[number], "応援に来ました")
            except (AlreadyDone, Denied):
                return
        asked = Request.objects.get(kind="help", asked_by__username=person,
                                    emergency=self.emergencies[number], answered_at=None)  # fmt: skip
        assert self.model.is_open(number)
        name = "plain" if asked.contract == self.contracts["plain"] else "dual"
        assert (name, person) in self.model.trained
        with transaction.atomic():
            answering.answer(self.world.supervisor, asked.pk, agree=True)
        self._given(number, name, [person])

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data(), agree=st.booleans(), own=st.booleans())
    def answer(self, data, agree, own):
        pk = data.draw(st.sampled_from(sorted(self.model.waiting)))
        one = self.model.waiting[pk]
        by = self.world.supervisor if own else self.world.supervisor02
        in_time = one.lapses > self.model.now and not own
        still = [grant for grant in one.grants if self.model.runs(grant)]
        more = self.model.opens_more(one)
        fits = more or one.contract or self.model.may_extend(one.emergency, one.until, still)
        if self._expect(bool(in_time and (fits or not agree)), lambda: answering.answer(by, pk, agree=agree)):
            del self.model.waiting[pk]
            if agree and more:
                assert self.result.answer == "pointless"
            elif agree and one.contract:
                self.model.give(one.emergency, one.contract, one.people, one.until)
            elif agree:
                self.model.extend(one.emergency, one.until, still)

    @rule(person=a_person, number=st.sampled_from(sorted(CUSTOMERS)), opened=st.booleans())
    def look_up(self, person, number, opened):
        about = self.world.people[person]
        reached = self.model.reached(person)
        before = LogEntry.objects.disclosures().count()
        shown = self._disclosed(about, number, opened)
        assert shown == (CUSTOMERS[number] in reached)
        entries = list(LogEntry.objects.disclosures().order_by("pk")[before:])
        assert len(entries) == (1 if shown else 0), "each disclosure has its entry, and nothing else has one"
        self.disclosed += len(entries)
        for entry in entries:
            assert entry.supply_point_number == number
            assert Grant.objects.live(entry.timestamp).filter(pk=entry.grant_id).exists()
            assert set(entry.fields) <= set(fields_for(Audience.CONTRACTOR))

    def _disclosed(self, person: Person, number: str, opened: bool) -> bool:
        """Whether the person, with an inquiry of each emergency that is live for them, is shown it."""
        try:
            with transaction.atomic():
                there = policy.live_emergencies_of(person).filter(areas__code=CUSTOMERS[number])
                live = there.first() or policy.live_emergencies_of(person).first()
                if live is None:
                    policy.check_called_for(person)
                    raise AssertionError("called for without a live emergency")
                call = inquiries.take(person, Inquiry(emergency=live, caller_name="通報者", kind="outage"))
                if opened:
                    reading.open_customer(person, self.world.customers[number].pk, call)
                    return True
                terms = reading.Terms(supply_point_number=number)
                return bool(reading.look_up(person, terms, call).customers)
        except Denied:
            return False

    @rule(times=st.integers(1, 3))
    def worker(self, times):
        """A sweep, late as it may be, once or three times over."""
        for _ in range(times):
            sweep()
        held = set(AreaUserPermission.objects.values_list("user__username", "content_object__code"))
        assert held == self.model.permissions()
        self.model.waiting = {
            pk: one for pk, one in self.model.waiting.items() if one.lapses > self.model.now
        }
        self.model.sweep()
        assert not Request.objects.lapsed().exists()

    @rule(now=seldom)
    def nobody_reviews(self, now):
        """An emergency under the plain contract is over, and a fortnight passes over its review alone."""
        if not now or self.model.contracts["plain"].suspended:
            return
        self.declare(where={TAKAMATSU}, length=HALF, under={"plain"}, drill=False)
        last = max(self.emergencies)
        lifecycle.end(self.emergencies[last], self.world.supervisor)
        self.model.end(last)
        self.worker(times=1)
        fortnight = timedelta(hours=REVIEW)
        reviews_opened_earlier(Review.objects.waiting(), fortnight)
        for one in self.model.contracts.values():
            one.reviews = [due - REVIEW for due in one.reviews]

    @rule(contract=a_contract)
    def review(self, contract):
        """An auditor makes every review of the contract that is open."""
        for one in Review.objects.waiting().filter(contract_id=self.contracts[contract].pk):
            for entry in one.entries.filter(mark=None):
                review.mark(self.world.auditor, entry, "justified", "")
            review.sign_off(self.world.auditor, one, "問題なし")
        self.model.contracts[contract].reviews.clear()

    @rule(length=st.sampled_from([1, 2, 5, 11, 13, 25]))
    def clock_jumps(self, length):
        """Time passes: everything that happened moves into the past, past the triggers' back."""
        self.model.now += length
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table, columns in MOMENTS.items():
                moved = ", ".join(f"{one} = {one} - interval '{length} hours'" for one in columns)
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                cursor.execute(f"UPDATE {table} SET {moved}")  # noqa: S608
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    @invariant()
    def live_is_what_the_model_says(self):
        global STEPS
        STEPS += 1
        held = Grant.objects.live().values_list("roster_entry__person__username", "roster_entry__contract",
                                                "emergency")  # fmt: skip
        contracts = {contract.pk: name for name, contract in self.contracts.items()}
        numbers = {emergency.pk: number for number, emergency in self.emergencies.items()}
        assert {(p, contracts[c], numbers[e]) for p, c, e in held} == self.model.live()

    @invariant()
    def nothing_was_disclosed_but_what_was_looked_up(self):
        assert LogEntry.objects.disclosures().count() == self.disclosed


def run(examples: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
@pytest.mark.django_db
def test_no_disclosure_outside_a_live_grant_whatever_happens():
    ends = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "0"))
    while STEPS < 2000:
        run(examples=7)  # some 360 steps, so that it ends soon after
    while time.monotonic() < ends:
        run(examples=50)
        print(f"{STEPS} steps")
