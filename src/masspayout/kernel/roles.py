"""Roles and their permissions: the one table of both. Anything that a role's row does not name is forbidden."""

from enum import StrEnum


class Permission(StrEnum):
    """A permission that not every role has."""

    VIEW = "viewing"  # assets, distributions, holders, listeners, events, metrics
    MANAGE_ASSETS = "managing assets"  # import, sync, change
    PLAN = "creating payouts"  # create them, and cancel what has not begun
    PAY = "executing payouts"  # and retry them
    MANAGE_LISTENERS = "managing listeners"
    APPROVE = "approving payouts"
    VIEW_AUDIT = "viewing the audit trail"
    MANAGE_POLICY = "changing the policy"  # or proposing to, where another person has to approve
    MANAGE_ACCESS = "managing users and tokens"
    MANAGE_WEBHOOKS = "managing webhooks"


class Role(StrEnum):
    """The role of a user or a token. Each may do all that the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions of this role."""
        return _PERMISSIONS[self]

    def may(self, permission: Permission) -> bool:
        """Return True if this role has a permission."""
        return permission in _PERMISSIONS[self]

    def covers(self, other: "Role") -> bool:
        """Return True if this role has all permissions of another."""
        return self.permissions >= other.permissions

    @staticmethod
    def least_with(permission: Permission) -> "Role":
        """Return the role that has a permission and the fewest others."""
        return next(role for role in Role if role.may(permission))


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.MANAGE_ASSETS, Permission.PLAN, Permission.PAY, Permission.MANAGE_LISTENERS}
_APPROVER = _OPERATOR | {Permission.APPROVE, Permission.VIEW_AUDIT}
_ADMIN = _APPROVER | {Permission.MANAGE_POLICY, Permission.MANAGE_ACCESS, Permission.MANAGE_WEBHOOKS}

_PERMISSIONS = {Role.VIEWER: _VIEWER, Role.OPERATOR: _OPERATOR, Role.APPROVER: _APPROVER, Role.ADMIN: _ADMIN}
