"""The page of emails that could not be sent: to whom, since when, and why; never what they say."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from access import emails
from access.models import Notice
from access.tasks import email_notices
from access.views.acting import attempt

#: How many a page lists.
LISTED = 200


def unsent(request: HttpRequest) -> HttpResponse:
    """Lists them; a POST has those that were given up tried again."""
    if request.method == "POST":
        if attempt(request, lambda: emails.try_again(request.user), tried_again_word):
            email_notices.delay_on_commit()
        return redirect("portal:unsent_emails")
    found = Notice.objects.unsent()
    context = {
        "notices": found.select_related("person").order_by("-pk")[:LISTED],
        "count": found.count(),
        "listed": LISTED,
        "given_up": found.filter(email_given_up_at__isnull=False).count(),
    }
    return render(request, "portal/unsent_emails.html", context)


def tried_again_word(count: int) -> str:
    return ngettext("%(n)d email is tried again.", "%(n)d emails are tried again.", count) % {"n": count}
