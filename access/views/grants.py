"""Pages of grants: given to rosters in an open emergency, revoked there or for one person."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import drafts, granting, policy, revoking
from access.errors import Unfit
from access.forms import BecauseForm, GrantForm
from access.models import Emergency, Grant, Person
from access.tasks import sweep
from access.views.acting import act_on, attempt
from access.views.emergencies import (
    contracts_with_rosters,
    emergency_page,
    left_out_word,
    rosters_to_choose,
    waiting_word,
)

#: A key as the database has them.
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Grants an open emergency to another contract's roster, or to some of its people."""
    one = get_object_or_404(Emergency, pk=pk)
    policy.check_may_act(request.user, "grant", areas=one.areas.all())
    contracts = contracts_with_rosters(request.user)
    form = GrantForm(drafts.typed(request), contracts=contracts)
    if request.method == "POST" and form.is_valid():
        given = attempt(
            request,
            lambda: granting.give_to_rosters(request.user, one, **form.cleaned_data),
            given_word,
        )
        if given is not None:
            sweep.delay_on_commit()
        return redirect("portal:emergency", pk)
    context = {
        "form": form,
        "emergency": one,
        "rosters": rosters_to_choose(form, contracts),
        "revoked": granting.revoked_lately_of(contracts),
    }
    return render(request, "portal/grant.html", context)


def given_word(given: granting.Given) -> str:
    """What came of granting, in a sentence or two."""
    said = [
        ngettext("%(n)d person holds a grant now.", "%(n)d people hold a grant now.", given.granted)
        % {"n": given.granted}
    ]
    if given.waiting:
        said.append(waiting_word(1))
    said += given.asked_before
    if given.left_out:
        said.append(left_out_word(given.left_out))
    if given.not_ready:
        said.append(
            ngettext(
                "%(n)d person was passed over, not being ready.",
                "%(n)d people were passed over, not being ready.",
                given.not_ready,
            )
            % {"n": given.not_ready}
        )
    return " ".join(said)


def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revokes the marked grants of an emergency."""
    form = BecauseForm(request.POST)
    marked = [int(one) for one in request.POST.getlist("grants") if NUMBER.fullmatch(one)]
    if not marked:
        form.add_error(None, _("Mark the grants to revoke."))
    if not form.is_valid():
        return emergency_page(request, pk, form)
    grants = Grant.objects.filter(emergency=pk, pk__in=marked)
    try:
        if attempt(
            request,
            lambda: revoking.revoke(request.user, grants, form.cleaned_data["because"]),
            revoked_word,
        ):
            sweep.delay_on_commit()
    except Unfit as unfit:
        form.add_error("because", str(unfit))
        return emergency_page(request, pk, form)
    return redirect("portal:emergency", pk)


def revoke_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Revokes everything that runs for one person."""
    person = get_object_or_404(Person, pk=pk, role="contractor")
    form = BecauseForm(drafts.typed(request))
    live = Grant.objects.live().filter(roster_entry__person=person)
    mine = live.filter(emergency__in=policy.emergencies_to_decide_on(request.user)).count()
    others = live.count() - mine
    return act_on(
        request,
        form,
        lambda: revoking.revoke_all_of(request.user, person, form.cleaned_data["because"]),
        revoked_word,
        then=reverse("portal:live_grants"),
        page={
            "title": _("Revoke every grant of %(person)s") % {"person": person},
            "lead": ngettext(
                "%(count)d live grant stops at once.", "%(count)d live grants stop at once.", mine
            )
            % {"count": mine},
            "notes": [left_word(others)] if others else [],
            "button": _("Revoke"),
            "danger": True,
        },
    )


def revoked_word(done: revoking.Revoked) -> str:
    said = ngettext("%(n)d grant is revoked.", "%(n)d grants are revoked.", done.count) % {"n": done.count}
    return f"{said} {left_word(done.left)}" if done.left else said


def left_word(count: int) -> str:
    return ngettext(
        "%(n)d grant in an emergency on which your office does not decide stays.",
        "%(n)d grants in emergencies on which your office does not decide stay.",
        count,
    ) % {"n": count}
