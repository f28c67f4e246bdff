"""Refusals, each with its reason: the literal table of what is said and with which status."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Reason:
    """Why somebody is refused: the HTTP status, and a sentence for them that says what to do."""

    status: int
    sentence: str | Promise


# fmt: off
REASONS = {
    "role":                  Reason(403, _("This page is not part of your role's work.")),
    "unlisted_page":         Reason(403, _("This page is open to nobody.")),
    "no_emergency":          Reason(403, _("No emergency is open. In peacetime nothing can be looked up.")),
    "no_grant":              Reason(403, _("An emergency is open, but you hold no grant for it. Ask a supervisor of the network operator.")),
    "grant_revoked":         Reason(403, _("Your grant has been revoked.")),
    "grant_over":            Reason(403, _("Your grant's time is over. Ask a supervisor if you are still needed.")),
    "contract_not_in_force": Reason(403, _("The delegation contract is not in force, so nothing under it can be looked up.")),
    "not_on_roster":         Reason(403, _("You are no longer on the contract's roster.")),
    "not_ready":             Reason(403, _("Your grant is live, but your areas are not ready yet. Try again in a few seconds.")),
    "no_area":               Reason(403, _("Your office has no service area, so there is no customer you could look up.")),
    "no_inquiry":            Reason(403, _("Record the caller's inquiry first: nothing is looked up without one.")),
    "inquiry_not_yours":     Reason(403, _("This inquiry was taken by somebody else.")),
    "inquiry_over":          Reason(403, _("This inquiry is closed, or its emergency is over for you. Record a new one.")),
    "item_not_delegated":    Reason(403, _("You cannot look up by this item, for you are not shown it.")),
    "customer_unknown":      Reason(404, _("There is no such customer for you.")),
    "too_fast":              Reason(429, _("You look up faster than callers call. Wait a quarter of a minute, and try again.")),
    "stopped":               Reason(429, _("You looked up more than any caller explains, so you are stopped. A supervisor has been told, and can grant you access anew.")),
    "paused":                Reason(429, _("You looked up more than any caller explains, so you have to wait ten minutes. A supervisor is told.")),
    "contract_not_yours":    Reason(403, _("You may not grant under this contract.")),
    "nobody_reviews":        Reason(403, _("No active auditor reviews this contract, so nothing can be granted under it. Two administrators give an auditor the right, on the contract's page “Who holds rights here”.")),
    "area_not_yours":        Reason(403, _("Your office decides on no emergency in one of these areas. Ask a supervisor whose office does.")),
    "second_person":         Reason(403, _("A second person answers this, never the one who asked or whom it is about.")),
    "not_your_customers":    Reason(403, _("You may take away the customers of your own organisation alone.")),
    "account_closed":        Reason(403, _("This account is closed.")),
    "errand_not_yours":      Reason(403, _("This errand was asked for by somebody else.")),
    "history_not_yours":     Reason(403, _("This part of the history is another auditor's to review.")),
}
# fmt: on


class Denied(Exception):
    """Somebody asked for what they may not have. `PolicyGate` writes it into the history.

    reason: a key of REASONS. facts: columns of the history entry that say what it was about
    (emergency_id, contract_id, grant_id, inquiry_id), never a customer's item.
    """

    def __init__(self, reason: str, **facts: int | None):
        super().__init__(reason)
        self.reason = reason
        self.facts = facts

    @property
    def status(self) -> int:
        return REASONS[self.reason].status

    @property
    def sentence(self) -> str | Promise:
        return REASONS[self.reason].sentence


class AlreadyDone(Exception):
    """Somebody else did it first: carries a sentence for the person."""


class Unfit(Exception):
    """What is asked for cannot be done as asked: a sentence for the person, and the form's field it is about."""

    def __init__(self, sentence: str, field: str | None = None):
        super().__init__(sentence)
        self.field = field
