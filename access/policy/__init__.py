"""The only place that decides: who may see which page, which areas, which fields, and why.

A decision is a value (`Basis`) or `Denied` with a reason code. It asks the facts in the database at
the moment that it is given (the database's clock if None), and nothing that was stored for later.

Whoever asks imports `policy` and no module of it, so that each question reads `policy.check_may(...)`.
"""

from access.policy.basis import Basis, Limits, Scope
from access.policy.lookups import (
    CONSULT,
    LOOK_UP,
    basis_for_export,
    basis_for_lookup,
    check_called_for,
    check_contractor_is_called_for,
    check_still_live,
    check_still_shown,
    live_emergencies_of,
)
from access.policy.reviewing import (
    REVIEW,
    auditors,
    auditors_of,
    check_may_export_history,
    check_may_review,
    check_may_review_emergency,
    check_may_review_person,
    contracts_to_review,
    emergencies_to_review,
    people_of_other_auditors,
    reviewed_contracts,
    reviews_every_contract,
)
from access.policy.supervising import (
    ACTS,
    DECLARE_IN,
    GRANT_UNDER,
    OF_SUPERVISORS,
    areas_to_declare_in,
    asker_still_may,
    check_holds_contract,
    check_may_act,
    check_may_answer,
    check_may_grant_under,
    check_second_person,
    contracts_to_grant_under,
    emergencies_to_decide_on,
    holds_contract,
    may_act,
    may_answer,
)
from access.policy.work import check_may, check_page, has_to_change_password_first, may, may_open
from customers.disclosure import Audience

__all__ = [
    "ACTS", "CONSULT", "DECLARE_IN", "GRANT_UNDER", "LOOK_UP", "OF_SUPERVISORS", "REVIEW",
    "Audience", "Basis", "Limits", "Scope",
    "areas_to_declare_in", "asker_still_may", "auditors", "auditors_of", "basis_for_export",
    "basis_for_lookup", "check_called_for",
    "check_contractor_is_called_for", "check_holds_contract", "check_may", "check_may_act",
    "check_may_answer", "check_may_export_history", "check_may_grant_under", "check_may_review",
    "check_may_review_emergency", "check_may_review_person", "check_page", "check_second_person",
    "check_still_live", "check_still_shown", "contracts_to_grant_under", "contracts_to_review",
    "emergencies_to_decide_on", "emergencies_to_review", "has_to_change_password_first", "holds_contract",
    "live_emergencies_of", "may", "may_act", "may_answer", "may_open", "people_of_other_auditors",
    "reviewed_contracts", "reviews_every_contract",
]  # fmt: skip
