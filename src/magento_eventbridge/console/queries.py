"""Read numbers from addresses and forms; anything else is the sender's error, not ours."""

from aiohttp import web

LARGEST_VIEW = 2**31
LARGEST_ROW = 2**63 - 1


def number(text: str, largest: int) -> int | None:
    """Return a number from a query, or None for an empty one.

    Raises:
        web.HTTPBadRequest: it is no number, or too large.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > largest:
        raise web.HTTPBadRequest(text="The address or the form has a number that cannot be used.")
    return int(text)
