"""OpenID Connect: users log in at a provider, which proves their identity and names their role in a claim.

    connections   the provider's own description, its keys, and the tokens that it gives
    tokens        the tests that a token of the provider has to pass
    claims        what the claims mean: a role, names
    people        the user of a subject: added at the first login, with the role that the provider names now
    logins        the authorization code flow with PKCE, and logouts
    confirmations sessions are confirmed by the provider again and again, or end

The browser keeps the values that must come back unchanged (state, nonce, verifier), so that any process can finish a
login that another began.
"""

from masspayout.service.access.oidc.confirmations import Confirmations
from masspayout.service.access.oidc.connections import Connection, ProviderRefused, ProviderUnavailable
from masspayout.service.access.oidc.logins import OpenIdProvider, begun_cookie, callback_address

__all__ = [
    "Confirmations",
    "Connection",
    "OpenIdProvider",
    "ProviderRefused",
    "ProviderUnavailable",
    "begun_cookie",
    "callback_address",
]
