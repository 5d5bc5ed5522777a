"""The check of the replication: the commits that a failover of the database's server can lose."""

from masspayout.kernel.next_steps import Action
from masspayout.service.doctor.examination import Examination, Problem


async def commits_are_as_safe_as_asked(examination: Examination) -> str:
    """A commit waits for a standby where the settings ask for that, and for no standby that is away."""
    found = await examination.diagnosis.replication()
    standbys = "1 standby follows" if found.standbys == 1 else f"{found.standbys:,} standbys follow"
    if found.is_synchronous:
        if not found.standbys:
            raise Problem(
                f"Commits wait for a standby (synchronous_standby_names is {found.standby_names!r}), and none follows: "
                "whatever writes waits.",
                "Start the standby, or take its name out of synchronous_standby_names, then: ",
                Action.EXAMINE,
            )
        return f"Commits wait for a standby, and {standbys}: a failover to one that was waited for loses none."
    if examination.settings.require_synchronous:
        raise Problem(
            f"REQUIRE_SYNCHRONOUS=true, and commits do not wait for a standby: synchronous_standby_names is "
            f"{found.standby_names!r}, synchronous_commit is {found.commit}. Nothing is signed.",
            "Set synchronous_standby_names on the server and synchronous_commit to on, or unset REQUIRE_SYNCHRONOUS, "
            "then: ",
            Action.EXAMINE,
        )
    if found.standbys:
        return (
            f"{standbys[0].upper()}{standbys[1:]}, and commits do not wait: a failover can lose those of the last "
            "moments, which the payers' statements find again."
        )
    return "No standby follows; a restore loses what was committed since the backup, which the payers' statements find."
