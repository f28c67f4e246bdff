"""The filters of the history page, and what auditors say in a review."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access import policy
from access.errors import REASONS
from access.people import Person, Role
from audit.filters import FILTERS, customer_of_text
from audit.models import LogEntry, ReviewedEntry
from customers import normalising
from customers.models import Organization, ServiceArea, in_language
from customers.one_line import OneLine

ALL = ("", _("All"))
#: How many emergencies and contracts are listed to choose from.
LISTED = 100
_MOST = 2**63 - 1


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"


class OpenChoice(forms.ChoiceField):
    """A choice of what is listed, or of what a link names that is listed no more: an old emergency, say."""

    def __init__(self, name: str, **kwargs):
        super().__init__(label=FILTERS[name], required=False, choices=[ALL], **kwargs)

    def valid_value(self, value: str) -> bool:
        return len(value) <= 100 and "\0" not in value

    def offer(self, choices: list[tuple[Any, Any]], chosen: str) -> None:
        """Lists the choices, and what is chosen already."""
        listed = chosen in {str(value) for value, _label in choices}
        self.choices = [ALL, *choices, *([] if listed or not chosen else [(chosen, chosen)])]


class NumberChoice(OpenChoice):
    """An open choice of an object by its number."""

    def clean(self, value: Any) -> int | None:
        value = super().clean(value)
        if value and not (value.isascii() and value.isdigit() and int(value) <= _MOST):
            raise forms.ValidationError(self.error_messages["invalid_choice"], params={"value": value})
        return int(value) if value else None


def _number(name: str) -> forms.IntegerField:
    return forms.IntegerField(label=FILTERS[name], required=False, min_value=1, max_value=_MOST)


class Moment(forms.DateTimeField):
    """A time of this history's: what it was filtered by is an entry, and every calendar has to have it."""

    widget = MomentInput
    default_error_messages = {"far": _("Choose a time from 2000 to 2199.")}

    def clean(self, value):
        at = super().clean(value)
        if at and not 2000 <= at.year < 2200:
            raise forms.ValidationError(self.error_messages["far"], code="far")
        return at

    def to_python(self, value):
        try:
            return super().to_python(value)
        except OverflowError:
            raise forms.ValidationError(self.error_messages["far"], code="far") from None


class HistoryFilter(forms.Form):
    """What to show of the history; everything empty shows all, newest first.

    What there is to choose comes from the registers and the tables, never from a look through the history.
    """

    person = OneLine(label=FILTERS["person"], required=False, max_length=150)
    customer = OneLine(label=FILTERS["customer"], required=False, max_length=60)
    emergency = NumberChoice("emergency")
    kind = forms.ChoiceField(label=FILTERS["kind"], required=False, choices=[ALL, *LogEntry.Kind.choices])
    since = Moment(label=FILTERS["since"], required=False)
    until = Moment(label=FILTERS["until"], required=False)
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("newest", _("Newest first")), ("oldest", _("Oldest first"))],
    )
    organization = OpenChoice("organization")
    role = forms.ChoiceField(label=FILTERS["role"], required=False, choices=[ALL, *Role.choices])
    area = OpenChoice("area")
    reason = forms.ChoiceField(
        label=FILTERS["reason"],
        required=False,
        choices=[ALL, *((code, reason.sentence) for code, reason in REASONS.items())],
    )
    contract = NumberChoice("contract")
    grant = _number("grant")
    inquiry = _number("inquiry")
    story = forms.UUIDField(label=FILTERS["story"], required=False)

    #: Whether the customer of the link, if it names one, can be read.
    link_is_good = True
    #: What is not asked for often, and stands behind a click.
    SELDOM = ("organization", "role", "area", "reason", "contract", "grant", "inquiry", "story")

    def __init__(self, data: Any, *, reader: Person):
        super().__init__(data or None)
        emergencies = policy.emergencies_to_review(reader)[:LISTED]
        contracts = policy.contracts_to_review(reader).order_by("-pk")[:LISTED]
        offered = {
            "emergency": [(e.pk, f"{e.name} ({timezone.localdate(e.declared_at)})") for e in emergencies],
            "contract": [(c.pk, f"{c.title} ({timezone.localdate(c.starts_at)})") for c in contracts],
            "organization": [
                (o.name, in_language(o.name, o.name_en)) for o in Organization.objects.order_by("name")
            ],
            "area": [(a.code, f"{a.code} {a}") for a in ServiceArea.objects.all()],
        }
        for name, choices in offered.items():
            self.fields[name].offer(choices, self.data.get(name, ""))  # type: ignore[attr-defined]

    @classmethod
    def of_link(cls, query: QueryDict, *, reader: Person) -> "HistoryFilter":
        """The filters that a URL names: its customer stands there encrypted, and in no other form."""
        data = query.dict()
        named = data.get("customer")
        if named:
            data["customer"] = customer_of_text(named) or ""
        form = cls(data, reader=reader)
        form.link_is_good = not named or bool(data["customer"])
        return form

    def clean_customer(self) -> str:
        if not self.link_is_good:
            raise forms.ValidationError(_("This link leads to no customer any more. Type the number here."))
        number = normalising.digits(self.cleaned_data["customer"])
        if self.cleaned_data["customer"] and len(number) != 22:
            raise forms.ValidationError(_("A supply point number has 22 digits."))
        return number

    def clean(self) -> dict:
        cleaned = super().clean()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until <= since:
            self.add_error("until", _("Choose a time after the beginning."))
        return cleaned

    def filters(self) -> dict[str, Any] | None:
        """The filters that are set and the order, or None where something is wrong with them."""
        if not self.is_bound:
            return {}
        return (
            {name: value for name, value in self.cleaned_data.items() if value} if self.is_valid() else None
        )

    def usual(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.SELDOM]

    def seldom(self) -> list[forms.BoundField]:
        return [self[name] for name in self.SELDOM]

    def asks_for_what_is_seldom(self) -> bool:
        """Whether one of the seldom filters is set, rightly or wrongly."""
        return any(self.data.get(name) for name in self.SELDOM)

    def set_filters(self) -> list[tuple[str, Any, str]]:
        """Each filter that is set: its name, its label and what is chosen, as the form words it."""
        chosen = []
        for name in FILTERS:
            if value := self.cleaned_data.get(name):
                field = self.fields[name]
                if isinstance(field, forms.ChoiceField):
                    value = {str(code): label for code, label in field.choices}.get(str(value), value)
                chosen.append((name, field.label, value))
        return chosen


class MarkForm(forms.Form):
    """What an auditor thinks of an entry."""

    mark = forms.ChoiceField(
        label=_("Judgement"), choices=ReviewedEntry.Mark.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed for “Not justified” and “Ask”: who is asked, and what was answered."),
    )
    #: When the mark that the auditor saw was made: another one meanwhile is not overwritten unseen.
    seen = forms.DateTimeField(required=False, widget=forms.HiddenInput)


class ConclusionForm(forms.Form):
    """What a review concludes."""

    conclusion = forms.CharField(
        label=_("Conclusion"), max_length=2000, widget=forms.Textarea(attrs={"rows": 5})
    )
