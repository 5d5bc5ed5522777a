"""Reports of the doctor in tests: of a database by its address, with what holds of each of them."""

from sqlalchemy import URL

from commands import commands, mentions
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import CHECKS, Result, Status
from masspayout.settings import Settings


def settings_of(url: URL, password: str = "") -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_host=str(url.query.get("host", url.host)),
        database_port=int(str(url.query.get("port", url.port))),
        database_user=url.username or "",
        database_password=password,  # type: ignore[arg-type]
        database_name=url.database or "",
    )


async def examine(url: URL, **arguments: float) -> dict[str, Result]:
    return by_name(await doctor.examine(settings_of(url), opening(), **arguments))  # type: ignore[arg-type]


def by_name(results: list[Result]) -> dict[str, Result]:
    """Check what holds of every report: all checks in order, and a known command in the hint of each problem.

    Where the address is the owner's, the check of the roles warns.
    """
    assert [result.name for result in results] == [check.name for check in CHECKS]
    for result in results:
        assert "\n" not in result.message
        if result.status in (Status.PROBLEM, Status.WARNING):
            named = [name for name, _ in mentions(result.hint)]
            assert named, result
            assert set(named) <= commands().keys(), result
        else:
            assert (result.hint, result.details) == ("", ()), result
    return {result.name: result for result in results}


def the_problem(results: dict[str, Result], name: str) -> Result:
    """Return the one problem, which must be that of this name; what comes before it is fine."""
    assert [result.name for result in results.values() if result.status is Status.PROBLEM] == [name]
    return results[name]


def all_is_well(results: dict[str, Result]) -> bool:
    return {result.status for result in results.values()} <= {Status.OK, Status.WARNING}
