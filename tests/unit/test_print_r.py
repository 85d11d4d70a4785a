"""PHP's print_r, as shops' logs have always shown an event's data."""

import pytest

from magento_eventbridge.observability.print_r import print_r

# From the reference documentation, "Debug and local testing".
FAILED_LOGIN = (
    "Array\n"
    "(\n"
    "    [username] => admin@admin.com\n"
    "    [metadata] => Array\n"
    "        (\n"
    "            [date] => 2020-08-26 10:49:36\n"
    "            [timestamp] => 1598438976\n"
    "            [async] => \n"
    "        )\n"
    ")\n"
)


def test_an_event_is_shown_as_in_the_reference():
    assert (
        print_r(
            {
                "username": "admin@admin.com",
                "metadata": {
                    "date": "2020-08-26 10:49:36",
                    "timestamp": 1598438976,
                    "async": False,
                },
            }
        )
        == FAILED_LOGIN
    )


def test_lists_are_shown_with_their_indexes():
    assert print_r({"street": ["1 Test Street", "Floor 2"], "items": [{"sku": "a"}]}) == (
        "Array\n"
        "(\n"
        "    [street] => Array\n"
        "        (\n"
        "            [0] => 1 Test Street\n"
        "            [1] => Floor 2\n"
        "        )\n"
        "    [items] => Array\n"
        "        (\n"
        "            [0] => Array\n"
        "                (\n"
        "                    [sku] => a\n"
        "                )\n"
        "        )\n"
        ")\n"
    )


@pytest.mark.parametrize("empty", [{}, []])
def test_an_empty_array_is_shown_as_one(empty):
    assert print_r(empty) == "Array\n(\n)\n"
    assert print_r({"items": empty}) == "Array\n(\n    [items] => Array\n        (\n        )\n)\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (False, ""), (True, "1"), (0, "0"), (9.5, "9.5"), ("", ""), ("à la", "à la")],
)
def test_a_value_is_shown_as_php_writes_it(value, shown):
    assert print_r(value) == shown
    assert print_r({"field": value}) == f"Array\n(\n    [field] => {shown}\n)\n"
