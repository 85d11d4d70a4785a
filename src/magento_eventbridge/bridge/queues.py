"""Open a queue by its name, from the settings.

The module of a queue is imported when the queue is opened: `consume` runs each minute, and the
libraries of the other queues would be half of its work.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.ports import Queue, QueueError
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.similar_names import did_you_mean

if TYPE_CHECKING:
    from magento_eventbridge.queues.amqp.connection import AmqpOptions


def open_queue(
    settings: Settings,
    name: str | None = None,
    *,
    must_exist: bool = False,
    at_most: int | None = None,
    silence_seconds: int | None = None,
) -> Queue:
    """Open a queue by its name; without one, the outbox if it is enabled, else the spool.

    Args:
        settings: say where it is.
        name: of the queue.
        must_exist: whether to refuse to create a spool.
        at_most: the number of captures that will be claimed: no more are fetched.
        silence_seconds: how long to wait for a database that does not answer.

    Raises:
        SettingsError: there is no queue of that name.
        QueueError: it cannot be opened, or is not there though it must be.
    """
    queues: dict[str, Callable[[], Queue]] = {
        "sqlite": lambda: _sqlite(settings, must_exist),
        "outbox": lambda: _outbox(settings, silence_seconds),
        "magento-db": lambda: _magento_db(settings, silence_seconds),
        "amqp": lambda: _amqp(settings, at_most),
    }
    chosen = name or ("outbox" if settings.outbox.enabled else "sqlite")
    open_it = queues.get(chosen)
    if open_it is None:
        known = did_you_mean(chosen, queues) or f"; there are: {', '.join(queues)}"
        raise SettingsError(f"there is no queue '{chosen}'{known}")
    return open_it()


def renew_login(queue: Queue, settings: Settings) -> bool:
    """Let a queue use the present login; return whether its captures are where they were.

    Raises:
        SettingsError: the settings do not say where the queue is.
    """
    from magento_eventbridge.magento.database import database_options
    from magento_eventbridge.queues.amqp.queue import AmqpQueue
    from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
    from magento_eventbridge.queues.mysql.outbox import OutboxQueue

    match queue:
        case OutboxQueue() | MagentoDbQueue():
            options = database_options(settings.outbox)
            if queue.place != options.place:
                return False
            queue.use(options)
        case AmqpQueue():
            broker = _amqp_options(settings)
            if queue.place != broker.place:
                return False
            queue.use(broker)
    return True


def when_login_refused(queue: Queue, call: Callable[[], None]) -> None:
    """Call this whenever the queue's server refuses the login; a file has none."""
    from magento_eventbridge.queues.amqp.queue import AmqpQueue
    from magento_eventbridge.queues.mysql.queue import MysqlQueue

    if isinstance(queue, AmqpQueue | MysqlQueue):
        queue.when_login_refused(call)


def _sqlite(settings: Settings, must_exist: bool) -> Queue:
    from magento_eventbridge.queues.sqlite.queue import SqliteQueue

    if must_exist and not settings.spool.path.exists():
        raise QueueError(f"there is no spool at {settings.spool.path}; 'serve' creates one")
    return SqliteQueue(settings.spool.path)


def _outbox(settings: Settings, silence_seconds: int | None) -> Queue:
    from magento_eventbridge.magento.database import database_options
    from magento_eventbridge.queues.mysql.outbox import OutboxQueue

    return OutboxQueue(database_options(settings.outbox, silence_seconds))


def _magento_db(settings: Settings, silence_seconds: int | None) -> Queue:
    from magento_eventbridge.magento.database import database_options
    from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue

    return MagentoDbQueue(
        database_options(settings.outbox, silence_seconds), settings.magento_db.queue
    )


def _amqp(settings: Settings, at_most: int | None) -> Queue:
    from magento_eventbridge.queues.amqp.queue import AmqpQueue

    return AmqpQueue(_amqp_options(settings, at_most))


def _amqp_options(settings: Settings, at_most: int | None = None) -> "AmqpOptions":
    from magento_eventbridge.queues.amqp.connection import AmqpOptions

    amqp = settings.amqp
    if amqp.host is None:
        raise SettingsError(
            "amqp.host: the broker is not known: name it, or point the bridge by --magento-root at "
            "a store whose env.php has queue/amqp"
        )
    destinations = len(Routes(settings).destinations)
    # Each destination may hold a part, see `delivery_policy`, and one part is left over.
    prefetch = max(amqp.prefetch, 8 * (destinations + 1))
    return AmqpOptions(
        host=amqp.host,
        port=amqp.port,
        user=amqp.user,
        password=amqp.password.get_secret_value() if amqp.password else "",
        virtual_host=amqp.virtual_host,
        queue=amqp.queue,
        prefetch=min(prefetch, at_most or prefetch),
        sets_aside=destinations > 1,
        tls=amqp.tls_options,
    )
