"""Retailers have a code, by which the billing side's file names them; codes stay as they were given.

A name is for people. It may be changed, so nothing that decides asks for it.
"""

import django.core.validators
from django.db import migrations, models

CODES_STAY = """
CREATE FUNCTION customers_codes_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a code stays as it was given'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'codes_stay';
END $$;
CREATE TRIGGER codes_stay BEFORE UPDATE ON customers_organization FOR EACH ROW
  WHEN (OLD.code IS NOT NULL AND NEW.code IS DISTINCT FROM OLD.code)
  EXECUTE FUNCTION customers_codes_stay();
CREATE TRIGGER codes_stay BEFORE UPDATE ON customers_servicearea FOR EACH ROW
  WHEN (NEW.code <> OLD.code OR NEW.prefecture <> OLD.prefecture OR NEW.is_training <> OLD.is_training)
  EXECUTE FUNCTION customers_codes_stay();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0007_one_line")]
    operations = [
        migrations.AddField(
            model_name="organization",
            name="code",
            field=models.CharField(
                blank=True,
                help_text="By which the billing side's file names a retailer. Once given it stays.",
                max_length=10,
                null=True,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[A-Z0-9]{1,10}\\Z", "A code has capital letters and digits alone."
                    )
                ],
                verbose_name="retailer code",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("code__isnull", True), ("code__regex", "^[A-Z0-9]{1,10}$"), _connector="OR"
                ),
                name="retailer_code_is_capitals_and_digits",
            ),
        ),
        migrations.RunSQL(CODES_STAY),
    ]
