"""Keys by which callers are found: collation C, the towns of addresses, the tails of names, last digits.

Customers that are there already get their keys as an import would give them.
"""

import django.contrib.postgres.indexes
from django.db import connection, migrations, models

import customers.models
from customers import stored

BATCH = 5_000
UPDATE = """
    UPDATE customers_customer c SET phone_key = v.phone_key, kana_key = v.kana_key, kana_tail = v.kana_tail,
      name_key = v.name_key, name_tail = v.name_tail, town_key = v.town_key
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
      AS v (id, phone_key, kana_key, kana_tail, name_key, name_tail, town_key)
    WHERE c.id = v.id
"""


def fill(apps, schema_editor):
    """Fills the keys of the customers that are there."""
    table = apps.get_model("customers", "Customer").objects.order_by("pk")
    last = 0
    while batch := list(
        table.filter(pk__gt=last).values_list("pk", "phone", "name_kana", "name", "address", "area__name")[
            :BATCH
        ]
    ):
        last = batch[-1][0]
        keys = [
            (
                pk,
                *stored.keys(
                    name=name, name_kana=kana, address=address, phone=phone, municipality=municipality
                ),
            )
            for pk, phone, kana, name, address, municipality in batch
        ]
        with connection.cursor() as cursor:
            cursor.execute(UPDATE, [list(column) for column in zip(*keys, strict=True)])


def key(length: int) -> models.CharField:
    return models.CharField(db_collation="C", default="", max_length=length)


class Migration(migrations.Migration):
    dependencies = [("customers", "0003_control_room")]

    operations = [
        *(
            migrations.RemoveIndex(model_name="customer", name=f"customer_{name}_key")
            for name in ("phone", "kana", "name", "address")
        ),
        migrations.RemoveField(model_name="customer", name="address_key"),
        migrations.AddField("customer", "kana_tail", key(200), preserve_default=False),
        migrations.AddField("customer", "name_tail", key(100), preserve_default=False),
        migrations.AddField("customer", "town_key", key(200), preserve_default=False),
        migrations.AlterField("customer", "phone_key", models.CharField(db_collation="C", max_length=20)),
        migrations.AlterField("customer", "kana_key", models.CharField(db_collation="C", max_length=200)),
        migrations.AlterField("customer", "name_key", models.CharField(db_collation="C", max_length=100)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("customer", models.Index(fields=["phone_key"], name="customer_phone_key")),
        migrations.AddIndex(
            "customer",
            models.Index(customers.models.LastDigits("phone_key"), name="customer_phone_last_four"),
        ),
        migrations.AddIndex(
            "customer",
            models.Index(
                customers.models.LastDigits("supply_point_number"), name="customer_number_last_four"
            ),
        ),
        *(
            migrations.AddIndex(
                "customer", models.Index(fields=["area", f"{name}_key", "id"], name=f"customer_{name}")
            )
            for name in ("kana", "name", "town")
        ),
        *(
            migrations.AddIndex(
                "customer",
                models.Index(
                    fields=["area", f"{name}_tail", "id"],
                    name=f"customer_{name}_tail",
                    condition=~models.Q((f"{name}_tail", "")),
                ),
            )
            for name in ("kana", "name")
        ),
        migrations.AddIndex(
            "customer",
            django.contrib.postgres.indexes.GinIndex(
                *(
                    django.contrib.postgres.indexes.OpClass(f"{name}_key", "gin_trgm_ops")
                    for name in ("kana", "name", "town")
                ),
                name="customer_parts",
            ),
        ),
    ]
