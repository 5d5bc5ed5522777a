"""Alembic's environment: the code that it runs for every command, on the given connection and in its transaction."""

from typing import Any

from alembic import context

from masspayout.db.entities import Base


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave the job queue's tables out of comparisons: the entities do not describe them."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_name=_is_ours,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
