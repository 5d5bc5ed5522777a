"""Authentication: users, API tokens, sessions of browsers, login links, OpenID Connect.

Each of them leads to an ``Identity`` with a role; ``masspayout.kernel.roles`` has the permissions of each role. Secrets
are shown once, when they are created; the database keeps digests.
"""

from masspayout.service.access.cookies import SESSION_COOKIE, session_cookie
from masspayout.service.access.identities import Identity
from masspayout.service.access.sessions import find_session, log_in, log_in_by_link, log_out, make_login_link
from masspayout.service.access.tokens import authenticate_token, create_token, find_token, revoke_token
from masspayout.service.access.users import (
    add_user,
    can_anybody_come_in,
    find_user,
    local_admin,
    set_disabled,
    set_password,
    set_role,
)

__all__ = [
    "SESSION_COOKIE",
    "Identity",
    "add_user",
    "authenticate_token",
    "can_anybody_come_in",
    "create_token",
    "find_session",
    "find_token",
    "find_user",
    "local_admin",
    "log_in",
    "log_in_by_link",
    "log_out",
    "make_login_link",
    "revoke_token",
    "session_cookie",
    "set_disabled",
    "set_password",
    "set_role",
]
