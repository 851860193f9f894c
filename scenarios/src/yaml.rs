//! YAML as a tree that remembers where everything was written.
//!
//! * [`tree`]: reading text into a tree, within limits.
//! * [`decode`]: turning a tree into types through serde.
//! * [`setting`]: values given on the command line, put into the tree before it becomes types.
//! * [`suggest`]: what somebody probably meant.

pub(crate) mod decode;
pub mod setting;
pub(crate) mod suggest;
pub(crate) mod tree;

pub use setting::Setting;
