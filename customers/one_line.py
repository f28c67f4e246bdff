"""Text of one line: what no name, number or reason may hold, in forms, in tables and in what leaves.

A line break in a name ends a mail's header, a line of syslog or a row of a file early; a control of the
writing direction shows people another name than the one that is there.
"""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

#: Control characters, separators of lines and paragraphs, controls of the writing direction, and halves
#: of a character that are none. The database refuses the same (migrations).
NOT_IN_ONE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: What telephones and pages paste around a number: it says nothing, so that a form takes it away.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ONE_LINE = _("Write it in one line: it holds a line break or another invisible control character.")


def is_one_line(text: str) -> None:
    """A validator: raises ValidationError for text that holds more than one line of plain characters."""
    if NOT_IN_ONE_LINE.search(text):
        raise ValidationError(ONE_LINE, code="one_line")


def as_one_line(text: str) -> str:
    """The text with a space for each character that is not in one line: for what is kept from before."""
    return NOT_IN_ONE_LINE.sub(" ", text)


class OneLine(forms.CharField):
    """A field of a form for one line. A tab is a space, as in what is copied from a sheet; directions go."""

    default_validators = [is_one_line]

    def to_python(self, value):
        text = super().to_python(value)
        return _DIRECTIONS.sub("", text.replace("\t", " ")) if text else text


class OneLineField(models.CharField):
    """A column that people's words of one line are kept in; to a migration it is a CharField."""

    default_validators = [is_one_line]

    def deconstruct(self):
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def formfield(self, **kwargs):
        return super().formfield(**({"form_class": OneLine} | kwargs))
