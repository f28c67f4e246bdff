"""Events of the history and the sentences they read as: a literal table, for people.

A sentence may name: person, subject, object, number (of a supply point), fields, reason, basis, and
what the entry's own detail holds.
"""

from django.utils.translation import gettext_lazy as _

# fmt: off
EVENTS = {
    "session.signed_in":       (_("Signed in"),             _("%(person)s signed in.")),
    "session.signed_out":      (_("Signed out"),            _("%(person)s signed out.")),
    "session.sign_in_failed":  (_("Sign-in failed"),        _("Somebody failed to sign in as %(subject)s.")),
    "session.closed":          (_("Session closed"),        _("The session of %(subject)s was closed, for the grant that it lived by is over.")),
    "emergency.declared":      (_("Emergency declared"),    _("%(person)s declared the emergency “%(object)s” (%(areas)s) until %(until)s.")),
    "emergency.ended":         (_("Emergency ended"),       _("%(person)s ended the emergency “%(object)s”.")),
    "emergency.expired":       (_("Emergency expired"),     _("The emergency “%(object)s” reached its expiry and ended by itself.")),
    "grant.given":             (_("Grant given"),           _("%(person)s granted %(subject)s access under “%(contract)s” until %(until)s.")),
    "permissions.reconciled":  (_("Permissions reconciled"), _("Area permissions were made equal to the live grants: %(added)s added, %(removed)s removed.")),
    "inquiry.taken":           (_("Inquiry taken"),         _("%(person)s took inquiry %(object)s (%(inquiry_kind)s).")),
    "inquiry.closed":          (_("Inquiry closed"),        _("%(person)s closed inquiry %(object)s.")),
    "roster.added":            (_("Added to the roster"),   _("%(person)s put %(subject)s on the roster of “%(contract)s”.")),
    "roster.removed":          (_("Taken off the roster"),  _("%(person)s took %(subject)s off the roster of “%(contract)s”.")),
    "customer.listed":         (_("Customer listed"),       _("%(person)s saw customer %(number)s in a list: %(fields)s.")),
    "customer.opened":         (_("Customer opened"),       _("%(person)s opened customer %(number)s: %(fields)s.")),
    "customer.nothing_found":  (_("Nothing found"),         _("%(person)s looked up by %(searched)s and found nothing.")),
    "denied":                  (_("Denied"),                _("%(person)s was refused: %(reason)s")),
    "demo.loaded":             (_("Demo data loaded"),      _("Demo data were loaded: %(customers)s customers.")),
    "changed.created":         (_("Created"),               _("%(person)s created %(object)s.")),
    "changed.updated":         (_("Changed"),               _("%(person)s changed %(object)s.")),
    "changed.deleted":         (_("Deleted"),               _("%(person)s deleted %(object)s.")),
}
# fmt: on

BASES = {
    "own_area": _("area of the own office"),
    "live_grant": _("live grant in an open emergency"),
    "switching": _("switching support"),
}
