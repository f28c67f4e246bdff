"""A year for the timeline: emergencies, a roster's grants in each, the decisions that say so, what was disclosed.

It goes past models and triggers, as no portal's past does. The decisions carry the rows that they make
(`audit.record`), for the timeline judges by them alone.
"""

from datetime import datetime, timedelta

from django.db import connection

from access.models import DelegationContract, Person
from audit import months

#: One disclosure of so many comes a day after its emergency was over.
OUTSIDE = 2_000

_FACTS = (
    """INSERT INTO access_person (username, name, password, email, organization_id, role, department, is_active)
    SELECT 'year' || n, '受託 ' || n, '!', '', %(delegate)s, 'contractor', '', true FROM generate_series(1, %(people)s) n""",
    """INSERT INTO access_rosterentry (contract_id, person_id, trained_on, added_at, added_by_id)
    SELECT %(contract)s, id, %(start)s, %(start)s, %(by)s FROM access_person WHERE username ~ '^year[0-9]'""",
    """INSERT INTO access_emergency (kind, name, is_drill, declared_at, declared_by_id, expires_at)
    SELECT 'typhoon', '台風第' || n || '号', false, at, %(by)s, at + interval '2 days'
    FROM (SELECT n, %(start)s + n * %(apart)s AS at FROM generate_series(1, %(emergencies)s) n) one""",
    """INSERT INTO access_grant (roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id)
    SELECT r.id, e.id, e.declared_at, e.expires_at, %(by)s FROM access_emergency e, access_rosterentry r
    WHERE r.contract_id = %(contract)s AND r.added_at = %(start)s AND e.declared_at > %(start)s ORDER BY e.id, r.id""",
)
_ENDED = "UPDATE access_emergency SET ended_at = declared_at + interval '1 day', ended_by_id = declared_by_id"
#: Event and table, the entry's time, the row that it carries, and its subject, emergency, contract and grant.
_R = "(SELECT r.{} FROM access_rosterentry r WHERE r.id = t.roster_entry_id)"
_DECISIONS = (
    ("", "person", "%(start)s", "to_jsonb(t)", "t.id, NULL, NULL, NULL"),
    ("", "delegationcontract", "%(start)s", "to_jsonb(t)", "NULL, NULL, t.id, NULL"),
    ("roster.added", "rosterentry", "t.added_at", "to_jsonb(t)", "t.person_id, NULL, t.contract_id, NULL"),
    ("emergency.declared", "emergency", "t.declared_at", "to_jsonb(t)", "NULL, t.id, NULL, NULL"),
    ("grant.given", "grant", "t.starts_at", "to_jsonb(t)",
     f"{_R.format('person_id')}, t.emergency_id, {_R.format('contract_id')}, t.id"),
    ("emergency.ended", "emergency", "t.ended_at",
     "jsonb_build_object('ended_at', t.ended_at, 'ended_by_id', t.ended_by_id)", "NULL, t.id, NULL, NULL"),
)  # fmt: skip
_DECISION = """
INSERT INTO audit_logentry (
  "timestamp", action, kind, event, reason, actor_id, actor_username, actor_name, actor_role, actor_organization,
  object_pk, object_repr, changes_text, cid, area_code, supply_point_number, fields, basis,
  content_type_id, object_id, additional_data, subject_id, emergency_id, contract_id, grant_id)
SELECT {at}, 3, '{kind}', '{event}', '', p.id, p.username, p.name, p.role, '四国地方送配電株式会社',
  t.id::text, '', '', gen_random_uuid()::text, '', '', '{{}}', '',
  c.id, t.id, jsonb_build_object('row', {row}), {columns}
FROM access_{table} t, access_person p, django_content_type c
WHERE p.id = %(by)s AND c.app_label = 'access' AND c.model = '{table}' ORDER BY 1, t.id
"""
_DISCLOSED = """
INSERT INTO audit_logentry (
  "timestamp", action, kind, event, reason, actor_id, actor_username, actor_name, actor_role, actor_organization,
  object_pk, object_repr, changes_text, cid, area_code, supply_point_number, customer_id, fields, basis,
  emergency_id, contract_id, grant_id, inquiry_id)
SELECT g.starts_at + (n * 104729 %% 86400) * interval '1 second' + CASE WHEN n %% %(outside)s = 0 THEN interval '1 day' ELSE '0' END,
  3, 'disclosure', 'customer.opened', '', p.id, p.username, p.name, p.role, '四国地方電力株式会社',
  '', '', '', gen_random_uuid()::text, '37201', lpad(n::text, 22, '0'), n, '{address,name,phone}', 'live_grant',
  g.emergency_id, r.contract_id, g.id, g.id
FROM generate_series(1::bigint, %(disclosures)s) n
JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS i, * FROM access_grant) g ON g.i = n %% %(grants)s
JOIN access_rosterentry r ON r.id = g.roster_entry_id JOIN access_person p ON p.id = r.person_id ORDER BY 1
"""


def fill(start: datetime, *, emergencies: int, people: int, disclosures: int) -> None:
    """Fills a year from `start` (aware, in a database of demo accounts without emergencies) with disclosures."""
    contract, supervisor = DelegationContract.objects.get(), Person.objects.get(username="supervisor")
    values = {
        "start": start, "apart": timedelta(days=350) / emergencies, "emergencies": emergencies, "people": people,
        "disclosures": disclosures, "outside": OUTSIDE, "grants": emergencies * people, "by": supervisor.pk,
        "contract": contract.pk, "delegate": contract.delegate_id,
    }  # fmt: skip
    months.add(start, start + timedelta(days=365))
    tables = ["audit_logentry", *(f"access_{table}" for _event, table, *_of in _DECISIONS[:-1])]
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        DelegationContract.objects.update(starts_at=start - timedelta(days=1))
        for statement in _FACTS:
            cursor.execute(statement, values)
        for event, table, at, row, columns in _DECISIONS:
            if event == "emergency.ended":
                cursor.execute(_ENDED)
            kind = "decision" if event else "change"
            cursor.execute(
                _DECISION.format(event=event, table=table, at=at, row=row, columns=columns, kind=kind), values
            )
        cursor.execute(
            _DISCLOSED.replace("'{address,name,phone}'", "ARRAY['address','name','phone']"), values
        )
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE")
