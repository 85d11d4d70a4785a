"""`dead-letters`: show what could not be delivered, redrive it, or drop it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, out, show_json, table
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.ports import DeadLetter, DeadLetters
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.visible_text import indented

app = typer.Typer(
    help="Show, redrive or drop captures that could not be delivered.", no_args_is_help=True
)

QueueName = Annotated[
    str | None,
    typer.Option(
        "--queue",
        help="Queue: sqlite, outbox, magento-db or amqp; by default the outbox if it is enabled.",
        show_default=False,
    ),
]
_LARGEST_ID = 2**63 - 1
_READ_SECONDS = 5
Number = Annotated[
    int, typer.Argument(metavar="ID", min=0, max=_LARGEST_ID, help="The id that 'list' shows.")
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="[ID]...", min=0, max=_LARGEST_ID, help="The ids that 'list' shows."),
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list", epilog="Example: magento-eventbridge dead-letters list --limit 20")
def list_letters(
    limit: Annotated[int, typer.Option("--limit", min=1, max=_LARGEST_ID, help="How many.")] = 50,
    after: Annotated[
        int, typer.Option("--after", min=0, max=_LARGEST_ID, help="Only ids greater than this.")
    ] = 0,
    queue: QueueName = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first, each with its reason."""

    async def first(dead: DeadLetters) -> list[dict[str, Any]]:
        """Read them in parts, without keeping their bodies."""
        found: list[dict[str, Any]] = []
        last = after
        while len(found) < limit and (
            page := await dead.page(limit - len(found), after=last, with_bodies=False)
        ):
            found += [_summary(letter) for letter in page]
            last = page[-1].id
        return found

    letters: list[dict[str, Any]] = _with(config, overrides, magento_root, queue, first)
    if as_json:
        show_json(letters)
        return
    if not letters:
        out.print("No dead letters.")
        return
    rows = table("id", "buried", "Magento event", "store view", "reason")
    for letter in letters:
        rows.add_row(
            str(letter["id"]),
            letter["buriedAt"],
            letter["event"],
            str(letter["storeId"]),
            letter["reason"],
        )
    out.print(rows, soft_wrap=False)


@app.command("show", epilog="Example: magento-eventbridge dead-letters show 3")
def show(
    number: Number,
    queue: QueueName = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its capture."""
    letter: DeadLetter | None = _with(
        config, overrides, magento_root, queue, lambda dead: dead.find(number)
    )
    if letter is None:
        raise typer.BadParameter(f"there is no dead letter {number}")
    settings, _ = settings_of(config, overrides, magento_root)
    route = settings.view(letter.view_id).route()
    capture = route.shown_capture(letter.body.decode(errors="replace"))
    if as_json:
        show_json(_summary(letter) | {"capture": capture})
        return
    out.print(f"{letter.id}  {_time(letter)}  {letter.event}, store view {letter.view_id}")
    out.print(f"reason: {letter.reason}\n")
    out.print(indented(capture))


@app.command("redrive", epilog="Example: magento-eventbridge dead-letters redrive --all")
def redrive(
    numbers: Numbers = None,
    every: All = False,
    queue: QueueName = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into the queue, once their cause is fixed."""
    chosen = _chosen(numbers, every)
    number: int = _with(
        config, overrides, magento_root, queue, lambda dead: dead.redrive(chosen), act="redrove"
    )
    _report("redriven", number, as_json)


@app.command("drop", epilog="Example: magento-eventbridge dead-letters drop 3 4")
def drop(
    numbers: Numbers = None,
    every: All = False,
    yes: Yes = False,
    queue: QueueName = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good."""
    chosen = _chosen(numbers, every)
    if not yes:
        # A queue that cannot be read says so before the question, not after it.
        there: int = _with(config, overrides, magento_root, queue, lambda dead: dead.count())
        number = min(there, there if chosen is None else len(set(chosen)))
        if number == 0:
            _report("dropped", 0, as_json)
            return
        letters = count(number, "dead letter")
        question = f"{letters} will be deleted, and never be delivered. Continue?"
        typer.confirm(question, abort=True, err=True)
    dropped: int = _with(
        config, overrides, magento_root, queue, lambda dead: dead.drop(chosen), act="dropped"
    )
    _report("dropped", dropped, as_json)


def _with(
    config: Config,
    overrides: Overrides,
    magento_root: MagentoRoot,
    name: str | None,
    ask: Callable[[DeadLetters], Awaitable[Any]],
    *,
    act: str = "",
) -> Any:
    """Ask the dead letters of a queue; an act, which returns how many it was about, is logged."""
    settings, _ = settings_of(config, overrides, magento_root)
    if act:
        start_log(settings)

    async def asking() -> Any:
        # A deletion of many may take long; who only reads should soon see that the database hangs.
        silence_seconds = None if act else _READ_SECONDS
        queue = open_queue(settings, name, must_exist=True, silence_seconds=silence_seconds)
        try:
            answer = await ask(queue.dead_letters)
            if act:
                is_deletion = act == "dropped"
                letters = count(answer, "dead letter")
                record_action(f"{act} %s of %s", letters, queue.name, is_deletion=is_deletion)
            return answer
        finally:
            await queue.close()

    return asyncio.run(asking())


def _chosen(numbers: list[int] | None, every: bool) -> list[int] | None:
    if every == bool(numbers):
        raise typer.BadParameter("name the dead letters by their ids, or use --all")
    return numbers


def _report(done: str, number: int, as_json: bool) -> None:
    if as_json:
        show_json({done: number})
    else:
        out.print(f"{number} {done}")


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "captureId": letter.capture_id,
        "event": letter.event,
        "storeId": letter.view_id,
        "reason": letter.reason,
        "buriedAt": _time(letter),
    }


def _time(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(letter.buried_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
