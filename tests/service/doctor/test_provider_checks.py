"""The doctor's check of the OpenID Connect provider, on one that has every fault."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from lying_provider import LyingProvider, lying_provider
from masspayout.service.doctor import CHECKS, Result, Status
from masspayout.service.doctor.examination import Examination, run_checks
from masspayout.settings import Settings


@pytest.fixture
async def provider(settings: Settings) -> AsyncIterator[LyingProvider]:
    async with lying_provider(settings) as provider:
        yield provider


async def examine(settings: Settings, provider: LyingProvider, **more: Any) -> Result:
    """Run that check alone."""
    known: dict[str, Any] = {
        "oidc_issuer": provider.address,
        "oidc_client_id": "masspayout",
        "oidc_client_secret": SecretStr("secret"),
    }
    examination = Examination(settings.model_copy(update=known | more), 5000)
    (check,) = [check for check in CHECKS if check.name == "OpenID Connect"]
    (result,) = await run_checks([check], examination, 30)
    if result.status is Status.PROBLEM:
        assert "masspayout doctor" in result.hint
    return result


async def test_a_provider_that_works(settings: Settings, provider: LyingProvider) -> None:
    result = await examine(settings, provider)
    assert result.status is Status.OK
    assert result.message == (
        f"{provider.address} answers with 1 key(s), takes the client masspayout, and has to know "
        "http://127.0.0.1:8000/sign-in/oidc/callback."
    )
    result = await examine(settings, provider, public_url="https://payouts.example.com", http_host="0.0.0.0")
    assert "https://payouts.example.com/sign-in/oidc/callback" in result.message


async def test_no_provider_is_no_problem(settings: Settings, provider: LyingProvider) -> None:
    result = await examine(settings, provider, oidc_issuer=None)
    assert (result.status, result.message) == (Status.OK, "No provider is set.")


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"expected_secret": "another"}, "does not accept this service as its client"),
        ({"described": {"issuer": "https://other.example.com"}}, "it calls itself 'https://other.example.com'"),
        ({"described": {"jwks_uri": None}}, "its description has no jwks_uri"),
        ({"described": {"code_challenge_methods_supported": ["plain"]}}, "does not know PKCE with S256"),
        ({"published": [{"kty": "none"}]}, "has no key that can be used"),
        ({"published": "x"}, "has no keys in it"),
        ({"token_error": (500, {})}, "its token endpoint answers 500"),
        ({"token_error": (401, {})}, "does not accept this service"),
    ],
)
async def test_each_fault_is_named(
    settings: Settings, provider: LyingProvider, faults: dict[str, Any], words: str
) -> None:
    for name, value in faults.items():
        setattr(provider, name, value)
    result = await examine(settings, provider)
    assert result.status is Status.PROBLEM
    assert words in result.message


async def test_a_provider_that_is_away(settings: Settings, provider: LyingProvider) -> None:
    result = await examine(settings, provider, oidc_issuer="http://127.0.0.1:1")
    assert result.status is Status.PROBLEM
    assert "cannot be used: All connection attempts failed" in result.message


async def test_an_address_that_nobody_could_come_back_to(settings: Settings, provider: LyingProvider) -> None:
    result = await examine(settings, provider, http_host="0.0.0.0")
    assert "does not know the address that people reach it at" in result.message
    assert "PUBLIC_URL" in result.hint


async def test_a_private_ca_is_named_and_trusted_when_the_settings_say_so(
    settings: Settings, provider: LyingProvider, tmp_path: Path
) -> None:
    certificate, key = _certificate(tmp_path)
    async with _behind_tls(provider, certificate, key):
        result = await examine(settings, provider)
        assert result.status is Status.PROBLEM
        assert "its certificate cannot be verified (self-signed certificate)" in result.message
        assert "OIDC_CA_FILE" in result.hint
        assert (await examine(settings, provider, oidc_ca_file=certificate)).status is Status.OK


def _certificate(directory: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    assert openssl is not None
    certificate, key = directory / "ca.pem", directory / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@asynccontextmanager
async def _behind_tls(provider: LyingProvider, certificate: Path, key: Path) -> AsyncIterator[None]:
    """Have the provider answer by TLS as well, and call itself so."""
    target_port = urlsplit(provider.address).port
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", target_port)
        with suppress(OSError):
            await asyncio.gather(_copy(reader, target_writer), _copy(target_reader, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    provider.address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()
