"""Webhooks from the command line, as a user sets them up and looks after them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from command_line import CommandLine

TOKEN = "0.0.7001"


class Receiver(ThreadingHTTPServer):
    """A server that keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 204
        self.messages: list[dict[str, object]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/payouts"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")
    monkeypatch.setenv("WEBHOOK_TRIES", "1")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_webhook_is_added_tried_and_removed(command_line: CommandLine, receiver: Receiver) -> None:
    assert "No webhooks yet" in command_line("webhook", "list").out
    said = command_line("webhook", "add", receiver.url)
    assert "which is not shown again: whsec_" in said.out
    (listed,) = json.loads(command_line("webhook", "list", "--json").out)["items"]
    assert (listed["url"], listed["events"], listed["enabled"]) == (receiver.url, ["distribution.*"], True)
    assert "whsec_" not in command_line("webhook", "list").out

    tried = command_line("webhook", "test", listed["id"])
    assert (tried.status, "It answered 204" in tried.out) == (0, True)
    receiver.answer = 500
    refused = command_line("webhook", "test", listed["id"], "--json")
    assert (refused.status, json.loads(refused.out)["error"]) == (1, "It answered 500.")
    assert [message["type"] for message in receiver.messages] == ["webhook.test"] * 2

    assert "switched off" in command_line("webhook", "disable", listed["id"]).out
    assert "switched on" in command_line("webhook", "enable", listed["id"]).out
    assert "gets no more events" in command_line("webhook", "remove", listed["id"]).out
    gone = command_line("webhook", "remove", listed["id"])
    assert (gone.status, "masspayout webhook list" in gone.err) == (1, True)
    assert command_line("webhook", "test", "nonsense").status == 1


def test_what_was_given_up_is_seen_and_sent_again(command_line: CommandLine, receiver: Receiver) -> None:
    command_line("sandbox", "token", TOKEN, "--name", "Dollar", "--symbol", "USD", "--decimals", "6")
    command_line("sandbox", "deposit", TOKEN, "10")
    Path("list.csv").write_text("account_id,amount\n0.0.31,1\n")
    command_line("webhook", "add", receiver.url, "--event", "distribution.completed", "--event", "batch.*")
    receiver.answer = 503
    command_line("pay", "list.csv", "--payment-token", TOKEN)
    command_line("worker", "--until-idle")
    given_up = json.loads(command_line("webhook", "deliveries", "--status", "FAILED", "--json").out)
    assert [(item["event_type"], item["number"], item["response_status"]) for item in given_up["items"]] == [
        ("distribution.completed", 2, 503),
        ("batch.completed", 1, 503),
    ]
    receiver.answer = 200
    said = command_line("webhook", "redeliver", given_up["items"][0]["id"])
    assert "masspayout worker" in said.out
    command_line("worker", "--until-idle")
    assert "It answered 503." in command_line("webhook", "deliveries").out
    assert json.loads(command_line("webhook", "deliveries", "--status", "DELIVERED", "--json").out)["total"] == 1


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "http://example.com/", "nonsense"])
def test_a_target_that_no_webhook_may_lead_to_is_refused(command_line: CommandLine, url: str) -> None:
    said = command_line("webhook", "add", url)
    assert (said.status, said.out) == (2, "")
    assert "hint:" in said.err
    assert json.loads(command_line("webhook", "list", "--json").out)["total"] == 0
