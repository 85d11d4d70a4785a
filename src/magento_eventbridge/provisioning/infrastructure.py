"""Writing infrastructure code: values for Terraform and CloudFormation."""

import json
import textwrap
from typing import Any


def terraform_json(value: Any, indent: int = 2) -> str:
    """Write a value as an expression of Terraform, its first line without indentation.

    JSON is such an expression once `${` and `%{` no longer mean anything.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, separators=(",", " : "))
    text = text.replace("${", "$${").replace("%{", "%%{")
    return textwrap.indent(text, " " * indent).lstrip()


def terraform_text(value: str) -> str:
    """Write a text as Terraform has it."""
    return terraform_json(value)


def cloudformation(description: str, resources: dict[str, Any], **more: Any) -> str:
    """Write a CloudFormation template; JSON is one of the two forms that it has."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        **more,
        "Description": description,
        "Resources": resources,
    }
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"
