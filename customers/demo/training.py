"""Training areas and the synthetic customers in them: no place, no person, no number that rings."""

from customers.demo.places import Municipality
from customers.demo.rows import Row
from customers.demo.supply import LIGHT

PREFECTURE = "訓練"
AREAS = (
    Municipality("99001", PREFECTURE, "訓練市", "クンレンシ", "訓練県訓練市"),
    Municipality("99002", PREFECTURE, "演習町", "エンシュウチョウ", "訓練県演習町"),
)
_PEOPLE = (
    ("訓練 一郎", "クンレン イチロウ"),
    ("演習 花子", "エンシュウ ハナコ"),
    ("見本 太郎", "ミホン タロウ"),
    ("架空 京子", "カクウ キョウコ"),
    ("練習 次郎", "レンシュウ ジロウ"),
    ("試験 桜", "シケン サクラ"),
)


def _customer(number: int) -> Row:
    name, kana = _PEOPLE[number % len(_PEOPLE)]
    area = AREAS[number // len(_PEOPLE) % len(AREAS)]
    return Row(
        supply_point_number=f"0899{number:018}",
        area_code=area.code,
        name=name,
        name_kana=kana,
        address=f"{area.written}見本町{number % 3 + 1}丁目{number + 1}-1",
        phone=f"000-000-{number:04}",
        voltage="low",
        retailer="affiliate",
        menu_category="free",
        service_menu=LIGHT,
        contracted_capacity_kva=6.0,
        contracted_power_kw=None,
        power_factor_percent=None,
        fit_started_on=None,
        generator_output_kw=None,
        usage=None,
    )


CUSTOMERS = tuple(_customer(number) for number in range(len(_PEOPLE) * len(AREAS)))
