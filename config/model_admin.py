"""The base of the portal's admin classes: one history (ours), no deleting, no counting of big tables."""

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from access import naming
from access.errors import AlreadyDone


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

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Django's label of a moment is tied to neither of its two inputs: each gets a name of its own."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, AdminSplitDateTime):
            named = (pgettext("of a moment", "date"), pgettext("of a moment", "time"))
            for part, what in zip(field.widget.widgets, named, strict=True):
                part.attrs["aria-label"] = f"{field.label} {what}"
        return field

    def changelist_view(self, request, extra_context=None):
        if any("\0" in value for _name, values in request.GET.lists() for value in values):
            # Django asks the database for it, which fails; its own word for a wrong filter is ?e=1
            return HttpResponseRedirect(f"{request.path}?e=1")
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

    def save_what_waits(self, request, ask, described) -> bool:
        """Files requests and says so; returns whether anything waits now, or did already.

        ask: files them, and returns those that it filed; described: what one of them is for, in words.
        """
        try:
            asked = ask()
        except AlreadyDone as late:
            messages.info(request, str(late))
            return True
        for one in asked:
            messages.warning(request, _("It waits for a second person: %(what)s") % {"what": described(one)})
        return bool(asked)

    def response_change(self, request, obj):
        """Where all that was changed waits for somebody, nothing says that it is changed."""
        if getattr(request, "all_of_it_waits", False):
            return HttpResponseRedirect(
                reverse(f"portal:{self.opts.app_label}_{self.opts.model_name}_changelist")
            )
        return super().response_change(request, obj)

    def lookup_allowed(self, lookup, value, request):
        # Only what the class itself filters by: no wandering over relations through the query string.
        return lookup.split("__")[0] in self.list_filter and super().lookup_allowed(lookup, value, request)


class NamedModelAdmin(PortalModelAdmin):
    """Of what decisions lean on: every column is a name, and another one waits for a second administrator."""

    def save_model(self, request, obj, form, change):
        if not change:
            super().save_model(request, obj, form, change)
            return
        request.all_of_it_waits = self.save_what_waits(
            request, lambda: [one for one in [naming.rename(request.user, obj)] if one], naming.described
        )

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            context["waiting"] = naming.waiting(obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
