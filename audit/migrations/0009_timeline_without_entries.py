"""The index by contract holds what the timeline counts by, so that it reads no entry."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_reviews"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="logentry",
            name="history_by_contract",
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(
                condition=models.Q(("contract_id__isnull", False)),
                fields=["contract_id", "-timestamp", "-id"],
                include=("kind", "actor", "emergency_id", "grant_id"),
                name="history_by_contract",
            ),
        ),
    ]
