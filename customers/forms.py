"""The lookup form: what a caller says, checked for sense; the searching is `customers.reading`'s."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from customers import normalising
from customers.disclosure import FIELD_LABELS
from customers.reading import Terms

_KANA = re.compile(r"[ァ-ヴー]{2}")


class LookupForm(forms.Form):
    """Fields by which a customer may be looked up; those that the person is not shown are not there."""

    supply_point_number = forms.CharField(
        label=FIELD_LABELS["supply_point_number"],
        required=False,
        max_length=60,
        help_text=_("All 22 digits; hyphens and full width do not matter."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    phone = forms.CharField(
        label=FIELD_LABELS["phone"],
        required=False,
        max_length=40,
        help_text=_("The whole number, 10 or 11 digits."),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    name_kana = forms.CharField(
        label=FIELD_LABELS["name_kana"],
        required=False,
        max_length=60,
        help_text=_("The beginning of the name, at least two letters of kana."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    address = forms.CharField(
        label=FIELD_LABELS["address"],
        required=False,
        max_length=100,
        help_text=_(
            "Municipality or town, with the number if the caller says it: at least three characters."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args, shown: frozenset[str], **kwargs):
        """shown: the fields that the person may be shown for some customer."""
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - shown:
            del self.fields[name]

    def clean_supply_point_number(self) -> str:
        typed = self.cleaned_data["supply_point_number"]
        number = normalising.digits(typed)
        if not typed.strip():
            return ""
        if re.search(r"[^0-9\-]", normalising.address(typed)):
            raise forms.ValidationError(_("A supply point number has digits only."))
        if len(number) != 22:
            raise forms.ValidationError(
                ngettext(
                    "A supply point number has 22 digits; this one has %(count)d.",
                    "A supply point number has 22 digits; this one has %(count)d.",
                    len(number),
                )
                % {"count": len(number)}
            )
        return number

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        if typed.strip() and len(normalising.digits(typed)) not in (10, 11):
            raise forms.ValidationError(_("Give the whole phone number: 10 or 11 digits."))
        return typed

    def clean_name_kana(self) -> str:
        typed = self.cleaned_data["name_kana"]
        if typed.strip() and not _KANA.match(normalising.kana(typed)):
            raise forms.ValidationError(_("Give the name in kana, at least two letters."))
        return typed

    def clean_address(self) -> str:
        typed = self.cleaned_data["address"]
        if typed.strip() and len(normalising.address(typed)) < 3:
            raise forms.ValidationError(_("Give at least three characters of the address."))
        return typed

    def clean(self) -> dict:
        cleaned = super().clean()
        if not self.errors and not any(value.strip() for value in cleaned.values()):
            raise forms.ValidationError(_("Fill in at least one field to look a customer up."))
        return cleaned

    def terms(self) -> Terms:
        """The checked terms, for `customers.reading.look_up`."""
        return Terms(**{name: value.strip() for name, value in self.cleaned_data.items()})
