"""Pages of the seals, and proofs to take away."""

import json

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.errors import Unfit
from audit import errands, proving, sealing, signing
from audit.forms import HistoryFilter
from audit.models import Errand, LogEntry, Seal
from audit.proof import key_id
from audit.tasks import do_errands

#: Seals of one page.
PAGE = 50


class TwoSeals(forms.Form):
    """Two seals, the older of which the newer continues."""

    older = forms.IntegerField(label=_("Older seal"), min_value=1, max_value=2**62)
    newer = forms.IntegerField(label=_("Newer seal"), min_value=1, max_value=2**62)


def seals(request: HttpRequest) -> HttpResponse:
    """The seals, newest first, whether sealing works, and what can be taken away or asked for."""
    return _seals(request, TwoSeals())


def verify(request: HttpRequest) -> HttpResponse:
    """Asks for a verification of the whole history; a worker does it."""
    try:
        errand = errands.ask(Errand.Kind.VERIFY, request.user, {"language": request.LANGUAGE_CODE})
    except Unfit as unfit:
        messages.info(request, str(unfit))
        return redirect("portal:errands")
    do_errands.delay_on_commit()
    return redirect("portal:errand", errand.pk)


def proof_of_seals(request: HttpRequest) -> HttpResponse:
    """A file that proves that one seal's history continues another's; with bad input the page again."""
    form = TwoSeals(request.POST)
    if form.is_valid():
        older, newer = form.cleaned_data["older"], form.cleaned_data["newer"]
        try:
            return _file(proving.of_seals(request.user, older, newer), f"seals-{older}-{newer}")
        except Unfit as unfit:
            form.add_error(unfit.field, str(unfit))
    return _seals(request, form)


def proof_of_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """A file that proves one entry to be in the newest seal."""
    try:
        return _file(proving.of_entry(request.user, pk), f"entry-{pk}")
    except LogEntry.DoesNotExist:
        raise Http404 from None
    except Unfit as unfit:
        messages.info(request, str(unfit))
        return redirect("portal:history_entry", pk)


def proof_of_history(request: HttpRequest) -> HttpResponse:
    """A file that proves what the filters show: a customer's entries, an emergency's, a person's."""
    wanted = HistoryFilter.of_link(request.GET, reader=request.user).filters()
    back = f"{reverse('portal:history')}?{request.GET.urlencode()}"
    if wanted is None:
        return redirect(back)
    try:
        return _file(proving.of_filtered(request.user, wanted), "history")
    except Unfit as unfit:
        messages.info(request, str(unfit))
        return redirect(back)


def public_key(request: HttpRequest) -> HttpResponse:
    """A public key that is trusted here; whoever doubts us has it from elsewhere too."""
    try:
        keys = {key_id(key): key for key in signing.trusted_keys()}
    except signing.NoKey:
        raise Http404 from None
    name = request.GET.get("key") or next(reversed(keys))
    if name not in keys:
        raise Http404
    response = HttpResponse(signing.public_pem(keys[name]), content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="seal-key-{name}.pub.pem"'
    return response


def _seals(request: HttpRequest, form: TwoSeals) -> HttpResponse:
    after = request.GET.get("after", "")
    listed = Seal.objects.prefetch_related("heads")
    if after.isascii() and after.isdigit():
        listed = listed.filter(number__lt=int(after[:18]))
    found = list(listed[: PAGE + 1])
    context = {
        "seals": [(seal, json.loads(seal.head)) for seal in found[:PAGE]],
        "next_after": found[PAGE - 1].number if len(found) > PAGE else None,
        "waiting_since": sealing.waiting_since(),
        "is_behind": sealing.is_behind(),
        "published": bool(settings.SEAL_HEADS),
        "verified": errands.of(request.user).filter(kind=Errand.Kind.VERIFY)[:3],
        "form": form,
    }
    return render(request, "portal/seals.html", context)


def _file(proof: dict, name: str) -> HttpResponse:
    response = HttpResponse(json.dumps(proof, ensure_ascii=False, indent=1), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="proof-{name}.json"'
    return response
