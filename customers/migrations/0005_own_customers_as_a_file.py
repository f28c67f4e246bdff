"""A retailer's own customers as a file: the permission, and an index in the order of the file."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_keys_for_every_kind_of_search")]

    operations = [
        migrations.AlterModelOptions(
            name="customer",
            options={
                "default_permissions": (),
                "permissions": [
                    ("look_up_customer", "Can look a customer up"),
                    ("export_own_customers", "Can take the own organisation's customers away in a file"),
                ],
                "verbose_name": "customer",
                "verbose_name_plural": "customers",
            },
        ),
        migrations.AddIndex("customer", models.Index(fields=["retailer", "id"], name="customer_of_retailer")),
        migrations.AlterField(
            model_name="customer",
            name="retailer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="customers",
                to="customers.organization",
            ),
        ),
    ]
