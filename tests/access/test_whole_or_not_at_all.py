"""An act whose entry cannot be written has not happened: what it wrote before is taken back with it."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection

from access import answering, clock, granting, lifecycle, requests, revoking, rosters, suspension, terms
from access.models import DelegationContract, Emergency, Grant, Request, RosterEntry
from tests import world as worlds


def rows() -> list:
    return [
        list(model.objects.order_by("pk").values())
        for model in (DelegationContract, Emergency, Grant, Request, RosterEntry)
    ]


def test_no_act_is_done_by_halves(committed_database):
    world = worlds.build()
    open_one, without = world.declare(), world.declare(name="地震", contracts=())
    asked = granting.ask_for_help(world.contractor, without, "応援")
    due = world.declare(name="大雨", contracts=())
    ago = clock.database_now() - timedelta(minutes=1)
    Emergency.objects.filter(pk=due.pk).update(declared_at=ago - timedelta(hours=1), expires_at=ago)
    Request.objects.create(
        kind="account", about="x", asked_by=world.administrator, detail={}, because="",
        asked_at=ago - timedelta(hours=1), lapses_at=ago,
    )  # fmt: skip
    wider = DelegationContract.objects.get(pk=world.contract.pk)
    wider.max_grant_hours = 48
    entry, by = world.entry("contractor02"), world.supervisor
    hence = clock.database_now() + timedelta(hours=8)
    acts = {
        "declare": lambda: world.declare(name="落雷", contracts=()),
        "declare and grant": lambda: world.declare(name="落雷"),
        "extend": lambda: lifecycle.extend(by, open_one, hence, "続く"),
        "change areas": lambda: lifecycle.change_areas(by, open_one, [world.areas[worlds.TAKAMATSU]]),
        "end": lambda: lifecycle.end(open_one, by),
        "end what is due": lifecycle.end_what_is_due,
        "grant": lambda: granting.give(by, without, world.contract),
        "grant to rosters": lambda: granting.give_to_rosters(by, without, [world.contract]),
        "ask for help": lambda: granting.ask_for_help(world.contractor02, without, "応援"),
        "agree": lambda: answering.answer(by, asked.pk, agree=True),
        "refuse": lambda: answering.answer(by, asked.pk, agree=False),
        "lapse": requests.let_lapse,
        "revoke": lambda: revoking.revoke(by, open_one.grants.all(), "交代"),
        "revoke a person": lambda: revoking.revoke_all_of(by, world.contractor, "交代"),
        "suspend": lambda: suspension.suspend(by, world.contract, "点検"),
        "change terms": lambda: terms.change(by, wider),
        "train": lambda: rosters.train(by, entry, entry.trained_on - timedelta(days=1)),
        "take off a roster": lambda: rosters.remove(by, entry),
    }
    before = rows()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logentry RENAME TO audit_elsewhere")
    for name, act in acts.items():
        with pytest.raises(ProgrammingError, match="audit_logentry"):
            act()
        assert rows() == before, name
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_elsewhere RENAME TO audit_logentry")
    lifecycle.end(open_one, by)
    assert rows() != before
