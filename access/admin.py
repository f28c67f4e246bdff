"""Admin classes of people, offices and contracts: Django's own pages over what is kept by hand."""

from django import forms
from django.contrib import admin, messages
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access import accounts, policy, requests, terms
from access.errors import Unfit
from access.models import DelegationContract, Person, Request, Role, Username
from access.views.acting import act_on
from config.model_admin import NamedModelAdmin, PortalModelAdmin
from customers.disclosure import TABLE


class ShowsWhatWaits:
    """Above a form stands what waits for a second person's answer about the same."""

    #: The request's column that says what it is about.
    about: str

    def change_view(self, request, object_id, form_url="", extra_context=None):
        waiting = Request.objects.none()
        if object_id.isascii() and object_id.isdigit() and len(object_id) < 18:
            waiting = Request.objects.waiting().filter(**{self.about: object_id}).select_related("asked_by")
        extra_context = {"waiting": waiting, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra_context)


class PersonForm(forms.ModelForm):
    """One role each; the database has the last word on which organisation a role belongs to."""

    class Meta:
        model = Person
        fields = [
            "username",
            "name",
            "email",
            "organization",
            "role",
            "office",
            "department",
            "is_active",
        ]

    #: Who fills the form in.
    by: Person

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"].choices = [c for c in Role.choices if c[0] != Role.SYSTEM]
        if "organization" in self.fields:
            self.fields["organization"].required = True
        if not self.instance.pk:
            self.fields["email"].required = True
            self.fields["email"].help_text = _("A code goes there, by which the person chooses a password.")

    def clean_username(self):
        username = self.cleaned_data["username"]
        if Username.objects.owner_id(username) not in (None, self.instance.pk):
            raise forms.ValidationError(_("This username is, or was, somebody's: choose another."))
        return username

    def clean(self):
        cleaned = super().clean()
        check_role_fits(self, cleaned)
        if self.instance.pk:
            check_change_is_allowed(self, cleaned)
        return cleaned


def check_role_fits(form: forms.ModelForm, cleaned: dict) -> None:
    """Adds an error beside the field where role, organisation and office do not fit (table: roles)."""
    from access.roles import ROLES

    role, organization = cleaned.get("role"), cleaned.get("organization")
    kinds = {r.role: r.belongs_to for r in ROLES}.get(role)
    if organization and kinds and organization.kind not in kinds:
        form.add_error("role", _("This role does not belong to an organisation of that kind."))
    if role == Role.OPERATOR and not cleaned.get("office"):
        form.add_error("office", _("An operator works in an office: choose which."))


def check_change_is_allowed(form: PersonForm, cleaned: dict) -> None:
    """Adds an error for a change of one's own place, or from one of the separate duties to another."""
    before = Person.objects.get(pk=form.instance.pk)
    own = {"role", "organization", "office", "department"} & set(form.changed_data)
    first = requests.waiting(Request.Kind.ACCOUNT, f"person {before.pk}")
    if first and set(form.changed_data) - {"is_active"}:
        form.add_error(None, requests.asked_already(first))
    if before.is_active and not cleaned.get("is_active"):
        try:
            accounts.check_may_be_closed(before)
        except Unfit as unfit:
            form.add_error("is_active", str(unfit))
    if before.pk == form.by.pk and own:
        form.add_error(own.pop(), _("Nobody changes their own role, organisation or office."))
    elif before.role in accounts.SEPARATE_DUTIES and before.role != cleaned.get("role"):
        form.add_error(
            "role", _("Supervisor, auditor and administrator exclude one another: make another account.")
        )


class PersonAdmin(ShowsWhatWaits, PortalModelAdmin):
    about = "subject"
    form = PersonForm
    list_display = ["username", "name", "organization", "role", "office", "is_active"]
    list_filter = ["role", "organization", "is_active"]
    search_fields = ["username", "name"]
    ordering = ["username"]
    list_select_related = ["organization", "office"]

    def get_urls(self):
        password = self.admin_site.admin_view(self.new_password)
        return [path("<int:pk>/password/", password, name="access_person_password"), *super().get_urls()]

    def get_fields(self, request, obj=None):
        """A new account is closed until a second administrator agrees: there is nothing to mark."""
        return [name for name in PersonForm.Meta.fields if obj or name != "is_active"]

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        form.by = request.user
        return form

    def save_model(self, request, obj, form, change):
        """Saves what may be saved at once; the rest waits for a second administrator."""
        before = Person.objects.get(pk=obj.pk) if change else None
        request.all_of_it_waits = self.save_what_waits(
            request, lambda: accounts.save_person(request.user, obj, before), accounts.described
        )

    def new_password(self, request, pk):
        """A code for a new password, sent to the person when a second administrator has agreed."""
        person = get_object_or_404(self.get_queryset(request), pk=pk)
        return act_on(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: accounts.send_code(request.user, person),
            lambda done: _("It waits for a second administrator."),
            then=reverse("portal:access_person_change", args=[pk]),
            page={
                "title": _("A new password for %(person)s") % {"person": person},
                "lead": _(
                    "When a second administrator has agreed, an email brings a code to %(email)s, by which "
                    "the person chooses the password. Until then the present one stays."
                )
                % {"email": person.email or "–"},
                "button": _("Send a code"),
            },
        )

    def get_queryset(self, request):
        return super().get_queryset(request).exclude(role=Role.SYSTEM)


