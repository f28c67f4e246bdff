"""The base of the portal's admin classes: one history (ours), no deleting, no counting of big tables."""

from django.contrib import admin
from django.urls import path
from django.utils.text import capfirst


class PortalModelAdmin(admin.ModelAdmin):
    """Django's ModelAdmin without its second history (`django_admin_log`) and without deletion."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    list_per_page = 50
    view_on_site = False
    empty_value_display = "–"
    #: Offices and areas come with the operator's territory: they are renamed here, not made.
    made_here = True

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        pages = [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<path:object_id>/change/", wrap(self.change_view), name=f"{name}_change"),
        ]
        if self.made_here:
            pages.append(path("add/", wrap(self.add_view), name=f"{name}_add"))
        return pages

    def changelist_view(self, request, extra_context=None):
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def has_add_permission(self, request):
        return self.made_here and super().has_add_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def log_addition(self, request, obj, message):
        """Nothing: auditlog has written it."""

    def log_change(self, request, obj, message):
        """Nothing: auditlog has written it."""

    def log_deletions(self, request, queryset):
        """Nothing: nothing is deleted."""

    def lookup_allowed(self, lookup, value, request):
        # Only what the class itself filters by: no wandering over relations through the query string.
        return lookup.split("__")[0] in self.list_filter and super().lookup_allowed(lookup, value, request)
