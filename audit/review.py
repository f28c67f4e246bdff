"""Reviews: opened when an emergency or a month is over, judged entry by entry, signed off, looked at again.

Opening follows from the facts, whoever ended it and however late this runs. What auditors do is theirs
alone: each for the contracts that they review, and what has no contract for any of them.
"""

import secrets
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import clock, notices, policy
from access.errors import AlreadyDone, Unfit
from access.models import DelegationContract, Emergency
from access.people import Person, Role
from audit import covering, months, recording, replay, review_figures, review_months, review_sample
from audit.models import LogEntry, Review, ReviewedEntry

REVIEW = "audit.review"
Mark = ReviewedEntry.Mark
#: How many entries a sentence names.
NAMED = 5


def open_what_is_due() -> int:
    """Opens the reviews of emergencies and of months that are over; returns how many.

    The sweep's step: it finds them by the facts, so a late run opens them late, and two open them once.
    """
    months = ([one] for one in _of_months(timezone.localdate()))
    return sum(_open(together) for together in (*_of_emergencies(), *months))


def _of_emergencies() -> Iterator[list[Review]]:
    """Of each emergency that is over: a review for each contract granted in it, or one without a contract."""
    reviewed = Review.objects.filter(emergency_id=OuterRef("pk"))
    without = list(Emergency.objects.filter(~Exists(reviewed)).values_list("pk", flat=True))
    for emergency in covering.emergencies(without) if without else ():
        if emergency.ended_at is None:
            continue
        about: dict[str, Any] = {
            "kind": Review.Kind.EMERGENCY,
            "emergency_id": emergency.pk,
            "emergency_name": emergency.name,
            "is_drill": emergency.is_drill,
            "starts_at": emergency.declared_at,
        }
        together = []
        granted = covering.given().filter(emergency_id=emergency.pk).values("contract_id")
        for contract in DelegationContract.objects.filter(pk__in=granted):
            under_it = {"contract_id": contract.pk, "contract_title": contract.title}
            ends_at = covering.last_stop(emergency, contract.pk) or emergency.ended_at
            together.append(Review(**about, **under_it, ends_at=ends_at))
        yield together or [Review(**about, ends_at=emergency.ended_at)]


def _of_months(today: date) -> Iterator[Review]:
    """Of each month that is over: a review for each contract with a disclosure in it, and the operators'."""
    for period, contract_id, title in review_months.without_review(today):
        starts_at, ends_at = months.span(period)
        yield Review(
            kind=Review.Kind.PERIOD,
            period=period,
            starts_at=starts_at,
            ends_at=ends_at,
            contract_id=contract_id,
            contract_title=title,
        )


def _open(together: list[Review]) -> int:
    """Opens the reviews, all or none; returns how many: none if another worker was quicker."""
    try:
        with transaction.atomic():
            _take_time()
            for review in together:
                _open_one(review)
    except IntegrityError:
        same = {"emergency_id": together[0].emergency_id, "period": together[0].period}
        if Review.objects.filter(**same, contract_id=together[0].contract_id).exists():
            return 0
        raise
    return len(together)


def _take_time() -> None:
    """To count a busy month takes longer than a page may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '300s', true)")


def _open_one(review: Review) -> None:
    """Computes, draws, writes and tells."""
    review.opened_at = clock.database_now()
    review.due_at = review.opened_at + timedelta(days=settings.REVIEW_DAYS)
    review.seed = secrets.token_hex(16)
    part = review_figures.part_of(review)
    review.figures = review_figures.of(part)
    review.save()
    drawn = review_sample.draw(part, review.figures, review.seed, settings.REVIEW_SAMPLE)
    judged = ReviewedEntry.objects.bulk_create(
        ReviewedEntry(review=review, entry_id=one.entry_id, timestamp=one.timestamp, why=one.why)
        for one in drawn
    )
    _write(
        "review.opened",
        review,
        judged=judged,
        seed=review.seed,
        until=review.due_at.isoformat(),
        count=len(drawn),
        sample=[one.entry_id for one in drawn],
    )
    notices.review_opened(review)


def for_auditor(person: Person):
    """The reviews that the auditor may see: of contracts that they review, or of none."""
    return Review.objects.filter(
        Q(contract_id=None) | Q(contract_id__in=policy.contracts_to_review(person).values("pk"))
    )


def check_may_see(person: Person, review: Review) -> None:
    """Raises Denied unless the review is the auditor's to read and to make."""
    policy.check_may(person, REVIEW)
    policy.check_may_review(person, review.contract_id)


