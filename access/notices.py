"""What people are told, in the portal and by email: each thing once, however often a task runs.

A notice is a row; a unique constraint on person, kind and occasion is what makes it one. Nothing of a
customer or a caller is ever in one.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from access.models import DelegationContract, Emergency, Grant, Heartbeat, Notice, Person, Request, Role
from audit.models import Review

#: Kind to the sentence that it reads as; the words are the notice's own.
# fmt: off
SENTENCES = {
    "declared":   gettext_noop("The emergency “%(name)s” is declared (%(by)s). It is open until %(until)s."),
    "drilled":    gettext_noop("The drill “%(name)s” has begun (%(by)s). It is open until %(until)s."),
    "called":     gettext_noop("You are called for in “%(name)s”: you may look callers up until %(until)s."),
    "expires_60": gettext_noop("“%(name)s” expires in an hour, at %(until)s. Extend it if it is still needed."),
    "expires_15": gettext_noop("“%(name)s” expires in 15 minutes, at %(until)s. Extend it if it is still needed."),
    "ended":      gettext_noop("“%(name)s” is over. Contractors see no customer any more."),
    "review":     gettext_noop("The review of “%(name)s” is open, and due on %(until)s."),
    "review_half": gettext_noop("Half of the time for the review of “%(name)s” is over. It is due on %(until)s."),
    "review_due": gettext_noop("The review of “%(name)s” is overdue: it was due on %(until)s."),
    "review_two": gettext_noop("The review of “%(name)s” is overdue since %(until)s: until it is signed off, a second supervisor agrees to what is granted under “%(contract)s” or another contract with its delegate."),
    "suspended":  gettext_noop("The contract “%(name)s” is suspended, and everything under it has stopped."),
    "waiting":    gettext_noop("A request waits for an answer: %(kind)s, from %(by)s."),
    "password":   gettext_noop("A new password for your account was asked for (%(by)s). If you did not ask for one, say so at once."),
    "terms":      gettext_noop("The terms of the contract “%(name)s” were changed (%(by)s)."),
    "stopped":    gettext_noop("%(by)s looked up more than any caller explains (%(until)s): the grants are revoked. Look at what was looked up."),
    "paused":     gettext_noop("%(by)s looked up more than any caller explains (%(until)s), and had to pause. Look at what was looked up."),
    "silent":     gettext_noop("No worker has been heard from since %(until)s. Refusals hold all the same; ask IT to look."),
}
# fmt: on

#: Minutes before an expiry at which it is told.
WARNINGS = (60, 15)
#: Emails sent in one run of the task.
EMAILS_AT_A_TIME = 200
#: Seconds after which a worker that was not heard from is missed.
SILENCE = 5 + 5 * settings.SWEEP_SECONDS


def tell(people: Iterable[Person], kind: str, about: str, words: dict, path: str) -> None:
    """Writes the notice for each of the people who has not got it. `about` names the occasion."""
    Notice.objects.bulk_create(
        (Notice(person=person, kind=kind, about=about, words=words, path=path) for person in people),
        ignore_conflicts=True,
        batch_size=1000,
    )


def sentence(notice: Notice) -> str:
    """The notice in the active language; moments in Japan time."""
    words = dict(notice.words)
    if "month" in words:
        words["name"] = formats.date_format(date.fromisoformat(words["month"]), "YEAR_MONTH_FORMAT")
    if "until" in words:
        words["until"] = moment(words["until"])
    if notice.kind == "waiting":
        words["kind"] = Request.Kind(words["kind"]).label
    return _(SENTENCES[notice.kind]) % words


def moment(iso: str) -> str:
    """A moment kept as ISO 8601 text, in Japan time, as pages write it."""
    return formats.date_format(timezone.localtime(datetime.fromisoformat(iso)), "DATETIME_FORMAT")


def read_all(person: Person) -> None:
    """Marks everything that the person was told as read."""
    person.notices.filter(read_at=None).update(read_at=Now())


def supervisors():
    return Person.objects.filter(role=Role.SUPERVISOR, is_active=True)


def auditors_of(contracts: Iterable[DelegationContract]):
    """The auditors who may review one of the contracts, by object permission of theirs or their group's."""
    return _auditors_of([contract.pk for contract in contracts])


def _auditors_of(pks: list[int]):
    held = Q(
        contractuserpermission__content_object__in=pks,
        contractuserpermission__permission__codename="review_contract",
    ) | Q(
        groups__contractgrouppermission__content_object__in=pks,
        groups__contractgrouppermission__permission__codename="review_contract",
    )
    return _auditors().filter(held).distinct()


