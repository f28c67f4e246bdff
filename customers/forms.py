"""The lookup form: what a caller says, checked for sense; the searching is `customers.reading`'s."""

import re
from dataclasses import replace

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers import addresses, normalising
from customers.disclosure import FIELD_LABELS
from customers.models import LastDigits
from customers.terms import ASKS_OF, NUMBER_DIGITS, PHONE_DIGITS, Place, Terms
from customers.words import from_words


class Words(forms.CharField):
    """What is typed of a caller, with a bound that holds after normalising too: ﷺ alone becomes 18 characters."""

    default_error_messages = {
        "swells": _(
            "Some of these characters each stand for a whole phrase: write them out, or leave them out."
        )
    }

    def clean(self, value):
        typed = super().clean(value)
        if len(normalising.plain(typed)) > self.max_length:
            raise forms.ValidationError(self.error_messages["swells"], code="swells")
        return typed


class LookupForm(forms.Form):
    """One box for all that the caller says, and a field each; those that the person is not shown are not there."""

    words = Words(
        label=_("What the caller says"),
        required=False,
        max_length=200,
        help_text=_("Name, address, phone, supply point number, in any order, with a space between."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    name = Words(
        label=FIELD_LABELS["name"],
        required=False,
        max_length=60,
        help_text=_("Kana or as written; the beginning, the given name or a part."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    address = Words(
        label=FIELD_LABELS["address"],
        required=False,
        max_length=100,
        help_text=_("From the municipality or from the town; chome, banchi and hyphens are the same."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    phone = Words(
        label=FIELD_LABELS["phone"],
        required=False,
        max_length=40,
        help_text=_("The whole number; or its last four digits, with something else."),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    supply_point_number = Words(
        label=FIELD_LABELS["supply_point_number"],
        required=False,
        max_length=60,
        help_text=_("All 22 digits; or the last four or more, with something else."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, *args, shown: frozenset[str], places: list[Place], **kwargs):
        """What the form may ask.

        shown: the fields that the person may be shown for some customer. places: the municipalities
        that an address may name.
        """
        super().__init__(*args, **kwargs)
        self.shown, self.places = shown, places
        self.instead: Terms | None = None
        for name, asked in ASKS_OF.items():
            if not shown.issuperset(asked):
                del self.fields[name]

    @property
    def by_field(self) -> bool:
        """Whether something was typed item by item, or went wrong there."""
        said = {*self.changed_data, *self.errors} if self.is_bound else {*self.initial}
        return bool(said & ASKS_OF.keys())

    def clean_supply_point_number(self) -> str:
        typed = self.cleaned_data["supply_point_number"]
        count = len(normalising.digits(typed))
        if not typed.strip():
            return ""
        if re.search(r"[^0-9\-]", addresses.said(typed)):
            raise forms.ValidationError(_("A supply point number has digits only."))
        if not LastDigits.COUNT <= count <= NUMBER_DIGITS:
            raise forms.ValidationError(
                _(
                    "A supply point number has 22 digits, of which the last four are the least to look up "
                    "by; this one has %(count)d."
                )
                % {"count": count}
            )
        return typed

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        if typed.strip() and len(normalising.phone(typed)) not in (LastDigits.COUNT, *PHONE_DIGITS):
            raise forms.ValidationError(
                _("Give the whole phone number (10 or 11 digits) or its last four digits.")
            )
        return typed

    def clean_name(self) -> str:
        typed = self.cleaned_data["name"]
        if typed.strip() and not _says_enough(normalising.name(typed)):
            raise forms.ValidationError(_("Give at least two letters of kana, or the name as it is written."))
        return typed

    def clean_address(self) -> str:
        typed = self.cleaned_data["address"]
        if typed.strip() and addresses.parse(addresses.said(typed)).length < 2:
            raise forms.ValidationError(_("Give at least two characters of the address."))
        return typed

    def clean(self) -> dict:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        meant = self._meant(cleaned)
        if not meant.given():
            raise forms.ValidationError(_("Fill in at least one field to look a customer up."))
        if not meant.asks_of() <= self.shown:
            self.add_error("words", _("Part of this is an item that you are not shown."))
        elif "words" in self.changed_data and meant.name and not _says_enough(normalising.name(meant.name)):
            self.add_error("words", _("Give at least two letters of kana, or the name as it is written."))
        elif not (meant.name or meant.address or meant.is_whole_key) and len(meant.given()) < 2:
            raise forms.ValidationError(_("Last digits alone are many people's: add a name or an address."))
        return cleaned

    def _meant(self, cleaned: dict) -> Terms:
        """The terms of the box, and of the fields where they say more."""
        words = cleaned.get("words", "").strip()
        meant, instead = from_words(words, self.places) if words else (Terms(), None)
        said = {name: text for name in ASKS_OF if (text := cleaned.get(name, "").strip())}
        self.terms = replace(meant, **said)
        if instead and replace(instead, **said).asks_of() <= self.shown:
            self.instead = replace(instead, **said)
        return self.terms


class FileForm(forms.Form):
    """A CSV file. One over the limit of what is sent does not arrive at all, and the form says why."""

    file = forms.FileField(
        label=_("CSV file"), widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"})
    )
    too_large: str | Promise

    def __init__(self, *args, sent: int = 0, **kwargs):
        """sent: how many bytes the whole request had."""
        super().__init__(*args, **kwargs)
        if sent > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            self.fields["file"].error_messages["required"] = self.too_large


class ImportForm(FileForm):
    """The billing side's file of customers."""

    too_large = _("The file is too large: at most 25 MB.")
    skip_bad = forms.BooleanField(
        label=_("Import the good rows although others are bad"),
        required=False,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _(
            "The billing side's customers; UTF-8, UTF-16 or CP932. At most 50,000 rows and 25 MB."
        )


def _says_enough(key: str) -> bool:
    """Two letters of kana, or one character of a written name: 林 and 森 are names."""
    letters = re.sub(r"[\W_]", "", key.lstrip("ー"))
    return len(letters) >= (2 if normalising.is_kana(key) else 1)
