"""Read refusals, which all kinds of buses write alike, and describe answers that are not AWS's.

Sources: Smithy, "AWS JSON 1.1 protocol" and "Smithy RPC v2 CBOR protocol", sections on errors.
"""

import json

import msgspec

from magento_eventbridge.delivery.verdicts import Answer
from magento_eventbridge.sinks.eventbridge.codes import CODES_BY_LOWERCASE
from magento_eventbridge.sinks.eventbridge.http_client import Reply

_SHOWN = 120  # bytes of an answer that is not AWS's


def read_json(body: bytes) -> object:
    """Decode JSON, in whatever charset something on the way has put it; None: it is none."""
    try:
        return msgspec.json.decode(body.decode(json.detect_encoding(body), errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return None


def refusal(reply: Reply, content: object) -> Answer:
    """Return the answer to a call that was refused as a whole.

    Args:
        content: the decoded body; anything if it is not AWS's.
    """
    fields = content if isinstance(content, dict) else {}
    # AWS's header on a page was left by something on the way: the answer is not AWS's.
    is_page = reply.body.lstrip().startswith(b"<")
    code = None if is_page else code_in(fields.get("__type")) or code_in(reply.error_type)
    return Answer(
        status=reply.status,
        error_code=code,
        error_message=_text(fields.get("message")) or _text(fields.get("Message")),
        retry_after=reply.pause,
        answered_by=None if code else describe(reply),
    )


def code_in(text: object) -> str | None:
    """Return AWS's error code in a text, as `com.amazonaws.events#ThrottlingException:http://…`.

    Known codes are returned as AWS documents them, however they are capitalized.
    """
    if not isinstance(text, str):
        return None
    code = text.partition(":")[0].rpartition("#")[2].strip()
    return CODES_BY_LOWERCASE.get(code.lower(), code) or None


def describe(reply: Reply) -> str:
    """Describe an answer that is not AWS's: its server, its type, its first characters."""
    server = reply.headers.get("server", "an unnamed server")
    kind = reply.headers.get("content-type", "no content type")
    target = reply.headers.get("location")
    text = reply.body[:_SHOWN].decode(errors="replace")
    shown = f": '{_visible(text)}'" if _visible(text) else ", empty"
    redirect = f", redirects to {_visible(target[:_SHOWN])}" if target else ""
    return f"{server}, {kind}{redirect}{shown}"


def _visible(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
