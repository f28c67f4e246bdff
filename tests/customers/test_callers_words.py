"""What callers, banks, hosts and telephones write, through the form: who is meant is found, and nobody else.

Each of these was seen to fail. The grammar itself is the table of test_addresses.py.
"""

import pytest
from django.urls import reverse
from guardian.shortcuts import assign_perm

from access import inquiries
from access.models import DelegationContract, Inquiry
from customers import stored
from customers.models import Customer, ServiceArea

pytestmark = pytest.mark.django_db

AREAS = {
    "高松市": ("37201", "香川県"), "松山市": ("38201", "愛媛県"), "新居浜市": ("38205", "愛媛県"),
    "徳島市": ("36201", "徳島県"), "丸亀市": ("37202", "香川県"), "さぬき市": ("37206", "香川県"), "多度津町": ("37404", "香川県"),
}  # fmt: skip
#: Item, what is stored of it, what is typed, into which box, and whether who is meant is found. An address is in
#: Takamatsu unless it says another municipality.
# fmt: off
WORDS = (
    ("address", "番町9丁目71-2 三木ハイツ101", "高松市番町9-71-2", "words", True),
    ("address", "番町9丁目71-2 三木ハイツ101", "高松市番町9-71-23", "words", False),
    ("address", "番町9丁目71-2 三木ハイツ101", "高松市番町9-71", "words", True),
    ("address", "番町9丁目71-2 三木ハイツ101", "高松市番町9-7", "words", False),
    ("address", "番町9丁目88-1三和ビル201", "高松市番町9-88-1", "words", True),
    ("address", "番町9丁目88-1三和ビル201", "高松市番町9-88-13", "words", False),
    ("address", "番町9丁目88-1三和ビル201", "高松市番町9-88-1 三和ビル20", "address", False),
    ("address", "番町9丁目90-2　一番館", "高松市番町9-90-2", "words", True),
    ("address", "番町9丁目90-2　一番館", "高松市番町9-90-2 一番館", "words", True),
    ("address", "番町9丁目90-2号　五色台荘", "高松市番町9-90-2", "words", True),
    ("address", "新居浜市新居77・3", "新居浜市新居77-3", "words", True),
    ("address", "新居浜市新居77・3", "新居浜市新居773", "words", False),
    ("address", "新居浜市新居78.4", "新居浜市新居78-4", "words", True),
    ("address", "新居浜市新居78.4", "新居浜市新居784", "words", False),
    ("address", "新居浜市新居81一5", "新居浜市新居8115", "words", False),
    ("address", "新居浜市新居81一5", "新居浜市新居81-5", "words", True),
    ("address", "番町9─95─1", "番町9-95-1", "address", True),
    ("address", "徳島市南昭和町93番5号の2", "徳島市南昭和町93-5-2", "address", True),
    ("address", "さぬき市津田町鶴羽1517-8", "サヌキ市津田町鶴羽1517-8", "address", True),
    ("address", "西ハゼ町220-5", "西はぜ町220番地5", "address", True),
    ("address", "松山市みどりケ丘4-12", "みどりヶ丘4-12", "address", True),
    ("address", "松山市みどりケ丘4-12", "緑ケ丘4-12", "address", True),
    ("address", "松山市みどりケ丘4-12", "緑ケ丘4-1", "address", False),
    ("address", "木太町2丁目4番12号", "木太町2-4-12 メゾン木太101", "address", True),
    ("address", "林町2217番地15 香川産業頭脳化センタービル3階", "高松市林町2217-15 センタービル", "address", True),
    ("address", "林町2217番地15 香川産業頭脳化センタービル3階", "高松市林町2217-15 センタービル", "words", True),
    ("address", "松山市道後湯之町5-6", "愛媛松山道後湯之町5-6", "address", True),
    ("address", "文京町1-2-3", "文亰町1-2-3", "address", True),
    ("address", "多度津町大通り3-44", "大通3-44", "address", True),
    ("address", "つつじヶ丘7", "つつじが丘", "address", True),
    ("phone", "087-899-0109", "+81-87-899-0109", "words", True),
    ("phone", "087-899-0109", "(087)899-0109", "words", True),
    ("phone", "087-899-0109", "087 899 0109", "words", True),
    ("phone", "087-899-0109", "TEL:087-899-0109", "words", True),
    ("phone", "087-899-0109", "電話 087-899-0109 内線12", "words", True),
    ("phone", "087-899-0109", "\u202d087-899-0109\u202c", "words", True),
    ("phone", "087-899-0109", "\u2066087-899\ufe0e-01\u00ad09\u2069\u200f", "phone", True),
    ("phone", "087-899-0109", "+81 87 899 0109", "phone", True),
    ("phone", "087-899-0109", "878990109", "phone", True),
    ("phone", "+81-87-899-0108", "087-899-0108", "phone", True),
    ("phone", "087-899-0112(内1)", "087-899-0112", "phone", True),
    ("name", "葛\U000e0101原 花", "葛原", "name", True),
    ("name", "葛原 花", "葛\U000e0101原", "name", True),
    ("name", "葛原 花", "\u202e葛\u200d原\u00ad", "words", True),
    ("name_kana", "ﾐﾎﾝ ｷﾖｳｺ", "みほんきょうこ", "name", True),
    ("name_kana", "ﾊﾂﾄﾘ ﾊﾅ", "はっとり", "name", True),
    ("name_kana", "カブシキガイシヤ ハツトリ", "はっとり", "name", True),
    ("name_kana", "カ)ハツトリ", "はっとり", "name", True),
    ("name_kana", "オオヒラ エツコ", "オーヒラ エツコ", "name", True),
    ("name_kana", "オオヒラ エツコ", "おうひらえつこ", "name", True),
    ("name_kana", "オオノ ハナ", "オノハナ", "name", False),
    ("name_kana", "セイケ ケイコ", "せえけ けーこ", "name", True),
    ("name_kana", "ヴァネッサ", "バネッサ", "name", True),
    ("name_kana", "エンドウ フミ", "エンドー フミ", "name", True),
    ("name", "茅ヶ崎 次郎", "茅ケ崎", "name", True),
    ("name", "竹之内 花", "竹ノ内", "name", True),
    ("name", "竹乃内 花", "竹の内", "name", True),
    ("name", "籔内 花", "薮内", "name", True),
    ("name", "讚岐 花", "讃岐", "name", True),
    ("name", "⻑⼭ 花", "長山", "name", True),
    ("name", "高橋 淸", "髙槗清", "name", True),
    ("name", "佃 花", "田花", "name", False),
    ("name", "香川 勲", "香川薫", "name", False),
    ("name", "香川 薰", "香川薫", "name", True),
    ("phone", "029-812-3456", "+298 123456", "phone", False),
    ("phone", "087-899-0109", "184-087-899-0109", "phone", True),
)
# fmt: on


