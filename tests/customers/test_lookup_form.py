"""Bad input gets a sentence beside its field, loses nothing, and looks nobody up."""

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import LogEntry
from customers import normalising, reading
from tests.world import HANAKO

pytestmark = pytest.mark.django_db


@pytest.fixture
def look_up(world, client_of):
    client = client_of(world.operator)
    client.cookies["portal_language"] = "en"

    def post(**data):
        return client.post(reverse("portal:lookup"), data)

    return post


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("supply_point_number", "1" * 3, "this one has 3"),
        ("supply_point_number", "1" * 23, "this one has 23"),
        ("supply_point_number", "08-ABC", "has digits only"),
        ("supply_point_number", "1' OR '1'='1", "has digits only"),
        ("phone", "001", "10 or 11 digits"),
        ("phone", "' OR 1=1 --", "10 or 11 digits"),
        ("name", "ア", "at least two letters"),
        ("name", "!?", "at least two letters"),
        ("address", "番", "at least two characters"),
        ("words", "ア", "at least two letters"),
        ("words", "高" * 10_000, "at most 200 characters"),
        ("address", "あ" * 10_000, "at most 100 characters"),
        ("name", "ア" * 10_000, "at most 60 characters"),
        ("phone", "0" * 10_000, "at most 40 characters"),
        ("supply_point_number", "0" * 10_000, "at most 60 characters"),
        ("address", "高松\x00市", "Null characters are not allowed"),
    ],
)
def test_bad_input_is_explained_beside_its_field(look_up, field, typed, says):
    before = LogEntry.objects.count()
    response = look_up(**{field: typed})
    (error,) = response.context["form"].errors[field]
    assert says in error
    assert error in response.content.decode().replace("&#x27;", "'")
    assert response.context["form"][field].value() == typed, "what was typed is not lost"
    assert LogEntry.objects.count() == before


def test_html_comes_back_as_text(look_up):
    page = look_up(address="<b>x</b><script>alert(1)</script>").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_empty_search_says_what_to_do(look_up):
    response = look_up(address="   ")
    assert response.context["form"].non_field_errors() == [
        "Fill in at least one field to look a customer up."
    ]


def test_an_unknown_number_finds_nobody(look_up):
    response = look_up(supply_point_number="9" * 22)
    assert "Nobody was found" in response.content.decode()


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("supply_point_number", HANAKO),
        ("supply_point_number", "08-0000-0000-0000-0000-0001"),
        ("supply_point_number", "０８" + "０" * 19 + "１"),
        ("phone", "087-821-0001"),
        ("phone", "0878210001"),
        ("phone", "０８７－８２１－０００１"),
        ("name", "カガワ ハナコ"),
        ("name", "かがわ　はなこ"),
        ("name", "ｶｶﾞﾜ"),
        ("name", "はなこ"),
        ("name", "香川"),
        ("name", "花子"),
        ("name", "香川　花子"),
        ("name", "ワハナ"),
        ("address", "番町1丁目8-15"),
        ("address", "番町一丁目８番地の１５号"),
        ("address", "高松 番町1－8－15"),
        ("address", "町1-8"),
        ("words", "かがわ 高松市"),
        ("words", "0001 花子"),
        ("words", "番町1-8-15"),
        ("words", "高松市番町 香川花子 ０８７－８２１－０００１"),
        ("words", "番町"),
        ("words", "760-0017 高松市番町1-8-15"),
        ("words", "香川 高松市番町"),
        ("words", HANAKO),
        ("words", "0878210001"),
        ("address", "高松市番町１丁目８－１５"),
        ("address", "香川県 高松市 番町"),
    ],
)
def test_the_ways_of_writing_find_the_customer(look_up, field, typed):
    response = look_up(**{field: typed})
    assert [r["values"]["supply_point_number"] for r in response.context["results"]] == [HANAKO]


def test_terms_together_must_all_match(look_up):
    assert look_up(name="カガワ", address="丸亀市").context["results"] == []
    assert len(look_up(name="カガワ", address="高松市").context["results"]) == 1


def test_percent_and_underscore_are_letters(look_up):
    assert look_up(address="%%%").context["results"] == []
    assert look_up(address="___").context["results"] == []


@given(text=st.text(max_size=60), data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_ways_to_write_a_character_make_no_difference(text, data):
    groups = [*normalising.VARIANTS.split(), normalising.DASHES]
    group = data.draw(st.sampled_from(groups))
    one, other = data.draw(st.sampled_from(group)), data.draw(st.sampled_from(group))
    for function in (normalising.name, normalising.address):
        assert function(text + one) == function(text + other)


@given(text=st.text(alphabet="番町一二三十百千丁目地の号-１2ノ字大", min_size=3, max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_address_has_a_key_and_spaces_make_no_difference(text):
    assert normalising.address(" ".join(text)) == normalising.address(text)


TERMS = ("words", "supply_point_number", "phone", "name", "address")


@given(
    terms=st.fixed_dictionaries(
        {},
        optional={f: st.text(max_size=70) for f in TERMS},
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_gives_a_page(look_up, terms):
    assert look_up(**terms).status_code == 200


def test_a_lookup_without_a_term_is_a_programming_error(world):
    with pytest.raises(ValueError, match="needs a term"):
        reading.look_up(world.operator, reading.Terms())
