"""What an emergency came to: who, how many lookups and customers, how many denials. Read from the history."""

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from access import notices, policy
from access.errors import AlreadyDone
from access.models import Emergency, Grant, Inquiry, Person, Summary
from audit import recording
from audit.models import LogEntry, LogEntryQuerySet


def figures_of(emergency: Emergency, among: LogEntryQuerySet | None = None) -> dict:
    """The figures of an emergency, as JSON: totals, and a line for each person, the busiest first.

    among: the entries that count; all of them if None.
    """
    entries = (LogEntry.objects.all() if among is None else among).of_emergency(emergency.pk)
    lines = entries.filter(kind__in=["disclosure", "lookup", "denial"]).values(
        "actor_id", "actor_name", "actor_username", "actor_organization"
    )
    people = list(
        lines.order_by().annotate(
            lookups=Count("cid", distinct=True, filter=Q(kind__in=["disclosure", "lookup"])),
            customers=Count("customer_id", distinct=True, filter=Q(kind="disclosure")),
            denials=Count("pk", filter=Q(kind="denial")),
        )
    )
    people.sort(key=lambda line: (-line["lookups"], -line["denials"], line["actor_username"]))
    disclosures = entries.disclosures()
    last = disclosures.aggregate(last=Max("timestamp"))["last"]
    return {
        "people": people,
        "granted": Grant.objects.filter(emergency=emergency)
        .values("roster_entry__person")
        .distinct()
        .count(),
        "lookups": sum(line["lookups"] for line in people),
        "customers": disclosures.values("customer_id").distinct().count(),
        "denials": sum(line["denials"] for line in people),
        "inquiries": Inquiry.objects.filter(emergency=emergency).count(),
        "last_disclosure": last.isoformat() if last else None,
    }


def sum_up_what_is_over() -> int:
    """Makes the summary of each emergency that has ended and has none; returns how many."""
    count = 0
    for emergency in Emergency.objects.filter(ended_at__isnull=False, summary=None):
        try:
            with transaction.atomic():
                Summary.objects.create(emergency=emergency, figures=figures_of(emergency))
                recording.decision("emergency.summed_up", emergency, emergency_id=emergency.pk)
                notices.summed_up(emergency)
        except IntegrityError:
            continue  # another worker was quicker
        count += 1
    return count


@transaction.atomic
def take_up(by: Person, emergency: Emergency) -> Summary:
    """An auditor takes the summary up: it waits no longer. Raises Denied, or AlreadyDone."""
    policy.check_may(by, "access.take_up_summary")
    policy.check_may_review(by, emergency)
    summary = Summary.objects.select_for_update().get(emergency=emergency)
    if summary.read_at:
        raise AlreadyDone(_("%(person)s has taken it up already.") % {"person": summary.read_by})
    summary.read_at, summary.read_by = Now(), by
    summary.save(update_fields=["read_at", "read_by"])
    recording.decision("emergency.taken_up", emergency, actor=by, emergency_id=emergency.pk)
    return summary


def waiting_for(auditor: Person):
    """The summaries that wait for this auditor: of emergencies under contracts that they review, or none's."""
    contracts = policy.contracts_to_review(auditor)
    theirs = Grant.objects.filter(roster_entry__contract__in=contracts).values("emergency")
    granted = Grant.objects.values("emergency")
    return (
        Summary.objects.filter(read_at=None)
        .filter(Q(emergency__in=theirs) | ~Q(emergency__in=granted))
        .select_related("emergency")
        .order_by("made_at")
    )
