"""What people are told, in the portal and by email: each thing once, however often a task runs.

A notice is a row; a unique constraint on person, kind and occasion is what makes it one. Nothing of a
customer or a caller is ever in one.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from access import durations, policy
from access.models import DelegationContract, Emergency, Grant, Notice, Person, Request, Role
from audit.models import Review

#: Kind to the sentence that it reads as; the words are the notice's own.
# fmt: off
SENTENCES = {
    "declared":   gettext_noop("The emergency “%(name)s” is declared (%(by)s). It is open until %(until)s."),
    "drilled":    gettext_noop("The drill “%(name)s” has begun (%(by)s). It is open until %(until)s."),
    "called":     gettext_noop("You are called for in “%(name)s”: you may look callers up until %(until)s."),
    "expires_60": gettext_noop("“%(name)s” expires at %(until)s (%(left)s left when this was sent). Extend it if it is still needed."),
    "expires_15": gettext_noop("“%(name)s” expires at %(until)s (%(left)s left when this was sent). Extend it if it is still needed."),
    "grant_60":   gettext_noop("Your access in “%(name)s” ends at %(until)s (%(left)s left when this was sent). Ask a supervisor if you are needed longer."),
    "grant_15":   gettext_noop("Your access in “%(name)s” ends at %(until)s (%(left)s left when this was sent). Ask a supervisor if you are needed longer."),
    "grants_60":  gettext_noop("In “%(name)s” access of %(count)s people ends before the emergency does, first at %(until)s (%(left)s left when this was sent). Grant anew whoever is still needed."),
    "grants_15":  gettext_noop("In “%(name)s” access of %(count)s people ends before the emergency does, first at %(until)s (%(left)s left when this was sent). Grant anew whoever is still needed."),
    "granted":    gettext_noop("%(count)s people were granted access in “%(name)s” under “%(contract)s” (%(by)s)."),
    "ended":      gettext_noop("“%(name)s” is over. Contractors see no customer any more."),
    "review":     gettext_noop("The review of “%(name)s” is open, and due on %(until)s."),
    "review_half": gettext_noop("Half of the time for the review of “%(name)s” is over. It is due on %(until)s."),
    "review_due": gettext_noop("The review of “%(name)s” is overdue: it was due on %(until)s."),
    "review_two": gettext_noop("The review of “%(name)s” is overdue since %(until)s: until it is signed off, a second supervisor agrees to what is granted under “%(contract)s” or another contract with its delegate."),
    "suspended":  gettext_noop("The contract “%(name)s” is suspended, and everything under it has stopped."),
    "agreed":     gettext_noop("Agreed to (%(by)s), what you asked for: %(kind)s, %(about)s."),
    "half_agreed": gettext_noop("Agreed to (%(by)s), what you asked for: %(kind)s, %(about)s. A second supervisor has yet to agree."),
    "refused":    gettext_noop("Refused (%(by)s), what you asked for: %(kind)s, %(about)s."),
    "lapsed":     gettext_noop("Nobody answered in time what you asked for: %(kind)s, %(about)s."),
    "pointless":  gettext_noop("There is nothing to answer any more in what you asked for: %(kind)s, %(about)s."),
    "waiting":    gettext_noop("A request waits for an answer: %(kind)s, from %(by)s."),
    "account_asked": gettext_noop("Somebody asked for a change of your account (%(by)s): %(what)s. If you know nothing of it, say so at once."),
    "account_done":  gettext_noop("Your account has been changed (%(by)s): %(what)s. If you know nothing of it, say so at once."),
    "auditors_asked": gettext_noop("Somebody asked for a change of who reviews (%(by)s): %(what)s."),
    "auditors_done": gettext_noop("Who reviews has been changed (%(by)s): %(what)s."),
    "password_code": gettext_noop("Choose a password for your account %(name)s: an email brings you the code for it."),
    "password":   gettext_noop("A new password for your account was asked for (%(by)s). If you did not ask for one, say so at once."),
    "terms":      gettext_noop("The terms of the contract “%(name)s” were changed (%(by)s)."),
    "stopped":    gettext_noop("%(by)s looked up more than any caller explains (%(until)s): the grants are revoked. Look at what was looked up."),
    "paused":     gettext_noop("%(by)s looked up more than any caller explains (%(until)s), and had to pause. Look at what was looked up."),
    "silent":     gettext_noop("No worker has been heard from since %(until)s. Refusals hold all the same; ask IT to look."),
}
# fmt: on

#: The notice whose email brings a code to choose a password by.
CODE = "password_code"
#: Minutes before an end at which it is told, and the kinds of notices that tell it.
WARNINGS = (60, 15)
WARNED = {f"{kind}_{minutes}": minutes for kind in ("expires", "grant", "grants") for minutes in WARNINGS}


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
    if notice.kind in WARNED:
        minutes = words.get("minutes", WARNED[notice.kind])  # older notices say only which warning they were
        words["left"] = durations.in_words(timedelta(minutes=minutes))
    if "kind" in words:
        words["kind"] = Request.Kind(words["kind"]).label
    if isinstance(words.get("what"), dict):
        words["what"] = words["what"][translation.get_language() or settings.LANGUAGE_CODE]
    return _(SENTENCES[notice.kind]) % words


def moment(iso: str) -> str:
    """A moment kept as ISO 8601 text, in Japan time, as pages write it."""
    return formats.date_format(timezone.localtime(datetime.fromisoformat(iso)), "DATETIME_FORMAT")


def read_all(person: Person) -> None:
    """Marks everything that the person was told as read."""
    person.notices.filter(read_at=None).update(read_at=Now())


def supervisors():
    return Person.objects.filter(role=Role.SUPERVISOR, is_active=True)


def _auditors_of(contracts: Iterable[DelegationContract]):
    return policy.auditors_of([contract.pk for contract in contracts])


def contracts_of(emergency: Emergency):
    """The contracts under which somebody was granted in the emergency."""
    return DelegationContract.objects.filter(roster__grants__emergency=emergency).distinct()


def declared(emergency: Emergency, contracts: Iterable[DelegationContract]) -> None:
    """Tells the other supervisors, and the contracts' auditors at once: a false emergency is the abuse."""
    words = _words_of(emergency) | {"by": emergency.declared_by.name}
    path = reverse("portal:emergency", args=[emergency.pk])
    kind = "drilled" if emergency.is_drill else "declared"
    people = [*supervisors().exclude(pk=emergency.declared_by_id), *_auditors_of(contracts)]
    tell(people, kind, f"emergency {emergency.pk}", words, path)


