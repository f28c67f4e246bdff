"""One definition of live: asked of the tables for a moment, and of the history for every moment, it says the same."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import Grant, Person, RosterEntry
from access.models.emergencies import BEGINS, ENDS
from audit import covering
from tests.audit import past

pytestmark = pytest.mark.django_db

START = datetime(2024, 1, 18, tzinfo=ZoneInfo("Asia/Tokyo"))
HOUR = timedelta(hours=1)
begin, span, perhaps = st.integers(0, 6), st.integers(1, 12), st.none() | st.integers(0, 12)


def at(hour: int | None) -> datetime | None:
    return None if hour is None else START + hour * HOUR


def is_covered(grant: Grant, moment: datetime) -> bool:
    count = "SELECT count(*) FROM covers WHERE grant_id = %(grant)s AND begins <= %(at)s AND ends > %(at)s"
    about = covering.params(covering.emergencies([grant.emergency_id])) | {"grant": grant.pk, "at": moment}
    return covering.rows(f"WITH {covering.spans()} {count}", about)[0][0] == 1


@pytest.fixture
def grant(world) -> Grant:
    """One whose facts a test may set as it likes: no trigger of its tables looks."""
    world.declare()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("emergency", "grant", "rosterentry", "delegationcontract", "person"):
            cursor.execute(f"ALTER TABLE access_{table} DISABLE TRIGGER USER")
    return world.grant()


def set_facts(grant: Grant, facts: dict) -> None:
    """Sets each table's facts, and has the history say so."""
    by = grant.granted_by
    emergency, entry = grant.emergency, grant.roster_entry
    contract = entry.contract
    declared, expires, ended = facts["emergency"]
    ended = None if ended is None or ended < declared else min(ended, expires + declared)
    revoked, removed, suspended, concluded = facts["ends"]
    for one, values in (
        (emergency, {"declared_at": at(declared), "expires_at": at(declared + expires), "ended_at": at(ended), "ended_by": by if ended is not None else None}),
        (grant, {"starts_at": at(facts["grant"][0]), "ends_at": at(sum(facts["grant"])), "revoked_at": at(revoked), "revoked_by": by if revoked is not None else None, "revoked_because": "x" if revoked is not None else None}),
        (entry, {"added_at": at(facts["added"]), "removed_at": at(removed), "removed_by": by if removed is not None else None}),
        (contract, {"starts_at": at(facts["contract"][0]), "ends_at": at(sum(facts["contract"])), "suspended_at": at(suspended), "suspended_by": by if suspended is not None else None, "suspended_because": "x" if suspended is not None else None, "ended_at": at(concluded), "ended_by": by if concluded is not None else None}),
        (entry.person, facts["person"]),
    ):  # fmt: skip
        type(one)._base_manager.filter(pk=one.pk).update(**values)
        past.is_decided(one, at=START - 24 * HOUR)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=st.fixed_dictionaries({
        "emergency": st.tuples(begin, span, perhaps),
        "grant": st.tuples(begin, span),
        "added": begin,
        "contract": st.tuples(begin, span),
        "ends": st.tuples(perhaps, perhaps, perhaps, perhaps),
        "person": st.sampled_from([{"is_active": True}, {"is_active": True}, {"is_active": False}]),
    }),
    moments=st.lists(st.integers(-1, 19).map(lambda hour: START + hour * HOUR) , min_size=4, max_size=4, unique=True),
)  # fmt: skip
def test_what_is_live_at_a_moment_is_covered_at_that_moment(grant, facts, moments):
    set_facts(grant, facts)
    for moment in moments:
        for near in (moment - timedelta(microseconds=1), moment):
            assert is_covered(grant, near) == Grant.objects.live(near).filter(pk=grant.pk).exists(), near


@pytest.mark.parametrize("name", [*BEGINS, *ENDS])
def test_each_moment_of_the_definition_ends_or_begins_what_is_covered(grant, name):
    """Of the definition's tuples no moment may be without effect, in the tables as in the history."""
    wide = {
        "emergency": (0, 12, None), "grant": (0, 12), "added": 0, "contract": (0, 12),
        "ends": (None, None, None, None), "person": {"is_active": True},
    }  # fmt: skip
    set_facts(grant, wide)
    assert is_covered(grant, at(3))
    assert is_covered(grant, at(9))
    way, _under, field = name.rpartition("__")
    one = grant
    for step in filter(None, way.split("__")):
        one = getattr(one, step)
    # fmt: off
    whole = {"ended_at": {"ended_by": grant.granted_by}, "removed_at": {"removed_by": grant.granted_by},
             "revoked_at": {"revoked_by": grant.granted_by, "revoked_because": "x"},
             "suspended_at": {"suspended_by": grant.granted_by, "suspended_because": "x"}}.get(field, {})
    # fmt: on
    type(one)._base_manager.filter(pk=one.pk).update(**{field: at(6)}, **whole)
    past.is_decided(one, at=START - 24 * HOUR)
    for hour, is_late in ((3, False), (9, True)):
        assert is_covered(grant, at(hour)) == (is_late == (name in BEGINS))
        assert Grant.objects.live(at(hour)).filter(pk=grant.pk).exists() == (is_late == (name in BEGINS))


def test_somebody_who_is_no_contractor_any_more_and_was_never_taken_off_is_live_at_no_moment(grant):
    """That cannot be but past a trigger; who was taken off stays live until then, whatever became of them."""
    moment = grant.starts_at
    assert is_covered(grant, moment)
    Person.objects.filter(pk=grant.roster_entry.person_id).update(is_active=False)
    past.is_decided(grant.roster_entry.person)
    assert not is_covered(grant, moment)
    assert not Grant.objects.live(moment).filter(pk=grant.pk).exists()
    gone = {"removed_at": moment + HOUR, "removed_by": grant.granted_by}
    RosterEntry.objects.filter(pk=grant.roster_entry_id).update(**gone)
    past.is_decided(grant.roster_entry)
    assert is_covered(grant, moment)
    assert Grant.objects.live(moment).filter(pk=grant.pk).exists()
