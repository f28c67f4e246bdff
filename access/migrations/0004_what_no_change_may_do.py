"""What the database refuses of changes: nothing that is over comes back, nothing outlives its bounds.

The clock is the database's. Names of constraints are given to the refusals, so that tests can tell
which rule refused.
"""

from django.db import migrations

GRANTS = """
-- A grant is given to somebody ready on the roster, by somebody else, within an open emergency and the
-- ceiling; it is extended while it runs, never further than a ceiling from now; revoked it stays.
CREATE OR REPLACE FUNCTION access_grant_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  today date := (statement_timestamp() AT TIME ZONE 'Asia/Tokyo')::date;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (
      SELECT FROM access_rosterentry r
        JOIN access_person p ON p.id = r.person_id
        JOIN access_delegationcontract c ON c.id = r.contract_id AND c.delegate_id = p.organization_id
        JOIN access_emergency e ON e.id = NEW.emergency_id
      WHERE r.id = NEW.roster_entry_id AND r.removed_at IS NULL AND p.is_active AND p.role = 'contractor'
        AND r.trained_on <= today AND r.trained_on + c.training_valid_days >= today
        AND c.suspended_at IS NULL AND c.ended_at IS NULL AND c.starts_at <= NEW.starts_at
        AND NEW.granted_by_id <> p.id
        AND e.ended_at IS NULL AND NEW.starts_at >= e.declared_at AND NEW.ends_at <= e.expires_at
        AND NEW.ends_at <= NEW.starts_at + make_interval(hours => c.max_grant_hours)
    ) THEN
      RETURN NEW;
    END IF;
  ELSIF OLD.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'a revoked grant stays revoked'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'revoked_stays_revoked';
  ELSIF (NEW.roster_entry_id, NEW.emergency_id, NEW.granted_by_id)
        = (OLD.roster_entry_id, OLD.emergency_id, OLD.granted_by_id)
    AND (NEW.ends_at <= OLD.ends_at OR (
      OLD.ends_at > statement_timestamp() AND EXISTS (
        SELECT FROM access_rosterentry r
          JOIN access_delegationcontract c ON c.id = r.contract_id
          JOIN access_emergency e ON e.id = NEW.emergency_id
        WHERE r.id = NEW.roster_entry_id AND e.ended_at IS NULL AND NEW.ends_at <= e.expires_at
          AND NEW.ends_at <= statement_timestamp() + make_interval(hours => c.max_grant_hours)
      )))
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a grant is for somebody trained, on the roster and of the delegate, within the ceiling'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'grant_is_allowed';
END $$;
DROP TRIGGER grant_is_allowed ON access_grant;
CREATE TRIGGER grant_is_allowed BEFORE INSERT OR UPDATE ON access_grant
  FOR EACH ROW EXECUTE FUNCTION access_grant_is_allowed();
"""

EMERGENCIES = """
-- Never open-ended: an expiry is at most 72 hours away whenever it is set. What is over stays over.
CREATE FUNCTION access_emergency_stays_bounded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.ended_at IS NOT NULL THEN
    RAISE EXCEPTION 'an emergency that has ended stays ended'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ended_stays_ended';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.is_drill <> OLD.is_drill THEN
    RAISE EXCEPTION 'a drill stays a drill'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'drill_stays_drill';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.expires_at > OLD.expires_at AND OLD.expires_at <= statement_timestamp() THEN
    RAISE EXCEPTION 'an emergency that has expired is not extended'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'expired_stays_expired';
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.expires_at > OLD.expires_at)
     AND NEW.expires_at > statement_timestamp() + interval '72 hours' THEN
    RAISE EXCEPTION 'an emergency expires at most 72 hours from now'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'emergency_expires_within_72_hours';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER emergency_stays_bounded BEFORE INSERT OR UPDATE ON access_emergency
  FOR EACH ROW EXECUTE FUNCTION access_emergency_stays_bounded();

-- Areas change while the emergency is open; a drill has training areas, and nothing else has them.
CREATE FUNCTION access_areas_fit_emergency() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  row_ access_emergency_areas := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF TG_OP = 'UPDATE' OR NOT EXISTS (
    SELECT FROM access_emergency
    WHERE id = row_.emergency_id AND ended_at IS NULL AND expires_at > statement_timestamp()
  ) THEN
    RAISE EXCEPTION 'areas are added to and taken from an open emergency'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'areas_change_while_open';
  END IF;
  IF TG_OP = 'INSERT' AND NOT EXISTS (
    SELECT FROM access_emergency e JOIN customers_servicearea a ON a.is_training = e.is_drill
    WHERE e.id = NEW.emergency_id AND a.id = NEW.servicearea_id
  ) THEN
    RAISE EXCEPTION 'a drill reaches training areas, and nothing else does'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'drills_reach_training_areas';
  END IF;
  RETURN row_;
END $$;
CREATE TRIGGER areas_fit_emergency BEFORE INSERT OR UPDATE OR DELETE ON access_emergency_areas
  FOR EACH ROW EXECUTE FUNCTION access_areas_fit_emergency();
"""

