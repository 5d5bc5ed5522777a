"""Servers to measure on: an embedded PostgreSQL of its own, migrated as any other, that is gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from masspayout.db import embedded, migrations


@contextmanager
def temporary_server() -> Iterator[tuple[Path, URL]]:
    """Run a server, and yield its data directory and the address of the database in it."""
    with tempfile.TemporaryDirectory(prefix="masspayout-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o711)  # the server's own user passes through
        url = embedded.start(data_dir)
        try:
            migrations.upgrade(url)
            yield data_dir, url
        finally:
            embedded.leave(data_dir)
