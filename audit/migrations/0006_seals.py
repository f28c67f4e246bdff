"""Seals, and the trigger that notes what waits for one. A statement's entries are noted in one statement."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

NOTED = """
CREATE FUNCTION audit_note_for_sealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed (entry_id, "timestamp") SELECT id, "timestamp" FROM written
  ON CONFLICT (entry_id) DO UPDATE SET "timestamp" = excluded."timestamp";
  RETURN NULL;
END $$;
CREATE TRIGGER entries_are_sealed AFTER INSERT ON audit_logentry REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION audit_note_for_sealing();
ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER entries_are_sealed;
INSERT INTO audit_unsealed (entry_id, "timestamp") SELECT id, "timestamp" FROM audit_logentry;
""" + "".join(
    f"""
CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON audit_{table}
  FOR EACH ROW EXECUTE FUNCTION audit_history_is_append_only();
CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON audit_{table}
  FOR EACH STATEMENT EXECUTE FUNCTION audit_history_is_append_only();
ALTER TABLE audit_{table} ENABLE ALWAYS TRIGGER {table}_is_append_only;
ALTER TABLE audit_{table} ENABLE ALWAYS TRIGGER {table}_is_never_emptied;
"""
    for table in ("sealedentry", "node", "seal", "head")
)
NOT_NOTED = """
DROP TRIGGER entries_are_sealed ON audit_logentry;
DROP FUNCTION audit_note_for_sealing;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0005_months"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Errand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("verify", "Verify the history"), ("export", "Export of the history")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "asked_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="asked at"
                    ),
                ),
                ("cid", models.CharField(max_length=36)),
                ("wanted", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("outcome", models.JSONField(null=True)),
                ("failed", models.TextField(blank=True)),
            ],
            options={
                "verbose_name": "errand",
                "verbose_name_plural": "errands",
                "ordering": ["-pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Head",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("sent_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("width", models.BigIntegerField()),
                ("start", models.BigIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Piece",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
            ],
            options={
                "ordering": ["number"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("start", models.BigIntegerField(unique=True)),
                ("size", models.BigIntegerField(unique=True)),
                ("made_at", models.DateTimeField(verbose_name="made at")),
                ("key_id", models.CharField(max_length=16, verbose_name="key")),
                ("head", models.TextField()),
                ("signature", models.BinaryField(max_length=64)),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "ordering": ["-number"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SealedEntry",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("timestamp", models.DateTimeField()),
                ("kind", models.CharField(blank=True, max_length=10)),
                ("digest", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Unsealed",
            fields=[
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("timestamp", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="errand",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(fields=("width", "start"), name="one_node_a_subtree"),
        ),
        migrations.AddField(
            model_name="piece",
            name="errand",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="pieces", to="audit.errand"
            ),
        ),
        migrations.AddConstraint(
            model_name="seal",
            constraint=models.CheckConstraint(
                condition=models.Q(("size__gt", models.F("start"))), name="seal_covers_something"
            ),
        ),
        migrations.AddField(
            model_name="head",
            name="seal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="heads", to="audit.seal"
            ),
        ),
        migrations.AddConstraint(
            model_name="errand",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["verify", "export"])), name="errand_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="piece",
            constraint=models.UniqueConstraint(fields=("errand", "number"), name="one_piece_a_number"),
        ),
        migrations.AddConstraint(
            model_name="head",
            constraint=models.UniqueConstraint(fields=("seal", "destination"), name="head_sent_once"),
        ),
        migrations.RunSQL(NOTED, NOT_NOTED),
    ]
