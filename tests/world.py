"""A small world for tests: an operator with two offices, an affiliate, another retailer, three customers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher, make_password
from django.contrib.auth.models import Group
from django.utils import timezone
from guardian.shortcuts import assign_perm

from access import lifecycle
from access.clock import database_now
from access.models import DelegationContract, Emergency, Grant, Office, Person, RosterEntry
from audit.acting import as_person
from customers import stored
from customers.disclosure import DELEGABLE_ITEMS
from customers.models import Customer, MonthlyUsage, Organization, ServiceArea

PASSWORD = "shikoku-demo"
TAKAMATSU, MARUGAME, MATSUYAMA, TRAINING = "37201", "37202", "38201", "99001"
HANAKO, JIRO, TARO, KUNREN = (f"08{'0' * 19}{n}" for n in (1, 3, 2, 9))

#: What Hanako is: a word for each field that appears nowhere else, so that a leak is seen as such.
HANAKO_VALUES: dict[str, Any] = {
    "supply_point_number": HANAKO,
    "name": "香川 花子",
    "name_kana": "カガワ ハナコ",
    "address": "香川県高松市番町1丁目8-15",
    "phone": "087-821-0001",
    "voltage": "low",
    "service_menu": "電灯標準接続送電サービス",
    "menu_category": "free",
    "contracted_capacity_kva": Decimal("61.7"),
    "contracted_power_kw": Decimal("43.3"),
    "power_factor_percent": 79,
    "fit_started_on": date(2013, 8, 19),
    "generator_output_kw": Decimal("5.9"),
}
OTHER_RETAILER = "瀬戸内みらい電力株式会社"
AFFILIATE_CODE, OTHER_CODE = "Z9001", "Z9002"
USAGE_KWH = 7341


NAMES = {
    "operator": "高松 一郎",
    "operator-ehime": "松山 双葉",
    "supervisor": "徳島 三郎",
    "supervisor02": "鳴門 八重",
    "supervisor-ehime": "宇和島 九重",
    "administrator02": "新居浜 十和",
    "auditor": "高知 四季",
    "administrator": "今治 五月",
    "retailer": "坂出 六花",
    "contractor": "丸亀 七海",
}


@dataclass
class World:
    areas: dict[str, ServiceArea] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    contract: DelegationContract | None = None

    def __getattr__(self, name: str) -> Person:
        """`world.contractor` is a person."""
        people = self.__dict__.get("people", {})
        if name in people:
            return people[name]
        raise AttributeError(name)

    def entry(self, username: str = "contractor") -> RosterEntry:
        return RosterEntry.objects.get(person__username=username, removed_at=None)

    def declare(
        self, *codes: str, hours: float = 6, contracts=None, name: str = "台風第14号", **facts
    ) -> Emergency:
        """Declares over the areas of the codes, granted to the whole roster unless contracts=()."""
        with as_person(self.supervisor):
            return lifecycle.declare(
                self.supervisor,
                kind="typhoon",
                name=name,
                areas=[self.areas[code] for code in codes or (TAKAMATSU, MARUGAME)],
                expires_at=database_now() + timedelta(hours=hours),
                contracts=[self.contract] if contracts is None else contracts,
                **{"also_revoked": True} | facts,
            )

    def drill(self, name: str = "総合防災訓練") -> Emergency:
        """Begins a drill over the training area, granted to the roster."""
        return self.declare(TRAINING, name=name, is_drill=True)

    def nobody_reviews(self) -> None:
        """Takes the right to review the contract from the auditors' group, which alone holds it."""
        self.contract.contractgrouppermission_set.filter(permission__codename="review_contract").delete()

    def ask_under_dual_control(self) -> Emergency:
        """Declares under dual control: the grants wait for a second supervisor."""
        self.contract.refresh_from_db()
        self.contract.dual_control = True
        self.contract.save()
        return self.declare()

    def grant(self, username: str = "contractor") -> Grant:
        return Grant.objects.filter(roster_entry__person__username=username).latest("pk")


class QuickHasher(PBKDF2PasswordHasher):
    """What production hashes with, in one round: a million of them are slow on purpose, and tests sign in often."""

    iterations = 1


def hashed_password() -> str:
    """What the accounts have, by the hasher in use; made once."""
    return _hashed_in(get_hasher().iterations)


@cache
def _hashed_in(rounds: int) -> str:
    return make_password(PASSWORD)


#: By the number of contractors and their password: what writes a world that was recorded (tests/replayed.py).
AGAIN: dict[tuple[int, str], Callable[[], World]] = {}


def build(contractors: int = 2) -> World:
    """The world in the current database: written again if it was recorded there, made otherwise."""
    return AGAIN.get((contractors, hashed_password()), lambda: make(contractors))()


def make(contractors: int) -> World:
    """Makes the world by the models; signs it in the history as the system's work."""
    world = World()
    with as_person(Person.objects.system()):
        _organizations(world)
        _areas(world)
        _people(world, contractors)
        _contract(world)
        _customers(world)
    return world


def _organizations(world: World) -> None:
    for key, code, name, english, kind in (
        ("operator", None, "四国地方送配電株式会社", "Shikoku Area Grid", "network_operator"),
        ("affiliate", AFFILIATE_CODE, "四国地方電力株式会社", "Shikoku Area Power", "affiliate_retailer"),
        ("other", OTHER_CODE, OTHER_RETAILER, "Setouchi Mirai Energy", "retailer"),
    ):
        world.organizations[key] = Organization.objects.create(
            code=code, name=name, name_en=english, kind=kind
        )


