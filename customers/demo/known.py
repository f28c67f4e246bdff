"""Three customers that the manual, the tests and whoever tries the portal can rely on."""

from datetime import date

from customers.demo.rows import Row
from customers.demo.supply import LIGHT, LIGHT_METERED

HANAKO, TARO, JIRO = (f"08{number:020}" for number in (1, 2, 3))

_SEASON = (402, 431, 455, 398, 341, 268, 239, 251, 316, 372, 305, 246)  # from November

CUSTOMERS = (
    Row(
        supply_point_number=HANAKO,
        area_code="37201",
        name="香川 花子",
        name_kana="カガワ ハナコ",
        address="香川県高松市番町1丁目8-15",
        phone="087-821-0001",
        voltage="low",
        retailer="setouchi",
        menu_category="free",
        service_menu=LIGHT,
        contracted_capacity_kva=6.0,
        contracted_power_kw=None,
        power_factor_percent=None,
        fit_started_on=date(2013, 8, 19),
        generator_output_kw=5.9,
        usage=_SEASON,
    ),
    Row(
        supply_point_number=TARO,
        area_code="38201",
        name="松山 太郎",
        name_kana="マツヤマ タロウ",
        address="愛媛県松山市一番町4丁目4-2",
        phone="089-941-0002",
        voltage="low",
        retailer="affiliate",
        menu_category="free",
        service_menu=LIGHT,
        contracted_capacity_kva=8.0,
        contracted_power_kw=None,
        power_factor_percent=None,
        fit_started_on=None,
        generator_output_kw=None,
        usage=_SEASON,
    ),
    Row(
        supply_point_number=JIRO,
        area_code="37202",
        name="丸亀 次郎",
        name_kana="マルガメ ジロウ",
        address="香川県丸亀市大手町2丁目4-21",
        phone="0877-23-0003",
        voltage="low",
        retailer="affiliate",
        menu_category="regulated",
        service_menu=LIGHT_METERED,
        contracted_capacity_kva=4.0,
        contracted_power_kw=None,
        power_factor_percent=None,
        fit_started_on=None,
        generator_output_kw=None,
        usage=_SEASON,
    ),
)
