"""What a caller is looked up by: the words, what they may mean, and whether they mean one household.

Words become conditions on the stored keys, in steps of likeliness: a first step that is likeliest to be
the caller, and later ones for what was said in part. Every step has an index (tests/customers/test_plans.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property

from django.db.models import Q, Value
from django.db.models.functions import Substr
from django.db.models.lookups import Contains, EndsWith, Exact

from customers import addresses, normalising
from customers.addresses import Address
from customers.models import LastDigits

#: Digits of a whole supply point number, and of a whole phone number.
NUMBER_DIGITS, PHONE_DIGITS = 22, (9, 10, 11)
#: Fewest characters by which a part in the middle is searched: fewer have no trigram.
PART = 3

#: Terms to the fields of a customer that they ask of.
ASKS_OF = {
    "supply_point_number": ("supply_point_number",),
    "phone": ("phone",),
    "name": ("name", "name_kana"),
    "address": ("address",),
}

#: What says nothing finds nobody: else the beginning "" would be everybody's.
NOBODY = Q(pk__in=[])


class Step(IntEnum):
    """How well a customer fits, likeliest first."""

    EXACT = 0
    BEGINNING = 1
    #: The house is right; its building is said or kept in part, or its town is known by its sound.
    HOUSE = 2
    TAIL = 3
    PART = 4


@dataclass(frozen=True)
class Place:
    """A municipality as words may name it: its id, its name as `addresses.said` has it, its code (JIS X 0402)."""

    pk: int
    key: str
    code: str

    @property
    def short(self) -> str:
        """The name without 市, 町 or 村, as people say it."""
        return self.key[:-1]


@dataclass(frozen=True)
class Terms:
    """What is looked up by, as typed; empty means not by this field. All given must match."""

    supply_point_number: str = ""
    phone: str = ""
    name: str = ""
    address: str = ""

    def given(self) -> tuple[str, ...]:
        """The terms that are not empty."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def asks_of(self) -> frozenset[str]:
        """The fields of a customer that a match would tell something of."""
        return frozenset(field for term in self.given() for field in ASKS_OF[term])

    @property
    def is_whole_key(self) -> bool:
        """Whether a whole number is among the terms: it alone says which customer."""
        return self._is_whole_number or _is_whole_phone(self.phone)

    @property
    def _is_whole_number(self) -> bool:
        return len(normalising.digits(self.supply_point_number)) == NUMBER_DIGITS

    def has_house_number(self, places: Sequence[Place]) -> bool:
        """Whether the address goes down to a house, by whichever way it is read: a town, and numbers of it."""
        towns = self._towns(places)
        return bool(towns) and all(way.to_house for way in towns)

    def means_one_household(self, places: Sequence[Place]) -> bool:
        """Whether it can be one caller that is meant, and no street, surname or block of numbers.

        A whole number does; two different keys do; an address down to the house does. A prefecture or a
        municipality is no key, and one character of a name is none.
        """
        if self.is_whole_key or self.has_house_number(places):
            return True
        # What only goes on with a vowel says no name
        keys = [self.supply_point_number, self.phone, len(self._name_key.lstrip("ー")) >= 2]
        keys.append(min((way.length for way in self._towns(places)), default=0) >= 2)
        return sum(map(bool, keys)) >= 2

    def _towns(self, places: Sequence[Place]) -> list[Address]:
        """What is said of the town, by every way to read the address."""
        return [address for _place, address in _read(self._said, places)] if self.address else []

    @cached_property
    def _name_key(self) -> str:
        return normalising.name(self.name)

    @cached_property
    def _said(self) -> str:
        return addresses.said(self.address)

    def plan(self, places: Sequence[Place], *, one_household: bool = False) -> "Plan":
        """The searches, in their order, with all that is made of the words.

        places: the municipalities that an address may name. one_household: an address alone is meant down to
        the house, and is not searched for in the middle of others.
        """
        house_alone = one_household and self.given() == ("address",)
        return tuple(
            (step, self.order(step), self.conditions(step, places, house_alone=house_alone))
            for step in self.steps
            if not (house_alone and step == Step.PART)
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to search, in their order; digits alone know only one."""
        if self.is_whole_key or not (self.name or self.address):
            return (Step.EXACT,)
        steps = [Step.EXACT, Step.BEGINNING]
        if self.address:
            steps.append(Step.HOUSE)
        if self.name:
            steps.append(Step.TAIL)
        lengths = [len(self._name_key)] * bool(self.name)
        lengths += [addresses.parse(self._said).length] * bool(self.address)
        if all(length >= PART for length in lengths):
            steps.append(Step.PART)
        return tuple(steps)

    def order(self, step: Step) -> tuple[str, ...]:
        """Columns by which results of a step stand: those of its index, so that no result is sorted."""
        if self.is_whole_key:
            return ("pk",)
        if self.address:
            return ("area_id", "town_key", "pk")
        if self.name:
            column = _NAME_COLUMNS[normalising.is_kana(self._name_key)][step == Step.TAIL]
            return ("area_id", column, "pk")
        return ("pk",)

    def conditions(self, step: Step, places: Sequence[Place], *, house_alone: bool = False) -> list[Q]:
        """What a customer's keys have to be in the step: a condition for each way to read the address.

        They are searched one after another, for each has an index, and together none has.

        places: the municipalities that an address may name. house_alone: an address is meant down to
        the house, so that 1-8 is not the beginning of 1-80.
        """
        if self.is_whole_key:
            step = Step.BEGINNING  # of the words beside it
        condition = Q()
        if self.supply_point_number:
            number = normalising.digits(self.supply_point_number)
            condition &= _digits("supply_point_number", number, len(number) == NUMBER_DIGITS)
        if self.phone:
            condition &= _digits("phone_key", normalising.phone(self.phone), _is_whole_phone(self.phone))
        if self.name:
            condition &= _name(self._name_key, step)
        if not self.address:
            return [condition]
        return [condition & way for way in _ways(self._said, step, places, house_alone=house_alone)]


#: The searches of a lookup: the step, the columns of its order, and a condition for each way to read the address.
Plan = tuple[tuple[Step, tuple[str, ...], list[Q]], ...]

#: By whether the words are kana: the column of the whole name, and of what follows its first word.
_NAME_COLUMNS = {True: ("kana_key", "kana_tail"), False: ("name_key", "name_tail")}


def _is_whole_phone(typed: str) -> bool:
    number = normalising.phone(typed)
    return len(number) in PHONE_DIGITS and number.startswith("0")


def _digits(column: str, digits: str, is_whole: bool) -> Q:
    """The whole number, or its last digits, of which the last four have the index."""
    if is_whole:
        return Q((column, digits))
    if len(digits) < LastDigits.COUNT:
        return NOBODY
    last = Q(Exact(LastDigits(column), Value(digits[-LastDigits.COUNT :])))
    return last if len(digits) == LastDigits.COUNT else last & Q((f"{column}__endswith", digits))


def _name(key: str, step: Step) -> Q:
    if not key:
        return NOBODY
    whole, tail = _NAME_COLUMNS[normalising.is_kana(key)]
    if step == Step.EXACT:
        return Q((whole, key))
    if step in (Step.BEGINNING, Step.HOUSE):
        return Q((f"{whole}__startswith", key))
    if step == Step.TAIL:
        return Q((f"{tail}__startswith", key)) & ~Q((tail, ""))
    return Q((f"{whole}__contains", key))


def _ways(said: str, step: Step, places: Sequence[Place], *, house_alone: bool) -> list[Q]:
    """The ways to read the address: from the municipality where one is named whole, else from the town first."""
    ways = []
    for place, address in _read(said, places):
        if place and not address:
            ways.append(Q(area_id=place.pk))
        elif address and (step != Step.PART or address.length >= PART):
            within = Q(area_id=place.pk) if place else Q()
            ways += [within & way for way in _town(address, step, house_alone=house_alone)]
            if step == Step.HOUSE:
                ways += _by_sound(address, [place] if place else places, house_alone=house_alone)
    return ways


def _read(said: str, places: Sequence[Place]) -> Iterator[tuple[Place | None, Address]]:
    """The ways to read the address: what is said from the town on, and the municipality, where one is named."""
    whole = [
        (place, rest)
        for place in places
        if (rest := addresses.after_municipality(said, place.key)) is not None
    ]
    for place, rest in whole:
        yield place, addresses.parse(rest, in_municipality=True)
    inland = addresses.without_prefecture(said)
    if not whole or any(_is_a_town_too(place, inland, places) for place, _rest in whole):
        yield None, addresses.parse(inland)
    if whole:
        return
    for begins in dict.fromkeys((inland, addresses.without_short_prefecture(said))):
        for place in places:
            if begins.startswith(place.short):
                yield place, addresses.parse(begins.removeprefix(place.short).lstrip())


def _is_a_town_too(place: Place, inland: str, places: Sequence[Place]) -> bool:
    """Whether what is said begins with a municipality whose name a town of another one has: 松前町 in 松山市."""
    town = addresses.text(place.key)
    return inland.startswith(place.key) and any(
        addresses.is_town(town, other.code) for other in places if other != place
    )


def _town(address: Address, step: Step, *, house_alone: bool) -> list[Q]:
    """The conditions on the stored key, each with an index. A number is never the beginning of another."""
    beginning, kept_in_part = _beginning(address, house_alone=house_alone), _kept_in_part(address)
    return {
        Step.EXACT: [Q(town_key=address.key)],
        Step.BEGINNING: beginning,
        Step.HOUSE: kept_in_part,
        Step.TAIL: beginning + kept_in_part,
        Step.PART: [Q(town_key__contains=middle) for middle in address.middles],
    }[step]


def _beginning(address: Address, *, house_alone: bool) -> list[Q]:
    """More may follow than is said: of the town's name, of the numbers, of the building's name."""
    if not address.numbers:
        return [Q(town_key__startswith=address.town)]
    if address.is_room_alone:  # 3 is no beginning of 三木ハイツ
        return []
    if address.rest:
        return [Q(town_key__startswith=address.key)]
    return [Q(town_key__startswith=address.house + addresses.PART if house_alone else address.house)]


def _kept_in_part(address: Address) -> list[Q]:
    """The house, where its building or room is not kept, or is said in part: a room alone stands at the end."""
    if not (address.numbers and address.rest):
        return []
    house = address.house + addresses.PART
    rest = Substr("town_key", len(house) + 1)
    in_part = (EndsWith if address.is_room_alone else Contains)(rest, address.rest)
    return [Q(town_key__startswith=house) & (Q(in_part) | Q(town_key__in=address.less))]


def _by_sound(address: Address, places: Sequence[Place], *, house_alone: bool) -> list[Q]:
    """The same house in the towns that sound as the one that is said, where none of the places has a town written so."""
    if any(addresses.is_town(address.town, place.code) for place in places):
        return []
    return [
        Q(area_id=place.pk) & way
        for place in places
        for town in addresses.sounding_like(address.town, place.code)
        for way in _town(address._replace(town=town), Step.TAIL, house_alone=house_alone)
    ]
