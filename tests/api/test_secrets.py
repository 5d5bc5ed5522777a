"""Tokens, passwords and cookies get out nowhere: not in logs, not in answers, not in the database."""

import logging
import uuid

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from http_service import Service
from masspayout.db.connecting import connect_arguments
from masspayout.kernel import logs
from masspayout.kernel.roles import Role
from masspayout.service.access.secrets import SecretKind, new_secret

WHERE = st.sampled_from(["path", "query", "header", "body", "name", "key", "bearer", "cookie"])


async def ask(client: httpx.AsyncClient, where: str, secret: str) -> httpx.Response:
    """Put a secret where it does not belong, or where it does and is no good."""
    requests = {
        "path": ("GET", f"/assets/{secret}", {}, None),
        "query": ("GET", f"/distributions?cursor={secret}", {}, None),
        "header": ("GET", "/assets", {"X-Request-ID": secret}, None),
        "body": ("POST", "/assets/import", {}, {"token_id": secret}),
        "name": ("POST", "/tokens", {}, {"name": secret, "role": secret}),
        "key": ("POST", f"/assets/{uuid.uuid4()}/sync", {"Idempotency-Key": secret}, None),
        "bearer": ("GET", "/assets", {"Authorization": f"Bearer {secret}"}, None),
        "cookie": ("GET", "/assets", {"Authorization": "", "Cookie": f"masspayout_session={secret}"}, None),
    }
    method, path, headers, body = requests[where]
    return await client.request(method, path, headers=headers, json=body)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=WHERE, kind=st.sampled_from(SecretKind))
async def test_a_secret_that_is_sent_anywhere_gets_out_nowhere(
    service: Service, caplog: pytest.LogCaptureFixture, where: str, kind: SecretKind
) -> None:
    secret = new_secret(kind).text
    random_part = secret.split("_", 2)[2]
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        answer = await ask(service.client(Role.ADMIN), where, secret)
    assert answer.status_code < 500
    assert random_part not in answer.text
    formatter = logs._TextLines()
    lines = [formatter.format(record) for record in caplog.records if record.name.startswith(("masspayout", "uvicorn"))]
    assert not [line for line in lines if random_part in line]


async def test_no_good_secret_is_in_the_database(service: Service) -> None:
    admin = service.client(Role.ADMIN)
    made = (await admin.post("/tokens", json={"name": "x"}, headers={"Idempotency-Key": "once"})).json()["token"]
    with psycopg.connect(**connect_arguments(service.runtime.database.url)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        stored = "\n".join(
            str(row) for (table,) in tables for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()
        )
    for secret in (made, *service.tokens.values()):
        assert secret not in stored
        assert secret.split("_", 2)[2] not in stored
