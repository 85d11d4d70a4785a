"""The console's server: access, security headers, and the pages for errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.console.access import COOKIE, CSRF_FIELD, Access, AccessError
from magento_eventbridge.console.levels import measure_levels
from magento_eventbridge.console.login_links import LoginLinks, Visitor
from magento_eventbridge.console.page_context import SESSION, PageContext
from magento_eventbridge.console.pages import (
    audit,
    catalog,
    dead_letters,
    destinations,
    doctor,
    events,
    history,
    login,
    overview,
    settings,
    views,
)
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.journal.archive import Archive, JournalError
from magento_eventbridge.listener import Listener, ListenerOptions

log = logging.getLogger(__name__)

_STATIC = Path(__file__).with_name("static")
# People with several pages open each; the rest of the descriptors is for delivery.
_MOST_CONNECTIONS = 64
_UNEXPLAINED = {
    404: "The console has no such page.",
    405: "This address does not accept such a request.",
    413: "The form is too large.",
}
"""Explanations for the errors that have none of their own."""
_OPEN_PATHS = frozenset({"/login"})
# What people who may only read can post.
_READERS_FORMS = frozenset({"/login", "/logout"})
# Pages load nothing from other sites and run no inline scripts.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Console:
    """Serve the console's pages while it is open."""

    def __init__(self, bridge: Bridge, examine: Callable[[], Awaitable[list[Finding]]]) -> None:
        self._options = bridge.settings.console
        journal = bridge.settings.journal
        archive = Archive(bridge.journal.path, journal.personal_data) if bridge.journal else None
        self._links = LoginLinks(bridge.settings.console_login_file)
        access = Access(self._options, self._links)
        self._context = PageContext(bridge, access, examine, archive)
        app = web.Application(
            middlewares=[self._explain_errors, self._guard], client_max_size=1_000_000
        )
        app.router.add_static("/static", _STATIC)
        for page in (
            overview,
            events,
            history,
            dead_letters,
            destinations,
            views,
            audit,
            settings,
            doctor,
            catalog,
            login,
        ):
            app.router.add_routes(page.routes(self._context))
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._end_tails)
        where = ListenerOptions(self._options.host, self._options.port, _MOST_CONNECTIONS)
        self._listener = Listener(app, where, stop_seconds=2)
        self._levels: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start to listen.

        Raises:
            ListenError: the address cannot be used.
        """
        await self._listener.open()
        if journal := self._context.bridge.journal:
            self._levels = asyncio.create_task(measure_levels(self._context, journal))
        if self._options.login:
            try:
                self._links.open(self.url)
            except OSError as error:
                log.warning(
                    "Console: no login links, as their key cannot be written to %s: %s",
                    error.filename or self._context.bridge.settings.console_login_file,
                    error.strerror,
                )

    @property
    def url(self) -> str:
        """The address for people: the one in the settings, or the one at which it listens."""
        if self._options.url:
            return self._options.url.rstrip("/")
        return self._listener.url.replace("//0.0.0.0:", "//localhost:").replace(
            "//[::]:", "//localhost:"
        )

    def login_link(self) -> str | None:
        """Return a link that logs an operator in once; None when no login is needed."""
        return (
            self._links.link(self.url, Visitor("operator", "operator"))
            if self._options.login
            else None
        )

    async def close(self) -> None:
        """Stop listening."""
        self._links.close()
        if self._levels:
            self._levels.cancel()
            await asyncio.gather(self._levels, return_exceptions=True)
        await self._context.close()
        await self._listener.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the session, and accept only forms that our own pages sent."""
        if request.path.startswith("/static/"):
            return await handler(request)
        try:
            is_known = await self._check(request)
        except AccessError as error:
            log.warning("Console: refused %s from %s: %s", request.path, request.remote, error)
            return self._context.page(
                request, "fault.html", status=403, title="Not allowed", message=str(error)
            )
        comes_from_elsewhere = request.headers.get("Sec-Fetch-Site") == "cross-site"
        if _is_reading(request) and comes_from_elsewhere and not request[SESSION].user:
            # The browser keeps our cookie back when another site's link leads here. A new one would
            # replace it.
            return self._context.page(request, "continue.html", goal=request.path_qs)
        if not is_known:
            raise web.HTTPSeeOther(login.login_path_for(request))
        if request[SESSION].user:
            await self._context.depths()  # every page shows the number of dead letters
        response = await handler(request)
        if not response.prepared:
            _set_cookie(request, response)
        return response

    async def _check(self, request: web.Request) -> bool:
        """Find the session; return whether it is logged in or need not be.

        Raises:
            AccessError: the request must be refused.
            web.HTTPBadRequest: its Host header or its form cannot be read.
        """
        access = self._context.access
        session = access.session_of(request)
        request[SESSION] = session
        is_reading = _is_reading(request)
        if not is_reading:
            form = await _posted(request)
            access.check_form(request, session, str(form.get(CSRF_FIELD, "")))
        if session.user or request.path in _OPEN_PATHS:
            if not is_reading and not session.may_act and request.path not in _READERS_FORMS:
                raise AccessError(
                    f"{session.user} may see everything and change nothing. Log in as an operator."
                )
            return True
        if is_reading:
            return False
        raise AccessError("You are not logged in.")

    @web.middleware
    async def _explain_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer errors with a page that explains them."""
        title, status = "Not available", 503
        try:
            return await handler(request)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            if request.path.startswith("/static/"):
                raise
            title, status, message = error.reason, error.status, error.text or ""
            if message == f"{error.status}: {error.reason}":
                message = _UNEXPLAINED.get(error.status, message)
        except (QueueError, JournalError) as error:
            message = str(error)
            message = f"{message[:1].upper()}{message[1:]}."
        except ConnectionResetError:
            raise  # the browser has disconnected
        except Exception as error:
            log.exception("Console: a page failed")
            title, status = "Internal error", 500
            message = f"{type(error).__name__}. See the log. Delivery is not affected."
        return self._context.page(
            request, "fault.html", status=status, title=title, message=message
        )

    async def _end_tails(self, _: web.Application) -> None:
        self._context.is_closing = True


def _is_reading(request: web.Request) -> bool:
    return request.method in ("GET", "HEAD")


async def _posted(request: web.Request) -> Mapping[str, object]:
    try:
        form = await request.post()
        for text in (text for field in form.items() for text in field if isinstance(text, str)):
            text.encode()  # some character sets yield surrogates, which are no text
    except web.HTTPException:
        raise  # it is too large
    except (ValueError, LookupError, HttpProcessingError):
        raise web.HTTPBadRequest(text="The form cannot be read.") from None
    return form


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    is_asset = request.path.startswith("/static/")
    response.headers["Cache-Control"] = "public, max-age=3600" if is_asset else "no-store"


def _set_cookie(request: web.Request, response: web.StreamResponse) -> None:
    token = request[SESSION].token
    if request.cookies.get(COOKIE) != token:
        # Proxies behind proxies append theirs: the first is the browser's.
        forwarded = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
        is_https = request.secure or forwarded == "https"
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="Strict", secure=is_https, path="/"
        )
