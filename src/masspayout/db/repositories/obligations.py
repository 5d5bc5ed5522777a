"""Obligations are unique: the database refuses a second distribution for the same obligation."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from masspayout.kernel.errors import Conflict


@contextmanager
def refusing_second_obligation(refusal: Conflict) -> Iterator[None]:
    """Raise an error where the block, a whole unit of work, would write an obligation that exists already."""
    try:
        yield
    except IntegrityError as error:
        if "idx_distribution_obligation" not in str(error.orig):
            raise
        raise refusal from None
