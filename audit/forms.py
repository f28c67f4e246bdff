"""The filters of the history page, and what auditors say in a review."""

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.models import LogEntry, ReviewedEntry


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
