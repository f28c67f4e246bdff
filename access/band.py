"""What every page says: 平常時 or 災害等非常時, and the way through the portal for the person's role."""

from django.utils.translation import gettext_lazy as _

from access import drafts, policy
from access.models import Emergency, Grant
from access.people import Role

#: Pages and their names, in the order of the work; `access.pages` says who may open them.
NAVIGATION = (
    ("portal:index", _("Home")),
    ("portal:inquiries", _("Inquiries")),
    ("portal:lookup", _("Customer lookup")),
    ("portal:exports", _("Own customers as a file")),
    ("portal:board", _("Board")),
    ("portal:requests", _("Requests")),
    ("portal:emergencies", _("Emergencies")),
    ("portal:access_delegationcontract_changelist", _("Contracts and rosters")),
    ("portal:history", _("History")),
    ("portal:seals", _("Seals")),
    ("portal:reviews", _("Reviews")),
    ("portal:import_customers", _("Import customers")),
    ("portal:access_person_changelist", _("People")),
    ("portal:customers_organization_changelist", _("Organisations")),
    ("portal:access_office_changelist", _("Offices")),
    ("portal:customers_servicearea_changelist", _("Service areas")),
    ("portal:disclosure_table", _("Table of items")),
)


def band(request) -> dict:
    """Template context: the open emergencies with their live grants, and the navigation."""
    person = getattr(request, "user", None)
    if person is None:
        return {}
    now = situation(request)
    live = now["live_grant_count"]
    return now | {
        "unread": person.notices.filter(read_at=None).count() if person.is_authenticated else 0,
        "written_by": lambda: drafts.author_mark(person) if person.is_authenticated else "",
        "polls": person.is_authenticated and person.role == Role.CONTRACTOR,
        "navigation": [
            {"page": page, "label": label}
            for page, label in NAVIGATION
            if person.is_authenticated and _opens(person, page, bool(live))
        ],
    }


def situation(request) -> dict:
    """What the band itself says: the open emergencies, and how many grants are live (None: not for this reader)."""
    emergencies = list(Emergency.objects.open().prefetch_related("areas").order_by("expires_at"))
    return {
        "open_emergencies": emergencies,
        "only_drills": bool(emergencies) and all(one.is_drill for one in emergencies),
        "live_grant_count": _live_grants(request) if emergencies else None,
    }


def _live_grants(request) -> int | None:
    """How many grants are live: for the operator's own staff all, for a contractor whether there is one."""
    person = request.user
    if not person.is_authenticated or person.role == Role.RETAILER:
        return None
    live = Grant.objects.live()
    if person.role != Role.CONTRACTOR:
        return live.count()
    if getattr(request, "is_called_for", False):
        return 1
    return int(live.filter(roster_entry__person=person).exists())


def _opens(person, page: str, called_for: bool) -> bool:
    if person.role == Role.CONTRACTOR and not called_for:
        # In peacetime inquiries would only refuse, and the refusal stand in the history
        return page not in ("portal:lookup", "portal:inquiries") and policy.may_open(person, page)
    # A contractor looks callers up from an inquiry, never from the bare lookup page.
    if page == "portal:lookup" and person.role == Role.CONTRACTOR:
        return False
    return policy.may_open(person, page)