class OfficeAdmin(NamedModelAdmin):
    made_here = False
    list_display = ["name", "name_en"]
    fields = ["name", "name_en"]


class ContractForm(forms.ModelForm):
    delegated_items = forms.MultipleChoiceField(
        label=DelegationContract._meta.get_field("delegated_items").verbose_name,
        choices=DelegationContract._meta.get_field("delegated_items").base_field.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("At most the items that are indispensable in an emergency; no contract delegates more."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.dual_control and "dual_control" in self.fields:
            # One supervisor alone could switch it off, grant, and switch it on again
            self.fields["dual_control"].disabled = True
            self.fields["dual_control"].help_text = _("It stays: without it, another contract is concluded.")

    def clean(self):
        cleaned = super().clean()
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("A contract ends after it starts."))
        slow, stop = cleaned.get("slow_after"), cleaned.get("stop_after")
        if slow and stop and stop <= slow:
            self.add_error("stop_after", _("Slowed comes before stopped: give more than the other."))
        if cleaned.get("delegator") and cleaned.get("delegator") == cleaned.get("delegate"):
            self.add_error("delegate", _("Nobody delegates to themself."))
        return cleaned

    def _post_clean(self):
        """The contract as it is wanted: what was not typed stays, for a form shows no fractions of a second."""
        super()._post_clean()
        if not self.instance.pk or self.errors:
            return
        stored = DelegationContract.objects.get(pk=self.instance.pk)
        for name in self.fields.keys() - set(self.changed_data):
            setattr(self.instance, name, getattr(stored, name))
        first = terms.waiting(stored)
        if first and terms.wider(stored, self.instance):
            self.add_error(None, requests.asked_already(first))


class ContractAdmin(ShowsWhatWaits, PortalModelAdmin):
    about = "contract"
    form = ContractForm
    list_display = ["title", "delegate", "starts_at", "ends_at", "state", "roster_link"]
    list_select_related = ["delegate"]
    fields = [
        "title", "delegator", "delegate", "starts_at", "ends_at", "delegated_items", "max_grant_hours",
        "training_valid_days", "max_results", "slow_after", "stop_after", "dual_control",
    ]  # fmt: skip

    def get_fields(self, request, obj=None):
        """Whoever may not change a contract reads its items in words: the admin would show their codes."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        return ["items" if name == "delegated_items" else name for name in self.fields]

    def get_readonly_fields(self, request, obj=None):
        return ["delegator", "delegate", "items"] if obj else []

    @admin.display(description=DelegationContract._meta.get_field("delegated_items").verbose_name)
    def items(self, contract):
        return gettext(", ").join(str(i.label) for i in TABLE if i.code in contract.delegated_items)

    def has_change_permission(self, request, obj=None):
        """Only who may grant under a contract changes it: another supervisor reads it."""
        return super().has_change_permission(request, obj) and (
            obj is None or policy.holds_contract(request.user, obj)
        )

    def save_model(self, request, obj, form, change):
        """A new contract gives nobody anything yet; of other terms, what opens more waits for a second supervisor."""
        if not change:
            return super().save_model(request, obj, form, change)
        if waiting := terms.change(request.user, obj):
            wider = gettext(", ").join(
                f"{name}{gettext(': ')}{after}" for name, _before, after in terms.described(waiting)
            )
            said = _("What opens more waits for a second supervisor: %(terms)s")
            messages.warning(request, said % {"terms": wider})
        return None

    @admin.display(description=_("state"))
    def state(self, contract):
        if contract.ended_at:
            return _("ended")
        if contract.suspended_at:
            return _("suspended")
        in_force = DelegationContract.objects.in_force().filter(pk=contract.pk).exists()
        return _("In force") if in_force else _("Not in force")

    @admin.display(description=_("roster"))
    def roster_link(self, contract):
        url = reverse("portal:roster", args=[contract.pk])
        return format_html('<a href="{}">{}</a>', url, _("Roster"))
