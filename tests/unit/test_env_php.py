"""env.php and config.php are read as PHP would, nothing in them is run, nothing can crash it."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magento_eventbridge.magento.env_php import (
    MAX_BYTES,
    MAX_DEPTH,
    Constant,
    PhpArray,
    PhpFileError,
    parse_php_array,
    read_deployment,
    read_php_array,
    section,
)
from tests.support.programs import php

STORE = Path(__file__).parents[1] / "fixtures/magento"
SECRET = "hunter2"
ENVIRONMENT = {"DB_HOST": "database", "EMPTY": ""}


def value(expression: str) -> Any:
    return parse_php_array(f"<?php return ['k' => {expression}];".encode(), "env.php", ENVIRONMENT)[
        "k"
    ]


def fault(source: str | bytes) -> str:
    """Give what is told of a file at once, or when its one value is needed."""
    text = source if isinstance(source, bytes) else source.encode()
    with pytest.raises(PhpFileError) as caught:
        only = next(iter(parse_php_array(text, "env.php", ENVIRONMENT).values()))
        while isinstance(only, dict):
            only = next(iter(only.values()))
        only.fail()
    return str(caught.value)


# What is read


def test_the_recorded_file_is_read():
    env = read_php_array(STORE / "app/etc/env.php")
    assert section(env, "db", "connection", "default") == {
        "host": "127.0.0.1:3306",
        "dbname": "magento",
        "username": "magento",
        "password": "magento",
        "model": "mysql4",
        "engine": "innodb",
        "initStatements": "SET NAMES utf8;",
        "active": "1",
        "driver_options": {1014: False},
    }
    assert env["downloadable_domains"] == {0: "127.0.0.1"}
    assert len(section(env, "cache_types")) == 14
    assert section(env, "db", "nothing", "there") == section(env, "MAGE_MODE") == {}


LITERALS = [
    ("'it\\'s \\\\ \\n $x'", "it's \\ \\n $x"),
    ('"a\\tb\\"\\$x\\\\ \\q \\x41\\x4a \\101\\400 \\u{1F600} \\e\\v\\f\\r\\n"',
     'a\tb"$x\\ \\q AJ A\0 😀 \x1b\v\f\r\n'),
    ('"a $ b $5 {x} \\xc3\\xa9"', "a $ b $5 {x} é"),
    ("b'x'", "x"),
    ("''", ""),
    ('""', ""),
    ("'a\nb'", "a\nb"),
    ("'a' . \"b\" . 'c' . 1", "abc1"),
    ("('p')", "p"),
    ("0", 0),
    ("-4", -4),
    ("+4", 4),
    ("-(-4)", 4),
    ("- /* minus */ 4.5", -4.5),
    ("1_000", 1000),
    ("017", 15),
    ("0x1F", 31),
    ("0b11", 3),
    (".5", 0.5),
    ("6.", 6.0),
    ("1.5e3", 1500.0),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775808", 2.0**63),
    ("TRUE", True),
    ("false", False),
    ("Null", None),
    ("\\Some\\Kind::class", "Some\\Kind"),
    ("[]", {}),
    ("array()", {}),
    ("[1, 'x' => 2, 3,]", {0: 1, "x": 2, 1: 3}),
    ("array('8' => 1, 2, '08' => 3, '-5' => 4, '-0' => 5)",
     {8: 1, 9: 2, "08": 3, -5: 4, "-0": 5}),
    ("[true => 1, null => 2, 'a' => 3, 'a' => 4, '9223372036854775808' => 5]",
     {1: 1, "": 2, "a": 4, "9223372036854775808": 5}),
    ("[ // one\n # two\n 'a' /* three */ => /** four */ 1 ]", {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), LITERALS)
def test_a_literal_has_the_value_that_php_gives_it(expression, expected):
    read = value(expression)
    assert read == expected
    assert type(read) is type(expected)


def test_a_constant_is_kept_by_name():
    assert value("[\\PDO::MYSQL_ATTR_SSL_CA => '/ca.pem', PHP_INT_MAX => \\A\\B::C]") == {
        Constant("PDO::MYSQL_ATTR_SSL_CA"): "/ca.pem",
        Constant("PHP_INT_MAX"): Constant("A\\B::C"),
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("getenv('DB_HOST')", "database"),
        ('\\GetEnv("DB_HOST")', "database"),
        ("$_ENV['DB_HOST']", "database"),
        ("$_SERVER['DB_HOST']", "database"),
        ("$_ENV['DB_HOST'] ?? 'else'", "database"),
        ("$_ENV['NONE'] ?? 'else'", "else"),
        ("$_ENV['EMPTY'] ?? 'else'", ""),
        ("getenv('NONE') ?: 'else'", "else"),
        ("getenv('EMPTY') ?: 'else'", "else"),
        ("'mysql.' . getenv('DB_HOST')", "mysql.database"),
    ],
)
def test_the_environment_is_asked_where_the_file_asks_it(expression, expected):
    assert value(expression) == expected


@pytest.mark.parametrize(
    "source",
    [
        "<?php\ndeclare(strict_types=1);\n// a comment\nreturn ['a' => 1];\n",
        "\ufeff<?php return ['a' => 1] ?>\n\n",
        "<?php ; return array('a' => 1); # end",
    ],
)
def test_what_may_stand_beside_the_array(source):
    assert parse_php_array(source.encode(), "config.php") == {"a": 1}


# What is refused, and how


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        (f"strrev('{SECRET}')", "a function call"),
        (f"getenv('{SECRET}', true)", "a function call"),
        ("getenv()", "a function call"),
        ("getenv($name)", "a function call"),
        (f"$secrets['{SECRET}']", "an element of a variable"),
        ("$_ENV[$name]", "an element of a variable"),
        ("$variable", "a variable"),
        (f"include '{SECRET}.php'", "an include"),
        (f'"{SECRET} $x"', "a string with a variable in it"),
        (f"new Secret('{SECRET}')", "a new object"),
        (f"Vault::read('{SECRET}')", "a method call"),
        (f"(string) '{SECRET}'", "a cast"),
        (f"true ? '{SECRET}' : 1", "a condition"),
        (f"'{SECRET}' ?: 1", "a condition"),
        (f"'{SECRET}' ?? 1", "a calculation"),
        ("1 + 2", "a calculation"),
        ("!true", "a calculation"),
        ("-true", "a calculation"),
        (f"-'{SECRET}'", "a calculation"),
        (f"fn() => '{SECRET}'", "a function"),
        (f"`{SECRET}`", "a shell command"),
        ("&$x", "a reference"),
        (f"<<<A\n{SECRET}\nA", "a heredoc"),
        ("static::X", "a constant of a changing class"),
        ("PDO::{$x}", "a constant of a changing class"),
        ("[...[1]]", "an unpacking"),
        (f"@file('{SECRET}')", "error suppression expression"),
        ("'a' . 1.5", "a fraction in a joined string"),
        ("'a' . true", "a yes or no in a joined string"),
        ("[1.5 => 1]", "a fraction as a key"),
        ("[[] => 1]", "an array as a key"),
    ],
)
def test_what_is_no_literal_is_told_by_its_kind_and_line(expression, kind):
    told = fault(f"<?php\nreturn [\n'k' =>\n{expression}\n];")
    assert told == (f"env.php, line 4: {kind}: only literal values can be read without running PHP")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("<?php return ['a' => getenv('NONE')];", "line 1: the environment has no NONE"),
        ("<?php return ['a' => getenv('NONE') ?? 1];", "line 1: the environment has no NONE"),
        ('<?php return ["\\xff"];', "line 1: a string that is not UTF-8"),
        ('<?php return ["\\u{D800}"];', "line 1: a string that is not UTF-8"),
        ('<?php return ["\\u{110000}"];', "line 1: a string that is not UTF-8"),
        (f"<?php return [{'9' * 5000}];", "line 1: a number that cannot be read"),
        (f"<?php return [0x{'f' * 1000}];", "line 1: a number that cannot be read"),
        ("<?php return [.];", "line 1: a number that cannot be read"),  # the grammar takes the dot
        ("<?php return [0b2];", "line 1: this is not PHP"),
        ("<?php return \0 [];", "line 1: this is not PHP"),
        ("<?php return [\n0_8];", "line 2: this is not PHP"),
        ("<?php\n\nreturn [1\n2];", "line 4: this is not PHP"),
        ("<?php return [1,,2];", "line 1: this is not PHP"),
        ("<?php return ['a' => 1]", "line 1: this is not PHP"),
        ("<?php return 'a';", "line 1: does not return an array"),
    ],
)
def test_a_fault_has_its_line(source, told):
    assert fault(source) == f"env.php, {told}"


@pytest.mark.parametrize("key", ["PDO::A", "-5"])
def test_an_element_without_a_key_is_refused_where_its_key_is_not_known(key):
    told = "env.php, line 1: an element without a key after a constant or negative one"
    assert fault(f"<?php return [{key} => 1, 2];") == told


@pytest.mark.parametrize("source", ["", "<?php", "<?php return;", "<?php // [1]"])
def test_a_file_that_returns_nothing(source):
    assert fault(source) == "env.php: returns no array"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("<?php $a = 1; return [];", "a statement"),
        ("<?php return []; return [];", "return statement"),
        ("<?php if (true) { return []; }", "if statement"),
        ("<?php declare(ticks=1) { foo(); } return [];", "declare statement"),
        ("<?php return []; ?> text", "text outside of PHP"),
        ("text <?php return [];", "text outside of PHP"),
    ],
)
def test_a_program_is_refused(source, kind):
    assert f"{kind} beside the returned array" in fault(source)


def test_a_computed_value_fails_when_it_is_needed_and_spoils_no_other():
    env = parse_php_array(
        b"<?php return ['crypt' => ['key' => vault()], 'db' => [\n'x' => [1.5 => 1]], 'a' => 1];",
        "env.php",
    )
    assert env["a"] == 1
    assert section(env, "crypt").keys() == {"key"}
    assert section(env, "db", "y") == {}
    with pytest.raises(PhpFileError, match="line 1: a function call: only literal"):
        section(env, "crypt", "key")
    with pytest.raises(PhpFileError, match="line 2: a fraction as a key"):
        section(env, "db", "x", "y")


def test_what_is_not_utf_8_is_told_by_its_line():
    assert fault(b"<?php\nreturn ['\xff'];") == "env.php, line 2: not UTF-8"


def test_depth_and_length_have_limits(tmp_path):
    deepest = MAX_DEPTH - 1
    for left, right in (("[", "]"), ("(", ")"), ("- ", "")):
        nested = left * 100_000 + "1" + right * 100_000
        assert f"nested deeper than {MAX_DEPTH}" in fault(f"<?php return [{nested}];")
    assert value("[" * deepest + "]" * deepest)
    assert value(".".join(["'a'"] * 1000)) == "a" * 1000
    long = tmp_path / "env.php"
    long.write_bytes(b"<?php return []; //" + b"x" * MAX_BYTES)
    with pytest.raises(PhpFileError, match=f"longer than {MAX_BYTES} bytes"):
        read_php_array(long)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(PhpFileError, match=r"app/etc/env\.php: No such file or directory"):
        read_deployment(tmp_path, {})


def test_a_store_may_have_no_config_php_and_its_files_stay_out_of_what_is_shown(tmp_path):
    assert read_deployment(STORE, {}).config == {}
    etc = tmp_path / "app/etc"
    etc.mkdir(parents=True)
    (etc / "env.php").write_text("<?php return ['crypt' => ['key' => getenv('KEY')]];")
    (etc / "config.php").write_text("<?php return ['modules' => ['A_B' => 1]];")
    deployment = read_deployment(tmp_path, {"KEY": SECRET})
    assert deployment.env == {"crypt": {"key": SECRET}}
    assert deployment.config == {"modules": {"A_B": 1}}
    assert SECRET not in repr(deployment)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200) | st.text(alphabet="<?php return[](){}=>,.;'\"\\$a1-\n", max_size=200)
)
def test_nothing_that_a_file_may_hold_crashes_the_reader(content):
    source = content if isinstance(content, bytes) else f"<?php return [{content}];".encode()
    try:
        assert isinstance(parse_php_array(source, "env.php"), dict)
    except PhpFileError as error:
        assert str(error).startswith("env.php")


def test_a_damaged_file_is_told_not_guessed():
    source = (STORE / "app/etc/env.php").read_bytes()
    chance = random.Random(7)
    whole = parse_php_array(source, "env.php")
    for _ in range(200):
        cut = chance.randrange(len(source.rstrip()) - 2)
        with pytest.raises(PhpFileError):
            parse_php_array(source[:cut], "env.php")
    assert parse_php_array(source, "env.php") == whole


# There and back

keys = st.integers(0, 2**63 - 2) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
arrays = st.dictionaries(
    keys,
    st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=12),
    max_size=6,
)


def as_php(value: Any, *, long: bool) -> str:
    """Write a value as a PHP literal: array() and single quotes, or [] and double quotes."""
    match value:
        case None:
            return "NULL" if long else "null"
        case bool():
            return str(value).upper() if long else str(value).lower()
        case int() | float():
            return repr(value)
        case str() if long:
            return (
                "'"
                + value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "' . \"\\0\" . '")
                + "'"
            )
        case str():
            return '"' + "".join(f"\\u{{{ord(char):x}}}" if char in '"\\$\n{\0' else char
                                 for char in value) + '"'  # fmt: skip
        case _:
            inner = ", ".join(
                f"{as_php(key, long=long)} => {as_php(member, long=long)}"
                for key, member in value.items()
            )
            return f"array({inner})" if long else f"[{inner}]"


def coerced(value: Any) -> Any:
    """Make keys what PHP makes them: '8' is 8."""
    if not isinstance(value, dict):
        return value
    made: dict[Any, Any] = {}
    for key, member in value.items():
        text = str(key)
        is_index = text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()
        made[int(text) if is_index and str(int(text)) == text and abs(int(text)) < 2**63
             else key] = coerced(member)  # fmt: skip
    return made


@given(arrays, st.booleans())
def test_an_array_that_is_written_is_read_back(array: PhpArray, long: bool):
    source = f"<?php\nreturn {as_php(array, long=long)};\n"
    read = parse_php_array(source.encode(), "env.php")
    assert read == coerced(array)
    assert repr(read) == repr(coerced(array))  # 1 is not True, -0.0 is not 0


def by_php(source: str, folder: Path) -> Any:
    file = folder / "literal.php"
    file.write_text(source, encoding="utf-8", newline="")
    code = "echo json_encode(include $argv[1], JSON_FORCE_OBJECT | JSON_PRESERVE_ZERO_FRACTION);"
    options = ["-n", "-d", "display_errors=0", "-d", "serialize_precision=-1"]
    interpreter = php()
    told = subprocess.run(
        [interpreter, *options, "-r", code, str(file)], check=True, capture_output=True
    )
    return json.loads(told.stdout)


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): as_json(member) for key, member in value.items()}
    return value


def test_php_itself_reads_the_same(tmp_path):
    @settings(max_examples=20, deadline=None)
    @given(st.lists(arrays, max_size=20), st.booleans())
    def generated(some: list[PhpArray], long: bool):
        source = f"<?php return {as_php(dict(enumerate(some)), long=long)};"
        read = as_json(parse_php_array(source.encode(), "literal.php"))
        assert repr(read) == repr(by_php(source, tmp_path))

    generated()
    source = f"<?php return [{', '.join(expression for expression, _ in LITERALS)}];"
    assert as_json(parse_php_array(source.encode(), "literal.php")) == by_php(source, tmp_path)
    recorded = (STORE / "app/etc/env.php").read_text()
    assert as_json(parse_php_array(recorded.encode(), "env.php")) == by_php(recorded, tmp_path)
