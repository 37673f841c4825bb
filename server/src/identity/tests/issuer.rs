//! An identity provider as plain as can be: it signs what it is given.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};

use super::*;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Rsa,
    Ecdsa,
    Ed25519,
}

impl Kind {
    /// One whose keys can be made anew.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Rsa => Self::Ed25519,
            kind => kind,
        }
    }
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub(crate) struct Issuer {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pair: Pair,
}

impl Issuer {
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        let random = SystemRandom::new();
        let pair = match kind {
            Kind::Rsa => {
                // Made for these tests and used nowhere else: ring makes none.
                let text = include_str!("rsa_test_key.b64").replace('\n', "");
                let der = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
                Pair::Rsa(Box::new(RsaKeyPair::from_der(&der).unwrap()))
            }
            Kind::Ecdsa => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
                Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
            }
            Kind::Ed25519 => {
                let made = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
            }
        };
        Self { kind, name: name.to_owned(), pair }
    }

    fn alg(&self) -> &'static str {
        match self.kind {
            Kind::Rsa => "RS256",
            Kind::Ecdsa => "ES256",
            Kind::Ed25519 => "EdDSA",
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let head = json!({"alg": self.alg(), "kid": self.name, "typ": "at+jwt"});
        self.token_under(&head, claims)
    }

    pub(crate) fn token_under(&self, head: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", coded(head), coded(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as a set has it.
    pub(crate) fn jwk(&self) -> Value {
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "use": "sig", "n": coded(&n), "e": coded(&e)})
            }
            Pair::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": coded(x), "y": coded(y)})
            }
            Pair::Ed25519(pair) => {
                let x = pair.public_key().as_ref();
                json!({"kty": "OKP", "crv": "Ed25519", "key_ops": ["verify"], "x": coded(x)})
            }
        };
        key["kid"] = json!(self.name);
        key["alg"] = json!(self.alg());
        key
    }

    /// The public key in the forms in which somebody might take it for a secret.
    pub(crate) fn public_forms(&self) -> Vec<Vec<u8>> {
        let bytes = match &self.pair {
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        let n = self.jwk().get("n").map(|n| n.as_str().unwrap().as_bytes().to_vec());
        [Some(bytes), n, Some(self.jwk().to_string().into_bytes())].into_iter().flatten().collect()
    }
}

/// The set of some keys.
pub(crate) fn set(issuers: &[&Issuer]) -> String {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({"keys": keys}).to_string()
}

pub(crate) fn coded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

pub(crate) fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}
