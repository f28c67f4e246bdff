"""What a decision on reading customers is: by what right, which rows, which fields, in which limits."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from access.people import Person
from customers.disclosure import Audience


@dataclass(frozen=True)
class Scope:
    """Some rows of customers and the fields that may leave for them.

    areas: ids of service areas. retailer_id: only this retailer's customers, or None. The grant's ids say
    by which right, for a contractor.
    """

    fields: frozenset[str]
    areas: frozenset[int]
    retailer_id: int | None = None
    grant_id: int | None = None
    emergency_id: int | None = None
    contract_id: int | None = None

    def is_within(self, other: "Scope") -> bool:
        """Whether these are one retailer's rows of a scope that has every retailer's."""
        is_part = self.retailer_id is not None and other.retailer_id is None
        return is_part and self.areas <= other.areas

    def rows(self) -> Q:
        """The condition on customers that says which rows are meant."""
        rows = Q(area_id__in=self.areas)
        if self.retailer_id is not None:
            rows &= Q(retailer_id=self.retailer_id)
        return rows


@dataclass(frozen=True)
class Limits:
    """Results of one lookup at most, and how many lookups in ten minutes are slowed, then stopped.

    A contractor's are the contract's, the strictest where several reach. granted_at: when the latest of the
    grants began; None for who needs none.
    """

    max_results: int
    slow_after: int
    stop_after: int
    granted_at: datetime | None = None


@dataclass(frozen=True)
class Basis:
    """By what right a person looks customers up: the scopes, the first that a row fits being its own."""

    person: Person
    audience: Audience
    why: str
    scopes: tuple[Scope, ...]
    limits: Limits
    inquiry_id: int | None = None
    #: Of each area of the scopes: its id, its name and its code.
    municipalities: tuple[tuple[int, str, str], ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """Every field that is shown for some row."""
        return frozenset().union(*(scope.fields for scope in self.scopes))
