"""No line breaks, control characters or changes of writing direction in names, and in reasons that leave.

The trigger looks at what is written anew. A row from before keeps what it has, and can still be ended.
"""

from django.db import migrations

#: What `customers.one_line` refuses (a NUL and half a character PostgreSQL itself refuses).
NOT_IN_ONE_LINE = r"[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
COLUMNS = {
    "customers_organization": ["name", "name_en"],
    "customers_servicearea": ["name", "name_kana", "name_en"],
}

FUNCTION = f"""
CREATE FUNCTION customers_one_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY TG_ARGV LOOP
    IF to_jsonb(NEW) ->> name ~ '{NOT_IN_ONE_LINE}'
       AND (TG_OP = 'INSERT' OR to_jsonb(NEW) -> name IS DISTINCT FROM to_jsonb(OLD) -> name) THEN
      RAISE EXCEPTION '% of a row of % holds more than one line of plain characters', name, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
  END LOOP;
  RETURN NEW;
END $$;
"""


def one_line(table: str, columns: list[str]) -> str:
    """SQL of the trigger, whose function is called only for a row that holds what it must not."""
    holds = " OR ".join(f"NEW.{column} ~ '{NOT_IN_ONE_LINE}'" for column in columns)
    arguments = ", ".join(f"'{column}'" for column in columns)
    return f"""
CREATE TRIGGER {table.split("_")[1]}_one_line BEFORE INSERT OR UPDATE OF {", ".join(columns)} ON {table}
  FOR EACH ROW WHEN ({holds}) EXECUTE FUNCTION customers_one_line({arguments});
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0006_import_customers")]
    operations = [
        migrations.RunSQL(FUNCTION),
        *(migrations.RunSQL(one_line(*each)) for each in COLUMNS.items()),
    ]
