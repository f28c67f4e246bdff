"""The keys of customers who are there, made anew: addresses in their parts, phone numbers as dialled, names as heard.

The portal goes on meanwhile (`customers.rekeying` says how). What an import of the old version puts in behind it,
`manage.py rekey_customers` finds.
"""

from django.db import migrations

from customers import rekeying

#: Fewer are done at once, and no word is worth it.
TOLD_EVERY = 50_000


def fill(apps, schema_editor):
    rekeying.rekey(lambda done: done % TOLD_EVERY or print(f"\n  {done:,} customers have their keys", end=""))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0008_retailers_by_code")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
