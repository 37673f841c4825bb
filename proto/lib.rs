//! Generated messages and gRPC stubs of the Pointsman API.
