"""Authentication: users, API tokens, sessions of browsers, login links, OpenID Connect.

Each of them leads to an ``Identity`` with a role; ``masspayout.kernel.roles`` has the permissions of each role. Secrets
are shown once, when they are created; the database keeps digests.
"""

from masspayout.controls import is_guarded
from masspayout.service.access.changes import (
    KINDS,
    add_user,
    connect,
    create_token,
    make_login_link,
    rename,
    set_disabled,
    set_password,
    set_role,
)
from masspayout.service.access.cookies import SESSION_COOKIE, local_path, session_cookie
from masspayout.service.access.identities import Identity
from masspayout.service.access.sessions import (
    authenticate_person,
    find_session,
    has_to_be_confirmed,
    log_in,
    log_in_by_link,
    log_out,
    log_out_of_provider,
    make_link,
)
from masspayout.service.access.tokens import authenticate_token, find_token, revoke_token
from masspayout.service.access.users import can_anybody_come_in, find_user, local_admin

__all__ = [
    "KINDS",
    "SESSION_COOKIE",
    "Identity",
    "add_user",
    "authenticate_person",
    "authenticate_token",
    "can_anybody_come_in",
    "connect",
    "create_token",
    "find_session",
    "find_token",
    "find_user",
    "has_to_be_confirmed",
    "is_guarded",
    "local_admin",
    "local_path",
    "log_in",
    "log_in_by_link",
    "log_out",
    "log_out_of_provider",
    "make_link",
    "make_login_link",
    "rename",
    "revoke_token",
    "session_cookie",
    "set_disabled",
    "set_password",
    "set_role",
]
