"""What was typed when a session had ended: it waits in the browser's session for the person who typed it.

A form says whose it is, for when it is sent nobody is signed in any more. Whoever else signs in at the same
browser is shown nothing of it.
"""

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from access import kept, policy
from access.errors import Denied
from access.people import Person

#: Pages whose fields come back: each shows its form by GET, and no field of theirs is a customer's.
COME_BACK = frozenset(
    {
        "portal:take_inquiry",
        "portal:inquiry",
        "portal:lookup",
        "portal:close_inquiry",
        "portal:declare_emergency",
        "portal:extend_emergency",
        "portal:change_areas",
        "portal:grant",
        "portal:revoke_person",
        "portal:suspend",
        "portal:train",
        "portal:sign_off",
        "portal:reopen_review",
    }
)
#: The field by which a form says whose it is, and where the browser's session keeps a draft.
WRITTEN_BY, DRAFT = "written_by", "draft"
#: Seconds for which a form's word of its author is taken: a session's longest, and an hour.
AUTHOR_AGE = 13 * 60 * 60
#: Characters of a draft; a longer one is not kept.
MOST = 10_000
_NOT_TYPED = frozenset({"csrfmiddlewaretoken", WRITTEN_BY, "after", "plain"})


def author_mark(person: Person) -> str:
    """What a form says of who was shown it, signed."""
    return _signer().sign(person.pk)


def keep(request: HttpRequest, page: str) -> str | None:
    """Keeps what somebody sent who is signed in no more; returns the address to come back to.

    None, and nothing is kept, where the page or the author is none of ours, or the author may not look up now.
    """
    author = _author(request.POST.get(WRITTEN_BY, ""))
    if request.method != "POST" or page not in COME_BACK or author is None:
        return None
    try:
        policy.check_page(author, page)
        if page in ("portal:take_inquiry", "portal:inquiry", "portal:lookup", "portal:close_inquiry"):
            policy.check_called_for(author)
    except Denied:
        return None
    typed = {name: request.POST.getlist(name) for name in request.POST if name not in _NOT_TYPED}
    if sum(len(name) + len("".join(values)) for name, values in typed.items()) > MOST:
        return None
    sealed = kept.seal(author.pk, request.path, typed)
    request.session[DRAFT] = {"path": request.path, "typed": sealed}
    return request.path


def typed(request: HttpRequest) -> QueryDict | None:
    """What a form is filled with: what was sent, or what waits for this person and page; None for neither.

    What waits is shown once, and nothing is done with it: the person sends the form again.
    """
    if request.method == "POST":
        return request.POST
    draft = request.session.get(DRAFT)
    if not draft or draft["path"] != request.path:
        return None
    del request.session[DRAFT]
    fields = kept.unseal(request.user.pk, request.path, draft["typed"])
    if fields is None:
        return None
    filled = QueryDict(mutable=True)
    for name, values in fields.items():
        filled.setlist(name, values)
    messages.warning(
        request, _("Your session had ended. What you typed is here again; nothing was sent yet.")
    )
    return filled


def _author(mark: str) -> Person | None:
    try:
        pk = _signer().unsign(mark, max_age=AUTHOR_AGE)
    except signing.BadSignature:
        return None
    return Person.objects.filter(pk=pk, is_active=True).first()


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="whose form it is")
