"""Writing the history: the few acts by which an entry comes to be.

Each writes in the caller's transaction. A disclosure that cannot be written raises, and the caller's
transaction takes the customer with it: no log, no data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model

from audit import acting, record, repeats
from audit.models import LogEntry

Kind = LogEntry.Kind


@dataclass(frozen=True)
class Disclosed:
    """One customer's fields that leave the system, and by what right."""

    customer_id: int
    supply_point_number: str
    area_code: str
    fields: frozenset[str]
    grant_id: int | None = None
    emergency_id: int | None = None
    contract_id: int | None = None


def disclosures(
    event: str, disclosed: Iterable[Disclosed], *, reader: Any, basis: str, inquiry_id: int | None
) -> None:
    """One entry a customer, tied by the story's correlation id; `reader` is who is shown the fields.

    Raises what the database raises.
    """
    entries = [
        _signed(
            kind=Kind.DISCLOSURE,
            event=event,
            actor=reader,
            basis=basis,
            inquiry_id=inquiry_id,
            customer_id=one.customer_id,
            object_repr=one.supply_point_number,
            supply_point_number=one.supply_point_number,
            area_code=one.area_code,
            fields=sorted(one.fields),
            grant_id=one.grant_id,
            emergency_id=one.emergency_id,
            contract_id=one.contract_id,
        )
        for one in disclosed
    ]
    LogEntry.objects.bulk_create(entries)


def looked_up(event: str, searched: Iterable[str], basis: Any) -> None:
    """A lookup that disclosed nobody: which fields were asked by, never what was typed.

    basis: by what right, as `access.policy` gave it: person, why, inquiry_id, scopes (of one emergency).
    Of several grants none is named, for nobody was found under one.
    """
    grants = {(scope.grant_id, scope.contract_id) for scope in basis.scopes}
    grant_id, contract_id = grants.pop() if len(grants) == 1 else (None, None)
    _signed(
        kind=Kind.LOOKUP,
        event=event,
        actor=basis.person,
        basis=basis.why,
        inquiry_id=basis.inquiry_id,
        emergency_id=basis.scopes[0].emergency_id,
        contract_id=contract_id,
        grant_id=grant_id,
        fields=sorted(searched),
    ).save()


def denial(person: Any, reason: str, *, path: str, page: str = "", **facts: int | None) -> None:
    """A refusal, in a transaction of its own: the one that it interrupted is already rolled back.

    page: which page it was, whatever the address of its subject; without one, the path. The same refusal of the
    same person, page, emergency and contract again within a minute is counted (`audit.repeats`).
    """
    with transaction.atomic(durable=True):
        # what PostgreSQL cannot hold (NUL) and nobody reads (10,000 characters) is left out
        path = path.replace("\0", "�")[:500]
        of = {name: facts.get(name) for name in ("emergency_id", "contract_id")}
        if repeats.again("denied", page or path, path, kind=Kind.DENIAL, reason=reason, actor=person, **of):
            return
        _signed(
            kind=Kind.DENIAL,
            event="denied",
            reason=reason,
            actor=person,
            additional_data={"path": path},
            **facts,
        ).save()


def decision(event: str, about: Model | None = None, **columns: Any) -> LogEntry:
    """One decision; `detail` among the columns holds what its sentence names."""
    entry = decided(event, about, **columns)
    entry.save()
    return entry


def decisions(entries: Iterable[LogEntry]) -> None:
    """Many decisions in one statement; signed here, because a bulk insert calls no save()."""
    LogEntry.objects.bulk_create(entries, batch_size=1000)


def decided(
    event: str,
    about: Model | None = None,
    *,
    detail: dict | None = None,
    judged: Iterable[Model] = (),
    **columns: Any,
) -> LogEntry:
    """An unsaved, signed decision entry about an object, for `decisions`.

    It carries what it sets of the object's row (`audit.record`), which is to be as it will be stored. judged:
    of a review, the entries that it judges.
    """
    if carried := record.carried(event, about, judged):
        detail = (detail or {}) | carried
    if about is not None:
        columns |= {
            "content_type": ContentType.objects.get_for_model(about),
            "object_pk": str(about.pk),
            "object_id": about.pk,
            "object_repr": str(about),
        }
    return _signed(kind=Kind.DECISION, event=event, additional_data=detail, **columns)


def sign_in_failed(about: Any) -> None:
    """A failed try to sign in as somebody, or (None) as nobody whom there is; again within a minute is counted."""
    event, address = "session.sign_in_failed", acting.address() or ""
    if not repeats.again(event, "", address, kind=Kind.SESSION, subject=about):
        session(event, None, about=about)


def session(event: str, person: Any, *, about: Any = None) -> LogEntry:
    """A sign-in, a sign-out, a failed try, a session closed; `about` is whose it was, if not the actor."""
    entry = _signed(
        kind=Kind.SESSION,
        event=event,
        actor=person,
        subject_id=about.pk if about else None,
        additional_data={"subject": str(about)} if about else None,
    )
    entry.save()
    return entry


def sessions_closed(people: Iterable[Any], *, by: Any) -> None:
    """Sessions that an ending closed, one entry each, in one statement."""
    LogEntry.objects.bulk_create(
        [
            _signed(
                kind=Kind.SESSION,
                event="session.closed",
                actor=by,
                subject_id=person.pk,
                additional_data={"subject": str(person)},
            )
            for person in people
        ],
        batch_size=1000,
    )


def _signed(**columns: Any) -> LogEntry:
    entry = LogEntry(**columns)
    acting.sign(entry)
    return entry
