"""An address in its parts: the table of the grammar's cases, and that no number is ever joined or begun."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from customers import addresses, postal
from customers.addresses import parse, said

#: What is said, from the town on, and its key.
CASES = (
    # numbers, and what stands between them
    ("番町9丁目71-2", "番町|9-71-2-|"),
    ("番町九丁目七十一番二号", "番町|9-71-2-|"),
    ("番町９ー７１ー２", "番町|9-71-2-|"),
    ("番町9 丁目 71 番地 の 2", "番町|9-71-2-|"),
    ("番町9─71━2", "番町|9-71-2-|"),
    ("番町9〜71~2", "番町|9-71-2-|"),
    ("番町9・71.2", "番町|9-71-2-|"),
    ("番町9,71、2", "番町|9-71-2-|"),
    ("番町9/71／2", "番町|9-71-2-|"),
    ("番町0009-071-02", "番町|9-71-2-|"),
    ("新居81一5", "新居|81-5-|"),
    ("南昭和町93番5号の2", "南昭和町|93-5-2-|"),
    ("由佐千百七十二番地一", "由佐|1172-1-|"),
    ("大字氷上310番地", "氷上|310-|"),
    ("番町1丁目", "番町|1-|"),
    ("番町9①1", "番町|9-1-1-|"),
    # what follows them
    ("番町9丁目71-2 三木ハイツ101", "番町|9-71-2-|-3-木ハイツ-101-"),
    ("番町9丁目88-1三和ビル201", "番町|9-88-1-|-3-和ビル-201-"),
    ("番町9丁目90-2　一番館", "番町|9-90-2-|-1-番館"),
    ("番町9丁目90-2号　五色台荘", "番町|9-90-2-|-5-色台荘"),
    ("番町二丁目三番四号五色台荘", "番町|2-3-4-|-5-色台荘"),
    ("番町二丁目一番館", "番町|2-|-1-番館"),
    ("番町8番15号101号室", "番町|8-15-|-101-"),
    ("番町8-15 101", "番町|8-15-|-101-"),
    ("番町8-15-101号室", "番町|8-15-|-101-"),
    ("番町5番地 101", "番町|5-|-101-"),
    ("番町5番地 3号", "番町|5-3-|"),
    ("番町 二丁目 五番 三号", "番町|2-5-3-|"),
    ("番町8-15(三木ハイツ1 101)", "番町|8-15-|-3-木ハイツ-1--101-"),
    ("林町2217番地15 センタービル３階", "林町|2217-15-|センタビル-3-f"),
    ("番町8-15 A-101", "番町|8-15-|a-101-"),
    ("番町123番地先", "番町|123-|先"),
    ("番町百番地", "番町|100-|"),
    ("番町千番地5", "番町|1000-5-|"),
    ("番町壱丁目弐番参号", "番町|1-2-3-|"),
    ("番町12番参号", "番町|12-3-|"),
    ("番町拾弐番地", "番町|12-|"),
    ("拾町1-2", "拾町|1-2-|"),
    ("参宮通1-2", "参宮通|1-2-|"),
    ("番町1234-イ", "番町|1234-|イ"),
    # numerals of names
    ("三番町4丁目9-5", "-3-番町|4-9-5-|"),
    ("3番町4-9-5", "-3-番町|4-9-5-|"),
    ("八幡1-2", "-8-幡|1-2-|"),
    ("千舟町4丁目1", "千舟町|4-1-|"),
    ("九番丁12", "-9-番丁|12-|"),
    ("十川東町1-2", "-10-川東町|1-2-|"),
    ("中村四万十町5", "中村-4-万-10-町|5-|"),
    ("飯野町東二1234-5", "飯野町東-2-|1234-5-|"),
    ("飯野町東2-1234", "飯野町東|2-1234-|"),
    ("道後一万3-2", "道後-1-万|3-2-|"),
    ("六丁12", "-6-丁|12-|"),
    ("二ノ宮5-3", "-2-ノ宮|5-3-|"),
    ("魚島一番耕地12", "魚島-1-番耕地|12-|"),
    ("中村一条通2-3", "中村-1-条通|2-3-|"),
    ("一宮町一丁目2", "-1-宮町|1-2-|"),
    # lots
    ("西分乙34-5", "西分乙|34-5-|"),
    ("仁尾町仁尾甲1番地", "仁尾町仁尾甲|1-|"),
    ("中島イ123", "中島イ|123-|"),
    ("上野番外5", "上野番外|5-|"),
    # ways to write a town
    ("応神町古川 字戎子野1の1", "応神町古川戎子野|1-1-|"),
    ("大通り3-44", "大通|3-44-|"),
    ("つつじヶ丘1", "ツツジケ丘|1-|"),
    ("西はぜ町220番地5", "西ハゼ町|220-5-|"),
    ("井之口五番地六", "井ノ口|5-6-|"),
    ("文亰町1-2-3", "文京町|1-2-3-|"),
    # nothing of a house
    ("番町", "番町||"),
    ("二十", "-20-||"),
    ("四万十", "-4-万-10-||"),
    ("1-2", "|1-2-|"),
    ("", "||"),
    ("-", "||"),
    ("|番|町|1|", "番町|1-|"),
)


@pytest.mark.parametrize(("words", "key"), CASES)
def test_a_case_of_the_grammar(words, key):
    assert parse(said(words)).key == key


@pytest.mark.parametrize(
    ("words", "goes"),
    [("番町1-8-15", True), ("番町1-8", True), ("氷上310", True), ("氷上9", False), ("番町12丁目", False),
     ("1-8-15", False), ("番町", False), ("二十", False)],
)  # fmt: skip
def test_what_goes_down_to_a_house(words, goes):
    assert parse(said(words)).to_house is goes


TOWNS = sorted({addresses.text(said(town.name)): town.name for town in postal.towns()}.values())
MADE_UP = ("新居", "三つ葉台", "ひばりが丘", "上ノ段甲", "七曲", "西分乙", "八百津")
BUILDINGS = (
    "", " 三木ハイツ101", "三和ビル201", " 一番館", "　五色台荘", "八千代荘2F", " 101", "(第二ビル)", "サンハイツ1-101", "一二三荘"
)  # fmt: skip
KANJI = str.maketrans("0123456789", "〇一二三四五六七八九")
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
#: Ways to write numbers: each keeps them apart.
WAYS = (
    lambda numbers: "-".join(numbers),
    lambda numbers: "の".join(numbers),
    lambda numbers: "・".join(numbers),
    lambda numbers: "ー".join(numbers).translate(WIDE),
    lambda numbers: numbers[0] + "丁目" + "番".join(numbers[1:]) if len(numbers) > 1 else numbers[0] + "番地",
    lambda numbers: "番地の".join(numbers[:2]) + "".join("-" + number for number in numbers[2:]),
    lambda numbers: "-".join(numbers) + "号",
    lambda numbers: (numbers[0] + "番地" + "の".join(["", *numbers[1:]])).translate(KANJI),
)
houses = st.tuples(
    st.sampled_from(TOWNS) | st.sampled_from(MADE_UP),
    st.lists(st.integers(1, 2500).map(str), min_size=1, max_size=4).map(tuple),
)
#: Numbers that run into one another if anything lets them.
close = st.tuples(
    st.sampled_from(("番町", "飯野町東二", "三番町", "新居")),
    st.lists(st.sampled_from(("1", "2", "3", "11", "12", "23", "123", "112")), min_size=1, max_size=4).map(
        tuple
    ),
)


@st.composite
def written(draw, house) -> str:
    """A house in one of the ways to write it, with or without a building."""
    town, numbers = house
    way, building = draw(st.sampled_from(WAYS)), draw(st.sampled_from(BUILDINGS))
    if way is WAYS[-1] or building[:1].isdigit():
        building = " " + building
    return town + way(numbers) + building


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_no_house_answers_anothers_words_and_every_way_of_writing_finds_it(data):
    kind = data.draw(st.sampled_from((houses, close)))
    one, other = data.draw(kind), data.draw(kind)
    kept = parse(said(data.draw(written(one))))
    again, elsewhere = parse(said(data.draw(written(one)))), parse(said(data.draw(written(other))))
    assert (kept.house, kept.numbers) == (again.house, one[1]), "found, however it is written"
    assume((addresses.text(said(one[0])), one[1]) != (addresses.text(said(other[0])), other[1]))
    assert not kept.key.startswith(f"{elsewhere.house}|")
    assert not elsewhere.key.startswith(f"{kept.house}|")


@given(text=st.text(max_size=40), more=st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_text_has_parts_that_nothing_in_it_can_join(text, more):
    key = parse(said(text + more)).key
    assert key.count("|") == 2
    assert "\0" not in key


def test_a_town_is_known_by_its_sound_where_no_town_is_written_so():
    assert addresses.sounding_like("緑ケ丘", "38201") == ["ミドリケ丘"]
    assert addresses.sounding_like("バンチョウ", "37201") == ["番町"]
    assert addresses.sounding_like("窪川", "39412") == [], "久保川 is another town of 四万十町"
    assert addresses.sounding_like("番町", "37201") == []


@pytest.mark.parametrize(
    ("words", "municipality", "rest"),
    [("高知県高岡郡中土佐町久礼12", "中土佐町", "久礼12"), ("高知県高岡郡中土佐町久礼12", "土佐町", None),
     ("中土佐町久礼12", "土佐町", None), ("高知県土佐郡土佐町田井1", "土佐町", "田井1"),
     ("松山市松前町2-3", "松前町", None), ("伊予郡松前町筒井2", "松前町", "筒井2"),
     ("八幡浜市琴平町817-10", "琴平町", None)],
)  # fmt: skip
def test_a_municipality_is_named_where_no_other_is(words, municipality, rest):
    assert addresses.after_municipality(said(words), said(municipality)) == rest


def test_the_towns_of_the_postal_data_begin_addresses_as_they_are():
    wrong = [town.name for town in postal.towns() if parse(said(f"{town.name}12-3")).house
             != f"{addresses.text(said(town.name))}|12-3-"]  # fmt: skip
    assert not wrong
