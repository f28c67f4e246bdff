"""Reviews, and what the database refuses of them: altered figures, deadlines put off, a word taken back."""

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

KEPT = """
-- What a review is about, and what its sample was drawn by, stays. Signed off it stays as it is, unless it
-- is opened again, which alone gives it another day to be due on.
CREATE FUNCTION audit_review_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.kind, NEW.emergency_name, NEW.is_drill, NEW.contract_title, NEW.starts_at, NEW.ends_at, NEW.seed)
     <> (OLD.kind, OLD.emergency_name, OLD.is_drill, OLD.contract_title, OLD.starts_at, OLD.ends_at, OLD.seed)
     OR (NEW.emergency_id, NEW.period, NEW.contract_id)
        IS DISTINCT FROM (OLD.emergency_id, OLD.period, OLD.contract_id)
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
CREATE TRIGGER review_stays BEFORE UPDATE ON audit_review FOR EACH ROW EXECUTE FUNCTION audit_review_stays();

CREATE FUNCTION audit_reviewed_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (
    (NEW.review_id, NEW.entry_id, NEW."timestamp", NEW.why)
    <> (OLD.review_id, OLD.entry_id, OLD."timestamp", OLD.why)
    OR NEW.added_by_id IS DISTINCT FROM OLD.added_by_id
    OR NEW.mark IS NULL
  ) OR EXISTS (SELECT FROM audit_review WHERE id = NEW.review_id AND signed_off_at IS NOT NULL) THEN
    RAISE EXCEPTION 'an entry is judged while its review is open, and stays among those to judge'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'reviewed_entry_stays';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER reviewed_entry_stays BEFORE INSERT OR UPDATE ON audit_reviewedentry
  FOR EACH ROW EXECUTE FUNCTION audit_reviewed_entry_stays();

CREATE FUNCTION audit_review_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'of reviews nothing is deleted' USING ERRCODE = 'restrict_violation';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {table}_is_kept BEFORE DELETE ON audit_{table}
  FOR EACH ROW EXECUTE FUNCTION audit_review_is_kept();
CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON audit_{table}
  FOR EACH STATEMENT EXECUTE FUNCTION audit_review_is_kept();
"""
    for table in ("review", "reviewedentry")
)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0007_export_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Review",
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
                        choices=[("emergency", "Emergency"), ("period", "Month")], max_length=10
                    ),
                ),
                ("emergency_id", models.BigIntegerField(null=True)),
                ("emergency_name", models.CharField(blank=True, max_length=100)),
                ("is_drill", models.BooleanField(default=False)),
                ("period", models.DateField(null=True)),
                ("contract_id", models.BigIntegerField(null=True)),
                ("contract_title", models.CharField(blank=True, max_length=100)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField()),
                ("seed", models.CharField(max_length=32)),
                ("figures", models.JSONField()),
                ("signed_off_at", models.DateTimeField(null=True)),
                ("conclusion", models.TextField(null=True)),
                ("reopened_at", models.DateTimeField(null=True)),
                ("reopened_because", models.TextField(null=True)),
                (
                    "reopened_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "signed_off_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "review",
                "verbose_name_plural": "reviews",
                "permissions": [("review", "Can review emergencies and months")],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ReviewedEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry_id", models.BigIntegerField()),
                ("timestamp", models.DateTimeField()),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("outlier", "drawn among what stands out"),
                            ("random", "drawn among all"),
                            ("added", "added by an auditor"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "mark",
                    models.CharField(
                        choices=[
                            ("justified", "Justified"),
                            ("not_justified", "Not justified"),
                            ("ask", "Ask"),
                        ],
                        max_length=15,
                        null=True,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                ("marked_at", models.DateTimeField(null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "marked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="audit.review"
                    ),
                ),
            ],
            options={
                "ordering": ["timestamp", "entry_id"],
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                condition=models.Q(("signed_off_at__isnull", True)), fields=["due_at"], name="reviews_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(
                models.F("emergency_id"),
                django.db.models.functions.comparison.Coalesce(models.F("contract_id"), models.Value(0)),
                name="one_review_an_emergency",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(
                models.F("period"),
                django.db.models.functions.comparison.Coalesce(models.F("contract_id"), models.Value(0)),
                name="one_review_a_month",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("emergency_id__isnull", False), ("kind", "emergency"), ("period__isnull", True)
                    ),
                    models.Q(
                        ("emergency_id__isnull", True),
                        ("is_drill", False),
                        ("kind", "period"),
                        ("period__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="review_is_of_an_emergency_or_a_month",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("period__isnull", True), ("period__day", 1), _connector="OR"),
                name="review_month_is_its_first_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_at__gt", models.F("opened_at"))), name="review_is_due_after_it_opens"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("conclusion__isnull", True),
                        ("signed_off_at__isnull", True),
                        ("signed_off_by__isnull", True),
                    ),
                    models.Q(
                        ("conclusion__isnull", False),
                        ("signed_off_at__isnull", False),
                        ("signed_off_by__isnull", False),
                        models.Q(("conclusion", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="review_sign_off_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("reopened_at__isnull", True),
                        ("reopened_because__isnull", True),
                        ("reopened_by__isnull", True),
                    ),
                    models.Q(
                        ("reopened_at__isnull", False),
                        ("reopened_because__isnull", False),
                        ("reopened_by__isnull", False),
                        models.Q(("reopened_because", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="review_reopening_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedentry",
            constraint=models.UniqueConstraint(fields=("review", "entry_id"), name="judged_once_a_review"),
        ),
        migrations.AddConstraint(
            model_name="reviewedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("added_by__isnull", True), ("why__in", ["outlier", "random"])),
                    models.Q(("added_by__isnull", False), ("why", "added")),
                    _connector="OR",
                ),
                name="reviewed_entry_says_why_it_is_there",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("mark__isnull", True),
                    ("mark__in", ["justified", "not_justified", "ask"]),
                    _connector="OR",
                ),
                name="mark_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("mark__isnull", True), ("marked_at__isnull", True), ("marked_by__isnull", True)
                    ),
                    models.Q(
                        ("mark__isnull", False),
                        ("marked_at__isnull", False),
                        ("marked_by__isnull", False),
                        models.Q(("mark", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="mark_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("mark__isnull", True),
                    models.Q(("mark__in", ["not_justified", "ask"]), _negated=True),
                    models.Q(("note", ""), _negated=True),
                    _connector="OR",
                ),
                name="mark_has_its_note",
            ),
        ),
        migrations.RunSQL(KEPT),
    ]
