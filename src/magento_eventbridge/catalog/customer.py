"""Customer events: sign-up, login, logout, and the failures of the first two."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, identifier, text, texts
from magento_eventbridge.events.customer import Customer, FailedCustomerLogin, FailedSignUp


def _customer(capture: Capture) -> Json:
    customer = capture.snapshot
    return {
        "id": identifier(customer, "id"),
        "createdAt": text(customer, "created_at"),
        "email": text(customer, "email"),
        "firstname": text(customer, "firstname"),
        "gender": text(customer, "gender", None),
        "lastname": text(customer, "lastname"),
        "middlename": text(customer, "middlename", None),
        "prefix": text(customer, "prefix", None),
        "suffix": text(customer, "suffix", None),
    }


def _failed_login(capture: Capture) -> Json:
    attempt = capture.snapshot
    return {"username": text(attempt, "username"), "messages": texts(attempt, "messages")}


def _failed_sign_up(capture: Capture) -> Json:
    attempt = capture.snapshot
    return {
        "email": text(attempt, "email"),
        "firstname": text(attempt, "firstname", None),
        "lastname": text(attempt, "lastname", None),
        "messages": texts(attempt, "messages"),
    }


def _full(capture: Capture) -> Json:
    customer = capture.snapshot
    return {
        **full.view(capture),
        "groupId": full.group(customer, "group_id"),
        "updatedAt": full.time(customer, "updated_at"),
    }


def _signed_up(capture: Capture) -> bool:
    # An account that an admin creates is not a sign-up.
    return capture.is_new and capture.area != "adminhtml"


def _failed(capture: Capture) -> bool:
    # The same controller serves success and failure: only the latter leaves messages of error.
    return bool(capture.snapshot.get("messages"))


_CUSTOMER = {
    "id": 1,
    "createdAt": "2020-08-24 00:00:00",
    "email": "test@example.com",
    "firstname": "Test",
    "gender": "",
    "lastname": "Test",
    "middlename": "",
    "prefix": "",
    "suffix": "",
}

_CUSTOMER_FULL = {**full.SAMPLE_VIEW, "groupId": 1, "updatedAt": "2020-08-26T10:49:36Z"}

EVENTS = (
    EventDefinition(
        detail_type="CustomerLoggedIn",
        config_path="aws_eventbridge/events_customer/logged_in",
        magento_events=("customer_login",),
        detail=Customer,
        translate=_customer,
        add_full=_full,
        full_sample=_CUSTOMER_FULL,
        sample=_CUSTOMER,
    ),
    EventDefinition(
        detail_type="CustomerLoggedOut",
        config_path="aws_eventbridge/events_customer/logged_out",
        magento_events=("customer_logout", "plugin:customer_token.revoke"),
        detail=Customer,
        translate=_customer,
        add_full=_full,
        full_sample=_CUSTOMER_FULL,
        sample=_CUSTOMER,
    ),
    EventDefinition(
        detail_type="CustomerLoginFailed",
        config_path="aws_eventbridge/events_customer/login_failed",
        magento_events=(
            "controller_action_postdispatch_customer_account_loginpost",
            # No Magento event reports a refused token: the agent sees the call fail.
            "plugin:customer_account.authenticate",
        ),
        detail=FailedCustomerLogin,
        translate=_failed_login,
        add_full=full.view,
        full_sample=full.SAMPLE_VIEW,
        applies=_failed,
        unordered="a failed login changes nothing, and anyone can cause thousands for one name",
        sample={
            "username": "test@example.com",
            "messages": [
                "The account sign-in was incorrect or your account is disabled temporarily. "
                "Please wait and try again later."
            ],
        },
    ),
    EventDefinition(
        detail_type="CustomerSignedUp",
        config_path="aws_eventbridge/events_customer/signed_up",
        # The second is what former agents captured.
        magento_events=("customer_save_after", "customer_save_after_data_object"),
        detail=Customer,
        translate=_customer,
        add_full=_full,
        full_sample=_CUSTOMER_FULL,
        applies=_signed_up,
        sample=_CUSTOMER,
    ),
    EventDefinition(
        detail_type="CustomerSignedUpFailed",
        config_path="aws_eventbridge/events_customer/signed_up_failed",
        magento_events=(
            "controller_action_postdispatch_customer_account_createpost",
            "plugin:customer_account.create",
        ),
        detail=FailedSignUp,
        translate=_failed_sign_up,
        add_full=full.view,
        full_sample=full.SAMPLE_VIEW,
        applies=_failed,
        unordered="a failed sign-up changes nothing, and anyone can cause thousands for one name",
        sample={
            "email": "test@example.com",
            "firstname": "Test",
            "lastname": "Test",
            "messages": ["customerAlreadyExistsErrorMessage"],
        },
    ),
)
