"""Decide who may use the console, and who may act: links, passwords, proxy, forged requests."""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import SecretStr

from magento_eventbridge.console.login_links import LoginLinks, Role, Visitor
from magento_eventbridge.settings.listeners import ConsoleSettings

log = logging.getLogger(__name__)

COOKIE = "magento_eventbridge_console"
CSRF_FIELD = "csrf"
PROXY_SECRET_HEADER = "X-Console-Secret"  # noqa: S105  a name

_LONGEST_USER = 100
# The Host header: an IPv6 address in brackets, or a name or IPv4 address; and perhaps a port.
_HOST = re.compile(r"(\[[\w:.%]+\]|[\w.-]+)(?::\d{1,5})?", re.ASCII)


class AccessError(Exception):
    """The request must be refused; the message says why, and what to do."""


@dataclass(frozen=True)
class AccessLimits:
    """Limits against guessing passwords and against filling the memory with sessions."""

    failures: int = 10  # wrong passwords within `failure_seconds`; then the answers are slow
    failure_seconds: float = 60.0
    slow_seconds: float = 1.0
    slow_answers: int = 16  # at once: more would take the places of all connections
    sessions: int = 1_000


@dataclass
class Session:
    """A browser's session."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    user: str | None = None  # None: not logged in
    role: Role = "read-only"
    is_of_proxy: bool = False  # the proxy must name the user in each request
    used_at: float = 0.0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def may_act(self) -> bool:
        """Whether the user may redrive, drop, send and test."""
        return self.user is not None and self.role == "operator"


class Access:
    """Keep the sessions of browsers, in memory, and check who is logged in."""

    def __init__(
        self,
        settings: ConsoleSettings,
        links: LoginLinks,
        clock: Callable[[], float] = time.monotonic,
        limits: AccessLimits | None = None,
    ) -> None:
        self._settings = settings
        self._links = links
        self._limits = limits or AccessLimits()
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # least recently used first
        self._failures: deque[float] = deque(maxlen=self._limits.failures)
        self._slow_answers = asyncio.Semaphore(self._limits.slow_answers)
        self._digests: dict[Role, bytes] = {
            role: _digest(password.get_secret_value())
            for role, password in _passwords(settings)
            if password
        }
        own = urlsplit(settings.url or "")
        self._own_origin = f"{own.scheme}://{own.netloc}".lower()
        self._names = {name.lower() for name in (*settings.hosts, own.hostname or "localhost")}
        secret = settings.proxy_secret
        self._proxy_digest = _digest(secret.get_secret_value()) if secret else None

    @property
    def has_login(self) -> bool:
        """Whether people log in."""
        return self._settings.login

    @property
    def has_password(self) -> bool:
        """Whether people can log in with a password."""
        return bool(self._digests)

    def session_of(self, request: web.Request) -> Session:
        """Return the session of a request, or a new one.

        Raises:
            AccessError: the request must be refused.
        """
        self._check_host(request)
        proxied = self._proxied_user(request)
        session = self._known(request.cookies.get(COOKIE, ""))
        if session is None or (session.is_of_proxy and proxied is None):
            session = self._new()
        if proxied:
            is_operator = "*" in self._settings.operators or proxied in self._settings.operators
            session.user, session.is_of_proxy = proxied, True
            session.role = "operator" if is_operator else "read-only"
        elif not self._settings.login:
            session.user, session.role = "this machine", "operator"
        return session

    async def log_in(self, session: Session, password: str) -> Session | None:
        """Return a new session if the password is right, else None.

        After too many wrong passwords the answers to wrong ones are slow. The right one is accepted
        at once, so that whoever guesses, on however many connections, locks nobody out.

        Raises:
            AccessError: the password is wrong, and there were too many wrong ones.
        """
        given = _digest(password)
        role = next((r for r, known in self._digests.items() if _is_same(given, known)), None)
        if role is not None:
            return self._logged_in(
                session, Visitor("operator" if role == "operator" else "reader", role)
            )
        if not self._guesses():
            return None
        if not self._slow_answers.locked():
            async with self._slow_answers:
                await asyncio.sleep(self._limits.slow_seconds)
        raise AccessError("Too many wrong passwords. Wait a minute, then try again.")

    def _guesses(self) -> bool:
        """Note a wrong password, and return whether there were too many before."""
        now, former = self._clock(), self._failures
        are_many = len(former) == former.maxlen and now - former[0] < self._limits.failure_seconds
        former.append(now)
        return are_many

    def visitor_of(self, token: str) -> Visitor | None:
        """Return whom a login link's token would log in, or None: it is not valid any more."""
        return self._links.visitor_of(token)

    def follow_link(self, session: Session, token: str) -> Session | None:
        """Return a new session for a login link's token, or None: it is not valid any more."""
        visitor = self._links.redeem(token)
        return None if visitor is None else self._logged_in(session, visitor)

    def _logged_in(self, former: Session, visitor: Visitor) -> Session:
        self.log_out(former)
        session = self._new()
        session.user, session.role = visitor.user, visitor.role
        return session

    def log_out(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.token, None)

    def check_form(self, request: web.Request, session: Session, token: str) -> None:
        """Accept a form only if one of our own pages sent it.

        Raises:
            AccessError: another site may have sent it.
        """
        origin = request.headers.get("Origin", "null")
        if origin != "null" and not self._is_ours(origin, request.host):
            raise AccessError(
                f"The form comes from {origin[:_LONGEST_USER]}, which is not this console. Nothing "
                "was done. If it is the console's address behind a proxy, set console.url to it, "
                "or let the proxy pass on the Host header."
            )
        if not hmac.compare_digest(token.encode(), session.csrf.encode()):
            raise AccessError(
                "The form is no longer valid: the page was open for long, or the bridge has been "
                "restarted. Nothing was done. Load the page again and repeat it."
            )

    def _is_ours(self, origin: str, host: str) -> bool:
        """Return whether an Origin header names this console, as people or as a proxy reach it."""
        return origin.partition("://")[2] == host or origin == self._own_origin

    def _proxied_user(self, request: web.Request) -> str | None:
        header = self._settings.proxy_header
        if header is None or self._proxy_digest is None:
            return None
        user = request.headers.get(header, "").strip()[:_LONGEST_USER]
        given = _digest(request.headers.get(PROXY_SECRET_HEADER, ""))
        is_proxy = request.remote in self._settings.proxies and _is_same(given, self._proxy_digest)
        if user and not is_proxy:
            log.warning(
                "Console: %s names '%s' in %s and is not believed: it must be one of "
                "console.proxies and send the right %s",
                request.remote,
                user,
                header,
                PROXY_SECRET_HEADER,
            )
        return user if user and is_proxy else None

    def _check_host(self, request: web.Request) -> None:
        """Refuse unknown host names: another site may have pointed its own name here."""
        parts = _HOST.fullmatch(request.host)
        if parts is None:
            raise web.HTTPBadRequest(text="The request names no server: its Host header is wrong.")
        name = parts[1].strip("[]").lower().rstrip(".")
        if name == "localhost" or name in self._names:
            return
        try:
            address = ip_address(name)
        except ValueError:
            if name == self._settings.host.lower():
                return
        else:
            here = request.transport.get_extra_info("sockname") if request.transport else None
            if address.is_loopback or (here and address == ip_address(here[0].partition("%")[0])):
                return
        raise AccessError(
            f"The console does not answer to the name '{name}'. If people should reach it by this "
            "name, add it to console.hosts or set console.url."
        )

    def _known(self, token: str) -> Session | None:
        session = self._sessions.get(token)
        if session is None:
            return None
        now = self._clock()
        if now - session.used_at > self._settings.session_hours * 3600:
            self.log_out(session)
            return None
        session.used_at = now
        self._sessions.move_to_end(token)
        return session

    def _new(self) -> Session:
        session = Session(used_at=self._clock())
        self._sessions[session.token] = session
        while len(self._sessions) > self._limits.sessions:
            # Sessions without a login go first: strangers must not end the sessions of others.
            stranger = next((s for s in self._sessions.values() if s.user is None), None)
            self.log_out(stranger or next(iter(self._sessions.values())))
        return session


def _passwords(settings: ConsoleSettings) -> list[tuple[Role, SecretStr | None]]:
    return [("operator", settings.password), ("read-only", settings.read_only_password)]


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode(errors="surrogateescape")).digest()


def _is_same(given: bytes, known: bytes) -> bool:
    return hmac.compare_digest(given, known)
