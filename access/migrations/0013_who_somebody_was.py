"""Usernames of before are written down, and passwords that somebody else knows are marked.

Every username that the people have, or had as far as the history says. Whose password was set by another has to
change it: the history says who set it last. The demo's published passwords stay as they are. Reading the history
takes as long as it is, so this is apart from what locks the table of people (0011).
"""

from django.conf import settings
from django.db import migrations

USERNAMES = """
SET LOCAL statement_timeout = 0;
INSERT INTO access_username (key, person_id)
  SELECT lower(normalize(username, NFKC)), id FROM access_person ORDER BY id ON CONFLICT DO NOTHING;
INSERT INTO access_username (key, person_id)
  SELECT lower(normalize(name, NFKC)), p.id
  FROM audit_logentry e
    JOIN django_content_type t ON t.id = e.content_type_id AND (t.app_label, t.model) = ('access', 'person')
    JOIN access_person p ON p.id = e.object_id
    CROSS JOIN LATERAL jsonb_array_elements_text(e.changes -> 'username') AS name
  WHERE e.changes ? 'username' AND name <> 'None'
  ORDER BY e.id ON CONFLICT DO NOTHING;
"""

KNOWN_TO_ANOTHER = """
UPDATE access_person AS p SET must_change_password = true
WHERE p.role <> 'system' AND p.id IS DISTINCT FROM (
  SELECT e.actor_id FROM audit_logentry e
    JOIN django_content_type t ON t.id = e.content_type_id AND (t.app_label, t.model) = ('access', 'person')
  WHERE e.object_pk = p.id::text AND (e.changes ? 'password' OR e.event = 'password.chosen')
    AND e.actor_id IS NOT NULL
  ORDER BY e."timestamp" DESC, e.id DESC LIMIT 1)
"""


def known_to_another(apps, schema_editor):
    """Marks whose password was last set by somebody else, who therefore knows it."""
    if not settings.DEMO:
        schema_editor.execute(KNOWN_TO_ANOTHER)


class Migration(migrations.Migration):
    dependencies = [("access", "0012_the_record_begins")]
    operations = [
        migrations.RunSQL(USERNAMES),
        migrations.RunPython(known_to_another, migrations.RunPython.noop),
    ]
