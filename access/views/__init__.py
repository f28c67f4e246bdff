"""Pages of access, by subject: parse, call one rule, render."""
