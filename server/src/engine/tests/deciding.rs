//! Deciding with more than yes and no.

mod bulk;
mod conversing;
mod friction;
mod instructing;
mod past;
