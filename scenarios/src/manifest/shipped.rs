//! The manifests that are shipped.

/// A shipped manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The bridge's name: that of its file without folder and extension.
    pub name: &'static str,
    /// Its file, relative to the project.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal,)*) => {
        /// All shipped manifests: our own bridge, other people's, and the wire as the control.
        pub const SHIPPED: &[Shipped] = &[$(
            Shipped {
                name: $name,
                file: concat!("bridges/", $name, ".yaml"),
                text: include_str!(concat!("../../../bridges/", $name, ".yaml")),
            },
        )*];
    };
}

shipped! {
    "reference",
    "openvpn",
    "n2n",
    "tinc",
    "wire",
}
