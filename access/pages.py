"""Which permission each page needs and which methods it takes, by URL name: a literal table, and what it lacks is refused.

`config.checks` fails the start (and the suite) if a URL of the portal is missing here.
"""

from typing import NamedTuple

#: A page that is looked at.
SHOWN = ("GET",)
#: What a form sends; there is nothing to look at.
SENT = ("POST",)
#: A page with a form that is sent to its own address.
BOTH = ("GET", "POST")
#: What monitors ask. No other page answers HEAD: what shows nothing discloses nothing.
ASKED = ("GET", "HEAD")


class Page(NamedTuple):
    """What opens a page, how it is asked for, and whether it answers with a file as long as its reader takes."""

    needs: str
    methods: tuple[str, ...]
    streams: bool = False


#: Reached without signing in.
ANYBODY = "anybody"
#: Reached by whoever is signed in, whatever the role.
SIGNED_IN = "signed in"

# fmt: off
PAGES = {
    # the process
    "healthz":                                     Page(ANYBODY, ASKED),
    "readyz":                                      Page(ANYBODY, ASKED),
    "set_language":                                Page(ANYBODY, SENT),
    # signing in and out
    "portal:login":                                Page(ANYBODY, BOTH),
    "portal:choose_password":                      Page(ANYBODY, BOTH),
    "portal:logout":                               Page(SIGNED_IN, SENT),
    "portal:password_change":                      Page(SIGNED_IN, BOTH),
    "portal:password_change_done":                 Page(SIGNED_IN, SHOWN),
    "portal:jsi18n":                               Page(SIGNED_IN, SHOWN),
    # everybody's
    "portal:index":                                Page(SIGNED_IN, SHOWN),
    "portal:disclosure_table":                     Page(SIGNED_IN, SHOWN),
    "portal:notices":                              Page(SIGNED_IN, SHOWN),
    # looking callers up
    "portal:inquiries":                            Page("access.take_inquiry", SHOWN),
    "portal:take_inquiry":                         Page("access.take_inquiry", BOTH),
    "portal:inquiry":                              Page("access.take_inquiry", BOTH),
    "portal:close_inquiry":                        Page("access.take_inquiry", BOTH),
    "portal:still":                                Page("customers.look_up_customer", SHOWN),
    "portal:ask_for_help":                         Page("access.ask_for_grant", SENT),
    "portal:lookup":                               Page("customers.look_up_customer", BOTH),
    "portal:customer":                             Page("customers.look_up_customer", SHOWN),
    "portal:who_has_seen":                         Page("audit.see_who_saw", SHOWN),
    "portal:exports":                              Page("customers.export_own_customers", SHOWN),
    "portal:export":                               Page("customers.export_own_customers", SENT, streams=True),
    # customers from the billing side
    "portal:import_customers":                     Page("customers.import_customers", BOTH),
    # emergencies and contracts
    "portal:emergencies":                          Page("access.view_emergency", SHOWN),
    "portal:emergency":                            Page("access.view_emergency", SHOWN),
    "portal:declare_emergency":                    Page("access.declare_emergency", BOTH),
    "portal:end_emergency":                        Page("access.end_emergency", BOTH),
    "portal:extend_emergency":                     Page("access.extend_emergency", BOTH),
    "portal:change_areas":                         Page("access.extend_emergency", BOTH),
    "portal:grant":                                Page("access.give_grant", BOTH),
    "portal:revoke":                               Page("access.revoke_grant", SENT),
    "portal:revoke_person":                        Page("access.revoke_grant", BOTH),
    "portal:summary":                              Page("access.view_summary", SHOWN),
    "portal:suspend":                              Page("access.suspend_contract", BOTH),
    "portal:lift":                                 Page("access.suspend_contract", SENT),
    "portal:train":                                Page("access.keep_roster", BOTH),
    "portal:import_roster":                        Page("access.keep_roster", BOTH),
    "portal:rights":                               Page("access.keep_object_rights", BOTH),
    # what waits for somebody, and the board
    "portal:requests":                             Page("access.answer_request", SHOWN),
    "portal:answer":                               Page("access.answer_request", SENT),
    "portal:board":                                Page("access.watch_board", SHOWN),
    "portal:live_grants":                          Page("access.watch_board", SHOWN),
    "portal:lookups":                              Page("access.watch_board", SHOWN),
    "portal:board_inquiries":                      Page("access.watch_board", SHOWN),
    "portal:roster":                               Page("access.view_delegationcontract", SHOWN),
    "portal:add_to_roster":                        Page("access.keep_roster", SENT),
    "portal:remove_from_roster":                   Page("access.keep_roster", SENT),
    "portal:access_delegationcontract_changelist": Page("access.view_delegationcontract", SHOWN),
    "portal:access_delegationcontract_add":        Page("access.add_delegationcontract", BOTH),
    "portal:access_delegationcontract_change":     Page("access.view_delegationcontract", BOTH),
    "portal:unsent_emails":                        Page("access.keep_emails", BOTH),
    # the history
    "portal:history":                              Page("audit.read_history", BOTH),
    "portal:history_entry":                        Page("audit.read_history", SHOWN),
    "portal:export_history":                       Page("audit.export_history", SENT, streams=True),
    "portal:proof_of_entry":                       Page("audit.read_history", SENT),
    "portal:proof_of_history":                     Page("audit.read_history", SENT),
    "portal:seals":                                Page("audit.read_history", SHOWN),
    "portal:verify":                               Page("audit.read_history", SENT),
    "portal:proof_of_seals":                       Page("audit.read_history", SENT),
    "portal:public_key":                           Page("audit.read_history", SHOWN),
    "portal:errands":                              Page("audit.read_history", SHOWN),
    "portal:errand":                               Page("audit.read_history", SHOWN),
    "portal:errand_file":                          Page("audit.export_history", SHOWN, streams=True),
    "portal:reviews":                              Page("audit.review", SHOWN),
    "portal:review":                               Page("audit.review", SHOWN),
    "portal:mark_entry":                           Page("audit.review", SENT),
    "portal:add_to_review":                        Page("audit.review", SENT),
    "portal:sign_off":                             Page("audit.review", BOTH),
    "portal:reopen_review":                        Page("audit.review", BOTH),
    "portal:timeline":                             Page("audit.read_history", SHOWN),
    "portal:history_person":                       Page("audit.read_history", SHOWN),
    "portal:history_emergency":                    Page("audit.read_history", SHOWN),
    "portal:history_grant":                        Page("audit.read_history", SHOWN),
    "portal:history_customer":                     Page("audit.read_history", BOTH),
    "portal:history_customer_file":                Page("audit.read_history", SENT),
    "portal:history_customer_letter":              Page("audit.read_history", BOTH),
    # accounts and organisations
    "portal:access_person_changelist":             Page("access.view_person", SHOWN),
    "portal:access_person_add":                    Page("access.add_person", BOTH),
    "portal:access_person_change":                 Page("access.view_person", BOTH),
    "portal:access_person_password":               Page("access.change_person", BOTH),
    "portal:access_office_changelist":             Page("access.view_office", SHOWN),
    "portal:access_office_change":                 Page("access.view_office", BOTH),
    "portal:customers_organization_changelist":    Page("customers.view_organization", SHOWN),
    "portal:customers_organization_add":           Page("customers.add_organization", BOTH),
    "portal:customers_organization_change":        Page("customers.view_organization", BOTH),
    "portal:customers_servicearea_changelist":     Page("customers.view_servicearea", SHOWN),
    "portal:customers_servicearea_change":         Page("customers.view_servicearea", BOTH),
}
# fmt: on

#: What somebody opens before the password that another knows is changed.
BEFORE_THE_PASSWORD = frozenset(
    {
        "portal:password_change",
        "portal:logout",
        "portal:jsi18n",
        *(name for name, page in PAGES.items() if page.needs == ANYBODY),
    }
)
