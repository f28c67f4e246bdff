"""Reviews take the place of summaries: what an emergency came to is read from the history itself.

Whatever is over and was never reviewed gets its review by the next sweep.
"""

from django.db import migrations

# The right to see what an emergency came to is one on emergencies now; the other one has nothing left to take up
PERMISSIONS = """
DELETE FROM auth_group_permissions WHERE permission_id IN (
  SELECT id FROM auth_permission WHERE codename IN ('view_summary', 'take_up_summary'));
DELETE FROM auth_permission WHERE codename IN ('view_summary', 'take_up_summary');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0006_thresholds_and_outcomes"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="emergency",
            options={
                "default_permissions": ("view",),
                "ordering": ["-declared_at"],
                "permissions": [
                    ("declare_emergency", "Can declare an emergency"),
                    ("extend_emergency", "Can extend an emergency and change its areas"),
                    ("end_emergency", "Can end an emergency"),
                    ("watch_board", "Can watch the board"),
                    ("view_summary", "Can see what an emergency came to"),
                ],
                "verbose_name": "emergency",
                "verbose_name_plural": "emergencies",
            },
        ),
        migrations.DeleteModel(name="Summary"),
        migrations.RunSQL(PERMISSIONS),
    ]
