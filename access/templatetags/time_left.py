"""`{{ emergency.expires_at|time_left }}`: how long it still is until then.

Django's own `timeuntil` puts a comma between hours and minutes, which no Japanese would.
"""

from datetime import datetime

from django import template
from django.utils import timezone

from access import durations

register = template.Library()


@register.filter
def time_left(until: datetime) -> str:
    return durations.in_words(until - timezone.now())
