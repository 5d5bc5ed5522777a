"""API tokens: the credentials of programs."""

import uuid
from datetime import UTC, datetime, timedelta

from masspayout import audit
from masspayout.db.entities import ApiToken, User
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, Invalid, NotAuthenticated
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Role
from masspayout.service.access.identities import Identity
from masspayout.service.access.secrets import SecretKind, matches, new_secret, prefix_of

_LONGEST_NAME = 100
_LONGEST_LIFE = timedelta(days=3660)
# The precision of a token's last use: a write for every request would cost more than it tells.
_LAST_USED_PRECISION = timedelta(minutes=1)


async def create_token(
    work: UnitOfWork,
    name: str,
    *,
    role: Role,
    expires_in: timedelta | None = None,
    owner_id: uuid.UUID | None = None,
    token_id: uuid.UUID | None = None,
) -> tuple[ApiToken, str]:
    """Create a token. Return the row, and the text, which nobody can see ever again.

    Args:
        work: The caller's transaction.
        name: The name that people use.
        role: The role, which has the permissions.
        expires_in: The token's life; None: until it is revoked.
        owner_id: The user of the token: when the user is disabled, the token is refused too.
        token_id: The id of the token, if it is decided already.

    Raises:
        Invalid: The name is missing or too long, the life is not positive or above ten years, or the role is above its
            owner's; without an owner, a token only reads.
    """
    name = name.strip()
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise Invalid(f"{name!r} is no name for a token.", f"Name it in up to {_LONGEST_NAME} characters.")
    if expires_in is not None and not timedelta(0) < expires_in <= _LONGEST_LIFE:
        raise Invalid(f"A token cannot expire in {expires_in}.", "Choose up to ten years, such as 90d.")
    await _require_owner_above(work, role, owner_id)
    secret = new_secret(SecretKind.TOKEN)
    token = ApiToken(
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        role=role,
        owner_id=owner_id,
        expires_at=None if expires_in is None else datetime.now(UTC) + expires_in,
    )
    if token_id is not None:
        token.id = token_id
    await work.api_tokens.save(token)
    names = ("name", "prefix", "role", "owner_id", "expires_at")
    audit.record(work, "token.created", token.id, after={name: getattr(token, name) for name in names})
    return token, secret.text


async def _require_approved(database: Database, token: ApiToken) -> None:
    """Refuse a token that another person has still to approve."""
    async with database.unit_of_work() as work:
        proposal = await work.proposals.find_open("token", str(token.id))
    if proposal is not None:
        raise NotAuthenticated(
            "This API token works once another person approves it.",
            "Have somebody approve it: ",
            Action.APPROVE_PROPOSAL.on(proposal.id),
        )


async def _require_owner_above(work: UnitOfWork, role: Role, owner_id: uuid.UUID | None) -> None:
    """Refuse a token that could do more than the person who answers for it."""
    owner = None if owner_id is None else await work.users.get(owner_id)
    if owner is None and role is not Role.VIEWER:
        raise Invalid(
            f"A token without an owner only reads, and cannot have the role {role}.",
            "Name the user it belongs to: ",
            Action.CREATE_TOKEN_OF,
        )
    if owner is not None and not owner.role.covers(role):
        raise Invalid(
            f"{owner.name} has the role {owner.role}, and a token of {owner.name} cannot have the role {role}.",
            f"Choose the role {owner.role} or less.",
        )


async def find_token(work: UnitOfWork, reference: str) -> ApiToken:
    """Return a token by its id, by the prefix of its text, by the beginning of either, or by ``latest``.

    Raises:
        Invalid: Several tokens fit.
        NotFound: There is no such token.
    """
    return await work.api_tokens.get_by_reference(reference)


async def revoke_token(work: UnitOfWork, token: ApiToken) -> None:
    """Revoke a token for ever.

    Raises:
        Conflict: The token was revoked before.
    """
    if not await work.api_tokens.revoke(token.id, datetime.now(UTC)):
        raise Conflict(f"The token {token.name!r} is revoked already.", "Create a new one if you need one.")
    audit.record(work, "token.revoked", token.id, before={"name": token.name, "prefix": token.prefix})


async def authenticate_token(database: Database, text: str, *, confirmed_for: timedelta = _LONGEST_LIFE) -> Identity:
    """Return the identity of a token.

    Args:
        database: The database of the tokens.
        text: The token.
        confirmed_for: How long it counts that an OpenID Connect provider confirmed the token's user.

    Raises:
        NotAuthenticated: The text is no token, or the token is revoked or has expired; or its user is disabled, has no
            role at the provider any more, or has not been confirmed by it for too long.
    """
    prefix = prefix_of(text, SecretKind.TOKEN)
    if prefix is None:
        raise NotAuthenticated("This is not an API token.", "Send one as Authorization: Bearer mpt_….")
    async with database.single_statement() as work:
        token = await work.api_tokens.find_by_prefix(prefix)
    if token is None or not matches(text, token.digest):
        raise NotAuthenticated("There is no such API token.", "Check it, or have an admin create a new one.")
    now = datetime.now(UTC)
    if token.revoked_at is not None:
        raise NotAuthenticated("This API token was revoked.", "Have an admin create a new one.")
    if token.expires_at is not None and token.expires_at <= now:
        await _require_approved(database, token)
        raise NotAuthenticated("This API token has expired.", "Have an admin create a new one.")
    if token.owner is not None:
        _require_present(token.owner, now, confirmed_for)
    if token.last_used_at is None or now - token.last_used_at >= _LAST_USED_PRECISION:
        async with database.single_statement() as work:
            await work.api_tokens.note_use(token.id, now)
    return Identity.of_token(token)


def _require_present(owner: User, now: datetime, confirmed_for: timedelta) -> None:
    """Refuse the token of a user who left."""
    if owner.disabled:
        raise NotAuthenticated("The user whom this API token belongs to is disabled.", "Ask an admin.")
    if owner.role_withdrawn_at is not None:
        raise NotAuthenticated(
            "The user whom this API token belongs to has no role at the provider any more.", "Ask an admin."
        )
    if owner.oidc_subject is None or owner.confirmed_at is None:
        return
    if owner.confirmed_at + confirmed_for <= now:
        raise NotAuthenticated(
            f"The provider last confirmed {owner.name!r}, whom this API token belongs to, at "
            f"{owner.confirmed_at:%Y-%m-%d %H:%M} UTC.",
            "The user has to sign in through the provider; OIDC_TOKEN_DAYS says how often.",
        )
