"""Admin user events: logins and logouts of the shop's staff."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, identifier, text
from magento_eventbridge.events.user import FailedAdminLogin, User


def _user(capture: Capture) -> Json:
    user = capture.snapshot
    return {
        "id": identifier(user, "user_id"),
        "username": text(user, "username"),
        "email": text(user, "email"),
    }


def _failed_login(capture: Capture) -> Json:
    return {"username": text(capture.snapshot, "username")}


_ADMIN = {"id": 1, "username": "admin", "email": "admin@example.com"}

EVENTS = (
    EventDefinition(
        detail_type="UserLoggedIn",
        config_path="aws_eventbridge/events_user/logged_in",
        magento_events=("backend_auth_user_login_success", "plugin:admin_token.create"),
        detail=User,
        translate=_user,
        sample=_ADMIN,
    ),
    EventDefinition(
        detail_type="UserLoggedOut",
        config_path="aws_eventbridge/events_user/logged_out",
        magento_events=("controller_action_predispatch_adminhtml_auth_logout",),
        detail=User,
        translate=_user,
        sample=_ADMIN,
    ),
    EventDefinition(
        detail_type="UserLoginFailed",
        config_path="aws_eventbridge/events_user/login_failed",
        magento_events=("backend_auth_user_login_failed", "plugin:admin_token.refuse"),
        detail=FailedAdminLogin,
        translate=_failed_login,
        sample={"username": "admin"},
        unordered="a failed login changes nothing, and anyone can cause thousands for one name",
    ),
)