def _areas(world: World) -> None:
    offices = {}
    for prefecture, name, code, english in (
        ("本社", "本社", "00", "Head Office"),
        ("香川県", "香川支社", "37", "Kagawa Branch"),
        ("愛媛県", "愛媛支社", "38", "Ehime Branch"),
    ):
        group = Group.objects.create(name=f"office-{code}")
        offices[prefecture] = Office.objects.create(name=name, name_en=english, group=group)
    for code, name, kana, english, prefecture in (
        (TAKAMATSU, "高松市", "タカマツシ", "Takamatsu-shi", "香川県"),
        (MARUGAME, "丸亀市", "マルガメシ", "Marugame-shi", "香川県"),
        (MATSUYAMA, "松山市", "マツヤマシ", "Matsuyama-shi", "愛媛県"),
        (TRAINING, "訓練市", "クンレンシ", "Kunren-shi", "訓練"),
    ):
        area = ServiceArea.objects.create(
            code=code,
            name=name,
            name_kana=kana,
            name_en=english,
            prefecture=prefecture,
            is_training=code == TRAINING,
        )
        world.areas[code] = area
    for prefecture, office in offices.items():
        own = [area for area in world.areas.values() if area.prefecture == prefecture]
        if own:
            assign_perm("customers.consult_servicearea", office.group, own)
        declares_in = own or list(world.areas.values())  # the head office has no area of its own
        assign_perm("customers.declare_in_servicearea", office.group, declares_in)


def _people(world: World, contractors: int) -> None:
    head, kagawa, ehime = Office.objects.order_by("group__name")
    staff = [
        ("operator", "operator", "operator", kagawa),
        ("operator-ehime", "operator", "operator", ehime),
        ("supervisor", "operator", "supervisor", head),
        ("supervisor02", "operator", "supervisor", head),
        ("supervisor-ehime", "operator", "supervisor", ehime),
        ("auditor", "operator", "auditor", None),
        ("administrator", "operator", "administrator", None),
        ("administrator02", "operator", "administrator", None),
        ("retailer", "other", "retailer", None),
        ("contractor", "affiliate", "contractor", None),
    ] + [(f"contractor{n:02}", "affiliate", "contractor", None) for n in range(2, contractors + 1)]
    for username, organization, role, office in staff:
        world.people[username] = Person.objects.create(
            username=username,
            name=NAMES.get(username, f"受託 {username[-2:]}"),
            password=hashed_password(),
            organization=world.organizations[organization],
            role=role,
            office=office,
            email=f"{username}@example.jp",
        )


def _contract(world: World) -> None:
    now = timezone.now()
    world.contract = DelegationContract.objects.create(
        title="災害等非常時お客さま対応業務委託契約",
        delegator=world.organizations["operator"],
        delegate=world.organizations["affiliate"],
        starts_at=now - timedelta(days=3650),
        ends_at=now + timedelta(days=365),
        delegated_items=list(DELEGABLE_ITEMS),
    )
    for person in world.people.values():
        if person.role == "contractor":
            RosterEntry.objects.create(
                contract=world.contract,
                person=person,
                trained_on=timezone.localdate() - timedelta(days=30),
                added_by=world.people["supervisor"],
            )
    assign_perm("access.grant_under_contract", Group.objects.get(name="supervisor"), world.contract)
    assign_perm("access.review_contract", Group.objects.get(name="auditor"), world.contract)


def _customers(world: World) -> None:
    def add(area: str, retailer: str, **values: Any) -> Customer:
        customer = Customer.objects.create(
            area=world.areas[area],
            retailer=world.organizations[retailer],
            **stored.keys(
                municipality=world.areas[area].name,
                **{item: values[item] for item in ("name", "name_kana", "address", "phone")},
            )._asdict(),
            **values,
        )
        MonthlyUsage.objects.bulk_create(
            MonthlyUsage(customer=customer, month=date(2025, month, 1), kwh=USAGE_KWH + month)
            for month in range(1, 13)
        )
        return customer

    world.customers[HANAKO] = add(TAKAMATSU, "other", **HANAKO_VALUES)
    world.customers[JIRO] = add(
        MARUGAME,
        "affiliate",
        **HANAKO_VALUES
        | {
            "supply_point_number": JIRO,
            "name": "丸亀 次郎",
            "name_kana": "マルガメ ジロウ",
            "address": "香川県丸亀市大手町2丁目4-21",
            "phone": "0877-23-0003",
            "menu_category": "regulated",
        },
    )
    world.customers[TARO] = add(
        MATSUYAMA,
        "affiliate",
        **HANAKO_VALUES
        | {
            "supply_point_number": TARO,
            "name": "松山 太郎",
            "name_kana": "マツヤマ タロウ",
            "address": "愛媛県松山市一番町4丁目4-2",
            "phone": "089-941-0002",
        },
    )
    world.customers[KUNREN] = add(
        TRAINING,
        "affiliate",
        **HANAKO_VALUES
        | {
            "supply_point_number": KUNREN,
            "name": "訓練 一郎",
            "name_kana": "クンレン イチロウ",
            "address": "訓練県訓練市演習町1丁目1-1",
            "phone": "000-000-0001",
        },
    )
