"""How long something still lasts, in words."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def in_words(left: timedelta) -> str:
    """Hours and minutes in the active language, rounded down; 0 minutes for what is over."""
    hours, minutes = divmod(max(int(left.total_seconds()), 0) // 60, 60)
    said = {
        "hours": ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours},
        "minutes": ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes},
    }
    if hours and minutes:
        return _("%(hours)s %(minutes)s") % said
    return said["hours" if hours else "minutes"]
