"""`agent install` and `agent check`, on folders of stores with real PHP and a real database."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge import __version__
from magento_eventbridge.magento.agent import copying
from magento_eventbridge.magento.agent.module import AgentError, StoreFolder, shipped
from magento_eventbridge.magento.installation import AGENT, ORIGINAL, TABLES
from magento_eventbridge.magento.process_names import new_name
from magento_eventbridge.magento.switches import switches
from tests.support.process import COMMAND, environment
from tests.support.programs import php
from tests.support.shop import Shop

CHECKOUT = Path(__file__).parents[2]
NOBODY = 65534

# Records how it was called, and fails where the test says so.
CONSOLE = """#!/usr/bin/env php
<?php
$words = implode(' ', array_slice($argv, 1));
file_put_contents('var/ran', $words . "\\n", FILE_APPEND);
echo 'Magento says: ' . $words . "\\n";
if ($argv[1] === 'maintenance:enable') { touch('var/.maintenance.flag'); }
if ($argv[1] === 'maintenance:disable') { unlink('var/.maintenance.flag'); }
exit(is_file('var/fails-at') && trim(file_get_contents('var/fails-at')) === $argv[1] ? 3 : 0);
"""


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def state(self, name: str) -> str:
        """Return the state of a finding that must occur once."""
        (state,) = {f["state"] for f in self.json["findings"] if f["name"] == name}
        return str(state)


@dataclass(frozen=True)
class Magento:
    root: Path

    @property
    def module(self) -> Path:
        return self.root / "app/code/MagentoEventBridge/Agent"

    @property
    def ran(self) -> list[str]:
        output = self.root / "var/ran"
        lines = output.read_text().splitlines() if output.exists() else []
        return [line.removesuffix(" --no-interaction") for line in lines]

    def write(self, *, mode: str = "default", modules: str = "") -> None:
        (self.root / "app/etc/env.php").write_text(f"<?php return ['MAGE_MODE' => '{mode}'];")
        (self.root / "app/etc/config.php").write_text(f"<?php return ['modules' => [{modules}]];")

    def agent(self, *words: str) -> Ran:
        first, *others = words
        ran = subprocess.run(
            [COMMAND, "agent", first, str(self.root), *others],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=environment(Path("/nonexistent"), "http://127.0.0.1:1"),
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def as_store(root: Path) -> Magento:
    for folder in ("bin", "app/etc", "app/code", "var"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "bin/magento").write_text(CONSOLE)
    return Magento(root)


@pytest.fixture
def magento(tmp_path: Path) -> Magento:
    made = as_store(tmp_path / "html")
    made.write()
    return made


def test_the_module_is_copied_without_its_tests_and_the_commands_are_printed(
    magento: Magento,
) -> None:
    ran = magento.agent("install")
    assert (ran.status, ran.err) == (0, "")
    assert f"copied version {__version__}" in ran.out
    assert [line.strip() for line in ran.out.splitlines() if "bin/magento" in line] == [
        f"bin/magento module:enable {AGENT}",
        "bin/magento setup:upgrade",
        "bin/magento cache:flush",
    ]
    places = {path.relative_to(magento.module) for path in magento.module.rglob("*")}
    assert {Path("registration.php"), Path("etc/di.xml"), Path("etc/events.xml")} <= places
    assert not {place for place in places if place.parts[0] == "Test"}
    assert magento.ran == []


def test_uninstalling_prints_what_disables_the_module_and_changes_nothing(magento: Magento) -> None:
    magento.agent("install")
    magento.write(mode="production", modules=f"'{AGENT}' => 1")
    ran = magento.agent("uninstall")
    assert (ran.status, ran.err) == (0, "")
    assert [line.strip() for line in ran.out.splitlines() if "bin/magento" in line] == [
        "bin/magento maintenance:enable",
        f"bin/magento module:disable {AGENT}",
        "bin/magento setup:di:compile",
        "bin/magento cache:flush",
        "bin/magento maintenance:disable",
    ]
    assert "leaves the tables" in ran.out
    assert magento.ran == []
    assert magento.module.exists()


def test_uninstalling_runs_the_commands(magento: Magento) -> None:
    magento.write(modules=f"'{AGENT}' => 1")
    assert magento.agent("uninstall", "--run").status == 0
    assert magento.ran == [f"module:disable {AGENT}", "cache:flush"]


def test_uninstalling_a_module_that_is_disabled_runs_nothing(magento: Magento) -> None:
    magento.write(modules=f"'{AGENT}' => 0")
    ran = magento.agent("uninstall", "--run")
    assert (ran.status, magento.ran) == (0, [])
    assert "is not enabled" in ran.out


@pytest.fixture
def disabled(shop: Shop) -> Magento:
    """A store with its database, and the agent disabled."""
    made = as_store(shop.root)
    shop.config_php.write_text(f"<?php return ['modules' => ['{AGENT}' => 0]];")
    return made


def tables_of(shop: Shop) -> set[str]:
    with shop.outbox.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
            (shop.outbox.options.database,),
        )
        return {name.removeprefix(shop.outbox.options.table_prefix) for (name,) in cursor}


def test_dropping_the_tables_refuses_while_a_capture_waits(disabled: Magento, shop: Shop) -> None:
    shop.run("INSERT INTO {eventbridge_outbox} (body) VALUES ('{{}}'), ('{{}}')")
    ran = disabled.agent("uninstall", "--drop-tables")
    assert (ran.status, ran.out) == (1, "")
    assert "2 captures wait and 0 are dead letters" in ran.err
    assert set(TABLES) <= tables_of(shop)


def test_dropping_the_tables_refuses_while_there_is_a_dead_letter(
    disabled: Magento, shop: Shop
) -> None:
    shop.run("INSERT INTO {eventbridge_dead_letter} (body, reason) VALUES ('{{}}', 'x')")
    ran = disabled.agent("uninstall", "--drop-tables")
    assert ran.status == 1
    assert "0 captures wait and 1 are dead letters" in ran.err
    assert set(TABLES) <= tables_of(shop)


def test_dropping_the_tables_refuses_while_a_bridge_runs(disabled: Magento, shop: Shop) -> None:
    shop.beat()
    ran = disabled.agent("uninstall", "--drop-tables")
    assert ran.status == 1
    assert "a bridge uses the tables: stop it" in ran.err
    assert set(TABLES) <= tables_of(shop)


def test_the_tables_are_dropped_as_soon_as_a_bridge_of_this_machine_is_stopped(
    disabled: Magento, shop: Shop
) -> None:
    code = "from magento_eventbridge.magento.process_names import new_name; print(new_name())"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    shop.beat(bridge=new_name())
    assert disabled.agent("uninstall", "--drop-tables").status == 1, "this process runs"
    shop.run("DELETE FROM {eventbridge_bridge}")
    shop.beat(bridge=ran.stdout.strip())
    assert disabled.agent("uninstall", "--drop-tables").status == 0
    assert not set(TABLES) & tables_of(shop)


def test_dropping_the_tables_refuses_while_the_module_is_enabled(
    disabled: Magento, shop: Shop
) -> None:
    shop.config_php.write_text(f"<?php return ['modules' => ['{AGENT}' => 1]];")
    ran = disabled.agent("uninstall", "--drop-tables")
    assert ran.status == 1
    assert "the module is enabled" in ran.err
    assert set(TABLES) <= tables_of(shop)


def test_empty_tables_are_dropped_and_no_others(disabled: Magento, shop: Shop) -> None:
    shop.beat(seconds_ago=60)
    before = tables_of(shop)
    ran = disabled.agent("uninstall", "--drop-tables")
    assert (ran.status, ran.err) == (0, "")
    assert before - tables_of(shop) == set(TABLES)
    again = disabled.agent("uninstall", "--drop-tables")
    assert (again.status, again.out) == (0, "There are no tables to drop.\n")


def test_installing_again_changes_nothing(magento: Magento) -> None:
    magento.agent("install")
    before = magento.module.stat().st_ino
    ran = magento.agent("install", "--json")
    assert (ran.status, ran.json["changed"]) == (0, False)
    assert magento.module.stat().st_ino == before


def test_an_older_version_is_replaced_and_nothing_else_is_touched(magento: Magento) -> None:
    magento.agent("install")
    beside = magento.module.with_name("Other")
    beside.mkdir()
    (beside / "registration.php").write_text("<?php // somebody else's")
    context = magento.module / "Capture/Context.php"
    context.write_text(context.read_text().replace(f"'{__version__}'", "'0.0.1'"))
    (magento.module / "Model/Gone.php").write_text("<?php // of the older version")
    unfinished = magento.module.with_name(".Agent.12345678")
    unfinished.mkdir()

    output = magento.agent("install", "--json").json

    assert (output["former_version"], output["version"]) == ("0.0.1", __version__)
    assert not StoreFolder(magento.root).copied.differences(shipped())
    assert sorted(path.name for path in magento.module.parent.iterdir()) == ["Agent", "Other"]
    assert (beside / "registration.php").exists()


def test_a_copy_that_fails_leaves_the_former_version(magento: Magento, monkeypatch) -> None:
    store = StoreFolder(magento.root)
    copying.copy(shipped(), store)
    (magento.module / "registration.php").write_text(f"<?php // an older one of {AGENT}")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(AgentError, match="No space left on device"):
        copying.copy(shipped(), store)
    assert "an older one" in (magento.module / "registration.php").read_text()
    assert [path.name for path in magento.module.parent.iterdir()] == ["Agent"]


@pytest.mark.parametrize("words", [("install",), ("check",)])
def test_a_folder_that_is_no_store_is_wrong_use(tmp_path: Path, words: tuple[str]) -> None:
    ran = Magento(tmp_path).agent(*words)
    assert (ran.status, ran.out) == (2, "")
    assert "is no root of a Magento 2 store" in ran.err


def test_what_composer_installed_is_left_to_composer(magento: Magento) -> None:
    vendor = magento.root / "vendor/magento-eventbridge/module-agent"
    shutil.copytree(shipped().folder, vendor)
    ran = magento.agent("install")
    assert ran.status == 0
    assert "composer update magento-eventbridge/module-agent" in ran.out
    assert not magento.module.exists()

    shutil.copytree(vendor, magento.module)
    ran = magento.agent("install")
    assert ran.status == 1
    assert "both hold the agent" in ran.err


def test_what_is_not_the_agent_is_not_replaced(magento: Magento, tmp_path: Path) -> None:
    magento.module.mkdir(parents=True)
    (magento.module / "registration.php").write_text("<?php // something else")
    ran = magento.agent("install")
    assert (ran.status, (magento.module / "registration.php").exists()) == (1, True)
    assert "something else than the agent" in ran.err

    shutil.rmtree(magento.module)
    magento.module.symlink_to(tmp_path)
    ran = magento.agent("install")
    assert (ran.status, magento.module.is_symlink()) == (1, True)
    assert "is a link to" in ran.err


def test_a_computed_mode_stops_it_before_anything_is_copied(magento: Magento) -> None:
    (magento.root / "app/etc/env.php").write_text("<?php return ['MAGE_MODE' => mode()];")
    ran = magento.agent("install")
    assert (ran.status, ran.out) == (2, "")
    assert "env.php" in ran.err
    assert not magento.module.exists()


def test_a_store_that_is_not_set_up_needs_no_commands(magento: Magento) -> None:
    (magento.root / "app/etc/env.php").unlink()
    ran = magento.agent("install", "--run")
    assert (ran.status, magento.ran) == (0, [])
    assert magento.module.exists()


def test_run_runs_the_commands_and_shows_what_they_print_if_asked(magento: Magento) -> None:
    magento.write(modules=f"'{AGENT}' => 1")
    ran = magento.agent("install", "--run", "--php", php(), "--json")
    assert ran.status == 0
    assert magento.ran == ["setup:upgrade", "cache:flush"] == ran.json["ran"]
    assert "$ " in ran.err
    assert "Magento says" not in ran.err
    ran = magento.agent("install", "--run", "--php", php(), "--verbose")
    assert "Magento says: setup:upgrade" in ran.err


def test_in_production_the_shop_is_shut_while_classes_are_made(magento: Magento) -> None:
    magento.write(mode="production")
    assert magento.agent("install", "--run").status == 0
    assert magento.ran == [
        "maintenance:enable",
        f"module:enable {AGENT}",
        "setup:upgrade",
        "setup:di:compile",
        "cache:flush",
        "maintenance:disable",
    ]


def test_a_shop_that_was_shut_already_stays_shut(magento: Magento) -> None:
    magento.write(mode="production")
    (magento.root / "var/.maintenance.flag").touch()
    assert not [
        word for word in magento.agent("install", "--json").json["commands"] if "maint" in word
    ]


def test_run_stops_at_the_first_failure_and_says_how_to_go_on(magento: Magento) -> None:
    magento.write(mode="production")
    (magento.root / "var/fails-at").write_text("setup:upgrade")
    ran = magento.agent("install", "--run")
    assert ran.status == 1
    assert magento.ran[-1] == "setup:upgrade"
    assert "'bin/magento setup:upgrade' failed with status 3" in ran.err
    assert "Magento says: setup:upgrade" in ran.err
    assert "Magento says: maintenance:enable" not in ran.err
    assert "setup:di:compile, cache:flush, maintenance:disable" in ran.err
    assert "The shop is still shut" in ran.err


def test_a_php_that_is_not_there_is_reported_of(magento: Magento) -> None:
    ran = magento.agent("install", "--run", "--php", "no-such-php")
    assert ran.status == 1
    assert "cannot run no-such-php: No such file or directory" in ran.err


@pytest.fixture
def somebody_elses() -> Iterator[Magento]:
    """A store whose files belong to another user, in a folder that this user can enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    folder = Path(tempfile.mkdtemp(prefix="eventbridge-store-"))
    folder.chmod(0o755)
    made = as_store(folder / "html")
    made.write()
    for path in (made.root, *made.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    (made.root / "app/code").chmod(0o2775)
    yield made
    shutil.rmtree(folder)


def test_files_and_commands_are_the_owners_of_the_store(somebody_elses: Magento) -> None:
    assert somebody_elses.agent("install", "--run").status == 0
    copied = (somebody_elses.module.parent, *somebody_elses.module.parent.rglob("*"))
    for path in copied:
        found = path.stat()
        assert (found.st_uid, found.st_gid) == (NOBODY, NOBODY), path
        assert stat.S_IMODE(found.st_mode) == (0o2775 if path.is_dir() else 0o664), path
    assert (somebody_elses.root / "var/ran").stat().st_uid == NOBODY


def test_a_store_that_may_not_be_written_is_reported_of(somebody_elses: Magento) -> None:
    (somebody_elses.root / "app/code").chmod(0o555)
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.setuid(1)
        try:
            copying.copy(shipped(), StoreFolder(somebody_elses.root))
        except AgentError as error:
            os._exit(7 if "cannot be written (Permission denied)" in str(error) else 8)
        except BaseException:
            os._exit(9)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.fixture
def set_up(shop: Shop) -> Magento:
    """A store with its database, with the agent installed and set up, and a running bridge."""
    made = as_store(shop.root)
    made.agent("install")
    shop.run("UPDATE {cron_schedule} SET executed_at = NOW() WHERE status = 'success'")
    shop.beat()
    return made


def test_a_store_where_all_is_well_passes(set_up: Magento) -> None:
    ran = set_up.agent("check", "--json")
    assert (ran.status, ran.json["ok"]) == (0, True), ran.out
    assert {finding["state"] for finding in ran.json["findings"]} == {"ok"}
    output = set_up.agent("check").out
    assert f"ok    module: {__version__} in {set_up.module}" in output
    assert "ok    bridge: it was alive" in output


def test_a_changed_wiring_is_found(set_up: Magento) -> None:
    (set_up.module / "etc/events.xml").write_text("<config/>")
    (set_up.module / "Fence.php").unlink()
    ran = set_up.agent("check")
    assert ran.status == 1
    assert "FAIL  files: changed, missing or foreign: Fence.php, etc/events.xml" in ran.out


def test_another_version_is_found(set_up: Magento) -> None:
    context = set_up.module / "Capture/Context.php"
    context.write_text("<?php class Context { public const VERSION = '0.0.1'; }")
    ran = set_up.agent("check")
    assert ran.status == 1
    assert (
        f"FAIL  module: 0.0.1 in {set_up.module}; this bridge comes with {__version__}" in ran.out
    )
    context.write_text("<?php")
    assert "does not say which version" in set_up.agent("check").out


def test_a_missing_module_is_found(set_up: Magento) -> None:
    shutil.rmtree(set_up.module)
    ran = set_up.agent("check", "--json")
    assert (ran.status, ran.state("module")) == (1, "fail")


def test_a_module_that_is_there_twice_is_found(set_up: Magento) -> None:
    shutil.copytree(set_up.module, set_up.root / "vendor/magento-eventbridge/module-agent")
    ran = set_up.agent("check")
    assert ran.status == 1
    assert "FAIL  module: it is installed twice" in ran.out


def test_the_original_module_beside_it_is_found(set_up: Magento, shop: Shop) -> None:
    shop.config_php.write_text(f"<?php return ['modules' => ['{AGENT}' => 1, '{ORIGINAL}' => 1]];")
    assert f"module:disable {ORIGINAL}" in set_up.agent("check").out


def test_a_cron_and_a_bridge_that_stand_still_are_found(set_up: Magento, shop: Shop) -> None:
    shop.run("UPDATE {cron_schedule} SET executed_at = NOW() - INTERVAL 3 HOUR")
    shop.beat(seconds_ago=600)
    ran = set_up.agent("check", "--json")
    assert (ran.status, ran.state("cron"), ran.state("bridge")) == (1, "warn", "fail")
    assert "the last one was alive 10 minutes ago" in ran.out


def test_no_heartbeat_is_missed_where_captures_go_over_http(set_up: Magento, shop: Shop) -> None:
    shop.save("agent/transport", "http")
    shop.beat(seconds_ago=600)
    ran = set_up.agent("check", "--json")
    assert (ran.status, ran.state("bridge")) == (0, "ok")


def test_a_database_that_does_not_answer_is_reported_of_without_its_password(
    set_up: Magento, shop: Shop
) -> None:
    shop.write_env_php(host="'127.0.0.1:1'")
    ran = set_up.agent("check")
    assert ran.status == 1
    assert "FAIL  store: 127.0.0.1:1/" in ran.out
    assert shop.outbox.options.password not in ran.out + ran.err


def test_the_wheel_brings_the_module_along(tmp_path: Path) -> None:
    pip = [str(Path(COMMAND).with_name("python")), "-m", "pip", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(CHECKOUT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "wheel", "zip")
    packed = tmp_path / "wheel/magento_eventbridge/magento/agent/module"
    assert not (packed / "Test").exists()
    assert not shipped().differences(type(shipped())(packed))


def test_bridge_and_agent_have_the_same_version() -> None:
    assert shipped().version == __version__


def test_a_store_in_which_no_bridge_has_run_yet_passes(set_up: Magento, shop: Shop) -> None:
    shop.run("DELETE FROM {eventbridge_bridge}")
    ran = set_up.agent("check", "--json")
    assert (ran.status, ran.state("bridge")) == (0, "info")
    assert "info  bridge: no bridge has run yet" in set_up.agent("check").out


def switch(shop: Shop, *words: str) -> Ran:
    ran = subprocess.run(
        [COMMAND, "agent", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=shop.root,
        env=environment(shop.root / "var", "http://127.0.0.1:1"),
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def on(shop: Shop) -> set[str]:
    return {row["name"] for row in switch(shop, "status", "--json").json if row["on"]}


def test_events_are_switched_off_and_on_in_one_step(set_up: Magento, shop: Shop) -> None:
    assert len(on(shop)) == len(switches())
    ran = switch(shop, "disable", "--all")
    assert (ran.status, on(shop)) == (0, set()), ran.err
    ran = switch(shop, "enable", "cart", "OrderPlaced", "--magento-root", str(shop.root))
    assert (ran.status, ran.out) == (0, "4 events are switched on in the store.\n"), ran.err
    cart = {"cart/product_added", "cart/product_updated", "cart/product_removed"}
    assert on(shop) == cart | {"order/placed"}
    log = (shop.root / "var/bridge.log").read_text()
    assert re.search(
        r"Command: \S.* switched on in the store: cart/product_added, .*order/placed", log
    )
    # A running shop reads its configuration from the cache.
    assert set_up.ran[-2:] == ["cache:clean config"] * 2


def test_a_store_view_is_switched_by_its_code(set_up: Magento, shop: Shop) -> None:
    shop.add_view(2, "german")
    assert switch(shop, "disable", "cron", "--view", "german").status == 0
    rows = {row["name"]: row for row in switch(shop, "status", "--json").json}
    assert (rows["cron/started"]["on"], rows["cron/started"]["differs_in"]) == (True, ["german"])
    assert rows["order/placed"]["differs_in"] == []
    assert "cron/started" in switch(shop, "status").out
    assert "yes, but not in german" in switch(shop, "status").out
    ran = switch(shop, "enable", "cron", "--view", "italian")
    assert (ran.status, ran.out) == (2, "")
    assert "no store view 'italian', only: default, german" in ran.err


def test_what_stays_different_in_a_store_view_is_reported(set_up: Magento, shop: Shop) -> None:
    shop.add_view(2, "german")
    shop.save("events_order/placed", "0", "stores", 2)
    ran = switch(shop, "enable", "--all")
    assert ran.status == 1
    assert "warn  order/placed: not on everywhere, by core_config_data" in ran.out


def test_a_cache_that_is_not_cleaned_is_reported(set_up: Magento, shop: Shop) -> None:
    (shop.root / "var/fails-at").write_text("cache:clean")
    ran = switch(shop, "disable", "order")
    assert ran.status == 1
    assert "The values are saved. The shop reads them after that command." in ran.err
    assert "order/placed" not in on(shop)


@pytest.mark.parametrize("words", [[], ["--all", "cart"]])
def test_switching_needs_either_names_or_all(shop: Shop, words: list[str]) -> None:
    ran = switch(shop, "enable", *words)
    assert ran.status == 2
    assert "name the events, or give --all" in ran.err
