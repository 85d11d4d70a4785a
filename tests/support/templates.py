"""Checks of infrastructure code by its own tools."""

from typing import Any

import cfnlint.api
import hcl2


def faults(template: str) -> list[str]:
    """Return cfn-lint's errors and warnings for a CloudFormation or SAM template."""
    return [
        str(match) for match in cfnlint.api.lint_all(template) if not match.rule.id.startswith("I")
    ]


def terraform(text: str) -> dict[str, Any]:
    """Parse Terraform's language; raises the parser's error."""
    read: dict[str, Any] = hcl2.loads(text)
    return read
