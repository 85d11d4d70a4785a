"""A release is refused while tag, version, changelog and hints do not agree."""

import pytest
from tools.check_release import problems

REPOSITORY = "https://github.example.com/shop/bridge"
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-11-27\n\n### Added\n\n- Something.\n"


def test_a_prepared_release_has_no_problem():
    assert problems("v1.2.0", "1.2.0", CHANGELOG, published=True, repository=REPOSITORY) == []


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "published", "problem"),
    [
        ("v1.2.1", "1.2.0", CHANGELOG, True, "the tag must be v1.2.0"),
        ("1.2.0", "1.2.0", CHANGELOG, True, "the tag must be v1.2.0"),
        ("v1.3.0", "1.3.0", CHANGELOG, True, "no heading '## 1.3.0 - YYYY-MM-DD'"),
        (
            "v1.2.0",
            "1.2.0",
            CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- A bug.\n"),
            True,
            "line 5: changes are still listed as unreleased",
        ),
        ("v1.2.0", "1.2.0", CHANGELOG, False, "PUBLISHED must be True"),
    ],
)
def test_what_does_not_agree_is_named(tag, version, changelog, published, problem):
    (found,) = problems(tag, version, changelog, published=published, repository=REPOSITORY)
    assert problem in found


def test_a_release_needs_the_address_of_the_repository():
    (found,) = problems("v1.2.0", "1.2.0", CHANGELOG, published=True, repository="")
    assert "REPOSITORY must be" in found
