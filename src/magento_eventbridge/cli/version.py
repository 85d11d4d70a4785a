"""`version`: print the version."""

from magento_eventbridge import __version__
from magento_eventbridge.cli.output import AsJson, out, show_json

NAME = "version"
EXAMPLE = "magento-eventbridge version"


def run(as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        show_json({"version": __version__})
    else:
        out.print(__version__)
