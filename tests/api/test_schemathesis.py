"""The whole OpenAPI document, as each role: nothing undocumented, no 5xx, nobody where their role does not let them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import URL

from databases import fresh_database
from http_process import service_process, settings_of
from masspayout.api import api_document
from masspayout.db.session import Database
from masspayout.kernel.roles import Permission, Role
from masspayout.service import access
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

CONFIG = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})
schema = schemathesis.openapi.from_dict(api_document(), config=CONFIG)
DOCUMENTED = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def service_and_tokens(
    embedded_server: URL, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[Role, str]]]:
    directory: Path = tmp_path_factory.mktemp("service")
    with fresh_database(embedded_server, template=migrated_template) as url:
        tokens = asyncio.run(_prepare(url))
        env = settings_of(url, directory, RATE_LIMIT_PER_MINUTE="1000000")
        with service_process("serve", directory, env) as service:
            yield service.address, tokens
            assert service.stop() == 0


async def _prepare(url: URL) -> dict[Role, str]:
    """A world to ask about, and a token for each role."""
    database = Database(url)
    runtime = make_runtime(database, Settings(_env_file=None))  # type: ignore[call-arg]
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    await world.plan()
    tokens = {}
    async with database.unit_of_work() as session:
        for role in Role:
            user = await access.add_user(session, f"the-{role}", role=role)
            _, tokens[role] = await access.create_token(session, role, role=role, owner_id=user.id)
    await runtime.ledger.close()
    await database.close()
    return tokens


@schema.parametrize()
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation(case: Any, service_and_tokens: tuple[str, dict[Role, str]]) -> None:
    address, tokens = service_and_tokens
    for role in Role:
        check(case, address, role, tokens[role])


def check(case: Any, address: str, role: Role, token: str) -> None:
    response = case.call(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120)
    checks = DOCUMENTED if case.path.endswith("/ready") else [not_a_server_error, *DOCUMENTED]
    case.validate_response(response, checks=checks)
    permission = case.operation.definition.raw.get("x-permission")
    if permission is not None and not role.may(Permission(permission)):
        # It also tries methods that a path does not have.
        assert response.status_code in (403, 405)
