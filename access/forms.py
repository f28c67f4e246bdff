"""Forms of emergencies, inquiries and rosters: they check for sense, the rules decide."""

from datetime import date, datetime, timedelta
from unicodedata import normalize
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import user_login_failed
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm, UsernameField
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from access import passwords, policy, rosters
from access.errors import REASONS
from access.models import (
    AreaGroupPermission,
    DelegationContract,
    Emergency,
    Inquiry,
    Office,
    Person,
    RosterEntry,
)
from customers import normalising
from customers.forms import FileForm
from customers.models import ServiceArea
from customers.one_line import OneLine, is_one_line


class Username(UsernameField):
    """A username as it is typed to sign in: of one line, for a failed sign-in is in the history by it."""

    default_validators = [is_one_line]  # noqa: RUF012


class SignInForm(AuthenticationForm):
    """Signs anybody in who has an account: nobody here is “staff”."""

    username = Username(widget=forms.TextInput(attrs={"autofocus": True}))
    error_messages = {  # noqa: RUF012
        "invalid_login": _("The username or the password is wrong. Capital and small letters are different."),
        "inactive": _("The username or the password is wrong. Capital and small letters are different."),
    }


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes one's own password, to another than the present one."""

    def clean(self):
        cleaned = super().clean()
        new = cleaned.get("new_password1")
        if new and self.user.check_password(new):
            self.add_error("new_password1", _("This is your password already: choose another."))
        return cleaned

    def save(self, commit=True):
        passwords.choose(self.user, self.cleaned_data["new_password1"])
        return self.user


class ChoosePasswordForm(SetPasswordForm):
    """Chooses a password by the code that an email brought."""

    username = Username(
        label=_("Username"), max_length=150, widget=forms.TextInput({"autocomplete": "username"})
    )
    code = OneLine(label=_("Code"), max_length=100, widget=forms.TextInput({"autocomplete": "one-time-code"}))
    field_order = ("username", "code")

    def __init__(self, request, *args):
        self.request = request
        super().__init__(Person(), *args)

    def clean(self):
        person = passwords.whose(self.cleaned_data.get("username", ""), self.cleaned_data.get("code", ""))
        if person:
            self.user = person
        elif "username" not in self.errors and "code" not in self.errors:
            # A guess at a code is a guess at a password: written, and counted, as that
            tried = {"username": self.cleaned_data["username"]}
            user_login_failed.send(__name__, credentials=tried, request=self.request)
            self.add_error(
                "code", _("This code is not for this username, or it is used or too old: ask for another.")
            )
        cleaned = super().clean()
        new = self.cleaned_data.get("new_password1")
        if person and new and person.check_password(new):
            self.add_error("new_password1", _("This is your password already: choose another."))
        return cleaned

    def save(self, commit=True):
        passwords.choose(self.user, self.cleaned_data["new_password1"])
        return self.user


class MomentInput(forms.DateTimeInput):
    """The browser's own date and time picker, in Japan time."""

    input_type = "datetime-local"

    def __init__(self):
        super().__init__(format="%Y-%m-%dT%H:%M")


#: How a browser's picker, and people, write a moment.
MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self):
        super().__init__(format="%Y-%m-%d")


def areas_field(areas, **options) -> forms.ModelMultipleChoiceField:
    """A choice of service areas among `areas`."""
    return forms.ModelMultipleChoiceField(
        label=_("Areas"),
        queryset=areas,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one area."),
            "invalid_choice": _("Choose areas in which your office may declare."),
            "invalid_pk_value": _("Choose areas in which your office may declare."),
        },
        **options,
    )


class RostersForm(forms.Form):
    """Contracts to grant under, and of whose rosters only some people: the marked ones."""

    contracts = forms.ModelMultipleChoiceField(
        label=_("Grant to the rosters of"),
        queryset=DelegationContract.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Everybody who is ready may look up at once; mark people to grant to them alone."),
    )
    entries = forms.ModelMultipleChoiceField(queryset=RosterEntry.objects.none(), required=False)
    also_revoked = forms.BooleanField(
        label=_("Grant to them as well"),
        required=False,
        help_text=_("Otherwise they are left out, but for whom you mark by name."),
    )

    def __init__(self, *args, contracts, **kwargs):
        """contracts: those that the supervisor may grant under."""
        super().__init__(*args, **kwargs)
        self.fields["contracts"].queryset = contracts
        self.fields["entries"].queryset = RosterEntry.objects.filter(removed_at=None, contract__in=contracts)

    def clean_contracts(self):
        """The policy refuses it too; here the filled form is kept."""
        chosen = self.cleaned_data["contracts"]
        if chosen.exclude(pk__in=policy.reviewed_contracts()).exists():
            raise forms.ValidationError(REASONS["nobody_reviews"].sentence)
        return chosen


