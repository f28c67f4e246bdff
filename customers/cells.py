"""What goes into a spreadsheet's cell."""

from typing import Any

#: What a spreadsheet would run as a formula, in the Japanese way of typing too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """A value as a cell, such that no spreadsheet runs it as a formula.

    An apostrophe goes before it: a spreadsheet takes what follows as text, also when the file is saved
    and read again (quotation marks alone would not help). Source: OWASP, "CSV Injection".
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
