from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_own_customers_as_a_file")]

    operations = [
        migrations.AlterModelOptions(
            name="customer",
            options={
                "default_permissions": (),
                "permissions": [
                    ("look_up_customer", "Can look a customer up"),
                    ("export_own_customers", "Can take the own organisation's customers away in a file"),
                    ("import_customers", "Can import customers, without seeing one"),
                ],
                "verbose_name": "customer",
                "verbose_name_plural": "customers",
            },
        ),
    ]
