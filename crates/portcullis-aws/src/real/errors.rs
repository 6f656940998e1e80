//! From the SDK's errors to ours: what to do about it, in words for people.

mod codes;
mod words;

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;

use crate::calls::Call;
use crate::error::{Error, Kind};

/// How far a clock may be off before AWS refuses signatures.
/// Source: AWS General Reference, "Signature Version 4 requests": five minutes; S3 allows fifteen.
const CLOCK_TOLERANCE_SECONDS: i64 = 4 * 60;

/// What went wrong with a call.
pub(super) fn failure<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    // The session behind the call could not be opened or renewed: that is what failed, and it says so itself.
    if let Some(ours) = chain(error).find_map(|link| link.downcast_ref::<Error>()) {
        return ours.clone();
    }
    if let Some(lack) = chain(error).find_map(|link| link.downcast_ref::<CredentialsError>()) {
        return no_credentials(call, lack);
    }
    match error {
        SdkError::ServiceError(failed) => answered(call, failed.err(), failed.raw()),
        SdkError::ResponseError(failed) => unreadable(call, error, failed.raw().status().as_u16()),
        SdkError::TimeoutError(_) => Error::new(Kind::Unreachable, call.action(), "no answer within the time allowed"),
        SdkError::DispatchFailure(failed) if failed.is_timeout() => {
            Error::new(Kind::Unreachable, call.action(), "no connection within the time allowed")
        }
        SdkError::DispatchFailure(failed) if failed.is_user() => {
            Error::new(Kind::Invalid, call.action(), words::root(error))
        }
        SdkError::DispatchFailure(_) => {
            Error::new(Kind::Unreachable, call.action(), format!("no connection: {}", words::root(error)))
        }
        _ => Error::new(Kind::Invalid, call.action(), words::root(error)),
    }
}

/// The bucket's Region, where an answer of S3 says that it is another than the one that was asked.
pub(super) fn bucket_region<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    Some(error.raw_response()?.headers().get("x-amz-bucket-region")?.to_owned())
}

/// The status of the answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    Some(error.raw_response()?.status().as_u16())
}

/// AWS answered, and refused.
fn answered(call: Call, error: &dyn ProvideErrorMetadata, raw: &HttpResponse) -> Error {
    let code = error.code().unwrap_or_default();
    let message = words::message(error.message().unwrap_or_default());
    let status = raw.status().as_u16();
    let mut kind = codes::kind(code, &message, status);
    if kind == Kind::Expired && skewed(raw) {
        kind = Kind::Clock;
    }
    let message = match (code.is_empty(), message.is_empty()) {
        (true, true) => format!("HTTP {status}"),
        _ => message,
    };
    Error { kind, call: call.action(), code: code.to_owned(), message, request_id: request_id(error, raw) }
}

/// Something answered, but not in a way that can be read: a proxy's page, or an answer cut short.
fn unreadable(call: Call, error: &(dyn StdError + 'static), status: u16) -> Error {
    let cut_short = chain(error).any(<dyn StdError>::is::<std::io::Error>) || words::says_cut_short(error);
    let kind = match status {
        429 => Kind::Throttled,
        500.. => Kind::Server,
        _ if cut_short => Kind::Unreachable,
        _ => Kind::Answer,
    };
    let what = match kind {
        Kind::Unreachable => "the answer was cut short",
        _ => "the answer cannot be read",
    };
    Error::new(kind, call.action(), format!("{what} (HTTP {status}): {}", words::root(error)))
}

fn no_credentials(call: Call, lack: &CredentialsError) -> Error {
    let root = words::root(lack);
    match lack {
        CredentialsError::CredentialsNotLoaded(_) => {
            // The chain as a whole says nothing of use; a profile that was named says what it lacks.
            let text = match root.contains("no providers in chain") || root.contains("not enabled") {
                true => "no AWS credentials were found".to_owned(),
                false => format!("no AWS credentials were found: {root}"),
            };
            Error::new(Kind::NoCredentials, call.action(), text)
        }
        CredentialsError::ProviderTimedOut(_) => {
            Error::new(Kind::NoCredentials, call.action(), "the source of the credentials did not answer in time")
        }
        CredentialsError::InvalidConfiguration(_) => {
            Error::new(Kind::NoCredentials, call.action(), format!("the credentials' configuration is wrong: {root}"))
        }
        _ => Error::new(Kind::NoCredentials, call.action(), format!("the credentials could not be loaded: {root}")),
    }
}

/// Whether AWS's clock, which every answer shows, is far from ours.
fn skewed(raw: &HttpResponse) -> bool {
    let theirs = raw.headers().get("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    theirs.is_some_and(|theirs| {
        (Timestamp::now().as_second() - theirs.timestamp().as_second()).abs() > CLOCK_TOLERANCE_SECONDS
    })
}

fn request_id(error: &dyn ProvideErrorMetadata, raw: &HttpResponse) -> String {
    let headers = raw.headers();
    let id = error.meta().extra("aws_request_id");
    let id = id.or_else(|| headers.get("x-amzn-requestid")).or_else(|| headers.get("x-amz-request-id"));
    id.unwrap_or_default().to_owned()
}

/// An error and all that caused it, outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link| {
        let link: &'a (dyn StdError + 'static) = *link;
        link.source()
    })
}
