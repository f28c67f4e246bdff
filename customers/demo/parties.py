"""Who a contract is with: people, shops, companies, and how they are reached. All invented."""

from enum import Enum
from typing import NamedTuple

from customers.demo import names
from customers.demo.dice import Dice, Weighted
from customers.demo.municipalities import number_begins
from customers.demo.places import Neighbourhood


class Size(Enum):
    """What kind of customer it is, which says how much electricity it takes."""

    HOME = "home"
    SHOP = "shop"
    COMPANY = "company"
    LARGE = "large"


#: Eight in a hundred are no people; the last two kinds take high voltage.
SIZES = Weighted({Size.HOME: 0.92, Size.SHOP: 0.059, Size.COMPANY: 0.02, Size.LARGE: 0.001})
TRADES = {
    Size.SHOP: names.SHOPS + names.TRADES,
    Size.COMPANY: names.TRADES,
    Size.LARGE: names.LARGE_TRADES,
}
MOBILES = ("090", "090", "080", "080", "070")


class Party(NamedTuple):
    size: Size
    name: str
    kana: str


def party(dice: Dice) -> Party:
    """A customer's name with its kana: surname, space, given name, or a company's."""
    size = SIZES.pick(dice)
    surname, surname_kana = dice.pick(names.SURNAMES)
    if size is Size.HOME:
        given, given_kana = dice.pick(names.GIVEN_NAMES)
        return Party(size, f"{surname} {given}", f"{surname_kana} {given_kana}")
    trade, trade_kana = dice.pick(TRADES[size])
    name, kana = surname + trade, surname_kana + trade_kana
    if size is not Size.SHOP or (trade, trade_kana) in names.TRADES:
        form, form_kana = dice.pick(names.LEGAL_FORMS)
        name, kana = form.format(name), form_kana.format(kana)
    return Party(size, name, kana)


def address(dice: Dice, size: Size, place: Neighbourhood) -> str:
    """A made-up number in a real neighbourhood; some people live in a flat."""
    address = f"{place.municipality.written}{place.name}{_number(dice, place)}"
    if size is Size.HOME and dice.chance(0.2 if place.by_chome else 0.05):
        building = dice.pick(names.BUILDINGS) + dice.pick(names.BUILDING_WORDS)
        address += f" {building}{dice.whole(1, 5)}0{dice.whole(1, 8)}号"
    return address


def phone(dice: Dice, size: Size, place: Neighbourhood) -> str:
    """A mobile's number, or a landline's of the place."""
    if dice.chance(0.6 if size is Size.HOME else 0.1):
        number = f"{dice.whole(10_000_000, 99_999_999)}"
        return f"{dice.pick(MOBILES)}-{number[:4]}-{number[4:]}"
    begins = number_begins(place.municipality.code)
    # With its first 0 a landline number has ten digits
    exchange_digits = 7 - len(begins)
    exchange = dice.whole(0, 10**exchange_digits - 1)
    return f"{begins}{exchange:0{exchange_digits}}-{dice.whole(0, 9999):04}"


def _number(dice: Dice, place: Neighbourhood) -> str:
    if place.by_chome:
        return f"{dice.whole(1, 5)}丁目{dice.whole(1, 28)}-{dice.whole(1, 35)}"
    plot = dice.whole(1, 2400)
    form = dice.random()
    if form < 0.4:
        return f"{plot}番地{dice.whole(1, 12)}"
    if form < 0.6:
        return f"{plot}番地"
    return f"{plot}-{dice.whole(1, 12)}"
