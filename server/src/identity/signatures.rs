//! Signatures by ring, the one provider of cryptography here.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use signature::{Error, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory,
    verifier_factory,
    // Needed by who makes keys, and none is made here.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has tokens verified by ring. Once for the process: later calls change nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// Nobody signs here.
fn signer_factory(
    _: &Algorithm,
    _: &EncodingKey,
) -> Result<Box<dyn jsonwebtoken::crypto::JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let key = match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Key::Rsa { n: n.clone(), e: e.clone() }
        }
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(bytes)) => {
            Key::Plain(&ECDSA_P256_SHA256_FIXED, bytes.clone())
        }
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(bytes)) => {
            Key::Plain(&ED25519, bytes.clone())
        }
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key }))
}

enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Plain(&'static dyn VerificationAlgorithm, Vec<u8>),
}

struct RingVerifier {
    algorithm: Algorithm,
    key: Key,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match &self.key {
            Key::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Key::Plain(algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
