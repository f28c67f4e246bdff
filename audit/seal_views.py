"""Pages of the seals, and proofs to take away."""

import json

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit import proving, sealing, signing
from audit.models import LogEntry, Seal
from audit.proof import key_id

#: Seals of one page.
PAGE = 50


class TwoSeals(forms.Form):
    """Two seals, the older of which the newer continues."""

    older = forms.IntegerField(label=gettext_lazy("Older seal"), min_value=1, max_value=2**62)
    newer = forms.IntegerField(label=gettext_lazy("Newer seal"), min_value=1, max_value=2**62)

    def clean(self) -> dict:
        cleaned = super().clean()
        older, newer = cleaned.get("older"), cleaned.get("newer")
        if older and newer and older >= newer:
            self.add_error("newer", _("Choose a seal that is newer than the other."))
        for name in ("older", "newer"):
            if cleaned.get(name) and not Seal.objects.filter(number=cleaned[name]).exists():
                self.add_error(name, _("There is no such seal."))
        return cleaned


def seals(request: HttpRequest) -> HttpResponse:
    """The seals, newest first, whether sealing works, and what can be taken away or asked for."""
    return _seals(request, TwoSeals())


@require_POST
def proof_of_seals(request: HttpRequest) -> HttpResponse:
    """A file that proves that one seal's history continues another's; with bad input the page again."""
    form = TwoSeals(request.POST)
    if not form.is_valid():
        return _seals(request, form)
    older, newer = form.cleaned_data["older"], form.cleaned_data["newer"]
    return _file(proving.of_seals(request.user, older, newer), f"seals-{older}-{newer}")


@require_POST
def proof_of_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """A file that proves one entry to be in the newest seal."""
    try:
        proof = proving.of_entries(request.user, LogEntry.objects.filter(pk=pk), f"#{pk}")
    except proving.NothingSealed:
        messages.info(request, _("The entry is not sealed yet: try again in a minute."))
        return redirect("portal:history_entry", pk)
    return _file(proof, f"entry-{pk}")


def public_key(request: HttpRequest) -> HttpResponse:
    """The public keys that are trusted here, for whoever checks; whoever doubts us has them from elsewhere."""
    try:
        keys = signing.trusted_keys()
    except signing.NoKey:
        raise Http404 from None
    wanted = request.GET.get("key", "")
    found = next((key for key in keys if key_id(key) == wanted), keys[-1])
    response = HttpResponse(signing.public_pem(found), content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="seal-key-{key_id(found)}.pub.pem"'
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
        "form": form,
    }
    return render(request, "portal/seals.html", context, status=400 if form.errors else 200)


def _file(proof: dict, name: str) -> HttpResponse:
    response = HttpResponse(json.dumps(proof, ensure_ascii=False, indent=1), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="proof-{name}.json"'
    return response
