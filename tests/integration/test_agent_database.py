"""The agent's hand-over to a real database server: what a fault of the outbox costs the shop."""

import os
import re
import subprocess
from pathlib import Path

from tests.support import mariadb
from tests.support.programs import php, program

AGENT = Path(__file__).parents[2] / "agent"


def test_a_fault_of_the_outbox_costs_no_save_of_the_shop() -> None:
    interpreter = php("pdo_mysql")
    phpunit = program("phpunit", "phpunit")
    # A private server, because the tests change its limits.
    with mariadb.private() as server:
        assert server.folder
        options = server.options
        environment = {
            **os.environ,
            "AGENT_TEST_DSN": f"mysql:host={options.host};port={options.port}"
            f";dbname={options.database};charset=utf8",
            "AGENT_TEST_ADMIN_DSN": f"mysql:unix_socket={server.folder / 'socket'}"
            f";dbname={options.database};charset=utf8",
            "AGENT_TEST_PASSWORD": options.password,
        }
        command = [interpreter, "-d", "memory_limit=1G", phpunit, "--no-coverage"]
        command += [
            "--configuration",
            str(AGENT / "Test/phpunit.xml"),
            str(AGENT / "Test/Database"),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^OK \(\d+ tests", done.stdout, re.MULTILINE), done.stdout
