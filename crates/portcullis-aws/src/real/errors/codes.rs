//! What AWS's error codes mean.

use crate::error::Kind;

/// The kind of an error, by its code; by the status of the answer where the code is not known.
///
/// Sources: EC2 API Reference, "Error codes"; S3 API Reference, "Error Responses"; "Common Error Types" of each service.
pub(super) fn kind(code: &str, message: &str, status: u16) -> Kind {
    // Query services prefix some codes with whose fault it was.
    let code = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(code);
    exact(code).unwrap_or_else(|| match code {
        // A secret that is wrong looks like a clock that is; only the words differ.
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            if message.contains("expired") || message.contains("not yet current") { Kind::Clock } else { Kind::Expired }
        }
        _ if code.ends_with(".NotFound") || code.starts_with("NoSuch") => Kind::NotFound,
        _ if code.ends_with("NotFoundException") || code.ends_with("NotFound") => Kind::NotFound,
        _ if code.ends_with(".Duplicate") || code.ends_with("AlreadyExists") => Kind::Duplicate,
        _ if code.starts_with("Throttl") => Kind::Throttled,
        _ if code.ends_with("LimitExceeded") || code.ends_with("QuotaExceeded") => Kind::Quota,
        _ if code.starts_with("AccessDenied") || code.starts_with("Unauthorized") => Kind::Denied,
        _ if code.starts_with("ExpiredToken") => Kind::Expired,
        _ => by_status(status),
    })
}

fn exact(code: &str) -> Option<Kind> {
    Some(match code {
        "AuthFailure"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "TokenRefreshRequired"
        | "UnrecognizedClientException" => Kind::Expired,
        "AllAccessDisabled"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "Forbidden"
        | "NotAuthorized"
        | "PendingVerification"
        | "KMS.AccessDeniedException"
        | "KMSAccessDeniedException" => Kind::Denied,
        "OptInRequired" | "RegionDisabledException" | "SubscriptionRequiredException" => Kind::RegionDisabled,
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "ThrottledException"
        | "TooManyRequestsException" => Kind::Throttled,
        // Two conditional writes at once: the one that is sent again learns which of them won.
        "ConditionalRequestConflict" | "OperationAborted" | "TransactionInProgressException" => Kind::Server,
        "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceError"
        | "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable" => Kind::Server,
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Kind::Clock,
        "ConditionalCheckFailedException" | "NotModified" | "PreconditionFailed" => Kind::Condition,
        "ParameterVersionNotFound" | "InvalidSnapshot.NotFound" => Kind::NotFound,
        _ => return None,
    })
}

fn by_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Denied,
        304 | 412 => Kind::Condition,
        404 | 410 => Kind::NotFound,
        408 => Kind::Unreachable,
        429 => Kind::Throttled,
        500.. => Kind::Server,
        _ => Kind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_aws_have_their_kind() {
        for (code, expected) in [
            ("UnauthorizedOperation", Kind::Denied),
            ("AccessDenied", Kind::Denied),
            ("AccessDeniedException", Kind::Denied),
            ("ExpiredToken", Kind::Expired),
            ("ExpiredTokenException", Kind::Expired),
            ("RequestExpired", Kind::Expired),
            ("InvalidClientTokenId", Kind::Expired),
            ("AuthFailure", Kind::Expired),
            ("OptInRequired", Kind::RegionDisabled),
            ("RequestLimitExceeded", Kind::Throttled),
            ("Client.RequestLimitExceeded", Kind::Throttled),
            ("Throttling", Kind::Throttled),
            ("ThrottlingException", Kind::Throttled),
            ("SlowDown", Kind::Throttled),
            ("Unavailable", Kind::Server),
            ("InternalError", Kind::Server),
            ("InvalidGroup.NotFound", Kind::NotFound),
            ("InvalidSecurityGroupRuleId.NotFound", Kind::NotFound),
            ("InvalidPermission.NotFound", Kind::NotFound),
            ("NoSuchKey", Kind::NotFound),
            ("NoSuchBucket", Kind::NotFound),
            ("ParameterNotFound", Kind::NotFound),
            ("ResourceNotFoundException", Kind::NotFound),
            ("InvalidPermission.Duplicate", Kind::Duplicate),
            ("RulesPerSecurityGroupLimitExceeded", Kind::Quota),
            ("PreconditionFailed", Kind::Condition),
            ("ConditionalCheckFailedException", Kind::Condition),
            ("RequestTimeTooSkewed", Kind::Clock),
            ("InvalidGroupId.Malformed", Kind::Invalid),
        ] {
            assert_eq!(kind(code, "", 400), expected, "{code}");
        }
    }

    #[test]
    fn a_signature_that_is_too_old_is_a_matter_of_the_clock() {
        let old = "Signature expired: 20261121T120000Z is now earlier than 20261121T130000Z";
        assert_eq!(kind("SignatureDoesNotMatch", old, 403), Kind::Clock);
        assert_eq!(kind("SignatureDoesNotMatch", "Check your AWS Secret Access Key", 403), Kind::Expired);
    }

    #[test]
    fn what_has_no_known_code_is_judged_by_its_status() {
        for (status, expected) in [
            (400, Kind::Invalid),
            (403, Kind::Denied),
            (404, Kind::NotFound),
            (412, Kind::Condition),
            (429, Kind::Throttled),
            (503, Kind::Server),
        ] {
            assert_eq!(kind("", "", status), expected, "{status}");
        }
    }
}
