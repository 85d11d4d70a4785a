"""`console`: log in to the console of the running bridge."""

from typing import Annotated

import typer

from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, sources_of
from magento_eventbridge.cli.output import AsJson, note, out, show_json
from magento_eventbridge.console.login_links import Visitor, create_link
from magento_eventbridge.observability.operators import caller
from magento_eventbridge.settings.layers import load

app = typer.Typer(help="Log in to the console of the running bridge.", no_args_is_help=True)

ReadOnly = Annotated[
    bool, typer.Option("--read-only", help="A link to see everything and change nothing.")
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        help="The name under which actions are logged; by default the name of the caller.",
        show_default=False,
    ),
]


@app.callback()
def group() -> None:
    """Log in to the console of the running bridge."""


@app.command("login", epilog="Example: magento-eventbridge console login --read-only")
def login(
    read_only: ReadOnly = False,
    user: User = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that logs in once, within ten minutes."""
    own, _ = sources_of(config, overrides, magento_root)
    settings, _ = load(own)
    if not settings.console.login:
        note("console.login is off: no login is needed")
    visitor = Visitor(user or caller(), "read-only" if read_only else "operator")
    link = create_link(settings.console_login_file, visitor)
    if as_json:
        show_json({"url": link, "user": visitor.user, "role": visitor.role})
        return
    out.print(link)
    note(f"the link logs {visitor.user} in once, within ten minutes, as {visitor.role}")
