//! Generated messages and gRPC stubs of the Pointsman API.
//!
//! Everything here comes from `proto/pointsman/v1`; its comments are the
//! reference. The errors' reasons and domain, and the codec's buffers, are the
//! only hand-written parts.

pub mod codec;

/// The API's first version, package `pointsman.v1`.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "generated code: the protos carry the comments and are tested for them"
)]
pub mod v1 {
    tonic::include_proto!("pointsman.v1");
}

/// The compiled descriptors of the API, for reflection and tests.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// The services that users implement and Pointsman's server calls; it serves all others.
pub const CALLED_SERVICES: [&str; 1] = ["pointsman.v1.FactProviderService"];

/// The domain of every `google.rpc.ErrorInfo` that Pointsman sends.
pub const ERROR_DOMAIN: &str = "pointsman";

/// The metadata key of `ErrorInfo` that says what the failed call has done.
pub const ERROR_EFFECT_KEY: &str = "effect";

impl v1::ErrorReason {
    /// The name as `ErrorInfo.reason` carries it: without the enum's prefix.
    pub fn wire_name(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix("ERROR_REASON_").unwrap_or(name)
    }

    /// Reads the name that `ErrorInfo.reason` carries.
    pub fn from_wire_name(name: &str) -> Option<Self> {
        Self::from_str_name(&format!("ERROR_REASON_{name}"))
    }
}
