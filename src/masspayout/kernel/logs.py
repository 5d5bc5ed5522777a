"""Logs: one line a record, as text or as JSON, with the ids of its subject, and without secrets.

    with about(distribution_id=distribution.id):
        _log.info("batch %d is paid", number)     # {"message": "batch 7 is paid", "distribution_id": "…", …}

The ids belong to the task, and reach all code that is called inside the block. A warning that repeats while its cause
lasts is written once a minute.
"""

import json
import logging
import re
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

# The interval of a warning that repeats: tasks run every second, and a database may be away for hours.
REPEAT_SECONDS = 60.0
# The warnings whose last time is remembered: more than a process has things in trouble.
_REMEMBERED = 1000

_CONCEALED = "…"
# Anything shorter would black out ordinary words.
_SHORTEST_SECRET = 4

_about: ContextVar[Mapping[str, str]] = ContextVar("about")

# Secrets that their form gives away, whoever issued them. The first group of each is kept.
_FORMS = (
    # Our own tokens, sessions and login links keep their prefix, which says which one it was.
    re.compile(r"(mp[a-z]_[0-9a-f]{16}_)[A-Za-z0-9_-]+", re.ASCII),
    re.compile(r"(whsec_)[A-Za-z0-9+/_=-]+", re.ASCII),
    re.compile(r"(\b(?:Bearer|Basic|Digest)\s+)[^\s\"',;]+", re.IGNORECASE),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII),
    re.compile(
        r"((?:passw(?:or)?d|passphrase|secret|api[-_]?key|private[-_]?key|payer[-_]?key|secret[-_]?key|authorization"
        r"|cookie|(?:access|refresh|id)[-_]token)[\"']?\s*[=:]\s*)"
        r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"'}\])]+)",
        re.IGNORECASE,
    ),
)

_NUMBER = re.compile(r"\d+")

# The values of secrets that this process knows, in every form in which they may be written.
_known: set[str] = set()


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Add ids such as ``request_id`` or ``distribution_id`` to every record that is logged inside the block."""
    token = _about.set({**_about.get({}), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _about.reset(token)


def keep_out(*secrets: str) -> None:
    """Keep these secrets out of the logs, whatever form they have."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            _known.update({secret, repr(secret)[1:-1], urllib.parse.quote(secret), urllib.parse.quote(secret, safe="")})
            _known.update(line for line in secret.splitlines() if len(line) >= _SHORTEST_SECRET)


def conceal(text: str) -> str:
    """Return a text without the secrets in it: the known ones, and those that look like one."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _CONCEALED)
    for form in _FORMS:
        text = form.sub(rf"\g<1>{_CONCEALED}", text)
    return text


def install(log_format: LogFormat, level: int = logging.WARNING) -> None:
    """Log to standard error, in this format, from a level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        if getattr(old, "_is_ours", False):
            root.removeHandler(old)
    handler.addFilter(_Repeats())
    handler._is_ours = True  # type: ignore[attr-defined]  # noqa: SLF001 - so that installing again replaces it
    root.addHandler(handler)
    root.setLevel(level)
    # The pool warns of each failed connection; its caller already logs once a round that the database is away.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class _Repeats(logging.Filter):
    """Lets a warning or an error through once a minute, and has it say then how often it was held back.

    Warnings are the same when they have the same words and are about the same things; numbers in the reasons that they
    give, such as times, may differ.
    """

    def __init__(self) -> None:
        super().__init__()
        self._written: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; one that is written after others were held back gets their number."""
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.msg, *_reasons_of(record), *_about.get({}).items())
        now = time.monotonic()
        written_at, held_back = self._written.get(key, (None, 0))
        if written_at is not None and now - written_at < REPEAT_SECONDS:
            self._written[key] = written_at, held_back + 1
            return False
        self._written[key] = now, 0
        self._written.move_to_end(key)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} (and {held_back} times since it was last written)", ()
        return True


def _reasons_of(record: logging.LogRecord) -> Iterator[object]:
    """Yield what a record is filled with, reasons without their numbers."""
    values = record.args if isinstance(record.args, tuple) else (record.args,)
    for value in values:
        yield (type(value), _NUMBER.sub("#", str(value))) if isinstance(value, Exception) else str(value)


class _TextLines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line, with the ids of its subject in brackets at the end."""
        ids = _about.get({})
        suffix = f" [{' '.join(f'{name}={value}' for name, value in ids.items())}]" if ids else ""
        return conceal(super().format(record) + suffix)


class _JsonLines(logging.Formatter):
    """Lines for programs: one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line."""
        fields: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get({}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        return json.dumps({name: conceal(value) for name, value in fields.items()}, ensure_ascii=False)
