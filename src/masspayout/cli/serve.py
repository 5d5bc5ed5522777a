"""``masspayout serve`` and ``masspayout up``: API and dashboard, alone or with a worker in one process."""

from typing import Annotated

import typer

from masspayout.cli.session import with_context
from masspayout.context import Context

HostOption = Annotated[
    str | None, typer.Option(help="The address to listen on; unless given, HTTP_HOST: this machine alone.")
]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The port to listen on; unless given, HTTP_PORT.")
]


def serve(host: HostOption = None, port: PortOption = None) -> None:
    """Serve API and dashboard, until told to stop."""
    # The web frameworks take as long to load as everything else together, so only who serves loads them.
    from masspayout.cli.serving import serve_alone  # noqa: PLC0415

    async def work(context: Context) -> None:
        await serve_alone(context, host, port)

    with_context(work)


def up(host: HostOption = None, port: PortOption = None) -> None:
    """Run everything in one process, until told to stop: API, dashboard and worker."""
    from masspayout.cli.serving import serve_everything  # noqa: PLC0415 - as above

    async def work(context: Context) -> None:
        await serve_everything(context, host, port)

    with_context(work)
