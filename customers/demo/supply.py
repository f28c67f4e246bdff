"""What a contract is for: voltage, menu, contracted capacity or power, generator, use by month.

Low voltage is under 50 kW, high under 2,000 kW; light is contracted by capacity (kVA), motors and
everything above by power (kW) with a power factor.
"""

from datetime import date
from typing import NamedTuple

from customers.demo.dice import Dice
from customers.demo.parties import Size
from customers.models import Customer

Voltage = Customer.Voltage

LIGHT = "電灯標準接続送電サービス"
LIGHT_BY_HOUR = "電灯時間帯別接続送電サービス"
LIGHT_METERED = "電灯従量接続送電サービス"
MOTOR = "動力標準接続送電サービス"
MOTOR_BY_HOUR = "動力時間帯別接続送電サービス"
HIGH = ("高圧標準接続送電サービス", "高圧標準接続送電サービス", "高圧時間帯別接続送電サービス")
EXTRA_HIGH = ("特別高圧標準接続送電サービス", "特別高圧時間帯別接続送電サービス")
HOME_LIGHT = (LIGHT, LIGHT, LIGHT_METERED, LIGHT_BY_HOUR)

#: 30 A to 60 A are as many tenths in kVA; from 6 kVA on people contract a capacity.
HOME_KVA = (3.0, 4.0, 4.0, 5.0, 6.0, 6.0, 6.0, 7.0, 8.0, 10.0)
ALL_ELECTRIC_KVA = (6.0, 8.0, 8.0, 10.0, 10.0, 12.0)
SHOP_KVA = (6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 49.0)
LOW_POWER_FACTORS = (85, 90, 90)

#: kWh in a month for each kVA of light, and the share of the hours that contracted power (kW) runs.
KWH_A_KVA = 52
HOURS_A_MONTH, LOAD_FACTOR = 730, {Voltage.LOW: 0.12, Voltage.HIGH: 0.3, Voltage.EXTRA_HIGH: 0.5}
#: January to December: homes heat and cool, companies mostly cool.
HOME_SEASON = (1.38, 1.33, 1.15, 0.92, 0.78, 0.78, 1.02, 1.22, 1.02, 0.78, 0.82, 1.12)
COMPANY_SEASON = (1.02, 1.02, 0.98, 0.92, 0.92, 1.0, 1.16, 1.2, 1.08, 0.95, 0.92, 0.99)

FIRST_FIT_MONTH = date(2012, 7, 1)
#: The last month that usage is known for.
LAST_MONTH = date(2026, 10, 1)


class Supply(NamedTuple):
    voltage: str
    menu: str
    capacity_kva: float | None
    power_kw: float | None
    power_factor: int | None


class Generator(NamedTuple):
    fit_started_on: date | None
    output_kw: float | None


def supply(dice: Dice, size: Size) -> Supply:
    """What a customer of that size contracts."""
    if size is Size.LARGE:
        power = round(dice.often_small(2_000, 30_000), -1)
        return Supply(Voltage.EXTRA_HIGH.value, dice.pick(EXTRA_HIGH), None, power, dice.whole(95, 100))
    if size is Size.COMPANY:
        power = float(int(dice.often_small(50, 2_000)))
        return Supply(Voltage.HIGH.value, dice.pick(HIGH), None, power, dice.whole(85, 100))
    if dice.chance(0.4 if size is Size.SHOP else 0.02):
        power = round(dice.often_small(0.5, 49.9), 1)
        menu = MOTOR_BY_HOUR if dice.chance(0.1) else MOTOR
        return Supply(Voltage.LOW.value, menu, None, power, dice.pick(LOW_POWER_FACTORS))
    if size is Size.SHOP:
        return Supply(Voltage.LOW.value, LIGHT, dice.pick(SHOP_KVA), None, None)
    menu = dice.pick(HOME_LIGHT)
    capacity = dice.pick(ALL_ELECTRIC_KVA if menu == LIGHT_BY_HOUR else HOME_KVA)
    return Supply(Voltage.LOW.value, menu, capacity, None, None)


def generator(dice: Dice, contract: Supply, last_month: date) -> Generator:
    """For one in twenty, panels under the feed-in tariff: more were put up in its first years."""
    if not dice.chance(0.05):
        return Generator(None, None)
    months = months_between(FIRST_FIT_MONTH, last_month)
    month = add_months(FIRST_FIT_MONTH, int(months * dice.random() ** 1.6))
    started = month.replace(day=dice.whole(1, 28))
    if contract.voltage != Voltage.LOW:
        return Generator(started, float(int(dice.often_small(50, 1_999))))
    if contract.power_kw is not None:
        return Generator(started, round(dice.often_small(10, 49.5), 1))
    return Generator(started, round(3 + dice.random() * 6.9, 1))


def usage(dice: Dice, contract: Supply, months: tuple[date, ...]) -> tuple[int, ...]:
    """kWh in each of the months: the season's shape, with a household's whims."""
    if contract.capacity_kva is not None:
        base, season = contract.capacity_kva * KWH_A_KVA, HOME_SEASON
    else:
        assert contract.power_kw is not None
        base, season = contract.power_kw * HOURS_A_MONTH * LOAD_FACTOR[contract.voltage], COMPANY_SEASON
    base *= 0.5 + dice.random()
    return tuple(int(base * season[month.month - 1] * (0.9 + 0.2 * dice.random())) for month in months)


def year_to(last_month: date) -> tuple[date, ...]:
    """The twelve months that end with `last_month`."""
    return tuple(add_months(last_month, -back) for back in range(11, -1, -1))


def months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def add_months(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)
