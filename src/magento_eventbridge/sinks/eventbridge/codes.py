"""What EventBridge's error codes mean, and what any AWS service may answer.

Sources: EventBridge API reference, PutEvents, PutEventsResultEntry and "Common errors"; the lists
of throttling and transient errors in AWS's SDKs.
"""

from magento_eventbridge.delivery.verdicts import ResultCodes

THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)

UNAVAILABLE = frozenset(
    {
        "BadDigest",
        "ConcurrentModificationException",
        "IDPCommunicationError",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "OperationDisabledException",
        "ReplicatedWriteConflictException",
        "RequestAbortedException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)

UNAUTHORIZED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "CredentialsNotFound",
        "EndpointUnusable",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidAccountIdException",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignature",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RegionUnknown",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "SubscriptionRequiredException",
        "TokenRefreshRequired",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)

CLASSIC = ResultCodes(
    entry_faults=frozenset({"InvalidArgument", "MalformedDetail", "RedactionFailure"}),
    denied_entries=frozenset(
        {
            "AccessDeniedException",
            "NotAuthorizedForDetailTypeException",
            "NotAuthorizedForSourceException",
        }
    ),
    call_faults=frozenset(
        {"RequestEntityTooLargeException", "ValidationError", "ValidationException"}
    ),
    throttling=THROTTLING,
    unavailable=UNAVAILABLE,
    unauthorized=UNAUTHORIZED,
)

# Those that let an event wait. What buries one must be written as AWS documents it.
CODES_BY_LOWERCASE = {code.lower(): code for code in THROTTLING | UNAVAILABLE | UNAUTHORIZED}
