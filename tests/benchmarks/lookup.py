"""What looking a caller up costs at three sizes, whole requests beside their floors: `make bench-lookup`.

Value, floor and peer of a line are medians of requests that alternate in this one process. The value is
the portal's whole request: policy, query, history, rendering. The floor is a plain Django view over the
same query, signed in, without policy and history; "bare SQL" the same statements by psycopg alone; the
peer Django's own admin changelist over the same table with the same search fields. QUICK=1 takes less data.
"""

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.test import Client, override_settings
from django.test.client import ClientHandler
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone

from access import clock, inquiries, lifecycle, policy
from access.models import DelegationContract, Inquiry, Person
from customers import reading, searching
from customers.demo import accounts, loading
from customers.forms import LookupForm
from customers.models import Customer, ServiceArea
from tests.benchmarks import QUICK, Line, machine, milliseconds, own_database, report

SIZES = (3_000, 30_000) if QUICK else (30_000, 300_000, 3_000_000)
RUNS, PEER_RUNS = (15, 3) if QUICK else (60, 5)
LARGEST = SIZES[-1]

#: Kind of search to what is typed, by whom it is typed, and what the admin's one box is given for it.
# fmt: off
KINDS = {
    "whole supply point number":     ("operator", {"supply_point_number": "08" + "0" * 19 + "1"}, "08" + "0" * 19 + "1"),
    "whole phone number":            ("operator", {"phone": "087-821-0001"},                      "0878210001"),
    "full name in kana":             ("operator", {"name": "かがわ はなこ"},                      "カガワハナコ"),
    "surname in kana":               ("operator", {"name": "タナカ"},                             "タナカ"),
    "given name as written":         ("operator", {"name": "花子"},                               "花子"),
    "part of a name":                ("operator", {"name": "製麺所"},                             "製麺所"),
    "address down to the house":     ("operator", {"address": "番町1丁目8-15"},                   "番町1-8-15"),
    "municipality and town":         ("operator", {"address": "高松市番町1丁目"},                 "番町1-"),
    "name and address":              ("operator", {"name": "カガワ", "address": "高松市番町"},    "カガワ 番町"),
    "name and last four of a phone": ("operator", {"name": "カガワ", "phone": "0001"},            "カガワ 0001"),
    "one box":                       ("operator", {"words": "かがわ 高松市番町"},                 "カガワ 番町"),
    "contractor: whole phone":       ("contractor", {"phone": "087-821-0001"},                    "0878210001"),
    "contractor: name and address":  ("contractor", {"name": "カガワ ハナコ", "address": "高松市番町"}, "カガワハナコ 番町"),
    "retailer: address":             ("retailer", {"address": "高松市番町1丁目8-15"},             "番町1-8-15"),
}
# fmt: on
WHOLE_KEYS = ("whole supply point number", "whole phone number")
ON_ADDRESS = ("address down to the house", "municipality and town")

PLAIN = engines["django"].from_string("""<!doctype html><title>Customers</title>
<form method="post">{% csrf_token %}{{ form.as_p }}<button>Look up</button></form>
<table>{% for row in rows %}<tr><td>{{ row.shown_supply_point_number }}</td>
<td>{{ row.shown_name }}<br>{{ row.shown_name_kana }}</td><td>{{ row.shown_address }}</td></tr>{% endfor %}</table>
""")
DJANGOS_OWN = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

#: What the plain view may take for granted: who asks, and so the basis that the policy gave once.
BASES: dict[int, policy.Basis] = {}


@login_required
def plain_view(request: HttpRequest) -> HttpResponse:
    """The floor: the same form and the same query, without policy, history and the portal's page."""
    basis = BASES[request.user.pk]
    form = LookupForm(request.POST, shown=basis.fields, places=reading.places_of(basis))
    assert form.is_valid()
    plan = form.terms.plan(form.places, one_household=basis.audience == policy.Audience.CONTRACTOR)
    rows = searching.search(basis, plan, form.terms.asks_of(), basis.limits.max_results + 1, None)
    return HttpResponse(PLAIN.render({"rows": rows, "form": form}, request))


