"""Which permission each page needs, by URL name: a literal table, and what it lacks is refused.

`config.checks` fails the start (and the suite) if a URL of the portal is missing here.
"""

#: Reached without signing in.
ANYBODY = "anybody"
#: Reached by whoever is signed in, whatever the role.
SIGNED_IN = "signed in"

# fmt: off
PAGES = {
    # the process
    "healthz":                                    ANYBODY,
    "readyz":                                     ANYBODY,
    "set_language":                               ANYBODY,
    # signing in and out
    "portal:login":                               ANYBODY,
    "portal:choose_password":                     ANYBODY,
    "portal:logout":                              SIGNED_IN,
    "portal:password_change":                     SIGNED_IN,
    "portal:password_change_done":                SIGNED_IN,
    "portal:jsi18n":                              SIGNED_IN,
    # everybody's
    "portal:index":                               SIGNED_IN,
    "portal:disclosure_table":                    SIGNED_IN,
    "portal:notices":                             SIGNED_IN,
    # looking callers up
    "portal:inquiries":                           "access.take_inquiry",
    "portal:take_inquiry":                        "access.take_inquiry",
    "portal:inquiry":                             "access.take_inquiry",
    "portal:close_inquiry":                       "access.take_inquiry",
    "portal:still":                               "customers.look_up_customer",
    "portal:ask_for_help":                        "access.ask_for_grant",
    "portal:lookup":                              "customers.look_up_customer",
    "portal:customer":                            "customers.look_up_customer",
    "portal:who_has_seen":                        "audit.see_who_saw",
    "portal:exports":                             "customers.export_own_customers",
    "portal:export":                              "customers.export_own_customers",
    # customers from the billing side
    "portal:import_customers":                    "customers.import_customers",
    # emergencies and contracts
    "portal:emergencies":                         "access.view_emergency",
    "portal:emergency":                           "access.view_emergency",
    "portal:declare_emergency":                   "access.declare_emergency",
    "portal:end_emergency":                       "access.end_emergency",
    "portal:extend_emergency":                    "access.extend_emergency",
    "portal:change_areas":                        "access.extend_emergency",
    "portal:grant":                               "access.give_grant",
    "portal:revoke":                              "access.revoke_grant",
    "portal:revoke_person":                       "access.revoke_grant",
    "portal:summary":                             "access.view_summary",
    "portal:suspend":                             "access.suspend_contract",
    "portal:lift":                                "access.suspend_contract",
    "portal:train":                               "access.keep_roster",
    "portal:import_roster":                       "access.keep_roster",
    "portal:rights":                              "access.keep_object_rights",
    # what waits for somebody, and the board
    "portal:requests":                            "access.answer_request",
    "portal:answer":                              "access.answer_request",
    "portal:board":                               "access.watch_board",
    "portal:live_grants":                         "access.watch_board",
    "portal:lookups":                             "access.watch_board",
    "portal:board_inquiries":                     "access.watch_board",
    "portal:roster":                              "access.view_delegationcontract",
    "portal:add_to_roster":                       "access.keep_roster",
    "portal:remove_from_roster":                  "access.keep_roster",
    "portal:access_delegationcontract_changelist": "access.view_delegationcontract",
    "portal:access_delegationcontract_add":       "access.add_delegationcontract",
    "portal:access_delegationcontract_change":    "access.view_delegationcontract",
    # the history
    "portal:history":                             "audit.read_history",
    "portal:history_entry":                       "audit.read_history",
    "portal:export_history":                      "audit.export_history",
    "portal:proof_of_entry":                      "audit.read_history",
    "portal:proof_of_history":                    "audit.read_history",
    "portal:seals":                               "audit.read_history",
    "portal:verify":                              "audit.read_history",
    "portal:proof_of_seals":                      "audit.read_history",
    "portal:public_key":                          "audit.read_history",
    "portal:errands":                             "audit.read_history",
    "portal:errand":                              "audit.read_history",
    "portal:errand_file":                         "audit.export_history",
    "portal:reviews":                             "audit.review",
    "portal:review":                              "audit.review",
    "portal:mark_entry":                          "audit.review",
    "portal:add_to_review":                       "audit.review",
    "portal:sign_off":                            "audit.review",
    "portal:reopen_review":                       "audit.review",
    "portal:timeline":                           "audit.read_history",
    "portal:history_person":                     "audit.read_history",
    "portal:history_emergency":                  "audit.read_history",
    "portal:history_grant":                      "audit.read_history",
    "portal:history_customer":                   "audit.read_history",
    "portal:history_customer_file":              "audit.read_history",
    "portal:history_customer_letter":            "audit.read_history",
    # accounts and organisations
    "portal:access_person_changelist":            "access.view_person",
    "portal:access_person_add":                   "access.add_person",
    "portal:access_person_change":                "access.view_person",
    "portal:access_person_password":              "access.change_person",
    "portal:access_office_changelist":            "access.view_office",
    "portal:access_office_change":                "access.view_office",
    "portal:customers_organization_changelist":   "customers.view_organization",
    "portal:customers_organization_add":          "customers.add_organization",
    "portal:customers_organization_change":       "customers.view_organization",
    "portal:customers_servicearea_changelist":    "customers.view_servicearea",
    "portal:customers_servicearea_change":        "customers.view_servicearea",
}
# fmt: on

#: What somebody opens before the password that another knows is changed.
BEFORE_THE_PASSWORD = frozenset(
    {
        "portal:password_change",
        "portal:logout",
        "portal:jsi18n",
        *(n for n, p in PAGES.items() if p is ANYBODY),
    }
)
