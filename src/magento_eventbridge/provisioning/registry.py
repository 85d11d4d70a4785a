"""An EventBridge schema registry: what must change for it to have the events' schemas."""

import json
from collections.abc import Iterator
from typing import Any, Literal

from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.provisioning.rules import AwsChange
from magento_eventbridge.provisioning.schemas import Subject, json_schema_draft_4, open_api_3

SchemaType = Literal["OpenApi3", "JSONSchemaDraft4"]

_WRITERS = {"OpenApi3": open_api_3, "JSONSchemaDraft4": json_schema_draft_4}


def changes(
    clients: Clients, registry: str, subjects: list[Subject], kind: SchemaType
) -> Iterator[AwsChange]:
    """Return what must be created or updated; nothing if all is so already.

    Raises:
        AwsError, CredentialsError: AWS could not be asked.
    """
    if _asked(clients, "describe_registry", RegistryName=registry) is None:
        yield AwsChange(
            f"create registry {registry}",
            lambda: clients.call("schemas", "create_registry", RegistryName=registry),
        )
    for subject in subjects:
        content = _WRITERS[kind](subject)
        about = {
            "RegistryName": registry,
            "SchemaName": subject.schema_name,
            "Type": kind,
            "Content": json.dumps(content, ensure_ascii=False),
            "Description": subject.event.when,
        }
        there = _asked(
            clients, "describe_schema", RegistryName=registry, SchemaName=subject.schema_name
        )
        if there is None:
            yield _change(clients, "create_schema", f"create schema {subject.schema_name}", about)
        elif there["Type"] != kind or json.loads(there["Content"]) != content:
            action = f"update schema {subject.schema_name}, now version {there['SchemaVersion']}"
            yield _change(clients, "update_schema", action, about)


def _change(clients: Clients, operation: str, action: str, about: dict[str, Any]) -> AwsChange:
    return AwsChange(action, lambda: clients.call("schemas", operation, **about))


def _asked(clients: Clients, operation: str, **about: str) -> dict[str, Any] | None:
    try:
        return clients.call("schemas", operation, **about)
    except AwsError as error:
        if error.code == "NotFoundException":
            return None
        raise
