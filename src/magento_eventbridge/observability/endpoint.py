"""Serve metrics and health checks, on a listener of their own."""

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from magento_eventbridge.listener import Listener, ListenerOptions, application
from magento_eventbridge.observability.health import Health
from magento_eventbridge.observability.metrics import Metrics


class MetricsEndpoint:
    """Serves /metrics, /health/live and /health/ready while it is open."""

    def __init__(self, options: ListenerOptions, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health
        app = application()
        app.router.add_get("/metrics", self._metrics_text)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        self._listener = Listener(app, options)

    async def open(self) -> None:
        """Start to listen.

        Raises:
            ListenError: the address cannot be used.
        """
        await self._listener.open()

    @property
    def url(self) -> str:
        """The address at which it listens."""
        return self._listener.url

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.close()

    async def _metrics_text(self, _: web.Request) -> web.Response:
        return web.Response(
            body=await self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        faults = await self._health.faults()
        report = {
            "status": "not ready" if faults else "ready",
            "faults": faults,
            "destinations in trouble": self._health.problems,
        }
        return web.json_response(report, status=503 if faults else 200)
