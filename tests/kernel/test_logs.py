"""What is logged: in one line, saying what it is about, and never a secret."""

import asyncio
import io
import json
import logging
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masspayout.kernel import logs
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.logs import LogFormat, about, conceal, keep_out
from masspayout.service.access import secrets as access_secrets
from masspayout.service.access.secrets import SecretKind

_log = logging.getLogger("masspayout.test")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level, known = root.handlers[:], root.level, set(logs._known)
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logs._known.clear()
    logs._known.update(known)


def lines(written: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in written.splitlines()]


async def test_json_lines_say_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install("json", logging.INFO)
    log = logging.getLogger("masspayout.test")

    async def pay(number: int) -> None:
        with about(distribution_id=number):
            await asyncio.sleep(0)
            log.info("batch %d is paid", number)

    with about(request_id="r-1"):
        await asyncio.gather(pay(1), pay(2))
    log.warning("two\nlines of “text”")
    first, second, last = lines(capsys.readouterr().err)
    assert (first["message"], first["distribution_id"], first["request_id"]) == ("batch 1 is paid", "1", "r-1")
    assert (second["distribution_id"], second["level"], second["logger"]) == ("2", "INFO", "masspayout.test")
    assert last["message"] == "two\nlines of “text”"
    assert "distribution_id" not in last
    assert datetime.fromisoformat(last["time"]).tzinfo is not None


def test_a_trace_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install("json")
    keep_out("hunter2-hunter2")
    try:
        raise ValueError("the password is hunter2-hunter2")  # noqa: TRY301 - the trace is what this is about
    except ValueError:
        logging.getLogger("masspayout.test").exception("it failed")
    written = capsys.readouterr().err
    (line,) = lines(written)
    assert "ValueError: the password is …" in line["exception"]
    assert "hunter2-hunter2" not in written


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install("text")
    with about(distribution_id="d-1"):
        logging.getLogger("masspayout.test").warning("it waits")
    assert capsys.readouterr().err.endswith("WARNING it waits [distribution_id=d-1]\n")


def test_installing_again_replaces_what_was_installed(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install("text")
    logs.install("json")
    logging.getLogger("masspayout.test").warning("once")
    assert len(lines(capsys.readouterr().err)) == 1


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("called with {'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("postgresql+psycopg://masspayout:s3cret@db:5432/x", "s3cret"),
        ("password=correct-horse&next=1", "correct-horse"),
        ('{"password": "with space", "user": "ana"}', "with space"),
        ("DATABASE_PASSWORD=abc123", "abc123"),
        ("PAYER_KEY: 0xdeadbeef", "0xdeadbeef"),
        ("passphrase = 'open sesame'", "open sesame"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----", "MC4CAQ"),
        ("-----BEGIN EC PRIVATE KEY-----\nMC4CAQ", "MC4CAQ"),
        ("id_token=eyJhbGciOi.eyJzdWIi.c2ln and more", "eyJhbGciOi"),
        ("sent eyJhbGciOi.eyJzdWIi.c2ln", "eyJzdWIi"),
        ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in conceal(text)


@pytest.mark.parametrize(
    "text",
    [
        "distribution 01a20fa2-8e3f-75e0-b55d-1a505ac400e0 is COMPLETED",
        "transaction 0.0.1001@1700000000.000000001: payment_token=0.0.7001",
        "GET https://example.com:8443/payouts?page=2",
        "register hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060 was mined",
        "the token 0.0.5001 has no secret",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert conceal(text) == text


@given(st.sampled_from(SecretKind), st.text(max_size=30), st.text(max_size=30))
def test_our_own_tokens_are_left_out_wherever_they_stand(kind: SecretKind, before: str, after: str) -> None:
    secret = access_secrets.new_secret(kind)
    assert secret.text not in conceal(f"{before} {secret.text} {after}")


@pytest.mark.parametrize("kind", SecretKind)
def test_our_own_tokens_keep_what_they_are_known_by(kind: SecretKind) -> None:
    secret = access_secrets.new_secret(kind)
    assert secret.prefix in conceal(f"refused {secret.text}.")


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=12, max_size=40)
FORMATS: st.SearchStrategy[LogFormat] = st.sampled_from(["text", "json"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS, around=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), log_format=FORMATS)
def test_no_secret_of_ours_is_ever_logged(
    monkeypatch: pytest.MonkeyPatch, secret: str, around: str, log_format: LogFormat
) -> None:
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr", stream)
        logs.install(log_format)
        keep_out(secret)
        log = logging.getLogger("masspayout.test")
        log.warning("%s%s%s", around, secret, around)
        log.warning("%r", {"in": [secret]})
        log.warning("https://example.com/?q=%s", urllib.parse.quote(secret))
        log.warning("", extra={"unused": secret})
        with about(distribution_id=secret):
            log.warning("about it")
        try:
            raise KeyError(secret)  # noqa: TRY301 - the trace is what this is about
        except KeyError:
            log.exception("it failed with %s", secret)
    logged = stream.getvalue()
    if log_format == "json":
        logged += "".join("".join(json.loads(line).values()) for line in logged.rstrip("\n").split("\n"))
    # A secret that consists of what stands around it anyway cannot be told from it.
    assert secret not in logged.replace("…", "\0") or secret in f"masspayout.test WARNING {around}{around}"


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass for the logs."""
    now = 1000.0

    def pass_seconds(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("masspayout.kernel.logs.time", SimpleNamespace(monotonic=lambda: now))
    return pass_seconds


def test_a_warning_that_repeats_is_written_once_a_minute(
    capsys: pytest.CaptureFixture[str], passing: Callable[[float], None]
) -> None:
    logs.install("text")
    for second in range(61):
        _log.warning("%s: %s It is tried again.", "webhooks", LedgerUnavailable(f"It is {second} s late.", "Wait."))
        passing(1)
    written = capsys.readouterr().err.splitlines()
    assert [line.split("WARNING ")[1] for line in written] == [
        "webhooks: It is 0 s late. Wait. It is tried again.",
        "webhooks: It is 60 s late. Wait. It is tried again. (and 59 times since it was last written)",
    ]


def test_warnings_for_other_reasons_or_about_other_things_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install("text")
    for reason in ("It is away.", "It is away.", "It is read-only."):
        _log.error("%s: %s", "webhooks", LedgerUnavailable(reason, "Wait."))
    for distribution in (1, 2, 1):
        with about(distribution_id=distribution):
            _log.error("it waits")
    for job in (1, 2):
        _log.warning("job %s is run again", job)
    for _ in range(2):
        _log.info("nothing that repeats by itself")
    assert len(capsys.readouterr().err.splitlines()) == 6


def test_what_is_remembered_of_warnings_is_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_REMEMBERED", 2)
    logs.install("text")
    for number in (1, 2, 3, 3, 1):
        _log.warning("job %s", number)
    written = capsys.readouterr().err.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in written] == ["1", "2", "3", "1"]
