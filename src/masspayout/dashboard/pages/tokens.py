"""API tokens, for admins: what programs come in with. A token's text is shown once, when it is made."""

import uuid
from datetime import timedelta
from functools import partial

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.forms import form_card
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.components.secrets import show_secret
from masspayout.dashboard.components.tables import Pager
from masspayout.dashboard.formats import when, words
from masspayout.dashboard.markup import h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.pages.users import ROLES
from masspayout.db.entities import ApiToken
from masspayout.kernel.roles import Permission, Role
from masspayout.service import access

_MANAGE = Permission.MANAGE_ACCESS
_PAGE_SIZE = 20
_NOBODY = ""
_LIVES = {30: "30 days", 90: "90 days", 365: "a year", 0: "never"}


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/tokens", "API tokens", section="tokens", permission=_MANAGE)
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The tokens while an admin looks at them."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        page_head("API tokens", "Used by programs to call the API. Give each program its own, with the least role.")
        async with self._page_context.unit_of_work() as work:
            users = await work.users.find_in_order()
        owners = {_NOBODY: "no user (reads only)"} | {str(user.id): user.name for user in users if not user.disabled}
        mine = str(self._page_context.identity.id)
        self._list = ui.element("div").classes("stack")
        self._pager = Pager(_PAGE_SIZE, self._refresh)
        with form_card("Create token", "Create token", self._page_context.handler(_MANAGE, self._make)):
            self._name = ui.input("Name").props("outlined dense autocomplete=off")
            self._role = ui.select(ROLES, value=Role.VIEWER, label="Role").props("outlined dense")
            self._life = ui.select(_LIVES, value=90, label="Expires after").props("outlined dense")
            self._owner = ui.select(owners, value=mine, label="Owner").props("outlined dense")
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            found = await work.api_tokens.find_all(self._pager.page, _PAGE_SIZE)
        self._list.clear()
        with self._list:
            if not found.items:
                html(empty("No tokens yet", "Create one for each program that calls the API."), classes="card")
            for token in found.items:
                self._one(token)
        self._pager.show(found.items, found.total)

    def _one(self, token: ApiToken) -> None:
        with card():
            with ui.element("div").classes("between"):
                state = chip("Revoked", "bad") if token.revoked_at else chip(words(token.role), "plain")
                html(join(h("h2", token.name, " ", state)))
                if not token.revoked_at:
                    revoke = self._page_context.handler(_MANAGE, partial(self._revoke, token))
                    button("Revoke …", revoke, small=True, danger=True)
            html(
                facts(
                    ("Prefix", h("span", f"mpt_{token.prefix}_", class_="mono")),
                    ("Last used", when(token.last_used_at, "ago") if token.last_used_at else "never"),
                    ("Expires", when(token.expires_at) if token.expires_at else "never"),
                    ("Created", when(token.created_at, "date")),
                )
            )

    async def _make(self) -> None:
        days, owner = self._life.value, self._owner.value
        async with self._page_context.unit_of_work() as work:
            owner_user = await work.users.get(uuid.UUID(owner)) if owner else None
            token, text = await access.create_token(
                work,
                self._name.value or "",
                role=Role(self._role.value),
                expires_in=timedelta(days=days) if days else None,
                owner_id=None if owner_user is None else owner_user.id,
            )
            is_proposed = await access.is_guarded(work)
        self._name.value = ""
        waits = " It works once another person approves it on the page Policy." if is_proposed else ""
        show_secret(f"The token {token.name!r}", text, f"Copy it now. It is not shown again.{waits}")
        await self._refresh()

    async def _revoke(self, token: ApiToken) -> None:
        used = h("span", "Last used ", when(token.last_used_at), ".") if token.last_used_at else "Never used."
        text = h("p", "Programs that use it lose access at once. This cannot be undone. ", used)
        if not await confirm(f"Revoke {token.name!r}?", text, yes="Revoke token", danger=True):
            return
        async with self._page_context.unit_of_work() as work:
            await access.revoke_token(work, await work.api_tokens.get(token.id))
        messages.notify(f"{token.name} is revoked.")
        await self._refresh()
