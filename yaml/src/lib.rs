//! Reads YAML into types; every mistake has a place and a remedy.
//!
//! Every YAML file of the project is read through this crate, and only this crate knows the YAML
//! reader beneath: the limits and the words are the same for all of them, and the reader is
//! instantiated for one type, [`Tree`], instead of for each.
//!
//! * [`file`](mod@file): a whole file into a type, or what is wrong with it, with line and column.
//! * [`tree`](mod@tree): text into a tree that remembers where everything was written.
//! * [`decode`](mod@decode): a tree into types, through serde.
//! * [`placed`](mod@placed): a value that knows where it was written.
//! * [`span`](mod@span): places in a text.
//! * [`mistake`](mod@mistake): what is wrong, where, and what would be right.
//! * [`suggest`](mod@suggest): what somebody probably meant.

pub mod decode;
pub mod file;
pub mod mistake;
pub mod placed;
pub mod span;
pub mod suggest;
pub mod tree;

pub use decode::decode;
pub use file::{Error, from_str};
pub use mistake::Mistake;
pub use placed::Placed;
pub use span::Span;
pub use tree::{Key, Tree, Value, shorten};