#: Django's own admin templates, without the portal's over them.
OWN_TEMPLATES = DjangoTemplates(
    {
        "NAME": "stock",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
)


class StockSite(admin.AdminSite):
    def has_permission(self, request):
        return True


class StockAdmin(admin.ModelAdmin):
    """What comes out of the box: the columns of the result list, and every key to search by."""

    change_list_template = OWN_TEMPLATES.get_template("admin/change_list.html")
    list_display = ["supply_point_number", "name", "name_kana", "address"]
    search_fields = ["supply_point_number", "phone_key", "kana_key", "name_key", "town_key"]

    def has_view_permission(self, request, obj=None):
        return True


stock = StockSite(name="stock")
stock.register(Customer, StockAdmin)
urlpatterns = [path("plain/", plain_view), path("stock/", stock.urls), path("accounts/login/", plain_view)]


class Plain(ClientHandler):
    """Requests through Django's own middleware, to the addresses of this module."""

    def get_response(self, request):
        request.urlconf = __name__
        return super().get_response(request)


def clients(person: Person) -> tuple[Client, Client]:
    """Of the portal, and of the plain views, both signed in."""
    host = {"HTTP_HOST": settings.ALLOWED_HOSTS[0]}
    portal, plain = Client(**host), Client(**host)
    portal.force_login(person)
    plain.force_login(person)
    plain.handler = Plain(enforce_csrf_checks=False)
    with override_settings(MIDDLEWARE=DJANGOS_OWN):
        plain.handler.load_middleware()
    portal.get("/")  # loads the portal's middleware
    return portal, plain


def measured(work: Callable[[], Any], times: list[float]) -> Any:
    took, result = milliseconds(work)
    times.append(took)
    return result


def compare(size: int, kind: str, person: Person, inquiry: Inquiry | None) -> list[Line]:
    """The lines of one kind of search: the request, its 95th percentile, and the bare SQL."""
    _who, typed, searched = KINDS[kind]
    BASES[person.pk] = policy.basis_for_lookup(person, inquiry)
    portal, plain = clients(person)
    address = reverse("portal:inquiry", args=[inquiry.pk]) if inquiry else reverse("portal:lookup")
    statements = _statements(portal, address, typed)
    whole: list[float] = []
    floor: list[float] = []
    bare: list[float] = []
    peer: list[float] = []
    for run in range(RUNS):
        response = measured(lambda: portal.post(address, typed), whole)
        assert response.status_code == 200
        assert b"errornote" not in response.content, "the form refused what was typed"
        response = measured(lambda: plain.post("/plain/", typed), floor)
        assert response.status_code == 200
        measured(lambda: _run(statements), bare)
        if run < PEER_RUNS:
            found = measured(lambda: plain.get("/stock/customers/customer/", {"q": searched}), peer)
            assert found.status_code == 200
    at_large = size == LARGEST
    goal = ("ratio_to_floor", "<=", 2.0) if at_large else None
    floor_is, peer_is = "plain Django view, same query", "stock Django admin changelist"
    lines = [
        Line(kind, size, median(whole), "ms", RUNS, floor=median(floor), floor_is=floor_is,
             peer=median(peer), peer_is=peer_is, goal=goal),
        Line(f"{kind}, 95th percentile", size, quantiles(whole, n=20)[-1], "ms", RUNS,
             floor=quantiles(floor, n=20)[-1], floor_is=floor_is),
        Line(f"{kind}, bare SQL", size, median(bare), "ms", RUNS),
    ]  # fmt: skip
    if at_large and kind in ON_ADDRESS:
        lines.append(
            Line(f"{kind}, and the admin", size, median(whole), "ms", PEER_RUNS, peer=median(peer),
                 peer_is=peer_is, goal=("times_peer", ">=", 50.0))
        )  # fmt: skip
    return lines


def _statements(client: Client, address: str, typed: dict) -> list[str]:
    """The statements by which the portal searches customers."""
    with CaptureQueriesContext(connection) as queries:
        client.post(address, typed)
    return [one["sql"] for one in queries if '"scope"' in one["sql"] and one["sql"].startswith("SELECT")]


def _run(statements: list[str]) -> None:
    with connection.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("%", "%%"))
            cursor.fetchall()


def emergency_call(contractor: Person) -> Inquiry:
    """An inquiry of the contractor's in an emergency in Kagawa, with limits that a benchmark keeps."""
    supervisor = Person.objects.filter(role="supervisor").order_by("pk").first()
    contract = DelegationContract.objects.get()
    DelegationContract.objects.update(slow_after=200, stop_after=400)
    areas = list(ServiceArea.objects.filter(prefecture="香川県"))
    emergency = lifecycle.declare(
        supervisor, kind="typhoon", name="測定", areas=areas, contracts=[contract],
        expires_at=clock.database_now() + timezone.timedelta(hours=6),
    )  # fmt: skip
    return inquiries.take(contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage"))


def growth(lines: list[Line]) -> list[Line]:
    """How much longer whole-key searches take at the largest size than at the smallest."""
    of = {(line.name, line.rows_in_db): line.value for line in lines}
    return [
        Line(f"{kind}, growth from {SIZES[0]:,}", LARGEST, of[kind, LARGEST] / of[kind, SIZES[0]], "times", RUNS,
             goal=("value", "<=", 1.5))
        for kind in WHOLE_KEYS
    ]  # fmt: skip


def main() -> None:
    settings.DEMO = True
    about, lines = machine(), []
    for size in SIZES:
        with own_database():
            begun = time.monotonic()
            loading.load(size)
            print(f"{size:,} customers loaded in {time.monotonic() - begun:.0f} s", flush=True)
            people = {
                "operator": Person.objects.get(username="operator"),
                "retailer": Person.objects.get(username="retailer"),
                "contractor": Person.objects.get(username=accounts.contractors()[0][0]),
            }
            with transaction.atomic():
                call = emergency_call(people["contractor"])
            for kind, (who, _typed, _searched) in KINDS.items():
                lines += compare(size, kind, people[who], call if who == "contractor" else None)
                print(f"  {kind}", flush=True)
    report("lookup", about, lines + growth(lines))


if __name__ == "__main__":
    # Its addresses are found by the module's name, which a program has not got
    from tests.benchmarks import lookup

    lookup.main()
