//! The only outbound HTTP client of the house.
//!
//! One pool, one TLS provider (rustls with ring, Mozilla's roots), `TCP_NODELAY` on every connection, a limit on the
//! size of an answer. What it reaches is what the operator configured: it never follows a redirect, never reads a
//! proxy from the environment and never sends a body twice.

mod address;
mod body;
mod client;
mod connect;
mod resolve;

pub use address::{AddressError, BaseUrl};
pub use client::{Client, Limits};
