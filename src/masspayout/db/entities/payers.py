"""Payers and their statements: every debit that the ledger shows, matched with our attempts."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf


class EntryAnswer(StrEnum):
    """The explanation of a payer's debit that is not one of our attempts."""

    LOST_PAYOUT = "LOST_PAYOUT"  # a payout that the database lost; a person said so
    OTHER_INSTALLATION = "OTHER_INSTALLATION"  # another installation pays from the account; a person said so
    NO_PAYOUT = "NO_PAYOUT"  # a withdrawal, a transfer; a person said so, or had us make it
    EARLIER = "EARLIER"  # older than our first payment from the account, and without the mark of a payout


class Installation(Base):
    """This database as an installation that pays: a single row.

    Attributes:
        code: Six characters in the mark of every payment, which tell the payments of two installations apart.
        identity: ``masspayout_identity()`` of when the code was drawn. A database that has another identity now was
            restored, copied or failed over.
        secured_for: The identity for which sessions were ended and schedules held after a restore.
    """

    __tablename__ = "installation"
    __table_args__ = (
        Index("idx_installation_only", text("(true)"), unique=True),
        CheckConstraint("code ~ '^[A-Za-z0-9_-]{6}$'", name="installation_code_check"),
    )

    code: Mapped[str]
    identity: Mapped[str]
    secured_for: Mapped[str | None]


class Payer(Base):
    """An account that payouts were paid from, and the cursor of its statement.

    Attributes:
        ledger: The identity of its ledger.
        account: Its account id.
        installation: The code of the installation that signs for it.
        beginning: The position of the ledger from which its statement is read, where a person set it; None for its
            first transaction.
        cursor: The position of the ledger up to which its statement is read; None before the first page.
        read_until: The ledger's time at that position.
        read_at: The time when the statement was last read to its end.
        identity: The database's identity when the payer was last cleared, or when its installation began.
        doubt_since: The ledger's time since which the database may have lost payments; None without doubt.
        doubt_reason: The reason for the doubt, as a sentence.
        read_required_until: The ledger's time up to which the statement must be read before anything is signed.
        watched_since: The ledger's time since which our processes have watched the statement. A later entry without a
            match was paid by somebody else.
        cleared_for: The identity and the server's start time under which transactions of the payer may be signed.
            None stops the payer.
    """

    __tablename__ = "payer"
    __table_args__ = (UniqueConstraint("ledger", "account", name="idx_payer_account"),)

    ledger: Mapped[str]
    account: Mapped[str]
    installation: Mapped[str]
    beginning: Mapped[int | None] = mapped_column(BigInteger)
    cursor: Mapped[int | None] = mapped_column(BigInteger)
    read_until: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    identity: Mapped[str]
    doubt_since: Mapped[datetime | None]
    doubt_reason: Mapped[str | None] = mapped_column(Text)
    read_required_until: Mapped[datetime | None]
    watched_since: Mapped[datetime | None]
    cleared_for: Mapped[str | None]

    @property
    def is_being_read(self) -> bool:
        """True while unexplained debits may still be found to be payments of a payout."""
        required = self.read_required_until
        return required is not None and (self.read_until is None or self.read_until < required)


class PayerEntry(Base):
    """One debit of a payer: a transaction that moved a token away from it, as the ledger shows it.

    ``accounts`` received ``units``, in smallest units. An entry is matched with ``attempt_id``, or has an ``answer``,
    or else stops its payer. Where two people have to answer, the first one's is ``proposed_answer``.
    """

    __tablename__ = "payer_entry"
    __table_args__ = (
        UniqueConstraint("payer_id", "transaction_id", "token_id", name="idx_payer_entry_transaction"),
        Index("idx_payer_entry_attempt", "attempt_id"),
        Index(
            "idx_payer_entry_unmatched",
            "payer_id",
            "position",
            postgresql_where=text("attempt_id IS NULL AND answer IS NULL"),
        ),
        one_of("answer", EntryAnswer, "payer_entry"),
        one_of("proposed_answer", EntryAnswer, "payer_entry"),
    )

    payer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payer.id"))
    position: Mapped[int] = mapped_column(BigInteger)
    transaction_id: Mapped[str]
    token_id: Mapped[str]
    accounts: Mapped[list[str]] = mapped_column(ARRAY(String))
    units: Mapped[list[Decimal]] = mapped_column(ARRAY(Numeric))
    mark: Mapped[str | None]
    number: Mapped[int | None] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    answer: Mapped[EntryAnswer | None] = mapped_column(OneOf(EntryAnswer))
    reason: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None]
    proposed_answer: Mapped[EntryAnswer | None] = mapped_column(OneOf(EntryAnswer))


class PayerBalance(Base):
    """The balance of a payer's statement in one token, in smallest units, from its beginning to its cursor.

    ``opening_units`` is the payer's balance at the beginning: None while that is not known.
    """

    __tablename__ = "payer_balance"
    __table_args__ = (UniqueConstraint("payer_id", "token_id", name="idx_payer_balance_token"),)

    payer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payer.id"))
    token_id: Mapped[str]
    opening_units: Mapped[Decimal | None]
    received_units: Mapped[Decimal] = mapped_column(server_default=text("0"), default=Decimal(0))
    sent_units: Mapped[Decimal] = mapped_column(server_default=text("0"), default=Decimal(0))
    fee_units: Mapped[Decimal] = mapped_column(server_default=text("0"), default=Decimal(0))

    @property
    def stated_units(self) -> Decimal | None:
        """The payer's balance by its statement; None while the opening balance is not known."""
        if self.opening_units is None:
            return None
        return self.opening_units + self.received_units - self.sent_units - self.fee_units
