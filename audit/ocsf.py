"""An entry in the shape of the Open Cybersecurity Schema Framework, for a SIEM to read.

Source: schema.ocsf.io, version 1.3.0: the classes Authentication, Entity Management, API Activity and
Datastore Activity. What the schema has no place for stands under `unmapped`, named as in the history.
"""

from typing import Any

from audit.lines import record
from audit.models import LogEntry

VERSION = "1.3.0"
PRODUCT = {"name": "Emergency Desk", "vendor_name": "Emergency Desk"}
#: What is not signed with an address was done by the portal itself.
SELF = {"svc_name": "emergency-desk"}

AUTHENTICATION, ENTITY_MANAGEMENT, API_ACTIVITY, DATASTORE_ACTIVITY = 3002, 3004, 6003, 6005
INFORMATIONAL, MEDIUM = 1, 3
SUCCESS, FAILURE = 1, 2
OTHER = 99

Kind = LogEntry.Kind
#: Kind of entry to its class.
CLASSES = {
    Kind.SESSION: AUTHENTICATION,
    Kind.CHANGE: ENTITY_MANAGEMENT,
    Kind.DISCLOSURE: DATASTORE_ACTIVITY,
    Kind.LOOKUP: DATASTORE_ACTIVITY,
    Kind.DENIAL: API_ACTIVITY,
    Kind.DECISION: API_ACTIVITY,
}
#: Event to its activity in its class, where the schema has one; all others are "other".
ACTIVITIES = {
    "session.signed_in": 1,  # logon
    "session.sign_in_failed": 1,
    "session.signed_out": 2,  # logoff
    "session.closed": 2,
    "customer.opened": 1,  # read
    "customer.exported": 1,
    "customer.listed": 4,  # query
    "customer.nothing_found": 4,
    "lookup.too_slow": 4,
    "lookup.too_many": 4,
    "customer.who_saw": 2,  # read, of an API
    "history.read": 2,
    "history.entry_read": 2,
    "history.latest_read": 2,
    "history.export_begun": 2,
    "history.exported": 2,
    "history.file_taken": 2,
    "history.feed_begun": 2,
}
#: auditlog's action of a change to its activity: create, update, delete, read.
CHANGES = {0: 1, 1: 3, 2: 4, 3: 2}
FAILED = {"session.sign_in_failed"}


def event(entry: LogEntry, position: int) -> dict[str, Any]:
    """The entry as an OCSF event; `position` is its place in the tree of the seals."""
    class_uid = CLASSES[Kind(entry.kind)]
    activity = CHANGES[entry.action] if entry.kind == Kind.CHANGE else ACTIVITIES.get(entry.event, OTHER)
    failed = entry.kind == Kind.DENIAL or entry.event in FAILED
    whole = record(entry)
    milliseconds = int(entry.timestamp.timestamp() * 1000)
    shared = {
        "activity_id": activity,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
        "time": milliseconds,
        "severity_id": MEDIUM if failed else INFORMATIONAL,
        "status_id": FAILURE if failed else SUCCESS,
        "message": whole["sentence"],
        "metadata": {
            "version": VERSION,
            "product": PRODUCT,
            "uid": str(entry.pk),
            "event_code": entry.event,
            "correlation_uid": entry.cid,
            "logged_time": milliseconds,
            "sequence": position,
        },
        "actor": {"user": _user(entry)} if entry.actor_username else {"app_name": PRODUCT["name"]},
        "src_endpoint": {"ip": entry.remote_addr} if entry.remote_addr else SELF,
        "unmapped": whole | {"position": position},
    }
    if activity == OTHER:
        shared["activity_name"] = entry.event
    if entry.reason:
        shared["status_detail"] = entry.reason
    return shared | _of_class(class_uid, entry)


def _of_class(class_uid: int, entry: LogEntry) -> dict[str, Any]:
    """What the class wants beside."""
    if class_uid == AUTHENTICATION:
        about = (entry.additional_data or {}).get("subject")
        user = {"name": about, "uid": str(entry.subject_id or "")} if about else _user(entry)
        return {"user": user, "service": {"name": PRODUCT["name"]}}
    if class_uid == ENTITY_MANAGEMENT:
        return {"entity": {"name": entry.object_repr, "uid": entry.object_pk}}
    if class_uid == DATASTORE_ACTIVITY:
        return {"table": {"name": "customers"}, "type_id": 3}
    return {"api": {"operation": entry.event}}


def _user(entry: LogEntry) -> dict[str, Any]:
    return {
        "uid": str(entry.actor_id or ""),
        "name": entry.actor_username,
        "full_name": entry.actor_name,
        "org": {"name": entry.actor_organization},
        "groups": [{"name": entry.actor_role}],
    }
