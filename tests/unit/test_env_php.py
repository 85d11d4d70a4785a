"""env.php and config.php: read as PHP reads them, whatever they contain; nothing is run."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magento_eventbridge.magento.env_php import (
    Deployment,
    parse_php_array,
    read_deployment,
    read_php_array,
)
from magento_eventbridge.magento.php.syntax import MAX_BYTES, MAX_DEPTH
from magento_eventbridge.magento.php.values import Constant, PhpArray, PhpFileError, section
from tests.support.programs import php

STORE = Path(__file__).parents[1] / "fixtures/magento"
SECRET = "hunter2"
ENVIRONMENT = {"DB_HOST": "database", "DB_PORT": "3307", "EMPTY": ""}


def value(expression: str) -> Any:
    return parse_php_array(f"<?php return ['k' => {expression}];".encode(), "env.php", ENVIRONMENT)[
        "k"
    ]


def fault(source: str | bytes) -> str:
    """Return the error of a file at once, or when its one value is needed."""
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
    ('"\\X41\\X4a"', "AJ"),
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
    ("0x7fffffffffffffff", 2**63 - 1),
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


def test_a_constant_is_refused_by_its_name_and_line_where_its_value_is_needed():
    env = parse_php_array(b"<?php\nreturn ['queue' =>\nQUEUE, 'db' => \\A\\B::DB];", "env.php")
    with pytest.raises(PhpFileError) as caught:
        section(env, "queue", "amqp")
    assert str(caught.value) == (
        "env.php, line 3: the constant QUEUE: cannot be read without running PHP"
    )
    with pytest.raises(PhpFileError, match=r"line 3: the constant A\\B::DB: cannot be read"):
        section(env, "db")


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


# What is refused, and the messages


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        (f"strrev('{SECRET}')", "a function call"),
        ("trim()", "a function call"),
        ("trim('a', 'b', 'c')", "a function call"),
        ("trim(...$x)", "a function call"),
        ("trim(string: 'a')", "a function call"),
        ("trim('abc', 'a..c')", "a function call"),
        ("trim(PHP_VERSION)", "a function call"),
        ("strtolower('Ä')", "a function call"),
        ("base64_decode('%')", "a function call"),
        ("base64_decode('/w==')", "a function call"),
        ("json_decode('{}')", "a function call"),
        ("array_merge('a')", "a function call"),
        ("array_merge([PDO::A => 1])", "a function call"),
        ("explode('', 'a')", "a function call"),
        ("parse_url('http://[', PHP_URL_HOST)", "a function call"),
        ("parse_url('http://a', PHP_OTHER)", "a function call"),
        ("parse_url('http://a:99999')", "a function call"),
        ("getenv()", "a function call"),
        ("getenv(1)", "a function call"),
        ("getenv($name)", "a variable"),
        ("('trim')('a')", "a function call"),
        ("file_get_contents('/etc/hostname')", "a function call"),
        ("is_file('/etc/hostname')", "a function call"),
        (f"$secrets['{SECRET}']", "a variable"),
        ("$_ENV[$name]", "a variable"),
        ("$_ENV[1]", "an element of a variable"),
        ("[1][5]", "an element of a variable"),
        ("[1][]", "an element of a variable"),
        ("'text'[0]", "an element of a variable"),
        ("$variable", "a variable"),
        (f"include '{SECRET}.php'", "an include"),
        (f'"{SECRET} $x"', "a variable"),
        (f'"{SECRET} {{$x->y}}"', "member access expression"),
        ('"$_ENV[DB_HOST]?->y"', "a string with a variable in it"),
        (f"new Secret('{SECRET}')", "a new object"),
        (f"Vault::read('{SECRET}')", "a method call"),
        (f"(object) ['{SECRET}']", "a cast"),
        ("(float) '1'", "a cast"),
        ("(string) 1.5", "a cast"),
        ("(int) 1e30", "a cast"),
        ("PHP_DEBUG ? 1 : 2", "a constant"),
        ("PHP_DEBUG === 1", "a calculation"),
        ("'a' == 1", "a calculation"),
        ("1 <=> 2", "a calculation"),
        ("9007199254740993 == 9007199254740992", "a calculation"),
        ("'9007199254740993' == '9007199254740992'", "a calculation"),
        ("'1e400' == '1e401'", "a calculation"),
        ("9007199254740993 > 9007199254740992.0", "a calculation"),
        ("[strrev('a')] === ['a']", "a calculation"),
        ("[PDO::A => 1] === [8 => 1]", "a calculation"),
        ("rawurldecode('p%E9')", "a function call"),
        ("urldecode('p%E9')", "a function call"),
        ("trim('àé', 'é')", "a function call"),
        ("json_decode('{\"\\\\ud800\": 1}', true)", "a function call"),
        (f"json_decode('{'[' * 100_000}', true)", "a function call"),
        ("(string) $variable ?? 'else'", "a variable"),
        ("\"$variable:3306\" ?? 'else'", "a variable"),
        ("trim([]['host']) ?? 'else'", "an element of a variable"),
        ("[][$variable] ?? 'else'", "a variable"),
        ("empty(!$variable)", "a variable"),
        ("match ($variable) { null => 1 } ?? 2", "a variable"),
        ("'text'['key'] ?? 'else'", "an element of a variable"),
        ("1 + 2.5", "a calculation"),
        ("9223372036854775807 + 1", "a calculation"),
        ("-true", "a calculation"),
        (f"-'{SECRET}'", "a calculation"),
        (f"fn() => '{SECRET}'", "a function"),
        (f"`{SECRET}`", "a shell command"),
        ("&$x", "a reference"),
        (f"<<<A\n  {SECRET}\n x\n  A", "a heredoc"),
        (f"<<<A\n {SECRET}\r{SECRET}\n A", "a heredoc"),
        (f"<<<A\r{SECRET}\rA", "a heredoc"),
        (f"(int) '{'9' * 5000}'", "a cast"),
        (f"sprintf('%d', '{'9' * 5000}')", "a function call"),
        ("dirname('/a', 0)", "a function call"),
        (f"str_replace('a', '{'b' * 2000}', '{'a' * 2000}')", "a function call"),
        (f"<<<A\n0\\\n#{SECRET} $x\nA", "a heredoc"),
        ("static::X", "a constant of a changing class"),
        ("PDO::{$x}", "a constant of a changing class"),
        ("[...'a']", "an unpacking"),
        ("[PDO::A => 1, ...[2]]", "an unpacking"),
        ("[...[PDO::A => 1]]", "an array"),
        ("[1, ...[PDO::A => 1]]", "an array"),
        ("__DIR__", "a constant"),
        ("match (1) { 2 => 3 }", "a match"),
        ("defined('PHP_VERSION_ID')", "a function call"),
        ("defined('OF_AN_EXTENSION') ? 1 : 2", "a function call"),
        ("defined('true')", "a function call"),
        ("defined('PDO::MYSQL_ATTR_SSL_CA')", "a function call"),
        ("PHP_VERSION_ID >= 80000", "a calculation"),
        ("sprintf('%05d', 1)", "a function call"),
        ("sprintf('%s')", "a function call"),
        ("parse_url('mysql://h?')", "a function call"),
        ("parse_url('h:80')", "a function call"),
        ("parse_url('mysql:///d')", "a function call"),
        ("dirname('//a')", "a function call"),
        ("json_decode('[1e999]', true)", "a function call"),
        ("json_decode('[\"\\\\ud800\"]', true)", "a function call"),
        (f"@file('{SECRET}')", "error suppression expression"),
        ("'a' . 1.5", "a fraction in a joined string"),
        ("'a' . true", "a yes or no in a joined string"),
        ("[1.5 => 1]", "a fraction as a key"),
        ("[[] => 1]", "an array as a key"),
    ],
)
def test_what_is_not_plain_is_refused_by_its_kind_and_line(expression, kind):
    message = fault(f"<?php\nreturn [\n'k' =>\n{expression}\n];")
    assert message == f"env.php, line 4: {kind}: cannot be read without running PHP"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<?php return ['a' => getenv('NONE')];", "line 1: the environment has no NONE"),
        ("<?php return ['a' => getenv('NONE') ?? 1];", "line 1: the environment has no NONE"),
        ('<?php return ["\\xff"];', "line 1: a string that is not UTF-8"),
        ("<?php return [<<<A\n\\xff\nA];", "line 1: a string that is not UTF-8"),
        ('<?php return ["\\u{D800}"];', "line 1: a string that is not UTF-8"),
        ('<?php return ["\\u{110000}"];', "line 1: a string that is not UTF-8"),
        (f"<?php return [{'9' * 5000}];", "line 1: a number that cannot be read"),
        (f"<?php return [0x{'f' * 1000}];", "line 1: a number that cannot be read"),
        ("<?php return [0x80000000000004010000001];", "line 1: a number that cannot be read"),
        (f"<?php return [0b{'1' * 68}];", "line 1: a number that cannot be read"),
        ("<?php return [01777777777777777777777];", "line 1: a number that cannot be read"),
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
def test_an_error_names_its_line(source, message):
    assert fault(source) == f"env.php, {message}"


@pytest.mark.parametrize("key", ["PDO::A", "-5"])
def test_an_element_without_a_key_is_refused_where_its_key_is_not_known(key):
    message = "env.php, line 1: an element without a key after a constant or negative one"
    assert fault(f"<?php return [{key} => 1, 2];") == message


@pytest.mark.parametrize("source", ["", "<?php", "<?php return;", "<?php // [1]"])
def test_a_file_that_returns_nothing(source):
    assert fault(source) == "env.php: returns no array"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("<?php function f() {} return [];", "function definition"),
        ("<?php foreach ([1] as $a) {} return [];", "foreach statement"),
        ("<?php load_secrets(); return [];", "a function call"),
        ("<?php define('A'); return [];", "a function call"),
        ("<?php putenv('A=b'); return [];", "a function call"),
        ("<?php $a .= 'b'; return [];", "a variable"),
        ("<?php $a = 1; $a -= 1; return [];", "an assignment"),
        ("<?php $a = ['b' => 1]; $a .= 'b'; return [];", "an assignment"),
        ("<?php $a or load(); return [];", "a variable"),
        ("<?php use A\\{B, C}; return [];", "namespace use declaration"),
        ("<?php $a->b = 1; return [];", "member access expression"),
        ("<?php $_ENV['A'] = 1; return [];", "an element of a variable"),
        ("<?php $a = 'b'; $a['c'] = 1; return [];", "an element of a variable"),
        ("<?php $a = [-5 => 1]; $a[] = 1; return [];", "an element of a variable"),
        ("<?php if (load()) { } return [];", "a function call"),
        ("<?php require 'autoload.php'; return [];", "an include"),
        ("<?php declare(ticks=1) { foo(); } return [];", "declare statement"),
        ("<?php namespace A { } return [];", "namespace definition"),
        ("text <?php return [];", "text outside of PHP"),
    ],
)
def test_a_program_is_refused_by_its_kind(source, kind):
    assert f"env.php, line 1: {kind}" in fault(source)
    assert "cannot be read without running PHP" in fault(source)


# Plain expressions and statements: with PHP's own results where PHP is installed

PLAIN = [
    ("getenv('DB_HOST', true)", "database"),
    ("(int) getenv('DB_PORT')", 3307),
    ("(integer) ' 12abc'", 12),
    ("(int) '1e3'", 1000),
    ("(int) 'abc'", 0),
    ("(int) null", 0),
    ("(int) 1.9", 1),
    ("(string) 12", "12"),
    ("(string) null . (string) true . (string) false", "1"),
    ("(bool) '0'", False),
    ("(boolean) 'false'", True),
    ("(array) 'a'", {0: "a"}),
    ("(array) null", {}),
    ("(array) ['a' => 1]", {"a": 1}),
    ("getenv('NONE') ? 'a' : 'b'", "b"),
    ("getenv('DB_HOST') ? getenv('DB_HOST') : 'localhost'", "database"),
    ("getenv('NONE') ?: getenv('DB_HOST') ?: 'localhost'", "database"),
    ("isset($_ENV['DB_HOST']) ? $_ENV['DB_HOST'] : 'localhost'", "database"),
    ("isset($_ENV['NONE'], $_ENV['DB_HOST']) ? 1 : 2", 2),
    ("isset($nothing) ? 1 : 2", 2),
    ("$_ENV['NONE'] ?? $_ENV['DB_HOST'] ?? 'localhost'", "database"),
    ("$nothing['a'] ?? 'else'", "else"),
    ("($nothing) ?? ['a' => null]['a']['b'] ?? [1][2] ?? 'else'", "else"),
    ("null ?? 'db'", "db"),
    ("empty($_ENV['EMPTY']) ? 1 : 2", 1),
    ("empty($nothing) && empty(getenv('NONE')) && !empty('a')", True),
    ("getenv('NONE') === false", True),
    ("getenv('DB_HOST') !== false", True),
    ("getenv('DB_HOST') == 'database' && 1 != 2 and '1.0' == '1' and 1 == '1'", True),
    ("null == '' && null == false && '' != 'a' && 'a' <> 'b' && null != 'a'", True),
    ("false || '0' or []", False),
    ("[1, [2]] === [1, [2]] && [1] !== ['1']", True),
    ('"{$_ENV[\'DB_HOST\']}:3306"', "database:3306"),
    ('"a\\t$_ENV[DB_HOST]\\n"', "a\tdatabase\n"),
    ("trim(\" a\\n\")", "a"),
    ("rtrim('a//', '/') . ltrim(' b')", "ab"),
    ("strtolower('ABC') . strtoupper('abc')", "abcABC"),
    ("str_replace('a', 'b', 'aa') . str_replace('', 'b', 'c')", "bbc"),
    ("explode(',', 'a,b')[1]", "b"),
    ("implode('-', ['a', 1])", "a-1"),
    ("intval('7') + 2 * 3 - 1", 12),
    ("strval(1) . (boolval('') ? 'a' : 'b')", "1b"),
    ("rawurldecode('a%20b')", "a b"),
    ("dirname('/a/b/c', 2)", "/a"),
    ("json_decode(base64_decode('eyJkYiI6W3siaG9zdCI6ImgifV0sIjAiOjF9'), true)['db'][0]['host']",
     "h"),
    ("json_decode('no', true) ?? 'else'", "else"),
    ("parse_url('mysql://u:p@h:33/d')['user']", "u"),
    ("parse_url('mysql://u:p@h:33/d', PHP_URL_PORT)", 33),
    ("parse_url('/d', PHP_URL_HOST) ?? 'none'", "none"),
    ("array_merge(['a' => 1, 5 => 2], [3], ['a' => 4])", {"a": 4, 0: 2, 1: 3}),
    ("array_replace([1, 2], [1 => 3])", {0: 1, 1: 3}),
    ("array_replace_recursive(['a' => ['b' => 1, 'c' => 2]], ['a' => ['b' => 3], 'd' => 4])",
     {"a": {"b": 3, "c": 2}, "d": 4}),
    ("['a' => 1] + ['a' => 2, 'b' => 3]", {"a": 1, "b": 3}),
    ("implode(':', ['a' => 1] + ['b' => 2, 'a' => 3])", "1:2"),
    ("['1٣' => 1]", {"1٣": 1}),
    ("(int) '٣' + (int) \"\\u{a0}1\" + (int) \"\\x1c1\"", 0),
    ("[...[1, 2], 3, ...[4]]", {0: 1, 1: 2, 2: 3, 3: 4}),
    ("['a' => 1, ...['a' => 2, 7 => 3], 'b' => 4]", {"a": 2, 0: 3, "b": 4}),
    ("[1, ...['k' => 2, 9 => 3]]", {0: 1, "k": 2, 1: 3}),
    ("'a' . DIRECTORY_SEPARATOR . PHP_EOL", "a/\n"),
    ("!getenv('NONE')", True),
    ("<<<A\n  x\n    $_ENV[DB_HOST]\n\n \n  {$_ENV['DB_HOST']}\\t\\x41\\\"\"\n  A",
     "x\n  database\n\n\ndatabase\tA\\\"\""),
    ("<<<'A'\r\n\ta\\t$b\r\n\r\n\tc\r\n\tA . 'd'", "a\\t$b\r\n\r\ncd"),
    ("<<<\"A\"\nA . <<<B\n-----\nMII\n-----\nB", "-----\nMII\n-----"),
    ("match (getenv('DB_HOST')) { 'a', 'database' => 'b', default => 'c' }", "b"),
    ("match (true) { default => 'c', getenv('NONE') === '' => 'd' }", "c"),
    ("sprintf('%s:%d%%', getenv('DB_HOST'), '12a')", "database:12%"),
    ("1 < 2 && 2 <= 2 && !(1 > 1.5) && 3 >= 2", True),
    ("parse_url('HTTP://User:p%40%3Ass@Host:80/A?b=c:d#e')",
     {"scheme": "HTTP", "host": "Host", "port": 80, "user": "User", "pass": "p%40%3Ass",
      "path": "/A", "query": "b=c:d", "fragment": "e"}),
    ("parse_url('redis://:p@s@[::1]:6379')",
     {"scheme": "redis", "host": "[::1]", "port": 6379, "user": "", "pass": "p@s"}),
    ("json_decode('{\"01\": 1, \"-5\": 2, \"a\": 12345678901234567890}', true)",
     {"01": 1, -5: 2, "a": 12345678901234567890.0}),
    ("urldecode('a+b%2B')", "a b+"),
    ("json_decode('[-9223372036854775808, -9223372036854775809]', true)",
     {0: -(2**63), 1: -(2.0**63)}),
    (f"json_decode('1{'0' * 300}', true) === 1e300", True),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), PLAIN)
def test_a_plain_expression_is_evaluated(expression, expected):
    read = value(expression)
    assert read == expected
    assert type(read) is type(expected)


STATEMENTS = """<?php
declare(strict_types=1);
namespace Shop;
use PDO;
ini_set('memory_limit', '2G');
define('HOST', getenv('DB_HOST', true));
const PORT = 33, NAME = 'm';
$host = getenv('NONE');
$host = $host ?: HOST;
$secret = load_the_secret();
$db['connection']['default'] = ['host' => $host, 'port' => PORT];
$db['connection']['default']['dbname'] ??= NAME;
$db['connection']['default']['dbname'] ??= 'other';
$copy = $db;
$copy['connection'] = 'changed';
if (getenv('NONE')) {
    $mode = 'none';
} elseif (getenv('DB_HOST') === 'database') {
    $mode = 'database';
} else {
    $mode = 'else';
}
if (!isset($mode)): $mode = 'unset'; else: $mode .= '!'; endif;
return ['db' => $db, 'mode' => $mode, 'secret' => $secret];
return 'never';
"""


def test_plain_statements_before_the_array_are_executed():
    source = STATEMENTS
    read = parse_php_array(source.encode(), "env.php", ENVIRONMENT)
    default = {"host": "database", "port": 33, "dbname": "m"}
    assert read["db"] == {"connection": {"default": default}}
    assert read["mode"] == "database!"
    with pytest.raises(PhpFileError, match="line 10: a function call: cannot be read"):
        read["secret"].fail()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<?php if (true) { return ['a' => 1]; } return ['a' => 2];", {"a": 1}),
        ("<?php if (false) return ['a' => 1]; return ['a' => 2];", {"a": 2}),
        ("<?php $a = ['a' => 1]; return $a;", {"a": 1}),
        ("<?php $a = strange(); $a['b'] = 1; return ['c' => 2];", {"c": 2}),
        ("<?php $a['b'] = getenv('NONE'); return ['c' => 2];", {"c": 2}),
        ("<?php return ['a' => 1]; load();", {"a": 1}),
        ("<?php return ['a' => 1]; ?> text", {"a": 1}),
        ("<?php if (true): ?>\n<?php return ['a' => 1]; endif;", {"a": 1}),
        ("<?php $a['b'] = ['h' => 1]; $a['c'] = $a['b']; $a['c']['h'] = 2; return $a;",
         {"b": {"h": 1}, "c": {"h": 2}}),
        ("<?php $a = ['h' => 1]; $b = [$a, $a]; $b[0]['h'] = 2; return $b;",
         {0: {"h": 2}, 1: {"h": 1}}),
        ("<?php $a[] = 1; $a[7] = 2; $a[] = 3; $a += ['b' => 4, 0 => 5]; return $a;",
         {0: 1, 7: 2, 8: 3, "b": 4}),
        ("<?php define('A', 1); define('A', 2); defined('A') or define('A', 3); return [A];",
         {0: 1}),
        ("<?php use C\\D as E, F; return [E::class, e\\G::class, f::class, \\H::class];",
         {0: "C\\D", 1: "C\\D\\G", 2: "F", 3: "H"}),
        ("<?php namespace A; return [B::class];", {0: "A\\B"}),
        ("<?php namespace A; use X\\Y; namespace B; return [Y::class];", {0: "B\\Y"}),
        ("<?php defined('\\A') or define('A', 1); const B = 2; return [defined('A'), A, B];",
         {0: True, 1: 1, 2: 2}),
        ("<?php define('PHP_EOL', 'x'); define('eol', 1); return [PHP_EOL, eol, EOL];",
         {0: "\n", 1: 1, 2: Constant("EOL")}),
        ("<?php namespace A; const B = 1; define('B', 2); define('C', 3);"
         " return [B, \\B, \\A\\B, C, \\A\\C];",
         {0: 1, 1: 2, 2: 1, 3: 3, 4: Constant("A\\C")}),
        ("<?php use const A\\B, A\\C as D; define('B', 1); define('A\\C', 2); return [B, D];",
         {0: Constant("A\\B"), 1: 2}),
        ("<?php use Pdo\\Mysql; use function A\\b; return [Mysql::ATTR_SSL_CA];",
         {0: Constant("Pdo\\Mysql::ATTR_SSL_CA")}),
        ('<?php $a = [5, "01" => 6, -1 => 7]; return ["$a[0]$a[01]$a[-1]"];', {0: "567"}),
        ('<?php $a = "b"; return ["$a?> $a ?->b"];', {0: "b?> b ?->b"}),
        ("<?php // caf\xe9\nreturn ['a' => 1];", {"a": 1}),
    ],
)  # fmt: skip
def test_the_first_array_that_is_reached_is_returned(source, expected):
    assert parse_php_array(source.encode("latin-1"), "env.php", {}) == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<?php $a = strange(); if ($a) {} return [];", "a function call"),
        ("<?php $a = strange(); return ['k' => $a ?? 1];", "a function call"),
        ("<?php $a = strange(); $a ??= 1; return ['k' => 1];", "a function call"),
        ("<?php $a = getenv('NONE'); return ['k' => $a];", "the environment has no NONE"),
        ("<?php $a = strange(); return ['k' => isset($a)];", "a function call"),
        ("<?php $a = ['b' => strange()]; return ['k' => $a['b']];", "a function call"),
        ("<?php return array_replace_recursive(['a' => strange()], ['a' => ['b' => 1]]);",
         "a function call"),
        ("<?php define('A', strange()); return ['k' => A];", "a function call"),
        ("<?php use function A\\trim; return ['k' => trim('a')];", "a function call"),
        ("<?php namespace A; return ['k' => trim('a')]; function trim($a) {}", "a function call"),
        ("<?php namespace A; return ['k' => defined('B')]; const B = 1;", "a function call"),
        ("<?php $a = define('B', 1); return ['k' => defined('B')];", "a function call"),
        ("<?php $a = [E_WARNING => 1]; return ['k' => $a[2] ?? 'else'];", "constant E_WARNING"),
        ("<?php $a = [2 => 1]; return ['k' => $a[E_WARNING] ?? 'else'];", "constant E_WARNING"),
        ("<?php return ['k' => [E_WARNING => 1] + [2 => 3]];", "constant E_WARNING"),
        ("<?php $a = [E_WARNING => ['b' => 1]]; $a[2]['c'] = 3; return $a;", "constant E_WARNING"),
    ],
)  # fmt: skip
def test_what_depends_on_something_unknown_is_refused(source, reason):
    assert reason in fault(source)


@pytest.mark.parametrize(
    "source",
    [
        "$a = $h = 'new'; return ['k' => $h ?? 'else'];",
        "$h = 'old'; return ['x' => $h = 'new', 'k' => $h];",
        "$h = 'old'; $x = [$h, $p] = ['a', 'b']; return ['k' => $h];",
        "$h = 'old'; $x = ['h' => &$h]; return ['k' => $h];",
        "$h = 'old'; $x = function () use (&$h) { $h = 'new'; }; return ['k' => $h];",
        "$i = 1; $x = $i++; return ['k' => $i];",
        "$x = preg_match('/b/', 'b', $m); return ['k' => $m[0] ?? 'else'];",
        "$l = ['b', 'a']; $x = sort($l); return ['k' => $l[0]];",
        "$l['b'] = [2]; $x = sort(array: $l['b'] /* list */); return ['k' => $l['b']];",
        "$l = [1]; $x = load(...$l); return ['k' => $l[0]];",
        "$l = [1]; $x = (function (&$l) {})(($l)); return ['k' => $l[0]];",
        "$h = 'old'; $x = $loader->load($h); return ['k' => $h];",
        "$h = 'old'; $x = extract(['h' => 'new']); return ['k' => $h];",
        "$x = extract(['h' => 'new']); return ['k' => $h ?? 'else'];",
        "$x = extract(['h' => ['a' => 1]]); $h['b'] = 2; return ['k' => $h['a'] ?? 'else'];",
        "$n = 'h'; $h = 'old'; $x = $$n = 'new'; return ['k' => $h];",
        "$h = 'old'; $x = include 'vars.php'; return ['k' => $h];",
        "error_reporting(include 'vars.php'); return ['k' => $h ?? 'else'];",
        "$x = putenv('DB_HOST=new'); return ['k' => getenv('DB_HOST')];",
        "$x = $_ENV['DB_HOST'] = 'new'; return ['k' => $_ENV['DB_HOST']];",
        "$x = Dotenv::create()->load(); return ['k' => $_ENV['NONE'] ?? 'else'];",
        "$x = (fn() => 1)(); return ['k' => getenv('NONE') ?: 'else'];",
    ],
)
def test_what_a_refused_expression_may_have_changed_is_refused(source):
    read = parse_php_array(f"<?php {source}".encode(), "env.php", ENVIRONMENT)
    with pytest.raises(PhpFileError, match="cannot be read without running PHP"):
        read["k"].fail()


@pytest.mark.parametrize(
    "source",
    [
        "$h = 'h'; $x = strange('a' . $h); return ['k' => $h];",
        "$h = 'h'; $x = [strtolower($h), strange()]; return ['k' => $h];",
        "$x = $vault->read('key', $_ENV['DB_HOST']); return ['k' => $_ENV['EMPTY'] . 'h'];",
        "$x = extract(['h' => 'b']); $h = 'h'; return ['k' => $h];",
        "$x = strange(); return ['k' => getenv('NONE') ?: 'h'];",
    ],
)
def test_what_a_refused_expression_cannot_have_changed_is_read(source):
    assert parse_php_array(f"<?php {source}".encode(), "env.php", ENVIRONMENT)["k"] == "h"


@pytest.mark.parametrize(
    "expression",
    [
        "isset($_SERVER['argv'])",
        "$_SERVER['SCRIPT_NAME'] ?? 'else'",
        "empty($_ENV)",
        "$GLOBALS['host'] ?? 'else'",
        "isset($argv)",
    ],
)
def test_what_php_itself_sets_is_refused(expression):
    assert "cannot be read without running PHP" in fault(f"<?php return ['k' => {expression}];")


# Other files


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    etc = tmp_path / "app/etc"
    etc.mkdir(parents=True)
    return etc


def deployed(etc: Path, source: str, **options: Any) -> Deployment:
    (etc / "env.php").write_text(source)
    return read_deployment(etc.parent.parent, ENVIRONMENT, **options)


def test_included_files_and_secret_files_are_read_and_watched(etc):
    (etc / "mq.php").write_text("<?php $used = true; return ['amqp' => ['host' => 'mq']];")
    (etc / "vars.php").write_text("<?php $name = 'm';")
    (etc / "early.php").write_text("<?php if (true) { return; } return 1;")
    (etc / "password").write_text("a-password\n")
    deployment = deployed(
        etc,
        """<?php
        require_once __DIR__ . '/vars.php';
        $local = BP . '/app/etc/local.php';
        return [
            'queue' => [...include 'mq.php'],
            'db' => ['dbname' => $name, 'used' => $used ?? false, 'self' => __FILE__,
                'password' => trim(file_get_contents(realpath(__DIR__ . '/password')))],
            'local' => file_exists($local) ? include $local : 'none',
            'readable' => is_readable(__DIR__ . '/password'),
            'again' => include 'vars.php',
            'once' => require_once __DIR__ . '/../etc/vars.php',
            'early' => include 'early.php',
            'bp' => defined('BP'),
            'none' => realpath(BP . '/none'),
        ];""",
    )
    assert deployment.env["queue"] == {"amqp": {"host": "mq"}}
    assert deployment.env["db"]["dbname"] == "m"
    assert deployment.env["db"]["used"] is True
    assert deployment.env["db"]["password"] == "a-password"
    assert (deployment.env["local"], deployment.env["readable"]) == ("none", True)
    assert deployment.env["again"] == 1
    assert deployment.env["once"] is deployment.env["bp"] is True
    assert deployment.env["early"] is None
    assert deployment.env["none"] is False
    assert deployment.env["db"]["self"] == str(etc / "env.php")
    names = {"vars.php", "early.php", "../../none", "mq.php", "password", "local.php"}
    assert {path.resolve() for path in deployment.files} == {
        (etc / name).resolve() for name in names
    }


def test_folder_and_name_of_a_file_are_those_behind_a_link(etc):
    shared = etc.parent / "shared"
    shared.mkdir()
    source = "<?php return ['dir' => __DIR__, 'file' => __FILE__, 'more' => include 'more.php'];"
    (shared / "env.php").write_text(source)
    (shared / "included.php").write_text("<?php return __FILE__;")
    (shared / "more.php").symlink_to("included.php")
    (etc / "env.php").symlink_to(shared / "env.php")
    assert read_php_array(etc / "env.php") == {
        "dir": str(shared),
        "file": str(shared / "env.php"),
        "more": str(shared / "included.php"),
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("file_exists(__DIR__ . '/text/')", False),
        ("is_file(__DIR__ . '/text/')", False),
        ("realpath(__DIR__ . '/text/')", False),
        ("is_dir(__DIR__ . '/')", True),
        (f"file_exists('/{'a' * 5000}')", False),
        (f"realpath('/{'a' * 5000}')", False),
        ("is_readable(__DIR__ . '/loop')", False),
        ("include_once __FILE__", True),
    ],
)
def test_unusual_paths_are_those_of_php(etc, expression, expected):
    (etc / "text").write_text("a")
    (etc / "loop").symlink_to("loop")
    (etc / "env.php").write_text(f"<?php return ['k' => {expression}];")
    assert read_php_array(etc / "env.php")["k"] is expected
    assert by_php((etc / "env.php").read_text(), etc)["k"] is expected


def test_the_first_of_two_equal_names_is_refused_if_the_second_is_a_constant():
    env = parse_php_array(b"<?php return ['db' => 1, NAME => 2, 'queue' => ['a' => 3]];", "env.php")
    with pytest.raises(PhpFileError, match="the constant NAME"):
        section(env, "db")
    assert section(env, "queue") == {"a": 3}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<?php return ['k' => include 'loop'];", "loop: Too many levels of symbolic links"),
        ("<?php return [...include 'none.php'];", "none.php: No such file"),
        ("<?php return include 'env.php';", "more than 20 files are included"),
        ("<?php return ['k' => file_get_contents(__DIR__ . '/none')];", "none: No such file"),
        (
            "<?php return ['k' => file_get_contents(__DIR__ . '/big')];",
            "big: not a text file of at most 64 KB",
        ),
        (
            "<?php return ['k' => file_get_contents(__DIR__ . '/binary')];",
            "binary: not a text file",
        ),
        ("<?php return ['k' => is_file('big')];", "line 1: a relative path: write __DIR__"),
        ("<?php return ['k' => include './faulty.php'];", "a relative path: write __DIR__"),
        ("<?php return ['k' => file_get_contents(__DIR__)];", "etc: not a text file"),
        ("<?php return ['k' => file_get_contents('')];", "a function call"),
        ("<?php return ['k' => include __DIR__];", "etc: not a file of at most"),
        ("<?php return ['k' => include 'faulty.php'];", "faulty.php, line 2: this is not PHP"),
        ("<?php return include 'text.php';", "does not return an array"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(etc, source, reason):
    (etc / "big").write_bytes(b"x" * 70_000)
    (etc / "binary").write_bytes(b"\xff")
    (etc / "loop").symlink_to("loop")
    (etc / "faulty.php").write_text("<?php\nreturn [;")
    (etc / "text.php").write_text("<?php return 'a';")
    with pytest.raises(PhpFileError, match=reason):
        section(deployed(etc, source).env, "k", "x")


def test_php_may_be_asked(etc):
    (etc / "config.php").write_text("<?php return ['modules' => ['A_B' => 1]];")
    (etc / "more.php").write_text("<?php return ['host' => strrev('bd')];")
    source = (
        "<?php echo 'output'; return ['list' => [1, ['7' => 2]], 'db' => (function () {"
        " return include BP . '/app/etc/more.php'; })()];"
    )
    deployment = deployed(etc, source, php=php())
    assert deployment.env == {"db": {"host": "db"}, "list": {0: 1, 1: {7: 2}}}
    assert deployment.config == {"modules": {"A_B": 1}}
    assert {etc / "env.php", etc / "config.php", etc / "more.php"} <= deployment.files
    for broken, reason in (
        ("<?php throw new Exception('hunter2');", "could not evaluate"),
        ("<?php return 1;", "does not return an array"),
        ("<?php return [", "could not evaluate"),
    ):
        with pytest.raises(PhpFileError, match=reason) as caught:
            deployed(etc, broken, php=php())
        assert SECRET not in str(caught.value)
    with pytest.raises(PhpFileError, match="No such file"):
        deployed(etc, source, php="/nowhere/php")
    (etc / "env.php").unlink()
    with pytest.raises(PhpFileError, match="No such file"):
        read_deployment(etc.parent.parent, {}, php=php())


def test_a_php_that_does_not_end_is_stopped(etc):
    with pytest.raises(PhpFileError, match="did not evaluate"):
        deployed(etc, "<?php sleep(5);", php=php(), php_seconds=0.3)


def test_php_evaluates_plain_expressions_the_same(tmp_path, monkeypatch):
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    monkeypatch.delenv("NONE", raising=False)
    source = f"<?php return [{', '.join(f'({expression})' for expression, _ in PLAIN)}];"
    by_bridge = as_json(parse_php_array(source.encode(), "literal.php", ENVIRONMENT))
    assert by_bridge == by_php(source, tmp_path)


def test_a_computed_value_fails_when_it_is_needed_and_spoils_no_other():
    env = parse_php_array(
        b"<?php return ['crypt' => ['key' => vault()], 'db' => [\n'x' => [1.5 => 1]], 'a' => 1];",
        "env.php",
    )
    assert env["a"] == 1
    assert section(env, "crypt").keys() == {"key"}
    assert section(env, "db", "y") == {}
    with pytest.raises(PhpFileError, match="line 1: a function call: cannot be read"):
        section(env, "crypt", "key")
    with pytest.raises(PhpFileError, match="line 2: a fraction as a key"):
        section(env, "db", "x", "y")


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


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhpFileError, match=r"gone\.php: No such file"):
        read_php_array(tmp_path / "gone.php")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{ " * 3000 + "return ['k' => 1];" + "}" * 3000, f"nested deeper than {MAX_DEPTH}"),
        ("if (true): " * 3000 + "endif; " * 3000, f"nested deeper than {MAX_DEPTH}"),
        ("if (0) {} else " * 3000 + "{}", f"nested deeper than {MAX_DEPTH}"),
        ("$a = ['b' => $a ?? 1];" * 3000 + "return $a;", "an array nested deeper than 256"),
        (
            "$a = ['b' => $a ?? 1];" * 3000 + "return ['k' => array_replace_recursive($a, $a)];",
            "a function call",
        ),
        ("$a = 'ab';" + "$a .= $a;" * 40 + "return ['k' => $a];", "a text longer than"),
        ("$a = 'ab';" + "$a = $a . $a;" * 40 + "return ['k' => $a];", "a text longer than"),
        ("$a[] = 1;" * 200_000, "more than 10000 statements"),
        ("$a = [1];" + "$a = [$a, $a];" * 40 + "return $a;", "more than 1000000 elements"),
    ],
)
def test_what_grows_without_end_is_refused(source, message):
    assert message in fault(f"<?php {source}")


@pytest.mark.parametrize(
    "source",
    [
        "return ['k' => [" + "...[1], " * 40_000 + "]];",
        'return ["k" => "' + "\\n" * 400_000 + '"];',
        "".join(f"defined('A{i}') or define('A{i}', 1);" for i in range(3000)) + "return [1];",
        "".join(f"namespace A{i}; use B; " for i in range(4000)) + "return [1];",
    ],
)
@pytest.mark.timeout(60)  # minutes, if the time grew faster than the length
def test_the_time_grows_with_the_length_of_a_file(source):
    assert parse_php_array(f"<?php {source}".encode(), "env.php")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(PhpFileError, match=r"app/etc/env\.php: No such file or directory"):
        read_deployment(tmp_path, {})


@pytest.mark.parametrize("program", [None, "/nowhere/php"])
def test_a_config_php_that_cannot_be_opened_is_reported(tmp_path, program):
    (tmp_path / "app/etc/config.php").mkdir(parents=True)
    (tmp_path / "app/etc/env.php").write_text("<?php return [];")
    with pytest.raises(PhpFileError, match=r"app/etc/config\.php: Is a directory"):
        read_deployment(tmp_path, {}, php=program)


@pytest.mark.parametrize("program", [None, "/nowhere/php"])
@pytest.mark.parametrize("name", ["env.php", "config.php"])
@pytest.mark.timeout(10)  # forever, if it was opened
def test_a_named_pipe_is_not_waited_for(tmp_path, name, program):
    etc = tmp_path / "app/etc"
    etc.mkdir(parents=True)
    (etc / "env.php").write_text("<?php return [];")
    (etc / name).unlink(missing_ok=True)
    os.mkfifo(etc / name)
    with pytest.raises(PhpFileError, match=rf"{name}: not a regular file"):
        read_deployment(tmp_path, {}, php=program)


@pytest.mark.parametrize("program", [None, "/nowhere/php"])
def test_a_wrong_folder_is_explained(tmp_path, monkeypatch, program):
    def message(root):
        with pytest.raises(PhpFileError) as caught:
            read_deployment(root, {}, php=program)
        return str(caught.value)

    setting = "Set magento_root (--magento-root) to the store's folder, the one with app/etc/env"
    missing = message(tmp_path / "missing")
    assert f"{tmp_path}/missing does not exist. {setting}" in missing
    assert "is not the folder of a Magento store" in message(tmp_path)
    (tmp_path / "app").write_text("")
    assert f"{tmp_path}/app is not a folder. {setting}" in message(tmp_path / "app")
    (tmp_path / "store/app/etc").mkdir(parents=True)
    assert "Magento writes this file when it is installed" in message(tmp_path / "store")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    refused = message(STORE)
    assert "env.php: Permission denied. Run the bridge as the user of the store's PHP" in refused


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


def test_a_damaged_file_is_refused_not_guessed():
    source = (STORE / "app/etc/env.php").read_bytes()
    chance = random.Random(7)
    whole = parse_php_array(source, "env.php")
    for _ in range(200):
        cut = chance.randrange(len(source.rstrip()) - 2)
        with pytest.raises(PhpFileError):
            parse_php_array(source[:cut], "env.php")
    assert parse_php_array(source, "env.php") == whole


# Round trips

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
    """Convert keys as PHP does: '8' is 8."""
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
    options = [
        "-n",
        "-d",
        "variables_order=EGPCS",
        "-d",
        "display_errors=0",
        "-d",
        "serialize_precision=-1",
    ]
    interpreter = php()
    message = subprocess.run(
        [interpreter, *options, "-r", code, str(file)], check=True, capture_output=True
    )
    return json.loads(message.stdout)


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
