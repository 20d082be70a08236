//! Hash maps and sets for short words.
//!
//! The hash is keyed by chance as the standard library's is, so that nobody can write words that collide, and takes a
//! fraction of its time.
//!
//! What never happens here: no order of iteration that anything could rely on.

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, ahash::RandomState>;
pub(crate) type HashSet<T> = std::collections::HashSet<T, ahash::RandomState>;