def _auditors():
    return Person.objects.filter(role=Role.AUDITOR, is_active=True)


def contracts_of(emergency: Emergency):
    """The contracts under which somebody was granted in the emergency."""
    return DelegationContract.objects.filter(roster__grants__emergency=emergency).distinct()


def declared(emergency: Emergency, contracts: Iterable[DelegationContract]) -> None:
    """Tells the other supervisors, and the contracts' auditors at once: a false emergency is the abuse."""
    words = _words_of(emergency) | {"by": emergency.declared_by.name}
    path = reverse("portal:emergency", args=[emergency.pk])
    kind = "drilled" if emergency.is_drill else "declared"
    tell(supervisors().exclude(pk=emergency.declared_by_id), kind, f"emergency {emergency.pk}", words, path)
    tell(auditors_of(contracts), kind, f"emergency {emergency.pk}", words, path)


def ended(emergency: Emergency) -> None:
    """Tells supervisors and the contracts' auditors that it is over."""
    path = reverse("portal:emergency", args=[emergency.pk])
    about = f"emergency {emergency.pk}"
    tell(supervisors(), "ended", about, _words_of(emergency), path)
    tell(auditors_of(contracts_of(emergency)), "ended", about, _words_of(emergency), path)


def suspended(contract: DelegationContract, holders: Iterable[Person]) -> None:
    """Tells supervisors, the contract's auditors, and those whose grants stopped."""
    assert contract.suspended_at
    about = f"contract {contract.pk} {contract.suspended_at:%Y-%m-%dT%H:%M:%S.%f}"
    words, path = {"name": contract.title}, reverse("portal:roster", args=[contract.pk])
    tell(supervisors(), "suspended", about, words, path)
    tell(auditors_of([contract]), "suspended", about, words, path)
    tell(holders, "suspended", about, words, reverse("portal:index"))


def terms_changed(contract: DelegationContract, by: Person, at: datetime) -> None:
    """Tells the contract's auditors and the other supervisors: wider terms are wider access."""
    path = reverse("portal:access_delegationcontract_change", args=[contract.pk])
    about, words = f"contract {contract.pk} {at.isoformat()}", {"name": contract.title, "by": by.name}
    for people in (supervisors().exclude(pk=by.pk), auditors_of([contract])):
        tell(people, "terms", about, words, path)


def password_asked_for(request: Request) -> None:
    """Tells the person whose password it is, who may know nothing of it."""
    assert request.subject
    words = {"by": request.asked_by.name}
    tell([request.subject], "password", f"request {request.pk}", words, reverse("portal:index"))


def stopped(person: Person, at: datetime) -> None:
    """Tells supervisors and the auditors of the person's contracts that somebody was stopped."""
    words = {"by": person.name, "until": at.isoformat()}
    about = f"person {person.pk} {at.isoformat()}"
    contracts = DelegationContract.objects.filter(roster__person=person)
    tell(supervisors(), "stopped", about, words, reverse("portal:lookups"))
    tell(auditors_of(contracts), "stopped", about, words, reverse("portal:history"))


def paused(person: Person, at: datetime) -> None:
    """Tells supervisors that somebody who needs no grant was stopped for a while."""
    words = {"by": person.name, "until": at.isoformat()}
    tell(supervisors(), "paused", f"person {person.pk} {at.isoformat()}", words, reverse("portal:lookups"))


@transaction.atomic
def tell_what_time_asks_for() -> None:
    """Notices that follow from the facts at this moment: called for, expiring soon, over, waiting."""
    for emergency in Emergency.objects.open():
        _tell_who_is_called_for(emergency)
    for minutes in WARNINGS:
        soon = Now() + timedelta(minutes=minutes)
        for emergency in Emergency.objects.open().filter(expires_at__lte=soon):
            # A late run says what is true now: 15 minutes, not 60
            if minutes == WARNINGS[-1] or not _expires_within(emergency, WARNINGS[-1]):
                about = f"emergency {emergency.pk} {emergency.expires_at:%Y-%m-%dT%H:%M:%S}"
                path = reverse("portal:extend_emergency", args=[emergency.pk])
                tell(supervisors(), f"expires_{minutes}", about, _words_of(emergency), path)
    for request in Request.objects.waiting().select_related("asked_by", "subject"):
        words = {"kind": request.kind, "by": request.asked_by.name}
        role = Role.ADMINISTRATOR if request.kind in ("account", "right") else Role.SUPERVISOR
        people = Person.objects.filter(role=role, is_active=True).exclude(
            pk__in=[request.asked_by_id, request.subject_id or 0]
        )
        tell(people, "waiting", f"request {request.pk}", words, reverse("portal:requests"))
    _tell_of_reviews_that_wait()


