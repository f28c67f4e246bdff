"""The history is partitioned by month: the table is made anew, and what it held is copied.

Months are Japan's. `audit_add_month` makes one with all that the others have; a TRUNCATE trigger is not
inherited, so each month gets its own.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# A sequence of our own: partitioned tables take identity columns from PostgreSQL 17 on alone.
UP = """
ALTER TABLE audit_logentry RENAME TO audit_logentry_old;
CREATE TABLE audit_logentry (
    LIKE audit_logentry_old INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    CONSTRAINT history_key PRIMARY KEY (id, "timestamp"),
    CONSTRAINT history_actor FOREIGN KEY (actor_id) REFERENCES access_person DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT history_content_type FOREIGN KEY (content_type_id)
        REFERENCES django_content_type DEFERRABLE INITIALLY DEFERRED
) PARTITION BY RANGE ("timestamp");

CREATE FUNCTION audit_add_month(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  first date := date_trunc('month', day);
  month text := 'audit_logentry_' || to_char(first, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(20230118);
  IF to_regclass(month) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE audit_logentry INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', month);
  -- Attached, not made as a partition: that would lock out all who write
  EXECUTE format(
    'ALTER TABLE audit_logentry ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', month,
    first::timestamp AT TIME ZONE 'Asia/Tokyo', (first + interval '1 month') AT TIME ZONE 'Asia/Tokyo'
  );
  EXECUTE format(
    'CREATE TRIGGER history_is_never_emptied BEFORE TRUNCATE ON %I '
    'FOR EACH STATEMENT EXECUTE FUNCTION audit_history_is_append_only()', month
  );
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER history_is_never_emptied', month);
  RETURN true;
END $$;

SELECT audit_add_month(month::date) FROM generate_series(
  date_trunc('month', (SELECT coalesce(min("timestamp"), now()) FROM audit_logentry_old) AT TIME ZONE 'Asia/Tokyo'),
  (now() AT TIME ZONE 'Asia/Tokyo') + interval '3 months',
  '1 month'
) AS month;
INSERT INTO audit_logentry SELECT * FROM audit_logentry_old;
DROP TABLE audit_logentry_old;
CREATE SEQUENCE audit_logentry_id_seq OWNED BY audit_logentry.id;
SELECT setval('audit_logentry_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM audit_logentry), false);
ALTER TABLE audit_logentry ALTER id SET DEFAULT nextval('audit_logentry_id_seq');

CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON audit_logentry
  FOR EACH ROW EXECUTE FUNCTION audit_history_is_append_only();
CREATE TRIGGER history_is_never_emptied BEFORE TRUNCATE ON audit_logentry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_history_is_append_only();
ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_append_only;
ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_never_emptied;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0004_lookups_of_a_person"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunSQL(
            UP,
            state_operations=[
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_actor",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_subject",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_customer",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_kind",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_object",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_story",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_by_emergency",
                ),
                migrations.RemoveIndex(
                    model_name="logentry",
                    name="history_lookups",
                ),
                migrations.AlterField(
                    model_name="logentry",
                    name="content_type",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contenttypes.contenttype",
                    ),
                ),
                migrations.AlterField(
                    model_name="logentry",
                    name="timestamp",
                    field=models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="time"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["-timestamp", "-id"], name="history_by_time"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["actor", "-timestamp", "-id"], name="history_by_actor"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("subject_id__isnull", False)),
                fields=["subject_id", "-timestamp", "-id"],
                name="history_by_subject",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("actor_organization", ""), _negated=True),
                fields=["actor_organization", "-timestamp", "-id"],
                name="history_by_organization",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("actor_role", ""), _negated=True),
                fields=["actor_role", "-timestamp", "-id"],
                name="history_by_role",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("supply_point_number", ""), _negated=True),
                fields=["supply_point_number", "-timestamp", "-id"],
                name="history_by_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("area_code", ""), _negated=True),
                fields=["area_code", "-timestamp", "-id"],
                name="history_by_area",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["kind", "-timestamp", "-id"], name="history_by_kind"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("reason", ""), _negated=True),
                fields=["reason", "-timestamp", "-id"],
                name="history_by_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("content_type__isnull", False)),
                fields=["content_type", "object_pk", "-timestamp", "-id"],
                name="history_by_object",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["cid", "-timestamp", "-id"], name="history_by_story"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("emergency_id__isnull", False)),
                fields=["emergency_id", "-timestamp", "-id"],
                name="history_by_emergency",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("contract_id__isnull", False)),
                fields=["contract_id", "-timestamp", "-id"],
                name="history_by_contract",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("grant_id__isnull", False)),
                fields=["grant_id", "-timestamp", "-id"],
                name="history_by_grant",
            ),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("inquiry_id__isnull", False)),
                fields=["inquiry_id", "-timestamp", "-id"],
                name="history_by_inquiry",
            ),
        ),
    ]
