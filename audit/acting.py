"""Who is acting now, from where, in which story: what every history entry is signed with.

The middleware sets it for a request, `as_person` for a task or a command. A person is whatever has
pk, username, name, role and organization; this module imports no models.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass
class Acting:
    """Who acts: `who` is called when an entry is written, for a request's person may sign in midway."""

    who: Callable[[], Any] = lambda: None
    address: str | None = None
    cid: str = field(default_factory=lambda: str(uuid4()))


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


def correlation_id() -> str:
    """The correlation id of the present story, or a new one outside any."""
    acting = _acting.get()
    return acting.cid if acting else str(uuid4())


def address() -> str | None:
    """The network address of the present story, if it has one."""
    acting = _acting.get()
    return acting.address if acting else None


@contextmanager
def as_acting(acting: Acting) -> Iterator[Acting]:
    """Within the block, history entries are signed with `acting`."""
    token = _acting.set(acting)
    try:
        yield acting
    finally:
        _acting.reset(token)


def as_person(person: Any):
    """Within the block `person` acts, in a story of its own; for tasks, commands and tests."""
    return as_acting(Acting(who=lambda: person))


def sign(entry: Any) -> None:
    """Fills in who, from where and in which story, as they are now; what is set already stays."""
    acting = _acting.get()
    if acting:
        entry.cid = entry.cid or acting.cid
        entry.remote_addr = entry.remote_addr or acting.address
    else:
        entry.cid = entry.cid or str(uuid4())
    person = entry.actor or (acting.who() if acting else None)
    if person is None or not person.pk:
        return
    entry.actor = person
    entry.actor_username = person.username
    entry.actor_name = person.name
    entry.actor_role = person.role
    entry.actor_organization = person.organization.name if person.organization_id else ""