def _expires_within(emergency: Emergency, minutes: int) -> bool:
    soon = Now() + timedelta(minutes=minutes)
    return Emergency.objects.filter(pk=emergency.pk, expires_at__lte=soon).exists()


def _tell_who_is_called_for(emergency: Emergency) -> None:
    told = Notice.objects.filter(kind="called", about=f"emergency {emergency.pk}").values("person")
    live = Grant.objects.live().filter(emergency=emergency)
    people = Person.objects.filter(roster_entries__grants__in=live).exclude(pk__in=told).distinct()
    tell(people, "called", f"emergency {emergency.pk}", _words_of(emergency), reverse("portal:index"))


def review_opened(review: Review) -> None:
    """Tells those who make the review that it is open."""
    _tell_of("review", review, _auditors_who_make(review))


def _tell_of_reviews_that_wait() -> None:
    """After half of a review's time, and when it is overdue: its auditors, and supervisors if it takes two."""
    for review in Review.objects.half_over():
        _tell_of("review_half", review, _auditors_who_make(review))
    for review in Review.objects.overdue():
        _tell_of("review_due", review, _auditors_who_make(review))
    for review in Review.objects.holding_back():
        _tell_of("review_two", review, supervisors())


def _tell_of(kind: str, review: Review, people) -> None:
    """Tells of the review, once; once more when it has been opened again."""
    about = f"review {review.pk}" + (f" {review.reopened_at.isoformat()}" if review.reopened_at else "")
    if Notice.objects.filter(kind=kind, about=about).exists():
        return  # a review waits for days, and the sweep comes every two seconds
    words = {"until": review.due_at.isoformat(), "contract": review.contract_title}
    if review.period:
        words["month"] = review.period.isoformat()
    else:
        words["name"] = review.emergency_name
    contract = review.contract_id
    path = reverse("portal:review", args=[review.pk])
    if kind == "review_two":
        path = reverse("portal:roster", args=[contract])
    tell(people, kind, about, words, path)


def _auditors_who_make(review: Review):
    return _auditors() if review.contract_id is None else _auditors_of([review.contract_id])


def worker_silent_since():
    """When the last worker was heard from, if that is too long ago; None if all is well or none ever was."""
    limit = Now() - timedelta(seconds=SILENCE)
    beat = Heartbeat.objects.filter(pk=1, heard_at__lt=limit).first()
    return beat.heard_at if beat else None


def miss_the_worker() -> None:
    """Tells supervisors and administrators, once a silence, by email at once: no worker would send it."""
    since = worker_silent_since()
    if since is None:
        return
    people = Person.objects.filter(role__in=[Role.SUPERVISOR, Role.ADMINISTRATOR], is_active=True)
    about = f"worker {since:%Y-%m-%dT%H:%M:%S}"
    if Notice.objects.filter(kind="silent", about=about).exists():
        return
    tell(people, "silent", about, {"until": since.isoformat()}, reverse("portal:index"))
    send_emails(Notice.objects.filter(kind="silent", about=about))


def send_emails(notices=None) -> int:
    """Emails the notices that were not yet, to those who have an address; returns how many were sent.

    Each is locked while it is sent, so that two workers do not send the same. Whoever has no address
    has the portal.
    """
    waiting = Notice.objects.all() if notices is None else notices
    with transaction.atomic():
        batch = list(
            waiting.filter(emailed_at=None)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("person")
            .order_by("pk")[:EMAILS_AT_A_TIME]
        )
        messages = [_email(notice) for notice in batch if notice.person.email]
        if messages:
            get_connection().send_messages(messages)
        Notice.objects.filter(pk__in=[notice.pk for notice in batch]).update(emailed_at=Now())
    return len(messages)


def _email(notice: Notice) -> EmailMessage:
    """The notice as a message: Japanese, then English, and where to look."""
    said = {}
    for language in ("ja", "en"):
        with translation.override(language):
            said[language] = sentence(notice)
    return EmailMessage(
        subject=said["ja"],
        body=f"{said['ja']}\n\n{said['en']}\n\n{settings.PORTAL_ADDRESS}{notice.path}\n",
        to=[notice.person.email],
        # The same notice is the same message, whoever sends it again
        headers={"Message-ID": f"<notice-{notice.pk}@{settings.PORTAL_HOST}>"},
    )


def _words_of(emergency: Emergency) -> dict:
    return {"name": emergency.name, "until": emergency.expires_at.isoformat()}
