"""Infrastructure code as its own tools read it."""

from typing import Any

import cfnlint.api
import hcl2


def faults(template: str) -> list[str]:
    """Give what cfn-lint finds wrong in a CloudFormation or SAM template; advice is no fault."""
    return [
        str(match) for match in cfnlint.api.lint_all(template) if not match.rule.id.startswith("I")
    ]


def terraform(text: str) -> dict[str, Any]:
    """Parse Terraform's language; raises what the parser raises on a fault."""
    read: dict[str, Any] = hcl2.loads(text)
    return read
