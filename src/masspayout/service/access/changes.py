"""Changes of access: done at once where the policy is open, and proposed where it is guarded.

Nobody makes an identity alone in a guarded installation. A proposed identity is there already, but of no use: a
user is disabled, a token and a link have expired. The approval of another person makes it good; a refusal leaves it.
"""

import uuid
from datetime import UTC, datetime, timedelta

from masspayout import audit
from masspayout.controls import ProposalKind, is_guarded, proposals
from masspayout.db.entities import ApiToken, LoginLink, Proposal, User
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.roles import Role
from masspayout.service.access import sessions, tokens, users
from masspayout.service.access.passwords import hash_password

USER, ROLE, PASSWORD, TOKEN, LINK = "user", "role", "password", "token", "link"
NAME, PROVIDER = "name", "provider"


async def add_user(work: UnitOfWork, name: str, *, role: Role, password: str | None = None) -> User:
    """Add a user, as ``users.add_user`` does. Where the policy is guarded, the user is disabled until it is approved.

    The first user of all needs nobody else.

    Raises:
        Invalid: The name or the password cannot be one.
        Conflict: The name is taken.
    """
    is_first = not await work.users.find_in_order()
    user = await users.add_user(work, name, role=role, password=password)
    if is_first or not await is_guarded(work):
        return user
    user.disabled = True
    await work.users.save(user)
    await proposals.make(work, USER, user.name, before={"disabled": True}, after={"disabled": False, "role": role})
    return user


async def set_disabled(work: UnitOfWork, user: User, *, disabled: bool) -> Proposal | None:
    """Disable a user at once, or enable the user again. Return the proposal where another person has to approve."""
    if disabled or not user.disabled or not await is_guarded(work):
        await users.set_disabled(work, user, disabled=disabled)
        return None
    after = {"disabled": False, "role": user.role}
    return await proposals.make(work, USER, user.name, before={"disabled": True}, after=after)


async def set_role(work: UnitOfWork, user: User, role: Role) -> Proposal | None:
    """Change a user's role. Return the proposal where another person has to approve."""
    if role is user.role or not await is_guarded(work):
        await users.set_role(work, user, role)
        return None
    return await proposals.make(work, ROLE, user.name, before={"role": user.role}, after={"role": role})


async def set_password(work: UnitOfWork, user: User, password: str) -> Proposal | None:
    """Change a user's password. Return the proposal where another person has to approve.

    Raises:
        Invalid: The password is too easy to guess.
    """
    if not await is_guarded(work):
        await users.set_password(work, user, password)
        return None
    password_hash = await hash_password(password, user_name=user.name)
    after = {"password": "another one", "password_hash": password_hash}
    return await proposals.make(work, PASSWORD, user.name, before=None, after=after)


async def create_token(
    work: UnitOfWork,
    name: str,
    *,
    role: Role,
    expires_in: timedelta | None = None,
    owner_id: uuid.UUID | None = None,
    token_id: uuid.UUID | None = None,
) -> tuple[ApiToken, str]:
    """Create a token, as ``tokens.create_token`` does. Where the policy is guarded, it has expired until approved.

    Raises:
        Invalid: The name, the life or the role cannot be one.
    """
    token, text = await tokens.create_token(
        work, name, role=role, expires_in=expires_in, owner_id=owner_id, token_id=token_id
    )
    if await is_guarded(work):
        token.expires_at = datetime.now(UTC)
        await work.api_tokens.save(token)
        life_seconds = None if expires_in is None else int(expires_in.total_seconds())
        after = {"name": token.name, "prefix": token.prefix, "role": role, "life_seconds": life_seconds}
        owner = None if owner_id is None else (await work.users.get(owner_id)).name
        await proposals.make(work, TOKEN, str(token.id), before=None, after=after | {"owner": owner})
    return token, text


async def make_login_link(work: UnitOfWork, user: User) -> tuple[str, Proposal | None]:
    """Return the secret of a new login link, with the proposal where another person has to approve before it works."""
    link, secret = await sessions.make_link(work, user)
    if not await is_guarded(work):
        return secret, None
    link.expires_at = datetime.now(UTC)
    await work.login_links.save(link)
    after = {"user": user.name, "role": user.role}
    return secret, await proposals.make(work, LINK, str(link.id), before=None, after=after)


async def rename(work: UnitOfWork, user: User, name: str) -> Proposal | None:
    """Give a user another name, by which groups of the policy know them. Return the proposal, as ``set_role`` does.

    Raises:
        Invalid: The name cannot be one.
        Conflict: The name is taken.
    """
    name = users.person_name(name)
    if name == user.name or not await is_guarded(work):
        await users.rename(work, user, name)
        return None
    return await proposals.make(work, NAME, user.name, before={"name": user.name}, after={"name": name})


async def connect(work: UnitOfWork, user: User, issuer: str, subject: str) -> tuple[User | None, Proposal | None]:
    """Have a provider's subject sign in as a user, as ``users.connect`` does.

    Return the user as whom the subject signed in so far, and the proposal where another person has to approve.

    Raises:
        Invalid: Issuer or subject is missing.
        Conflict: The user signs in as this subject already.
    """
    users.require_connectable(user, issuer, subject)
    if not await is_guarded(work):
        return await users.connect(work, user, issuer, subject), None
    before = {"issuer": user.oidc_issuer, "subject": user.oidc_subject}
    after = {"issuer": issuer, "subject": subject}
    return None, await proposals.make(work, PROVIDER, user.name, before=before, after=after)


async def _enable(work: UnitOfWork, proposal: Proposal) -> None:
    await users.set_disabled(work, await users.find_user(work, proposal.subject), disabled=False)


async def _give_role(work: UnitOfWork, proposal: Proposal) -> None:
    await users.set_role(work, await users.find_user(work, proposal.subject), Role(proposal.after["role"]))


async def _give_name(work: UnitOfWork, proposal: Proposal) -> None:
    await users.rename(work, await users.find_user(work, proposal.subject), proposal.after["name"])


async def _connect(work: UnitOfWork, proposal: Proposal) -> None:
    user = await users.find_user(work, proposal.subject)
    await users.connect(work, user, proposal.after["issuer"], proposal.after["subject"])


async def _give_password(work: UnitOfWork, proposal: Proposal) -> None:
    await users.put_password_hash(work, await users.find_user(work, proposal.subject), proposal.after["password_hash"])


async def _release_token(work: UnitOfWork, proposal: Proposal) -> None:
    token: ApiToken = await work.api_tokens.get(uuid.UUID(proposal.subject))
    life_seconds = proposal.after["life_seconds"]
    token.expires_at = None if life_seconds is None else datetime.now(UTC) + timedelta(seconds=life_seconds)
    await work.api_tokens.save(token)
    audit.record(work, "token.released", token.id, after={"name": token.name, "expires_at": token.expires_at})


async def _release_link(work: UnitOfWork, proposal: Proposal) -> None:
    link: LoginLink = await work.login_links.get(uuid.UUID(proposal.subject))
    link.expires_at = datetime.now(UTC) + sessions.LINK_LIFE
    await work.login_links.save(link)


KINDS = (
    ProposalKind(USER, _enable),
    ProposalKind(ROLE, _give_role),
    ProposalKind(NAME, _give_name),
    ProposalKind(PROVIDER, _connect),
    ProposalKind(PASSWORD, _give_password),
    ProposalKind(TOKEN, _release_token),
    ProposalKind(LINK, _release_link),
)
