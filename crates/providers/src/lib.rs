//! Model providers: a wire dialect, quirks and auth each, and what their models cost.
//!
//! A vendor is one file under `vendors/` and one line in [`VENDORS`]; the command line, the configuration's key names
//! and the documentation come from that slice. Keys are read by the binary and handed in; this crate never looks at
//! the environment and never logs a header.

mod access;
mod assume;
mod family;
mod framing;
mod google;
mod http_upstream;
mod masked;
mod prices;
mod profile;
mod renewed;
mod role;
mod sign_in;
mod vendor;
mod vendors;

pub use access::AwsKeys;
pub use assume::{RoleSource, RoleToAssume, SourceKeys, sts_address};
pub use family::Family;
pub use google::{AccountError, ServiceAccount};
pub use http_upstream::{HttpUpstream, SetUpError};
pub use prices::{Place, PriceTable, PriceTableError};
pub use profile::{AwsProfile, ProfileError};
pub use role::{AwsRole, ContainerToken};
pub use sign_in::SignIn;
pub use vendor::{Auth, Vendor};
pub use vendors::VENDORS;
