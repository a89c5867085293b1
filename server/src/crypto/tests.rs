//! Tests of the keys.

use super::*;

fn text(byte: u8) -> SecretString {
    SecretString::from(STANDARD.encode([byte; 32]))
}

fn keys(byte: u8) -> Keys {
    Keys::from_base64(&text(byte)).unwrap()
}

fn ring(current: u8, others: &[u8]) -> Keys {
    let others: Vec<_> = others.iter().map(|byte| text(*byte)).collect();
    Keys::ring(&text(current), &others).unwrap()
}

fn row(project: &str) -> AssociatedData {
    EncryptedColumn::SigningSecrets.row([project, ""])
}

fn opened(keys: &Keys, project: &str, ciphertext: &str) -> Option<String> {
    let plain = keys.decrypt(&row(project), ciphertext).ok()?;
    Some(plain.expose_secret().to_owned())
}

#[test]
fn secrets_are_decrypted_with_their_key_and_associated_data_only() {
    let ciphertext = keys(1).encrypt(&row("a"), "whsec_x").unwrap();
    assert_eq!(opened(&keys(1), "a", &ciphertext).unwrap(), "whsec_x");
    for (keys, project, ciphertext) in [
        (keys(1), "b", &*ciphertext),
        (keys(2), "a", &ciphertext),
        (ring(2, &[3]), "a", &ciphertext),
        (keys(1), "a", "AAAA"),
        (keys(1), "a", "no base64"),
        (
            keys(1),
            "a",
            &ciphertext.replacen(&ciphertext[..8], "AAAAAAAA", 1),
        ),
    ] {
        assert_eq!(opened(&keys, project, ciphertext), None);
    }
    assert!(!ciphertext.contains("whsec"));
}

#[test]
fn a_secret_names_its_key() {
    let old = keys(1).encrypt(&row("a"), "old").unwrap();
    for both in [ring(2, &[1]), ring(2, &[3, 1, 1, 2]), ring(1, &[2])] {
        assert_eq!(opened(&both, "a", &old).unwrap(), "old");
    }
    let rotated = ring(2, &[1]);
    assert!(keys(1).is_current(&old) && !rotated.is_current(&old));
    let new = rotated.encrypt(&row("a"), "new").unwrap();
    assert!(rotated.is_current(&new) && new.starts_with(&keys(2).current_id().prefix()));
    assert_eq!(opened(&keys(2), "a", &new).unwrap(), "new");
    assert_eq!(opened(&keys(1), "a", &new), None);
    assert_ne!(new, rotated.encrypt(&row("a"), "new").unwrap());
}

#[test]
fn a_key_is_known_by_its_id() {
    let both = ring(2, &[1, 1, 2]);
    assert_eq!(both.ids(), [keys(2).current_id(), keys(1).current_id()]);
    let id = both.current_id();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(KeyId::of_check_value(&both.check_value()), Some(id));
    assert!(both.has_check_value(&keys(1).check_value()));
    assert!(!both.has_check_value(&keys(3).check_value()));
    for wrong in ["", "00", "0011223344zz", "00112233445566"] {
        assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_key_that_is_none_is_refused_without_being_shown() {
    for (current, other) in [
        ("c2hvcnQ=", STANDARD.encode([1; 32])),
        (&*STANDARD.encode([1; 32]), "c2hvcnQ=".into()),
    ] {
        let refused = Keys::ring(&current.into(), &[other.into()]).err().unwrap();
        let says = format!("{refused:#}");
        assert!(
            says.contains("must be 32 bytes") && !says.contains("c2hv"),
            "{says}"
        );
    }
}

/// Written with chacha20poly1305 0.10 and hmac 0.12, before ciphertexts named their key.
#[test]
fn stored_ciphertexts_stay_readable() {
    let stored = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHm+4nOgf6Bwi2x3eOz/6OX/YcqSKEaQo=";
    let row = AssociatedData("projects/a".into());
    for keys in [keys(1), ring(2, &[1]), ring(1, &[2])] {
        let secret = keys.decrypt(&row, stored).unwrap();
        assert_eq!(secret.expose_secret(), "whsec_x");
        assert!(!keys.is_current(stored));
    }
}

#[test]
fn tokens_are_bound_to_their_invoice() {
    let a: InvoiceId = "inv_a".parse().unwrap();
    let b: InvoiceId = "inv_b".parse().unwrap();
    let token = keys(1).client_token(&a);
    assert!(keys(1).is_client_token(&a, &token));
    assert!(!keys(1).is_client_token(&b, &token));
    assert!(!keys(2).is_client_token(&a, &token));
    assert!(!keys(1).is_client_token(&a, ""));
}

#[test]
fn what_another_key_of_the_ring_made_is_accepted() {
    let invoice: InvoiceId = "inv_a".parse().unwrap();
    let payment: PaymentId = "pay_a".parse().unwrap();
    let project: ProjectId = "prj_a".parse().unwrap();
    let (old, both, new) = (keys(1), ring(2, &[1]), keys(2));
    for (keys, accepts) in [(&both, true), (&new, false)] {
        assert_eq!(
            keys.is_client_token(&invoice, &old.client_token(&invoice)),
            accepts
        );
        assert_eq!(
            keys.is_return_state(&payment, &old.return_state(&payment)),
            accepts
        );
        let hash = old.attempt_hashes(&project, "card", "4242").swap_remove(0);
        assert_eq!(
            keys.attempt_hashes(&project, "card", "4242")
                .contains(&hash),
            accepts
        );
        let fingerprint = old.fingerprint(&[b"request"]);
        assert_eq!(
            keys.fingerprints(&[b"request"]).contains(&fingerprint),
            accepts
        );
    }
    // What is made is the current key's.
    assert_eq!(both.client_token(&invoice), new.client_token(&invoice));
    assert_eq!(both.return_state(&payment), new.return_state(&payment));
    assert_eq!(
        both.fingerprint(&[b"request"]),
        new.fingerprint(&[b"request"])
    );
}

/// RFC 4231, test case 2.
#[test]
fn hmac_is_rfc_2104s() {
    let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(
        hex::encode(mac),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}