def read(person: Person, review: Review) -> None:
    """Writes that the auditor reads the review, in the transaction of what is then shown. Raises Denied."""
    check_may_see(person, review)
    _write("review.read", review, person)


def story(review: Review):
    """What became of the review, the latest first; who only read it is left out, for they are many."""
    return LogEntry.objects.about(review).exclude(event="review.read").newest_first()


def is_as_decided(review: Review) -> bool:
    """Whether the review is what the history says of it: opened, signed off, opened again by auditors alone."""
    return not replay.differing("review", review.pk)


def figures_now(review: Review) -> dict[str, Any]:
    """The figures as the history gives them now."""
    return review_figures.of(review_figures.part_of(review))


def figures(review: Review) -> tuple[dict[str, Any], bool]:
    """The figures to show, and whether disclosures that must not be have come since they were kept.

    What was counted is of the past and stays; what must not be is looked for at each reading. Where there
    is more of it now an open review is counted anew; of one that is signed off the figures stay.
    """
    late = review_figures.late(review_figures.part_of(review))
    differs = {name for name, value in late.items() if review.figures.get(name) != value}
    figures = figures_now(review) if differs and not review.signed_off_at else review.figures
    return figures, bool(differs - {"denied_after"})


def open_reviews_for(person: Person, entry: LogEntry):
    """The auditor's open reviews that the entry could be judged in, and is not yet."""
    policy.check_may(person, REVIEW)
    of_month = Q(kind=Review.Kind.PERIOD, starts_at__lte=entry.timestamp, ends_at__gt=entry.timestamp)
    fits = Q(kind=Review.Kind.EMERGENCY, emergency_id=entry.emergency_id) | of_month
    if entry.contract_id is not None:
        fits &= Q(contract_id=entry.contract_id)
    elif entry.actor_role == Role.OPERATOR:
        fits &= Q(contract_id=None)
    there = ReviewedEntry.objects.filter(review=OuterRef("pk"), entry_id=entry.pk)
    return for_auditor(person).waiting().filter(fits, ~Exists(there))


@transaction.atomic
def add(by: Person, review: Review, entry: LogEntry) -> ReviewedEntry:
    """Adds an entry (that `by` may read) to those that an open review judges.

    Raises Denied; AlreadyDone if it is among them or the review is signed off; Unfit for an entry of
    another emergency, contract or month.
    """
    review = _still_open(by, review)
    if review.entries.filter(entry_id=entry.pk).exists():
        raise AlreadyDone(_("This entry is among those to judge already."))
    if not open_reviews_for(by, entry).filter(pk=review.pk).exists():
        raise Unfit(_("This entry is of another emergency, contract or month."))
    added = ReviewedEntry.objects.create(
        review=review, entry_id=entry.pk, timestamp=entry.timestamp, why=ReviewedEntry.Why.ADDED, added_by=by
    )
    _write("review.added", review, by, judged=[added], entry=entry.pk)
    return added


@transaction.atomic
def mark(
    by: Person, one: ReviewedEntry, what: str, note: str, seen_at: datetime | None = None
) -> ReviewedEntry:
    """Says what the auditor thinks of an entry; another mark later is another line of the history.

    seen_at: when the mark that `by` saw was made (None: they saw none). Raises Denied; Unfit without the
    note that "ask" and "not justified" need; AlreadyDone if the review is signed off, or somebody else
    has marked the entry meanwhile.
    """
    review = _still_open(by, one.review)
    note = note.strip()
    if what in ReviewedEntry.NEED_A_NOTE and not note:
        raise Unfit(_("Say why: the note is written into the history."), "note")
    one = ReviewedEntry.objects.select_related("marked_by").get(pk=one.pk)
    if one.marked_at != seen_at:
        raise AlreadyDone(
            _("%(person)s has marked this entry meanwhile: read it, then mark it anew.")
            % {"person": one.marked_by}
        )
    one.mark, one.note, one.marked_by, one.marked_at = what, note, by, clock.database_now()
    one.save(update_fields=["mark", "note", "marked_by", "marked_at"])
    _write("review.marked", review, by, judged=[one], entry=one.entry_id, mark=what, note=note)
    return one


