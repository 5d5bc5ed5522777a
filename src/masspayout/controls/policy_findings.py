"""Findings about the policy: people who are missing to meet it, and an environment that differs from it."""

import logging
from dataclasses import dataclass

from masspayout.controls import policies
from masspayout.controls.policy_changes import missing_people
from masspayout.controls.policy_content import PolicyContent, read_content
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyFindings:
    """The findings about the policy, as a process sees it.

    Attributes:
        number: The number of the newest version in force; None without any.
        content: The policy of the installation.
        missing: The people who are missing, in words; empty when the policy can be met.
        difference: A sentence on what the environment of this process asks for besides; empty when nothing.
    """

    number: int | None
    content: PolicyContent
    missing: str
    difference: str


async def find(work: UnitOfWork, settings: Settings) -> PolicyFindings:
    """Return the findings about the policy."""
    versions = await work.policies.all_in_force()
    contents = [read_content(version.content) for version in versions]
    installation = next(
        (content for content, version in zip(contents, versions, strict=True) if version.asset_id is None),
        PolicyContent(),
    )
    environment, users = policies.of_settings(settings), await work.users.find_in_order()
    missing = (missing_people(content, users) for content in [*contents, environment])
    number = max((version.number for version in versions), default=None)
    return PolicyFindings(
        number=number,
        content=installation,
        missing=next((sentence for sentence in missing if sentence), ""),
        difference=_difference(environment, installation, number),
    )


async def announce(database: Database, settings: Settings) -> None:
    """Log at the start of a process what somebody has to know about the policy."""
    async with database.unit_of_work() as work:
        findings = await find(work, settings)
    if findings.missing:
        _log.warning("nobody can meet the policy, so what needs approvals cannot start: %s", findings.missing)
    if findings.difference:
        _log.warning("%s", findings.difference)


def _difference(environment: PolicyContent, installation: PolicyContent, number: int | None) -> str:
    if environment in (PolicyContent(), installation):
        return ""
    asked = " ".join(environment.sentences)
    in_force = "no policy" if number is None else f"the policy (version {number})"
    return f"APPROVALS_* and LIMIT_* of this process differ from {in_force}; here the stricter holds. They say: {asked}"
