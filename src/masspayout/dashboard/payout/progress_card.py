"""How far a payout is: the bar, the rate, the time left, in holders and in money."""

from masspayout.dashboard.components.layout import figure, html
from masspayout.dashboard.components.progress import Pace, progress_bar
from masspayout.dashboard.formats import amount, count, percent
from masspayout.dashboard.markup import h, join
from masspayout.dashboard.payout.state import PayoutState
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.money import subtract


class ProgressCard:
    """The figures of a payout that is frozen, brought up to date while it runs."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._card = html(classes="card")

    def refresh(self, state: PayoutState) -> None:
        """Show how it stands."""
        distribution, progress = state.distribution, state.progress
        self._card.set_visibility(distribution.is_frozen)
        if not distribution.is_frozen:
            return
        done = progress.paid + progress.failed
        self._pace.note(done)
        is_running = distribution.status is DistributionStatus.PROCESSING
        unpaid = subtract(progress.total_amount, progress.paid_amount)
        self._card.content = join(
            h(
                "div",
                figure("Total", amount(progress.total_amount, state.symbol), f"{count(progress.holders)} holders"),
                figure(
                    "Paid",
                    amount(progress.paid_amount, state.symbol),
                    f"{count(progress.paid)} of {count(progress.holders)} holders",
                ),
                figure("Not paid", amount(unpaid, state.symbol), f"{count(state.unpaid_count)} holders"),
                figure(
                    "Failed",
                    h("span", count(progress.failed), class_="bad") if progress.failed else "0",
                    f"{count(progress.batches_done)} of {count(progress.batches)} transactions done",
                ),
                class_="figures",
            ),
            h(
                "div",
                progress_bar(progress.paid, progress.failed, progress.holders),
                h(
                    "div",
                    h("span", f"{percent(progress.paid, progress.holders)} paid"),
                    h("span", self._pace.say(progress.holders - done)) if is_running else None,
                    class_="progress-line",
                ),
                class_="card-body",
                style="gap: var(--space-2)",
            )
            if distribution.executed_at
            else None,
        )