def what_is_missing(review: Review) -> list[str]:
    """What keeps the review from being signed off, in sentences.

    What must not be and was not there yet when the sample was drawn, or did not fit into it, is looked at
    all the same.
    """
    unjudged = review.entries.filter(mark=None).count()
    asked = review.entries.filter(mark=Mark.ASK).count()
    said = []
    if unjudged:
        said.append(
            ngettext("%(n)d entry is not judged yet.", "%(n)d entries are not judged yet.", unjudged)
            % {"n": unjudged}
        )
    if asked:
        said.append(
            ngettext("%(n)d question is still open.", "%(n)d questions are still open.", asked) % {"n": asked}
        )
    part = review_figures.part_of(review)
    late = part.disclosures.filter(part.late).exclude(pk__in=review.entries.values("entry_id"))
    if unseen := late.count():
        numbers = late.oldest_first().values_list("pk", flat=True)[:NAMED]
        said.append(
            ngettext(
                "%(n)d disclosure that must not be is not among the entries to judge. Add it from its page: %(entries)s.",
                "%(n)d disclosures that must not be are not among the entries to judge. Add them from their pages, first: %(entries)s.",
                unseen,
            )
            % {"n": unseen, "entries": _(", ").join(map(str, numbers))}
        )
    return said


@transaction.atomic
def sign_off(by: Person, review: Review, conclusion: str) -> Review:
    """Closes the review with a conclusion; its figures stay as they are at this moment.

    Raises Denied; Unfit without a conclusion, or while something is missing (`what_is_missing`); AlreadyDone.
    """
    review = _still_open(by, review)
    conclusion = conclusion.strip()
    if missing := what_is_missing(review):
        raise Unfit(" ".join(missing))
    if not conclusion:
        raise Unfit(_("Say what the review concludes: it is written into the history."), "conclusion")
    _take_time()
    review.figures = figures_now(review)
    review.signed_off_at, review.signed_off_by, review.conclusion = clock.database_now(), by, conclusion
    review.save(update_fields=["figures", "signed_off_at", "signed_off_by", "conclusion"])
    _write("review.signed_off", review, by, conclusion=conclusion)
    return review


@transaction.atomic
def reopen(by: Person, review: Review, because: str) -> Review:
    """A second look at what was signed off: open again, with a time of its own. The history keeps the first.

    Raises Denied, Unfit without a reason, AlreadyDone if it is open.
    """
    check_may_see(by, review)
    review = Review.objects.select_for_update().get(pk=review.pk)
    because = because.strip()
    if not review.signed_off_at:
        raise AlreadyDone(_("This review is open already."))
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    review.reopened_at, review.reopened_by, review.reopened_because = clock.database_now(), by, because
    review.signed_off_at = review.signed_off_by = review.conclusion = None
    review.due_at = review.reopened_at + timedelta(days=settings.REVIEW_DAYS)
    review.save()
    _write("review.reopened", review, by, because=because, until=review.due_at.isoformat())
    notices.review_opened(review)
    return review


def _still_open(by: Person, review: Review) -> Review:
    """The review as it is now, locked: who marks, adds or signs off comes one after the other."""
    check_may_see(by, review)
    review = Review.objects.select_for_update(of=("self",)).select_related("signed_off_by").get(pk=review.pk)
    if review.signed_off_at:
        raise AlreadyDone(_("%(person)s has signed this review off.") % {"person": review.signed_off_by})
    return review


def _write(
    event: str, review: Review, by: Person | None = None, judged: Iterable[ReviewedEntry] = (), **detail: Any
) -> None:
    recording.decision(
        event,
        review,
        judged=judged,
        actor=by,
        emergency_id=review.emergency_id,
        contract_id=review.contract_id,
        detail=detail,
    )
