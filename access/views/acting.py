"""What pages that do something have in common: a form, one rule, a word for the person, the way on."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from access.errors import AlreadyDone, Unfit


def attempt(request: HttpRequest, act: Callable[[], Any], said: Callable[[Any], str]) -> Any:
    """Calls a rule and says what came of it: its own word when somebody else was quicker.

    Returns what the rule returns, or None. Unfit goes on to the caller, who has the form.
    """
    try:
        done = act()
    except AlreadyDone as late:
        messages.info(request, str(late))
        return None
    messages.success(request, said(done))
    return done


def act_on(
    request: HttpRequest,
    form: Form,
    act: Callable[[], Any],
    said: Callable[[Any], str],
    *,
    then: str,
    page: dict[str, Any],
) -> HttpResponse:
    """A page with one form and one button: `page` has title, lead, button, danger and cancel.

    What the rule finds unfit stands beside the field; nothing typed is lost.
    """
    if request.method == "POST" and form.is_valid():
        try:
            attempt(request, act, said)
            return redirect(then)
        except Unfit as unfit:
            form.add_error(unfit.field if unfit.field in form.fields else None, str(unfit))
    return render(request, "portal/act.html", {"form": form, "then": then, **page})
