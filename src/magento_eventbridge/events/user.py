"""Admin user events: logins and logouts of the shop's staff."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail, Identifier
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class User(Detail):
    """An admin user."""

    id: Identifier
    username: str
    email: str


class FailedAdminLogin(Detail):
    """The name with which somebody tried to log in."""

    username: str


class UserLoggedIn(EventBridgeEvent[User]):
    """An admin user logged in: to the admin, or by a REST or SOAP token."""

    detail_type: Annotated[Literal["UserLoggedIn"], DETAIL_TYPE]


class UserLoggedOut(EventBridgeEvent[User]):
    """An admin user logged out."""

    detail_type: Annotated[Literal["UserLoggedOut"], DETAIL_TYPE]


class UserLoginFailed(EventBridgeEvent[FailedAdminLogin]):
    """A login to the admin or for a token failed, whether the user exists or not."""

    detail_type: Annotated[Literal["UserLoginFailed"], DETAIL_TYPE]
