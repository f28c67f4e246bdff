"""What comes again is counted before it is written, and one person has one verification under way."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# Of those that wait already, the first of each person is done
GIVE_UP = """
UPDATE audit_errand e SET finished_at = now(), failed = 'This was asked for more than once.'
WHERE kind = 'verify' AND finished_at IS NULL AND EXISTS (
  SELECT FROM audit_errand f WHERE f.kind = 'verify' AND f.finished_at IS NULL
    AND f.asked_by_id = e.asked_by_id AND f.id < e.id)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0011_reviews_are_opened_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Repeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.TextField(unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("event", models.CharField(max_length=40)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("emergency_id", models.BigIntegerField(null=True)),
                ("contract_id", models.BigIntegerField(null=True)),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("until", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("count", models.PositiveIntegerField(db_default=0)),
                (
                    "places",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), db_default=[], size=None
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(GIVE_UP),
        migrations.AddConstraint(
            model_name="errand",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at__isnull", True), ("kind", "verify")),
                fields=("asked_by",),
                name="one_verification_at_a_time",
            ),
        ),
    ]
