"""Which entries a review judges: drawn when it opens, by a seed that stands in the history from then on.

Anybody can draw it again. Disclosures up to the opening are put in the order of
SHA-256(seed + ":" + id of the entry). First come those that must not be (after the end, outside any
emergency), all that fit; then, up to half of the sample, those of people who stand out; the rest are the
next of all others. The seed comes from the operating system's randomness in the transaction that writes it
into the history, and the review's figures say who stood out: so no user of the portal chooses, and once the
entry `review.opened` is sealed, nobody can draw anew unseen. What does not hold: whoever controls the
database or the portal's process could roll the opening back until a seed suits, before anything is sealed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BinaryField, CharField, F, Func, Q, Value
from django.db.models.functions import Cast, Concat

from audit.models import ReviewedEntry
from audit.review_figures import Part

Why = ReviewedEntry.Why


@dataclass(frozen=True)
class Drawn:
    entry_id: int
    timestamp: datetime
    why: str


def draw(part: Part, figures: dict[str, Any], seed: str, size: int) -> list[Drawn]:
    """At most `size` disclosures of the part, as the module says; figures: what `review_figures.of` gave."""
    odd = Q(actor_id__in=[line["actor_id"] for line in figures["lines"] if line["odd"]])
    there = part.disclosures.filter(timestamp__lt=part.until).annotate(place=_place(seed)).order_by("place")
    drawn: list[Drawn] = []
    for condition, why, up_to in (
        (part.late, Why.OUTLIER, size),
        (odd, Why.OUTLIER, size // 2),
        (Q(), Why.RANDOM, size),
    ):
        others = there.exclude(pk__in=[one.entry_id for one in drawn]).filter(condition)
        rows = others.values_list("pk", "timestamp")[: max(0, up_to - len(drawn))]
        drawn += [Drawn(pk, timestamp, why) for pk, timestamp in rows]
    return drawn


def _place(seed: str) -> Func:
    """An entry's place in the order of the seed."""
    text = Concat(Value(seed + ":"), Cast(F("pk"), CharField()))
    return Func(text, template="sha256(convert_to(%(expressions)s, 'UTF8'))", output_field=BinaryField())
