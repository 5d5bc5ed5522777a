"""Checks of what protects the audit trail: the application's role, and the head that is kept elsewhere."""

import asyncio
import os
from pathlib import Path

from masspayout import audit
from masspayout.db import embedded, roles
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor.examination import Advice, Examination, Problem


async def application_only_adds_to_the_trail(examination: Examination) -> str:
    """The role that we connect as cannot change the audit trail, nor take away what guards it."""
    role = examination.url.username or ""
    async with examination.diagnosis.connection() as connection:
        powers = await connection.run_sync(roles.read_powers, role)
    if powers.reasons:
        raise Advice(
            f"The role {role} could change the audit trail without a trace: {'; '.join(powers.reasons)}.",
            "Have another role own the tables, as docs/postgresql.md says, name it in DATABASE_OWNER_USER, then: ",
            Action.UPGRADE_DATABASE,
            details=powers.reasons,
        )
    where = "; whoever may use DATA_DIR may also connect as the owner" if _is_embedded(examination) else ""
    return f"The role {role} adds to the audit trail and cannot change it{where}."


async def head_goes_out(examination: Examination) -> str:
    """The file for heads of the audit trail can be written, and its last head is in the trail."""
    path = examination.settings.audit_head_file
    if path is None:
        return "AUDIT_HEAD_FILE names no file: nothing outside of the database shows whether entries were cut off."
    if reason := await asyncio.to_thread(_reason_against, path):
        raise Problem(
            f"The head of the audit trail cannot be kept in {path}: {reason}.",
            "Let the workers' user write there, or name another file in AUDIT_HEAD_FILE; until then keep it by hand: ",
            Action.SHOW_AUDIT_HEAD,
        )
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        last = await audit.require_agreement(work, path)
    return f"{path} ends with {last.named}, which is in the trail." if last else f"{path} will be made by a worker."


def _is_embedded(examination: Examination) -> bool:
    return examination.settings.uses_embedded_database and examination.url.username == embedded.APPLICATION_ROLE


def _reason_against(path: Path) -> str | None:
    """Return why a file cannot be appended to, as part of a sentence. Nothing is created or changed."""
    if path.exists():
        if not path.is_file():
            return "it is no file"
        return None if os.access(path, os.R_OK | os.W_OK) else "it may not be read and written"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}"
    return None if os.access(path.parent, os.W_OK | os.X_OK) else f"nothing may be made in {path.parent}"
