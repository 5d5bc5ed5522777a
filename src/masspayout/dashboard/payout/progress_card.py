"""The progress of a payout: bar, rate and time left, in holders and in money."""

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components.layout import figure, html
from masspayout.dashboard.components.progress import Pace, progress_bar
from masspayout.dashboard.formats import amount, count, percent
from masspayout.dashboard.markup import h, join
from masspayout.db.entities import DistributionStatus


class ProgressCard:
    """The figures of a payout that is frozen, brought up to date while it runs."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._card = html(classes="card")

    def refresh(self, state: PayoutDetail) -> None:
        """Show how it stands."""
        distribution, progress = state.distribution, state.status.progress
        self._card.set_visibility(distribution.is_frozen)
        if not distribution.is_frozen:
            return
        self._pace.note(progress.done_count)
        symbol = labels.symbol(distribution)
        is_running = distribution.status is DistributionStatus.PROCESSING
        self._card.content = join(
            h(
                "div",
                figure(
                    "Total",
                    amount(progress.total_amount, symbol),
                    f"{count(progress.holder_count)} holders",
                ),
                figure(
                    "Paid",
                    amount(progress.paid_amount, symbol),
                    f"{count(progress.paid_count)} of {count(progress.holder_count)} holders",
                ),
                figure(
                    "Not paid",
                    amount(progress.unpaid_amount, symbol),
                    f"{count(progress.unpaid_count)} holders",
                ),
                figure(
                    "Failed",
                    h("span", count(progress.failed_count), class_="bad") if progress.failed_count else "0",
                    f"{count(progress.done_batch_count)} of {count(progress.batch_count)} transactions done",
                ),
                class_="figures",
            ),
            h(
                "div",
                progress_bar(progress.paid_count, progress.failed_count, progress.holder_count),
                h(
                    "div",
                    h("span", f"{percent(progress.paid_count, progress.holder_count)} paid"),
                    h("span", self._pace.say(progress.holder_count - progress.done_count)) if is_running else None,
                    class_="progress-line",
                ),
                class_="card-body",
                style="gap: var(--space-2)",
            )
            if distribution.executed_at
            else None,
        )
