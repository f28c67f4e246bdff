"""Forms of the timeline and of a customer's disclosures."""

from datetime import date

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from access.models import DelegationContract, Person
from audit.windows import STEPS
from customers import normalising
from customers.one_line import OneLine

#: Digits of a supply point number.
DIGITS = 22


class TimelineForm(forms.Form):
    """What the timeline shows; whatever is missing or wrong leaves the month that today is in, of everybody."""

    zoom = forms.ChoiceField(
        choices=[(zoom, zoom) for zoom in STEPS], required=False, widget=forms.HiddenInput
    )
    by = forms.ChoiceField(choices=[("person", "person")], required=False, widget=forms.HiddenInput)
    day = forms.DateField(
        label=_("Day"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    contract = forms.ModelChoiceField(
        DelegationContract.objects.none(), label=_("Contract"), required=False, empty_label=_("All")
    )
    person = OneLine(label=_("Person (username)"), required=False, max_length=150)

    def __init__(self, data, *, contracts):
        super().__init__(data)
        self.fields["contract"].queryset = contracts

    def clean_person(self) -> Person | None:
        username = self.cleaned_data["person"]
        person = Person.objects.filter(username=username).first() if username else None
        if username and person is None:
            raise forms.ValidationError(_("There is nobody of that name."))
        return person

    def day_or(self, today: date) -> date:
        return self.cleaned_data.get("day") or today

    @property
    def zoom_or_month(self) -> str:
        return self.cleaned_data.get("zoom") or "month"


class CustomerForm(forms.Form):
    """Whose disclosures: a supply point number, with spaces, hyphens and full-width digits as people write it."""

    number = OneLine(
        label=_("Supply point number"),
        max_length=60,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("22 digits, as on the bill; spaces and hyphens do not matter."),
    )

    def clean_number(self) -> str:
        number = normalising.digits(self.cleaned_data["number"])
        if len(number) != DIGITS:
            raise forms.ValidationError(_("A supply point number has 22 digits."))
        return number


class AnswerForm(CustomerForm):
    """How the disclosures are given to the customer who asks."""

    language = forms.ChoiceField(
        label=_("Language of the answer"), choices=settings.LANGUAGES, widget=forms.RadioSelect, initial="ja"
    )
    with_names = forms.BooleanField(
        label=_("Name the people"),
        required=False,
        help_text=_("Without the mark, an organisation and a role stand for each."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, auto_id="answer_%s", **kwargs)
        self.fields["number"].widget = forms.HiddenInput()
