"""Programs are installed once, however many tests need them at the same moment."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import programs

# Like the real one, it refuses to run while another one runs.
_APT_GET = """#!/bin/sh
mkdir "{folder}/lock" || exit 100
sleep 0.2
for package; do :; done
case " $* " in *" install "*)
  printf "#!/bin/sh\\n" >"{folder}/$package"
  chmod 755 "{folder}/$package" ;;
esac
rmdir "{folder}/lock"
"""


def test_programs_that_are_missed_at_once_are_installed_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(_APT_GET.format(folder=tmp_path))
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(programs, "_POLICY", tmp_path / "policy")
    monkeypatch.setattr(programs, "_LOCK", tmp_path / "turns")
    names = ["a-broker", "a-database", "a-language"]
    begin = threading.Barrier(len(names))

    def find(name: str) -> str:
        begin.wait()
        return programs.program(name, name)

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(find, names)) == [str(tmp_path / name) for name in names]
    assert not (tmp_path / "policy").exists()
