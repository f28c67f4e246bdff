from django.db import migrations

# The history is append-only for whoever connects, the application's own role and the table's owner
# too. ENABLE ALWAYS: replication mode does not switch it off.
UP = """
CREATE FUNCTION audit_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the history is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON audit_logentry
  FOR EACH ROW EXECUTE FUNCTION audit_history_is_append_only();
CREATE TRIGGER history_is_never_emptied BEFORE TRUNCATE ON audit_logentry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_history_is_append_only();
ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_append_only;
ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_never_emptied;
"""
DOWN = """
DROP TRIGGER history_is_never_emptied ON audit_logentry;
DROP TRIGGER history_is_append_only ON audit_logentry;
DROP FUNCTION audit_history_is_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(UP, DOWN)]
