//! The one HTTP client that all others share, so that calls to one Region share connections whatever the account.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_ec2::config::SharedHttpClient;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};

use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The pair of time-outs that a connector is made for.
type Limits = (Option<Duration>, Option<Duration>);

/// A client with the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) and the system's roots of trust, or those of
/// `AWS_CA_BUNDLE`. Connectors differ in nothing but their time-outs; the metadata service has shorter ones.
pub(super) fn shared() -> Result<SharedHttpClient> {
    let context = trust()?;
    let connectors: Mutex<HashMap<Limits, SharedHttpConnector>> = Mutex::default();
    Ok(http_client_fn(move |settings, components| {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = connectors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let connector = connectors.entry(limits).or_insert_with(|| {
            let mut builder = Connector::builder()
                .connector_settings(settings.clone())
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(context.clone());
            builder.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(builder.build())
        });
        connector.clone()
    }))
}

/// The certificates to trust. A bundle that cannot be read stops the program here, rather than every call later.
fn trust() -> Result<TlsContext> {
    let invalid = |text: String| Error::new(Kind::Invalid, Call::GetCallerIdentity.action(), text);
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(TlsContext::default());
    };
    let shown = path.display();
    let pem = std::fs::read(&path)
        .map_err(|error| invalid(format!("AWS_CA_BUNDLE names `{shown}`, which cannot be read: {error}")))?;
    if !pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
        return Err(invalid(format!("AWS_CA_BUNDLE names `{shown}`, which holds no certificate in PEM form")));
    }
    let store = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|error| invalid(format!("AWS_CA_BUNDLE names `{shown}`, which cannot be used: {error}")))
}

/// What each certificate in PEM form begins with.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