class DeclareForm(RostersForm):
    """Declares an emergency, or begins a drill, and grants it in one step."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Emergency.Kind)
    name = OneLine(
        label=_("Name"),
        max_length=100,
        help_text=_("As people call it, for example “Typhoon No. 14”."),
    )
    is_drill = forms.BooleanField(
        label=_("This is a drill"),
        required=False,
        help_text=_("A drill reaches training areas with made-up customers alone."),
    )
    expires_at = forms.DateTimeField(
        label=_("Expires at"),
        widget=MomentInput(),
        input_formats=MOMENTS,
        help_text=_("Japan time, at most 72 hours away. It ends by itself then."),
    )
    again = forms.BooleanField(label=_("Declare another one all the same"), required=False)
    form_token = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, areas, now: datetime, **kwargs):
        """areas: those in which the supervisor may declare. now: the database's clock."""
        super().__init__(*args, **kwargs)
        self.now = now
        self.mine = list(areas.prefetch_related("areagrouppermission_set"))
        self.fields["areas"] = areas_field(
            areas, required=False, help_text=_("The municipalities whose callers need help.")
        )
        prefectures = dict.fromkeys(a.prefecture for a in self.mine if not a.is_training)
        self.fields["prefectures"] = forms.MultipleChoiceField(
            label=_("Whole prefectures"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(one, ServiceArea.Prefecture(one).label) for one in prefectures],
        )
        self.fields["offices"] = forms.ModelMultipleChoiceField(
            label=_("All areas of an office"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            queryset=Office.objects.filter(
                group__areagrouppermission__permission__codename="consult_servicearea",
                group__areagrouppermission__content_object__in=[area.pk for area in self.mine],
            ).distinct(),
        )
        six_hours = timezone.localtime(now + timedelta(hours=6))
        self.fields["expires_at"].initial = six_hours.replace(second=0, microsecond=0)
        self.fields["form_token"].initial = uuid4

    def by_prefecture(self) -> dict[str, list[tuple[ServiceArea, bool]]]:
        """The areas to choose from, by prefecture, each with whether it is chosen."""
        chosen = set(self.data.getlist("areas")) if self.is_bound else set()
        found: dict[str, list[tuple[ServiceArea, bool]]] = {}
        for area in self.mine:
            found.setdefault(area.get_prefecture_display(), []).append((area, str(area.pk) in chosen))
        return found

    def clean_expires_at(self) -> datetime:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at <= self.now:
            raise forms.ValidationError(_("An emergency cannot end before it starts: choose a later time."))
        if expires_at > self.now + timedelta(hours=settings.EMERGENCY_MAX_HOURS):
            raise forms.ValidationError(_("An emergency is at most 72 hours long: choose an earlier time."))
        return expires_at

    def clean(self) -> dict:
        cleaned = super().clean()
        if "areas" not in self.errors and "prefectures" not in self.errors and "offices" not in self.errors:
            self._check_areas(cleaned)
        return cleaned

    def _check_areas(self, cleaned: dict) -> None:
        chosen = self._chosen(cleaned)
        if not chosen:
            self.add_error("areas", _("Choose at least one area."))
        elif any(area.is_training != bool(cleaned.get("is_drill")) for area in chosen):
            self.add_error("areas", _("A drill has training areas alone, and nothing else has them."))
        cleaned["areas"] = chosen
        if not cleaned.get("again") and (same := self._declared_already(cleaned.get("name", ""), chosen)):
            said = _(
                "“%(name)s” is open already in one of these areas, until %(until)s: extend it, or change its areas."
            )
            until = formats.date_format(timezone.localtime(same.expires_at), "DATETIME_FORMAT")
            self.add_error("again", said % {"name": same.name, "until": until})

    def _declared_already(self, name: str, areas: list[ServiceArea]) -> Emergency | None:
        """An open emergency of the same name, however it is written, in one of the areas."""
        there = Emergency.objects.open(self.now).filter(areas__in=areas).distinct()
        return next((one for one in there if _written(one.name) == _written(name)), None)

    def _chosen(self, cleaned: dict) -> list[ServiceArea]:
        """The areas marked one by one, by prefecture and by office, of those that are the person's."""
        prefectures = set(cleaned["prefectures"])
        offices = AreaGroupPermission.objects.filter(
            group__in=[office.group_id for office in cleaned["offices"]],
            permission__codename="consult_servicearea",
        )
        marked = {area.pk for area in cleaned["areas"]} | set(
            offices.values_list("content_object", flat=True)
        )
        return [area for area in self.mine if area.pk in marked or area.prefecture in prefectures]

    def facts(self) -> dict:
        """What `lifecycle.declare` takes."""
        names = (
            "kind", "name", "areas", "expires_at", "contracts", "entries", "also_revoked", "is_drill", "form_token",
        )  # fmt: skip
        return {name: self.cleaned_data[name] for name in names}


def _written(name: str) -> str:
    """A name without what differs between two ways of writing it."""
    return "".join(normalize("NFKC", name).casefold().split())


class GrantForm(RostersForm):
    """Grants an open emergency to rosters, or to parts of them."""

    def clean_contracts(self):
        if not self.cleaned_data["contracts"]:
            raise forms.ValidationError(_("Choose whom to grant to."))
        return super().clean_contracts()


class ExtendForm(forms.Form):
    """A later end, and why."""

    until = forms.DateTimeField(
        label=_("Open until"), widget=MomentInput(), input_formats=MOMENTS, help_text=_("Japan time.")
    )
    because = OneLine(label=_("Reason"), max_length=200)


class BecauseForm(forms.Form):
    """Why: written into the history."""

    because = OneLine(label=_("Reason"), max_length=200)


class AreasForm(forms.Form):
    """The areas of an open emergency."""

    def __init__(self, *args, areas, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["areas"] = areas_field(areas, required=False)


class HelpForm(forms.Form):
    """A contractor's sentence to the supervisors."""

    because = OneLine(label=_("Why you are needed, in one sentence"), max_length=200)


class InquiryForm(forms.ModelForm):
    """A call taken."""

    class Meta:
        model = Inquiry
        fields = ["emergency", "area", "caller_name", "caller_phone", "kind", "note"]
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args, emergencies, of_one: bool, **kwargs):
        """emergencies: those that the call may belong to; a single one is taken as read.

        of_one: it belongs to one of them, as a contractor's does.
        """
        super().__init__(*args, **kwargs)
        self.says_optional = _("optional")
        choices = list(emergencies)
        self.fields["area"].queryset = ServiceArea.objects.filter(emergencies__in=choices).distinct()
        if not choices:
            del self.fields["area"]
        field = self.fields["emergency"]
        field.queryset = emergencies
        field.required = of_one
        if len(choices) == 1:
            field.initial, field.empty_label, field.required = choices[0], None, True
        elif not choices:
            del self.fields["emergency"]

    def clean_caller_phone(self) -> str:
        typed = self.cleaned_data["caller_phone"]
        if typed and len(normalising.phone(typed)) not in range(9, 12):
            raise forms.ValidationError(_("Give the whole phone number, or leave it empty."))
        return typed


class ClosingForm(forms.Form):
    """What came of a call."""

    found = forms.TypedChoiceField(
        label=_("Was the customer found?"),
        choices=[("yes", _("Found")), ("no", _("Not found")), ("", _("Nobody was looked up"))],
        coerce=lambda said: said == "yes",
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )
    outcome = forms.ChoiceField(
        label=_("What came of it"), choices=Inquiry.Outcome.choices, widget=forms.RadioSelect
    )


def is_a_training_day(day: date) -> None:
    if why := rosters.why_no_training_day(day, timezone.localdate()):
        raise forms.ValidationError(why)


class RosterForm(forms.Form):
    """Puts one of the delegate's people on the roster."""

    person = forms.ModelChoiceField(label=_("Person"), queryset=Person.objects.none())
    trained_on = forms.DateField(
        label=_("Trained on"),
        widget=DateInput(),
        required=False,
        help_text=_("Empty: not trained yet, so not ready to be granted."),
        validators=[is_a_training_day],
    )

    def __init__(self, *args, candidates, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = candidates


class TrainingForm(forms.Form):
    """The day of somebody's last training."""

    trained_on = forms.DateField(label=_("Trained on"), widget=DateInput(), validators=[is_a_training_day])


class RosterFileForm(FileForm):
    """A roster as a CSV file."""

    too_large = _("The file is too large: at most 5 MB.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _(
            "With the columns username and trained_on; UTF-8, UTF-16 or CP932. At most 5 MB."
        )