@pytest.fixture
def pages(world, client_of, settings):
    """Where an operator and a contractor of all the areas look up: what is typed gives the numbers listed."""
    settings.LOOKUPS_IN_TEN_MINUTES = {"operator": (10_000, 10_001)}
    DelegationContract.objects.update(slow_after=399, stop_after=400)
    for name, (code, prefecture) in AREAS.items():
        if code not in world.areas:
            world.areas[code] = ServiceArea.objects.create(
                code=code, name=name, name_kana="", prefecture=prefecture
            )
    areas = [world.areas[code] for code, _prefecture in AREAS.values()]
    for right in ("consult_servicearea", "declare_in_servicearea"):
        for person in (world.operator, world.supervisor):
            assign_perm(f"customers.{right}", person.office.group, areas)
    emergency = world.declare(*(area.code for area in areas))
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    where = {
        "operator": (client_of(world.operator), reverse("portal:lookup")),
        "contractor": (client_of(world.contractor), reverse("portal:inquiry", args=[taken.pk])),
    }

    def look_up(who: str, box: str, typed: str) -> list[str]:
        client, address = where[who]
        response = client.post(address, {box: typed})
        assert response.status_code == 200, (who, typed)
        return [one["values"]["supply_point_number"] for one in response.context["results"]]

    return look_up


def keep(world, number: str, item: str, text: str) -> None:
    """A customer with the item, and nobody's words for the rest."""
    values = {"name": "乙山 丙子", "name_kana": "ナナシ", "address": "丁町1", "phone": "087-700-0000"} | {
        item: text
    }
    municipality = next((name for name in AREAS if name in values["address"]), "高松市")
    code, prefecture = AREAS[municipality]
    written = f"{prefecture}{municipality}{values['address'].removeprefix(municipality)}"
    values["address"] = written
    Customer.objects.create(
        supply_point_number=number, retailer=world.organizations["other"], voltage="low", menu_category="free",
        service_menu="", area=world.areas[code], **values, **stored.keys(municipality=municipality, **values)._asdict(),
    )  # fmt: skip


def test_who_is_meant_is_found_and_nobody_else(world, pages):
    wrong = []
    for n, (item, text, typed, box, is_found) in enumerate(WORDS):
        number = f"0805{n:018}"
        keep(world, number, item, text)
        if (number in pages("operator", box, typed)) != is_found:
            wrong.append(("operator", text, typed))
        Customer.objects.filter(supply_point_number=number).delete()
    assert not wrong, "\n".join(map(str, wrong))


