"""Chance that falls alike on every run and every Python: only `random()` is promised to stay the same."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of chances. What it gives depends on the seed and the calls before, on nothing else."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def pick(self, things: Sequence[T]) -> T:
        return things[int(self.random() * len(things))]

    def whole(self, lowest: int, highest: int) -> int:
        """A whole number from `lowest` to `highest`, both included."""
        return lowest + int(self.random() * (highest - lowest + 1))

    def often_small(self, lowest: float, highest: float) -> float:
        """A number between the two; each doubling is as likely as the next, as sizes of companies are."""
        return lowest * (highest / lowest) ** self.random()


class Weighted(Generic[T]):
    """Things of which some fall more often than others."""

    def __init__(self, weights: dict[T, float]) -> None:
        self.things = tuple(weights)
        self.bounds = tuple(accumulate(weights.values()))

    def pick(self, dice: Dice) -> T:
        return self.things[bisect(self.bounds, dice.random() * self.bounds[-1], hi=len(self.things) - 1)]