def granted(emergency: Emergency, contract: DelegationContract, by: Person, count: int, at: datetime) -> None:
    """Tells the contract's auditors of people granted at a moment, unless the declaration told them just now."""
    if at == emergency.declared_at:
        return
    words = _words_of(emergency) | {"contract": contract.title, "by": by.name, "count": count}
    about = f"emergency {emergency.pk} contract {contract.pk} {at:%Y-%m-%dT%H:%M:%S.%f}"
    tell(_auditors_of([contract]), "granted", about, words, reverse("portal:emergency", args=[emergency.pk]))


def ended(emergency: Emergency) -> None:
    """Tells supervisors and the contracts' auditors that it is over."""
    path = reverse("portal:emergency", args=[emergency.pk])
    auditors = policy.auditors_of(contracts_of(emergency).values("pk"))
    tell([*supervisors(), *auditors], "ended", f"emergency {emergency.pk}", _words_of(emergency), path)


def suspended(contract: DelegationContract, holders: Iterable[Person]) -> None:
    """Tells supervisors, the contract's auditors, and those whose grants stopped."""
    assert contract.suspended_at
    about = f"contract {contract.pk} {contract.suspended_at:%Y-%m-%dT%H:%M:%S.%f}"
    words, path = {"name": contract.title}, reverse("portal:roster", args=[contract.pk])
    tell([*supervisors(), *_auditors_of([contract])], "suspended", about, words, path)
    tell(holders, "suspended", about, words, reverse("portal:index"))


