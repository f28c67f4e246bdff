"""Admin classes of organisations and areas. Customers have none: they are read by one path alone."""

from config.model_admin import NamedModelAdmin
from customers.models import Organization


class OrganizationAdmin(NamedModelAdmin):
    list_display = ["code", "name", "name_en", "kind"]
    list_filter = ["kind"]
    list_display_links = ["name"]
    fields = ["code", "name", "name_en", "kind"]

    def get_readonly_fields(self, request, obj=None):
        return (["kind", "code"] if obj.code else ["kind"]) if obj else []

    def formfield_for_choice_field(self, db_field, request, **kwargs):
        """There is one network operator, made at the start: no page makes another, with staff of its own."""
        if db_field.name == "kind":
            kwargs["choices"] = [c for c in Organization.Kind.choices if c[0] != "network_operator"]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


class ServiceAreaAdmin(NamedModelAdmin):
    made_here = False
    list_display = ["code", "name", "name_kana", "name_en", "prefecture", "is_training"]
    list_filter = ["prefecture"]
    search_fields = ["name", "name_kana", "code"]
    fields = ["code", "name", "name_kana", "name_en", "prefecture", "is_training"]
    readonly_fields = ["code", "prefecture", "is_training"]
