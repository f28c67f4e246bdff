"""What the database refuses about people, rosters and grants, whoever asks. See also the checks in 0001."""

from django.db import migrations

GROUPS_FOLLOW = """
-- A person's groups are the role's and the office's, and nobody can set them otherwise.
CREATE FUNCTION access_groups_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM access_person_groups WHERE person_id = NEW.id;
  INSERT INTO access_person_groups (person_id, group_id)
    SELECT NEW.id, id FROM auth_group WHERE name = NEW.role
    UNION
    SELECT NEW.id, group_id FROM access_office WHERE id = NEW.office_id;
  RETURN NULL;
END $$;
CREATE TRIGGER groups_follow AFTER INSERT OR UPDATE OF role, office_id ON access_person
  FOR EACH ROW EXECUTE FUNCTION access_groups_follow();

CREATE FUNCTION access_groups_are_derived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'groups follow the role and the office of a person'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER groups_are_derived BEFORE INSERT OR UPDATE OR DELETE ON access_person_groups
  FOR EACH ROW EXECUTE FUNCTION access_groups_are_derived();
"""
GROUPS_FOLLOW_DOWN = """
DROP TRIGGER groups_are_derived ON access_person_groups;
DROP FUNCTION access_groups_are_derived;
DROP TRIGGER groups_follow ON access_person;
DROP FUNCTION access_groups_follow;
"""

ROLE_FITS = """
-- Roles of the operator's own staff belong to the operator alone; contractors and switching staff to
-- a retailer. A contractor's account cannot be turned into an operator's inside the affiliate.
CREATE FUNCTION access_role_fits_organization() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kind_of text;
BEGIN
  IF NEW.role = 'system' THEN
    RETURN NEW;
  END IF;
  SELECT kind INTO kind_of FROM customers_organization WHERE id = NEW.organization_id;
  IF (NEW.role IN ('operator', 'supervisor', 'auditor', 'administrator'))
     IS DISTINCT FROM (kind_of = 'network_operator') THEN
    RAISE EXCEPTION 'role % does not belong to an organisation of kind %', NEW.role, kind_of
      USING ERRCODE = 'check_violation', CONSTRAINT = 'role_fits_organization';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER role_fits_organization BEFORE INSERT OR UPDATE OF role, organization_id ON access_person
  FOR EACH ROW EXECUTE FUNCTION access_role_fits_organization();
"""
ROLE_FITS_DOWN = """
DROP TRIGGER role_fits_organization ON access_person;
DROP FUNCTION access_role_fits_organization;
"""

NEVER_DELETED = """
-- People and contracts stand in the history: they are closed, never deleted.
CREATE FUNCTION access_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is never deleted, only closed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER never_deleted BEFORE DELETE ON access_person
  FOR EACH ROW EXECUTE FUNCTION access_never_deleted();
CREATE TRIGGER never_deleted BEFORE DELETE ON access_delegationcontract
  FOR EACH ROW EXECUTE FUNCTION access_never_deleted();
"""
NEVER_DELETED_DOWN = """
DROP TRIGGER never_deleted ON access_delegationcontract;
DROP TRIGGER never_deleted ON access_person;
DROP FUNCTION access_never_deleted;
"""

ROSTER_AND_GRANTS = """
-- On a roster: an active contractor of the contract's delegate.
CREATE FUNCTION access_roster_is_the_delegates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM access_person p JOIN access_delegationcontract c ON c.delegate_id = p.organization_id
    WHERE p.id = NEW.person_id AND c.id = NEW.contract_id AND p.role = 'contractor' AND p.is_active
  ) THEN
    RAISE EXCEPTION 'only active contractors of the delegate can be on the roster'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'roster_is_the_delegates';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER roster_is_the_delegates BEFORE INSERT OR UPDATE OF person_id, contract_id
  ON access_rosterentry FOR EACH ROW EXECUTE FUNCTION access_roster_is_the_delegates();

-- A grant: for somebody on the roster now, still the delegate's, no longer than the contract's ceiling.
CREATE FUNCTION access_grant_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM access_rosterentry r
      JOIN access_person p ON p.id = r.person_id
      JOIN access_delegationcontract c ON c.id = r.contract_id AND c.delegate_id = p.organization_id
    WHERE r.id = NEW.roster_entry_id AND r.removed_at IS NULL AND p.is_active AND p.role = 'contractor'
      AND NEW.ends_at <= NEW.starts_at + make_interval(hours => c.max_grant_hours)
  ) THEN
    RAISE EXCEPTION 'a grant is for somebody on the roster and of the delegate, within the ceiling'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'grant_is_allowed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER grant_is_allowed
  BEFORE INSERT OR UPDATE OF roster_entry_id, emergency_id, starts_at, ends_at ON access_grant
  FOR EACH ROW EXECUTE FUNCTION access_grant_is_allowed();
"""
ROSTER_AND_GRANTS_DOWN = """
DROP TRIGGER grant_is_allowed ON access_grant;
DROP FUNCTION access_grant_is_allowed;
DROP TRIGGER roster_is_the_delegates ON access_rosterentry;
DROP FUNCTION access_roster_is_the_delegates;
"""


def groups_and_the_system(apps, schema_editor):
    """The roles' groups (their permissions follow after the migration) and the actor of what time does."""
    group = apps.get_model("auth", "Group")
    for name in (
        "operator",
        "contractor",
        "supervisor",
        "auditor",
        "retailer",
        "administrator",
    ):
        group.objects.get_or_create(name=name)
    apps.get_model("access", "Person").objects.get_or_create(
        role="system",
        defaults={
            "username": "system",
            "name": "システム",
            "password": "!",
            "is_active": False,
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("customers", "0002_organization_kind_stays"),
    ]
    operations = [
        migrations.RunPython(groups_and_the_system, migrations.RunPython.noop),
        migrations.RunSQL(GROUPS_FOLLOW, GROUPS_FOLLOW_DOWN),
        migrations.RunSQL(ROLE_FITS, ROLE_FITS_DOWN),
        migrations.RunSQL(NEVER_DELETED, NEVER_DELETED_DOWN),
        migrations.RunSQL(ROSTER_AND_GRANTS, ROSTER_AND_GRANTS_DOWN),
    ]
