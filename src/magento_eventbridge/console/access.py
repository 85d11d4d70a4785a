"""Who may use the console: sessions, the password, a reverse proxy's word, forged requests."""

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

_MOST_SESSIONS = 1_000
# Guessing: after so many wrong passwords within the time, in seconds, nobody is asked for a while.
_MOST_FAILURES = 10
_FAILURES_COUNT_FOR = 60.0


class AccessError(Exception):
    """The request may not be served; the message tells people why, and what to do."""


@dataclass
class Session:
    """One browser."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    user: str | None = None  # None: not logged in
    used_at: float = 0.0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class Access:
    """Knows who has logged in; sessions live as long as the process."""

    def __init__(
        self, settings: ConsoleSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # the longest unused first
        self._failures: list[float] = []
        password = settings.password
        self._digest = _digest(password.get_secret_value()) if password else None

    @property
    def has_login(self) -> bool:
        """Whether people log in with a password."""
        return self._digest is not None

    def session_of(self, request: web.Request) -> Session:
        """Give a request's session, a new one if it has none that counts.

        Raises:
            AccessError: nobody may come this way.
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

    def log_in(self, session: Session, password: str) -> Session | None:
        """Give the session of somebody who knows the password, under another token; else None.

        Raises:
            AccessError: there were too many wrong ones.
        """
        now = self._clock()
        self._failures = [at for at in self._failures if now - at < _FAILURES_COUNT_FOR]
        if len(self._failures) >= _MOST_FAILURES:
            raise AccessError("Too many wrong passwords. Wait a minute, then try again.")
        if self._digest is None or not hmac.compare_digest(_digest(password), self._digest):
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
        """Let pass only what a page of ours sent.

        Raises:
            AccessError: another site may have made the browser send it.
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
            return None  # who does not come by the proxy may log in
        raise AccessError(
            "The console is reached through its reverse proxy only, by people whom that names in "
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
        while len(self._sessions) > _MOST_SESSIONS:
            # Whoever did not log in goes first: strangers must not end others' sessions.
            stranger = next((s for s in self._sessions.values() if s.user is None), None)
            self.log_out(stranger or next(iter(self._sessions.values())))
        return session


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _check_host(host: str) -> None:
    """Refuse names that are not this machine's: a foreign site may have pointed its own here."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        is_local = ip_address(name).is_loopback
    except ValueError:
        is_local = name == "localhost"
    if not is_local:
        raise AccessError(
            f"Without a password the console answers to this machine's own names only, as "
            f"localhost, not to '{name}'. Set console.password to reach it by another name."
        )
