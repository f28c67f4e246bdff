"""Forms of emergencies, inquiries and rosters: they check for sense, the rules decide."""

from datetime import datetime, timedelta

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.models import DelegationContract, Emergency, Inquiry, Person
from customers import normalising
from customers.models import ServiceArea


class MomentInput(forms.DateTimeInput):
    """The browser's own date and time picker, in Japan time."""

    input_type = "datetime-local"

    def __init__(self):
        super().__init__(format="%Y-%m-%dT%H:%M")


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self):
        super().__init__(format="%Y-%m-%d")


class DeclareForm(forms.Form):
    """Declares an emergency and grants it in one step."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Emergency.Kind)
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("As people call it, for example “Typhoon No. 14”."),
    )
    areas = forms.ModelMultipleChoiceField(
        label=_("Areas"),
        queryset=ServiceArea.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The municipalities whose callers need help."),
        error_messages={
            "required": _("Choose at least one area."),
            "invalid_choice": _("Choose areas that this operator serves."),
            "invalid_pk_value": _("Choose areas that this operator serves."),
        },
    )
    expires_at = forms.DateTimeField(
        label=_("Expires at"),
        widget=MomentInput(),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=_("Japan time, at most 72 hours away. It ends by itself then."),
    )
    contracts = forms.ModelMultipleChoiceField(
        label=_("Grant to the rosters of"),
        queryset=DelegationContract.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Everybody on the roster may look up as soon as you declare."),
    )

    def __init__(self, *args, contracts, now: datetime, **kwargs):
        """contracts: those that the supervisor may grant under. now: the database's clock."""
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["contracts"].queryset = contracts
        self.fields["contracts"].initial = list(contracts)
        six_hours = timezone.localtime(now + timedelta(hours=6))
        self.fields["expires_at"].initial = six_hours.replace(second=0, microsecond=0)

    def clean_expires_at(self) -> datetime:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at <= self.now:
            raise forms.ValidationError(_("An emergency cannot end before it starts: choose a later time."))
        if expires_at > self.now + timedelta(hours=settings.EMERGENCY_MAX_HOURS):
            raise forms.ValidationError(_("An emergency is at most 72 hours long: choose an earlier time."))
        return expires_at


class InquiryForm(forms.ModelForm):
    """A call taken."""

    class Meta:
        model = Inquiry
        fields = ["emergency", "caller_name", "caller_phone", "kind", "note"]
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args, emergencies, **kwargs):
        """emergencies: those that the call may belong to; a single one is taken as read."""
        super().__init__(*args, **kwargs)
        self.says_optional = _("optional")
        choices = list(emergencies)
        field = self.fields["emergency"]
        field.queryset = emergencies
        if len(choices) == 1:
            field.initial, field.empty_label, field.required = choices[0], None, True
        elif not choices:
            del self.fields["emergency"]

    def clean_caller_phone(self) -> str:
        typed = self.cleaned_data["caller_phone"]
        if typed and len(normalising.digits(typed)) not in range(9, 12):
            raise forms.ValidationError(_("Give the whole phone number, or leave it empty."))
        return typed


class RosterForm(forms.Form):
    """Puts one of the delegate's people on the roster."""

    person = forms.ModelChoiceField(label=_("Person"), queryset=Person.objects.none())
    trained_on = forms.DateField(label=_("Trained on"), widget=DateInput())

    def __init__(self, *args, candidates, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = candidates

    def clean_trained_on(self):
        day = self.cleaned_data["trained_on"]
        if day > timezone.localdate():
            raise forms.ValidationError(_("The training has not taken place yet."))
        return day
