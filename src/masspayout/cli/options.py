"""Arguments and options that several commands take."""

from typing import Annotated

import typer

PageOption = Annotated[int, typer.Option(min=1, help="Which page of the list.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="Rows on a page.")]
