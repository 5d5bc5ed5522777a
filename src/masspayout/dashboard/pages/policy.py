"""The policy in sentences, and the changes that wait for another person."""

import json
from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from masspayout.app.control import Control, PolicyDetail
from masspayout.controls import PolicyContent, read_content, without_secrets
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.formats import when
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import Policy, Proposal, ProposalState
from masspayout.kernel.json_forms import json_form
from masspayout.kernel.roles import Permission


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/policy", "Policy", section="policy")
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The policy while somebody looks at it."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._control = Control(page_context.context)

    async def show(self) -> None:
        page_head("Policy", "Who has to approve what, and how much may be paid out.")
        self._place = ui.element("div").classes("stack")
        await self._refresh()

    async def _refresh(self) -> None:
        found, open_ones = await self._control.read_policy(), await self._control.list_proposals(ProposalState.OPEN)
        self._place.clear()
        with self._place:
            self._in_force(found)
            with card("Proposals", "changes that another person approves"):
                if not open_ones:
                    html(empty("No open proposals", "A change of a guarded policy waits here for another person."))
                for proposal in open_ones:
                    self._proposal(proposal)

    def _in_force(self, found: PolicyDetail) -> None:
        state = chip("Guarded", "good") if found.in_force.is_guarded else chip("Open", "plain")
        with card("In force"):
            html(h("div", state))
            for version in found.versions:
                html(join(h("p", _origin(version), class_="note"), _sentences(read_content(version.content))))
            if not found.versions:
                html(_sentences(PolicyContent()))
            if found.in_force.environment != PolicyContent():
                note = h("p", "The settings of this service ask for this besides; the stricter holds.", class_="note")
                html(join(note, _sentences(found.in_force.environment)))

    def _proposal(self, proposal: Proposal) -> None:
        content = proposal.after.get("content")
        change = (
            h("pre", json.dumps(without_secrets(proposal.after), default=json_form, indent=2), class_="mono")
            if content is None
            else _sentences(read_content(content))
        )
        subject = f"{proposal.kind.capitalize()} of {proposal.subject}"
        html(
            join(
                h("h3", subject),
                facts(("Proposed by", proposal.made_by_name), ("Proposed", when(proposal.created_at))),
                change,
            ),
            classes="stack",
        )
        is_mine = proposal.made_by == self._page_context.identity.actor(None).person
        with ui.element("div").classes("row"):
            if is_mine:
                self._button("Withdraw", Permission.PLAN, proposal, self._control.withdraw_proposal, danger=True)
            elif self._page_context.may(Permission.APPROVE):
                self._button("Approve", Permission.APPROVE, proposal, self._control.approve_proposal)
                self._button("Refuse", Permission.APPROVE, proposal, self._control.refuse_proposal, danger=True)

    def _button(
        self,
        label: str,
        permission: Permission,
        proposal: Proposal,
        decide: Callable[..., Awaitable[Proposal]],
        *,
        danger: bool = False,
    ) -> None:
        act = partial(self._decide, label, proposal, decide, danger=danger)
        button(f"{label} …", self._page_context.handler(permission, act), primary=not danger, danger=danger)

    async def _decide(
        self, label: str, proposal: Proposal, decide: Callable[..., Awaitable[Proposal]], *, danger: bool
    ) -> None:
        subject = f"the {proposal.kind} of {proposal.subject}"
        asked = h("p", f"Proposed by {proposal.made_by_name}.")
        if not await confirm(f"{label} {subject}?", asked, yes=f"{label} {subject}", danger=danger):
            return
        decided = await decide(proposal.id)
        messages.notify(f"The proposal is {decided.state.lower()}.")
        await self._refresh()


def _sentences(content: PolicyContent) -> Html:
    return h("ul", (h("li", sentence) for sentence in content.sentences), class_="plain lines")


def _origin(version: Policy) -> Html:
    people = [version.made_by_name, *([] if version.approved_by_name is None else [version.approved_by_name])]
    scope = "of the installation" if version.asset_id is None else "of one asset"
    return join(f"Version {version.number} {scope}, by {' and '.join(people)}, since ", when(version.made_at))