#: An address down to the house shows a contractor that household and none beside it.
HOUSES = (
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2", True),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 三木ハイツ101", True),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 三木ハイツ", True),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 三木ハイツ10", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 三木ハイツ102", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 オリーブ101", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-7", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-23", False),
    ("番町9丁目71-23", "番町9-71-2", False),
    ("番町9丁目71-23", "番町9-71-2 三木ハイツ", False),
    ("番町9丁目71-2-3", "番町9-71-2", False),
    ("番町9丁目71-2", "番町9-71-2 三木ハイツ101", True),
    ("番町9丁目71-2 三木ハイツ", "番町9-71-2 三木ハイツ101", True),
    ("西番町9丁目71-2", "番町9-71-2", False),
    # A room alone is no part of the house's number, and none of a building's name
    ("番町9丁目71-15 三木ハイツ101", "番町9-71-15 15", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 3", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 番町", False),
    ("番町9丁目71-2 三木ハイツ101", "番町9-71-2 101", True),
    ("番町9丁目71-2 一番館3階", "番町9-71-2 1", False),
    ("番町9丁目71-2 一番館3階", "番町9-71-2 3階", True),
    # Where a municipality has no towns, its numbers go down to a house
    ("多度津町1122-1", "多度津町1122-1", True),
    ("多度津町1122-1", "多度津町1122-12", False),
)


def test_a_house_shows_a_contractor_that_household_alone(world, pages):
    wrong = []
    for n, (text, typed, is_found) in enumerate(HOUSES):
        number = f"0805{n:018}"
        keep(world, number, "address", text)
        if (number in pages("contractor", "address", typed)) != is_found:
            wrong.append((text, typed))
        Customer.objects.filter(supply_point_number=number).delete()
    assert not wrong, "\n".join(map(str, wrong))


def test_a_town_of_one_place_is_not_taken_for_the_sound_of_anothers(world, pages):
    """一番町 is in Matsuyama, 一番丁 in Marugame: who writes one is not shown the other where no city is said."""
    keep(world, "0805" + "0" * 18, "address", "丸亀市一番丁4-12")
    assert pages("contractor", "address", "一番町4-12") == []
    assert len(pages("contractor", "address", "丸亀市一番町4-12")) == 1


def test_two_towns_of_one_sound_in_one_municipality_are_two(world, pages):
    """広瀬 and 弘瀬 are both in 四万十町; who says one is not shown the other."""
    code = "39412"
    world.areas[code] = ServiceArea.objects.create(
        code=code, name="四万十町", name_kana="", prefecture="高知県"
    )
    assign_perm("customers.consult_servicearea", world.operator.office.group, world.areas[code])
    values = {
        "name": "乙山",
        "name_kana": "オツヤマ",
        "address": "高知県高岡郡四万十町弘瀬12-3",
        "phone": "0880-22-0000",
    }
    Customer.objects.create(
        supply_point_number="0805" + "0" * 18, retailer=world.organizations["other"], voltage="low",
        menu_category="free", service_menu="", area=world.areas[code], **values,
        **stored.keys(municipality="四万十町", **values)._asdict(),
    )  # fmt: skip
    assert pages("operator", "address", "四万十町広瀬12-3") == []
    assert len(pages("operator", "address", "四万十町弘瀬12-3")) == 1
    assert len(pages("operator", "address", "四万十町ひろせ12-3")) == 1


def test_a_municipality_that_a_town_of_another_is_called_after_is_read_both_ways(world, client_of):
    """松前町 is a municipality, and a town of 松山市: who says no more may mean either, and is shown not one alone."""
    matsuyama = world.areas["38201"]
    masaki = ServiceArea.objects.create(code="38401", name="松前町", name_kana="", prefecture="愛媛県")
    kept = {}
    for n, (area, address) in enumerate(
        ((masaki, "愛媛県伊予郡松前町2-3-4"), (matsuyama, "愛媛県松山市松前町2丁目3-4"))
    ):
        items = {"name": "乙山 丙子", "name_kana": "ナナシ", "address": address, "phone": "087-700-0000"}
        kept[address] = Customer.objects.create(
            supply_point_number=f"0805{n:018}", retailer=world.organizations["other"], voltage="low", area=area,
            menu_category="free", service_menu="", **items, **stored.keys(municipality=area.name, **items)._asdict(),
        )  # fmt: skip
    areas = [masaki, matsuyama]
    for person in (world.supervisor, world.operator):
        assign_perm("customers.declare_in_servicearea", person.office.group, areas)
    world.areas["38401"] = masaki
    emergency = world.declare("38401", "38201")
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    client, at = client_of(world.contractor), reverse("portal:inquiry", args=[taken.pk])

    def listed(typed: str) -> set[str]:
        return {one["values"]["address"] for one in client.post(at, {"address": typed}).context["results"]}

    of_masaki, of_matsuyama = kept
    assert listed("松前町2-3-4") == listed("愛媛県松前町2-3-4") == {of_masaki, of_matsuyama}
    assert listed("伊予郡松前町2-3-4") == {of_masaki}
    assert listed("松山市松前町2-3-4") == {of_matsuyama}
