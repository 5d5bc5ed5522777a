"""Claims of a provider: the role and the names that they give a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from masspayout.kernel.roles import Role
from masspayout.settings import Settings

_NAME_CLAIMS = ("preferred_username", "email", "name", "sub")
# Entra leaves groups out of a token that would have too many, and puts this claim in their place.
_LEFT_OUT = "_claim_names"


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim, or a claim within a claim: ``realm_access.roles``; None if there is none.

    Points and slashes may also belong to a claim's own name, such as ``https://example.com/roles``.
    """
    if path in claims:
        return claims[path]
    for place, letter in enumerate(path):
        inner = claims.get(path[:place]) if letter == "." else None
        if isinstance(inner, Mapping) and (found := claim_at(inner, path[place + 1 :])) is not None:
            return found
    return None


def has_role_claim(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Return True if the claims say anything of a role, be it that there is none."""
    return claim_at(claims, settings.oidc_role_claim) is not None


def has_name(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Return True if the claims have a better name than the subject."""
    wanted = (settings.oidc_name_claim,) if settings.oidc_name_claim else _NAME_CLAIMS[:-1]
    return any(claim_at(claims, claim) for claim in wanted)


def are_groups_left_out(claims: Mapping[str, Any]) -> bool:
    """Return True if the provider left groups out because there were too many."""
    return _LEFT_OUT in claims


def role_of(settings: Settings, claims: Mapping[str, Any]) -> Role | None:
    """Return the greatest role that the claim names; None if it names none.

    An address that the provider has not verified names none: people may write any address into their profiles.
    """
    if settings.oidc_role_claim == "email" and claims.get("email_verified") is not True:
        return None
    named = claim_at(claims, settings.oidc_role_claim)
    # Some providers write roles as an object: its keys are the roles.
    values = list(named) if isinstance(named, list | Mapping) else [named]
    roles = {_compared(value): role for value, role in settings.roles_by_value.items()}
    found = [roles[_compared(value)] for value in values if isinstance(value, str) and _compared(value) in roles]
    return max(found, key=list(Role).index, default=None)


def names_of(settings: Settings, claims: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that the claims have for a person, the best first."""
    wanted = () if settings.oidc_name_claim is None else (settings.oidc_name_claim,)
    for claim in (*wanted, *_NAME_CLAIMS):
        value = claim_at(claims, claim)
        if isinstance(value, str) and value.strip():
            yield value


def _compared(value: str) -> str:
    """Return a value as it is compared: names of LDAP are the same in any case, with spaces or without."""
    if "=" not in value:
        return value
    return ",".join("=".join(part.strip() for part in each.split("=", 1)) for each in value.split(",")).casefold()
