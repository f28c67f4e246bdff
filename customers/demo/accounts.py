"""Who works with the portal in the demo: organisations, offices with their areas, people, one contract.

All of it goes through the models, so that the history says of each how it came to be.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from guardian.shortcuts import assign_perm

from access import rosters
from access.models import AreaGroupPermission, DelegationContract, Office, Person
from customers.demo import names, training
from customers.demo.dice import Dice
from customers.demo.places import Municipality
from customers.disclosure import DELEGABLE_ITEMS
from customers.models import Organization, ServiceArea
from customers.postal import PREFECTURES

PASSWORD = "shikoku-demo"
CONTRACT = "災害等非常時お客さま対応業務委託契約"
CONTRACTORS = 30
#: Days ago that everybody on the roster was trained, so that the demo's training never lapses.
TRAINED_DAYS_AGO = 60
DEPARTMENTS = {"contractor": "お客さまセンター"}
JST = ZoneInfo("Asia/Tokyo")

# fmt: off
#: By key: the code (made up, as all of it), the name, the English name, the kind.
ORGANIZATIONS = {
    "operator":  (None,    "四国地方送配電株式会社",     "Shikoku Area Grid",         "network_operator"),
    "affiliate": ("Z9001", "四国地方電力株式会社",       "Shikoku Area Power",        "affiliate_retailer"),
    "setouchi":  ("Z9002", "瀬戸内みらい電力株式会社",   "Setouchi Mirai Energy",     "retailer"),
    "kuroshio":  ("Z9003", "黒潮みなみ電力株式会社",     "Kuroshio Minami Power",     "retailer"),
    "ishizuchi": ("Z9004", "石鎚こだま電気株式会社",     "Ishizuchi Kodama Electric", "retailer"),
}
#: By prefecture: the code that its municipalities begin with, the office and its English name.
OFFICES = {
    "徳島県": ("36", "徳島支社", "Tokushima Branch"),
    "香川県": ("37", "香川支社", "Kagawa Branch"),
    "愛媛県": ("38", "愛媛支社", "Ehime Branch"),
    "高知県": ("39", "高知支社", "Kochi Branch"),
}
#: Whose supervisors declare everywhere, and begin drills.
HEAD_OFFICE = ("00", "本社", "Head Office")
#: Username, name, organisation, role, prefecture of the office. The contractors come besides.
STAFF = (
    ("operator",       "高松 一郎", "operator",  "operator",      "香川県"),
    ("operator-ehime", "松山 恵子", "operator",  "operator",      "愛媛県"),
    ("supervisor",     "坂出 誠",   "operator",  "supervisor",    "本社"),
    ("supervisor02",   "琴平 忍",   "operator",  "supervisor",    "本社"),
    ("supervisor-ehime", "宇和 渚", "operator",  "supervisor",    "愛媛県"),
    ("auditor",        "鳴門 律子", "operator",  "auditor",       None),
    ("administrator",  "南国 学",   "operator",  "administrator", None),
    ("administrator02", "三好 環",  "operator",  "administrator", None),
    ("retailer",       "瀬戸 直樹", "setouchi",  "retailer",      None),
)
# fmt: on


@dataclass(frozen=True)
class Accounts:
    """What customers are tied to: ids and names of areas by code, ids of organisations by key."""

    areas: dict[str, int]
    names: dict[str, str]
    organizations: dict[str, int]


def create(municipalities: Iterable[Municipality]) -> Accounts:
    """Creates everything but the customers, with offices for areas in `municipalities`."""
    organizations = {
        key: Organization.objects.create(code=code, name=name, name_en=english, kind=kind)
        for key, (code, name, english, kind) in ORGANIZATIONS.items()
    }
    areas = [_area(municipality) for municipality in (*municipalities, *training.AREAS)]
    offices = {prefecture: _office(prefecture, areas) for prefecture in PREFECTURES}
    offices["本社"] = _head_office(areas)
    people = _people(organizations, offices)
    _contract(organizations, people)
    return Accounts(
        {area.code: area.pk for area in areas},
        {area.code: area.name for area in areas},
        {key: one.pk for key, one in organizations.items()},
    )


def contractors() -> list[tuple[str, str]]:
    """Usernames and names of the affiliate's people on the roster."""
    dice = Dice(CONTRACTORS)
    usernames = ["contractor", *(f"contractor{n:02}" for n in range(2, CONTRACTORS + 1))]
    return [(one, f"{dice.pick(names.SURNAMES)[0]} {dice.pick(names.GIVEN_NAMES)[0]}") for one in usernames]


def _area(municipality: Municipality) -> ServiceArea:
    return ServiceArea.objects.create(
        code=municipality.code,
        name=municipality.name,
        name_kana=municipality.name_kana,
        name_en=municipality.name_en,
        prefecture=municipality.prefecture,
        is_training=municipality in training.AREAS,
    )


def _office(prefecture: str, areas: Iterable[ServiceArea]) -> Office:
    """The prefecture's office: its operators consult, and its supervisors declare, in the prefecture."""
    own = [area for area in areas if area.prefecture == prefecture]
    return _made(*OFFICES[prefecture], consult=own, declare=own)


def _head_office(areas: Iterable[ServiceArea]) -> Office:
    """The head office: its supervisors declare in every area, and drill in the training areas."""
    return _made(*HEAD_OFFICE, consult=[], declare=areas)


def _made(
    code: str, name: str, english: str, *, consult: Iterable[ServiceArea], declare: Iterable[ServiceArea]
) -> Office:
    group = Group.objects.create(name=f"office-{code}")
    for codename, areas in (("consult_servicearea", consult), ("declare_in_servicearea", declare)):
        permission = Permission.objects.get(content_type__app_label="customers", codename=codename)
        AreaGroupPermission.objects.bulk_create(
            AreaGroupPermission(group=group, permission=permission, content_object=area) for area in areas
        )
    return Office.objects.create(name=name, name_en=english, group=group)


def _people(organizations: dict[str, Organization], offices: dict[str, Office]) -> dict[str, Person]:
    password = make_password(PASSWORD)  # once: the hash is slow on purpose
    staff = STAFF + tuple((one, name, "affiliate", "contractor", None) for one, name in contractors())
    return {
        username: Person.objects.create(
            username=username,
            name=name,
            password=password,
            organization=organizations[organization],
            role=role,
            office=offices[prefecture] if prefecture else None,
            email=f"{username}@example.jp",
            department=DEPARTMENTS.get(role, ""),
        )
        for username, name, organization, role, prefecture in staff
    }


def _contract(organizations: dict[str, Organization], people: dict[str, Person]) -> None:
    """The contract with its roster, the supervisors' right to grant under it, the auditors' to review."""
    contract = DelegationContract.objects.create(
        title=CONTRACT,
        delegator=organizations["operator"],
        delegate=organizations["affiliate"],
        starts_at=datetime(2020, 4, 1, tzinfo=JST),
        ends_at=datetime(2030, 4, 1, tzinfo=JST),
        delegated_items=list(DELEGABLE_ITEMS),
        max_grant_hours=24,
    )
    assign_perm("access.grant_under_contract", Group.objects.get(name="supervisor"), contract)
    assign_perm("access.review_contract", Group.objects.get(name="auditor"), contract)
    trained_on = timezone.localdate() - timedelta(days=TRAINED_DAYS_AGO)
    for username, _name in contractors():
        rosters.add(people["supervisor"], contract, people[username], trained_on)
