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
    "emergency.drilled":       (_("Drill begun"),           _("%(person)s began the drill “%(object)s” (%(areas)s) until %(until)s.")),
    "emergency.extended":      (_("Emergency extended"),    _("%(person)s extended the emergency “%(object)s” and %(count)s running grants until %(until)s: %(because)s")),
    "emergency.areas_changed": (_("Areas changed"),         _("%(person)s changed the areas of the emergency “%(object)s”: added %(added)s, taken away %(removed)s.")),
    "emergency.summed_up":     (_("Emergency summed up"),   _("What the emergency “%(object)s” came to was summed up for the auditor.")),
    "emergency.taken_up":      (_("Summary taken up"),      _("%(person)s took up the summary of the emergency “%(object)s”.")),
    "emergency.ended":         (_("Emergency ended"),       _("%(person)s ended the emergency “%(object)s”.")),
    "emergency.expired":       (_("Emergency expired"),     _("The emergency “%(object)s” reached its expiry and ended by itself.")),
    "grant.given":             (_("Grant given"),           _("%(person)s granted %(subject)s access under “%(contract)s” until %(until)s.")),
    "grant.revoked":           (_("Grant revoked"),         _("%(person)s revoked the grant of %(subject)s in the emergency “%(emergency)s”: %(because)s")),
    "contract.suspended":      (_("Contract suspended"),    _("%(person)s suspended the contract “%(object)s”, and %(count)s grants under it stopped: %(because)s")),
    "contract.lifted":         (_("Suspension lifted"),     _("%(person)s lifted the suspension of the contract “%(object)s”.")),
    "request.made":            (_("Request made"),          _("%(person)s made request %(object)s (%(request_kind)s). %(because)s")),
    "request.agreed":          (_("Request agreed to"),     _("%(person)s agreed to request %(object)s (%(request_kind)s) of %(asker)s.")),
    "request.refused":         (_("Request refused"),       _("%(person)s refused request %(object)s (%(request_kind)s) of %(asker)s.")),
    "request.lapsed":          (_("Request lapsed"),        _("Request %(object)s (%(request_kind)s) of %(asker)s lapsed without an answer.")),
    "right.given":             (_("Right given"),           _("%(person)s gave the right “%(right)s” on %(object)s to %(group)s.")),
    "right.taken":             (_("Right taken"),           _("%(person)s took the right “%(right)s” on %(object)s from %(group)s.")),
    "permissions.reconciled":  (_("Permissions reconciled"), _("Area permissions were made equal to the live grants: %(added)s added, %(removed)s removed.")),
    "inquiry.taken":           (_("Inquiry taken"),         _("%(person)s took inquiry %(object)s (%(inquiry_kind)s).")),
    "inquiry.closed":          (_("Inquiry closed"),        _("%(person)s closed inquiry %(object)s (%(outcome)s).")),
    "roster.added":            (_("Added to the roster"),   _("%(person)s put %(subject)s on the roster of “%(contract)s”.")),
    "roster.removed":          (_("Taken off the roster"),  _("%(person)s took %(subject)s off the roster of “%(contract)s”.")),
    "roster.trained":          (_("Training noted"),        _("%(person)s noted the training of %(subject)s for “%(contract)s” on %(trained_on)s.")),
    "roster.left":             (_("Left the roster"),       _("%(subject)s left the roster of “%(contract)s”, for %(person)s changed the account.")),
    "customer.listed":         (_("Customer listed"),       _("%(person)s saw customer %(number)s in a list: %(fields)s.")),
    "customer.opened":         (_("Customer opened"),       _("%(person)s opened customer %(number)s: %(fields)s.")),
    "customer.exported":       (_("Customer exported"),     _("%(person)s took customer %(number)s away in a file: %(fields)s.")),
    "customer.nothing_found":  (_("Nothing found"),         _("%(person)s looked up by %(searched)s and found nothing.")),
    "lookup.too_slow":         (_("Took too long"),         _("%(person)s looked up by %(searched)s, which took too long; nobody was shown.")),
    "lookup.too_many":         (_("Too many found"),        _("%(person)s looked up by %(searched)s; too many fit, and nobody was shown.")),
    "customer.who_saw":        (_("Disclosures read"),      _("%(person)s read who has seen customer %(number)s.")),
    "history.timeline_read":   (_("Timeline read"),         _("%(person)s looked at the timeline from %(since)s until %(until)s.")),
    "history.person_read":     (_("History of a person read"), _("%(person)s read what the history says of %(subject)s.")),
    "history.emergency_read":  (_("History of an emergency read"), _("%(person)s read what the history says of the emergency “%(object)s”.")),
    "history.grant_read":      (_("History of a grant read"), _("%(person)s read what the history says of the grant of %(subject)s in the emergency “%(emergency)s”.")),
    "history.customer_read":   (_("Disclosures read"),      _("%(person)s read who has seen customer %(number)s.")),
    "history.customer_taken":  (_("Disclosures taken away"), _("%(person)s took away in a file who has seen customer %(number)s.")),
    "history.customer_answered": (_("Customer answered"),   _("%(person)s wrote a letter to customer %(number)s that says who has seen them.")),
    "retailer.export_begun":   (_("Export begun"),          _("%(person)s began to take the customers of %(object)s away in a file: %(fields)s.")),
    "retailer.exported":       (_("Export finished"),       _("%(person)s took the customers of %(object)s away in a file: %(rows)s rows, SHA-256 %(sha256)s.")),
    "denied":                  (_("Denied"),                _("%(person)s was refused: %(reason)s")),
    "customers.imported":      (_("Customers imported"),    _("%(person)s imported customers from the file “%(file)s” (SHA-256 %(sha256)s): %(rows)s rows, %(created)s customers created, %(changed)s changed, %(unchanged)s as they were, %(skipped)s bad rows left out; %(usage)s months of usage put in.")),
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
    "export": _("export of a retailer's own customers"),
}