def terms_changed(contract: DelegationContract, by: Person, at: datetime) -> None:
    """Tells the contract's auditors and the other supervisors: wider terms are wider access."""
    path = reverse("portal:access_delegationcontract_change", args=[contract.pk])
    about, words = f"contract {contract.pk} {at.isoformat()}", {"name": contract.title, "by": by.name}
    tell([*supervisors().exclude(pk=by.pk), *_auditors_of([contract])], "terms", about, words, path)


def answered(requests: Iterable[Request]) -> None:
    """Tells whoever asked what came of it, and whom a grant was asked for on their own call for help."""
    for request in requests:
        about = request.emergency or request.contract or request.subject
        words = {"kind": request.kind, "about": str(about or "–"), "by": str(request.answered_by)}
        people = {request.asked_by}
        if request.kind == Request.Kind.GRANT and request.subject:
            people.add(request.subject)
        half = request.answer == Request.Answer.AGREED and (request.outcome or {}).get("waiting")
        for person in people:
            path = "portal:index" if person.role == Role.CONTRACTOR else "portal:requests"
            kind = "half_agreed" if half else str(request.answer)
            tell([person], kind, f"request {request.pk}", words, reverse(path))


def stopped(person: Person, at: datetime) -> None:
    """Tells supervisors and the auditors of the person's contracts that somebody was stopped."""
    words = {"by": person.name, "until": at.isoformat()}
    about = f"person {person.pk} {at.isoformat()}"
    contracts = DelegationContract.objects.filter(roster__person=person)
    tell(supervisors(), "stopped", about, words, reverse("portal:lookups"))
    tell(_auditors_of(contracts), "stopped", about, words, reverse("portal:history"))


def paused(person: Person, at: datetime) -> None:
    """Tells supervisors that somebody who needs no grant was stopped for a while."""
    words = {"by": person.name, "until": at.isoformat()}
    tell(supervisors(), "paused", f"person {person.pk} {at.isoformat()}", words, reverse("portal:lookups"))


@transaction.atomic
def tell_what_time_asks_for() -> None:
    """Notices that follow from the facts at this moment: called for, over, waiting."""
    for emergency in Emergency.objects.open():
        _tell_who_is_called_for(emergency)
    for request in Request.objects.waiting().select_related("asked_by", "emergency", "contract"):
        _tell_who_may_answer(request)
    _tell_of_reviews_that_wait()


def _tell_who_may_answer(request: Request) -> None:
    if Notice.objects.filter(kind="waiting", about=f"request {request.pk}").exists():
        return  # a request waits for hours, and the sweep comes every two seconds
    words = {"kind": request.kind, "by": request.asked_by.name}
    role = Role.SUPERVISOR if request.kind in policy.OF_SUPERVISORS else Role.ADMINISTRATOR
    people = [
        one for one in Person.objects.filter(role=role, is_active=True) if policy.may_answer(one, request)
    ]
    tell(people, "waiting", f"request {request.pk}", words, reverse("portal:requests"))


def _tell_who_is_called_for(emergency: Emergency) -> None:
    about = f"emergency {emergency.pk}"
    told = Notice.objects.filter(kind="called", about=about).values("person")
    live = Grant.objects.live().filter(emergency=emergency).exclude(roster_entry__person__in=told)
    called: dict[datetime, list[int]] = defaultdict(list)
    for person, _since, until in live.windows_of_people():
        called[until].append(person)
    for until, people in called.items():
        words = {"name": emergency.name, "until": until.isoformat()}
        tell(Person.objects.filter(pk__in=people), "called", about, words, reverse("portal:index"))


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
    return policy.auditors() if review.contract_id is None else policy.auditors_of([review.contract_id])


def _words_of(emergency: Emergency) -> dict:
    return {"name": emergency.name, "until": emergency.expires_at.isoformat()}
