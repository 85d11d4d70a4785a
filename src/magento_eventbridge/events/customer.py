"""Customer events: sign-up, login, logout, and the failures of the first two."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Identifier, ViewDetail, full_only
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class Customer(ViewDetail):
    """A customer's account; what the customer left empty is the empty text."""

    id: Identifier
    created_at: str
    email: str
    firstname: str
    gender: str
    lastname: str
    middlename: str
    prefix: str
    suffix: str
    group_id: Identifier | None = full_only()
    updated_at: str | None = full_only()


class FailedCustomerLogin(ViewDetail):
    """The name with which somebody tried to log in, and what the shop answered."""

    username: str
    messages: list[str]


class FailedSignUp(ViewDetail):
    """With which data somebody tried to sign up, and what the shop answered."""

    email: str
    firstname: str
    lastname: str
    messages: list[str]


class CustomerLoggedIn(EventBridgeEvent[Customer]):
    """A customer logged in: on the storefront, by a token, or by signing up."""

    detail_type: Annotated[Literal["CustomerLoggedIn"], DETAIL_TYPE]


class CustomerLoggedOut(EventBridgeEvent[Customer]):
    """A customer logged out: on the storefront, or by revoking the token."""

    detail_type: Annotated[Literal["CustomerLoggedOut"], DETAIL_TYPE]


class CustomerLoginFailed(EventBridgeEvent[FailedCustomerLogin]):
    """A customer's login failed: on the storefront, or by a REST or GraphQL token; `messages` is
    what the shop answered.
    """

    detail_type: Annotated[Literal["CustomerLoginFailed"], DETAIL_TYPE]


class CustomerSignedUp(EventBridgeEvent[Customer]):
    """A customer signed up: on the storefront, at checkout, by REST, GraphQL or a module."""

    detail_type: Annotated[Literal["CustomerSignedUp"], DETAIL_TYPE]


class CustomerSignedUpFailed(EventBridgeEvent[FailedSignUp]):
    """A sign-up failed; `messages` are the shop's answers or their identifiers."""

    detail_type: Annotated[Literal["CustomerSignedUpFailed"], DETAIL_TYPE]
