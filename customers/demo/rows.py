"""Customers put together, one after another: the same on every run, and a smaller number's come first."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from customers.demo import parties, supply
from customers.demo.dice import Dice, Weighted
from customers.demo.municipalities import inhabitants
from customers.demo.places import Municipality, Neighbourhood
from customers.models import Customer

SEED = 20230120
AFFILIATE = "affiliate"
#: Who sells the electricity, by the keys of `customers.demo.accounts`.
RETAILERS = Weighted({AFFILIATE: 0.80, "setouchi": 0.10, "kuroshio": 0.06, "ishizuchi": 0.04})
Menu = Customer.MenuCategory

#: Odd and no multiple of five: times this, every number below 10**18 stays different from every other.
_SCATTER = 618_033_988_749_894_849
_MODULUS = 10**18


class Row(NamedTuple):
    """A customer as made up, before ids and keys; `usage` is kWh in the twelve months, or nothing."""

    supply_point_number: str
    area_code: str
    name: str
    name_kana: str
    address: str
    phone: str
    voltage: str
    retailer: str
    menu_category: str
    service_menu: str
    contracted_capacity_kva: float | None
    contracted_power_kw: float | None
    power_factor_percent: int | None
    fit_started_on: date | None
    generator_output_kw: float | None
    usage: tuple[int, ...] | None


def rows(
    places: Iterable[Neighbourhood],
    *,
    taken_phones: frozenset[str] = frozenset(),
    seed: int = SEED,
    last_month: date = supply.LAST_MONTH,
) -> Iterator[Row]:
    """Made-up customers without end, in the places, more of them where more people live.

    Parameters
    ----------
    places
        The neighbourhoods to spread over.
    taken_phones
        Numbers that nobody may get: those by which somebody is to be found alone.
    seed, last_month
        What all else follows from.
    """
    dice, spread, months = Dice(seed), by_inhabitants(places), supply.year_to(last_month)
    number = 0
    while True:
        number += 1
        yield _row(dice, number, spread.pick(dice), taken_phones, months)


def supply_point_number(number: int) -> str:
    """The number-th made-up number; 08 is Shikoku's, and the known customers' go on with 00, not 01."""
    return f"0801{number * _SCATTER % _MODULUS:018}"


def by_inhabitants(places: Iterable[Neighbourhood]) -> Weighted[Neighbourhood]:
    """The places, those of a municipality sharing its inhabitants alike."""
    groups: dict[Municipality, list[Neighbourhood]] = {}
    for place in places:
        groups.setdefault(place.municipality, []).append(place)
    return Weighted(
        {place: inhabitants(town.code) / len(group) for town, group in groups.items() for place in group}
    )


def _row(
    dice: Dice, number: int, place: Neighbourhood, taken_phones: frozenset[str], months: tuple[date, ...]
) -> Row:
    size, name, kana = parties.party(dice)
    address = parties.address(dice, size, place)
    while (phone := parties.phone(dice, size, place)) in taken_phones:
        pass
    contract = supply.supply(dice, size)
    retailer = RETAILERS.pick(dice)
    regulated = retailer == AFFILIATE and contract.voltage == Customer.Voltage.LOW and dice.chance(0.5)
    generator = supply.generator(dice, contract, months[-1])
    return Row(
        supply_point_number(number),
        place.municipality.code,
        name,
        kana,
        address,
        phone,
        contract.voltage,
        retailer,
        (Menu.REGULATED if regulated else Menu.FREE).value,
        contract.menu,
        contract.capacity_kva,
        contract.power_kw,
        contract.power_factor,
        generator.fit_started_on,
        generator.output_kw,
        supply.usage(dice, contract, months) if dice.chance(0.3) else None,
    )
