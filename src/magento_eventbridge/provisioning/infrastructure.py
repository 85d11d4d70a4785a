"""Writing infrastructure code: Terraform, CloudFormation and the CDK."""

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


def cdk(name: str, description: str, resources: dict[str, Any]) -> str:
    """Write CloudFormation resources as a stack of the CDK, in Python."""
    parts = []
    for logical, resource in resources.items():
        parts.append(
            f"CfnResource(\n    self,\n    {_python(logical)},\n"
            f"    type={_python(resource['Type'])},\n"
            f"    properties={_python(resource['Properties'], '    ')},\n)"
        )
    body = textwrap.indent("\n".join(parts), " " * 8)
    return (
        f'"""{description}: deploy with `cdk deploy --app "python3 app.py"`."""\n\n'
        "from aws_cdk import App, CfnResource, Stack\n"
        "from constructs import Construct\n\n\n"
        "class MagentoRuleStack(Stack):\n"
        "    def __init__(self, scope: Construct, construct_id: str) -> None:\n"
        "        super().__init__(scope, construct_id)\n"
        f"{body}\n\n\n"
        "app = App()\n"
        f"MagentoRuleStack(app, {_python(_logical(name))})\n"
        "app.synth()\n"
    )


def _logical(name: str) -> str:
    return "".join(c for c in name.title() if c.isalnum()) or "Rule"


def _python(value: Any, at: str = "") -> str:
    """Write a value as Python has it, the members of a dict on lines of their own."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case [str(), *_] | []:
            return f"[{', '.join(_python(member) for member in value)}]"
        case list():
            inner = "".join(f"{at}    {_python(member, at + '    ')},\n" for member in value)
            return f"[\n{inner}{at}]"
        case dict():
            inner = "".join(
                f"{at}    {_python(name)}: {_python(member, at + '    ')},\n"
                for name, member in value.items()
            )
            return f"{{\n{inner}{at}}}"
        case _:
            return repr(value)


def terraform_encoded(value: dict[str, Any]) -> str:
    """Write an object that Terraform turns into JSON text."""
    return f"jsonencode({terraform_json(value)})"


def terraform_resource(kind: str, name: str, arguments: dict[str, str], inner: str = "") -> str:
    """Write a resource of Terraform; the arguments are its expressions."""
    lines = _arguments(arguments, "  ")
    return f'resource "{kind}" "{name}" {{\n{lines}{inner}}}\n'


def terraform_block(name: str, arguments: dict[str, str], inner: str = "") -> str:
    """Write a block within a resource."""
    return f"  {name} {{\n{_arguments(arguments, '    ')}{inner}  }}\n"


def _arguments(arguments: dict[str, str], indentation: str) -> str:
    # Neighbouring arguments of one line are aligned, as `terraform fmt` has them.
    single = [key for key, value in arguments.items() if "\n" not in value]
    width = max(map(len, single), default=0)
    return "".join(
        f"{indentation}{key.ljust(width) if key in single else key} = {value}\n"
        for key, value in arguments.items()
    )
