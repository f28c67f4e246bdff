"""What the entries of each event name, as a literal table: a column or a word that is lost is seen here."""

from collections import defaultdict

import pytest

from audit import reading
from audit.models import LogEntry
from tests.audit.test_history import everything

COLUMNS = {
    "actor": "actor_id", "subject": "subject_id", "emergency": "emergency_id", "contract": "contract_id",
    "grant": "grant_id", "inquiry": "inquiry_id", "customer": "customer_id", "number": "supply_point_number",
    "area": "area_code", "fields": "fields", "basis": "basis", "reason": "reason",
}  # fmt: skip

#: What the entries of an event name: people, things and why as columns, then the words of its sentence.
# fmt: off
SAYS = {
    "contract.lifted":                  {("actor contract", "row")},
    "contract.suspended":               {("actor contract", "because count row")},
    "customer.exported":                {("actor customer number area fields basis", "")},
    "customer.listed":                  {("actor emergency contract grant inquiry customer number area fields basis", "")},
    "customer.nothing_found":           {("actor emergency contract grant inquiry fields basis", "")},
    "customer.opened":                  {("actor emergency contract grant inquiry customer number area fields basis", "")},
    "customer.who_saw":                 {("actor customer number", "")},
    "customers.imported":               {("actor", "file rows sha256 skipped")},
    "customers.rekeyed":                {("actor", "changed")},
    "demo.loaded":                      {("", "customers")},
    "denied":                           {("actor reason", "path")},
    "denied.repeated":                  {("actor reason", "count places since until")},
    "email.given_up":                   {("actor subject", "error subject tries")},
    "email.tried_again":                {("actor", "count")},
    "emergency.areas_changed":          {("actor emergency", "added removed row")},
    "emergency.declared":               {("actor emergency", "area_codes areas kind row until")},
    "emergency.drilled":                {("actor emergency", "area_codes areas kind row until")},
    "emergency.ended":                  {("actor emergency", "row")},
    "emergency.expired":                {("actor emergency", "row")},
    "emergency.extended":               {("actor emergency", "because count row until")},
    "grant.extended":                   {("actor subject emergency contract grant", "emergency row subject until")},
    "grant.given":                      {("actor subject emergency contract grant", "contract row subject until")},
    "grant.revoked":                    {("actor subject emergency contract grant", "because emergency row subject")},
    "history.customer_answered":        {("actor number", "with_names")},
    "history.customer_read":            {("actor number", "")},
    "history.customer_taken":           {("actor number", "with_names")},
    "history.dropped":                  {("", "count file kinds month sha256 years")},
    "history.emergency_read":           {("actor emergency", "")},
    "history.entry_proven":             {("actor", "entry")},
    "history.entry_read":               {("actor", "entry shown")},
    "history.export_begun":             {("actor", "filters format")},
    "history.exported":                 {("actor", "filters format rows sha256")},
    "history.feed_begun":               {("", "position")},
    "history.file_taken":               {("actor", "rows sha256")},
    "history.grant_read":               {("actor subject emergency contract grant", "emergency subject")},
    "history.latest_read":              {("actor", "shown")},
    "history.not_verified":             {("actor", "count faults seals")},
    "history.person_read":              {("actor subject", "subject")},
    "history.proof_taken":              {("actor", "count filters")},
    "history.read":                     {("actor", "filters shown")},
    "history.seals_proven":             {("actor", "newer older")},
    "history.timeline_read":            {("actor", "since until")},
    "history.verified":                 {("actor", "count faults seals")},
    "inquiry.closed":                   {("actor emergency contract inquiry", "found outcome")},
    "inquiry.taken":                    {("actor emergency contract inquiry", "inquiry_kind")},
    "lookup.too_many":                  {("actor emergency contract grant inquiry fields basis", "")},
    "lookup.too_slow":                  {("actor fields basis", "")},
    "lookup.too_wide":                  {("actor emergency contract grant inquiry fields basis", "")},
    "password.chosen":                  {("actor subject", "subject")},
    "permissions.reconciled":           {("", "added removed"), ("actor", "added removed")},
    "request.agreed":                   {("actor", "asker request_kind"), ("actor emergency contract", "asker granted request_kind waiting"), ("actor subject", "asker request_kind")},
    "request.lapsed":                   {("actor", "asker request_kind")},
    "request.made":                     {("actor", "because request_kind"), ("actor emergency contract", "because request_kind"), ("actor subject", "because request_kind subject")},
    "request.pointless":                {("actor emergency contract", "asker request_kind why")},
    "request.refused":                  {("actor emergency contract", "asker request_kind")},
    "retailer.export_begun":            {("actor fields basis", "")},
    "retailer.exported":                {("actor fields basis", "retailer rows sha256")},
    "review.added":                     {("actor emergency contract", "entry judged")},
    "review.marked":                    {("actor emergency contract", "entry judged mark note")},
    "review.opened":                    {("emergency contract", "count judged row sample seed until")},
    "review.read":                      {("actor emergency contract", "")},
    "review.reopened":                  {("actor emergency contract", "because row until")},
    "review.signed_off":                {("actor emergency contract", "conclusion row")},
    "right.given":                      {("actor", "group right")},
    "right.taken":                      {("actor", "group right")},
    "roster.added":                     {("actor subject contract", "contract row subject")},
    "roster.left":                      {("actor subject contract", "contract row subject")},
    "roster.removed":                   {("actor subject contract", "contract row subject")},
    "roster.trained":                   {("actor subject contract", "contract row subject trained_on")},
    "session.closed":                   {("actor subject", "subject")},
    "session.sign_in_failed":           {("subject", "subject")},
    "session.sign_in_failed.repeated":  {("subject", "count places since subject until")},
    "session.signed_in":                {("actor", "")},
    "session.signed_out":               {("actor", "")},
}
# fmt: on


#: Kinds of entries by their event, or by what it begins with; all others are decisions.
KINDS = {
    "customer.listed": "disclosure", "customer.opened": "disclosure", "customer.exported": "disclosure",
    "customer.nothing_found": "lookup", "lookup": "lookup", "denied": "denial", "session": "session",
}  # fmt: skip


def named_by(entry: LogEntry) -> tuple[str, str]:
    """The columns and the words of an entry."""
    columns = [name for name, column in COLUMNS.items() if getattr(entry, column)]
    return " ".join(columns), " ".join(sorted(entry.additional_data or {}))


@pytest.mark.django_db
def test_every_entry_names_what_it_is_about_and_opens(world, client_of):
    everything(world, client_of)
    auditor, found = client_of(world.auditor), defaultdict(set)
    for entry in LogEntry.objects.exclude(event=""):
        found[entry.event].add(named_by(entry))
        assert bool(entry.actor_id) == bool(entry.actor_name) == bool(entry.actor_role), entry.event
        assert entry.kind == KINDS.get(entry.event, KINDS.get(entry.event.partition(".")[0], "decision"))
        if entry.kind == "disclosure":
            assert entry.object_repr == entry.supply_point_number
        assert "–" not in str(reading.readable(entry).sentence), "every word of the sentence is there"
    assert dict(found) == SAYS
    for pk in LogEntry.objects.values_list("pk", flat=True):
        assert auditor.get(f"/history/{pk}/").status_code == 200
