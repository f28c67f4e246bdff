"""Each email has its own fate; no line breaks or control characters in names, and in reasons that leave."""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Now

one_line = import_module("customers.migrations.0007_one_line").one_line

COLUMNS = {
    "access_emergency": ["name"],
    "access_person": ["username", "name", "email", "department"],
    "access_office": ["name", "name_en"],
    "access_delegationcontract": ["title", "suspended_because"],
    "access_grant": ["revoked_because"],
    "access_request": ["because"],
    "access_inquiry": ["caller_name", "caller_phone"],
}


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_reviews_take_the_place_of_summaries"),
        ("customers", "0007_one_line"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="notice",
            options={
                "default_permissions": (),
                "permissions": [
                    ("keep_emails", "Can see which emails could not be sent, and have them tried again")
                ],
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
            },
        ),
        migrations.AddField("notice", "email_tries", models.PositiveSmallIntegerField(db_default=0)),
        migrations.AddField("notice", "email_due_at", models.DateTimeField(db_default=Now())),
        migrations.AddField(
            "notice", "email_error", models.CharField(blank=True, db_default="", max_length=60)
        ),
        migrations.AddField("notice", "email_given_up_at", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "notice",
            models.CheckConstraint(
                condition=models.Q(
                    ("emailed_at__isnull", True), ("email_given_up_at__isnull", True), _connector="OR"
                ),
                name="email_is_sent_or_given_up",
            ),
        ),
        *(migrations.RunSQL(one_line(*each)) for each in COLUMNS.items()),
    ]
