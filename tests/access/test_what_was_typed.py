"""Where a page says that nothing typed is lost, nothing is; where something is, the page says so."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from access.models import Grant

pytestmark = pytest.mark.django_db
KEPT = "入力内容は保持されています"


def checked(page: str) -> set[str]:
    """What is marked among the grants of a page."""
    boxes = re.findall(r'<input type="checkbox" name="grants"[^>]*>', page)
    return {re.search(r'value="(\d+)"', box)[1] for box in boxes if " checked" in box}


def test_what_was_marked_to_be_revoked_stays_marked_when_the_reason_is_missing(world, client_of):
    emergency = world.declare()
    client = client_of(world.supervisor)
    marked = {str(world.grant("contractor02").pk)}
    answer = client.post(reverse("portal:revoke", args=[emergency.pk]), {"grants": [*marked], "because": ""})
    page = answer.content.decode()
    assert KEPT in page
    assert checked(page) == marked
    assert Grant.objects.filter(revoked_at=None).count() == 2


def test_what_was_marked_among_those_that_were_sought_stays_marked(world, client_of, monkeypatch):
    from access.views import emergencies

    monkeypatch.setattr(emergencies, "GRANTS_LISTED", 1)
    emergency = world.declare()
    client = client_of(world.supervisor)
    sought = client.get(reverse("portal:emergency", args=[emergency.pk]), {"q": "contractor02"})
    hidden = re.search(r'<input type="hidden" name="q" value="([^"]*)">', sought.content.decode())[1]
    marked = {str(world.grant("contractor02").pk)}
    sent = {"grants": [*marked], "because": "", "q": hidden}
    page = client.post(reverse("portal:revoke", args=[emergency.pk]), sent).content.decode()
    assert checked(page) == marked


def test_a_reason_that_was_typed_stays_when_nothing_is_marked(world, client_of):
    emergency = world.declare()
    sent = {"because": "交代のため"}
    page = client_of(world.supervisor).post(reverse("portal:revoke", args=[emergency.pk]), sent)
    assert "交代のため" in page.content.decode()


def test_where_a_file_was_sent_it_has_to_be_chosen_again_and_the_page_says_so(world, client_of):
    file = SimpleUploadedFile("roster.csv", b"")
    address = reverse("portal:import_roster", args=[world.contract.pk])
    page = client_of(world.supervisor).post(address, {"file": file}).content.decode()
    assert "ファイルを選択し直してください" in page
    assert KEPT not in page
