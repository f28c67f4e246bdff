"""Cells of a file that a spreadsheet opens."""

from typing import Any

#: What a spreadsheet would run as a formula, in the Japanese way of typing too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: Any) -> str:
    """The value as a cell that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
