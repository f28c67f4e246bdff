"""Contracts, rosters, emergencies, grants, requests, inquiries, notices and permissions. Facts, no rules.

People are in `access.people`. What must never be is refused by the database: check constraints here,
triggers in the migrations.
"""

from access.models.contracts import DelegationContract, RosterEntry
from access.models.emergencies import Emergency, Grant
from access.models.inquiries import Inquiry
from access.models.notices import Heartbeat, Notice
from access.models.permissions import (
    AreaGroupPermission,
    AreaUserPermission,
    ContractGroupPermission,
    ContractUserPermission,
    Reconciliation,
    Unreconciled,
)
from access.models.requests import Request
from access.people import Office, Person, Role, Session, Username

__all__ = [
    "AreaGroupPermission", "AreaUserPermission", "ContractGroupPermission", "ContractUserPermission",
    "DelegationContract", "Emergency", "Grant", "Heartbeat", "Inquiry", "Notice", "Office", "Person",
    "Reconciliation", "Request", "Role", "RosterEntry", "Session", "Unreconciled", "Username",
]  # fmt: skip
