"""Decide who may use the console: sessions, password, reverse proxy, forged requests."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from magento_eventbridge.settings.listeners import ConsoleSettings

COOKIE = "magento_eventbridge_console"
CSRF_FIELD = "csrf"


class AccessError(Exception):
    """The request must be refused; the message says why, and what to do."""


@dataclass(frozen=True)
class AccessLimits:
    """Limits against guessing passwords and against filling the memory with sessions."""

    failures: int = 10  # wrong passwords within `failure_seconds`; then logins are slow
    failure_seconds: float = 60.0
    slow_seconds: float = 1.0
    slow_logins_at_once: int = 4
    sessions: int = 1_000


@dataclass
class Session:
    """A browser's session."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    user: str | None = None  # None: not logged in
    used_at: float = 0.0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class Access:
    """Keep the sessions of browsers, in memory, and check who is logged in."""

    def __init__(
        self,
        settings: ConsoleSettings,
        clock: Callable[[], float] = time.monotonic,
        limits: AccessLimits | None = None,
    ) -> None:
        self._settings = settings
        self._limits = limits or AccessLimits()
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # least recently used first
        self._failures: list[float] = []
        self._slow_logins = asyncio.Semaphore(self._limits.slow_logins_at_once)
        password = settings.password
        self._digest = _digest(password.get_secret_value()) if password else None

    @property
    def has_login(self) -> bool:
        """Whether people log in with a password."""
        return self._digest is not None

    def session_of(self, request: web.Request) -> Session:
        """Return the session of a request, or a new one.

        Raises:
            AccessError: the request must be refused.
        """
        proxied = self._proxied_user(request)
        if self._digest is None and self._settings.proxy_header is None:
            _check_host(request.host)
        session = self._known(request.cookies.get(COOKIE, ""))
        if session is None:
            session = self._new()
        if proxied:
            session.user = proxied
        elif self._digest is None:
            session.user = "this machine"
        return session

    async def log_in(self, session: Session, password: str) -> Session | None:
        """Return a new session if the password is right, else None.

        After too many wrong passwords every login is slow, and the right password still works.

        Raises:
            AccessError: the password is wrong, and there were too many wrong ones.
        """
        now = self._clock()
        self._failures = [at for at in self._failures if now - at < self._limits.failure_seconds]
        is_slow = len(self._failures) >= self._limits.failures
        if is_slow:
            async with self._slow_logins:
                await asyncio.sleep(self._limits.slow_seconds)
        if self._digest is None or not hmac.compare_digest(_digest(password), self._digest):
            if is_slow:
                raise AccessError("Too many wrong passwords. Wait a minute, then try again.")
            self._failures.append(now)
            return None
        self.log_out(session)
        session = self._new()
        session.user = "operator"
        return session

    def log_out(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.token, None)

    def check_form(self, request: web.Request, session: Session, token: str) -> None:
        """Accept a form only if one of our own pages sent it.

        Raises:
            AccessError: another site may have sent it.
        """
        origin = request.headers.get("Origin")
        is_ours = origin in (None, "null") or urlsplit(origin or "").netloc == request.host
        if not is_ours or not hmac.compare_digest(token.encode(), session.csrf.encode()):
            raise AccessError(
                "The form is no longer valid: the page was open for long, or the bridge has been "
                "restarted. Nothing was done. Load the page again and repeat it."
            )

    def _proxied_user(self, request: web.Request) -> str | None:
        header = self._settings.proxy_header
        if header is None:
            return None
        user = request.headers.get(header, "").strip()
        if user and request.remote in self._settings.proxies:
            return user
        if self._digest is not None:
            return None  # without the proxy, people can log in with the password
        raise AccessError(
            "The console is available only through its reverse proxy, which must name the user in "
            f"the header {header}."
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


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _check_host(host: str) -> None:
    """Refuse names of other machines: another site may have pointed its own name here."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        is_local = ip_address(name).is_loopback
    except ValueError:
        name = host.rpartition(":")[0] or host
        is_local = name == "localhost"
    if not is_local:
        raise AccessError(
            f"Without a password the console answers only to this machine's own names, such as "
            f"localhost, not to '{name}'. Set console.password to use another name."
        )
