"""The filters of the history page."""

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.models import LogEntry


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"


class HistoryFilter(forms.Form):
    """What to show of the history; everything empty shows all, newest first."""

    person = forms.CharField(label=_("Person (username)"), required=False, max_length=150)
    customer = forms.CharField(label=_("Supply point number"), required=False, max_length=60)
    emergency = forms.ChoiceField(label=_("Emergency"), required=False)
    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("All")), *LogEntry.Kind.choices],
    )
    since = forms.DateTimeField(label=_("From"), required=False, widget=MomentInput())
    until = forms.DateTimeField(label=_("Until"), required=False, widget=MomentInput())
    story = forms.UUIDField(label=_("Correlation id"), required=False, widget=forms.HiddenInput)
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("newest", _("Newest first")), ("oldest", _("Oldest first"))],
    )

    def __init__(self, *args, emergencies: list[tuple[int, str]], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["emergency"].choices = [("", _("All")), *emergencies]

    def clean(self) -> dict:
        cleaned = super().clean()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until <= since:
            self.add_error("until", _("Choose a time after the beginning."))
        return cleaned
