"""Roles: what each is for and may do. A role is a Django group whose permissions are this table's.

Who may see which field of a customer is `customers.disclosure`; this says which work is whose.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.people import Role


@dataclass(frozen=True)
class RoleDescription:
    """A role for people to read, the organisation kinds it may belong to, and its permissions."""

    role: Role
    does: str | Promise
    belongs_to: tuple[str, ...]
    permissions: frozenset[str]


OWN_STAFF = ("network_operator",)
RETAILERS = ("affiliate_retailer", "retailer")

ROLES = (
    RoleDescription(
        Role.OPERATOR,
        _("Looks customers up in the areas of their own office, and sees all items."),
        OWN_STAFF,
        frozenset(
            {
                "customers.look_up_customer",
                "access.take_inquiry",
                "access.view_emergency",
                "audit.see_who_saw",
            }
        ),
    ),
    RoleDescription(
        Role.CONTRACTOR,
        _("In an open emergency only: takes an inquiry, looks the caller up, sees delegated items."),
        RETAILERS,
        frozenset({"customers.look_up_customer", "access.take_inquiry", "access.ask_for_grant"}),
    ),
    RoleDescription(
        Role.SUPERVISOR,
        _("Declares, extends and ends emergencies, grants and revokes, keeps the contracts."),
        OWN_STAFF,
        frozenset(
            {
                "access.view_emergency",
                "access.declare_emergency",
                "access.extend_emergency",
                "access.end_emergency",
                "access.watch_board",
                "access.give_grant",
                "access.revoke_grant",
                "access.answer_request",
                "access.answer_grant_request",
                "access.view_summary",
                "access.suspend_contract",
                "access.view_delegationcontract",
                "access.add_delegationcontract",
                "access.change_delegationcontract",
                "access.keep_roster",
            }
        ),
    ),
    RoleDescription(
        Role.AUDITOR,
        _("Reads the history and reviews it, and sees no customer's item that it does not hold."),
        OWN_STAFF,
        frozenset(
            {
                "audit.read_history",
                "audit.export_history",
                "audit.review",
                "access.view_emergency",
                "access.view_delegationcontract",
            }
        ),
    ),
    RoleDescription(
        Role.RETAILER,
        _("Looks supply points up for switching: own customers' items, and the few shared ones."),
        RETAILERS,
        frozenset({"customers.look_up_customer", "customers.export_own_customers"}),
    ),
    RoleDescription(
        Role.ADMINISTRATOR,
        _("Keeps accounts, organisations, offices and areas; sees no customer and no history."),
        OWN_STAFF,
        frozenset(
            {
                "access.view_person",
                "access.add_person",
                "access.change_person",
                "access.view_office",
                "access.change_office",
                "access.view_delegationcontract",
                "access.keep_object_rights",
                "access.answer_request",
                "access.answer_account_request",
                "access.keep_emails",
                "customers.import_customers",
                "customers.view_organization",
                "customers.add_organization",
                "customers.change_organization",
                "customers.view_servicearea",
                "customers.change_servicearea",
            }
        ),
    ),
)
