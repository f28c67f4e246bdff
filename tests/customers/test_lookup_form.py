"""Bad input gets a sentence beside its field, loses nothing, and looks nobody up."""

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access import inquiries
from access.models import DelegationContract, Inquiry
from audit.models import LogEntry
from customers import addresses, normalising, reading, variants
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
        ("words", "\ufdfa" * 200, "stand for a whole phrase"),
        ("address", "番町\ufdfa" + "\u33a9" * 90, "stand for a whole phrase"),
        ("name", "\ufdfa" * 4, "stand for a whole phrase"),
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
    groups = [*variants.VARIANTS.split(), variants.DASHES]
    group = data.draw(st.sampled_from(groups))
    one, other = data.draw(st.sampled_from(group)), data.draw(st.sampled_from(group))
    for function in (normalising.name, addresses.said):
        assert function(text + one) == function(text + other)


@given(text=st.text(alphabet="番町一二三十百千丁目地の号-１2ノ字大", min_size=3, max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_address_has_a_key_and_spaces_make_no_difference(text):
    assert addresses.said(" ".join(text)) == addresses.said(text)


#: Any text, and text of what addresses and names are made of.
texts = st.text(max_size=70) | st.text(
    alphabet="高松市番町四万十一二三百-－ー１2 　香川県はなこｶ゛ワ号丁目番地〒字大の%_\\", max_size=30
)


@pytest.mark.parametrize("who", ["operator", "contractor", "retailer"])
@given(
    words=st.dictionaries(
        st.sampled_from(["words", "supply_point_number", "phone", "name", "address", "after", "again"]),
        texts,
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_gives_a_page(busy, who, words):
    client, address = busy[who]
    status = client.post(address, words).status_code
    assert status == 200 or ("after" in words and status == 404)


@pytest.fixture
def busy(world, client_of):
    """Of each audience a client, and where it looks up."""
    call = inquiries.take(
        world.contractor, Inquiry(emergency=world.declare(), caller_name="通報者", kind="outage")
    )
    DelegationContract.objects.update(slow_after=200, stop_after=400)
    page = {"contractor": reverse("portal:inquiry", args=[call.pk])}
    return {
        who: (client_of(world.people[who]), page.get(who, reverse("portal:lookup")))
        for who in ("operator", "contractor", "retailer")
    }


def test_a_lookup_without_a_term_is_a_programming_error(world):
    with pytest.raises(ValueError, match="needs a term"):
        reading.look_up(world.operator, reading.Terms())
