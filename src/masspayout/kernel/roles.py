"""Roles, and what each may do: the one table that says so. Whatever it does not name is not allowed."""

from enum import StrEnum


class Permission(StrEnum):
    """Something that not everybody may do."""

    VIEW = "view"  # assets, distributions, holders, listeners, events, metrics
    MANAGE_ASSETS = "manage assets"  # import, sync, change
    PLAN = "plan distributions"  # create them, and cancel what has not begun
    PAY = "execute distributions"  # and retry them
    MANAGE_LISTENERS = "manage listeners"
    APPROVE = "approve distributions"
    VIEW_AUDIT = "view the audit trail"
    MANAGE_ACCESS = "manage users and tokens"
    MANAGE_WEBHOOKS = "manage webhooks"


class Role(StrEnum):
    """What a user or a token is there for. Each may do all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that this role may do."""
        return _PERMISSIONS[self]

    def may(self, permission: Permission) -> bool:
        """Whether this role may do something."""
        return permission in _PERMISSIONS[self]

    def covers(self, other: "Role") -> bool:
        """Whether this role may do all that another may."""
        return self.permissions >= other.permissions

    @staticmethod
    def least_with(permission: Permission) -> "Role":
        """Return the role that may do something and least besides."""
        return next(role for role in Role if role.may(permission))


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.MANAGE_ASSETS, Permission.PLAN, Permission.PAY, Permission.MANAGE_LISTENERS}
_APPROVER = _OPERATOR | {Permission.APPROVE, Permission.VIEW_AUDIT}
_ADMIN = _APPROVER | {Permission.MANAGE_ACCESS, Permission.MANAGE_WEBHOOKS}

_PERMISSIONS = {Role.VIEWER: _VIEWER, Role.OPERATOR: _OPERATOR, Role.APPROVER: _APPROVER, Role.ADMIN: _ADMIN}
