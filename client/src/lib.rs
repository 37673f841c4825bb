//! The Pointsman client.
