"""Read `app/etc/env.php` and `config.php`: the arrays that they return."""

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from magento_eventbridge.magento.php.files import PhpContext
from magento_eventbridge.magento.php.functions import from_json
from magento_eventbridge.magento.php.statements import evaluate_file
from magento_eventbridge.magento.php.syntax import MAX_BYTES
from magento_eventbridge.magento.php.values import PhpArray, PhpFileError

ENV_PHP = Path("app/etc/env.php")
CONFIG_PHP = Path("app/etc/config.php")

# The files' own output is dropped; what they include is watched for changes, too.
_ASK_PHP = """
define('BP', $argv[1]);
$arrays = [];
ob_start();
foreach (array_slice($argv, 2) as $file) {
    $arrays[] = is_file($file) ? include $file : [];
}
ob_end_clean();
$flags = JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION;
echo json_encode(['arrays' => $arrays, 'files' => get_included_files()], $flags);
"""


@dataclass(frozen=True)
class Deployment:
    """The contents of a store's two files; `env.php` overrides `config.php`.

    `files` are all files that were read, or looked for, to evaluate them.
    """

    env: PhpArray
    config: PhpArray
    files: frozenset[Path] = frozenset()

    def __repr__(self) -> str:
        return "Deployment(…)"  # it contains passwords and keys


def read_deployment(
    root: Path,
    environment: Mapping[str, str],
    *,
    php: str | None = None,
    php_seconds: float = 10.0,
) -> Deployment:
    """Read the files of the store in a folder; `config.php` may be missing.

    Args:
        root: the store's folder.
        environment: what `getenv('NAME')`, `$_ENV['NAME']` and `$_SERVER['NAME']` return.
        php: a PHP program that evaluates the files; None: the bridge does, without running them.
        php_seconds: how long that program may take.

    Raises:
        PhpFileError: a file is missing, or cannot be read as an array.
    """
    config = root / CONFIG_PHP
    _check_regular(root / ENV_PHP)
    _check_regular(config)
    _check_readable(root)
    if php is not None:
        return _ask_php(php, php_seconds, root, environment)
    files: set[Path] = set()
    return Deployment(
        env=read_php_array(root / ENV_PHP, environment, root=root, files=files),
        config=(
            read_php_array(config, environment, root=root, files=files) if config.exists() else {}
        ),
        files=frozenset(files),
    )


def read_php_array(
    path: Path,
    environment: Mapping[str, str] | None = None,
    *,
    root: Path | None = None,
    files: set[Path] | None = None,
) -> PhpArray:
    """Read the array that a PHP file returns.

    A value that cannot be evaluated does not prevent reading the others: it is a `Computed`.

    Raises:
        PhpFileError: with file and line, when there is no such array.
    """
    try:
        with path.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PhpFileError(f"{path}: {error.strerror or error}") from None
    context = PhpContext(environment or {}, root, included={path.resolve()})
    try:
        return evaluate_file(source, str(path), context, path.resolve())
    finally:
        if files is not None:
            files |= context.files


def parse_php_array(
    source: bytes, name: str, environment: Mapping[str, str] | None = None
) -> PhpArray:
    """Read the array that a PHP source returns, which can read no other files."""
    return evaluate_file(source, name, PhpContext(environment or {}))


def _check_regular(path: Path) -> None:
    """Refuse what is no file, before it is opened: to open a named pipe waits for its writer.

    Raises:
        PhpFileError: it exists, and is no regular file.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # reading it reports why
    if stat.S_ISDIR(mode):
        raise PhpFileError(f"{path}: Is a directory")
    if not stat.S_ISREG(mode):
        raise PhpFileError(f"{path}: not a regular file")


def _check_readable(root: Path) -> None:
    """Say what to do when a store's `env.php` cannot be opened.

    Raises:
        PhpFileError: it cannot.
    """
    path = root / ENV_PHP
    try:
        path.open("rb").close()
    except OSError as error:
        raise PhpFileError(f"{path}: {error.strerror or error}. {_remedy(root, error)}") from None


def _remedy(root: Path, error: OSError) -> str:
    setting = f"Set magento_root (--magento-root) to the store's folder, the one with {ENV_PHP}"
    if isinstance(error, PermissionError):
        return (
            f"Run the bridge as the user of the store's PHP, or let user ID {os.geteuid()} read "
            f"this file and enter its folders"
        )
    if not root.is_dir():
        is_there = root.exists()
        return f"{root} {'is not a folder' if is_there else 'does not exist'}. {setting}"
    if not (root / ENV_PHP).parent.is_dir():
        return f"{root} is not the folder of a Magento store: it has no app/etc. {setting}"
    return "Magento writes this file when it is installed: install it, or restore the file"


def _ask_php(php: str, seconds: float, root: Path, environment: Mapping[str, str]) -> Deployment:
    """Let PHP evaluate the files: it runs whatever is in them."""
    paths = [root / ENV_PHP, root / CONFIG_PHP]
    command = [
        php,
        "-d",
        "display_errors=0",
        "-r",
        _ASK_PHP,
        "--",
        str(root.resolve()),
        *map(str, paths),
    ]
    try:
        ran = subprocess.run(  # noqa: S603  the operator names the program
            command, env=dict(environment), capture_output=True, check=False, timeout=seconds
        )
        answer = json.loads(ran.stdout)
        env, config = (from_json(array) for array in answer["arrays"])
    except OSError as error:
        raise PhpFileError(f"{php}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise PhpFileError(f"{php} did not evaluate {paths[0]} in {seconds:.0f} s") from None
    except (ValueError, TypeError, KeyError):
        raise PhpFileError(
            f"{php} could not evaluate {paths[0]} (exit status {ran.returncode})"
        ) from None
    if not isinstance(env, dict) or not isinstance(config, dict):
        raise PhpFileError(f"{paths[0]}: does not return an array")
    return Deployment(env, config, frozenset(map(Path, answer["files"])))
