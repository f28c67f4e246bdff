"""Names of what people decide on: a new one waits for a second administrator.

The title of a contract is one of its terms (`access.terms`).

A code or a key decides, and a name is for people. But they read the name: whoever could swap those of two
areas, alone and at once, would have another declare in the wrong one.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from access import clock, requests
from access.models import Office, Person, Request
from customers.models import Organization, ServiceArea

WAITS_FOR = timedelta(days=7)
#: What is named, by its key in `Request.detail`, and the columns that name it.
# fmt: off
NAMED: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "area":         (ServiceArea,        ("name", "name_kana", "name_en")),
    "organization": (Organization,       ("name", "name_en", "code")),
    "office":       (Office,             ("name", "name_en")),
}
# fmt: on


@transaction.atomic
def rename(by: Person, about: Any) -> Request | None:
    """Files a request for the names that the unsaved object has, and gives it back its stored ones.

    Returns None where they are the stored ones. Raises AlreadyDone where a request for it waits already.
    """
    thing, columns = _thing(about)
    stored = _names(type(about)._default_manager.get(pk=about.pk), columns)
    wanted = {name: value for name, value in _names(about, columns).items() if value != stored[name]}
    for name, value in stored.items():
        setattr(about, name, value)
    if not wanted:
        return None
    return requests.ask(
        by,
        Request.Kind.NAME,
        about=f"{thing} {about.pk}",
        lapses_at=clock.database_now() + WAITS_FOR,
        detail={"thing": thing, "object": about.pk, "names": wanted, "as": stored},
    )


def waiting(about: Any) -> list[Request]:
    """The request for a name of the object that waits for an answer, if there is one."""
    first = requests.waiting(Request.Kind.NAME, f"{_thing(about)[0]} {about.pk}")
    return [first] if first else []


def carry_out(request: Request, by: Person) -> None:
    """Gives the names to which a second administrator agreed. Pointless where others were given meanwhile."""
    model, columns = NAMED[request.detail["thing"]]
    about = model._default_manager.select_for_update(of=("self",)).get(pk=request.detail["object"])
    if _names(about, columns) != request.detail["as"]:
        raise requests.Pointless("wider")
    for name, value in request.detail["names"].items():
        setattr(about, name, value)
    about.save()


def described(request: Request) -> str:
    """What a request about a name asks for, in the active language."""
    model, _columns = NAMED[request.detail["thing"]]
    about = model._default_manager.get(pk=request.detail["object"])
    before = request.detail["as"]
    changes = [
        f"{model._meta.get_field(name).verbose_name}{_(': ')}{before[name] or '–'} → {value or '–'}"  # type: ignore[union-attr]
        for name, value in request.detail["names"].items()
    ]
    return f"{about}{_(': ')}" + _(", ").join(changes)


def _thing(about: Any) -> tuple[str, tuple[str, ...]]:
    """The key of what is named, and the columns that name it."""
    return next((key, columns) for key, (model, columns) in NAMED.items() if type(about) is model)


def _names(about: Any, columns: tuple[str, ...]) -> dict[str, str | None]:
    return {name: getattr(about, name) for name in columns}
