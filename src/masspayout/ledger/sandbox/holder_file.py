"""The CSV file of a new token's holders: ``account_id,balance``, balances in smallest units."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid, InvalidRows, NotFound

_HEADER = ["account_id", "balance"]
_HINT = "Fix these rows; nothing was created."


def read_holder_file(path: Path) -> Iterator[tuple[str, int]]:
    """Return the rows of a file of holders. All of it is checked before the first row is returned.

    Raises:
        NotFound: There is no such file.
        Invalid: The file is not a CSV in UTF-8 with the columns ``account_id`` and ``balance``.
        InvalidRows: Some rows are wrong; all of them are named, with row and column, duplicates with both rows.
    """
    rows: dict[str, int] = {}
    balances: list[int] = []
    problems: list[str] = []
    for row_number, fields in _rows(path):
        found = _problems(row_number, fields)
        if found:
            problems += found
            continue
        account_id = canonical_account_id(fields[0])
        if account_id in rows:
            problems.append(f"row {row_number}, account_id: {account_id} occurs in row {rows[account_id]} already")
            continue
        rows[account_id] = row_number
        balances.append(int(fields[1]))
    if problems:
        raise InvalidRows(f"{path} has {len(problems)} wrong values.", problems, _HINT)
    return zip(rows, balances, strict=True)


def _rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the rows below the header with their line numbers; empty lines are skipped."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if header != _HEADER:
                raise Invalid(
                    f"{path} begins with {','.join(header)!r}.", f"Its first line must be: {','.join(_HEADER)}"
                )
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check its name.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path} cannot be read as CSV: {error}.", "It must be a CSV file in UTF-8.") from error


def _problems(row_number: int, fields: Sequence[str]) -> list[str]:
    if len(fields) != len(_HEADER):
        return [f"row {row_number}: {len(fields)} columns instead of {len(_HEADER)}"]
    problems = []
    account_id, balance = fields
    try:
        canonical_account_id(account_id)
    except Invalid as error:
        problems.append(f"row {row_number}, account_id: {error.message}")
    if not (balance.strip().isascii() and balance.strip().isdecimal()):
        problems.append(f"row {row_number}, balance: {balance!r} is not a whole number of smallest units")
    return problems
