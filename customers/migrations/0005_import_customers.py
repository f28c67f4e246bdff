from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_keys_for_every_kind_of_search")]

    operations = [
        migrations.AlterModelOptions(
            name="customer",
            options={
                "default_permissions": (),
                "permissions": [
                    ("look_up_customer", "Can look a customer up"),
                    ("import_customers", "Can import customers, without seeing one"),
                ],
                "verbose_name": "customer",
                "verbose_name_plural": "customers",
            },
        ),
    ]
