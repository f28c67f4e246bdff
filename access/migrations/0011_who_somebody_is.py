"""Usernames never return to another person, and a password that somebody else knows opens nothing.

A trigger writes usernames down, and refuses one that was another's. What was there before is read out of the
history by 0013, which holds nobody up. The column comes last but the triggers: from then on everybody waits.
"""

import django.contrib.auth.validators
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

USERNAMES = """
-- What a username is compared by has neither case nor a second way of writing a letter. The row of the person
-- is there already: an AFTER trigger may refuse as well as one BEFORE.
CREATE FUNCTION access_username_is_nobody_elses() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  key_ text := lower(normalize(NEW.username, NFKC));
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.username = OLD.username THEN
    RETURN NULL;
  END IF;
  IF NEW.username !~ '^[A-Za-z0-9@.+_-]+$' THEN
    RAISE EXCEPTION 'a username has letters of the alphabet, digits and @ . + - _ alone'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'username_is_plain';
  END IF;
  INSERT INTO access_username (key, person_id) VALUES (key_, NEW.id) ON CONFLICT (key) DO NOTHING;
  IF NOT EXISTS (SELECT FROM access_username WHERE key = key_ AND person_id = NEW.id) THEN
    RAISE EXCEPTION 'a username never returns to another person'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'username_is_nobody_elses';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER username_is_nobody_elses AFTER INSERT OR UPDATE OF username ON access_person
  FOR EACH ROW EXECUTE FUNCTION access_username_is_nobody_elses();

CREATE FUNCTION access_usernames_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'who had a username stays written'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'usernames_stay';
END $$;
CREATE TRIGGER usernames_stay BEFORE UPDATE OR DELETE ON access_username
  FOR EACH ROW EXECUTE FUNCTION access_usernames_stay();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON access_username
  FOR EACH STATEMENT EXECUTE FUNCTION access_never_emptied();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0010_supervisors_agree_to_wider_terms"),
        ("audit", "0011_reviews_are_opened_first"),
        ("customers", "0008_retailers_by_code"),
    ]
    operations = [
        migrations.CreateModel(
            name="Username",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.TextField(unique=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AlterField(
            model_name="person",
            name="username",
            field=models.CharField(
                error_messages={"unique": "This username is, or was, somebody's: choose another."},
                help_text="Letters of the alphabet, digits and @ . + - _ alone. It never belongs to another person.",
                max_length=150,
                unique=True,
                validators=[django.contrib.auth.validators.ASCIIUsernameValidator()],
                verbose_name="username",
            ),
        ),
        migrations.AlterField(
            model_name="delegationcontract",
            name="max_grant_hours",
            field=models.PositiveSmallIntegerField(
                default=24,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(72),
                ],
                verbose_name="ceiling on a grant (hours)",
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[
                    ("grant", "Grant under dual control"),
                    ("extension", "Extension under dual control"),
                    ("terms", "Wider terms of a contract"),
                    ("help", "Access asked for by a contractor"),
                    ("account", "Change of an account"),
                    ("right", "Right on an object"),
                    ("name", "Change of a name"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterConstraint(
            model_name="person",
            name="person_role_known",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "role__in",
                        [
                            "operator",
                            "contractor",
                            "supervisor",
                            "auditor",
                            "retailer",
                            "administrator",
                            "system",
                        ],
                    )
                ),
                name="person_role_known",
                violation_error_message="Choose a role of the list.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="person",
            name="person_belongs_to_an_organization_unless_the_system",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("organization__isnull", True), ("role", "system")),
                    models.Q(models.Q(("role", "system"), _negated=True), ("organization__isnull", False)),
                    _connector="OR",
                ),
                name="person_belongs_to_an_organization_unless_the_system",
                violation_error_message="Choose the organisation that the person belongs to.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="person",
            name="operator_has_an_office",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("role", "operator"), _negated=True),
                    ("office__isnull", False),
                    _connector="OR",
                ),
                name="operator_has_an_office",
                violation_error_message="An operator works in an office: choose which.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="person",
            name="one_system",
            constraint=models.UniqueConstraint(
                condition=models.Q(("role", "system")),
                fields=("role",),
                name="one_system",
                violation_error_message="Choose a role of the list.",
            ),
        ),
        migrations.AddField(
            model_name="person",
            name="must_change_password",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                verbose_name="has to change the password",
            ),
        ),
        migrations.RunSQL(USERNAMES),
    ]
