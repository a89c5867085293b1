//! The columns of the database that are encrypted.

use strum::VariantArray;

/// The columns with encrypted values. Whatever is encrypted for the store belongs to one of them, so that
/// `till keys rotate` finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum EncryptedColumn {
    /// The signing secrets of a project, a JSON list.
    SigningSecrets,
    /// The credentials of an account at a payment system.
    Credentials,
    /// The responses that are kept under idempotency keys.
    Responses,
    /// The secret key of a project's captcha.
    CaptchaSecret,
    /// The private keys to which browsers encrypt cards.
    CardEncryptionKeys,
}

/// The row that a ciphertext belongs to. It can't be decrypted for another one.
pub struct AssociatedData(pub(super) String);

impl EncryptedColumn {
    /// Whether a value is a JSON list with several ciphertexts. Any other is one ciphertext.
    pub fn is_list(self) -> bool {
        self == Self::SigningSecrets
    }

    /// The associated data of a row, by its key. A key of one column has an empty second part.
    pub fn row(self, key: [&str; 2]) -> AssociatedData {
        let [first, second] = key;
        AssociatedData(match self {
            Self::SigningSecrets => format!("projects/{first}/signing_secret"),
            Self::Credentials => format!("connector_accounts/{first}/{second}"),
            Self::Responses => format!("idempotency_keys/{first}/{second}"),
            Self::CaptchaSecret => format!("projects/{first}/captcha"),
            Self::CardEncryptionKeys => format!("card_encryption_keys/{first}"),
        })
    }
}
