"""The check of the OpenID Connect provider: whether people could sign in through it."""

from typing import TYPE_CHECKING

from masspayout.kernel.deferred import deferred
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor.examination import Examination, Problem
from masspayout.settings import Settings
from masspayout.settings.oidc import is_loopback

if TYPE_CHECKING:
    from masspayout.service.access import oidc
else:
    # It takes long to load, and most installations have no provider.
    oidc = deferred("masspayout.service.access.oidc")

_CALLBACK = "/sign-in/oidc/callback"
_THEN = "Then: "


async def provider_lets_people_in(examination: Examination) -> str:
    """The provider describes itself, publishes keys, and takes our client id and secret."""
    settings = examination.settings
    if settings.oidc_issuer is None:
        return "No provider is set."
    connection = oidc.Connection(settings)
    try:
        description = await connection.describe()
        keys = await connection.keys()
        await _require_client(connection, _address(settings))
    except Problem:
        raise
    except MassPayoutError as error:
        raise Problem(error.message, error.next_step, " ", _THEN, Action.EXAMINE) from None
    methods = description.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise Problem(
            f"The provider {settings.oidc_issuer} does not know PKCE with S256.",
            "Use another one. ",
            _THEN,
            Action.EXAMINE,
        )
    return (
        f"{settings.oidc_issuer} answers with {len(keys)} key(s), takes the client {settings.oidc_client_id}, and has "
        f"to know {_address(settings)}."
    )


async def _require_client(connection: "oidc.Connection", redirect_address: str) -> None:
    """Ask for tokens with a code that cannot be right: the answer shows whether the client is."""
    try:
        await connection.exchange("masspayout-doctor", "masspayout-doctor" * 3, redirect_address)
    except oidc.ProviderRefused as error:
        if error.is_about_client:
            raise Problem(error.message, error.next_step, " ", _THEN, Action.EXAMINE) from None


def _address(settings: Settings) -> str:
    """Return the address that the provider sends browsers to.

    Raises:
        Problem: Nobody but a browser on this machine could come back.
    """
    if settings.public_url is not None:
        return settings.public_url + _CALLBACK
    if not is_loopback(settings.http_host):
        raise Problem(
            f"The service listens on {settings.http_host} and does not know the address that people reach it at, so "
            "the provider could send nobody back.",
            "Set PUBLIC_URL, such as https://payouts.example.com. ",
            _THEN,
            Action.EXAMINE,
        )
    return f"http://{settings.http_host}:{settings.http_port}{_CALLBACK}"