CONTRACTS_AND_ROSTERS = """
CREATE FUNCTION access_parties_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the parties and the dual control of a contract stay, and an ended one stays ended'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'parties_stay';
END $$;
CREATE TRIGGER parties_stay BEFORE UPDATE ON access_delegationcontract FOR EACH ROW
  WHEN (OLD.delegator_id <> NEW.delegator_id OR OLD.delegate_id <> NEW.delegate_id
        OR OLD.dual_control AND NOT NEW.dual_control
        OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
  EXECUTE FUNCTION access_parties_stay();

CREATE FUNCTION access_off_the_roster_stays_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a roster entry stays its person''s, and once removed it stays removed'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'off_the_roster_stays_off';
END $$;
CREATE TRIGGER off_the_roster_stays_off BEFORE UPDATE ON access_rosterentry FOR EACH ROW
  WHEN (OLD.removed_at IS NOT NULL)
  EXECUTE FUNCTION access_off_the_roster_stays_off();

-- Who leaves the delegate or the department, changes role or is closed, is off every roster at that
-- moment; coming back brings nothing back. The lock is the one of access.clock: readers under way
-- finish first, with an earlier time.
CREATE FUNCTION access_leaving_leaves_the_roster() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(20230116);
  UPDATE access_rosterentry
    SET removed_at = GREATEST(clock_timestamp(), added_at),
        removed_by_id = (SELECT id FROM access_person WHERE role = 'system')
    WHERE person_id = NEW.id AND removed_at IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER leaving_leaves_the_roster AFTER UPDATE ON access_person FOR EACH ROW
  WHEN (OLD.role = 'contractor' AND (
    OLD.organization_id IS DISTINCT FROM NEW.organization_id OR OLD.department <> NEW.department
    OR OLD.role <> NEW.role OR NOT NEW.is_active))
  EXECUTE FUNCTION access_leaving_leaves_the_roster();

-- Supervisor, auditor and administrator exclude one another, also one after the other, by whatever way.
CREATE FUNCTION access_duties_stay_separate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a % never becomes %: the person gets another account', OLD.role, NEW.role
    USING ERRCODE = 'check_violation', CONSTRAINT = 'duties_stay_separate';
END $$;
CREATE TRIGGER duties_stay_separate BEFORE UPDATE OF role ON access_person FOR EACH ROW
  WHEN (OLD.role <> NEW.role AND OLD.role IN ('supervisor', 'auditor', 'administrator'))
  EXECUTE FUNCTION access_duties_stay_separate();
"""

REQUESTS = """
CREATE FUNCTION access_answered_stays_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.answered_at IS NOT NULL
     OR (NEW.kind, NEW.asked_by_id, NEW.asked_at, NEW.lapses_at, NEW.detail)
        <> (OLD.kind, OLD.asked_by_id, OLD.asked_at, OLD.lapses_at, OLD.detail)
     OR (NEW.emergency_id, NEW.contract_id, NEW.subject_id)
        IS DISTINCT FROM (OLD.emergency_id, OLD.contract_id, OLD.subject_id) THEN
    RAISE EXCEPTION 'a request stays as it was asked, and its answer as it was given'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'answered_stays_answered';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER answered_stays_answered BEFORE UPDATE ON access_request
  FOR EACH ROW EXECUTE FUNCTION access_answered_stays_answered();
"""

#: What contractors' permissions follow from, and which changes of it matter.
FOLLOWED = {
    "access_grant": "INSERT OR UPDATE OR DELETE",
    "access_emergency": "INSERT OR UPDATE OR DELETE",
    "access_emergency_areas": "INSERT OR UPDATE OR DELETE",
    "access_delegationcontract": "UPDATE",
    "access_rosterentry": "UPDATE",
    "access_person": "UPDATE OF role, organization_id, is_active",
    "access_areauserpermission": "INSERT OR UPDATE OR DELETE",
}
UNRECONCILED = """
CREATE FUNCTION access_mark_unreconciled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- access.reconcile itself changes permissions, and says so
  IF current_setting('portal.reconciling', true) IS DISTINCT FROM 'on' THEN
    INSERT INTO access_unreconciled (source) VALUES (TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;
""" + "".join(
    f"CREATE TRIGGER mark_unreconciled AFTER {changes} ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION access_mark_unreconciled();\n"
    for table, changes in FOLLOWED.items()
)

NEVER_DELETED = "".join(
    f"CREATE TRIGGER never_deleted BEFORE DELETE ON access_{table} "
    "FOR EACH ROW EXECUTE FUNCTION access_never_deleted();\n"
    for table in ("emergency", "grant", "rosterentry", "request", "inquiry", "summary")
)


class Migration(migrations.Migration):
    dependencies = [("access", "0003_control_room"), ("customers", "0003_control_room")]
    operations = [
        migrations.RunSQL(sql)
        for sql in (GRANTS, EMERGENCIES, CONTRACTS_AND_ROSTERS, REQUESTS, UNRECONCILED, NEVER_DELETED)
    ]
