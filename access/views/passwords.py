"""The page on which people choose a password by the code that they were sent."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from access.forms import ChoosePasswordForm


@sensitive_post_parameters()
def choose_password(request: HttpRequest) -> HttpResponse:
    """Whoever has the code chooses; it travels in the body, for addresses end up in logs."""
    form = ChoosePasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your password is chosen: sign in with it."))
        return redirect("portal:login")
    return render(request, "registration/choose_password.html", {"form": form})
