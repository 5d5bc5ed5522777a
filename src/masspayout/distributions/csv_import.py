"""CSV import of payout lists: which account is paid how much.

The first line names the columns ``account_id`` and ``amount``, in either order and no others: a column that would be
ignored might be one that somebody meant to matter. A row is one line, its fields quoted or not; blank lines are
skipped. The text is UTF-8, with or without a byte-order mark. A list is read as a whole or not at all: every bad row is
named before anything is done with a good one.
"""

import codecs
import csv
import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid, InvalidRows, NotFound
from masspayout.kernel.money import parse_amount

COLUMNS = ("account_id", "amount")
_EXAMPLE = (
    "A payout list starts with the line account_id,amount and then has one payment a line, such as 0.0.1234,12.50."
)
# With these begin the files of programs that write UTF-16.
_OTHER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Room for the longest account id and amount several times over; a longer line is not looked into, nor repeated.
_MAX_LINE_BYTES = 500


@dataclass(frozen=True, slots=True)
class PayoutList:
    """The accounts and amounts of a list, in ascending order of account id.

    Two parallel tuples instead of pairs: a million pairs would take 64 MB more.
    """

    account_ids: tuple[str, ...]
    amounts_units: tuple[int, ...]
    total_units: int

    def __len__(self) -> int:
        """Return the number of payments."""
        return len(self.account_ids)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Iterate over account ids with their amounts in smallest units."""
        return zip(self.account_ids, self.amounts_units, strict=True)


def read_payout_list(path: Path, decimals: int) -> PayoutList:
    """Read a payout list from a file.

    Args:
        path: The CSV file.
        decimals: How many decimals the payment token has.

    Raises:
        NotFound: There is no such file.
        Invalid: It cannot be read, is empty, or its header is wrong.
        InvalidRows: Rows are malformed, name an account twice, or hold a wrong account id or amount; all are named.
    """
    try:
        with path.open("rb") as lines:
            return parse_payout_list(lines, decimals, name=str(path))
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path of the payout list.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Invalid(f"{path} cannot be read: {reason}.", "Name a CSV file that you may read.") from None


def parse_payout_list(lines: Iterable[bytes], decimals: int, *, name: str = "The payout list") -> PayoutList:
    """Read a payout list from its lines, as a binary file yields them; ``name`` is what errors call it.

    Raises:
        Invalid: It is empty, or its header is wrong.
        InvalidRows: As for ``read_payout_list``.
    """
    numbered_lines = _numbered_lines(lines)
    account_column = _read_header(next(numbered_lines, None), name)
    rows = _Rows(account_column, decimals)
    for line_number, line in numbered_lines:
        rows.read(line_number, line)
    return rows.finish(name)


def content_key(payout_list: PayoutList, *, payment_token_id: str, concept: str | None) -> str:
    """Return the key that an earlier rule made of a list: a SHA-256, in hexadecimal, which knew no payer.

    It still tells a list that was paid before.
    """
    digest = hashlib.sha256(json.dumps([payment_token_id, concept]).encode())
    for account_id, amount_units in payout_list:
        digest.update(f"\n{account_id},{amount_units}".encode())
    return digest.hexdigest()


def _numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number the lines from 1, as editors do, and leave out the blank ones and the byte-order mark."""
    for line_number, line in enumerate(lines, start=1):
        text = line.removeprefix(codecs.BOM_UTF8) if line_number == 1 else line
        if text.strip():
            yield line_number, text


def _read_header(numbered_line: tuple[int, bytes] | None, name: str) -> int:
    """Return at which position the account id stands; the amount stands at the other."""
    if numbered_line is None:
        raise Invalid(f"{name} is empty.", _EXAMPLE)
    line_number, line = numbered_line
    if line.startswith(_OTHER_MARKS) or b"\0" in line:
        raise Invalid(f"{name} is not UTF-8 text.", "Save it as UTF-8: in a spreadsheet program, as CSV UTF-8.")
    try:
        columns = [column.strip() for column in _split(line)]
    except _MalformedLine as error:
        raise Invalid(f"{name} has no proper header on line {line_number}: {error}.", _EXAMPLE) from None
    if sorted(columns) != sorted(COLUMNS):
        raise Invalid(f"{name} has no proper header on line {line_number}: {','.join(columns)!r}.", _EXAMPLE)
    return columns.index("account_id")


class _MalformedLine(Exception):  # noqa: N818 - it says what the line is
    """A line cannot be taken apart into fields; the text says why."""


def _split(line: bytes) -> list[str]:
    """Return the two fields of one line."""
    if len(line) > _MAX_LINE_BYTES:
        raise _MalformedLine(f"it is {len(line):,} bytes long, which no payment needs")
    try:
        text = line.decode().rstrip("\r\n")
        fields = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except UnicodeDecodeError:
        raise _MalformedLine("it is not UTF-8 text") from None
    except csv.Error as error:
        raise _MalformedLine(f"its quotes are wrong ({error}): {text!r}") from None
    if len(fields) != len(COLUMNS):
        raise _MalformedLine(f"it has {len(fields)} {'field' if len(fields) == 1 else 'fields'}, not 2: {text!r}")
    return fields


@dataclass(slots=True)
class _Rows:
    """The rows read so far, in the file's order, and what is wrong with the bad ones."""

    account_column: int
    decimals: int
    account_ids: list[str] = field(default_factory=list)
    amounts_units: list[int] = field(default_factory=list)
    line_numbers: "array[int]" = field(default_factory=lambda: array("Q"))
    problems: list[tuple[int, str]] = field(default_factory=list)

    def read(self, line_number: int, line: bytes) -> None:
        """Take in one row. A bad amount does not hide that its account occurs twice."""
        try:
            fields = _split(line)
        except _MalformedLine as error:
            self._add_problem(line_number, f": {error}.")
            return
        amount_units = 0
        try:
            amount_units = parse_amount(fields[1 - self.account_column], self.decimals)
        except Invalid as error:
            self._add_problem(line_number, f", amount: {error.message}")
        try:
            account_id = canonical_account_id(fields[self.account_column])
        except Invalid as error:
            self._add_problem(line_number, f", account_id: {error.message}")
            return
        self.account_ids.append(account_id)
        self.amounts_units.append(amount_units)
        self.line_numbers.append(line_number)

    def finish(self, name: str) -> PayoutList:
        """Return the list in order, or name every bad row."""
        order = sorted(range(len(self.account_ids)), key=self.account_ids.__getitem__)
        self._find_duplicates(order)
        if self.problems:
            self.problems.sort()
            count = len({line_number for line_number, _ in self.problems})
            raise InvalidRows(
                f"{name} has {count:,} bad {'row' if count == 1 else 'rows'}; no row was imported.",
                [problem for _, problem in self.problems],
                "Fix these rows and read the list again.",
            )
        if not order:
            raise Invalid(f"{name} has no payments, only a header.", _EXAMPLE)
        return PayoutList(
            tuple(self.account_ids[position] for position in order),
            tuple(self.amounts_units[position] for position in order),
            sum(self.amounts_units),
        )

    def _find_duplicates(self, order: list[int]) -> None:
        """Compare neighbours: sorting is stable, so of equal accounts the first in the file comes first."""
        first = None
        for position in order:
            account_id = self.account_ids[position]
            if first is None or self.account_ids[first] != account_id:
                first = position
                continue
            sentence = f", account_id: {account_id} is already on line {self.line_numbers[first]}."
            self._add_problem(self.line_numbers[position], sentence)

    def _add_problem(self, line_number: int, what: str) -> None:
        self.problems.append((line_number, f"line {line_number}{what}"))
