"""The records as files: plain text for a ticket, CSV for a table. Both can be pasted back. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from vestibule.records.model import Record
from vestibule.tenancy.model import Connection

# A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_text(connection: Connection, records: Iterable[Record]) -> str:
    """One section a record, one line a field; what is to be known stands in comments."""
    lines = [f"# {_line(connection.name)} ({connection.environment.value}): {connection.iss}"]
    for record in records:
        lines += ["", f"[{record.title}]", f"# {record.who}"]
        for field in record.fields:
            lines.append(f"{field.label}: {_line(field.value)}")
            lines += [f"#   {field.note}"] if field.note else []
    return "\n".join(lines) + "\n"


def as_csv(records: Iterable[Record]) -> str:
    """A row a field: record, field, value, note."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["record", "field", "value", "note"])
    for record in records:
        table.writerows([_cell(record.title), field.label, _cell(_line(field.value)), _cell(field.note)] for field in record.fields)
    return out.getvalue()


def _line(text: str) -> str:
    return " ".join(text.split("\n"))


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
