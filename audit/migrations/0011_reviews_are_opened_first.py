"""A review comes into being open, keeps when that was, and has other figures only by its signing off."""

from django.db import migrations

KEPT = """
CREATE OR REPLACE FUNCTION audit_review_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.signed_off_at IS NOT NULL THEN
      RAISE EXCEPTION 'a review is opened before it is signed off'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'review_stays';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.kind, NEW.emergency_name, NEW.is_drill, NEW.contract_title, NEW.starts_at, NEW.ends_at, NEW.seed,
      NEW.opened_at)
     <> (OLD.kind, OLD.emergency_name, OLD.is_drill, OLD.contract_title, OLD.starts_at, OLD.ends_at, OLD.seed,
         OLD.opened_at)
     OR (NEW.emergency_id, NEW.period, NEW.contract_id)
        IS DISTINCT FROM (OLD.emergency_id, OLD.period, OLD.contract_id)
     OR NEW.figures IS DISTINCT FROM OLD.figures AND NEW.signed_off_at IS NULL
     OR OLD.signed_off_at IS NOT NULL AND NEW.signed_off_at IS NOT NULL
     OR OLD.signed_off_at IS NULL AND NEW.due_at > OLD.due_at
     OR OLD.signed_off_at IS NOT NULL AND NEW.reopened_at IS NOT DISTINCT FROM OLD.reopened_at
  THEN
    RAISE EXCEPTION 'a review stays as it was opened, and as it was signed off'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'review_stays';
  END IF;
  IF OLD.signed_off_at IS NULL AND NEW.signed_off_at IS NOT NULL AND EXISTS (
    SELECT FROM audit_reviewedentry WHERE review_id = NEW.id AND (mark IS NULL OR mark = 'ask')
  ) THEN
    RAISE EXCEPTION 'a review is signed off when every entry is judged and no question is open'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'review_is_judged_whole';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER review_stays ON audit_review;
CREATE TRIGGER review_stays BEFORE INSERT OR UPDATE ON audit_review
  FOR EACH ROW EXECUTE FUNCTION audit_review_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0010_errands_count_their_tries"),
    ]

    operations = [
        migrations.RunSQL(KEPT),
    ]
