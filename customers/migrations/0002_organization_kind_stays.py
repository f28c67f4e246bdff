from django.db import migrations

# An organisation that turned from retailer into network operator would carry its people with it, past
# every rule about roles.
UP = """
CREATE FUNCTION customers_organization_kind_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the kind of an organisation never changes' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER organization_kind_stays BEFORE UPDATE OF kind ON customers_organization
  FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind)
  EXECUTE FUNCTION customers_organization_kind_stays();
"""
DOWN = """
DROP TRIGGER organization_kind_stays ON customers_organization;
DROP FUNCTION customers_organization_kind_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]
    operations = [migrations.RunSQL(UP, DOWN)]
