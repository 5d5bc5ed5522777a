"""The service as a process: who may reach it, how one comes in, how it ends; and the examples of docs/api.md."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL

from http_process import make_token, service_process, settings_of
from masspayout.kernel.roles import Role
from places import DOCS

DOCUMENT = DOCS / "api.md"
EXAMPLE = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_nothing_configured_means_this_machine_alone_and_a_link(database_url: URL, tmp_path: Path) -> None:
    env = settings_of(database_url, tmp_path)
    refused = subprocess.run(
        [sys.executable, "-m", "masspayout", "serve", "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "listens on 0.0.0.0 only when" in refused.stderr
    assert "masspayout user add" in refused.stderr
    with service_process("serve", tmp_path, env, until="For a program") as service:
        assert service.address.startswith("http://127.0.0.1:")
        link = re.search(r"http://\S+/sign-in/mpl_\S+", service.said)
        assert link
        with httpx.Client(timeout=60) as browser:
            assert browser.get(f"{service.address}/api/v1/assets").status_code == 401
            assert browser.post(link[0]).status_code == 303
            assert browser.get(f"{service.address}/api/v1/assets").status_code == 200
            assert browser.get(f"{service.address}/health").json() == {"status": "ok"}
            checks = {check["name"]: check for check in browser.get(f"{service.address}/ready").json()["checks"]}
            assert checks["database"]["status"] == "ok"
            assert set(checks) == {"database", "migrations", "worker", "listeners", "ledger"}
            assert "masspayout_workers 0.0" in browser.get(f"{service.address}/metrics").text
        assert service.stop() == 0


def test_a_port_that_is_taken_is_said_to_be(database_url: URL, tmp_path: Path) -> None:
    env = settings_of(database_url, tmp_path)
    with service_process("serve", tmp_path, env) as service:
        port = service.address.rsplit(":", 1)[1]
        second = subprocess.run(
            [sys.executable, "-m", "masspayout", "serve", "--port", port],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert f"cannot listen on 127.0.0.1, port {port}" in second.stderr
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(timeout=120) == 0


def test_the_examples_of_the_document_work(database_url: URL, tmp_path: Path) -> None:
    """All of them, in order, as a reader types them, against everything in one process."""
    examples = EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert {language for language, _ in examples} == {"sh", "python"}
    env = settings_of(database_url, tmp_path)
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    with service_process("up", tmp_path, env, until="Stop it with") as service:
        script = ["set -euo pipefail"]
        for language, text in examples:
            code = text.replace("http://127.0.0.1:8000", service.address)
            if language == "python":
                (tmp_path / "example.py").write_text(code, encoding="utf-8")
                code = "export TOKEN\npython example.py\n"
            script.append(code)
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert service.stop() == 0
    assert '"agrees":true' in done.stdout
    assert "COMPLETED True" in done.stdout
    assert "0.0.2001 2500.000000" in done.stdout
    paid = (tmp_path / "paid.csv").read_text(encoding="utf-8").splitlines()
    assert paid[1:] == ["0.0.2001,700,175000.000000,true,,", "0.0.2002,300,75000.000000,true,,"]


@pytest.mark.parametrize("command", ["serve", "up"])
def test_requests_under_way_are_answered_before_the_end(database_url: URL, tmp_path: Path, command: str) -> None:
    env = settings_of(database_url, tmp_path)
    token = asyncio.run(make_token(database_url, Role.ADMIN))
    with service_process(command, tmp_path, env) as service:
        host, port = service.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            head = f"POST /api/v1/tokens HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            rest = "Content-Type: application/json\r\nContent-Length: 13\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall((head + rest).encode())
            # From here on the request is under way: the service waits for its body.
            assert b"100 Continue" in connection.recv(4096)
            service.process.terminate()
            connection.sendall(b'{"name": "x"}')
            assert b"201 Created" in connection.recv(4096)
        assert service.process.wait(timeout=120) == 0
