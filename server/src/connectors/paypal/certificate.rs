//! The certificates that PayPal's webhooks are signed with.

use super::model::Credentials;
use crate::connectors::error::{SignatureError, WebhookError};
use crate::connectors::transport::send;
use crate::connectors::types::{Ctx, Subject};
use crate::domain::Timing;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The hosts of PayPal that certificates may be downloaded from.
const HOSTS: [&str; 4] = [
    "api.paypal.com",
    "api-m.paypal.com",
    "api.sandbox.paypal.com",
    "api-m.sandbox.paypal.com",
];
/// How the domain names that certificates are issued for end.
const DOMAIN: &str = ".paypal.com";

/// The PEM certificates at a URL, which must be on PayPal's hosts or the account's base URL. `subject` is
/// what the webhook is about that names the URL.
pub async fn fetch(
    ctx: &Ctx<'_>,
    subject: &Subject,
    credentials: &Credentials,
    url: &str,
) -> Result<Arc<[u8]>, WebhookError> {
    let parsed = Url::parse(url).map_err(|_| SignatureError::CertificateUrl)?;
    let host = parsed.host_str().unwrap_or_default();
    let is_paypal = parsed.scheme() == "https" && HOSTS.contains(&host);
    let base = Url::parse(&credentials.base_url.to_string()).map(|u| u.origin());
    if !is_paypal && base.ok() != Some(parsed.origin()) {
        return Err(SignatureError::CertificateUrl.into());
    }
    if let Some(pem) = ctx.cache.certificates.get(url).await {
        return Ok(pem);
    }
    ctx.count_unproven(subject)?;
    let response = send(ctx.http.get(parsed)).await?;
    if !response.status.is_success() {
        return Err(SignatureError::UnreadableCertificate.into());
    }
    let pem: Arc<[u8]> = response.body.into();
    let cached = ctx.cache.certificates.insert(url.to_owned(), pem.clone());
    cached.await;
    Ok(pem)
}

/// Whether a certificate comes without those that it was issued under.
pub fn is_alone(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).count() == 1
}

/// Verifies that the first certificate is trusted and PayPal's, and that its key made the signature.
/// `authority` is a PEM certificate to trust besides the public ones.
pub fn verify(
    pem: &[u8],
    authority: Option<&str>,
    signed: &[u8],
    signature: &[u8],
    timing: Timing,
) -> Result<(), SignatureError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| SignatureError::UnreadableCertificate)?;
    let (leaf, intermediates) = chain
        .split_first()
        .ok_or(SignatureError::UnreadableCertificate)?;
    let leaf =
        webpki::EndEntityCert::try_from(leaf).map_err(|_| SignatureError::UnreadableCertificate)?;
    let authority = authority.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    let extra = authority
        .as_ref()
        .and_then(|certificate| webpki::anchor_from_trusted_cert(certificate).ok());
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    let roots: Vec<TrustAnchor<'_>> = roots.chain(extra).collect();
    let now = Duration::from_secs(u64::try_from(timing.now_seconds()).unwrap_or(0));
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &roots,
        intermediates,
        UnixTime::since_unix_epoch(now),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .map_err(|_| SignatureError::UntrustedCertificate)?;
    if !leaf.valid_dns_names().any(|name| name.ends_with(DOMAIN)) {
        return Err(SignatureError::CertificateName);
    }
    leaf.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, signed, signature)
        .map_err(|_| SignatureError::Mismatch)
}
